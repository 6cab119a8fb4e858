// SPDX-License-Identifier: BSD-3-Clause
#include "net_testing.h"

/* Packets get across, whatever the device offers and whatever they look like. */

TestSuite(virtio_net_move, .timeout = 100);

static uint32_t length_of(uint32_t n)
{
	return 60 + n * 37 % 1455;
}

/* At least so many segments that it fits. */
static unsigned int segs_of(uint32_t n, unsigned int max_segs, unsigned int room)
{
	return length_of(n) / (room - 30) + 1 + n % max_segs;
}

/* Sends packets from port 0 to port 1 and checks each. */
static void across(struct net *net, uint32_t count, unsigned int max_segs, unsigned int room,
		   unsigned int burst)
{
	uint32_t sent = 0;
	uint32_t got = 0;

	for (unsigned int idle = 0; got < count; idle++) {
		struct rte_mbuf *pkts[64];
		uint16_t n;

		cr_assert_lt(idle, 1000, "stuck: %u sent, %u received", sent, got);
		for (n = 0; n < burst && sent + n < count && net_mbufs_out(net) < 3000; n++)
			pkts[n] = packet_make(net->pool, sent + n, length_of(sent + n),
					      segs_of(sent + n, max_segs, room));
		for (uint16_t done = uvdk_netdev_tx_burst(net->port[0].nd, 0, pkts, n), i = 0;
		     i < n; i++)
			if (i < done)
				sent++;
			else
				rte_pktmbuf_free(pkts[i]);
		net_step(net);
		n = uvdk_netdev_rx_burst(net->port[1].nd, 0, pkts, (uint16_t)burst);
		cr_assert_leq(n, burst);
		for (uint16_t i = 0; i < n; i++, got++, idle = 0) {
			packet_check(pkts[i], got, length_of(got));
			rte_pktmbuf_free(pkts[i]);
		}
		cr_assert_not(uvdk_netdev_broken(net->port[0].nd, NULL));
		cr_assert_not(uvdk_netdev_broken(net->port[1].nd, NULL));
	}
	cr_assert_eq(sent, count);
}

static void across_pair(const char *args, uint32_t offloads, unsigned int room,
			unsigned int max_segs, unsigned int burst)
{
	struct conf conf = {.args = args, .offloads = offloads};
	struct uvdk_netdev_stats s;
	struct net net;

	net_create(&net, true, 4095, room);
	net_add(&net, &conf);
	net_add(&net, &conf);
	across(&net, 1500, max_segs, room, burst);
	uvdk_netdev_get_stats(net.port[0].nd, &s);
	cr_assert_eq(s.tx_packets, 1500);
	cr_assert_eq(s.tx_errors, 0);
	uvdk_netdev_get_stats(net.port[1].nd, &s);
	cr_assert_eq(s.rx_packets, 1500);
	cr_assert_eq(s.rx_errors, 0);
	net_destroy(&net);
}

Test(virtio_net_move, every_combination_of_features)
{
	static const char *const off[] = {"no-mrg", "no-indirect", "no-event-idx", "no-in-order",
					  "no-csum"};

	for (unsigned int mask = 0; mask < 32; mask++) {
		char args[128] = "link=A";

		for (unsigned int i = 0; i < 5; i++)
			if (mask >> i & 1)
				strcat(strcat(args, ","), off[i]);
		across_pair(args, 0, 2048, 1, 32);
		across_pair(args, UVDK_NETDEV_MULTI_SEG, 2048, 5, 32);
	}
}

Test(virtio_net_move, bursts_of_every_size)
{
	static const unsigned int bursts[] = {1, 3, 7, 31, 33, 64};

	for (unsigned int i = 0; i < 6; i++) {
		across_pair("link=A", UVDK_NETDEV_MULTI_SEG, 2048, 3, bursts[i]);
		across_pair("link=A,no-in-order", 0, 2048, 1, bursts[i]);
	}
}

Test(virtio_net_move, rings_of_every_size)
{
	for (unsigned int size = 4; size <= 1024; size *= 2) {
		char args[64];

		snprintf(args, sizeof(args), "link=A,size=%u", size);
		across_pair(args, UVDK_NETDEV_MULTI_SEG, 2048, 3, 32);
		snprintf(args, sizeof(args), "link=A,size=%u,no-in-order,no-indirect", size);
		across_pair(args, 0, 2048, 3, 32);
	}
}

Test(virtio_net_move, packets_larger_than_an_mbuf_are_merged)
{
	across_pair("link=A", UVDK_NETDEV_MULTI_SEG, 128, 12, 32);
	across_pair("link=A,no-in-order", UVDK_NETDEV_MULTI_SEG, 128, 12, 32);
	across_pair("link=A,no-in-order,no-event-idx", UVDK_NETDEV_MULTI_SEG, 300, 20, 7);
	across_pair("link=A,no-batch", UVDK_NETDEV_MULTI_SEG, 128, 12, 64);
}

