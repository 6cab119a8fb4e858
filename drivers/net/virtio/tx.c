// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_ip.h>

#include "virtio_net_priv.h"

/*
 * Transmission. The usual packet is one mbuf that is all ours: the header goes
 * in front of its data and it takes one descriptor. For all others see
 * send_slowly(). Sent mbufs are cleaned when half of the ring is in use.
 */

/* refcnt and nb_segs in the word at rearm_data, and their value in a simple mbuf */
#define ONE_MASK UINT64_C(0x0000ffffffff0000)
#define ONE	 UINT64_C(0x0000000100010000)

_Static_assert(offsetof(struct rte_mbuf, refcnt) == offsetof(struct rte_mbuf, data_off) + 2 &&
		       offsetof(struct rte_mbuf, nb_segs) ==
			       offsetof(struct rte_mbuf, data_off) + 4,
	       "data_off, refcnt, nb_segs in one word");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "data_off in the lowest bits");

/* Memory of somebody else, or something to be done to the packet. */
#define NOT_SIMPLE (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_TX_L4_MASK)

/* ---- taking sent packets back ---- */

struct garbage {
	struct rte_mempool *pool;
	unsigned int count;
	void *mbufs[STEP];
};

static void flush(struct garbage *g)
{
	if (g->count)
		rte_mempool_put_bulk(g->pool, g->mbufs, g->count);
	g->count = 0;
}

static __rte_always_inline void throw_away(struct garbage *g, struct rte_mbuf *m)
{
	if (unlikely(m->pool != g->pool) || unlikely(g->count == STEP)) {
		flush(g);
		g->pool = m->pool;
	}
	g->mbufs[g->count++] = m;
}

static void throw_chain_away(struct garbage *g, struct rte_mbuf *m)
{
	while (m) {
		struct rte_mbuf *next = m->next;

		m = rte_pktmbuf_prefree_seg(m);
		if (m)
			throw_away(g, m);
		m = next;
	}
}

static __rte_always_inline void throw_packet_away(struct garbage *g, struct rte_mbuf *m)
{
	if (likely((get_rearm(m) & ONE_MASK) == ONE) &&
	    likely(!(m->ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL))))
		throw_away(g, m);
	else
		throw_chain_away(g, m);
}

static void free_descs(struct uvdk_virtq *vq, uint16_t id)
{
	for (unsigned int left = vq->chain[id]; left; left--) {
		vq->free_ids[vq->free_tail++ & vq->mask] = id;
		id = vq->next[id];
	}
}

/* Out of line: chains of descriptors. */
static __attribute__((noinline)) void free_chain(struct uvdk_virtq *vq, uint16_t id)
{
	free_descs(vq, id);
	vq->chain[id] = 1;
}

static void clean_in_order(struct txq *q, struct garbage *g, uint16_t pending)
{
	struct uvdk_virtq *vq = &q->vq;

	for (; pending; pending--) {
		uint32_t len;
		int id = uvdk_virtq_take_in_order(vq, pending, &len);

		if (id < 0)
			return;
		throw_packet_away(g, vq->cookie[id]);
		vq->cookie[id] = NULL;
		free_chain(vq, (uint16_t)id);
	}
}

static void clean_any_order(struct txq *q, struct garbage *g, uint16_t pending)
{
	struct uvdk_virtq *vq = &q->vq;
	const struct uvdk_virtq_used_elem *ring = vq->used_ring;
	const uint16_t *chain = vq->chain;
	void **cookie = vq->cookie;
	uint32_t mask = vq->mask;
	uint32_t used = vq->used_idx;
	uint32_t end = used + pending;

	for (; used != end; used++) {
		uint32_t id = uvdk_get32(ring[used & mask].id);
		struct rte_mbuf *m;

		if (unlikely(id > mask)) {
			uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_ID, id, mask);
			break;
		}
		m = cookie[id];
		if (unlikely(!m)) {
			uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_NOT_OUTSTANDING, id, 0);
			break;
		}
		cookie[id] = NULL;
		if (likely(chain[id] == 1))
			vq->free_ids[vq->free_tail++ & mask] = (uint16_t)id;
		else
			free_chain(vq, (uint16_t)id);
		throw_packet_away(g, m);
	}
	vq->used_idx = (uint16_t)used;
}

void txq_clean(struct txq *q)
{
	struct garbage g = {0};
	uint16_t pending = uvdk_virtq_pending(&q->vq);

	if (!pending)
		return;
	if (q->vq.in_order)
		clean_in_order(q, &g, pending);
	else
		clean_any_order(q, &g, pending);
	flush(&g);
	uvdk_virtq_quiet(&q->vq);
	stat_add(&q->stats->cleaned, pending);
}

/* Packets that were never sent do not count as sent. */
void txq_drain(struct txq *q)
{
	unsigned int cursor = 0;
	struct rte_mbuf *m;

	while ((m = uvdk_virtq_reclaim(&q->vq, &cursor))) {
		stat_add(&q->stats->packets, (uint64_t)-1);
		stat_add(&q->stats->bytes, -(uint64_t)m->pkt_len);
		stat_add(&q->stats->unsent, 1);
		rte_pktmbuf_free(m);
	}
	uvdk_virtq_reset(&q->vq);
}

