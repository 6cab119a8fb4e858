/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTPMD_FWD_H
#define TESTPMD_FWD_H

#include <rte_ether.h>
#include <rte_mbuf.h>

#include <uvdk_netdev.h>

#include "options.h"

/*
 * Forwarding engines. A *stream* takes packets from one receive queue to one
 * transmit queue; an engine says what happens in between. A stream is worked
 * on by one forwarding core at a time; nothing below makes a system call.
 */

/* Ethernet, IPv4 and UDP header and some payload: the least that is generated. */
#define FWD_MIN_PKT 60

/* Written by the stream's core, read by the main thread at any time. */
struct fwd_counters {
	uint64_t rx;
	uint64_t tx;
	uint64_t dropped; /* received or generated, and not sent */
	uint64_t bad_ip;  /* mode csum: received with a wrong checksum */
	uint64_t bad_l4;
};

static inline void fwd_counters_add(struct fwd_counters *sum, const struct fwd_counters *a)
{
	sum->rx += a->rx;
	sum->tx += a->tx;
	sum->dropped += a->dropped;
	sum->bad_ip += a->bad_ip;
	sum->bad_l4 += a->bad_l4;
}

/* What a stream generates; filled in by fwd_template_init(). */
struct fwd_template {
	struct rte_mempool *pool;
	uint16_t seg_len[MAX_TX_SEGS];
	unsigned int segs;
	uint16_t total;
	uint8_t header[42]; /* Ethernet, IPv4, UDP */
	unsigned int flows;
	unsigned int next_flow;
};

struct fwd_stream {
	struct uvdk_netdev *rx;
	struct uvdk_netdev *tx; /* NULL: the port has left; packets are dropped */
	const struct fwd_engine *engine;
	uint16_t rx_queue;
	uint16_t tx_queue;
	uint16_t burst;
	uint16_t rx_port;
	uint16_t tx_port;
	uint16_t verbose;
	uint32_t retries; /* when the transmit queue is full */
	uint32_t retry_delay_us;
	uint32_t tx_offload; /* CSUM_HW_*: what the transmit port does itself */
	bool rx_cksum;	     /* the receive port verifies checksums */
	struct rte_ether_addr tx_mac;
	struct rte_ether_addr peer_mac;
	struct fwd_counters count;
	struct fwd_template template;
} __attribute__((aligned(64)));

/*
 * @forward moves one burst and returns how many packets it saw; 0 means idle.
 * @to_self: what a port receives leaves by the same port.
 * @receives: it takes packets from a port (txonly does not).
 * @sends: it gives packets to a port (rxonly does not).
 */
struct fwd_engine {
	const char *name;
	const char *what;
	unsigned int (*forward)(struct fwd_stream *s);
	bool to_self;
	bool receives;
	bool sends;
};

/* NULL-terminated. */
extern const struct fwd_engine *const fwd_engines[];

extern const struct fwd_engine fwd_io;
extern const struct fwd_engine fwd_mac;
extern const struct fwd_engine fwd_macswap;
extern const struct fwd_engine fwd_rxonly;
extern const struct fwd_engine fwd_txonly;
extern const struct fwd_engine fwd_csum;
extern const struct fwd_engine fwd_icmpecho;
extern const struct fwd_engine fwd_5tswap;
extern const struct fwd_engine fwd_flowgen;

const struct fwd_engine *fwd_engine_find(const char *name);

/* "io, mac, ..." for messages. */
char *fwd_engine_names(char *buf, size_t len);

/* Mode csum: what is left to the transmit port. */
#define CSUM_HW_UDP 1u
#define CSUM_HW_TCP 2u

/* Prepare what txonly and flowgen send. */
void fwd_template_init(struct fwd_template *t, const struct options *opts, struct rte_mempool *pool,
		       const struct rte_ether_addr *src, const struct rte_ether_addr *dst);

/* One packet like the template, of flow @flow; NULL when the pool is empty. */
struct rte_mbuf *fwd_template_make(const struct fwd_template *t, unsigned int flow);

/* Print what a burst looks like, for "set verbose". */
void fwd_dump(const struct fwd_stream *s, bool rx, struct rte_mbuf **pkts, uint16_t count);

/* The counters have one writer; a plain store lets others read a whole value. */
static inline void fwd_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline uint16_t fwd_receive(struct fwd_stream *s, struct rte_mbuf **pkts)
{
	uint16_t burst = __atomic_load_n(&s->burst, __ATOMIC_RELAXED);
	uint16_t n = uvdk_netdev_rx_burst(s->rx, s->rx_queue, pkts, burst);

	if (n == 0)
		return 0;
	fwd_count(&s->count.rx, n);
	if (__builtin_expect(__atomic_load_n(&s->verbose, __ATOMIC_RELAXED) & 1, 0))
		fwd_dump(s, true, pkts, n);
	return n;
}

/* Try again to send pkts[@sent..@n) as often as the stream says; returns what is sent now. */
uint16_t fwd_retry(const struct fwd_stream *s, struct rte_mbuf **pkts, uint16_t sent, uint16_t n);

/* Send what can be sent; free and count the rest. */
static inline void fwd_send(struct fwd_stream *s, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t sent = 0;

	if (n == 0)
		return;
	if (__builtin_expect(__atomic_load_n(&s->verbose, __ATOMIC_RELAXED) & 2, 0))
		fwd_dump(s, false, pkts, n);
	if (__builtin_expect(s->tx != NULL, 1))
		sent = uvdk_netdev_tx_burst(s->tx, s->tx_queue, pkts, n);
	if (__builtin_expect(sent < n && s->retries && s->tx, 0))
		sent = fwd_retry(s, pkts, sent, n);
	fwd_count(&s->count.tx, sent);
	if (__builtin_expect(sent < n, 0)) {
		fwd_count(&s->count.dropped, (uint64_t)(n - sent));
		rte_pktmbuf_free_bulk(&pkts[sent], (unsigned int)(n - sent));
	}
}

/* To the peer, from the port's own address; what is too short for that goes as it is. */
static inline void fwd_address(const struct fwd_stream *s, struct rte_mbuf *m)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);

	if (rte_pktmbuf_data_len(m) < sizeof(*eth))
		return;
	eth->dst_addr = s->peer_mac;
	eth->src_addr = s->tx_mac;
}

#endif /* TESTPMD_FWD_H */
