// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <uvdk_base.h>

#include "bench.h"

static const struct bench_command commands[] = {
	{"ioas-translate", "N [seq|random]", "virtual address to IOVA with N pages mapped",
	 bench_ioas_translate},
	{"reg-translate", "N [seq|random]", "the same, with N pages registered",
	 bench_reg_translate},
	{"ioas-map", "N [seq|random]", "map a page, up to N mapped", bench_ioas_map},
	{"ioas-unmap", "N [seq|random]", "unmap a page, N mapped at first", bench_ioas_unmap},
	{"pasid-alloc", "N", "take the lowest PASID, up to N held", bench_pasid_alloc},
	{"pasid-free", "N", "give a PASID back, N held at first", bench_pasid_free},
	{"pgtable-map", "[x86|arm]", "map a page in a stage 1 of our own", bench_pgtable_map},
	{"pgtable-unmap", "[x86|arm]", "unmap a page there", bench_pgtable_unmap},
	{"pgtable-map-run", "[x86|arm]", "map a page there, in runs of 512", bench_pgtable_run},
	{"inval-post", "[apart|adjacent]", "post an invalidation of one page",
	 bench_inval_post_run},
	{"inval-entries", "N", "entries of VT-d for N pages, posted one by one",
	 bench_inval_entries},
	{"mapq-post", "[map|unmap|kick|pair]",
	 "post a map or unmap of one page, give it on, retire it", bench_mapq_post},
	{"regcache", "[get|put]", "a buffer found in a registration cache, and put back",
	 bench_regcache},
	{"emu-translate", "N [pasid|rid|ats]", "access to one of N pages, by the software IOMMU",
	 bench_emu_translate},
	{"pool-getput", "[uvdk|rte [across]]", "take an object of a pool and give it back",
	 bench_pool_getput},
	{"sg-map", "LEN", "a buffer of LEN bytes as a scatter list", bench_sg_map},
	{"dsa-copy", "[uvdk|rte]", "copy by DSA: enqueue, submit and poll in bursts of 32",
	 bench_dsa_copy},
#ifdef UVDK_BENCH_NET
	{"virtio-rx", "[ARGS [multi-seg]]", "receive a packet from emu:virtio-net,ARGS",
	 bench_virtio_rx},
	{"virtio-tx", "[ARGS [multi-seg]]", "send a packet to emu:virtio-net,ARGS",
	 bench_virtio_tx},
#endif
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

uint64_t bench_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);

	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int usage(FILE *to, int status)
{
	fprintf(to, "usage: uvdk-bench SUBCOMMAND ARGS\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-16s %-20s %s\n", commands[i].name, commands[i].args,
			commands[i].what);

	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage(stderr, 2);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return usage(stdout, 0);

	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "uvdk-bench: no subcommand '%s'\n\n", argv[1]);

	return usage(stderr, 2);
}
