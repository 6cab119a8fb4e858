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
#define BATCH	 256u
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
	struct uvdk_mapq *q = b->q;
	struct uvdk_mapq_mem *mem = b->mem;
	uint64_t cookie;

	for (unsigned int i = 0; i < BATCH; i++)
		if (uvdk_mapq_map(q, WINDOW + 2 * i * PAGE, mem, i * PAGE, PAGE, UVDK_MAP_RW,
				  &cookie))
			abort();
}

NOINLINE static void bench_mapq_unmap(struct mapq_bench *b)
{
	struct uvdk_mapq *q = b->q;
	uint64_t cookie;

	for (unsigned int i = 0; i < BATCH; i++)
		if (uvdk_mapq_unmap(q, WINDOW + 2 * i * PAGE, PAGE, &cookie))
			abort();
}

NOINLINE static void bench_mapq_kick(struct mapq_bench *b)
{
	if (uvdk_mapq_kick(b->q))
		abort();
}

NOINLINE static void bench_mapq_retire(struct mapq_bench *b)
{
	if (uvdk_mapq_poll(b->q, b->q->cookie))
		abort();
}

NOINLINE static void bench_mapq_empty(struct mapq_bench *b)
{
	for (unsigned int i = 0; i < BATCH; i++)
		__asm__ volatile("" : : "r"(b), "r"(i) : "memory");
}

typedef void (*step_fn)(struct mapq_bench *b);

/* What a map and its unmap cost altogether is what is counted in here. */
NOINLINE static void bench_mapq_pair(struct mapq_bench *b, step_fn step)
{
	step(b);
}

/* One half of the pair; the device does its part between kick and poll. */
static void half(struct mapq_bench *b, step_fn post, step_fn kick)
{
	bench_mapq_pair(b, post);
	bench_mapq_pair(b, kick);
	while (uvdk_emu_step(b->emu))
		;
	bench_mapq_pair(b, bench_mapq_retire);
}

static void kick_unmaps(struct mapq_bench *b)
{
	uvdk_mapq_kick(b->q);
}

static void rounds(struct mapq_bench *b)
{
	for (unsigned int i = 0; i < ROUNDS / BATCH; i++) {
		half(b, bench_mapq_map, bench_mapq_kick);
		half(b, bench_mapq_unmap, kick_unmaps);
		bench_mapq_empty(b);
	}
}

int bench_mapq_post(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "map";
	struct mapq_bench b = {0};
	bool posts = !strcmp(what, "map") || !strcmp(what, "unmap");

	if (argc > 2 || (!posts && strcmp(what, "kick") && strcmp(what, "pair"))) {
		fprintf(stderr, "usage: uvdk-bench %s [map|unmap|kick|pair]\n", argv[0]);
		return 2;
	}
	if (open_queue(&b))
		return 1;
	rounds(&b);
	printf("%s %s: operations=%u function=bench_mapq_%s%s\n", argv[0], what, ROUNDS, what,
	       posts ? " baseline=bench_mapq_empty" : "");
	close_queue(&b);

	return 0;
}
