// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "virtio_net_priv.h"

/* virtio 1.2, 4.1.2.1: 0x1040 + device type 1; 0x1000 is the transitional one. */
#define VENDOR_VIRTIO	    0x1af4
#define DEVICE_NET	    0x1041
#define DEVICE_TRANSITIONAL 0x1000

static bool net_match(const struct uvdk_device_info *info)
{
	return info->vendor == VENDOR_VIRTIO &&
	       (info->device == DEVICE_NET || info->device == DEVICE_TRANSITIONAL);
}

static int net_open(struct uvdk_netdev *nd)
{
	struct virtio_net *net;
	int ret;

	net = aligned_alloc(_Alignof(struct virtio_net), sizeof(*net));
	if (!net)
		return uvdk_fail(-ENOMEM, COMPONENT, "%s: out of memory",
				 uvdk_device_get_info(nd->dev)->name);
	memset(net, 0, sizeof(*net));
	net->nd = nd;
	net->name = uvdk_device_get_info(nd->dev)->name;

	ret = uvdk_virtio_open(nd->dev, &net->vio);
	if (!ret)
		ret = net_probe(net);
	if (ret) {
		free(net);
		return ret;
	}
	nd->priv = net;

	return 0;
}

/* The class has stopped the port, so the device is in reset. */
static void net_close(struct uvdk_netdev *nd)
{
	struct virtio_net *net = to_net(nd);

	net_free_queues(net);
	free(net);
}

const struct uvdk_netdev_driver uvdk_netdev_virtio = {
	.name = "virtio",
	.match = net_match,
	.open = net_open,
	.close = net_close,
	.configure = net_configure,
	.rx_queue_setup = net_rx_queue_setup,
	.tx_queue_setup = net_tx_queue_setup,
	.start = net_start,
	.stop = net_stop,
	.reset = net_reset,
	.mac = net_mac,
	.set_mac = net_set_mac,
	.set_promisc = net_set_promisc,
	.promisc = net_promisc,
	.mtu = net_mtu,
	.set_mtu = net_set_mtu,
	.link = net_link,
	.stats = net_stats,
	.xstats = net_xstats,
	.clear_stats = net_clear_stats,
	.broken = net_broken,
};
