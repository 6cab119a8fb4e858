// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <uvdk_device.h>
#include <uvdk_dmadev.h>
#include <uvdk_emu.h>

#include "../../expect.h"
#include "../../random.h"

/*
 * One engine in many threads: each has a channel and copies on it, while others open and close
 * theirs, while records are lost and told by a register that is everybody's, until the engine is
 * closed under what runs, or the device is pulled out. Plain, and under ThreadSanitizer.
 */

#define WORKERS	 4u
#define CHURNERS 2u
#define OPS	 1500u
#define CYCLES	 40u
#define ROUNDS	 10u
#define PART	 (64u * 1024) /* of the memory: a thread's, half source, half destination */
#define IOVA	 UINT64_C(0x40000000)
#define PATIENCE 60 /* seconds */

struct world {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_dmadev *dma;
	struct uvdk_ioas *ioas;
	uint8_t *memory;
	uvdk_iova_t iova;
};

struct worker {
	pthread_t thread;
	struct world *w;
	unsigned int at;
	uint64_t random;
	bool faults;
	uint64_t done, lost;
	struct uvdk_dmadev_chan *chan;
};

static size_t memory_len(void)
{
	return (size_t)(WORKERS + CHURNERS) * PART;
}

static void fail(const char *what, int ret)
{
	fprintf(stderr, "%s: %d: %s\n", what, ret, uvdk_last_error());
	exit(1);
}

static void must(const char *what, int ret)
{
	if (ret)
		fail(what, ret);
}

static void world_open(struct world *w, const char *spec)
{
	struct uvdk_emu_opts emu = {.size = sizeof(emu), .seed = 1};
	struct uvdk_iommu_opts iommu = {.size = sizeof(iommu)};

	memset(w, 0, sizeof(*w));
	w->memory = mmap(NULL, memory_len(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	must("memory", w->memory == MAP_FAILED ? -ENOMEM : 0);
	must("machine", uvdk_emu_create(&emu, &w->emu));
	iommu.emu = w->emu;
	must("iommu", uvdk_iommu_open("emu", &iommu, &w->iommu));
	must("device", uvdk_device_open(w->iommu, spec, NULL, &w->dev));
	must("ioas", uvdk_ioas_create(w->iommu, NULL, &w->ioas));
	must("attach", uvdk_ioas_attach(w->ioas, w->dev));
	w->iova = IOVA;
	must("map", uvdk_ioas_map(w->ioas, w->memory, memory_len(), UVDK_MAP_RW | UVDK_MAP_FIXED,
				  &w->iova));
	must("engine", uvdk_dmadev_open(w->dev, NULL, &w->dma));
}

/* The engine is closed: no access of it may come any more. */
static void world_close(struct world *w, bool faults)
{
	struct uvdk_emu_fault fault;
	struct uvdk_emu_stale stale;

	uvdk_ioas_unmap(w->ioas, w->iova, memory_len());
	munmap(w->memory, memory_len());
	uvdk_device_close(w->dev);
	uvdk_ioas_destroy(w->ioas);
	uvdk_iommu_close(w->iommu);
	EXPECT(faults || uvdk_emu_faults(w->emu, &fault, 1, NULL) == 0);
	EXPECT(uvdk_emu_stales(w->emu, &stale, 1) == 0);
	uvdk_emu_destroy(w->emu);
}

static int chan_open(struct worker *t)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts), .ring = 64, .ioas = t->w->ioas};

	return uvdk_dmadev_chan_open(t->w->dma, &opts, &t->chan);
}

/* Enqueue a burst of copies that don't touch each other; returns how many. */
static unsigned int enqueue(struct worker *t, unsigned int count, uint32_t len)
{
	uvdk_iova_t at = t->w->iova + (uint64_t)t->at * PART;
	unsigned int n = 0;

	while (n < count && uvdk_dmadev_copy(t->chan, at + PART / 2 + (uint64_t)n * len,
					     at + (uint64_t)n * len, len, 0) >= 0)
		n++;

	return n;
}

static void check(struct worker *t, const struct uvdk_dmadev_result *r, unsigned int n,
		  uint32_t len)
{
	const uint8_t *src = t->w->memory + (size_t)t->at * PART;

	if (r->status == UVDK_DMADEV_OK)
		EXPECT(!memcmp(src + (size_t)n * len, src + PART / 2 + (size_t)n * len, len));
	else
		EXPECT(t->faults && r->status == UVDK_DMADEV_ERROR && r->code == 0x1a);
	t->lost += r->status != UVDK_DMADEV_OK;
	t->done++;
}

static void burst(struct worker *t)
{
	uint8_t *src = t->w->memory + (size_t)t->at * PART;
	uint32_t len = 1 + (uint32_t)(random_next(&t->random) >> 20) % 1000;
	unsigned int count = 1 + (unsigned int)(random_next(&t->random) >> 20) % 32, n = 0;
	time_t give_up = time(NULL) + PATIENCE;

	memset(src, (int)t->random, PART / 2);
	memset(src + PART / 2, 0, PART / 2);
	EXPECT(enqueue(t, count, len) == count);
	EXPECT(uvdk_dmadev_submit(t->chan) == 0);
	while (n < count && time(NULL) < give_up) {
		struct uvdk_dmadev_result r;

		if (uvdk_dmadev_completed_status(t->chan, &r, 1))
			check(t, &r, n++, len);
		else
			sched_yield();
	}
	EXPECT(n == count);
}

