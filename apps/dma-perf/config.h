/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_PERF_CONFIG_H
#define DMA_PERF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is to be measured: a file of cases, in the manner of dpdk-test-dma-perf's. In each case
 * one variable may run from a first to a last value, and each of its values is a scenario.
 */

#define CONFIG_CASES	 64
#define CONFIG_NAME	 64
#define CONFIG_LCORES	 64
#define CONFIG_SPEC	 96
#define CONFIG_SCENARIOS 256 /* a case */
#define CONFIG_FILE	 (1u << 20)

enum config_type { TYPE_NONE, TYPE_DMA, TYPE_CPU, TYPES };

/* The variables that may run. */
enum config_var { VAR_MEM, VAR_BUF, VAR_RING, VAR_BATCH, VAR_CHANNELS, VARS };

/* first, then add or multiply by step, up to last. A single value has first == last. */
struct sweep {
	uint64_t first;
	uint64_t last;
	uint64_t step;
	bool mul;
};

/* Where a worker runs, and on which device it has its channel; "": that of --device. */
struct config_lcore {
	unsigned int cpu;
	char spec[CONFIG_SPEC];
};

struct config_case {
	char name[CONFIG_NAME];
	unsigned int line; /* where it begins */
	enum config_type type;
	struct sweep var[VARS];
	int src_node; /* -1: any */
	int dst_node;
	unsigned int src_sge; /* pieces of the source of one copy; 0: a plain copy */
	unsigned int dst_sge;
	bool flush;
	bool skip;
	unsigned int ms; /* a scenario lasts */
	unsigned int lcores;
	struct config_lcore lcore[CONFIG_LCORES];
};

struct config {
	unsigned int cases;
	struct config_case *list;
};

/* One point of a case: the value of each variable. */
struct scenario {
	uint64_t value[VARS];
};

/*
 * Read a configuration; @name is what errors call it. On failure @error is one sentence,
 * "FILE:LINE: ...", and @out is untouched. -EINVAL, or -ENOMEM.
 */
int config_parse(const char *name, const char *text, size_t len, struct config *out, char *error,
		 size_t room);

/* The same from a file; also what open() or read() returns. */
int config_read(const char *path, struct config *out, char *error, size_t room);

void config_free(struct config *config);

/* The name of a variable, as its key. */
const char *config_var_name(enum config_var var);

/* Which one runs; VAR_BUF if none does. */
enum config_var config_running(const struct config_case *c);

/* Scenarios of a case, and the @index-th of them. */
unsigned int config_scenarios(const struct config_case *c);
void config_scenario(const struct config_case *c, unsigned int index, struct scenario *out);

#endif /* DMA_PERF_CONFIG_H */
