// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include <uvdk_netdev.h>

#include "fwd.h"
#include "pkt.h"

/*
 * Engines on ports that exist only as burst functions: the struct of the fast
 * path is all that an engine sees of a port.
 */
struct fake_queue {
	struct rte_mbuf *pkt[64];
	uint16_t count;
	uint16_t room; /* transmit: packets it takes */
};

struct fake_port {
	struct uvdk_netdev_fast fast;
	struct fake_queue rx;
	struct fake_queue tx;
};

static uint16_t fake_rx(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	struct fake_queue *q = queue;
	uint16_t n = count < q->count ? count : q->count;

	memcpy(pkts, q->pkt, n * sizeof(*pkts));
	memmove(q->pkt, q->pkt + n, (size_t)(q->count - n) * sizeof(*pkts));
	q->count = (uint16_t)(q->count - n);

	return n;
}

static uint16_t fake_tx(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	struct fake_queue *q = queue;
	uint16_t n = 0;

	while (n < count && q->count < q->room)
		q->pkt[q->count++] = pkts[n++];

	return n;
}

static struct fake_port a, b;
static struct fwd_stream stream;
static const struct rte_ether_addr own = {{2, 0, 0, 0, 0, 0xee}};
static const struct rte_ether_addr peer = {{2, 0, 0, 0, 0, 0x99}};

static void port_init(struct fake_port *port)
{
	memset(port, 0, sizeof(*port));
	port->fast.rx = fake_rx;
	port->fast.tx = fake_tx;
	port->fast.rxq[0] = &port->rx;
	port->fast.txq[0] = &port->tx;
	port->tx.room = 64;
}

static void setup(void)
{
	port_init(&a);
	port_init(&b);
	memset(&stream, 0, sizeof(stream));
	stream.rx = (struct uvdk_netdev *)&a;
	stream.tx = (struct uvdk_netdev *)&b;
	stream.burst = 8;
	stream.tx_mac = own;
	stream.peer_mac = peer;
}

TestSuite(engines, .init = setup);

static const uint8_t frame[60] = {2, 0, 0, 0, 0, 0xdd, 2, 0, 0, 0, 0, 0x55, 0x88, 0xb5, 'x'};

static void offer(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		a.rx.pkt[a.rx.count++] = pkt_make(frame, sizeof(frame), NULL);
}

static void free_sent(void)
{
	for (uint16_t i = 0; i < b.tx.count; i++)
		pkt_free(b.tx.pkt[i]);
}

Test(engines, io_moves_whole_bursts_in_order)
{
	struct rte_mbuf *offered[20];

	offer(20);
	memcpy(offered, a.rx.pkt, sizeof(offered));
	cr_expect_eq(fwd_io.forward(&stream), 8);
	cr_expect_eq(fwd_io.forward(&stream), 8);
	cr_expect_eq(fwd_io.forward(&stream), 4);
	cr_expect_eq(fwd_io.forward(&stream), 0);
	cr_assert_eq(b.tx.count, 20);
	cr_expect_arr_eq(b.tx.pkt, offered, sizeof(offered));
	cr_expect_eq(stream.count.rx, 20);
	cr_expect_eq(stream.count.tx, 20);
	cr_expect_eq(stream.count.dropped, 0);
	free_sent();
}

Test(engines, mac_sends_to_the_peer_from_the_port)
{
	uint8_t out[60];

	offer(1);
	cr_expect_eq(fwd_mac.forward(&stream), 1);
	cr_assert_eq(b.tx.count, 1);
	pkt_read(b.tx.pkt[0], out);
	cr_expect_arr_eq(out, peer.addr_bytes, 6);
	cr_expect_arr_eq(out + 6, own.addr_bytes, 6);
	cr_expect_arr_eq(out + 12, frame + 12, 48);
	free_sent();
}

Test(engines, macswap_and_5tswap_send_what_they_swapped)
{
	uint8_t out[60];

	offer(2);
	stream.burst = 1;
	cr_expect_eq(fwd_macswap.forward(&stream), 1);
	cr_expect_eq(fwd_5tswap.forward(&stream), 1);
	cr_assert_eq(b.tx.count, 2);
	for (int i = 0; i < 2; i++) {
		pkt_read(b.tx.pkt[i], out);
		cr_expect_arr_eq(out, frame + 6, 6);
		cr_expect_arr_eq(out + 6, frame, 6);
	}
	free_sent();
}

/* What comes back by the free functions of a pool, counted. */
static unsigned int freed;

