/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_VIRTIO_NET_TX_PRIV_H
#define UVDK_VIRTIO_NET_TX_PRIV_H

#include "virtio_net_priv.h"

/*
 * Transmission. The usual packet is one mbuf that is all ours: the header goes
 * in front of its data and it takes one descriptor. tx_slow.c has the others.
 * Sent mbufs are cleaned when half of the ring is in use.
 *
 * As in reception (rx_priv.h) a queue is *straight* while each packet takes one
 * descriptor of the ring and the device uses them in the order it got them:
 * then descriptor and slot are the same number.
 */

/*
 * A cookie is an mbuf; its lowest bit is set where freeing takes a second look:
 * chains, shared and foreign memory, more than one descriptor.
 */
#define LOOK 1u

static inline void *cookie_of(struct rte_mbuf *m)
{
	return (char *)m + LOOK;
}

static inline struct rte_mbuf *mbuf_of(void *cookie)
{
	return (struct rte_mbuf *)((uintptr_t)cookie & ~(uintptr_t)LOOK);
}

/* What became of a packet: HOPELESS ones can never be sent. */
enum verdict { SENT, NO_ROOM, HOPELESS };

/* Chains, shared or foreign memory, checksums, packets without headroom. */
enum verdict send_slowly(struct txq *q, struct rte_mbuf *m);

#endif /* UVDK_VIRTIO_NET_TX_PRIV_H */
