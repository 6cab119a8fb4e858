// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>

#include <uvdk_pasid.h>

#include "bench.h"

/* What a PASID costs with N held: numbers freed in random order, so that the lowest is anywhere. */
#define ROUNDS	   (1u << 16) /* operations measured, at least */
#define MAX_PASIDS ((1ul << UVDK_PASID_WIDTH_MAX) - 1)
#define NOINLINE   __attribute__((noinline, used))

struct state {
	struct uvdk_pasid_space *space;
	struct uvdk_pasid_owner *owner;
	uint32_t *pasid; /* all that are held, in the order in which they are freed */
	unsigned long count;
};

NOINLINE static void bench_alloc(struct uvdk_pasid_owner *owner, uint32_t *pasid,
				 unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		if (uvdk_pasid_alloc(owner, 1, UINT32_MAX, &pasid[i]))
			abort();
}

NOINLINE static void bench_free(struct uvdk_pasid_owner *owner, const uint32_t *pasid,
				unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		if (uvdk_pasid_free(owner, pasid[i]))
			abort();
}

static void shuffle(uint32_t *pasid, unsigned long count, uint64_t *seed)
{
	for (unsigned long i = count - 1; i > 0; i--) {
		unsigned long j = bench_random(seed) % (i + 1);
		uint32_t swap = pasid[i];

		pasid[i] = pasid[j];
		pasid[j] = swap;
	}
}

static int parse(int argc, char **argv, struct state *s)
{
	char *end = NULL;

	s->count = argc > 1 ? strtoul(argv[1], &end, 10) : 0;
	if (argc > 2 || !end || *end || !s->count || s->count > MAX_PASIDS) {
		fprintf(stderr, "usage: uvdk-bench %s N, N from 1 to %lu\n", argv[0], MAX_PASIDS);
		return 2;
	}

	return 0;
}

static int setup(struct state *s)
{
	if (uvdk_pasid_space_create(NULL, &s->space) ||
	    uvdk_pasid_owner_create(s->space, (uint32_t)s->count, &s->owner))
		return 1;
	s->pasid = calloc(s->count, sizeof(*s->pasid));
	if (!s->pasid) {
		fprintf(stderr, "uvdk-bench: no memory for %lu PASIDs\n", s->count);
		return 1;
	}
	for (unsigned long i = 0; i < s->count; i++)
		if (uvdk_pasid_alloc(s->owner, 1, UINT32_MAX, &s->pasid[i]))
			return 1;

	return 0;
}

static void finish(struct state *s)
{
	free(s->pasid);
	uvdk_pasid_owner_destroy(s->owner);
	uvdk_pasid_space_destroy(s->space);
}

/* An eighth at a time, so that nearly all of the N are held all the while. */
static int run(int argc, char **argv, bool frees)
{
	struct state s = {0};
	uint64_t seed = 0x9e3779b97f4a7c15, ns = 0;
	unsigned long batch, rounds;
	int status = parse(argc, argv, &s);

	if (status || setup(&s))
		return status ? status : 1;

	batch = (s.count + 7) / 8;
	rounds = (ROUNDS + batch - 1) / batch;
	for (unsigned long r = 0; r < rounds; r++) {
		uint64_t start, middle;

		if (r % 8 == 0)
			shuffle(s.pasid, s.count, &seed);
		start = bench_ns();
		bench_free(s.owner, s.pasid, batch);
		middle = bench_ns();
		bench_alloc(s.owner, s.pasid, batch);
		ns += frees ? middle - start : bench_ns() - middle;
	}
	printf("%s %lu: operations=%lu function=%s ns_per_op=%.1f\n", argv[0], s.count,
	       rounds * batch, frees ? "bench_free" : "bench_alloc",
	       (double)ns / (double)(rounds * batch));
	finish(&s);

	return 0;
}

int bench_pasid_alloc(int argc, char **argv)
{
	return run(argc, argv, false);
}

int bench_pasid_free(int argc, char **argv)
{
	return run(argc, argv, true);
}
