// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_base.h>

#include "options.h"

enum {
	OPT_IOMMU = 256,
	OPT_JSON,
	OPT_SVG,
	OPT_SECONDS,
	OPT_PASIDS,
	OPT_INSTRUCTIONS,
	OPT_LIST,
	OPT_VERSION
};

static const struct option known[] = {
	{"config", required_argument, NULL, 'c'},
	{"device", required_argument, NULL, 'd'},
	{"iommu", required_argument, NULL, OPT_IOMMU},
	{"json", required_argument, NULL, OPT_JSON},
	{"svg", required_argument, NULL, OPT_SVG},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"pasids", no_argument, NULL, OPT_PASIDS},
	{"instructions", no_argument, NULL, OPT_INSTRUCTIONS},
	{"list", no_argument, NULL, OPT_LIST},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void usage(FILE *to)
{
	fputs("usage: uvdk-dma-perf [OPTIONS]\n\n"
	      "  -c, --config FILE  what to measure; without it, copies of 64 to 65536 bytes\n"
	      "  -d, --device SPEC  PCI address or emu:MODEL[,...]; " DEFAULT_DEVICE "\n"
	      "  --iommu NAME       how DMA is mapped; the best for the device\n"
	      "  --json FILE        write results there\n"
	      "  --svg FILE         draw them\n"
	      "  --seconds N        each scenario lasts so long, whatever the file says\n"
	      "  --pasids           each channel has a PASID and an address space of its own\n"
	      "  --instructions     count the instructions that this program needs for a copy\n"
	      "  --list             only say what would be measured\n"
	      "  --version          say which version this is\n"
	      "  -h, --help         print this\n",
	      to);
}

static int set_seconds(unsigned int *out, const char *value)
{
	char *end;
	double seconds = strtod(value, &end);

	if (end == value || *end || !(seconds >= 0.001 && seconds <= 86400)) {
		fprintf(stderr, "uvdk-dma-perf: --seconds '%s': give 0.001 to 86400\n", value);
		return -EINVAL;
	}
	*out = (unsigned int)(seconds * 1000);

	return 0;
}

static int take(struct options *out, int letter)
{
	switch (letter) {
	case 'c':
		out->config = optarg;
		break;
	case 'd':
		out->device = optarg;
		break;
	case OPT_IOMMU:
		out->iommu = optarg;
		break;
	case OPT_JSON:
		out->json = optarg;
		break;
	case OPT_SVG:
		out->svg = optarg;
		break;
	case OPT_SECONDS:
		return set_seconds(&out->ms, optarg);
	case OPT_PASIDS:
		out->pasids = true;
		break;
	case OPT_INSTRUCTIONS:
		out->instructions = true;
		break;
	case OPT_LIST:
		out->list = true;
		break;
	case OPT_VERSION:
		printf("uvdk-dma-perf %s\n", uvdk_version());
		return 1;
	case 'h':
		usage(stdout);
		return 1;
	default:
		fputs("Try 'uvdk-dma-perf --help'.\n", stderr);
		return -EINVAL;
	}

	return 0;
}

int options_parse(int argc, char **argv, struct options *out)
{
	int letter, ret;

	*out = (struct options){.device = DEFAULT_DEVICE};
	while ((letter = getopt_long(argc, argv, "c:d:h", known, NULL)) != -1) {
		ret = take(out, letter);
		if (ret)
			return ret;
	}
	if (optind < argc) {
		fprintf(stderr, "uvdk-dma-perf: what is '%s'? A file goes with --config\n",
			argv[optind]);
		return -EINVAL;
	}

	return 0;
}
