// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <sched.h>

#include <rte_memory.h>

#include <uvdk_virtq_driver.h>

#include "net_testing.h"

/* Devices that break the rules cost packets, never memory or the process. */

TestSuite(virtio_net_evil, .timeout = 100);

static struct net net;

/* Forwards until something breaks, or for a number of rounds. */
static bool forward_until_broken(struct uvdk_netdev *nd, const char **why)
{
	for (int i = 0; i < 300 && !uvdk_netdev_broken(nd, why); i++) {
		struct rte_mbuf *pkts[32];
		uint16_t n = uvdk_netdev_rx_burst(nd, 0, pkts, 32);
		uint16_t done;

		for (uint16_t k = 0; k < n; k++)
			rte_mbuf_sanity_check(pkts[k], 1);
		done = uvdk_netdev_tx_burst(nd, 0, pkts, n);
		rte_pktmbuf_free_bulk(pkts + done, n - done);
		net_step(&net);
	}

	return uvdk_netdev_broken(nd, why);
}

static void breaks(const char *evil, const char *features, unsigned int after, const char *words)
{
	struct rte_mbuf *m;
	struct uvdk_netdev *nd;
	const char *why = "";
	char args[200];

	snprintf(args, sizeof(args), "source,evil=%s,evil-after=%u%s", evil, after, features);
	net_create(&net, true, 1023, 2048);
	nd = net_add(&net, &(struct conf){.args = args, .offloads = UVDK_NETDEV_MULTI_SEG});
	cr_assert(forward_until_broken(nd, &why), "%s went unnoticed", args);
	cr_expect(strstr(why, net.port[0].name) && strstr(why, words), "%s: %s", args, why);

	/* A broken queue moves nothing, */
	for (int i = 0; i < 10; i++) {
		net_step(&net);
		if (strstr(why, "receive"))
			cr_expect_eq(uvdk_netdev_rx_burst(nd, 0, &m, 1), 0);
	}
	/* and a reset of a device that has come to its senses mends it. */
	cr_assert_eq(uvdk_emu_virtio_net_misbehave(net.emu, net.port[0].name, ""), 0);
	cr_assert_eq(uvdk_netdev_reset(nd), 0, "%s: %s", args, uvdk_last_error());
	cr_assert_not(uvdk_netdev_broken(nd, &why), "%s", why);
	cr_expect_not(forward_until_broken(nd, &why), "%s: %s", args, why);
	net_destroy_after_evil(&net);
}

static void breaks_always(const char *evil, const char *words)
{
	static const char *const features[] = {
		"", ",no-in-order", ",no-in-order,no-event-idx", ",no-in-order,no-mrg", ",no-batch",
	};

	for (unsigned int i = 0; i < 5; i++) {
		breaks(evil, features[i], 0, words);
		breaks(evil, features[i], 100, words);
		breaks(evil, features[i], 1000, words);
	}
}

Test(virtio_net_evil, used_index_that_jumps)
{
	breaks_always("used-idx", "outstanding");
}

Test(virtio_net_evil, used_descriptor_that_is_not_there)
{
	breaks_always("used-id", "descriptor");
}

Test(virtio_net_evil, buffer_used_twice)
{
	breaks_always("used-twice", "descriptor");
}

Test(virtio_net_evil, length_greater_than_the_buffer)
{
	breaks_always("used-len", "bytes");
}

Test(virtio_net_evil, packet_spread_over_too_many_buffers)
{
	breaks("num-buffers", "", 0, "buffers");
	breaks("num-buffers", ",no-in-order", 0, "buffers");
	breaks("num-buffers", ",no-in-order", 500, "buffers");
}

Test(virtio_net_evil, packet_spread_over_no_buffer)
{
	breaks("num-buffers-0", "", 0, "buffers");
	breaks("num-buffers-0", ",no-in-order", 300, "buffers");
}

Test(virtio_net_evil, device_that_wants_a_reset)
{
	breaks("needs-reset", "", 0, "needs a reset");
}

/* A port that forwards all the while. */
static struct uvdk_netdev *stays_whole(const char *args, uint32_t offloads)
{
	struct uvdk_netdev *nd = net_one_port(&net, args, offloads);
	const char *why;

	cr_expect_not(forward_until_broken(nd, &why), "%s: %s", args, why);

	return nd;
}

Test(virtio_net_evil, packets_shorter_than_a_header_are_dropped)
{
	static const char *const args[] = {"source,evil=used-short",
					   "source,evil=used-short,no-in-order",
					   "source,evil=used-short,no-in-order,no-mrg"};

	for (unsigned int i = 0; i < 3; i++) {
		struct uvdk_netdev_stats s;

		uvdk_netdev_get_stats(stays_whole(args[i], 0), &s);
		cr_expect_gt(s.rx_errors, 0);
		net_destroy_after_evil(&net);
	}
}

