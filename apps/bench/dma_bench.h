/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMA_BENCH_H
#define UVDK_DMA_BENCH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Take and give back objects in bursts, one by one, as a data path does: by the
 * caches of both sides no object comes from or goes to the shared part, unless
 * @across, when all that one cache gives another takes back.
 */
#define POOL_OBJECTS 8192
#define POOL_SIZE    2048
#define POOL_CACHE   256
#define POOL_BURST   32
#define POOL_ROUNDS  4096
#define NOINLINE     __attribute__((noinline, used))

/* dma_bench_rte.c, where there is DPDK: how often; 0: it failed. */
uint64_t bench_pool_rte(bool across, uint64_t *ns);

/* Copies in bursts, of a ring that has room for many of them. */
#define DSA_BURST 32
#define DSA_LEN	  256

/* dma_dsa_bench_rte.c, where there is DPDK: how many; 0: it failed. */
uint64_t bench_dsa_rte(uint64_t *ns);

#endif /* UVDK_DMA_BENCH_H */
