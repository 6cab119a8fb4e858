/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_PERF_REPORT_H
#define DMA_PERF_REPORT_H

#include <stdio.h>

#include "scenario.h"

/* Results of a case; @c is borrowed. */
struct case_results {
	const struct config_case *c;
	const char *device; /* "" for CPU copies */
	unsigned int count;
	struct result *list;
};

struct results {
	const struct options *opts;
	unsigned int count;
	struct case_results *list;
};

void report_text_head(FILE *to, const struct case_results *c);
void report_text_line(FILE *to, const struct case_results *c, const struct result *r);

void report_json(FILE *to, const struct results *results);
void report_svg(FILE *to, const struct results *results);

/* Write a file by one of these: 0, or -EIO with a sentence on stderr. */
int report_file(const char *path, void (*write)(FILE *to, const struct results *results),
		const struct results *results);

#endif /* DMA_PERF_REPORT_H */
