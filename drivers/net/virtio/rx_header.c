// SPDX-License-Identifier: BSD-3-Clause
#include <rte_prefetch.h>

#include "rx_priv.h"

/*
 * Reception where the header matters: merged buffers, checksums, and IN_ORDER.
 *
 * A burst works in two passes. The first takes used buffers and checks them; it
 * touches no mbuf, only asks for its cache lines. The second reads headers and
 * fills the mbufs in.
 */

static __rte_always_inline void prefetch_mbuf(struct rte_mbuf *m)
{
	rte_prefetch0(m);
	/* Where the header is in a pool without private data: a guess that costs nothing. */
	rte_prefetch0((char *)(m + 1) + DATA_START);
}

/* First pass, device uses buffers as it likes. */
static __rte_always_inline unsigned int collect(struct rxq *q, struct rte_mbuf **bufs,
						uint32_t *lens, unsigned int count)
{
	struct uvdk_virtq *vq = &q->vq;
	const struct uvdk_virtq_used_elem *ring = vq->used_ring;
	uint16_t *free_ids = vq->free_ids;
	void **cookie = vq->cookie;
	uint32_t mask = vq->mask;
	uint32_t used = vq->used_idx;
	uint32_t room = q->buf_len;
	uint32_t astray = 0;
	unsigned int i;

	for (i = 0; i < count; i++) {
		uint32_t slot = (used + i) & mask;
		uint32_t id = uvdk_get32(ring[slot].id);
		uint32_t len = uvdk_get32(ring[slot].len);
		struct rte_mbuf *m = id <= mask ? cookie[id] : NULL;

		if (unlikely(!m) || unlikely(len > room)) {
			rxq_check_used(q, id, len);
			break;
		}
		prefetch_mbuf(m);
		astray |= id ^ slot;
		cookie[id] = NULL;
		free_ids[slot] = (uint16_t)id;
		bufs[i] = m;
		lens[i] = len;
	}
	q->straight = q->straight && !astray;
	vq->used_idx = (uint16_t)(used + i);
	vq->free_tail = (uint16_t)(vq->free_tail + i);

	return i;
}

/* First pass, IN_ORDER: descriptor and slot are one. */
static __rte_always_inline unsigned int collect_in_order(struct rxq *q, struct rte_mbuf **bufs,
							 uint32_t *lens, unsigned int count,
							 uint32_t pending)
{
	struct uvdk_virtq *vq = &q->vq;
	void **cookie = vq->cookie;
	uint32_t mask = vq->mask;
	uint32_t used = vq->used_idx;
	unsigned int i;

	for (i = 0; i < count; i++) {
		uint32_t slot = (used + i) & mask;

		if (unlikely(!rxq_next_in_order(q, slot, pending - i, &lens[i])))
			break;
		bufs[i] = cookie[slot];
		cookie[slot] = NULL;
		prefetch_mbuf(bufs[i]);
	}
	vq->used_idx = (uint16_t)(used + i);
	vq->free_tail = (uint16_t)(vq->free_tail + i);

	return i;
}

static __rte_always_inline uint64_t csum_flags(const struct net_hdr *hdr)
{
	if (likely(!hdr->flags))
		return 0;
	/* The sender left the checksum to somebody else, or it was verified (5.1.6.4). */
	if (hdr->flags & HDR_F_NEEDS_CSUM)
		return RTE_MBUF_F_RX_L4_CKSUM_NONE;
	if (hdr->flags & HDR_F_DATA_VALID)
		return RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	return 0;
}

static const struct net_hdr *header_of(const struct rte_mbuf *m)
{
	return (const struct net_hdr *)(const void *)((const char *)m->buf_addr + DATA_START);
}

/* Used buffers on their way to becoming packets. */
struct batch {
	struct rte_mbuf *bufs[STEP];
	uint32_t lens[STEP];
	unsigned int count;
	unsigned int next;
	uint16_t pending; /* used, not taken yet */
	bool in_order;
};

/* Takes more of what is pending; false if there is none. */
static bool more(struct rxq *q, struct batch *b, unsigned int want)
{
	unsigned int count = want < b->pending ? want : b->pending;

	if (count > STEP)
		count = STEP;
	b->next = 0;
	if (!count || q->vq.fault)
		b->count = 0;
	else if (b->in_order)
		b->count = collect_in_order(q, b->bufs, b->lens, count, b->pending);
	else
		b->count = collect(q, b->bufs, b->lens, count);
	b->pending = (uint16_t)(b->pending - b->count);

	return b->count;
}