Test(virtio_net_evil, header_with_an_absurd_checksum_does_no_harm)
{
	stays_whole("source,evil=hdr-csum", UVDK_NETDEV_RX_CSUM);
	net_destroy_after_evil(&net);
}

Test(virtio_net_evil, device_that_hangs_can_be_stopped)
{
	struct uvdk_netdev *nd;
	const char *why;

	net_create(&net, true, 1023, 2048);
	nd = net_add(&net, &(struct conf){.args = "source,evil=hang,evil-after=200"});
	forward_until_broken(nd, &why);
	cr_expect_eq(uvdk_netdev_stop(nd), 0);
	cr_expect_eq(net_mbufs_out(&net), 0);
	net_destroy_after_evil(&net);
}

/* A control queue fails one command, says so until a reset, and works after it. */
static void control_fails(const char *evil, int err, const char *words)
{
	struct uvdk_netdev *nd;
	const char *why = "";

	net_create(&net, false, 1023, 2048);
	nd = net_add(&net, &(struct conf){.args = ""});
	cr_assert_eq(uvdk_netdev_set_promisc(nd, false), 0, "%s", uvdk_last_error());
	cr_assert_not(uvdk_netdev_broken(nd, NULL));
	cr_assert_eq(uvdk_emu_virtio_net_misbehave(net.emu, net.port[0].name, evil), 0);
	cr_expect_eq(uvdk_netdev_set_promisc(nd, true), err, "%s: %s", evil, uvdk_last_error());
	cr_assert_eq(uvdk_emu_virtio_net_misbehave(net.emu, net.port[0].name, ""), 0);

	cr_assert(uvdk_netdev_broken(nd, &why), "%s: nobody says so", evil);
	cr_expect(strstr(why, net.port[0].name) && strstr(why, words), "%s: %s", evil, why);
	cr_expect_eq(uvdk_netdev_set_promisc(nd, true), err, "its buffer is still out");
	cr_expect(strstr(uvdk_last_error(), words) && strstr(uvdk_last_error(), "reset the port"),
		  "%s", uvdk_last_error());

	cr_assert_eq(uvdk_netdev_reset(nd), 0, "%s", uvdk_last_error());
	cr_expect_not(uvdk_netdev_broken(nd, &why), "%s", why);
	cr_expect_not(uvdk_netdev_promisc(nd));
	cr_expect_eq(uvdk_netdev_set_promisc(nd, true), 0, "%s", uvdk_last_error());
	net_destroy_after_evil(&net);
}

Test(virtio_net_evil, a_broken_control_queue_is_reported_until_a_reset)
{
	control_fails("used-idx", -EPROTO, "control queue is broken: the device's used index");
	control_fails("used-id", -EPROTO, "control queue is broken: the device used descriptor");
}

Test(virtio_net_evil, a_control_queue_that_never_answers_is_given_up)
{
	double began = now();

	control_fails("hang", -ETIMEDOUT, "control queue does not answer (set promiscuous)");
	cr_expect_lt(now() - began, 20);
}

/* Scribbles over the used rings, which only the device writes. */
static void corrupt_used_rings(unsigned int descs)
{
	size_t from = uvdk_virtq_used_offset(descs);
	size_t room = uvdk_virtq_bytes(descs) - from;
	struct uvdk_map_info map;
	uvdk_iova_t iova = 0;

	for (; !uvdk_ioas_next(net.ioas, iova, &map); iova = map.iova + map.len) {
		uint8_t *byte = (uint8_t *)map.va + from + (size_t)rand() % room;

		/* Rings are not EAL memory; the control queue's is smaller. */
		if (rte_mem_virt2memseg_list(map.va) || map.len < from + room)
			continue;
		*byte = (uint8_t)rand();
	}
}

static void fuzz(const char *args, unsigned int seed)
{
	struct uvdk_netdev *nd;
	unsigned int broken = 0;

	srand(seed);
	net_create(&net, true, 1023, 400);
	nd = net_add(&net, &(struct conf){.args = args,
					  .descs = 256,
					  .offloads = UVDK_NETDEV_MULTI_SEG | UVDK_NETDEV_RX_CSUM});
	for (int round = 0; round < 100; round++) {
		const char *why;

		for (int i = 0; i < 20 && !uvdk_netdev_broken(nd, &why); i++) {
			struct rte_mbuf *pkts[32];
			uint16_t n = uvdk_netdev_rx_burst(nd, 0, pkts, 32);
			uint16_t done = uvdk_netdev_tx_burst(nd, 0, pkts, n);

			for (uint16_t k = done; k < n; k++)
				rte_pktmbuf_free(pkts[k]);
			net_step(&net);
			corrupt_used_rings(256);
		}
		broken += uvdk_netdev_broken(nd, NULL);
		cr_assert_eq(uvdk_netdev_reset(nd), 0, "%s", uvdk_last_error());
		cr_assert_eq(net_mbufs_out(&net), 256, "round %d: %u", round, net_mbufs_out(&net));
	}
	cr_expect_gt(broken, 10, "%u", broken);
	net_destroy_after_evil(&net);
}

