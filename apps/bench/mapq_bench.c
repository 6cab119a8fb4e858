// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_emu.h>
#include <uvdk_mapq.h>

#include "bench.h"

/*
 * What it costs to post a map or an unmap, and to give it to the device: the driver's ring is that
 * of a virtio-iommu on an emulated machine, which does its part outside of what is measured, but
 * for the doorbell.
 */
#define ROUNDS	 (1u << 16)
#define BATCH	 128u
#define PAGE	 UINT64_C(4096)
#define WINDOW	 UINT64_C(0x40000000)
#define NOINLINE __attribute__((noinline, used))

struct mapq_bench {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;
	struct uvdk_mapq *q;
	struct uvdk_mapq_mem *mem;
	void *memory;
};

static int open_space(struct mapq_bench *b)
{
	const struct uvdk_emu_opts machine = {.size = sizeof(machine), .manual = true};
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};
	uvdk_iova_t iova = WINDOW;

	if (uvdk_emu_create(&machine, &b->emu))
		return 1;
	opts.emu = b->emu;

	return uvdk_iommu_open("virtio-emu", &opts, &b->iommu) ||
	       uvdk_device_open(b->iommu, "emu:edu", NULL, &b->dev) ||
	       uvdk_ioas_create(b->iommu, NULL, &b->ioas) || uvdk_ioas_attach(b->ioas, b->dev) ||
	       uvdk_ioas_reserve(b->ioas, 2 * BATCH * PAGE, 0, true, &iova);
}

static int open_queue(struct mapq_bench *b)
{
	const struct uvdk_mapq_opts opts = {
		.size = sizeof(opts), .iova = WINDOW, .len = 2 * BATCH * PAGE};

	b->memory = mmap(NULL, 2 * BATCH * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return open_space(b) || uvdk_mapq_open(b->ioas, &opts, &b->q) ||
	       uvdk_mapq_pin(b->q, b->memory, 2 * BATCH * PAGE, UVDK_MAP_RW, &b->mem);
}

static void close_queue(struct mapq_bench *b)
{
	uvdk_mapq_close(b->q);
	uvdk_device_close(b->dev);
	uvdk_ioas_destroy(b->ioas);
	uvdk_iommu_close(b->iommu);
	uvdk_emu_destroy(b->emu);
	munmap(b->memory, 2 * BATCH * PAGE);
}

/* Every other page: there is nothing to merge. */
NOINLINE static void bench_mapq_map(struct mapq_bench *b)
{
	uint64_t cookie;

	for (unsigned int i = 0; i < BATCH; i++)
		if (uvdk_mapq_map(b->q, WINDOW + 2 * i * PAGE, b->mem, i * PAGE, PAGE, UVDK_MAP_RW,
				  &cookie))
			abort();
}

NOINLINE static void bench_mapq_unmap(struct mapq_bench *b)
{
	uint64_t cookie;

	for (unsigned int i = 0; i < BATCH; i++)
		if (uvdk_mapq_unmap(b->q, WINDOW + 2 * i * PAGE, PAGE, &cookie))
			abort();
}

NOINLINE static void bench_mapq_kick(struct mapq_bench *b)
{
	if (uvdk_mapq_kick(b->q))
		abort();
}

NOINLINE static void bench_mapq_empty(struct mapq_bench *b)
{
	for (unsigned int i = 0; i < BATCH; i++)
		__asm__ volatile("" : : "r"(b), "r"(i) : "memory");
}

static int finish(struct mapq_bench *b)
{
	int err;

	do
		err = uvdk_mapq_poll(b->q, b->q->cookie);
	while (err == -EINPROGRESS);

	return err;
}

static int rounds(struct mapq_bench *b, bool unmaps, uint64_t *ns)
{
	for (unsigned int i = 0; i < ROUNDS / BATCH; i++) {
		uint64_t start = bench_ns();

		bench_mapq_map(b);
		if (!unmaps)
			*ns += bench_ns() - start;
		bench_mapq_kick(b);
		if (finish(b))
			return 1;
		start = bench_ns();
		bench_mapq_unmap(b);
		if (unmaps)
			*ns += bench_ns() - start;
		uvdk_mapq_kick(b->q);
		if (finish(b))
			return 1;
		bench_mapq_empty(b);
	}

	return 0;
}

int bench_mapq_post(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "map";
	struct mapq_bench b = {0};
	uint64_t ns = 0;

	if (argc > 2 || (strcmp(what, "map") && strcmp(what, "unmap") && strcmp(what, "kick"))) {
		fprintf(stderr, "usage: uvdk-bench %s [map|unmap|kick]\n", argv[0]);
		return 2;
	}
	if (open_queue(&b) || rounds(&b, !strcmp(what, "unmap"), &ns))
		return 1;
	printf("%s %s: operations=%u function=bench_mapq_%s%s ns_per_op=%.1f\n", argv[0], what,
	       ROUNDS, what, strcmp(what, "kick") ? " baseline=bench_mapq_empty" : "",
	       (double)ns / ROUNDS);
	close_queue(&b);

	return 0;
}
