// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include <uvdk_dmadev.h>
#include <uvdk_dmadev_walk_driver.h>
#include <uvdk_eal_telemetry.h>
#include <uvdk_hwpt.h>
#include <uvdk_netdev.h>

#include "asking.h"

/* Channels of emulated DMA engines, asked for at DPDK's telemetry socket. */

#define ENGINES	 4u
#define CHANNELS 8u
#define LEN	 65536u
#define PATIENCE 60 /* seconds */

static struct uvdk_iommu *iommu;
static struct uvdk_ioas *ioas;
static struct uvdk_device *dev[ENGINES];
static struct uvdk_dmadev *dma[ENGINES];
static unsigned int engines;
static char *mem;
static uvdk_iova_t iova;

TestSuite(eal_queues, .timeout = 300);

static void open_all(unsigned int count)
{
	char *argv[] = {"test",
			"--no-huge",
			"-m",
			"64",
			"--no-pci",
			"--no-shconf",
			"--lcores=0@(0-1)",
			"--log-level=*:3",
			NULL};

	asking_setup();
	cr_assert_geq(rte_eal_init(sizeof(argv) / sizeof(argv[0]) - 1, argv), 0, "%s",
		      rte_strerror(rte_errno));
	cr_assert_eq(uvdk_iommu_open("emu", NULL, &iommu), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	for (engines = 0; engines < count; engines++) {
		cr_assert_eq(uvdk_device_open(iommu, "emu:dsa", NULL, &dev[engines]), 0, "%s",
			     uvdk_last_error());
		cr_assert_eq(uvdk_ioas_attach(ioas, dev[engines]), 0, "%s", uvdk_last_error());
		cr_assert_eq(uvdk_dmadev_open(dev[engines], NULL, &dma[engines]), 0, "%s",
			     uvdk_last_error());
	}
	mem = mmap(NULL, 2 * LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(mem, MAP_FAILED);
	cr_assert_eq(uvdk_ioas_map(ioas, mem, 2 * LEN, UVDK_MAP_RW, &iova), 0);
	cr_assert_eq(uvdk_eal_telemetry_start(), 0, "%s", uvdk_last_error());
}

static void close_all(void)
{
	for (unsigned int i = 0; i < engines; i++) {
		uvdk_dmadev_close(dma[i]);
		uvdk_device_close(dev[i]);
	}
	cr_expect(strstr(ask("/uvdk/queues"), "{\"/uvdk/queues\": {}}"));
	uvdk_eal_telemetry_stop();
	cr_assert_eq(uvdk_ioas_unmap(ioas, iova, 2 * LEN), 0);
	munmap(mem, 2 * LEN);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	rte_eal_cleanup();
	asking_cleanup();
}

static struct uvdk_dmadev_chan *open_chan(unsigned int engine, unsigned int ring)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts), .ring = ring, .ioas = ioas};
	struct uvdk_dmadev_chan *chan;

	cr_assert_eq(uvdk_dmadev_chan_open(dma[engine], &opts, &chan), 0, "%s", uvdk_last_error());

	return chan;
}

static void drain(struct uvdk_dmadev_chan *chan, unsigned int count)
{
	time_t deadline = time(NULL) + PATIENCE;
	struct uvdk_dmadev_result result;

	while (count && time(NULL) < deadline)
		count -= uvdk_dmadev_completed_status(chan, &result, 1);
	cr_assert_eq(count, 0);
}