static int fake_enqueue(struct rte_mempool *mp, void *const *objs, unsigned int n)
{
	(void)mp;
	for (unsigned int i = 0; i < n; i++)
		pkt_free(objs[i]);
	freed += n;

	return 0;
}

/* A pool of which only giving back works; enough for mbufs that get freed. */
static struct rte_mempool *fake_pool(void)
{
	static struct rte_mempool pool;
	struct rte_mempool_ops *ops = &rte_mempool_ops_table.ops[0];

	rte_mempool_ops_table.num_ops = 1;
	strcpy(ops->name, "fake");
	ops->enqueue = fake_enqueue;
	pool.ops_index = 0;

	return &pool;
}

static void offer_freeable(unsigned int count)
{
	unsigned int from = a.rx.count;

	offer(count);
	for (unsigned int i = from; i < a.rx.count; i++) {
		a.rx.pkt[i]->pool = fake_pool();
		rte_mbuf_refcnt_set(a.rx.pkt[i], 1);
	}
}

Test(engines, what_does_not_fit_is_freed_and_counted)
{
	offer_freeable(8);
	b.tx.room = 3;
	cr_expect_eq(fwd_io.forward(&stream), 8);
	cr_expect_eq(b.tx.count, 3);
	cr_expect_eq(freed, 5);
	cr_expect_eq(stream.count.rx, 8);
	cr_expect_eq(stream.count.tx, 3);
	cr_expect_eq(stream.count.dropped, 5);
	free_sent();
}

/* Takes two packets a call, whatever it is offered. */
static uint16_t slow_tx(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	return fake_tx(queue, pkts, count < 2 ? count : 2);
}

Test(engines, retries_send_what_a_full_queue_did_not_take)
{
	offer_freeable(8);
	b.fast.tx = slow_tx;
	stream.retries = 3;
	cr_expect_eq(fwd_io.forward(&stream), 8);
	cr_expect_eq(stream.count.tx, 8);
	cr_expect_eq(stream.count.dropped, 0);
	offer_freeable(8);
	stream.retries = 1;
	cr_expect_eq(fwd_io.forward(&stream), 8);
	cr_expect_eq(stream.count.tx, 12);
	cr_expect_eq(stream.count.dropped, 4);
	cr_expect_eq(freed, 4);
	free_sent();
}

Test(engines, without_a_transmit_port_all_is_dropped_and_counted)
{
	offer_freeable(8);
	stream.tx = NULL;
	cr_expect_eq(fwd_io.forward(&stream), 8);
	cr_expect_eq(freed, 8);
	cr_expect_eq(stream.count.rx, 8);
	cr_expect_eq(stream.count.tx, 0);
	cr_expect_eq(stream.count.dropped, 8);
}

Test(engines, rxonly_frees_all_and_drops_nothing)
{
	offer_freeable(8);
	cr_expect_eq(fwd_rxonly.forward(&stream), 8);
	cr_expect_eq(freed, 8);
	cr_expect_eq(stream.count.rx, 8);
	cr_expect_eq(stream.count.dropped, 0);
	cr_expect_eq(b.tx.count, 0);
}

Test(engines, icmpecho_counts_what_it_does_not_answer_as_dropped)
{
	offer_freeable(5);
	cr_expect_eq(fwd_icmpecho.forward(&stream), 5);
	cr_expect_eq(freed, 5);
	cr_expect_eq(stream.count.rx, stream.count.tx + stream.count.dropped);
	cr_expect_eq(stream.count.dropped, 5);
}

Test(engines, csum_counts_what_was_wrong)
{
	/* IPv4 with a header checksum of 0, which is wrong here. */
	uint8_t ip[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 46};

	a.rx.pkt[a.rx.count++] = pkt_make(ip, sizeof(ip), NULL);
	offer(1);
	cr_expect_eq(fwd_csum.forward(&stream), 2);
	cr_expect_eq(stream.count.bad_ip, 1);
	cr_expect_eq(stream.count.tx, 2);
	free_sent();
}

Test(engines, names_find_their_engine)
{
	char names[256];

	for (size_t i = 0; fwd_engines[i]; i++)
		cr_expect_eq(fwd_engine_find(fwd_engines[i]->name), fwd_engines[i]);
	cr_expect_null(fwd_engine_find("i"));
	cr_expect_null(fwd_engine_find(""));
	cr_expect_str_eq(fwd_engine_names(names, sizeof(names)),
			 "io, mac, macswap, rxonly, txonly, csum, icmpecho, 5tswap, flowgen");
}