static void *work(void *arg)
{
	struct worker *t = arg;

	must("channel", chan_open(t));
	while (t->done < OPS)
		burst(t);
	uvdk_dmadev_chan_close(t->chan);

	return NULL;
}

/* Channels come and go, some with work under way. */
static void *churn(void *arg)
{
	struct worker *t = arg;

	for (unsigned int i = 0; i < CYCLES; i++) {
		must("channel", chan_open(t));
		if (i % 3 == 0)
			burst(t);
		if (i % 3 != 1) {
			enqueue(t, 16, 1024);
			uvdk_dmadev_submit(t->chan);
		}
		uvdk_dmadev_chan_close(t->chan);
	}

	return NULL;
}

static void prepare(struct worker *workers, unsigned int count, struct world *w, bool faults)
{
	for (unsigned int i = 0; i < count; i++)
		workers[i] = (struct worker){.w = w, .at = i, .random = i + 1, .faults = faults};
}

static void copies_while_others_come_and_go(const char *spec, bool faults)
{
	struct worker workers[WORKERS + CHURNERS];
	uint64_t lost = 0;
	struct world w;

	world_open(&w, spec);
	prepare(workers, WORKERS + CHURNERS, &w, faults);
	for (unsigned int i = 0; i < WORKERS + CHURNERS; i++)
		must("thread", -pthread_create(&workers[i].thread, NULL, i < WORKERS ? work : churn,
					       &workers[i]));
	for (unsigned int i = 0; i < WORKERS + CHURNERS; i++) {
		pthread_join(workers[i].thread, NULL);
		lost += workers[i].lost;
	}
	EXPECT(!faults == !lost);
	uvdk_dmadev_close(w.dma);
	world_close(&w, faults);
}

static void closed_under_what_runs(void)
{
	struct worker workers[WORKERS];
	struct world w;

	world_open(&w, "emu:dsa");
	prepare(workers, WORKERS, &w, false);
	for (unsigned int i = 0; i < WORKERS; i++) {
		must("channel", chan_open(&workers[i]));
		EXPECT(enqueue(&workers[i], 32, 1024) == 32);
		EXPECT(uvdk_dmadev_submit(workers[i].chan) == 0);
	}
	uvdk_dmadev_close(w.dma);
	world_close(&w, false);
}

/* ---- the device goes ---- */

/* Copies until it is told that the device has gone; everything ends, and in order. */
static void *work_to_the_end(void *arg)
{
	struct worker *t = arg;
	time_t give_up = time(NULL) + PATIENCE;
	uint16_t enqueued = 0, told = 0;
	bool gone = false;

	while ((!gone || told != enqueued) && time(NULL) < give_up) {
		struct uvdk_dmadev_result r[16];
		unsigned int n;

		if (!gone)
			enqueued = (uint16_t)(enqueued + enqueue(t, 8, 1024));
		if (!gone && uvdk_dmadev_submit(t->chan) == -ENODEV)
			gone = true;
		n = uvdk_dmadev_completed_status(t->chan, r, 16);
		for (unsigned int i = 0; i < n; i++, told++) {
			EXPECT(r[i].index == told);
			EXPECT(r[i].status ==
			       (t->lost ? UVDK_DMADEV_GONE : (unsigned int)r[i].status));
			EXPECT(r[i].status == UVDK_DMADEV_OK || r[i].status == UVDK_DMADEV_GONE);
			t->lost += r[i].status == UVDK_DMADEV_GONE;
		}
		if (n)
			__atomic_fetch_add(&t->done, n, __ATOMIC_RELAXED);
		else
			sched_yield();
	}
	EXPECT(gone && told == enqueued);
	EXPECT(uvdk_dmadev_copy(t->chan, IOVA, IOVA + 64, 8, 0) == -ENODEV);

	return NULL;
}

static void pulled_out(unsigned int round)
{
	struct worker workers[WORKERS];
	time_t give_up = time(NULL) + PATIENCE;
	struct world w;

	world_open(&w, "emu:dsa");
	prepare(workers, WORKERS, &w, false);
	for (unsigned int i = 0; i < WORKERS; i++)
		must("channel", chan_open(&workers[i]));
	for (unsigned int i = 0; i < WORKERS; i++)
		must("thread",
		     -pthread_create(&workers[i].thread, NULL, work_to_the_end, &workers[i]));
	for (unsigned int i = 0; i < WORKERS; i++)
		while (__atomic_load_n(&workers[i].done, __ATOMIC_RELAXED) < round * 10 &&
		       time(NULL) < give_up)
			sched_yield();
	EXPECT(uvdk_emu_unplug(w.emu, uvdk_device_get_info(w.dev)->name, true) == 0);
	for (unsigned int i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	for (unsigned int i = 0; i < WORKERS / 2; i++)
		uvdk_dmadev_chan_close(workers[i].chan);
	uvdk_dmadev_close(w.dma);
	world_close(&w, false);
}

int main(void)
{
	uvdk_log_set_sink(NULL, NULL);
	copies_while_others_come_and_go("emu:dsa", false);
	copies_while_others_come_and_go("emu:dsa,fault-rate=100", true);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		closed_under_what_runs();
		pulled_out(i);
	}

	return wrong != 0;
}
