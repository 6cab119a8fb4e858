// SPDX-License-Identifier: BSD-3-Clause
#define ALLOW_EXPERIMENTAL_API /* all of dmadev, in DPDK 22.11 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_dmadev.h>
#include <rte_malloc.h>

#include "bench.h"
#include "dma_bench.h"

/*
 * The peer of dma_dsa_bench.c: the same calls of DPDK's dmadev, on its engine that is a thread
 * (dma_skeleton). Bursts are polled when the thread is done with them.
 */
#define NAME   "dma_skeleton"
#define ROUNDS 128
#define RING   1024

unsigned int bench_rte_burst(int16_t dev, rte_iova_t dst, rte_iova_t src);

NOINLINE unsigned int bench_rte_burst(int16_t dev, rte_iova_t dst, rte_iova_t src)
{
	bool error = false;
	unsigned int done = rte_dma_completed(dev, 0, DSA_BURST, NULL, &error);

	for (unsigned int i = 0; i < DSA_BURST; i++)
		if (rte_dma_copy(dev, 0, dst + i * DSA_LEN, src + i * DSA_LEN, DSA_LEN, 0) < 0)
			abort();
	rte_dma_submit(dev, 0);

	return done;
}

static int start(void)
{
	const struct rte_dma_conf conf = {.nb_vchans = 1};
	const struct rte_dma_vchan_conf vchan = {.direction = RTE_DMA_DIR_MEM_TO_MEM,
						 .nb_desc = RING};
	int dev;

	if (bench_start_eal() || rte_eal_hotplug_add("vdev", NAME, ""))
		return -1;
	dev = rte_dma_get_dev_id_by_name(NAME);
	if (dev < 0 || rte_dma_configure((int16_t)dev, &conf) ||
	    rte_dma_vchan_setup((int16_t)dev, 0, &vchan) || rte_dma_start((int16_t)dev))
		return -1;

	return dev;
}

static void wait_for(int16_t dev, uint64_t copies)
{
	struct rte_dma_stats stats;

	for (;;) {
		rte_dma_stats_get(dev, 0, &stats);
		if (stats.completed + stats.errors >= copies)
			return;
		sched_yield();
	}
}

static uint64_t run(int16_t dev, char *memory, uint64_t *ns)
{
	rte_iova_t src = (rte_iova_t)(uintptr_t)memory; /* it takes pointers */
	uint64_t copies = DSA_BURST;			/* the last burst is left over */

	for (unsigned int r = 1; r <= ROUNDS; r++) {
		uint64_t from = bench_ns();

		copies += bench_rte_burst(dev, src + (uint64_t)DSA_BURST * DSA_LEN, src);
		*ns += bench_ns() - from;
		wait_for(dev, (uint64_t)r * DSA_BURST);
	}

	return copies;
}

uint64_t bench_dsa_rte(uint64_t *ns)
{
	const size_t half = (size_t)DSA_BURST * DSA_LEN;
	uint64_t copies = 0;
	char *memory;
	int dev = start();

	memory = dev < 0 ? NULL : rte_zmalloc(NULL, 2 * half, 64);
	if (!memory) {
		fprintf(stderr, "uvdk-bench: no %s\n", NAME);
		return 0;
	}
	memset(memory, 0x5a, half);
	copies = run((int16_t)dev, memory, ns);
	if (copies != (uint64_t)ROUNDS * DSA_BURST || memcmp(memory, memory + half, half)) {
		fprintf(stderr, "uvdk-bench: %s: %lu copies ended of %u\n", NAME, copies,
			ROUNDS * DSA_BURST);
		copies = 0;
	}
	rte_dma_stop((int16_t)dev);
	rte_free(memory);

	return copies;
}