Test(virtio_net_move, a_received_packet_looks_as_dpdk_has_it)
{
	struct conf conf = {.args = ""};
	uint8_t frame[100];
	struct rte_mbuf *m;
	struct net net;

	net_create(&net, true, 1023, 2048);
	net_add(&net, &conf);
	packet_bytes(frame, 1, sizeof(frame));
	for (int i = 0; i < 600; i++) {
		cr_assert_eq(uvdk_emu_virtio_net_inject(net.emu, net.port[0].name, 0, frame, 100),
			     0);
		net_step(&net);
		cr_assert_eq(uvdk_netdev_rx_burst(net.port[0].nd, 0, &m, 1), 1);
		cr_expect_eq(m->data_off, RTE_PKTMBUF_HEADROOM);
		cr_expect_eq(m->nb_segs, 1);
		cr_expect_null(m->next);
		cr_expect_eq(m->ol_flags, 0);
		cr_expect_eq(m->packet_type, 0);
		cr_expect_eq(m->data_len, 100);
		cr_expect_eq(rte_mbuf_refcnt_read(m), 1);
		rte_mbuf_sanity_check(m, 1);
		packet_check(m, 1, 100);
		/* What an application leaves behind must not be in the next packet. */
		m->packet_type = 77;
		m->ol_flags = RTE_MBUF_F_RX_VLAN;
		m->data_off = 3;
		rte_pktmbuf_free(m);
	}
	net_destroy(&net);
}

static struct net net;

Test(virtio_net_move, one_doorbell_a_burst_at_most)
{
	struct rte_mbuf *pkts[32];
	uint64_t before;

	net_one_port(&net, "source,no-event-idx,no-in-order", 0);
	net_step(&net);
	for (int round = 0; round < 50; round++) {
		uint16_t n;

		before = net_seen(&net, 0).notifications;
		n = uvdk_netdev_rx_burst(net.port[0].nd, 0, pkts, 32);
		cr_assert_leq(net_seen(&net, 0).notifications - before, 1);
		cr_assert_eq(n, 32);
		before = net_seen(&net, 0).notifications;
		cr_assert_eq(uvdk_netdev_tx_burst(net.port[0].nd, 0, pkts, n), n);
		cr_assert_leq(net_seen(&net, 0).notifications - before, 1);
		net_step(&net);
	}
	cr_assert_eq(net_seen(&net, 0).verified, 50 * 32);
	cr_assert_eq(net_seen(&net, 0).interrupts, 0);
	net_destroy(&net);
}

Test(virtio_net_move, traffic_spreads_over_all_queues)
{
	struct conf conf = {.args = "queues=4,source", .queues = 4};
	uint64_t got[4] = {0};
	uint64_t sent = 0;
	double deadline;

	net_create(&net, false, 8191, 2048);
	net_add(&net, &conf);
	deadline = now() + 30;
	while ((got[0] < 500 || got[1] < 500 || got[2] < 500 || got[3] < 500) && now() < deadline)
		for (unsigned int q = 0; q < 4; q++) {
			struct rte_mbuf *pkts[32];
			uint16_t n = uvdk_netdev_rx_burst(net.port[0].nd, q, pkts, 32);
			uint16_t done = uvdk_netdev_tx_burst(net.port[0].nd, q, pkts, n);

			got[q] += n;
			sent += done;
			while (done < n)
				rte_pktmbuf_free(pkts[done++]);
		}
	for (unsigned int q = 0; q < 4; q++)
		cr_expect_geq(got[q], 500);
	cr_expect(WITHIN(10, net_seen(&net, 0).sunk == sent));
	cr_expect_eq(net_seen(&net, 0).bad, 0);
	net_destroy(&net);
}

Test(virtio_net_move, an_empty_pool_stalls_reception_until_there_are_mbufs)
{
	struct rte_mbuf *held[600];
	struct uvdk_netdev_stats s;
	unsigned int n = 0;

	net_create(&net, true, 511, 2048);
	net_add(&net, &(struct conf){.args = "source", .descs = 256});
	for (int i = 0; i < 100; i++) {
		net_step(&net);
		n += uvdk_netdev_rx_burst(net.port[0].nd, 0, held + n, 32);
	}
	cr_assert_eq(n, 511, "%u", n);
	uvdk_netdev_get_stats(net.port[0].nd, &s);
	cr_expect_gt(s.rx_nombuf, 0);
	rte_pktmbuf_free_bulk(held, n);
	for (n = 0; n < 500;) {
		struct rte_mbuf *pkts[32];
		uint16_t got;

		got = uvdk_netdev_rx_burst(net.port[0].nd, 0, pkts, 32);
		net_step(&net);
		rte_pktmbuf_free_bulk(pkts, got);
		n += got;
	}
	net_destroy(&net);
}

/* ---- checksums ---- */

static uint64_t flags_of_next(void)
{
	struct rte_mbuf *m;
	uint64_t flags;

	net_step(&net);
	cr_assert_eq(uvdk_netdev_rx_burst(net.port[0].nd, 0, &m, 1), 1);
	flags = m->ol_flags;
	rte_pktmbuf_free(m);

	return flags;
}

Test(virtio_net_move, checksum_verdicts_reach_the_application)
{
	net_one_port(&net, "source,csum=valid", UVDK_NETDEV_RX_CSUM);
	cr_expect_eq(flags_of_next(), RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	net_destroy(&net);
	net_one_port(&net, "source,csum=partial", UVDK_NETDEV_RX_CSUM);
	cr_expect_eq(flags_of_next(), RTE_MBUF_F_RX_L4_CKSUM_NONE);
	net_destroy(&net);
	net_one_port(&net, "source,csum=valid", 0);
	cr_expect_eq(flags_of_next(), 0);
	net_destroy(&net);
}
