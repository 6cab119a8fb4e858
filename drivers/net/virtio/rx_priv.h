/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_VIRTIO_NET_RX_PRIV_H
#define UVDK_VIRTIO_NET_RX_PRIV_H

#include "virtio_net_priv.h"

/*
 * Reception. Every buffer is one descriptor and one mbuf: the device writes its
 * header to the last bytes of the headroom, so that packet data starts where
 * DPDK has it (5.1.6.3, framing is free with VERSION_1: 2.7.4).
 *
 * As each buffer is one descriptor, the used ring and the tail of the free
 * descriptors stand at the same slot, and so do the available ring and their
 * head. While the device uses buffers in the order it got them, promised or
 * not, descriptor and slot are the same number, too: the queue is *straight*,
 * and neither the available ring nor the list of free descriptors needs to be
 * touched. A device that once goes another way costs the queue that shortcut
 * until the next start.
 */

#define DATA_START (RTE_PKTMBUF_HEADROOM - HDR_LEN)

/* Ethernet header: anything shorter is no packet. */
#define MIN_PACKET 14

static inline void rxq_put_back(struct rxq *q, struct rte_mbuf **bufs, unsigned int count)
{
	if (count)
		rte_mempool_put_bulk(q->pool, (void **)bufs, count);
}

static __rte_always_inline void fill_mbuf(struct rte_mbuf *m, uint64_t rearm, uint32_t len)
{
	/* data_off, refcnt, nb_segs, port; next is NULL in every mbuf of a pool */
	set_rearm(m, rearm);
	m->ol_flags = 0;
	m->packet_type = 0;
	m->pkt_len = len;
	m->data_len = (uint16_t)len;
}

/* Lengths that a packet may have, header included. */
#define LEAST ((uint32_t)HDR_LEN + MIN_PACKET)

/*
 * IN_ORDER: length of the buffer at @slot, of which @left are pending. One
 * element may stand for a batch, of which all but the last are full (2.7.9).
 */
static inline bool rxq_next_in_order(struct rxq *q, uint32_t slot, uint32_t left, uint32_t *len)
{
	struct uvdk_virtq *vq = &q->vq;

	if (!vq->batch) {
		uint32_t id = uvdk_get32(vq->used_ring[slot].id);
		uint32_t batch = ((id - slot) & vq->mask) + 1;

		vq->batch_len = uvdk_get32(vq->used_ring[slot].len);
		if (unlikely(id > vq->mask)) {
			uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_ID, id, vq->mask);
			return false;
		}
		if (unlikely(batch > left)) {
			uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_ORDER, id,
					 (slot + left - 1) & vq->mask);
			return false;
		}
		if (unlikely(vq->batch_len > q->buf_len)) {
			uvdk_virtq_break(vq, UVDK_VIRTQ_FAULT_USED_LEN, vq->batch_len, q->buf_len);
			return false;
		}
		vq->batch = (uint16_t)batch;
	}
	*len = --vq->batch ? q->buf_len : vq->batch_len;

	return true;
}

/* May the device give back @len bytes in buffer @id? If not the queue is broken. */
bool rxq_check_used(struct rxq *q, uint32_t id, uint32_t len);

/* Gives the device new buffers, if there are enough to be worth it. */
void rxq_refill(struct rxq *q);

/* Bursts for which the header matters. */
uint16_t rx_burst_any_order(void *queue, struct rte_mbuf **pkts, uint16_t count);
uint16_t rx_burst_in_order(void *queue, struct rte_mbuf **pkts, uint16_t count);

#endif /* UVDK_VIRTIO_NET_RX_PRIV_H */
