// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_pgtable.h>

#include "bench.h"

/* What a page costs in a table of our own: one by one in random order, or 512 in a run. */
#define NOINLINE __attribute__((noinline, used))
#define PROT	 (UVDK_PGTABLE_READ | UVDK_PGTABLE_WRITE | UVDK_PGTABLE_USER)
#define PAGES	 16384ul /* 64 MiB, in 32 tables */
#define RUN	 512ul
#define FIRST	 (UINT64_C(1) << 39)			     /* none of the indices is 0 */
#define OUT	 (UINT64_C(0x100000000) + UVDK_PGTABLE_PAGE) /* not aligned to 2 MiB */

struct state {
	void *memory;
	struct uvdk_pgtable_arena *arena;
	struct uvdk_pgtable *pt;
	uint64_t iova[PAGES];
};

NOINLINE static int bench_stage1_map(struct uvdk_pgtable *pt, const uint64_t *iova)
{
	int err = 0;

	for (unsigned long i = 0; i < PAGES; i++)
		err |= uvdk_pgtable_map_page(pt, iova[i], OUT + iova[i], PROT);

	return err;
}

NOINLINE static int bench_stage1_unmap(struct uvdk_pgtable *pt, const uint64_t *iova)
{
	int err = 0;

	for (unsigned long i = 0; i < PAGES; i++)
		err |= uvdk_pgtable_unmap_page(pt, iova[i]);

	return err;
}

NOINLINE static int bench_stage1_loop(struct uvdk_pgtable *pt, const uint64_t *iova)
{
	int err = 0;

	for (unsigned long i = 0; i < PAGES; i++)
		__asm__ volatile("" : "+r"(err) : "r"(iova[i]), "r"(pt));

	return err;
}

NOINLINE static int bench_stage1_run(struct uvdk_pgtable *pt)
{
	int err = 0;

	for (unsigned long i = 0; i < PAGES; i += RUN)
		err |= uvdk_pgtable_map(pt, FIRST + i * UVDK_PGTABLE_PAGE,
					OUT + i * UVDK_PGTABLE_PAGE, RUN * UVDK_PGTABLE_PAGE, PROT);

	return err;
}

static void shuffle(uint64_t *iova)
{
	uint64_t seed = 0x9e3779b97f4a7c15;

	for (unsigned long i = PAGES - 1; i > 0; i--) {
		unsigned long j = bench_random(&seed) % (i + 1);
		uint64_t swap = iova[i];

		iova[i] = iova[j];
		iova[j] = swap;
	}
}

static int setup(struct state *s, enum uvdk_pgtable_format format)
{
	struct uvdk_pgtable_arena_opts a = {.size = sizeof(a), .length = 256 * UVDK_PGTABLE_PAGE};
	struct uvdk_pgtable_opts o = {.size = sizeof(o), .format = format, .input_bits = 48};

	a.va = s->memory = aligned_alloc(UVDK_PGTABLE_PAGE, a.length);
	a.address = UINT64_C(0x40000000);
	if (!a.va || uvdk_pgtable_arena_create(&a, &s->arena))
		return 1;
	o.arena = s->arena;
	for (unsigned long i = 0; i < PAGES; i++)
		s->iova[i] = FIRST + i * UVDK_PGTABLE_PAGE;
	shuffle(s->iova);

	return uvdk_pgtable_create(&o, &s->pt);
}

static void finish(struct state *s)
{
	uvdk_pgtable_destroy(s->pt);
	uvdk_pgtable_arena_destroy(s->arena);
	free(s->memory);
	free(s);
}

/* Once round, so that the tables are there. */
static int measure(struct state *s, char what, uint64_t *ns)
{
	uint64_t start = 0;
	int err = 0;

	for (unsigned long i = 0; !err && i < PAGES; i++)
		err = uvdk_pgtable_map_page(s->pt, s->iova[i], OUT + s->iova[i], PROT);
	for (unsigned long i = 0; !err && what != 'u' && i < PAGES; i++)
		err = uvdk_pgtable_unmap_page(s->pt, s->iova[i]);
	if (err || (what != 'r' && bench_stage1_loop(s->pt, s->iova)))
		return 1;
	start = bench_ns();
	if (what == 'm')
		err = bench_stage1_map(s->pt, s->iova);
	else if (what == 'u')
		err = bench_stage1_unmap(s->pt, s->iova);
	else
		err = bench_stage1_run(s->pt);
	*ns = bench_ns() - start;

	return err;
}

static int run(int argc, char **argv, char what, const char *function)
{
	struct state *s = calloc(1, sizeof(*s));
	bool arm = argc > 1 && !strcmp(argv[1], "arm");
	uint64_t ns = 0;
	int status;

	if (argc > 2 || (argc > 1 && !arm && strcmp(argv[1], "x86") != 0)) {
		fprintf(stderr, "usage: uvdk-bench %s [x86|arm]\n", argv[0]);
		free(s);
		return 2;
	}
	if (!s)
		return 1;
	status = setup(s, arm ? UVDK_PGTABLE_ARM : UVDK_PGTABLE_X86) || measure(s, what, &ns);
	if (!status)
		printf("%s: operations=%lu function=%s%s ns_per_op=%.1f\n", argv[0], PAGES,
		       function, what == 'r' ? "" : " baseline=bench_stage1_loop",
		       (double)ns / (double)PAGES);
	finish(s);

	return status;
}

int bench_pgtable_map(int argc, char **argv)
{
	return run(argc, argv, 'm', "bench_stage1_map");
}

int bench_pgtable_unmap(int argc, char **argv)
{
	return run(argc, argv, 'u', "bench_stage1_unmap");
}

int bench_pgtable_run(int argc, char **argv)
{
	return run(argc, argv, 'r', "bench_stage1_run");
}
