// SPDX-License-Identifier: BSD-3-Clause
#include "tx_priv.h"

/* Sent packets on their way back to their pools. */

/* Mbufs of one pool on their way back to it. */
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

/* Out of line: what has to be looked at. */
static __attribute__((noinline)) void free_slowly(struct uvdk_virtq *vq, struct garbage *g,
						  uint16_t id, struct rte_mbuf *m)
{
	uint16_t next = id;

	for (unsigned int left = vq->chain[id]; left; left--) {
		vq->free_ids[vq->free_tail++ & vq->mask] = next;
		next = vq->next[next];
	}
	vq->chain[id] = 1;

	while (m) {
		struct rte_mbuf *rest = m->next;

		m = rte_pktmbuf_prefree_seg(m);
		if (m)
			throw_away(g, m);
		m = rest;
	}
}

/* IN_ORDER with chains in the ring: one after the other. */
static void clean_chains_in_order(struct txq *q, struct garbage *g, uint16_t pending)
{
	struct uvdk_virtq *vq = &q->vq;

	for (; pending; pending--) {
		struct rte_mbuf *m;
		uint32_t len;
		int id = uvdk_virtq_take_in_order(vq, pending, &len);

		if (id < 0)
			return;
		m = mbuf_of(vq->cookie[id]);
		vq->cookie[id] = NULL;
		free_slowly(vq, g, (uint16_t)id, m);
	}
}

/*
 * Straight, from slot @slot up to the end of the ring or the first that takes a
 * second look: mbufs go to their pool from where they lie. What is pending is
 * outstanding, so there are mbufs.
 */
static __rte_always_inline unsigned int free_run(struct txq *q, uint32_t slot, unsigned int count,
						 bool check_id)
{
	struct uvdk_virtq *vq = &q->vq;
	const struct uvdk_virtq_used_elem *elem = vq->used_ring + slot;
	void **cookie = vq->cookie + slot;
	struct rte_mempool *pool;
	unsigned int i;

	if (count > vq->size - slot)
		count = vq->size - slot;
	if (!count)
		return 0;
	pool = mbuf_of(cookie[0])->pool;
	for (i = 0; i < count; i++) {
		const struct rte_mbuf *m = cookie[i];

		if ((check_id && unlikely(uvdk_get32(elem[i].id) != slot + i)) ||
		    unlikely((uintptr_t)m & LOOK) || unlikely(m->pool != pool))
			break;
	}
	if (i) {
		rte_mempool_put_bulk(pool, cookie, i);
		memset(cookie, 0, i * sizeof(*cookie));
	}
	vq->used_idx = (uint16_t)(vq->used_idx + i);
	vq->free_tail = (uint16_t)(vq->free_tail + i);

	return i;
}

/* A batch starts at @slot: of how many packets? 0 if that makes no sense. */
static unsigned int batch_of(struct txq *q, uint32_t slot, unsigned int pending)
{
	struct uvdk_virtq *vq = &q->vq;
	uint32_t id = uvdk_get32(vq->used_ring[slot].id);
	uint32_t batch = ((id - slot) & vq->mask) + 1;

	if (id > vq->mask)
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_ID, id, vq->mask);
	else if (batch > pending)
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_ORDER, id, (slot + pending - 1) & vq->mask);
	else
		return batch;

	return 0;
}

/* IN_ORDER and straight: one element may stand for a batch (2.7.9). */
static void clean_batches(struct txq *q, struct garbage *g, unsigned int pending)
{
	struct uvdk_virtq *vq = &q->vq;

	while (pending) {
		uint32_t slot = vq->used_idx & vq->mask;
		unsigned int batch = vq->batch ? vq->batch : batch_of(q, slot, pending);
		unsigned int done;

		if (!batch)
			break;
		done = free_run(q, slot, batch, false);
		if (!done) {
			struct rte_mbuf *m = mbuf_of(vq->cookie[slot]);

			vq->cookie[slot] = NULL;
			vq->used_idx++;
			free_slowly(vq, g, (uint16_t)slot, m);
			done = 1;
		}
		vq->batch = (uint16_t)(batch - done);
		pending -= done;
	}
	vq->next_head = vq->used_idx & vq->mask;
}

static __attribute__((noinline, cold)) void blame(struct uvdk_virtq *vq, uint32_t id)
{
	if (id > vq->mask)
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_ID, id, vq->mask);
	else
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_NOT_OUTSTANDING, id, 0);
}

static void clean_any_order(struct txq *q, struct garbage *g, uint16_t pending)
{
	struct uvdk_virtq *vq = &q->vq;
	const struct uvdk_virtq_used_elem *ring = vq->used_ring;
	uint16_t *free_ids = vq->free_ids;
	void **cookies = vq->cookie;
	uint32_t mask = vq->mask;
	uint32_t used = vq->used_idx;
	uint32_t end = used + pending;
	uint32_t tail = vq->free_tail;
	uint32_t astray = 0;

	for (; used != end; used++) {
		uint32_t id = uvdk_get32(ring[used & mask].id);
		void *cookie = id <= mask ? cookies[id] : NULL;

		if (unlikely(!cookie)) {
			blame(vq, id);
			break;
		}
		astray |= id ^ (used & mask);
		cookies[id] = NULL;
		if (likely(!((uintptr_t)cookie & LOOK))) {
			free_ids[tail++ & mask] = (uint16_t)id;
			throw_away(g, cookie);
			continue;
		}
		vq->free_tail = (uint16_t)tail;
		free_slowly(vq, g, (uint16_t)id, mbuf_of(cookie));
		tail = vq->free_tail;
	}
	q->straight = q->straight && !astray;
	vq->used_idx = (uint16_t)used;
	vq->free_tail = (uint16_t)tail;
}

void txq_clean(struct txq *q)
{
	struct garbage g = {0};
	uint16_t pending = uvdk_virtq_pending(&q->vq);
	unsigned int left = pending;

	if (!pending)
		return;
	if (q->vq.in_order && q->straight) {
		clean_batches(q, &g, pending);
	} else if (q->vq.in_order) {
		clean_chains_in_order(q, &g, pending);
	} else {
		/* Twice: up to the end of the ring, and from its start. */
		for (unsigned int i = 0; i < 2 && left && q->straight; i++)
			left -= free_run(q, q->vq.used_idx & q->vq.mask, left, true);
		if (left)
			clean_any_order(q, &g, (uint16_t)left);
	}
	flush(&g);
	uvdk_virtq_quiet(&q->vq);
	stat_add(&q->stats->cleaned, pending);
}

/* Packets that were never sent do not count as sent. */
void txq_drain(struct txq *q)
{
	unsigned int cursor = 0;
	void *cookie;

	while ((cookie = uvdk_virtq_reclaim(&q->vq, &cursor))) {
		struct rte_mbuf *m = mbuf_of(cookie);

		stat_add(&q->stats->packets, (uint64_t)-1);
		stat_add(&q->stats->bytes, -(uint64_t)m->pkt_len);
		stat_add(&q->stats->unsent, 1);
		rte_pktmbuf_free(m);
	}
	uvdk_virtq_reset(&q->vq);
}

/* The available ring as a straight queue has it. */
void txq_prepare(struct txq *q)
{
	struct uvdk_virtq *vq = &q->vq;

	for (unsigned int i = 0; i < vq->size; i++)
		vq->avail[UVDK_VIRTQ_RING + i] = uvdk_to_le16((uint16_t)i);
	q->straight = true;
}
