// SPDX-License-Identifier: BSD-3-Clause
#include "net_testing.h"

/* What may be handed to transmission, and what becomes of it. */

TestSuite(virtio_net_send, .timeout = 100);

static struct net net;

static void send(struct rte_mbuf *m)
{
	cr_assert_eq(uvdk_netdev_tx_burst(net.port[0].nd, 0, &m, 1), 1);
	net_step(&net);
}

static void expect_captured(uint32_t n, uint32_t len)
{
	uint8_t expect[16384];
	uint8_t frame[16384];
	int got = uvdk_emu_virtio_net_capture(net.emu, net.port[0].name, frame, sizeof(frame));

	packet_bytes(expect, n, len);
	cr_assert_eq(got, (int)len, "%d bytes captured, %u sent", got, len);
	cr_assert_eq(memcmp(frame, expect, len), 0);
}

static void expect_bytes(struct rte_mbuf *m, uint32_t n, uint32_t len)
{
	uint8_t expect[2048];

	packet_bytes(expect, n, len);
	cr_assert_eq(memcmp(rte_pktmbuf_mtod(m, void *), expect, len), 0);
}

static void kinds_of_mbufs(const char *args)
{
	struct rte_mbuf *m;
	struct rte_mbuf *clone;

	net_one_port(&net, args, UVDK_NETDEV_MULTI_SEG);

	/* Shared: neither its data nor its headroom may be written. */
	m = packet_make(net.pool, 1, 200, 1);
	rte_mbuf_refcnt_update(m, 1);
	memset(m->buf_addr, 0xaa, RTE_PKTMBUF_HEADROOM);
	send(m);
	expect_captured(1, 200);
	for (int i = 0; i < RTE_PKTMBUF_HEADROOM; i++)
		cr_assert_eq(((uint8_t *)m->buf_addr)[i], 0xaa);
	send(m);
	expect_captured(1, 200);

	/* A clone points into somebody else's buffer. */
	m = packet_make(net.pool, 2, 300, 1);
	clone = rte_pktmbuf_clone(m, net.pool);
	send(clone);
	expect_captured(2, 300);
	expect_bytes(m, 2, 300);
	rte_pktmbuf_free(m);

	/* No room for a header in front. */
	m = packet_make(net.pool, 3, 400, 1);
	cr_assert(rte_pktmbuf_prepend(m, RTE_PKTMBUF_HEADROOM - 11));
	packet_bytes(rte_pktmbuf_mtod(m, uint8_t *), 4, m->pkt_len);
	send(m);
	expect_captured(4, 400 + RTE_PKTMBUF_HEADROOM - 11);

	/* Just enough room. */
	m = packet_make(net.pool, 3, 400, 1);
	cr_assert(rte_pktmbuf_prepend(m, RTE_PKTMBUF_HEADROOM - 12));
	packet_bytes(rte_pktmbuf_mtod(m, uint8_t *), 5, m->pkt_len);
	send(m);
	expect_captured(5, 400 + RTE_PKTMBUF_HEADROOM - 12);

	/* More segments than an indirect table here has entries; an empty one. */
	send(packet_make(net.pool, 6, 1500, 40));
	expect_captured(6, 1500);
	m = packet_make(net.pool, 7, 100, 1);
	m->next = rte_pktmbuf_alloc(net.pool);
	m->nb_segs = 2;
	send(m);
	expect_captured(7, 100);

	net_destroy(&net);
}

Test(virtio_net_send, shared_cloned_and_odd_mbufs_are_sent_untouched)
{
	kinds_of_mbufs("capture");
	kinds_of_mbufs("capture,no-indirect");
	kinds_of_mbufs("capture,no-indirect,no-in-order,no-event-idx");
}

/* Chains of descriptors after many packets of one each, and those again. */
Test(virtio_net_send, chains_and_simple_packets_may_alternate)
{
	static const char *const args[] = {"capture,no-indirect", "capture,no-indirect,no-batch",
					   "capture,no-indirect,no-in-order"};

	for (int a = 0; a < 3; a++) {
		net_one_port(&net, args[a], UVDK_NETDEV_MULTI_SEG);
		for (uint32_t n = 0; n < 3000; n++) {
			send(packet_make(net.pool, n, 300, n / 500 % 2 ? 1 + n % 7 : 1));
			expect_captured(n, 300);
		}
		net_destroy(&net);
	}
}

static void free_nothing(void *addr, void *opaque)
{
	(void)addr;
	++*(int *)opaque;
}

Test(virtio_net_send, a_packet_that_is_not_mapped_is_refused_and_freed)
{
	static _Alignas(4096) uint8_t elsewhere[8192];
	struct rte_mbuf_ext_shared_info shared = {.free_cb = free_nothing};
	struct uvdk_netdev_stats s;
	struct rte_mbuf *pkts[3];
	int freed = 0;

	net_one_port(&net, "capture", 0);
	shared.fcb_opaque = &freed;
	rte_mbuf_ext_refcnt_set(&shared, 1);
	pkts[0] = packet_make(net.pool, 1, 100, 1);
	pkts[1] = rte_pktmbuf_alloc(net.pool);
	rte_pktmbuf_attach_extbuf(pkts[1], elsewhere, RTE_BAD_IOVA, sizeof(elsewhere), &shared);
	rte_pktmbuf_append(pkts[1], 100);
	pkts[2] = packet_make(net.pool, 2, 100, 1);
	cr_assert_eq(uvdk_netdev_tx_burst(net.port[0].nd, 0, pkts, 3), 3);
	net_step(&net);
	expect_captured(1, 100);
	expect_captured(2, 100);
	cr_expect_eq(freed, 1);
	uvdk_netdev_get_stats(net.port[0].nd, &s);
	cr_expect_eq(s.tx_packets, 2);
	cr_expect_eq(s.tx_errors, 1);
	net_destroy(&net);
}

Test(virtio_net_send, a_chain_longer_than_the_ring_is_refused_and_freed)
{
	struct uvdk_netdev_stats s;

	net_one_port(&net, "capture,size=16,no-indirect", UVDK_NETDEV_MULTI_SEG);
	send(packet_make(net.pool, 1, 600, 17));
	send(packet_make(net.pool, 2, 600, 16));
	expect_captured(2, 600);
	uvdk_netdev_get_stats(net.port[0].nd, &s);
	cr_expect_eq(s.tx_packets, 1);
	cr_expect_eq(s.tx_errors, 1);
	net_destroy(&net);
}

Test(virtio_net_send, a_full_ring_takes_the_front_and_leaves_the_rest)
{
	struct rte_mbuf *pkts[64];
	uint16_t n;

	net_one_port(&net, "size=32", 0);
	for (uint32_t i = 0; i < 64; i++)
		pkts[i] = packet_make(net.pool, i, 100, 1);
	n = uvdk_netdev_tx_burst(net.port[0].nd, 0, pkts, 64);
	cr_assert_eq(n, 32);
	cr_assert_eq(uvdk_netdev_tx_burst(net.port[0].nd, 0, pkts + 32, 32), 0);
	net_step(&net);
	cr_assert_eq(uvdk_netdev_tx_burst(net.port[0].nd, 0, pkts + 32, 32), 32);
	net_step(&net);
	cr_assert_eq(net_seen(&net, 0).sunk, 64);
	net_destroy(&net);
}
