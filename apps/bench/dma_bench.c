// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_dma_sg.h>

#include "bench.h"
#include "dma_bench.h"

/* On the software IOMMU, which takes no part once the pool is mapped. */
struct state {
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas;
	struct uvdk_dma_pool *pool;
	struct uvdk_dma_pool_cache *from;
	struct uvdk_dma_pool_cache *to;
};

static int setup(struct state *s, bool across)
{
	const struct uvdk_dma_opts opts = {
		.size = sizeof(opts), .source = UVDK_DMA_NORMAL, .numa_node = UVDK_DMA_ANY_NODE};

	if (uvdk_iommu_open("emu", NULL, &s->iommu) || uvdk_ioas_create(s->iommu, NULL, &s->ioas) ||
	    uvdk_dma_pool_create(s->ioas, POOL_SIZE, 0, POOL_OBJECTS, &opts, &s->pool) ||
	    uvdk_dma_pool_cache_create(s->pool, POOL_CACHE, 0, &s->from))
		return 1;
	if (!across) {
		s->to = s->from;
		return 0;
	}

	return uvdk_dma_pool_cache_create(s->pool, POOL_CACHE, 0, &s->to) ? 1 : 0;
}

static void finish(struct state *s)
{
	if (s->to != s->from)
		uvdk_dma_pool_cache_destroy(s->to);
	uvdk_dma_pool_cache_destroy(s->from);
	uvdk_dma_pool_destroy(s->pool);
	uvdk_ioas_destroy(s->ioas);
	uvdk_iommu_close(s->iommu);
}

NOINLINE static void bench_pool(struct uvdk_dma_pool_cache *from, struct uvdk_dma_pool_cache *to,
				void **object)
{
	for (void **o = object; o < object + POOL_BURST; o++)
		*o = uvdk_dma_pool_cache_get(from);
	for (void **o = object; o < object + POOL_BURST; o++)
		uvdk_dma_pool_cache_put(to, *o);
}

/* What of the above, and of its peer, is neither, to be taken off. */
NOINLINE void bench_pool_loop(void **object);

NOINLINE void bench_pool_loop(void **object)
{
	void *last = NULL;

	for (void **o = object; o < object + POOL_BURST; o++) {
		__asm__ volatile("" : "+r"(last)); /* one by one, as above */
		*o = last;
	}
	for (void **o = object; o < object + POOL_BURST; o++) {
		last = *o;
		__asm__ volatile("" : "+r"(last));
	}
}

static uint64_t run_uvdk(bool across, uint64_t *ns)
{
	struct state s = {0};
	void *object[POOL_BURST];
	uint64_t start;

	if (setup(&s, across))
		return 0;
	start = bench_ns();
	for (unsigned int r = 0; r < POOL_ROUNDS; r++)
		bench_pool(s.from, s.to, object);
	*ns = bench_ns() - start;
	finish(&s);

	return (uint64_t)POOL_ROUNDS * POOL_BURST;
}

#ifndef UVDK_BENCH_NET
uint64_t bench_pool_rte(bool across, uint64_t *ns)
{
	(void)across;
	(void)ns;
	fprintf(stderr, "uvdk-bench: built without DPDK\n");

	return 0;
}
#endif

int bench_pool_getput(int argc, char **argv)
{
	bool across = argc > 2 && !strcmp(argv[2], "across");
	bool rte = argc > 1 && !strcmp(argv[1], "rte");
	void *object[POOL_BURST];
	uint64_t operations;
	uint64_t ns = 0;

	if (argc > 3 || (argc > 2 && !across) || (argc > 1 && !rte && strcmp(argv[1], "uvdk"))) {
		fprintf(stderr, "usage: uvdk-bench %s [uvdk|rte [across]]\n", argv[0]);
		return 2;
	}
	operations = rte ? bench_pool_rte(across, &ns) : run_uvdk(across, &ns);
	if (!operations)
		return 1;
	for (unsigned int r = 0; r < POOL_ROUNDS; r++)
		bench_pool_loop(object);
	printf("%s %s%s: operations=%lu function=%s baseline=bench_pool_loop ns_per_op=%.1f\n",
	       argv[0], rte ? "rte" : "uvdk", across ? " across" : "", (unsigned long)operations,
	       rte ? "bench_mempool" : "bench_pool", (double)ns / (double)operations);

	return 0;
}

/* ---- scatter lists ---- */

#define SG_ROUNDS 65536
#define SG_MAX	  (64u << 20)

NOINLINE static void bench_sg(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list,
			      const struct uvdk_dma_buf *buf, size_t len)
{
	if (uvdk_dma_sg_map(sg, list, buf->va, len, UVDK_DMA_TO_DEVICE))
		abort();
	uvdk_dma_sg_unmap(sg, list, UINT64_MAX);
}

/* With the limits of many an engine, in normal pages: each is looked up. */
static int run_sg(const char *name, size_t len)
{
	const struct uvdk_dma_opts opts = {
		.size = sizeof(opts), .source = UVDK_DMA_NORMAL, .numa_node = UVDK_DMA_ANY_NODE};
	const struct uvdk_dma_sg_opts sg_opts = {
		.size = sizeof(sg_opts),
		.limits = {.len_max = 1u << 20, .addr_align = 4, .len_align = 4},
	};
	struct uvdk_dma_piece piece[64];
	struct uvdk_dma_list list = {.piece = piece, .max = 64};
	struct uvdk_dma_sg *sg = NULL;
	struct uvdk_dma_buf buf;
	struct state s = {0};
	uint64_t start;

	if (uvdk_iommu_open("emu", NULL, &s.iommu) || uvdk_ioas_create(s.iommu, NULL, &s.ioas) ||
	    uvdk_dma_alloc(s.ioas, len, &opts, &buf) || uvdk_dma_sg_create(s.ioas, &sg_opts, &sg))
		return 1;
	start = bench_ns();
	for (unsigned int r = 0; r < SG_ROUNDS; r++)
		bench_sg(sg, &list, &buf, len);
	printf("%s %zu: operations=%u function=bench_sg ns_per_op=%.1f\n", name, len, SG_ROUNDS,
	       (double)(bench_ns() - start) / SG_ROUNDS);
	uvdk_dma_sg_destroy(sg);
	uvdk_dma_free(&buf);
	finish(&s);

	return 0;
}

int bench_sg_map(int argc, char **argv)
{
	char *end = NULL;
	unsigned long len = argc == 2 ? strtoul(argv[1], &end, 10) : 0;

	if (!end || *end || !len || len > SG_MAX || len % 4) {
		fprintf(stderr, "usage: uvdk-bench %s LEN, a multiple of 4 up to %u\n", argv[0],
			SG_MAX);
		return 2;
	}

	return run_sg(argv[0], len);
}
