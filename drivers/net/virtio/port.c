// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <time.h>

#include "virtio_net_priv.h"

/*
 * A virtio device has one way to let go of its buffers: a reset. So stop is a
 * reset, and start is the whole initialisation (3.1.1).
 */

/* How long stop waits for packets that were handed over, without progress. */
#define DRAIN_US 100000

void net_free_queues(struct virtio_net *net)
{
	for (unsigned int i = 0; i < UVDK_NETDEV_MAX_QUEUES; i++) {
		rxq_destroy(net->rxq[i]);
		txq_destroy(net->txq[i]);
		txq_destroy(net->spare[i]);
		net->rxq[i] = NULL;
		net->txq[i] = NULL;
		net->spare[i] = NULL;
		net->nd->fast.rxq[i] = NULL;
		net->nd->fast.txq[i] = NULL;
	}
}

int net_configure(struct uvdk_netdev *nd, const struct uvdk_netdev_conf *conf)
{
	struct virtio_net *net = to_net(nd);

	/* The device spreads packets over as many receive queues as pairs are on. */
	if (conf->tx_queues > conf->rx_queues)
		return uvdk_fail(-EINVAL, COMPONENT,
				 "%s: %u transmit but %u receive queues; virtio has them in pairs, "
				 "so tx_queues can't be greater than rx_queues",
				 net->name, conf->tx_queues, conf->rx_queues);
	if (conf->rx_queues > 1 && !(net->usable & F_MQ))
		return uvdk_fail(-EINVAL, COMPONENT, "%s: %u queues, but the device has one pair",
				 net->name, conf->rx_queues);
	net_free_queues(net);
	net->mtu = conf->mtu ? conf->mtu : net->own_mtu;

	return 0;
}

int net_rx_queue_setup(struct uvdk_netdev *nd, unsigned int queue, unsigned int descs,
		       struct rte_mempool *pool)
{
	struct virtio_net *net = to_net(nd);
	struct rxq *q;
	int ret = rxq_create(net, queue, descs, pool, &q);

	if (ret)
		return ret;
	rxq_destroy(net->rxq[queue]);
	net->rxq[queue] = q;
	nd->fast.rxq[queue] = q;

	return 0;
}

int net_tx_queue_setup(struct uvdk_netdev *nd, unsigned int queue, unsigned int descs)
{
	struct virtio_net *net = to_net(nd);
	struct txq *q;
	int ret = txq_create(net, queue, descs, &q);

	if (ret)
		return ret;
	txq_destroy(net->txq[queue]);
	net->txq[queue] = q;
	nd->fast.txq[queue] = q;

	return 0;
}

static int check_queues(struct virtio_net *net)
{
	const struct uvdk_netdev_conf *conf = &net->nd->conf;

	for (unsigned int i = 0; i < conf->rx_queues; i++)
		if (!net->rxq[i])
			return uvdk_fail(-EINVAL, COMPONENT, "%s: receive queue %u is not set up",
					 net->name, i);
	for (unsigned int i = 0; i < conf->tx_queues; i++)
		if (!net->txq[i])
			return uvdk_fail(-EINVAL, COMPONENT, "%s: transmit queue %u is not set up",
					 net->name, i);

	return 0;
}

static int refuse_mbufs(const struct virtio_net *net, unsigned int queue)
{
	return uvdk_fail(
		-EINVAL, COMPONENT,
		"%s: receive queue %u: mbufs hold %u bytes, frames of MTU %u have up to "
		"%u; set the queue up with a pool of larger mbufs, lower the MTU, or %s",
		net->name, queue, net->rxq[queue]->buf_len - (uint32_t)HDR_LEN, net->mtu,
		net->mtu + L2_LEN,
		net->usable & F_MRG_RXBUF
			? "configure the port with UVDK_NETDEV_MULTI_SEG"
			: "use a device with MRG_RXBUF, which spreads a frame over several");
}

/* Without MRG_RXBUF a packet has to fit into one buffer (5.1.6.3.1). */
static int check_room(struct virtio_net *net)
{
	bool merge = net->vio.features & F_MRG_RXBUF;

	for (unsigned int i = 0; i < net->nd->conf.rx_queues; i++) {
		struct rxq *q = net->rxq[i];

		if (!merge && q->buf_len < HDR_LEN + L2_LEN + net->mtu)
			return refuse_mbufs(net, i);
		q->multi_seg = merge;
	}

	return 0;
}