Test(eal_queues, channels_are_told_with_what_they_did)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts), .pasid = 77};
	struct uvdk_dmadev_chan *chan, *tenants;
	char command[64];
	const char *text;

	open_all(1);
	text = ask("/uvdk/queues");
	cr_expect(strstr(text, "{\"/uvdk/queues\": {}}"), "no channels yet: %s", text);
	chan = open_chan(0, 64);
	for (unsigned int i = 0; i < 5; i++)
		cr_assert_eq(uvdk_dmadev_copy(chan, iova + LEN, iova, 100, 0), (int)i);
	text = ask("/uvdk/queues");
	cr_expect(strstr(text, "\"device\": \"emu:dsa#0\""), "%s", text);
	cr_expect(strstr(text, "\"driver\": \"dsa\""));
	cr_expect_eq(number(text, "pasid"), 0);
	cr_expect_eq(number(text, "channel"), 0);
	cr_expect_eq(number(text, "ring"), 64);
	cr_expect_eq(number(text, "free"), 59);
	cr_expect_eq(number(text, "enqueued"), 5);
	cr_expect_eq(number(text, "submitted"), 0);
	uvdk_dmadev_submit(chan);
	drain(chan, 5);
	cr_assert_eq(uvdk_dmadev_copy(chan, 0x1000, iova, 10, UVDK_DMADEV_SUBMIT), 5);
	drain(chan, 1);
	text = ask("/uvdk/queues,dma");
	cr_expect_eq(number(text, "free"), 64);
	cr_expect_eq(number(text, "enqueued"), 6);
	cr_expect_eq(number(text, "submitted"), 6);
	cr_expect_eq(number(text, "completed"), 6);
	cr_expect_eq(number(text, "failed"), 1);
	cr_expect_gt(number(text, "resumed"), 0);
	cr_expect_gt(number(text, "doorbells"), 2);
	cr_expect_eq(number(text, "bytes"), 500);

	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &opts.ioas), 0);
	cr_assert_eq(uvdk_ioas_attach_pasid(opts.ioas, dev[0], 77), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_chan_open(dma[0], &opts, &tenants), 0, "%s", uvdk_last_error());
	text = ask("/uvdk/queues");
	cr_expect_eq(count_of(text, "\"driver\""), 2);
	snprintf(command, sizeof(command), "/uvdk/queues,dma,%d", 1);
	text = ask(command);
	cr_expect_eq(count_of(text, "\"driver\""), 1);
	cr_expect_eq(number(text, "pasid"), 77);
	cr_expect_eq(number(text, "channel"), 1);
	uvdk_dmadev_chan_close(chan);
	cr_expect_eq(count_of(ask("/uvdk/queues"), "\"driver\""), 1);
	uvdk_dmadev_chan_close(tenants);
	cr_expect_eq(count_of(ask("/uvdk/queues"), "\"driver\""), 0);
	uvdk_ioas_detach_pasid(opts.ioas, dev[0], 77);
	uvdk_ioas_destroy(opts.ioas);
	close_all();
}

/* What EAL's 16 KiB don't hold it drops in silence. */
Test(eal_queues, many_channels_come_in_parts)
{
	struct uvdk_seen_dmadev engine = {0};
	unsigned int seen = 0, parts = 0;
	char command[64] = "/uvdk/queues,dma";

	open_all(ENGINES);
	for (unsigned int i = 0; i < ENGINES * CHANNELS; i++)
		open_chan(i % ENGINES, 0);
	for (; parts < 20; parts++) {
		const char *text = ask(command);

		seen += count_of(text, "\"driver\"");
		cr_expect_eq(count_of(text, "\"driver\""), count_of(text, "\"bytes\""));
		if (!strstr(text, "\"next\""))
			break;
		snprintf(command, sizeof(command), "/uvdk/queues,dma,%llu", number(text, "next"));
	}
	cr_expect_eq(seen, ENGINES * CHANNELS);
	cr_expect_gt(parts, 0);
	snprintf(command, sizeof(command), "/uvdk/queues,dma,%llu",
		 number(ask("/uvdk/queues"), "next"));
	cr_expect(strstr(ask(command), "\"9\": {"), "beside ports there is room for some");
	for (seen = 0; !uvdk_dmadev_see(engine.id, &engine); seen++)
		cr_expect_eq(engine.channels, CHANNELS);
	cr_expect_eq(seen, ENGINES);
	close_all();
}

#define PORTS 30u

