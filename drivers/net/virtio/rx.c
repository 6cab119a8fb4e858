// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "virtio_net_priv.h"

/*
 * Reception. Every buffer is one descriptor and one mbuf: the device writes its
 * header to the last bytes of the headroom, so that packet data starts where
 * DPDK has it (5.1.6.3, framing is free with VERSION_1: 2.7.4).
 *
 * A burst works in two passes. The first takes used buffers and checks them; it
 * touches no mbuf, only asks for its cache lines. The second fills the mbufs in.
 */

#define DATA_START (RTE_PKTMBUF_HEADROOM - HDR_LEN)

/* Ethernet header: anything shorter is no packet. */
#define MIN_PACKET 14

static __rte_always_inline void prefetch_mbuf(struct rte_mbuf *m, bool header)
{
	rte_prefetch0(m);
	/* Where the header is in a pool without private data: a guess that costs nothing. */
	if (header)
		rte_prefetch0((char *)(m + 1) + DATA_START);
}

/* First pass, device uses buffers as it likes. */
static __rte_always_inline unsigned int collect(struct rxq *q, struct rte_mbuf **bufs,
						uint32_t *lens, unsigned int count, bool header)
{
	struct uvdk_virtq *vq = &q->vq;
	const struct uvdk_virtq_used_elem *ring = vq->used_ring;
	uint16_t *free_ids = vq->free_ids;
	void **cookie = vq->cookie;
	uint32_t mask = vq->mask;
	uint32_t used = vq->used_idx;
	uint32_t tail = vq->free_tail;
	uint32_t room = q->buf_len;
	unsigned int i;

	for (i = 0; i < count; i++) {
		uint32_t id = uvdk_get32(ring[(used + i) & mask].id);
		uint32_t len = uvdk_get32(ring[(used + i) & mask].len);
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
		if (unlikely(len > room)) {
			uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_LEN, len, room);
			break;
		}
		prefetch_mbuf(m, header);
		cookie[id] = NULL;
		free_ids[(tail + i) & mask] = (uint16_t)id;
		bufs[i] = m;
		lens[i] = len;
	}
	vq->used_idx = (uint16_t)(used + i);
	vq->free_tail = (uint16_t)(tail + i);

	return i;
}

/* First pass, IN_ORDER: one element may stand for several buffers (2.7.9). */
static unsigned int collect_in_order(struct rxq *q, struct rte_mbuf **bufs, uint32_t *lens,
				     unsigned int count, uint16_t pending)
{
	struct uvdk_virtq *vq = &q->vq;
	unsigned int i;

	for (i = 0; i < count; i++) {
		int id = uvdk_virtq_take_in_order(vq, (uint16_t)(pending - i), &lens[i]);

		if (unlikely(id < 0))
			break;
		if (lens[i] == UVDK_VIRTQ_LEN_ALL)
			lens[i] = q->buf_len;
		bufs[i] = vq->cookie[id];
		vq->cookie[id] = NULL;
		vq->free_ids[vq->free_tail++ & vq->mask] = (uint16_t)id;
		if (unlikely(lens[i] > q->buf_len)) {
			uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_LEN, lens[i], q->buf_len);
			rte_mempool_put(q->pool, bufs[i]);
			break;
		}
		prefetch_mbuf(bufs[i], true);
	}

	return i;
}

static __rte_always_inline void fill_mbuf(const struct rxq *q, struct rte_mbuf *m, uint32_t len)
{
	/* data_off, refcnt, nb_segs, port; next is NULL in every mbuf of a pool */
	set_rearm(m, q->rearm);
	m->ol_flags = 0;
	m->packet_type = 0;
	m->pkt_len = len - (uint32_t)HDR_LEN;
	m->data_len = (uint16_t)(len - (uint32_t)HDR_LEN);
}