/* ---- packets that are not simple ---- */

enum verdict { SENT, NO_ROOM, HOPELESS };

/* Is there room for the header in front of the data, and nobody else's? */
static bool can_prepend(const struct rte_mbuf *m)
{
	return rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) && m->data_off >= HDR_LEN;
}

/*
 * The device adds the checksum over the rest to what is in its place, which has
 * to be that of the pseudo header (5.1.6.2).
 */
static void seed_csum(struct rte_mbuf *m, uint32_t csum_at)
{
	void *ip = rte_pktmbuf_mtod_offset(m, void *, m->l2_len);
	uint16_t sum;

	if (m->ol_flags & RTE_MBUF_F_TX_IPV6)
		sum = rte_ipv6_phdr_cksum(ip, m->ol_flags);
	else
		sum = rte_ipv4_phdr_cksum(ip, m->ol_flags);
	*rte_pktmbuf_mtod_offset(m, rte_be16_t *, csum_at) = sum;
}

/* Asks for the L4 checksum; false if the lengths in the mbuf make no sense. */
static bool fill_header(const struct txq *q, struct rte_mbuf *m, struct net_hdr *hdr)
{
	uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	uint32_t start = (uint32_t)(m->l2_len + m->l3_len);
	uint32_t at;

	*hdr = (struct net_hdr){0};
	if (!q->csum || (l4 != RTE_MBUF_F_TX_TCP_CKSUM && l4 != RTE_MBUF_F_TX_UDP_CKSUM))
		return true;

	at = l4 == RTE_MBUF_F_TX_TCP_CKSUM ? 16 : 6; /* RFC 9293, 3.1; RFC 768 */
	if (start + at + 2 > m->pkt_len || m->l2_len < 14 || m->l3_len < 20)
		return false;
	hdr->flags = HDR_F_NEEDS_CSUM;
	hdr->csum_start = uvdk_to_le16((uint16_t)start);
	hdr->csum_offset = uvdk_to_le16((uint16_t)at);
	/* Shared data is not ours to write: there the sender has done it. */
	if (start + at + 2 <= m->data_len && rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m))
		seed_csum(m, start + at);

	return true;
}

/* Calls @fn for each piece; how many pieces there are, -1 if one is unmapped. */
static int for_each_piece(struct txq *q, struct rte_mbuf *m, uint16_t slot,
			  void (*fn)(struct txq *q, void *arg, int i, uvdk_iova_t iova,
				     uint32_t len),
			  void *arg)
{
	bool prepend = can_prepend(m);
	int count = 0;

	if (!prepend)
		fn(q, arg, count++, q->slots_iova + slot * sizeof(struct tx_slot), HDR_LEN);

	for (bool first = true; m; m = m->next, first = false) {
		uvdk_iova_t iova = uvdk_translate(&q->xlate, rte_pktmbuf_mtod(m, void *));
		uint32_t in_front = first && prepend ? (uint32_t)HDR_LEN : 0;

		if (iova == UVDK_IOVA_NONE)
			return -1;
		if (m->data_len + in_front && count <= q->vq.mask)
			fn(q, arg, count, iova - in_front, m->data_len + in_front);
		count += m->data_len + in_front ? 1 : 0;
	}

	return count;
}

static void only_count(struct txq *q, void *arg, int i, uvdk_iova_t iova, uint32_t len)
{
	(void)q;
	(void)arg;
	(void)i;
	(void)iova;
	(void)len;
}

/* Piece @i of an indirect table of @arg descriptors. */
static void to_table(struct txq *q, void *arg, int i, uvdk_iova_t iova, uint32_t len)
{
	const int count = *(int *)arg;
	struct uvdk_virtq *vq = &q->vq;
	struct tx_slot *slot = &q->slots[vq->free_ids[vq->free_head & vq->mask]];
	bool last = i + 1 == count;

	slot->desc[i] = (struct uvdk_virtq_desc){
		.addr = uvdk_to_le64(iova),
		.len = uvdk_to_le32(len),
		.flags = uvdk_to_le16(last ? 0 : UVDK_VIRTQ_DESC_NEXT),
		.next = uvdk_to_le16((uint16_t)(last ? 0 : i + 1)),
	};
}

/* Piece @i of a chain of @arg descriptors in the ring. */
static void to_ring(struct txq *q, void *arg, int i, uvdk_iova_t iova, uint32_t len)
{
	const int count = *(int *)arg;
	struct uvdk_virtq *vq = &q->vq;
	uint16_t id = vq->free_ids[(vq->free_head + i) & vq->mask];
	uint16_t next = vq->free_ids[(vq->free_head + i + 1) & vq->mask];
	bool last = i + 1 == count;

	vq->next[id] = next;
	vq->desc[id] = (struct uvdk_virtq_desc){
		.addr = uvdk_to_le64(iova),
		.len = uvdk_to_le32(len),
		.flags = uvdk_to_le16(last ? 0 : UVDK_VIRTQ_DESC_NEXT),
		.next = uvdk_to_le16(last ? 0 : next),
	};
}

