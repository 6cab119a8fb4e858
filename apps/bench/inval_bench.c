// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_inval_backend_driver.h>

#include "bench.h"

/*
 * What it costs to post an invalidation, and how many entries become of some.
 * A kernel that does nothing takes them.
 */
#define ROUNDS	 (1u << 16)
#define BATCH	 256
#define PAGE	 UINT64_C(4096)
#define NOINLINE __attribute__((noinline, used))

static int submit(void *priv, const void *entries, unsigned int len, unsigned int *count)
{
	unsigned long *total = priv;

	(void)entries, (void)len;
	*total += *count;

	return 0;
}

static int create(enum uvdk_inval_format format, unsigned long *total, struct uvdk_invalq **out)
{
	const struct uvdk_inval_submit how = {
		.submit = submit, .priv = total, .format = format, .smmu = {.range = true}};
	const struct uvdk_invalq_opts opts = {.size = sizeof(opts), .flush_entries = BATCH};

	return uvdk_invalq_create_submit(&how, &opts, out);
}

static struct uvdk_inval_req request(uint64_t page, uint64_t pages)
{
	const struct uvdk_inval_req req = {
		.first = page * PAGE,
		.last = (page + pages) * PAGE - 1,
		.pasid = 1,
		.flags = UVDK_INVAL_LEAF | UVDK_INVAL_KEEP_DEVTLB,
		.scope = UVDK_INVAL_RANGE,
	};

	return req;
}

NOINLINE static void bench_inval_post(struct uvdk_invalq *q, const struct uvdk_inval_req *reqs)
{
	uint64_t cookie;

	for (unsigned int i = 0; i < BATCH; i++)
		if (uvdk_inval_post(q, &reqs[i], &cookie))
			abort();
}

NOINLINE static void bench_inval_empty(const struct uvdk_inval_req *reqs)
{
	for (unsigned int i = 0; i < BATCH; i++)
		__asm__ volatile("" : : "r"(&reqs[i]) : "memory");
}

int bench_inval_post_run(int argc, char **argv)
{
	unsigned int stride = argc == 2 && !strcmp(argv[1], "adjacent") ? 1 : 2;
	struct uvdk_inval_req reqs[BATCH];
	unsigned long total = 0;
	struct uvdk_invalq *q;
	uint64_t ns = 0;

	if (argc > 2 || (argc == 2 && stride != 1 && strcmp(argv[1], "apart") != 0)) {
		fprintf(stderr, "usage: uvdk-bench %s [apart|adjacent]\n", argv[0]);
		return 2;
	}
	if (create(UVDK_INVAL_FORMAT_SMMUV3, &total, &q))
		return 1;
	for (unsigned int i = 0; i < BATCH; i++)
		reqs[i] = request(i * stride, 1);
	for (unsigned int i = 0; i < ROUNDS / BATCH; i++) {
		uint64_t start = bench_ns();

		bench_inval_post(q, reqs);
		ns += bench_ns() - start;
		bench_inval_empty(reqs);
		if (uvdk_inval_kick(q) || !uvdk_inval_completed(q))
			return 1;
	}
	printf("%s: operations=%u function=bench_inval_post baseline=bench_inval_empty "
	       "ns_per_op=%.1f entries=%lu\n",
	       argv[0], ROUNDS, (double)ns / ROUNDS, total);
	uvdk_invalq_destroy(q);

	return 0;
}

/* The most that a range of @pages needs, wherever in a larger one it begins: VT-d. */
static unsigned long most_entries(uint64_t pages, uint64_t first, uint64_t last)
{
	unsigned long most = 0;

	for (uint64_t page = first; page <= last; page++) {
		struct uvdk_inval_req req;
		unsigned long total = 0;
		struct uvdk_invalq *q;
		uint64_t cookie;

		if (create(UVDK_INVAL_FORMAT_VTD, &total, &q))
			return 0;
		for (uint64_t i = 0; i < pages; i++) {
			req = request(page + i, 1);
			if (uvdk_inval_post(q, &req, &cookie))
				return 0;
		}
		if (uvdk_inval_kick(q) || uvdk_inval_poll(q, cookie))
			return 0;
		uvdk_invalq_destroy(q);
		most = total > most ? total : most;
	}

	return most;
}

int bench_inval_entries(int argc, char **argv)
{
	char *end = NULL;
	unsigned long pages = argc == 2 ? strtoul(argv[1], &end, 10) : 0;

	if (!pages || *end || pages & (pages - 1) || pages > 4096) {
		fprintf(stderr, "usage: uvdk-bench %s N, a power of two up to 4096\n", argv[0]);
		return 2;
	}
	printf("%s %lu: operations=1 function=none aligned=%lu unaligned=%lu\n", argv[0], pages,
	       most_entries(pages, pages, pages), most_entries(pages, pages + 1, 2 * pages - 1));

	return 0;
}
