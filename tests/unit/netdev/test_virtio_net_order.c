// SPDX-License-Identifier: BSD-3-Clause
#include <rte_memory.h>

#include <uvdk_virtq_driver.h>

#include "net_testing.h"

/* Devices use buffers out of order, or in batches: what the model does not do is made up here. */

TestSuite(virtio_net_order, .timeout = 100);

static struct net net;

static uint32_t length_of(uint32_t n)
{
	return 60 + n * 37 % 1400;
}

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
			shuffle(find_ring(true),
				(uint16_t)net_xstat(net.port[0].nd, "tx_q0_cleaned"), &real[1]);
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

Test(virtio_net_order, buffers_may_be_used_out_of_order)
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

Test(virtio_net_order, in_order_batches_of_full_buffers_are_received)
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
			packet_bytes(frame, sent, length_of(sent));
			cr_assert_eq(uvdk_emu_virtio_net_inject(net.emu, net.port[0].name, 0, frame,
								length_of(sent)),
				     0);
		}
		net_step(&net);
		batch_up(find_ring(false), seen, 312);
		n = uvdk_netdev_rx_burst(net.port[0].nd, 0, pkts, 8);
		for (uint16_t i = 0; i < n; i++, got++) {
			packet_check(pkts[i], got, length_of(got));
			seen = (uint16_t)(seen + pkts[i]->nb_segs);
			rte_pktmbuf_free(pkts[i]);
		}
		cr_assert_not(uvdk_netdev_broken(net.port[0].nd, NULL));
	}
	cr_expect_eq(got, sent);
	net_destroy(&net);
}