Test(eal_queues, many_ports_come_in_parts)
{
	struct uvdk_device *devs[PORTS];
	struct uvdk_netdev *nd[PORTS];
	char command[64];
	const char *text;

	open_all(2);
	cr_expect(strstr(ask("/uvdk/queues,ports"), "{}"));
	for (unsigned int i = 0; i < PORTS; i++) {
		cr_assert_eq(uvdk_device_open(iommu, "emu:virtio-net", NULL, &devs[i]), 0, "%s",
			     uvdk_last_error());
		cr_assert_eq(uvdk_ioas_attach(ioas, devs[i]), 0, "%s", uvdk_last_error());
		cr_assert_eq(uvdk_netdev_open(devs[i], ioas, &nd[i]), 0, "%s", uvdk_last_error());
	}
	for (unsigned int i = 0; i < 2 * CHANNELS; i++)
		open_chan(i % 2, 0);
	text = ask("/uvdk/queues");
	cr_expect_eq(count_of(text, "\"started\""), 24);
	cr_expect_eq(count_of(text, "\"channel\""), 8);
	snprintf(command, sizeof(command), "/uvdk/queues,dma,%llu", number(text, "next"));
	cr_expect_eq(count_of(ask(command), "\"channel\""), 8);
	snprintf(command, sizeof(command), "/uvdk/queues,ports,%llu",
		 number(ask("/uvdk/queues"), "next_port"));
	text = ask(command);
	cr_expect_eq(count_of(text, "\"started\""), PORTS - 24);
	cr_expect_eq(count_of(text, "\"channel\""), 0);
	cr_expect_not(strstr(text, "next"));
	text = ask("/uvdk/queues,ports");
	cr_expect_eq(count_of(text, "\"started\""), 24);
	snprintf(command, sizeof(command), "/uvdk/queues,ports,%llu", number(text, "next"));
	cr_expect_eq(count_of(ask(command), "\"started\""), PORTS - 24);
	cr_expect_eq(count_of(ask("/uvdk/queues,ports2"), "\"error\""), 1);
	cr_expect_eq(count_of(ask("/uvdk/queues,ports,1,2"), "\"error\""), 1);
	for (unsigned int i = 0; i < PORTS; i++) {
		uvdk_netdev_close(nd[i]);
		uvdk_device_close(devs[i]);
	}
	close_all();
}

Test(eal_queues, nonsense_is_answered_with_a_sentence)
{
	const char *text;

	open_all(0);
	text = ask("/uvdk/queues,dma2\n/uvdk/queues,dma,x\n/uvdk/queues,dma,1,2\n/uvdk/queues,1");
	cr_expect_eq(count_of(text, "{\"error\": \""), 4, "%s", text);
	close_all();
}

/* ---- while they work, come and go ---- */

static bool over;

static void *look(void *arg)
{
	struct uvdk_seen_dmadev_chan chan;
	unsigned int *looks = arg;
	uint64_t completed = 0;

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		for (uint64_t after = 0; !uvdk_dmadev_see_chan(after, &chan); after = chan.id) {
			const struct uvdk_dmadev_chan_seen *seen = &chan.seen;

			cr_assert_gt(chan.id, after);
			cr_assert_leq(seen->free, seen->ring);
			cr_assert_eq(seen->ring, 64);
			cr_assert_leq(seen->stats.enqueued - seen->stats.submitted, 64);
			if (chan.index == 0) {
				cr_assert_geq(seen->stats.completed, completed, "it went back");
				completed = seen->stats.completed;
			}
		}
		__atomic_add_fetch(looks, 1, __ATOMIC_RELEASE);
	}

	return NULL;
}

Test(eal_queues, who_looks_does_not_disturb)
{
	time_t deadline = time(NULL) + PATIENCE;
	struct uvdk_dmadev_chan *chan;
	unsigned int looks = 0, turns = 0, number = 0;
	pthread_t thread;

	open_all(1);
	chan = open_chan(0, 64);
	cr_assert_eq(pthread_create(&thread, NULL, look, &looks), 0);
	while ((turns < 300 || __atomic_load_n(&looks, __ATOMIC_ACQUIRE) < 300) &&
	       time(NULL) < deadline) {
		struct uvdk_dmadev_chan *other = open_chan(0, 64);
		unsigned int count = 1 + turns++ % 60;

		for (unsigned int i = 0; i < count; i++, number++)
			cr_assert_eq(uvdk_dmadev_copy(chan, iova + LEN, iova, 64, 0),
				     (uint16_t)number);
		uvdk_dmadev_submit(chan);
		drain(chan, count);
		uvdk_dmadev_chan_close(other);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	cr_expect_geq(looks, 300);
	uvdk_dmadev_chan_close(chan);
	close_all();
}
