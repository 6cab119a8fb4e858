// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_regcache.h>

#include "bench.h"

/*
 * What a registration cache takes for a buffer that it knows: N of them, each in a map of
 * its own, found in random order and held in bursts.
 */
#define PAGE	 4096ul
#define BURST	 64u
#define BURSTS	 1024u
#define NOINLINE __attribute__((noinline, used))

struct state {
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas;
	struct uvdk_regcache *cache;
	unsigned int flags;
	uint8_t *memory;
	unsigned long count;
	const void *buffers[BURST];
	struct uvdk_regcache_hold holds[BURST];
};

NOINLINE static void bench_hit(struct uvdk_regcache *cache, const void *const *buffers,
			       struct uvdk_regcache_hold *holds)
{
	for (unsigned int i = 0; i < BURST; i++)
		if (uvdk_regcache_get(cache, buffers[i], 1500, &holds[i]))
			abort();
}

NOINLINE static void bench_release(struct uvdk_regcache *cache, const void *const *buffers,
				   struct uvdk_regcache_hold *holds)
{
	(void)buffers;
	for (unsigned int i = 0; i < BURST; i++)
		uvdk_regcache_put(cache, &holds[i]);
}

NOINLINE static void bench_nothing(struct uvdk_regcache *cache, const void *const *buffers,
				   struct uvdk_regcache_hold *holds)
{
	(void)cache;
	for (unsigned int i = 0; i < BURST; i++)
		__atomic_store_n(&holds[i].entry, (void *)(uintptr_t)buffers[i], __ATOMIC_RELAXED);
}

static int set_up(struct state *s)
{
	struct uvdk_regcache_opts opts = {.size = sizeof(opts), .flags = s->flags};
	int err = uvdk_iommu_open("emu", NULL, &s->iommu);

	if (!err)
		err = uvdk_ioas_create(s->iommu, NULL, &s->ioas);
	if (!err)
		err = uvdk_regcache_create(s->ioas, &opts, &s->cache);
	if (err)
		return 1;
	s->memory = mmap(NULL, 2 * s->count * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return s->memory == MAP_FAILED;
}

static void tear_down(struct state *s)
{
	uvdk_regcache_destroy(s->cache);
	uvdk_ioas_destroy(s->ioas);
	uvdk_iommu_close(s->iommu);
	if (s->memory && s->memory != MAP_FAILED)
		munmap(s->memory, 2 * s->count * PAGE);
}

static void choose(struct state *s, uint64_t *seed)
{
	for (unsigned int i = 0; i < BURST; i++) {
		uint64_t r = bench_random(seed);

		s->buffers[i] = s->memory + r % s->count * 2 * PAGE + (r >> 32) % 2048;
	}
}

/* Returns nanoseconds of bursts of gets, or of puts. */
static uint64_t run(struct state *s, bool put)
{
	uint64_t seed = 88172645463325252u, ns[2] = {0}, at;

	for (unsigned int i = 0; i < BURSTS; i++) {
		choose(s, &seed);
		bench_nothing(s->cache, s->buffers, s->holds);
		at = bench_ns();
		bench_hit(s->cache, s->buffers, s->holds);
		ns[0] += bench_ns() - at;
		at = bench_ns();
		bench_release(s->cache, s->buffers, s->holds);
		ns[1] += bench_ns() - at;
	}

	return ns[put];
}

/* Each page once, so that all are known. */
static void warm_up(struct state *s)
{
	struct uvdk_regcache_hold hold;

	for (unsigned long i = 0; i < s->count; i++) {
		if (uvdk_regcache_get(s->cache, s->memory + i * 2 * PAGE, PAGE, &hold))
			abort();
		uvdk_regcache_put(s->cache, &hold);
	}
}

int bench_regcache(int argc, char **argv)
{
	bool put = argc > 1 && !strcmp(argv[1], "put");
	struct state s = {.count = 32, .flags = UVDK_REGCACHE_NO_FOLLOW};
	uint64_t ns;

	if (argc > 2 || (argc == 2 && !put && strcmp(argv[1], "get"))) {
		fprintf(stderr, "usage: uvdk-bench %s [get|put]\n", argv[0]);
		return 2;
	}
	if (set_up(&s)) {
		tear_down(&s);
		return 1;
	}
	warm_up(&s);
	ns = run(&s, put);
	printf("%s %s: operations=%u function=%s baseline=bench_nothing ns_per_op=%.1f\n", argv[0],
	       put ? "put" : "get", BURST * BURSTS, put ? "bench_release" : "bench_hit",
	       (double)ns / (BURST * BURSTS));
	tear_down(&s);

	return 0;
}
