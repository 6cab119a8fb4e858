// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "virtio_net_priv.h"

/* What is asked of a port: addresses, link, counters, what went wrong. */

int net_mac(const struct uvdk_netdev *nd, uint8_t mac[6])
{
	memcpy(mac, to_net(nd)->mac, 6);

	return 0;
}

int net_set_mac(struct uvdk_netdev *nd, const uint8_t mac[6])
{
	struct virtio_net *net = to_net(nd);
	int ret = 0;

	if (!(net->usable & F_CTRL_MAC_ADDR))
		return uvdk_fail(-EOPNOTSUPP, COMPONENT,
				 "%s: set MAC: the device has no command for it", net->name);
	if (nd->started)
		ret = ctrl_set_mac(net, mac);
	if (ret)
		return ret;
	memcpy(net->mac, mac, 6);
	net->mac_changed = true;

	return 0;
}

int net_set_promisc(struct uvdk_netdev *nd, bool on)
{
	struct virtio_net *net = to_net(nd);
	int ret = ctrl_set_promisc(net, on);

	if (ret)
		return ret;
	net->promisc = on;
	net->promisc_changed = true;

	return 0;
}

bool net_promisc(const struct uvdk_netdev *nd)
{
	return to_net(nd)->promisc;
}

unsigned int net_mtu(const struct uvdk_netdev *nd)
{
	return to_net(nd)->mtu;
}

int net_set_mtu(struct uvdk_netdev *nd, unsigned int mtu)
{
	to_net(nd)->mtu = mtu;

	return 0;
}

/* Speed is given in steps of 1 Mbit/s, all ones where unknown (5.1.4). */
static int read_speed(struct virtio_net *net, struct uvdk_netdev_link *link)
{
	uint32_t speed;
	uint8_t duplex;
	int ret;

	ret = uvdk_virtio_config_read(&net->vio, offsetof(struct net_config, speed), 4, 1, &speed);
	if (!ret)
		ret = uvdk_virtio_config_read(&net->vio, offsetof(struct net_config, duplex), 1, 1,
					      &duplex);
	if (ret)
		return ret;
	link->speed_mbps = speed <= MAX_SPEED ? speed : 0;
	link->full_duplex = duplex != 0;

	return 0;
}

int net_link(struct uvdk_netdev *nd, struct uvdk_netdev_link *out)
{
	struct virtio_net *net = to_net(nd);
	/* Without F_STATUS the link is always up (5.1.4.2). */
	struct uvdk_netdev_link link = {.up = true, .full_duplex = true};
	uint16_t status;
	int ret = 0;

	if (net->usable & F_STATUS) {
		ret = uvdk_virtio_config_read(&net->vio, offsetof(struct net_config, status), 2, 1,
					      &status);
		link.up = !ret && (status & S_LINK_UP);
	}
	if (!ret && (net->usable & F_SPEED_DUPLEX))
		ret = read_speed(net, &link);
	if (ret)
		return ret;
	*out = link;

	return 0;
}

void net_stats(struct uvdk_netdev *nd, struct uvdk_netdev_stats *out)
{
	struct virtio_net *net = to_net(nd);
	struct uvdk_netdev_stats s = {0};

	for (unsigned int i = 0; i < UVDK_NETDEV_MAX_QUEUES; i++) {
		const struct rx_stats *rx = &net->rx_stats[i];
		const struct tx_stats *tx = &net->tx_stats[i];
		const struct rx_stats *rx0 = &net->rx_origin[i];
		const struct tx_stats *tx0 = &net->tx_origin[i];

		s.rx_packets += stat_get(&rx->packets) - rx0->packets;
		s.rx_bytes += stat_get(&rx->bytes) - rx0->bytes;
		s.rx_errors += stat_get(&rx->errors) - rx0->errors;
		s.rx_nombuf += stat_get(&rx->nombuf) - rx0->nombuf;
		s.tx_packets += stat_get(&tx->packets) - tx0->packets;
		s.tx_bytes += stat_get(&tx->bytes) - tx0->bytes;
		s.tx_errors += stat_get(&tx->errors) - tx0->errors;
	}
	*out = s;
}

