// SPDX-License-Identifier: BSD-3-Clause
#include <sched.h>

#include <rte_memory.h>

#include <uvdk_virtq_driver.h>

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

/* ---- devices that use buffers out of order ---- */

#define DESCS 256

/*
 * The model uses buffers in order. So elements of a used ring that the driver
 * has not seen yet are exchanged, which makes a device that does not.
 */
static void shuffle(uint8_t *ring, uint16_t seen, uint16_t *real)
{
	uint8_t *used = ring + uvdk_virtq_used_offset(DESCS);
	uint64_t *elem = (uint64_t *)(void *)(used + 4);
	uint16_t count;

	memcpy(&count, used + 2, sizeof(count));
	if ((int16_t)(count - *real) > 0)
		*real = count;
	count = (uint16_t)(*real - seen);
	cr_assert_leq(count, DESCS);
	for (uint16_t i = 0; i + 1 < count; i++) {
		uint16_t k = (uint16_t)(i + rand() % (count - i));
		uint64_t *a = &elem[(uint16_t)(seen + i) % DESCS];
		uint64_t *b = &elem[(uint16_t)(seen + k) % DESCS];
		uint64_t keep;

		memcpy(&keep, a, 8);
		memmove(a, b, 8);
		memcpy(b, &keep, 8);
	}
	/* Some of them come later. */
	if (count) {
		count = (uint16_t)(seen + 1 + rand() % count);
		memcpy(used + 2, &count, sizeof(count));
	}
}

/* Rings are what is not EAL memory; those of transmission are longer. */
static uint8_t *find_ring(bool tx)
{
	struct uvdk_map_info map;
	uvdk_iova_t iova = 0;

	for (; !uvdk_ioas_next(net.ioas, iova, &map); iova = map.iova + map.len)
		if (!rte_mem_virt2memseg_list(map.va) && map.len > 4096 && (map.len > 65536) == tx)
			return map.va;
	cr_assert_fail("no ring");
	return NULL;
}

static uint64_t cleaned(void)
{
	struct uvdk_netdev_xstat x[64];
	unsigned int n = uvdk_netdev_xstats(net.port[0].nd, x, 64);

	for (unsigned int i = 0; i < n; i++)
		if (!strcmp(x[i].name, "tx_q0_cleaned"))
			return x[i].value;
	cr_assert_fail("no tx_q0_cleaned");
	return 0;
}

static void out_of_order(const char *args, uint32_t offloads)
{
	uint16_t real[2] = {0, 0}; /* used indices of the model */
	uint64_t received = 0;
	uint64_t sent = 0;

	net_create(&net, true, 2047, 2048);
	net_add(&net, &(struct conf){.args = args, .descs = DESCS, .offloads = offloads});
	for (int round = 0; round < 3000; round++) {
		struct rte_mbuf *pkts[48];
		uint16_t n;
		uint16_t done;

		net_step(&net);
		/* In order at first: the driver must notice when that ends. */
		if (round > 30) {
			shuffle(find_ring(false), (uint16_t)received, &real[0]);
			shuffle(find_ring(true), (uint16_t)cleaned(), &real[1]);
		}
		n = uvdk_netdev_rx_burst(net.port[0].nd, 0, pkts, 48);
		received += n;
		done = uvdk_netdev_tx_burst(net.port[0].nd, 0, pkts, n);
		sent += done;
		rte_pktmbuf_free_bulk(pkts + done, n - done);
		cr_assert_not(uvdk_netdev_broken(net.port[0].nd, NULL));
	}
	net_step(&net);
	cr_expect_gt(sent, 50000, "%lu", (unsigned long)sent);
	cr_expect_eq(net_seen(&net, 0).sunk, sent);
	cr_expect_eq(net_seen(&net, 0).bad, 0);
	cr_expect_eq(net_seen(&net, 0).duplicates, 0);
	cr_expect_eq(net_seen(&net, 0).foreign, 0);
	cr_expect_gt(net_seen(&net, 0).out_of_order, 0);
	net_destroy(&net);
}

Test(virtio_net_move, buffers_may_be_used_out_of_order)
{
	out_of_order("source,len=imix,no-in-order", 0);
	out_of_order("source,len=imix,no-in-order,no-event-idx,no-indirect", 0);
	out_of_order("source,len=imix,no-in-order", UVDK_NETDEV_MULTI_SEG | UVDK_NETDEV_RX_CSUM);
}

/* ---- IN_ORDER devices that spare elements of the used ring ---- */

/*
 * Runs of full buffers and the one behind them become a batch: its element is
 * where the run starts, and the others are rubbish (2.7.9).
 */