Test(virtio_net_evil, random_corruption_of_the_rings_loses_no_mbuf)
{
	for (unsigned int seed = 0; seed < 4; seed++) {
		fuzz("source,len=imix", seed);
		fuzz("source,len=imix,no-in-order", seed);
		fuzz("source,len=imix,no-in-order,no-event-idx,no-indirect", seed);
		fuzz("source,len=imix,no-batch", seed);
	}
}

/* ---- devices that can't be opened ---- */

static unsigned int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);

	return n;
}

static void refused(const char *evil, int err, const char *words)
{
	struct uvdk_ioas_stats before;
	struct uvdk_ioas_stats after;
	unsigned int fds;
	char args[100];
	int ret;

	snprintf(args, sizeof(args), "queues=2,evil=%s", evil);
	net_create(&net, true, 511, 2048);
	/* A good one first, so that the address space is all there. */
	cr_assert_eq(net_try_open(&net, ""), 0);
	uvdk_ioas_get_stats(net.ioas, &before);
	fds = descriptors();
	ret = net_try_open(&net, args);
	cr_expect_eq(ret, err, "%s: %d, %s", evil, ret, uvdk_last_error());
	cr_expect(strstr(uvdk_last_error(), words), "%s: %s", evil, uvdk_last_error());
	cr_expect_eq(descriptors(), fds, "%s", evil);
	uvdk_ioas_get_stats(net.ioas, &after);
	cr_expect_eq(after.maps, before.maps, "%s", evil);
	net_destroy_after_evil(&net);
}

Test(virtio_net_evil, absurd_devices_are_refused_with_a_sentence)
{
	refused("cap-loop", -ELOOP, "loops");
	refused("cap-truncated", -EBADMSG, "cut short");
	refused("cap-short", -EBADMSG, "common configuration");
	refused("cap-bar", -EPROTO, "common configuration");
	refused("cap-range", -EPROTO, "common configuration");
	refused("cap-missing", -EOPNOTSUPP, "common configuration");
	refused("queue-size-0", -EPROTO, "0 entries");
	refused("queue-size-huge", -EPROTO, "65535 entries");
	refused("queue-size-odd", -EPROTO, "100 entries");
	refused("no-version1", -EOPNOTSUPP, "VERSION_1");
	refused("features-ok", -EPROTO, "refuses features");
	refused("pairs-0", -EPROTO, "0 pairs");
	refused("pairs-huge", -EPROTO, "32768 pairs");
}

Test(virtio_net_evil, a_device_that_never_resets_is_refused_in_time)
{
	double began = now();

	refused("reset-stuck", -EPROTO, "status still reads");
	cr_expect_lt(now() - began, 20);
}

Test(virtio_net_evil, a_doorbell_outside_its_area_is_refused_at_start)
{
	struct uvdk_netdev *nd;

	net_create(&net, true, 511, 2048);
	cr_assert_eq(net_try_open(&net, "evil=notify-range"), 0, "%s", uvdk_last_error());
	nd = net.port[0].nd;
	cr_assert_eq(net_setup_queues(&net, nd, &(struct conf){0}), 0);
	cr_expect_eq(uvdk_netdev_start(nd), -EPROTO);
	cr_expect(strstr(uvdk_last_error(), "doorbell"), "%s", uvdk_last_error());
	cr_expect_eq(net_mbufs_out(&net), 0);
	net_destroy_after_evil(&net);
}

/* Without ACCESS_PLATFORM (bit 33) a device goes past the IOMMU. */
Test(virtio_net_evil, a_device_that_would_bypass_the_iommu_is_refused)
{
	net_create(&net, true, 511, 2048);
	cr_expect_eq(net_try_open(&net, "features=0x100000000"), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "iommu_platform=on"), "%s", uvdk_last_error());
	net_destroy_after_evil(&net);
}

Test(virtio_net_evil, a_device_of_the_least_features_works)
{
	stays_whole("source,features=0x300000000", 0);
	cr_expect_gt(net_seen(&net, 0).verified, 1000);
	net_destroy(&net);
}