static const struct {
	const char *name;
	size_t off;
} rx_names[] =
	{
		{"packets", offsetof(struct rx_stats, packets)},
		{"bytes", offsetof(struct rx_stats, bytes)},
		{"errors", offsetof(struct rx_stats, errors)},
		{"nombuf", offsetof(struct rx_stats, nombuf)},
		{"refills", offsetof(struct rx_stats, refills)},
		{"doorbells", offsetof(struct rx_stats, doorbells)},
},
  tx_names[] = {
	  {"packets", offsetof(struct tx_stats, packets)},
	  {"bytes", offsetof(struct tx_stats, bytes)},
	  {"errors", offsetof(struct tx_stats, errors)},
	  {"too_long", offsetof(struct tx_stats, too_long)},
	  {"unsent", offsetof(struct tx_stats, unsent)},
	  {"cleaned", offsetof(struct tx_stats, cleaned)},
	  {"doorbells", offsetof(struct tx_stats, doorbells)},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t counter(const void *stats, size_t off)
{
	return stat_get((const uint64_t *)(const void *)((const char *)stats + off));
}

/* Doorbells of a queue that is there, and of those that were there before. */
static struct rx_stats rx_now(const struct virtio_net *net, unsigned int i)
{
	struct rx_stats s = net->rx_stats[i];

	if (net->rxq[i])
		s.doorbells += stat_get(&net->rxq[i]->vq.doorbells);

	return s;
}

static struct tx_stats tx_now(const struct virtio_net *net, unsigned int i)
{
	struct tx_stats s = net->tx_stats[i];

	if (net->txq[i])
		s.doorbells += stat_get(&net->txq[i]->vq.doorbells);

	return s;
}

static void put_xstat(struct uvdk_netdev_xstat *out, unsigned int max, unsigned int *n,
		      const char *dir, unsigned int queue, const char *name, uint64_t value)
{
	if (*n < max) {
		snprintf(out[*n].name, sizeof(out[*n].name), "%s_q%u_%s", dir, queue, name);
		out[*n].value = value;
	}
	++*n;
}

unsigned int net_xstats(struct uvdk_netdev *nd, struct uvdk_netdev_xstat *out, unsigned int max)
{
	struct virtio_net *net = to_net(nd);
	unsigned int n = 0;

	for (unsigned int i = 0; i < nd->conf.rx_queues; i++) {
		struct rx_stats now = rx_now(net, i);

		for (unsigned int k = 0; k < COUNT(rx_names); k++)
			put_xstat(out, max, &n, "rx", i, rx_names[k].name,
				  counter(&now, rx_names[k].off) -
					  counter(&net->rx_origin[i], rx_names[k].off));
	}
	for (unsigned int i = 0; i < nd->conf.tx_queues; i++) {
		struct tx_stats now = tx_now(net, i);

		for (unsigned int k = 0; k < COUNT(tx_names); k++)
			put_xstat(out, max, &n, "tx", i, tx_names[k].name,
				  counter(&now, tx_names[k].off) -
					  counter(&net->tx_origin[i], tx_names[k].off));
	}

	return n;
}

void net_clear_stats(struct uvdk_netdev *nd)
{
	struct virtio_net *net = to_net(nd);

	for (unsigned int i = 0; i < UVDK_NETDEV_MAX_QUEUES; i++) {
		net->rx_origin[i] = rx_now(net, i);
		net->tx_origin[i] = tx_now(net, i);
	}
}

static bool explain(struct virtio_net *net, const struct uvdk_virtq *vq, const char *what)
{
	char who[96];

	if (!uvdk_virtq_broken(vq))
		return false;
	snprintf(who, sizeof(who), "%s: %s queue %u is broken", net->name, what, vq->index / 2);
	uvdk_virtq_why(vq, who, net->why, sizeof(net->why));

	return true;
}

static bool needs_reset(struct virtio_net *net)
{
	int status;

	if (!net->nd->started || uvdk_device_gone(net->nd->dev))
		return false;
	status = uvdk_virtio_status(&net->vio);
	if (status < 0 || !(status & UVDK_VIRTIO_STATUS_NEEDS_RESET))
		return false;
	snprintf(net->why, sizeof(net->why),
		 "%s: the device says that it needs a reset (status 0x%x)", net->name,
		 (unsigned int)status);

	return true;
}

bool net_broken(const struct uvdk_netdev *nd, const char **why)
{
	struct virtio_net *net = to_net(nd);
	bool broken = false;

	for (unsigned int i = 0; i < UVDK_NETDEV_MAX_QUEUES && !broken; i++)
		broken = (net->rxq[i] && explain(net, &net->rxq[i]->vq, "receive")) ||
			 (net->txq[i] && explain(net, &net->txq[i]->vq, "transmit"));
	broken = broken || ctrl_trouble(net, net->why, sizeof(net->why)) || needs_reset(net);
	if (broken && why)
		*why = net->why;

	return broken;
}
