// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_device.h>
#include <uvdk_dma.h>
#include <uvdk_dmadev.h>
#include <uvdk_emu.h>

#include "bench.h"
#include "dma_bench.h"

/*
 * Instructions of the caller's for a copy by DSA: enqueue, submit and poll in bursts of 32, on
 * an emulated device that works only between the bursts, when nothing is counted.
 *
 * The descriptor that a burst goes out as is one instruction on hardware (MOVDIR64B); here it
 * is eight calls into the model, so the baseline makes the same calls, as the driver does, and
 * is taken off.
 */
#define ROUNDS 2000

struct state {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas;
	struct uvdk_device *dev;
	struct uvdk_dmadev *dma;
	struct uvdk_dmadev_chan *chan;
	struct uvdk_dma_buf buf;
	atomic_bool still; /* the device works between bursts only */
};

/* Not static: callgrind is given their names. */
unsigned int bench_dsa_burst(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src);
void bench_dsa_portal(const struct uvdk_region *portals);

/* What the last burst has come to, and the next one. */
NOINLINE unsigned int bench_dsa_burst(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst,
				      uvdk_iova_t src)
{
	unsigned int done = uvdk_dmadev_completed(chan, DSA_BURST, NULL, NULL);

	for (unsigned int i = 0; i < DSA_BURST; i++)
		if (uvdk_dmadev_copy(chan, dst + i * DSA_LEN, src + i * DSA_LEN, DSA_LEN, 0) < 0)
			abort();
	uvdk_dmadev_submit(chan);

	return done;
}

/* A descriptor for a queue that is not there: the model has as much to do at once. */
NOINLINE void bench_dsa_portal(const struct uvdk_region *portals)
{
	for (unsigned int i = 0; i < 8; i++)
		uvdk_region_write(portals, portals->size - 16384 + 8 * i, 8, 0);
}

/* Commands wait for the device: it runs by itself while a channel is set up or closed. */
static void *step_all(void *arg)
{
	struct state *s = arg;

	while (!atomic_load(&s->still)) {
		uvdk_emu_step(s->emu);
		sched_yield();
	}

	return NULL;
}

static int open_channel(struct state *s)
{
	const struct uvdk_dmadev_opts opts = {.size = sizeof(opts), .channels = 1};
	const struct uvdk_dmadev_chan_opts chan = {.size = sizeof(chan), .ioas = s->ioas};
	pthread_t thread;
	int ret;

	if (pthread_create(&thread, NULL, step_all, s))
		return 1;
	ret = uvdk_dmadev_open(s->dev, &opts, &s->dma) ||
	      uvdk_dmadev_chan_open(s->dma, &chan, &s->chan);
	atomic_store(&s->still, true);
	pthread_join(thread, NULL);

	return ret;
}

static int setup(struct state *s)
{
	const struct uvdk_emu_opts emu_opts = {.size = sizeof(emu_opts), .manual = true};
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};

	if (uvdk_emu_create(&emu_opts, &s->emu))
		return 1;
	iommu_opts.emu = s->emu;
	if (uvdk_iommu_open("emu", &iommu_opts, &s->iommu) ||
	    uvdk_ioas_create(s->iommu, NULL, &s->ioas) ||
	    uvdk_device_open(s->iommu, "emu:dsa", NULL, &s->dev) ||
	    uvdk_ioas_attach(s->ioas, s->dev) ||
	    uvdk_dma_alloc(s->ioas, (size_t)2 * DSA_BURST * DSA_LEN, NULL, &s->buf))
		return 1;

	return open_channel(s);
}

static void finish(struct state *s)
{
	pthread_t thread;

	atomic_store(&s->still, false);
	if (pthread_create(&thread, NULL, step_all, s))
		return;
	uvdk_dmadev_close(s->dma);
	atomic_store(&s->still, true);
	pthread_join(thread, NULL);
	uvdk_dma_free(&s->buf);
	uvdk_device_close(s->dev);
	uvdk_ioas_destroy(s->ioas);
	uvdk_iommu_close(s->iommu);
	uvdk_emu_destroy(s->emu);
}

static uint64_t run(struct state *s, uint64_t *ns)
{
	uint64_t copies = 0;

	for (unsigned int r = 0; r < ROUNDS; r++) {
		uint64_t start = bench_ns();

		copies += bench_dsa_burst(s->chan, s->buf.iova + (uint64_t)DSA_BURST * DSA_LEN,
					  s->buf.iova);
		*ns += bench_ns() - start;
		while (uvdk_emu_step(s->emu))
			;
	}
	/* Every round polls once: the last burst is left over. */
	return copies + DSA_BURST;
}

static int again(struct state *s, uint64_t times)
{
	struct uvdk_region portals;

	if (uvdk_device_region(s->dev, 2, &portals))
		return 1;
	while (times--)
		bench_dsa_portal(&portals);

	return 0;
}

#ifndef UVDK_BENCH_NET
uint64_t bench_dsa_rte(uint64_t *ns)
{
	(void)ns;
	fprintf(stderr, "uvdk-bench: built without DPDK\n");

	return 0;
}
#endif

static int run_rte(const char *name)
{
	uint64_t ns = 0, copies = bench_dsa_rte(&ns);

	if (!copies)
		return 1;
	printf("%s rte: operations=%lu function=bench_rte_burst ns_per_op=%.1f\n", name, copies,
	       (double)ns / (double)copies);

	return 0;
}

static int run_uvdk(const char *name)
{
	struct uvdk_dmadev_stats stats = {0};
	struct state s = {0};
	uint64_t copies = 0, ns = 0;

	if (setup(&s)) {
		fprintf(stderr, "uvdk-bench: emu:dsa: %s\n", uvdk_last_error());
		return 1;
	}
	copies = run(&s, &ns);
	uvdk_dmadev_chan_get_stats(s.chan, &stats);
	if (copies != (uint64_t)ROUNDS * DSA_BURST || again(&s, stats.doorbells)) {
		fprintf(stderr, "uvdk-bench: %lu copies ended of %u\n", copies, ROUNDS * DSA_BURST);
		return 1;
	}
	printf("%s: operations=%lu function=bench_dsa_burst baseline=bench_dsa_portal "
	       "doorbells=%lu ns_per_op=%.1f\n",
	       name, copies, stats.doorbells, (double)ns / (double)copies);
	finish(&s);

	return 0;
}

int bench_dsa_copy(int argc, char **argv)
{
	bool rte = argc > 1 && !strcmp(argv[1], "rte");

	if (argc > 2 || (argc > 1 && !rte && strcmp(argv[1], "uvdk"))) {
		fprintf(stderr, "usage: uvdk-bench %s [uvdk|rte]\n", argv[0]);
		return 2;
	}

	return rte ? run_rte(argv[0]) : run_uvdk(argv[0]);
}
