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

static uint64_t too_long(void)
{
	struct uvdk_netdev_xstat xstats[64];
	unsigned int count = uvdk_netdev_xstats(net.port[0].nd, xstats, 64);

	for (unsigned int i = 0; i < count && i < 64; i++)
		if (!strcmp(xstats[i].name, "tx_q0_too_long"))
			return xstats[i].value;
	return UINT64_MAX;
}

/* The frames of exactly the limit arrive, those of a byte more do not, and nobody suffers. */
static void keeps_to(uint32_t most)
{
	struct rte_mbuf *pkts[8] = {
		packet_make(net.pool, 0, most, 1),
		packet_make(net.pool, 1, most + 1, 1),
		packet_make(net.pool, 2, most, 3),
		packet_make(net.pool, 3, most + 1, 3),
		tagged(4, most + 4, 1),
		tagged(5, most + 5, 1),
		tagged(6, most + 5, 3),
		packet_make(net.pool, 7, 60, 1),
	};
	static const int arrive[] = {0, 2, 4, 7};
	uint8_t frame[16384];
	struct uvdk_netdev_stats s;

	cr_assert_eq(uvdk_netdev_tx_burst(net.port[0].nd, 0, pkts, 8), 8);
	net_step(&net);
	for (unsigned int i = 0; i < 4; i++) {
		uint32_t len = arrive[i] == 7 ? 60 : arrive[i] == 4 ? most + 4 : most;

		cr_expect_eq(uvdk_emu_virtio_net_capture(net.emu, net.port[0].name, frame,
							 sizeof(frame)),
			     (int)len, "frame %d", arrive[i]);
	}
	uvdk_netdev_get_stats(net.port[0].nd, &s);
	cr_expect_eq(s.tx_packets, 4);
	cr_expect_eq(s.tx_bytes, 3 * most + 4 + 60);
	cr_expect_eq(s.tx_errors, 4);
	cr_expect_eq(too_long(), 4);
	cr_expect_not(uvdk_netdev_broken(net.port[0].nd, NULL));
	uvdk_netdev_stop(net.port[0].nd);
	cr_expect_eq(net_mbufs_out(&net), 0);
	net_destroy(&net);
}

Test(virtio_net_mtu, of_the_device_binds)
{
	one_port("capture", 0);
	keeps_to(1514);
	one_port("capture,mtu=900", 0);
	keeps_to(914);
	one_port("capture,mtu=900", 600);
	keeps_to(914);
}