static int enable_rx(struct virtio_net *net, unsigned int i)
{
	int ret = uvdk_virtio_queue_enable(&net->vio, &net->rxq[i]->vq);

	return ret ? ret : rxq_fill(net, net->rxq[i]);
}

static int enable_tx(struct virtio_net *net, unsigned int i)
{
	struct txq *q = net->txq[i];

	if (!q && !net->spare[i]) {
		int ret = txq_create(net, i, net->nd->info.min_desc, &net->spare[i]);

		if (ret)
			return ret;
	}
	q = q ? q : net->spare[i];
	q->indirect = net->vio.features & UVDK_VIRTIO_F_INDIRECT_DESC;
	q->csum = net->vio.features & F_CSUM;
	/* Never more than the device's (5.1.4.2), which is where max_mtu comes from. */
	q->longest = ETH_LEN + net->mtu;
	txq_prepare(q);

	return uvdk_virtio_queue_enable(&net->vio, &q->vq);
}

/* Tells the device what a reset made it forget. */
static int restore_state(struct virtio_net *net)
{
	unsigned int pairs = net->nd->conf.rx_queues;
	int ret = 0;

	if (pairs > 1)
		ret = ctrl_set_pairs(net, pairs);
	if (!ret && net->mac_changed)
		ret = ctrl_set_mac(net, net->mac);
	if (!ret && net->promisc_changed)
		ret = ctrl_set_promisc(net, net->promisc);

	return ret;
}

static int go(struct virtio_net *net)
{
	unsigned int pairs = net->nd->conf.rx_queues;
	int ret;

	ret = net_negotiate(net, &net->nd->conf);
	if (!ret)
		ret = check_room(net);
	for (unsigned int i = 0; i < pairs && !ret; i++) {
		ret = enable_rx(net, i);
		if (!ret)
			ret = enable_tx(net, i);
	}
	if (!ret)
		ret = ctrl_start(net);
	if (!ret)
		ret = uvdk_virtio_driver_ok(&net->vio);
	/* The rings were filled before the device was allowed to look. */
	for (unsigned int i = 0; i < pairs && !ret; i++)
		uvdk_virtq_kick(&net->rxq[i]->vq);
	if (!ret)
		ret = restore_state(net);

	return ret;
}

/* After a reset: no buffer is the device's any more. */
static void take_back(struct virtio_net *net)
{
	for (unsigned int i = 0; i < UVDK_NETDEV_MAX_QUEUES; i++) {
		if (net->rxq[i])
			rxq_drain(net->rxq[i]);
		if (net->txq[i])
			txq_drain(net->txq[i]);
		if (net->spare[i])
			txq_drain(net->spare[i]);
	}
	ctrl_stop(net);
}

int net_start(struct uvdk_netdev *nd)
{
	struct virtio_net *net = to_net(nd);
	int ret = check_queues(net);

	if (ret)
		return ret;
	ret = go(net);
	if (ret) {
		uvdk_virtio_reset(&net->vio);
		take_back(net);
		return ret;
	}
	nd->fast.rx = rx_burst_for(net);
	nd->fast.tx = tx_burst;

	return 0;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Packets the device has and has not sent yet. */
static unsigned int unsent(struct virtio_net *net)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < net->nd->conf.tx_queues; i++) {
		struct txq *q = net->txq[i];

		if (!q || uvdk_virtq_broken(&q->vq))
			continue;
		txq_clean(q);
		count += (uint16_t)(q->vq.avail_idx - q->vq.used_idx);
	}

	return count;
}

static void let_it_send(struct virtio_net *net)
{
	uint64_t deadline = now_us() + DRAIN_US;
	unsigned int left = unsent(net);

	while (left && !uvdk_device_gone(net->nd->dev) && now_us() < deadline) {
		unsigned int now;

		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
		now = unsent(net);
		if (now < left)
			deadline = now_us() + DRAIN_US;
		left = now;
	}
}

static int halt(struct virtio_net *net)
{
	int ret = uvdk_virtio_reset(&net->vio);

	take_back(net);

	return ret;
}

int net_stop(struct uvdk_netdev *nd)
{
	struct virtio_net *net = to_net(nd);

	let_it_send(net);

	return halt(net);
}

int net_reset(struct uvdk_netdev *nd)
{
	return halt(to_net(nd));
}
