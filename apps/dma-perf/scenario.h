/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_PERF_SCENARIO_H
#define DMA_PERF_SCENARIO_H

#include "config.h"
#include "options.h"

/* What a worker did. */
struct share {
	unsigned int cpu;
	char device[CONFIG_SPEC]; /* "" for a CPU copy */
	uint64_t ops;
	uint64_t ns;
	uint64_t cycles;
};

/* What came of a scenario; all workers together where nothing else is said. */
struct result {
	struct scenario scenario;
	unsigned int shares;
	struct share share[CONFIG_LCORES];
	uint64_t ops;
	double cycles; /* a copy, as one worker sees it */
	double mops;
	double gbits;	     /* a second */
	double instructions; /* a copy; negative: not known */
	uint64_t verified;   /* bytes that were compared */
};

/* Why instructions are not known, as long as the program runs; "" as long as they are. */
extern char scenario_no_instructions[256];

/* 0, or a negative errno with a sentence on stderr. */
int scenario_run(const struct options *opts, const struct config_case *c, const struct scenario *s,
		 struct result *out);

#endif /* DMA_PERF_SCENARIO_H */