static void batch_up(uint8_t *ring, uint16_t seen, uint32_t full)
{
	uint8_t *used = ring + uvdk_virtq_used_offset(DESCS);
	struct uvdk_virtq_used_elem *elem = (void *)(used + 4);
	uint16_t first = seen;
	uint16_t end;

	memcpy(&end, used + 2, sizeof(end));
	for (uint16_t i = seen; i != end; i++) {
		struct uvdk_virtq_used_elem e = elem[i % DESCS];

		if (e.len.raw == full && (uint16_t)(i + 1) != end)
			continue;
		for (uint16_t k = first; k != i; k++)
			elem[(uint16_t)(k + 1) % DESCS].id.raw = 12345;
		elem[first % DESCS] = e;
		first = (uint16_t)(i + 1);
	}
}

Test(virtio_net_move, in_order_batches_of_full_buffers_are_received)
{
	uint8_t frame[1500];
	uint32_t sent = 0;
	uint32_t got = 0;
	uint16_t seen = 0;

	net_create(&net, true, 2047, 300);
	net_add(&net, &(struct conf){.descs = DESCS, .offloads = UVDK_NETDEV_MULTI_SEG});
	for (int round = 0; round < 2000; round++) {
		struct rte_mbuf *pkts[8];
		uint16_t n;

		for (int i = 0; i < 4; i++, sent++) {
			packet_bytes(frame, sent, length_of(sent) % 1400 + 60);
			cr_assert_eq(uvdk_emu_virtio_net_inject(net.emu, net.port[0].name, 0, frame,
								length_of(sent) % 1400 + 60),
				     0);
		}
		net_step(&net);
		batch_up(find_ring(false), seen, 312);
		n = uvdk_netdev_rx_burst(net.port[0].nd, 0, pkts, 8);
		for (uint16_t i = 0; i < n; i++, got++) {
			packet_check(pkts[i], got, length_of(got) % 1400 + 60);
			seen = (uint16_t)(seen + pkts[i]->nb_segs);
			rte_pktmbuf_free(pkts[i]);
		}
		cr_assert_not(uvdk_netdev_broken(net.port[0].nd, NULL));
	}
	cr_expect_eq(got, sent);
	net_destroy(&net);
}

/* ---- what may be handed to transmission ---- */

static void one_port(const char *args, uint32_t offloads)
{
	struct conf conf = {.args = args, .offloads = offloads};

	net_create(&net, true, 2047, 2048);
	net_add(&net, &conf);
}

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

	one_port(args, UVDK_NETDEV_MULTI_SEG);

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

Test(virtio_net_move, shared_cloned_and_odd_mbufs_are_sent_untouched)
{
	kinds_of_mbufs("capture");
	kinds_of_mbufs("capture,no-indirect");
	kinds_of_mbufs("capture,no-indirect,no-in-order,no-event-idx");
}

/* Chains of descriptors after many packets of one each, and those again. */
Test(virtio_net_move, chains_and_simple_packets_may_alternate)
{
	static const char *const args[] = {"capture,no-indirect", "capture,no-indirect,no-batch",
					   "capture,no-indirect,no-in-order"};

	for (int a = 0; a < 3; a++) {
		one_port(args[a], UVDK_NETDEV_MULTI_SEG);
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

Test(virtio_net_move, a_packet_that_is_not_mapped_is_refused_and_freed)
{
	static _Alignas(4096) uint8_t elsewhere[8192];
	struct rte_mbuf_ext_shared_info shared = {.free_cb = free_nothing};
	struct uvdk_netdev_stats s;
	struct rte_mbuf *pkts[3];
	int freed = 0;

	one_port("capture", 0);
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

Test(virtio_net_move, a_chain_longer_than_the_ring_is_refused_and_freed)
{
	struct uvdk_netdev_stats s;

	one_port("capture,size=16,no-indirect", UVDK_NETDEV_MULTI_SEG);
	send(packet_make(net.pool, 1, 600, 17));
	send(packet_make(net.pool, 2, 600, 16));
	expect_captured(2, 600);
	uvdk_netdev_get_stats(net.port[0].nd, &s);
	cr_expect_eq(s.tx_packets, 1);
	cr_expect_eq(s.tx_errors, 1);
	net_destroy(&net);
}

Test(virtio_net_move, a_full_ring_takes_the_front_and_leaves_the_rest)
{
	struct rte_mbuf *pkts[64];
	uint16_t n;

	one_port("size=32", 0);
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

Test(virtio_net_move, one_doorbell_a_burst_at_most)
{
	struct rte_mbuf *pkts[32];
	uint64_t before;

	one_port("source,no-event-idx,no-in-order", 0);
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
	one_port("source,csum=valid", UVDK_NETDEV_RX_CSUM);
	cr_expect_eq(flags_of_next(), RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	net_destroy(&net);
	one_port("source,csum=partial", UVDK_NETDEV_RX_CSUM);
	cr_expect_eq(flags_of_next(), RTE_MBUF_F_RX_L4_CKSUM_NONE);
	net_destroy(&net);
	one_port("source,csum=valid", 0);
	cr_expect_eq(flags_of_next(), 0);
	net_destroy(&net);
}
