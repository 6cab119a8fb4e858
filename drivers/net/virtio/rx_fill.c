// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "rx_priv.h"

/* Buffers on their way to the device, and back when it has been reset. */

/* Fewer and fewer at a time, when the pool is nearly empty. */
static unsigned int alloc(struct rxq *q, void **bufs, unsigned int count)
{
	for (; count; count = count > 1 ? (count + 3) / 4 : 0)
		if (likely(!rte_mempool_get_bulk(q->pool, bufs, count)))
			return count;

	return 0;
}

/* Straight, not past the end of the ring: mbufs go where they will lie. */
static unsigned int post_straight(struct rxq *q, unsigned int count)
{
	struct uvdk_virtq *vq = &q->vq;
	const struct uvdk_xlate xlate = q->xlate;
	uint32_t slot = vq->free_head & vq->mask;
	struct uvdk_virtq_desc *desc = vq->desc + slot;
	void **cookie = vq->cookie + slot;
	unsigned int got = alloc(q, cookie, count);
	struct near near = NEAR_NOTHING;
	unsigned int i;

	for (i = 0; i < got; i++) {
		const struct rte_mbuf *m = cookie[i];
		uvdk_iova_t iova;

		if (unlikely(!translate_near(&xlate, &near, m->buf_addr, &iova)))
			break;
		desc[i].addr = uvdk_to_le64(iova + DATA_START);
	}
	if (unlikely(i < count)) {
		rxq_put_back(q, (struct rte_mbuf **)(void *)(cookie + i), got - i);
		memset(cookie + i, 0, (count - i) * sizeof(*cookie));
	}
	vq->free_head = (uint16_t)(vq->free_head + i);
	vq->avail_idx = (uint16_t)(vq->avail_idx + i);

	return i;
}

static unsigned int post_any(struct rxq *q, unsigned int count)
{
	struct uvdk_virtq *vq = &q->vq;
	struct rte_mbuf *bufs[STEP];
	unsigned int got = alloc(q, (void **)bufs, count);
	unsigned int i;

	for (i = 0; i < got; i++) {
		uvdk_iova_t iova = uvdk_translate(&q->xlate, bufs[i]->buf_addr);
		uint32_t slot = vq->free_head & vq->mask;
		uint16_t id = vq->free_ids[slot];

		if (unlikely(iova == UVDK_IOVA_NONE))
			break;
		vq->cookie[id] = bufs[i];
		vq->desc[id].addr = uvdk_to_le64(iova + DATA_START);
		vq->avail[UVDK_VIRTQ_RING + slot] = uvdk_to_le16(id);
		vq->free_head++;
		vq->avail_idx++;
	}
	rxq_put_back(q, bufs + i, got - i);

	return i;
}

/* Up to a step of buffers; false if some could not be had. */
static bool post(struct rxq *q, unsigned int *posted)
{
	unsigned int left = q->vq.size - (q->vq.free_head & q->vq.mask);
	unsigned int count = q->step;
	unsigned int done;

	if (q->straight) {
		count = count < left ? count : left;
		done = post_straight(q, count);
	} else {
		done = post_any(q, count);
	}
	*posted += done;

	return done == count;
}

void rxq_refill(struct rxq *q)
{
	unsigned int posted = 0;

	while (uvdk_virtq_free_count(&q->vq) >= q->step)
		if (unlikely(!post(q, &posted))) {
			stat_add(&q->stats->nombuf, 1);
			break;
		}

	if (posted) {
		stat_add(&q->stats->refills, posted);
		uvdk_virtq_kick(&q->vq);
	}
}

/* Everything but the address is the same for every buffer of a queue. */
static void prepare(struct rxq *q)
{
	struct uvdk_virtq *vq = &q->vq;

	for (unsigned int i = 0; i < vq->size; i++) {
		vq->desc[i] = (struct uvdk_virtq_desc){
			.len = uvdk_to_le32(q->buf_len),
			.flags = uvdk_to_le16(UVDK_VIRTQ_DESC_WRITE),
		};
		vq->avail[UVDK_VIRTQ_RING + i] = uvdk_to_le16((uint16_t)i);
	}
	q->straight = true;
}

static int explain(struct virtio_net *net, struct rxq *q)
{
	unsigned int have = q->vq.size - uvdk_virtq_free_count(&q->vq);
	struct rte_mbuf *m = NULL;
	bool unmapped = false;

	if (!rte_mempool_get(q->pool, (void **)&m)) {
		unmapped = uvdk_translate(&q->xlate, m->buf_addr) == UVDK_IOVA_NONE;
		rxq_put_back(q, &m, 1);
	}
	if (unmapped)
		return uvdk_fail(-EFAULT, COMPONENT,
				 "%s: queue %u: mbufs of pool %s are not mapped in the port's I/O "
				 "address space; call uvdk_eal_map_create()",
				 net->name, q->vq.index, q->pool->name);

	return uvdk_fail(-ENOMEM, COMPONENT,
			 "%s: queue %u: pool %s has mbufs for %u buffers of %u; make it larger",
			 net->name, q->vq.index, q->pool->name, have, q->vq.size);
}

int rxq_fill(struct virtio_net *net, struct rxq *q)
{
	unsigned int posted = 0;

	prepare(q);
	while (uvdk_virtq_free_count(&q->vq))
		if (!post(q, &posted))
			return explain(net, q);

	return 0;
}

void rxq_drain(struct rxq *q)
{
	unsigned int cursor = 0;
	struct rte_mbuf *m;

	while ((m = uvdk_virtq_reclaim(&q->vq, &cursor)))
		rxq_put_back(q, &m, 1);
	uvdk_virtq_reset(&q->vq);
}
