// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <uvdk_emu.h>
#include <uvdk_emu_virtio_iommu.h>
#include <uvdk_iommu.h>
#include <uvdk_mapq.h>

#include "../../expect.h"

/*
 * Two virtio-iommus, of which now and then one wants a reset, while devices behind them come and
 * go, address spaces change, and map queues run.
 */
#define PAGE	4096ul
#define PAGES	64u
#define AT	UINT64_C(0x40000000)
#define ROUNDS	40
#define UNITS	2
#define DEVICES 4
#define SECONDS 100 /* after which somebody waits for good */

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_device *dev[DEVICES];
static char *memory;
static bool done;

static bool over(void)
{
	return __atomic_load_n(&done, __ATOMIC_RELAXED);
}

static struct uvdk_ioas *shared;

/* Both are in one address space, which another thread changes. */
static void *attaches(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		for (unsigned int d = 0; d < 2; d++)
			EXPECT(!uvdk_ioas_attach(shared, dev[d]));
		for (unsigned int d = 0; d < 2; d++)
			uvdk_ioas_detach(shared, dev[d]);
	}

	return arg;
}

static void *maps(void *arg)
{
	while (!over()) {
		for (unsigned int i = 0; i < PAGES; i += 4) {
			uvdk_iova_t at = AT + i * PAGE;

			EXPECT(!uvdk_ioas_map(shared, memory + i * PAGE, 4 * PAGE,
					      UVDK_MAP_RW | UVDK_MAP_FIXED, &at));
		}
		for (unsigned int i = 0; i < PAGES; i += 4)
			EXPECT(!uvdk_ioas_unmap(shared, AT + i * PAGE, 4 * PAGE));
	}

	return arg;
}

static int wait_for(struct uvdk_mapq *q, uint64_t cookie)
{
	int err;

	uvdk_mapq_kick(q);
	do {
		err = uvdk_mapq_poll(q, cookie);
	} while (err == -EINPROGRESS);

	return err;
}

static int post(struct uvdk_mapq *q, struct uvdk_mapq_mem *mem, unsigned int i, bool map,
		uint64_t *cookie)
{
	int err;

	do {
		err = map ? uvdk_mapq_map(q, AT + i * PAGE, mem, i * PAGE, PAGE, UVDK_MAP_RW,
					  cookie)
			  : uvdk_mapq_unmap(q, AT + i * PAGE, PAGE, cookie);
		if (err == -EAGAIN) {
			uvdk_mapq_kick(q);
			uvdk_mapq_completed(q);
		}
	} while (err == -EAGAIN);

	return err;
}

static void run_queue(struct uvdk_mapq *q)
{
	struct uvdk_mapq_mem *mem;
	uint64_t cookie = 0;

	EXPECT(!uvdk_mapq_pin(q, memory, PAGES * PAGE, UVDK_MAP_RW, &mem));
	for (int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < PAGES; i++)
			EXPECT(!post(q, mem, i, true, &cookie));
		EXPECT(!wait_for(q, cookie));
		for (unsigned int i = 0; i < PAGES; i++)
			EXPECT(!post(q, mem, i, false, &cookie));
		EXPECT(!wait_for(q, cookie));
	}
	EXPECT(!uvdk_mapq_unpin(q, mem));
}

/* A device, and a queue, of its own. */
static void *posts(void *arg)
{
	struct uvdk_mapq_opts opts = {
		.size = sizeof(opts), .iova = AT, .len = PAGES * PAGE, .depth = 32};
	struct uvdk_device *mine = arg;
	struct uvdk_ioas *ioas;
	uvdk_iova_t at = AT;

	EXPECT(!uvdk_ioas_create(iommu, NULL, &ioas));
	EXPECT(!uvdk_ioas_reserve(ioas, PAGES * PAGE, 0, true, &at));
	while (!over()) {
		struct uvdk_mapq *q = NULL;

		EXPECT(!uvdk_ioas_attach(ioas, mine));
		EXPECT(!uvdk_mapq_open(ioas, &opts, &q));
		if (!q)
			break;
		run_queue(q);
		uvdk_mapq_close(q);
		uvdk_ioas_detach(ioas, mine);
	}
	uvdk_ioas_destroy(ioas);

	return NULL;
}

