// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtio_net_priv.h"

/* Features that cost nothing when they are not needed. */
#define BASIC                                                                                     \
	(UVDK_VIRTIO_F_INDIRECT_DESC | UVDK_VIRTIO_F_EVENT_IDX | UVDK_VIRTIO_F_IN_ORDER | F_MTU | \
	 F_MAC | F_STATUS | F_CTRL_VQ | F_CTRL_RX | F_CTRL_MAC_ADDR | F_MQ | F_SPEED_DUPLEX)

/* Features that cost something on every packet, so only when asked for. */
#define ON_DEMAND (F_CSUM | F_GUEST_CSUM | F_MRG_RXBUF)

/* What depends on a control queue (5.1.3.1). */
#define NEEDS_CTRL_VQ (F_CTRL_RX | F_CTRL_MAC_ADDR | F_MQ)

static uint64_t demanded(const struct uvdk_netdev_conf *conf)
{
	return (conf->offloads & UVDK_NETDEV_TX_CSUM ? F_CSUM : 0) |
	       (conf->offloads & UVDK_NETDEV_RX_CSUM ? F_GUEST_CSUM : 0) |
	       (conf->offloads & UVDK_NETDEV_MULTI_SEG ? F_MRG_RXBUF : 0);
}

int net_negotiate(struct virtio_net *net, const struct uvdk_netdev_conf *conf)
{
	int ret = uvdk_virtio_begin(&net->vio);

	if (!ret)
		ret = uvdk_virtio_negotiate(&net->vio, net->usable & (BASIC | demanded(conf)));
	if (!ret)
		net->nd->info.features = net->vio.features;

	return ret;
}

static int read_u16(struct virtio_net *net, uint32_t off, uint16_t *value)
{
	return uvdk_virtio_config_read(&net->vio, off, 2, 1, value);
}

/* Without an address of the device's a random local one (5.1.5). */
static int probe_mac(struct virtio_net *net)
{
	if (net->vio.features & F_MAC)
		return uvdk_virtio_config_read(&net->vio, offsetof(struct net_config, mac), 1, 6,
					       net->mac);

	for (unsigned int i = 0; i < 6; i++)
		net->mac[i] = (uint8_t)(random() >> 7);
	net->mac[0] = (uint8_t)((net->mac[0] & 0xfc) | 0x02);

	return 0;
}

static int probe_mtu(struct virtio_net *net)
{
	uint16_t mtu = 65535;
	int ret = 0;

	if (net->vio.features & F_MTU)
		ret = read_u16(net, offsetof(struct net_config, mtu), &mtu);
	if (ret)
		return ret;
	if (mtu < 68)
		return uvdk_fail(-EPROTO, COMPONENT,
				 "%s: the device says that its MTU is %u; 68 is the least",
				 net->name, mtu);
	net->nd->info.max_mtu = mtu;
	net->own_mtu = net->vio.features & F_MTU ? mtu : 1500;
	net->mtu = net->own_mtu;

	return 0;
}

static int probe_pairs(struct virtio_net *net)
{
	unsigned int need;
	uint16_t pairs = 1;
	int ret = 0;

	if (net->vio.features & F_MQ)
		ret = read_u16(net, offsetof(struct net_config, max_virtqueue_pairs), &pairs);
	if (ret)
		return ret;
	if (pairs < 1 || pairs > MAX_PAIRS)
		return uvdk_fail(-EPROTO, COMPONENT,
				 "%s: the device says that it has %u pairs of queues, 1 to %u are "
				 "possible",
				 net->name, pairs, MAX_PAIRS);
	need = 2u * pairs + (net->vio.features & F_CTRL_VQ ? 1 : 0);
	if (net->vio.nr_queues < need)
		return uvdk_fail(-EPROTO, COMPONENT,
				 "%s: the device has %u queues, but %u pairs make at least %u",
				 net->name, net->vio.nr_queues, pairs, need);
	net->max_pairs = pairs;

	return 0;
}

/* Rings may differ; what is promised holds for all. */
static int probe_ring_sizes(struct virtio_net *net)
{
	struct uvdk_netdev_info *info = &net->nd->info;
	unsigned int pairs =
		net->max_pairs < UVDK_NETDEV_MAX_QUEUES ? net->max_pairs : UVDK_NETDEV_MAX_QUEUES;
	int least = UVDK_VIRTQ_MAX_SIZE;

	for (unsigned int i = 0; i < 2 * pairs; i++) {
		int size = uvdk_virtio_queue_size(&net->vio, i);

		if (size == -ENOENT)
			return -EPROTO;
		if (size < 0)
			return size;
		least = size < least ? size : least;
	}
	info->max_rx_queues = pairs;
	info->max_tx_queues = pairs;
	info->max_desc = (unsigned int)least;
	info->min_desc = least < 4 ? info->max_desc : 4;

	return 0;
}

int net_probe(struct virtio_net *net)
{
	const struct uvdk_netdev_conf most = {
		.offloads = UVDK_NETDEV_RX_CSUM | UVDK_NETDEV_TX_CSUM | UVDK_NETDEV_MULTI_SEG,
	};
	struct uvdk_netdev_info *info = &net->nd->info;
	int ret;

	ret = uvdk_virtio_begin(&net->vio);
	if (ret)
		return ret;
	net->usable = net->vio.offered & (BASIC | ON_DEMAND);
	if (!(net->usable & F_CTRL_VQ))
		net->usable &= ~NEEDS_CTRL_VQ;

	ret = net_negotiate(net, &most);
	if (!ret)
		ret = probe_mac(net);
	if (!ret)
		ret = probe_mtu(net);
	if (!ret)
		ret = probe_pairs(net);
	if (!ret)
		ret = probe_ring_sizes(net);
	if (ret) {
		uvdk_virtio_reset(&net->vio);
		return ret;
	}
	info->offloads = UVDK_NETDEV_MULTI_SEG | (net->usable & F_CSUM ? UVDK_NETDEV_TX_CSUM : 0) |
			 (net->usable & F_GUEST_CSUM ? UVDK_NETDEV_RX_CSUM : 0);
	/* Most devices let everything in until told otherwise. */
	net->promisc = true;

	return uvdk_virtio_reset(&net->vio);
}
