// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "virtio_net_priv.h"

static int alloc_ring(struct virtio_net *net, size_t len, struct uvdk_dma_buf *out)
{
	const struct uvdk_dma_opts opts = {
		.size = sizeof(opts),
		.source = UVDK_DMA_ANY,
		.numa_node = uvdk_device_get_info(net->nd->dev)->numa_node,
	};

	return uvdk_dma_alloc(net->nd->ioas, len, &opts, out);
}

static void *alloc_queue(struct virtio_net *net, size_t len)
{
	void *q = aligned_alloc(64, (len + 63) & ~(size_t)63);

	if (q)
		memset(q, 0, len);
	else
		uvdk_fail(-ENOMEM, COMPONENT, "%s: out of memory", net->name);

	return q;
}

/* Half the ring at a time at most, so that the device never runs dry. */
static uint16_t step_of(unsigned int descs)
{
	unsigned int step = descs / 2 < STEP ? descs / 2 : STEP;

	return (uint16_t)(step ? step : 1);
}

/* Packet data starts where DPDK wants it; the header fits in front of it. */
_Static_assert(RTE_PKTMBUF_HEADROOM >= sizeof(struct net_hdr), "header in the headroom");

static int check_pool(struct virtio_net *net, struct rte_mempool *pool)
{
	unsigned int room = rte_pktmbuf_data_room_size(pool);

	/* 64 bytes: without MRG_RXBUF the MTU is checked, at start. */
	if (room < RTE_PKTMBUF_HEADROOM + 64)
		return uvdk_fail(-EINVAL, COMPONENT,
				 "%s: pool %s has mbufs of %u bytes, %u are headroom", net->name,
				 pool->name, room, RTE_PKTMBUF_HEADROOM);
	return 0;
}

/* The 8 bytes that every received packet starts with, ready to store. */
static uint64_t rearm_word(void)
{
	struct rte_mbuf m;

	memset(&m, 0, sizeof(m));
	m.data_off = RTE_PKTMBUF_HEADROOM;
	rte_mbuf_refcnt_set(&m, 1);
	m.nb_segs = 1;
	m.port = RTE_MBUF_PORT_INVALID;

	return get_rearm(&m);
}

int rxq_create(struct virtio_net *net, unsigned int queue, unsigned int descs,
	       struct rte_mempool *pool, struct rxq **out)
{
	struct rxq *q;
	int ret = check_pool(net, pool);

	if (ret)
		return ret;
	q = alloc_queue(net, sizeof(*q));
	if (!q)
		return -ENOMEM;
	ret = alloc_ring(net, uvdk_virtq_bytes(descs), &q->ring);
	if (!ret)
		ret = uvdk_virtq_init(&q->vq, 2 * queue, descs, q->ring.va, q->ring.iova);
	if (ret) {
		rxq_destroy(q);
		return ret;
	}
	q->xlate = *uvdk_ioas_xlate(net->nd->ioas);
	q->dev = net->nd->dev;
	q->pool = pool;
	q->stats = &net->rx_stats[queue];
	q->rearm = rearm_word();
	q->buf_len = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM + (uint32_t)HDR_LEN;
	q->step = step_of(descs);
	q->descs = (uint16_t)descs;
	*out = q;

	return 0;
}

int txq_create(struct virtio_net *net, unsigned int queue, unsigned int descs, struct txq **out)
{
	size_t slots = uvdk_virtq_bytes(descs);
	struct txq *q = alloc_queue(net, sizeof(*q));
	int ret;

	if (!q)
		return -ENOMEM;
	ret = alloc_ring(net, slots + descs * sizeof(struct tx_slot), &q->ring);
	if (!ret)
		ret = uvdk_virtq_init(&q->vq, 2 * queue + 1, descs, q->ring.va, q->ring.iova);
	if (ret) {
		txq_destroy(q);
		return ret;
	}
	q->xlate = *uvdk_ioas_xlate(net->nd->ioas);
	q->dev = net->nd->dev;
	q->stats = &net->tx_stats[queue];
	q->slots = (void *)((char *)q->ring.va + slots);
	q->slots_iova = q->ring.iova + slots;
	q->descs = (uint16_t)descs;
	*out = q;

	return 0;
}

void rxq_destroy(struct rxq *q)
{
	if (!q)
		return;
	if (q->stats)
		stat_add(&q->stats->doorbells, q->vq.doorbells);
	uvdk_virtq_fini(&q->vq);
	uvdk_dma_free(&q->ring);
	free(q);
}

void txq_destroy(struct txq *q)
{
	if (!q)
		return;
	if (q->stats)
		stat_add(&q->stats->doorbells, q->vq.doorbells);
	uvdk_virtq_fini(&q->vq);
	uvdk_dma_free(&q->ring);
	free(q);
}
