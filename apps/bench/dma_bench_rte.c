// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>

#include <rte_lcore.h>
#include <rte_mempool.h>

#include "bench.h"
#include "dma_bench.h"

/* The peer of dma_bench.c: the same with DPDK's mempool and its cache of each lcore. */
NOINLINE void bench_mempool(struct rte_mempool *mp, struct rte_mempool_cache *to, void **object);

NOINLINE void bench_mempool(struct rte_mempool *mp, struct rte_mempool_cache *to, void **object)
{
	for (void **o = object; o < object + POOL_BURST; o++)
		if (rte_mempool_get(mp, o))
			*o = NULL;
	if (!to) {
		for (void **o = object; o < object + POOL_BURST; o++)
			rte_mempool_put(mp, *o);
		return;
	}
	for (void **o = object; o < object + POOL_BURST; o++)
		rte_mempool_generic_put(mp, o, 1, to);
}

uint64_t bench_pool_rte(bool across, uint64_t *ns)
{
	struct rte_mempool_cache *to = NULL;
	void *object[POOL_BURST];
	struct rte_mempool *mp;
	uint64_t start;

	if (bench_start_eal())
		return 0;
	mp = rte_mempool_create("bench", POOL_OBJECTS - 1, POOL_SIZE, POOL_CACHE, 0, NULL, NULL,
				NULL, NULL, SOCKET_ID_ANY, 0);
	if (across)
		to = rte_mempool_cache_create(POOL_CACHE, SOCKET_ID_ANY);
	if (!mp || (across && !to)) {
		fprintf(stderr, "uvdk-bench: no mempool\n");
		return 0;
	}
	start = bench_ns();
	for (unsigned int r = 0; r < POOL_ROUNDS; r++)
		bench_mempool(mp, to, object);
	*ns = bench_ns() - start;
	if (to) {
		rte_mempool_cache_flush(to, mp);
		rte_mempool_cache_free(to);
	}
	rte_mempool_free(mp);

	return (uint64_t)POOL_ROUNDS * POOL_BURST;
}