static uint64_t csum_flags(const struct net_hdr *hdr)
{
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

static void put_back(struct rxq *q, struct rte_mbuf **bufs, unsigned int count)
{
	if (count)
		rte_mempool_put_bulk(q->pool, (void **)bufs, count);
}

static __rte_always_inline uint16_t deliver(struct rxq *q, struct rte_mbuf **pkts,
					    const uint32_t *lens, unsigned int count)
{
	uint64_t bytes = 0;
	uint16_t out = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct rte_mbuf *m = pkts[i];

		if (unlikely(lens[i] < HDR_LEN + MIN_PACKET)) {
			stat_add(&q->stats->errors, 1);
			put_back(q, &m, 1);
			continue;
		}
		fill_mbuf(q, m, lens[i]);
		bytes += m->pkt_len;
		pkts[out++] = m;
	}
	stat_add(&q->stats->bytes, bytes);

	return out;
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
		b->count = collect(q, b->bufs, b->lens, count, true);
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

/* Makes one packet of the next buffers; NULL if it was bad. */
static __rte_always_inline struct rte_mbuf *assemble(struct rxq *q, struct batch *b)
{
	struct rte_mbuf *m = b->bufs[b->next];
	uint32_t len = b->lens[b->next++];
	const struct net_hdr *hdr = header_of(m);
	unsigned int num = q->multi_seg ? uvdk_get16(hdr->num_buffers) : 1;
	unsigned int left = b->count - b->next + b->pending;

	if (unlikely(len < HDR_LEN)) {
		stat_add(&q->stats->errors, 1);
		put_back(q, &m, 1);
		return NULL;
	}
	fill_mbuf(q, m, len);
	m->ol_flags = csum_flags(hdr);
	if (unlikely(num - 1 > left)) { /* also 0 */
		uvdk_virtq_break(&q->vq, UVDK_VIRTQ_FAULT_NUM_BUFFERS, num, left + 1);
		put_back(q, &m, 1);
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

/* Gives the device up to @count buffers; fewer if the pool has fewer. */
static unsigned int post(struct rxq *q, struct rte_mbuf **bufs, unsigned int count)
{
	struct uvdk_virtq *vq = &q->vq;
	struct uvdk_xlate xlate = q->xlate;
	struct uvdk_virtq_desc *desc = vq->desc;
	struct uvdk_le16 *ring = vq->avail + UVDK_VIRTQ_RING;
	const uint16_t *free_ids = vq->free_ids;
	void **cookie = vq->cookie;
	uint32_t mask = vq->mask;
	uint32_t head = vq->free_head;
	uint32_t avail = vq->avail_idx;
	unsigned int i;

	for (i = 0; i < count; i++) {
		struct rte_mbuf *m = bufs[i];
		uvdk_iova_t iova = uvdk_translate(&xlate, m->buf_addr);
		uint16_t id = free_ids[(head + i) & mask];

		if (unlikely(iova == UVDK_IOVA_NONE))
			break;
		cookie[id] = m;
		desc[id].addr = uvdk_to_le64(iova + DATA_START);
		ring[(avail + i) & mask] = uvdk_to_le16(id);
	}
	vq->free_head = (uint16_t)(head + i);
	vq->avail_idx = (uint16_t)(avail + i);

	return i;
}

/* Fewer and fewer at a time, when the pool is nearly empty. */
static unsigned int alloc(struct rxq *q, struct rte_mbuf **bufs, unsigned int count)
{
	for (; count; count = count > 1 ? (count + 3) / 4 : 0)
		if (likely(!rte_mempool_get_bulk(q->pool, (void **)bufs, count)))
			return count;

	return 0;
}

static __rte_always_inline void refill(struct rxq *q)
{
	struct uvdk_virtq *vq = &q->vq;
	unsigned int step = q->step;
	unsigned int posted = 0;

	if (uvdk_virtq_free_count(vq) < step)
		return;
	do {
		struct rte_mbuf *bufs[STEP];
		unsigned int count = alloc(q, bufs, step);
		unsigned int done = post(q, bufs, count);

		posted += done;
		if (unlikely(done < step)) {
			put_back(q, bufs + done, count - done);
			stat_add(&q->stats->nombuf, 1);
			break;
		}
	} while (uvdk_virtq_free_count(vq) >= step);

	if (posted) {
		stat_add(&q->stats->refills, posted);
		uvdk_virtq_kick(vq);
	}
}

/* Nothing from the header is needed: no merging, no checksums. */
static uint16_t burst_plain(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	struct rxq *q = queue;
	uint16_t out = 0;
	unsigned int left;

	if (unlikely(q->vq.fault) || unlikely(uvdk_device_gone(q->dev)))
		return 0;

	left = uvdk_virtq_pending(&q->vq);
	left = left < count ? left : count;
	while (left && !q->vq.fault) {
		uint32_t lens[STEP];
		unsigned int n = collect(q, pkts + out, lens, left < STEP ? left : STEP, false);

		left -= n;
		out = (uint16_t)(out + deliver(q, pkts + out, lens, n));
	}
	if (out) {
		uvdk_virtq_quiet(&q->vq);
		stat_add(&q->stats->packets, out);
	}
	refill(q);

	return out;
}

static __rte_always_inline uint16_t burst_header(struct rxq *q, struct rte_mbuf **pkts,
						 uint16_t count, bool in_order)
{
	struct batch b = {.in_order = in_order};
	uint64_t bytes = 0;
	uint16_t out = 0;

	if (unlikely(q->vq.fault) || unlikely(uvdk_device_gone(q->dev)))
		return 0;

	b.pending = uvdk_virtq_pending(&q->vq);
	while (out < count && more(q, &b, count - out)) {
		while (b.next < b.count && likely(!q->vq.fault)) {
			struct rte_mbuf *m = assemble(q, &b);

			if (likely(m)) {
				bytes += m->pkt_len;
				pkts[out++] = m;
			}
		}
		put_back(q, b.bufs + b.next, b.count - b.next);
	}
	if (out) {
		uvdk_virtq_quiet(&q->vq);
		stat_add(&q->stats->packets, out);
		stat_add(&q->stats->bytes, bytes);
	}
	refill(q);

	return out;
}

static uint16_t burst_any_order(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	return burst_header(queue, pkts, count, false);
}

static uint16_t burst_in_order(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	return burst_header(queue, pkts, count, true);
}

uvdk_netdev_burst_fn rx_burst_for(const struct virtio_net *net)
{
	if (net->vio.features & UVDK_VIRTIO_F_IN_ORDER)
		return burst_in_order;
	if (net->vio.features & (F_MRG_RXBUF | F_GUEST_CSUM))
		return burst_any_order;
	return burst_plain;
}

/* Everything but the address is the same for every buffer of a queue. */
static void prepare_descs(struct rxq *q)
{
	for (unsigned int i = 0; i < q->vq.size; i++)
		q->vq.desc[i] = (struct uvdk_virtq_desc){
			.len = uvdk_to_le32(q->buf_len),
			.flags = uvdk_to_le16(UVDK_VIRTQ_DESC_WRITE),
		};
}

int rxq_fill(struct virtio_net *net, struct rxq *q)
{
	prepare_descs(q);
	while (uvdk_virtq_free_count(&q->vq)) {
		struct rte_mbuf *m;

		if (rte_mempool_get(q->pool, (void **)&m))
			return uvdk_fail(-ENOMEM, COMPONENT,
					 "%s: queue %u: pool %s has no mbuf left for buffer %u of "
					 "%u; make the pool larger",
					 net->name, q->vq.index, q->pool->name,
					 q->vq.size - uvdk_virtq_free_count(&q->vq), q->vq.size);
		if (!post(q, &m, 1)) {
			put_back(q, &m, 1);
			return uvdk_fail(-EFAULT, COMPONENT,
					 "%s: queue %u: mbufs of pool %s are not mapped in the "
					 "port's I/O address space; call uvdk_eal_map_create()",
					 net->name, q->vq.index, q->pool->name);
		}
	}

	return 0;
}

void rxq_drain(struct rxq *q)
{
	unsigned int cursor = 0;
	struct rte_mbuf *m;

	while ((m = uvdk_virtq_reclaim(&q->vq, &cursor)))
		put_back(q, &m, 1);
	uvdk_virtq_reset(&q->vq);
}
