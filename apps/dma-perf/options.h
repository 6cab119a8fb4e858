/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_PERF_OPTIONS_H
#define DMA_PERF_OPTIONS_H

#include <stdbool.h>

#define DEFAULT_DEVICE "emu:dsa"

/* The command line. Strings are borrowed from it. */
struct options {
	const char *config;
	const char *device;
	const char *iommu; /* NULL: the best for the device */
	const char *json;
	const char *svg;
	unsigned int ms; /* 0: as the configuration says */
	bool pasids;
	bool instructions;
	bool list; /* say what would be measured, and end */
};

/* 0, 1 (help or version was asked for: end with success), or -EINVAL, with a sentence on stderr. */
int options_parse(int argc, char **argv, struct options *out);

#endif /* DMA_PERF_OPTIONS_H */