static void *comes_and_goes(void *arg)
{
	while (!over()) {
		struct uvdk_device *d = NULL;

		EXPECT(!uvdk_device_open(iommu, "emu:edu", NULL, &d));
		uvdk_device_close(d);
	}

	return arg;
}

static uint64_t requests(const char *unit)
{
	struct uvdk_emu_virtio_iommu_stats stats = {0};
	uint64_t sum = 0;

	EXPECT(!uvdk_emu_virtio_iommu_get_stats(emu, unit, &stats));
	for (unsigned int i = 1; i < sizeof(stats.requests) / sizeof(stats.requests[0]); i++)
		sum += stats.requests[i];

	return sum;
}

/* One that asks all the time is given up; so it is at work again before it asks once more. */
static void *resets(void *arg)
{
	for (unsigned int turn = 0; !over(); turn++) {
		const char *unit = turn % 3 ? "emu:virtio_iommu#0" : "emu:virtio_iommu#1";
		uint64_t end;

		EXPECT(!uvdk_emu_virtio_iommu_needs_reset(emu, unit));
		end = requests(unit) + 500;
		while (!over() && requests(unit) < end)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}

	return arg;
}

static void print(void *priv, enum uvdk_log_level level, const char *component, const char *text)
{
	(void)priv;
	if (level <= UVDK_LOG_WARN && getenv("UVDK_TEST_LOG"))
		fprintf(stderr, "%s: %s\n", component, text);
}

static void expect_clean(const char *unit)
{
	struct uvdk_emu_virtio_iommu_stats stats = {0};
	char text[256] = "";

	EXPECT(!uvdk_emu_virtio_iommu_get_stats(emu, unit, &stats));
	uvdk_emu_virtio_iommu_violation(emu, unit, 0, text, sizeof(text));
	if (*text)
		fprintf(stderr, "%s: %s\n", unit, text);
	EXPECT(!stats.violations);
	EXPECT(!stats.domains);
	EXPECT(!stats.maps);
}

int main(void)
{
	struct uvdk_iommu_opts opts = {.size = sizeof(opts),
				       .emu_iommus = "emu:virtio_iommu,order=random,delay=3;"
						     "emu:virtio_iommu,size=4"};
	void *(*const work[])(void *) = {attaches, maps, posts, posts, comes_and_goes, resets};
	pthread_t thread[sizeof(work) / sizeof(work[0])];
	const unsigned int n = sizeof(work) / sizeof(work[0]);

	alarm(SECONDS);
	uvdk_log_set_sink(print, NULL);
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	EXPECT(!uvdk_emu_create(NULL, &emu));
	opts.emu = emu;
	EXPECT(!uvdk_iommu_open("virtio-emu", &opts, &iommu));
	for (unsigned int i = 0; i < DEVICES; i++)
		EXPECT(!uvdk_device_open(iommu, "emu:edu,dma_mask=0xffffffffffffffff", NULL,
					 &dev[i]));
	EXPECT(!uvdk_ioas_create(iommu, NULL, &shared));
	for (unsigned int i = 0; i < n; i++)
		EXPECT(!pthread_create(&thread[i], NULL, work[i], i < DEVICES ? dev[i] : NULL));
	pthread_join(thread[0], NULL);
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	for (unsigned int i = 1; i < n; i++)
		pthread_join(thread[i], NULL);
	for (unsigned int i = 0; i < DEVICES; i++)
		uvdk_device_close(dev[i]);
	expect_clean("emu:virtio_iommu#0");
	expect_clean("emu:virtio_iommu#1");
	uvdk_ioas_destroy(shared);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
	munmap(memory, PAGES * PAGE);

	return wrong ? 1 : 0;
}
