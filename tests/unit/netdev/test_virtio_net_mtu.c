// SPDX-License-Identifier: BSD-3-Clause
#include "net_testing.h"

/* Frames over the MTU are dropped and counted, for the device may not get them (5.1.4.2). */

TestSuite(virtio_net_mtu, .timeout = 30);

static struct net net;

static void one_port(const char *args, unsigned int mtu)
{
	struct conf conf = {.args = args, .offloads = UVDK_NETDEV_MULTI_SEG, .mtu = mtu};

	net_create(&net, true, 511, 2048);
	net_add(&net, &conf);
}

static struct rte_mbuf *tagged(uint32_t n, uint32_t len, unsigned int segs)
{
	struct rte_mbuf *m = packet_make(net.pool, n, len, segs);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	frame[12] = 0x81;
	frame[13] = 0x00;
	return m;
}

/* With a service tag around a customer's. */
static struct rte_mbuf *tagged_twice(uint32_t n, uint32_t len, unsigned int segs)
{
	struct rte_mbuf *m = tagged(n, len, segs);
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);

	memcpy(frame + 12, "\x88\xa8", 2);
	memcpy(frame + 16, "\x81\x00", 2);
	return m;
}

static void expect_frame(uint32_t n, uint32_t len)
{
	uint8_t frame[2048];
	uint8_t expect[2048];
	int got = uvdk_emu_virtio_net_capture(net.emu, net.port[0].name, frame, sizeof(frame));

	cr_assert_eq(got, (int)len, "frame %u: %d bytes, %u expected", n, got, len);
	packet_bytes(expect, n, len);
	/* But for the type, which tells of a tag. */
	cr_expect_eq(memcmp(frame, expect, 12), 0, "frame %u", n);
	cr_expect_eq(memcmp(frame + 14, expect + 14, len - 14), 0, "frame %u", n);
}

/* Frames of exactly @most bytes arrive, those of one more do not, and nobody else suffers. */
static void keeps_to(uint32_t most)
{
	struct uvdk_netdev *nd = net.port[0].nd;
	struct rte_mbuf *pkts[] = {
		packet_make(net.pool, 0, most, 1),
		packet_make(net.pool, 1, most + 1, 1),
		packet_make(net.pool, 2, most, 3),
		packet_make(net.pool, 3, most + 1, 3),
		tagged(4, most + 4, 1),
		tagged(5, most + 5, 1),
		packet_make(net.pool, 6, most + 4, 1),
		tagged(7, most + 5, 3),
		packet_make(net.pool, 8, 60, 1),
	};
	struct uvdk_netdev_stats s;

	uvdk_netdev_clear_stats(nd);
	cr_assert_eq(uvdk_netdev_tx_burst(nd, 0, pkts, 9), 9);
	net_step(&net);
	expect_frame(0, most);
	expect_frame(2, most);
	expect_frame(4, most + 4);
	expect_frame(8, 60);
	uvdk_netdev_get_stats(nd, &s);
	cr_expect_eq(s.tx_packets, 4);
	cr_expect_eq(s.tx_bytes, 3 * most + 4 + 60);
	cr_expect_eq(s.tx_errors, 5);
	cr_expect_eq(net_xstat(nd, "tx_q0_too_long"), 5);
	cr_expect_not(uvdk_netdev_broken(nd, NULL));
	cr_assert_eq(uvdk_netdev_stop(nd), 0);
	cr_expect_eq(net_mbufs_out(&net), 0);
}

Test(virtio_net_mtu, two_tags_are_no_payload)
{
	struct uvdk_netdev *nd;
	struct uvdk_netdev_stats s;
	struct rte_mbuf *pkts[5];
	uint8_t frame[2048];

	one_port("capture", 0);
	nd = net.port[0].nd;
	pkts[0] = tagged_twice(0, 1522, 1);
	pkts[1] = tagged_twice(1, 1522, 3);
	pkts[2] = tagged_twice(2, 1523, 1);
	pkts[3] = tagged(3, 1522, 1);
	pkts[4] = tagged_twice(4, 1523, 3);
	cr_assert_eq(uvdk_netdev_tx_burst(nd, 0, pkts, 5), 5);
	net_step(&net);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(uvdk_emu_virtio_net_capture(net.emu, net.port[0].name, frame,
							 sizeof(frame)),
			     1522);
	uvdk_netdev_get_stats(nd, &s);
	cr_expect_eq(s.tx_packets, 2);
	cr_expect_eq(s.tx_errors, 3);
	cr_expect_not(uvdk_netdev_broken(nd, NULL));
	net_destroy(&net);
}

Test(virtio_net_mtu, frames_over_it_are_dropped_and_counted)
{
	static const char *const args[] = {"capture", "capture,no-indirect", "capture,no-in-order",
					   "capture,no-batch"};

	for (unsigned int i = 0; i < sizeof(args) / sizeof(args[0]); i++) {
		one_port(args[i], 0);
		keeps_to(1514);
		net_destroy(&net);
	}
}

Test(virtio_net_mtu, is_the_devices_until_the_application_has_a_smaller_one)
{
	one_port("capture,mtu=900", 0);
	keeps_to(914);
	net_destroy(&net);
	one_port("capture,mtu=900", 600);
	keeps_to(614);
	net_destroy(&net);
}

Test(virtio_net_mtu, may_change_while_a_port_is_stopped)
{
	struct uvdk_netdev *nd;

	one_port("capture", 0);
	nd = net.port[0].nd;
	keeps_to(1514);
	cr_assert_eq(uvdk_netdev_set_mtu(nd, 700), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_netdev_start(nd), 0, "%s", uvdk_last_error());
	keeps_to(714);
	cr_assert_eq(uvdk_netdev_set_mtu(nd, 1400), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_netdev_start(nd), 0, "%s", uvdk_last_error());
	keeps_to(1414);
	net_destroy(&net);
}

/* A ring of them: what is dropped takes no room. */
Test(virtio_net_mtu, a_burst_of_nothing_but_long_frames_leaves_the_port_as_it_was)
{
	struct rte_mbuf *pkts[64];

	one_port("capture,size=32", 0);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 64; i++)
			pkts[i] = packet_make(net.pool, i, 1515, 1);
		cr_assert_eq(uvdk_netdev_tx_burst(net.port[0].nd, 0, pkts, 64), 64);
	}
	cr_expect_eq(net_xstat(net.port[0].nd, "tx_q0_too_long"), 192);
	cr_expect_eq(net_xstat(net.port[0].nd, "tx_q0_doorbells"), 0);
	keeps_to(1514);
	net_destroy(&net);
}
