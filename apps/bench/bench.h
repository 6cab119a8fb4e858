/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_BENCH_H
#define UVDK_BENCH_H

#include <stdint.h>

/*
 * uvdk-bench SUBCOMMAND ARGS: each subcommand prepares a state, runs one
 * operation many times inside one function that is never inlined, and prints
 *
 *   NAME ARGS: operations=N function=SYMBOL ns_per_op=X
 *
 * so that `valgrind --tool=callgrind --toggle-collect=SYMBOL` divided by N
 * gives instructions per operation. Where there is a baseline=SYMBOL too, that
 * is the same loop without the operation, to be taken off; where there is
 * cpu_ns_per_op too, that is CPU time. Adding one is a line in main.c's table.
 */
struct bench_command {
	const char *name;
	const char *args;
	const char *what;
	int (*run)(int argc, char **argv); /* argv[0] is the subcommand; returns exit status */
};

/* ioas_bench.c */
int bench_ioas_translate(int argc, char **argv);
int bench_reg_translate(int argc, char **argv);
int bench_ioas_map(int argc, char **argv);
int bench_ioas_unmap(int argc, char **argv);

/* pasid_bench.c */
int bench_pasid_alloc(int argc, char **argv);
int bench_pasid_free(int argc, char **argv);

/* pgtable_bench.c */
int bench_pgtable_map(int argc, char **argv);
int bench_pgtable_unmap(int argc, char **argv);
int bench_pgtable_run(int argc, char **argv);

/* inval_bench.c */
int bench_inval_post_run(int argc, char **argv);
int bench_inval_entries(int argc, char **argv);

/* mapq_bench.c */
int bench_mapq_post(int argc, char **argv);

/* emu_bench.c */
int bench_emu_translate(int argc, char **argv);

/* dma_bench.c */
int bench_pool_getput(int argc, char **argv);
int bench_sg_map(int argc, char **argv);

/* dma_reg_bench.c */
int bench_regcache(int argc, char **argv);

/* dma_dsa_bench.c */
int bench_dsa_copy(int argc, char **argv);

/* net_bench.c, where there is DPDK */
int bench_start_eal(void);
int bench_virtio_rx(int argc, char **argv);
int bench_virtio_tx(int argc, char **argv);

/* main.c */
uint64_t bench_ns(void);

/* The same numbers in every run, as those of tests/random.h. */
static inline uint64_t bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;

	return *state;
}

#endif /* UVDK_BENCH_H */
