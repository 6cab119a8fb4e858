// SPDX-License-Identifier: BSD-3-Clause
#include "rx_priv.h"

/*
 * Reception where nothing from the header is needed: no merging, no checksums.
 * One pass will do: mbufs are only written to, which nobody has to wait for.
 */

__attribute__((noinline, cold)) bool rxq_check_used(struct rxq *q, uint32_t id, uint32_t len)
{
	struct uvdk_virtq *vq = &q->vq;

	if (id > vq->mask)
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_ID, id, vq->mask);
	else if (!vq->cookie[id])
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_NOT_OUTSTANDING, id, 0);
	else if (len > q->buf_len)
		uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_LEN, len, q->buf_len);

	return !vq->fault;
}

/* Straight, up to the end of the ring or the first that is not as usual. */
static __rte_always_inline unsigned int take_straight(struct rxq *q, struct rte_mbuf **pkts,
						      unsigned int count, uint64_t *bytes)
{
	struct uvdk_virtq *vq = &q->vq;
	uint32_t slot = vq->used_idx & vq->mask;
	const struct uvdk_virtq_used_elem *elem = vq->used_ring + slot;
	void **cookie = vq->cookie + slot;
	uint32_t span = q->buf_len - LEAST;
	uint64_t rearm = q->rearm;
	uint64_t sum = 0;
	unsigned int i;

	if (count > vq->size - slot)
		count = vq->size - slot;
	for (i = 0; i < count; i++) {
		uint32_t len = uvdk_get32(elem[i].len);
		struct rte_mbuf *m = cookie[i];

		/* What is pending is outstanding, so there is an mbuf. */
		if (unlikely(uvdk_get32(elem[i].id) != slot + i) || unlikely(len - LEAST > span))
			break;
		cookie[i] = NULL;
		len -= (uint32_t)HDR_LEN;
		sum += len;
		fill_mbuf(m, rearm, len);
		pkts[i] = m;
	}
	vq->used_idx = (uint16_t)(vq->used_idx + i);
	vq->free_tail = (uint16_t)(vq->free_tail + i);
	*bytes += sum;

	return i;
}

/* A runt is dropped; what breaks a rule is left where it is. */
static __attribute__((noinline, cold)) bool drop_runt(struct rxq *q, uint32_t id, uint32_t len)
{
	struct rte_mbuf *m;

	if (!rxq_check_used(q, id, len))
		return false;
	m = q->vq.cookie[id];
	rxq_put_back(q, &m, 1);
	stat_add(&q->stats->errors, 1);

	return true;
}

/* In any order, with anything. */
static __attribute__((noinline)) unsigned int take_any(struct rxq *q, struct rte_mbuf **pkts,
						       unsigned int count, uint64_t *bytes)
{
	struct uvdk_virtq *vq = &q->vq;
	const struct uvdk_virtq_used_elem *ring = vq->used_ring;
	uint16_t *free_ids = vq->free_ids;
	void **cookie = vq->cookie;
	uint32_t mask = vq->mask;
	uint32_t used = vq->used_idx;
	uint32_t end = used + count;
	uint32_t span = q->buf_len - LEAST;
	uint64_t rearm = q->rearm;
	uint32_t astray = 0;
	uint64_t sum = 0;
	unsigned int out = 0;

	for (; used != end; used++) {
		uint32_t slot = used & mask;
		uint32_t id = uvdk_get32(ring[slot].id);
		uint32_t len = uvdk_get32(ring[slot].len);
		struct rte_mbuf *m = id <= mask ? cookie[id] : NULL;

		if (unlikely(!m) || unlikely(len - LEAST > span)) {
			if (!drop_runt(q, id, len))
				break;
			m = NULL;
		}
		astray |= id ^ slot;
		cookie[id] = NULL;
		free_ids[slot] = (uint16_t)id;
		if (unlikely(!m))
			continue;
		len -= (uint32_t)HDR_LEN;
		sum += len;
		fill_mbuf(m, rearm, len);
		pkts[out++] = m;
	}
	q->straight = q->straight && !astray;
	vq->free_tail = (uint16_t)(vq->free_tail + used - vq->used_idx);
	vq->used_idx = (uint16_t)used;
	*bytes += sum;

	return out;
}

/* IN_ORDER, and not all elements are there. */
static __attribute__((noinline)) unsigned int take_batches(struct rxq *q, struct rte_mbuf **pkts,
							   unsigned int count, uint32_t pending,
							   uint64_t *bytes)
{
	struct uvdk_virtq *vq = &q->vq;
	uint32_t used = vq->used_idx;
	uint32_t end = used + count;
	uint64_t rearm = q->rearm;
	unsigned int out = 0;

	for (; used != end; used++, pending--) {
		uint32_t slot = used & vq->mask;
		struct rte_mbuf *m = vq->cookie[slot];
		uint32_t len;

		if (unlikely(!rxq_next_in_order(q, slot, pending, &len)))
			break;
		vq->cookie[slot] = NULL;
		if (unlikely(len < LEAST)) {
			rxq_put_back(q, &m, 1);
			stat_add(&q->stats->errors, 1);
			continue;
		}
		len -= (uint32_t)HDR_LEN;
		*bytes += len;
		fill_mbuf(m, rearm, len);
		pkts[out++] = m;
	}
	vq->free_tail = (uint16_t)(vq->free_tail + used - vq->used_idx);
	vq->used_idx = (uint16_t)used;

	return out;
}

static uint16_t burst_plain(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	struct rxq *q = queue;
	unsigned int out = 0;
	uint64_t bytes = 0;
	uint32_t pending;
	uint32_t left;

	if (unlikely(q->vq.fault) || unlikely(uvdk_device_gone(q->dev)))
		return 0;

	pending = uvdk_virtq_pending(&q->vq);
	left = pending < count ? pending : count;
	/* Twice: up to the end of the ring, and from its start. */
	for (unsigned int i = 0; i < 2 && left && q->straight && !q->vq.batch; i++) {
		unsigned int n = take_straight(q, pkts + out, left, &bytes);

		out += n;
		left -= n;
		pending -= n;
	}
	if (unlikely(left))
		out += q->vq.in_order ? take_batches(q, pkts + out, left, pending, &bytes)
				      : take_any(q, pkts + out, left, &bytes);
	if (out) {
		uvdk_virtq_quiet(&q->vq);
		stat_add(&q->stats->packets, out);
		stat_add(&q->stats->bytes, bytes);
	}
	rxq_refill(q);

	return (uint16_t)out;
}

uvdk_netdev_burst_fn rx_burst_for(const struct virtio_net *net)
{
	if (!(net->vio.features & (F_MRG_RXBUF | F_GUEST_CSUM)))
		return burst_plain;
	if (net->vio.features & UVDK_VIRTIO_F_IN_ORDER)
		return rx_burst_in_order;
	return rx_burst_any_order;
}