static void point_to_table(struct txq *q, uint16_t id, int count)
{
	uvdk_iova_t table =
		q->slots_iova + id * sizeof(struct tx_slot) + offsetof(struct tx_slot, desc);

	q->vq.desc[id] = (struct uvdk_virtq_desc){
		.addr = uvdk_to_le64(table),
		.len = uvdk_to_le32((uint32_t)count * (uint32_t)sizeof(struct uvdk_virtq_desc)),
		.flags = uvdk_to_le16(UVDK_VIRTQ_DESC_INDIRECT),
	};
}

/* Chains, shared or foreign memory, checksums, packets without headroom. */
static __attribute__((noinline)) enum verdict send_slowly(struct txq *q, struct rte_mbuf *m)
{
	struct uvdk_virtq *vq = &q->vq;
	uint16_t id = vq->free_ids[vq->free_head & vq->mask];
	int count = for_each_piece(q, m, id, only_count, NULL);
	bool indirect = q->indirect && count > 1 && count <= TX_SLOT_DESCS;
	struct net_hdr *hdr = &q->slots[id].hdr;

	if (count <= 0 || (!indirect && count > vq->size))
		return HOPELESS;
	if (uvdk_virtq_free_count(vq) < (indirect ? 1 : count))
		return NO_ROOM;
	if (can_prepend(m))
		hdr = (void *)(rte_pktmbuf_mtod(m, char *) - HDR_LEN);
	if (!fill_header(q, m, hdr))
		return HOPELESS;

	for_each_piece(q, m, id, indirect ? to_table : to_ring, &count);
	if (indirect) {
		point_to_table(q, id, count);
		count = 1;
	}
	vq->chain[id] = (uint16_t)count;
	vq->cookie[id] = m;
	vq->free_head = (uint16_t)(vq->free_head + count);
	vq->avail[UVDK_VIRTQ_RING + (vq->avail_idx++ & vq->mask)] = uvdk_to_le16(id);

	return SENT;
}

/* ---- the burst ---- */

static __rte_always_inline bool send_simply(struct txq *q, struct rte_mbuf *m)
{
	struct uvdk_virtq *vq = &q->vq;
	uint64_t word = get_rearm(m);
	uint32_t off = (uint16_t)word;
	struct net_hdr *hdr;
	uvdk_iova_t iova;
	uint16_t id;

	if (unlikely((word & ONE_MASK) != ONE) || unlikely(m->ol_flags & NOT_SIMPLE) ||
	    unlikely(off < HDR_LEN) || unlikely(vq->free_head == vq->free_tail))
		return false;
	iova = uvdk_translate(&q->xlate, m->buf_addr);
	if (unlikely(iova == UVDK_IOVA_NONE))
		return false;

	off -= (uint32_t)HDR_LEN;
	hdr = (void *)((char *)m->buf_addr + off);
	*hdr = (struct net_hdr){0};
	id = vq->free_ids[vq->free_head++ & vq->mask];
	vq->cookie[id] = m;
	vq->desc[id] = (struct uvdk_virtq_desc){
		.addr = uvdk_to_le64(iova + off),
		.len = uvdk_to_le32(m->data_len + (uint32_t)HDR_LEN),
	};
	vq->avail[UVDK_VIRTQ_RING + (vq->avail_idx++ & vq->mask)] = uvdk_to_le16(id);

	return true;
}

/* SENT also for one that was given up: it is gone either way. */
static enum verdict send_otherwise(struct txq *q, struct rte_mbuf *m)
{
	enum verdict verdict = send_slowly(q, m);

	if (verdict == NO_ROOM) {
		txq_clean(q);
		if (!q->vq.fault)
			verdict = send_slowly(q, m);
	}
	if (verdict == HOPELESS) {
		stat_add(&q->stats->errors, 1);
		rte_pktmbuf_free(m);
	}

	return verdict;
}

uint16_t tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	struct txq *q = queue;
	struct uvdk_virtq *vq = &q->vq;
	uint64_t packets = 0;
	uint64_t bytes = 0;
	uint16_t i;

	if (unlikely(vq->fault) || unlikely(uvdk_device_gone(q->dev)))
		return 0;
	if (uvdk_virtq_free_count(vq) < vq->size / 2u || uvdk_virtq_free_count(vq) < count)
		txq_clean(q);

	for (i = 0; i < count && likely(!vq->fault); i++) {
		struct rte_mbuf *m = pkts[i];
		uint32_t len = m->pkt_len;

		if (unlikely(!send_simply(q, m))) {
			enum verdict verdict = send_otherwise(q, m);

			if (verdict == NO_ROOM)
				break;
			if (verdict == HOPELESS)
				continue;
		}
		bytes += len;
		packets++;
	}
	if (packets) {
		stat_add(&q->stats->packets, packets);
		stat_add(&q->stats->bytes, bytes);
		uvdk_virtq_kick(vq);
	}

	return i;
}
