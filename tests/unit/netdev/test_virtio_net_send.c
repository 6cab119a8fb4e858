// SPDX-License-Identifier: BSD-3-Clause
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "net_testing.h"

/* What may be handed to transmission, and what becomes of it. */

TestSuite(virtio_net_send, .timeout = 100);

static struct net net;

static void send_one(struct rte_mbuf *m)
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
	send_one(m);
	expect_captured(1, 200);
	for (int i = 0; i < RTE_PKTMBUF_HEADROOM; i++)
		cr_assert_eq(((uint8_t *)m->buf_addr)[i], 0xaa);
	send_one(m);
	expect_captured(1, 200);

	/* A clone points into somebody else's buffer. */
	m = packet_make(net.pool, 2, 300, 1);
	clone = rte_pktmbuf_clone(m, net.pool);
	send_one(clone);
	expect_captured(2, 300);
	expect_bytes(m, 2, 300);
	rte_pktmbuf_free(m);

	/* No room for a header in front. */
	m = packet_make(net.pool, 3, 400, 1);
	cr_assert(rte_pktmbuf_prepend(m, RTE_PKTMBUF_HEADROOM - 11));
	packet_bytes(rte_pktmbuf_mtod(m, uint8_t *), 4, m->pkt_len);
	send_one(m);
	expect_captured(4, 400 + RTE_PKTMBUF_HEADROOM - 11);

	/* Just enough room. */
	m = packet_make(net.pool, 3, 400, 1);
	cr_assert(rte_pktmbuf_prepend(m, RTE_PKTMBUF_HEADROOM - 12));
	packet_bytes(rte_pktmbuf_mtod(m, uint8_t *), 5, m->pkt_len);
	send_one(m);
	expect_captured(5, 400 + RTE_PKTMBUF_HEADROOM - 12);

	/* More segments than an indirect table here has entries; an empty one. */
	send_one(packet_make(net.pool, 6, 1500, 40));
	expect_captured(6, 1500);
	m = packet_make(net.pool, 7, 100, 1);
	m->next = rte_pktmbuf_alloc(net.pool);
	m->nb_segs = 2;
	send_one(m);
	expect_captured(7, 100);

	net_destroy(&net);
}

Test(virtio_net_send, shared_cloned_and_odd_mbufs_are_sent_untouched)
{
	kinds_of_mbufs("capture");
	kinds_of_mbufs("capture,no-indirect");
	kinds_of_mbufs("capture,no-indirect,no-in-order,no-event-idx");
}

#define L2 sizeof(struct rte_ether_hdr)
#define L3 sizeof(struct rte_ipv4_hdr)

/* A UDP packet of 100 bytes behind @skip bytes more of headroom; its checksum is the device's. */
static struct rte_mbuf *udp_without_checksum(unsigned int skip)
{
	struct rte_mbuf *m = packet_make(net.pool, 1, 100 + skip, 1);
	struct rte_ipv4_hdr ip = {
		.version_ihl = 0x45,
		.total_length = rte_cpu_to_be_16(100 - L2),
		.next_proto_id = IPPROTO_UDP,
		.src_addr = RTE_BE32(0x0a000001),
		.dst_addr = RTE_BE32(0x0a000002),
	};
	struct rte_udp_hdr udp = {
		.src_port = RTE_BE16(9),
		.dst_port = RTE_BE16(9),
		.dgram_len = rte_cpu_to_be_16(100 - L2 - L3),
	};
	char *data = rte_pktmbuf_adj(m, (uint16_t)skip);

	memcpy(data + L2, &ip, sizeof(ip));
	memcpy(data + L2 + L3, &udp, sizeof(udp));
	m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_CKSUM;
	m->l2_len = L2;
	m->l3_len = L3;

	return m;
}

Test(virtio_net_send, the_device_computes_checksums_wherever_a_packet_begins)
{
	_Alignas(4) uint8_t frame[2 + 256]; /* so that the IP header is aligned */
	struct rte_ipv4_hdr *ip = (void *)(frame + 2 + L2);
	struct rte_udp_hdr *udp = (void *)(frame + 2 + L2 + L3);
	struct rte_mbuf *plain;
	rte_be16_t sum;

	net_one_port(&net, "capture", UVDK_NETDEV_TX_CSUM);
	for (unsigned int skip = 0; skip < 4; skip++) {
		send_one(udp_without_checksum(skip));
		cr_assert_eq(uvdk_emu_virtio_net_capture(net.emu, net.port[0].name, frame + 2, 256),
			     100);
		sum = udp->dgram_cksum;
		udp->dgram_cksum = 0;
		cr_expect_eq(sum, rte_ipv4_udptcp_cksum(ip, udp), "%u", skip);

		plain = udp_without_checksum(skip);
		plain->ol_flags = 0;
		send_one(plain);
		cr_assert_eq(uvdk_emu_virtio_net_capture(net.emu, net.port[0].name, frame + 2, 256),
			     100);
		cr_expect_eq(udp->dgram_cksum, 0);
	}
	net_destroy(&net);
}

/* Chains of descriptors after many packets of one each, and those again. */
Test(virtio_net_send, chains_and_simple_packets_may_alternate)
{
	static const char *const args[] = {"capture,no-indirect", "capture,no-indirect,no-batch",
					   "capture,no-indirect,no-in-order"};

	for (int a = 0; a < 3; a++) {
		net_one_port(&net, args[a], UVDK_NETDEV_MULTI_SEG);
		for (uint32_t n = 0; n < 3000; n++) {
			send_one(packet_make(net.pool, n, 300, n / 500 % 2 ? 1 + n % 7 : 1));
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
	send_one(packet_make(net.pool, 1, 600, 17));
	send_one(packet_make(net.pool, 2, 600, 16));
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