/* Links the other buffers of a merged packet behind @head (5.1.6.4). */
static bool merge(struct rxq *q, struct batch *b, struct rte_mbuf *head, unsigned int num)
{
	struct rte_mbuf *last = head;

	while (--num) {
		struct rte_mbuf *m;

		if (b->next == b->count && !more(q, b, num))
			return false;
		m = b->bufs[b->next];
		set_rearm(m, q->rearm);
		m->data_off = DATA_START;
		m->ol_flags = 0;
		m->data_len = (uint16_t)b->lens[b->next++];
		head->pkt_len += m->data_len;
		head->nb_segs++;
		last->next = m;
		last = m;
	}

	return true;
}

/* Makes one packet of the next buffers, whatever they are; NULL if it was bad. */
static __attribute__((noinline)) struct rte_mbuf *assemble(struct rxq *q, struct batch *b)
{
	struct rte_mbuf *m = b->bufs[b->next];
	uint32_t len = b->lens[b->next++];
	const struct net_hdr *hdr = header_of(m);
	unsigned int num = q->multi_seg ? uvdk_get16(hdr->num_buffers) : 1;
	unsigned int left = b->count - b->next + b->pending;

	if (unlikely(len < HDR_LEN)) {
		stat_add(&q->stats->errors, 1);
		rxq_put_back(q, &m, 1);
		return NULL;
	}
	fill_mbuf(m, q->rearm, len - (uint32_t)HDR_LEN);
	m->ol_flags = csum_flags(hdr);
	if (unlikely(num - 1 > left)) { /* also 0 */
		uvdk_virtq_break(&q->vq, UVDK_VIRTQ_FAULT_NUM_BUFFERS, num, left + 1);
		rxq_put_back(q, &m, 1);
		return NULL;
	}
	if (unlikely(num > 1) && unlikely(!merge(q, b, m, num))) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	if (unlikely(m->pkt_len < MIN_PACKET)) {
		stat_add(&q->stats->errors, 1);
		rte_pktmbuf_free(m);
		return NULL;
	}

	return m;
}

/* The usual packets of a batch: one buffer each; up to the first that is not. */
static __rte_always_inline uint16_t deliver(struct rxq *q, struct batch *b, struct rte_mbuf **pkts,
					    uint64_t *bytes)
{
	uint32_t span = q->buf_len - LEAST;
	uint16_t one = q->multi_seg ? 1 : 0;
	uint16_t any = q->multi_seg ? 0xffff : 0;
	uint64_t rearm = q->rearm;
	unsigned int i = b->next;
	uint64_t sum = 0;
	uint16_t out = 0;

	for (; i < b->count; i++) {
		struct rte_mbuf *m = b->bufs[i];
		const struct net_hdr *hdr = header_of(m);
		uint32_t len = b->lens[i];

		if (unlikely((uvdk_get16(hdr->num_buffers) & any) != one) ||
		    unlikely(len - LEAST > span))
			break;
		len -= (uint32_t)HDR_LEN;
		sum += len;
		fill_mbuf(m, rearm, len);
		m->ol_flags = csum_flags(hdr);
		pkts[out++] = m;
	}
	b->next = i;
	*bytes += sum;

	return out;
}

static __rte_always_inline uint16_t burst_header(struct rxq *q, struct rte_mbuf **pkts,
						 uint16_t count, bool in_order)
{
	struct batch b;
	uint64_t bytes = 0;
	uint16_t out = 0;

	if (unlikely(q->vq.fault) || unlikely(uvdk_device_gone(q->dev)))
		return 0;

	b.in_order = in_order;
	b.pending = uvdk_virtq_pending(&q->vq);
	while (out < count && more(q, &b, count - out)) {
		while (b.next < b.count && likely(!q->vq.fault)) {
			struct rte_mbuf *m;

			out = (uint16_t)(out + deliver(q, &b, pkts + out, &bytes));
			if (likely(b.next == b.count))
				break;
			m = assemble(q, &b);
			if (likely(m)) {
				bytes += m->pkt_len;
				pkts[out++] = m;
			}
		}
		rxq_put_back(q, b.bufs + b.next, b.count - b.next);
	}
	if (out) {
		uvdk_virtq_quiet(&q->vq);
		stat_add(&q->stats->packets, out);
		stat_add(&q->stats->bytes, bytes);
	}
	rxq_refill(q);

	return out;
}

uint16_t rx_burst_any_order(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	return burst_header(queue, pkts, count, false);
}

uint16_t rx_burst_in_order(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	return burst_header(queue, pkts, count, true);
}
