// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

/* What runs when no port is given: each end makes traffic and checks what comes back. */
static void own_spec(const struct options *opts, char *spec, size_t len)
{
	int n = snprintf(spec, len, "emu:virtio-net,source,queues=%u",
			 RTE_MAX(opts->rxq, opts->txq));

	if (opts->mtu)
		snprintf(spec + n, len - (size_t)n, ",mtu=%u", opts->mtu);
}

/* Free what port_open() took; the counters of the place stay. */
static void release(struct app *app, struct port *port)
{
	struct uvdk_netdev_stats carried = port->carried;
	struct uvdk_netdev_stats shown = port->shown;
	unsigned int id = port->id;

	uvdk_netdev_close(port->nd);
	if (port->space && port->space->ioas && port->dev)
		uvdk_ioas_detach(port->space->ioas, port->dev);
	uvdk_device_close(port->dev);
	space_put(app, port->space);
	pool_put(app, port);
	free(port->spec);
	free(port->name);
	memset(port, 0, sizeof(*port));
	port->id = id;
	port->carried = carried;
	port->shown = shown;
}

static int open_device(struct app *app, struct port *port, const char *spec)
{
	int ret;

	port->spec = strdup(spec);
	if (!port->spec)
		return -ENOMEM;
	ret = space_get(app, spec, &port->space);
	if (ret)
		return ret;
	ret = uvdk_device_open(port->space->iommu, spec, NULL, &port->dev);
	if (ret)
		return ret;
	port->name = strdup(uvdk_device_get_info(port->dev)->name);

	return port->name ? 0 : -ENOMEM;
}

/* What a frame has besides its MTU: an Ethernet header with two VLAN tags. */
#define L2_LEN (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)

static uint32_t offloads(const struct options *opts, const struct port *port)
{
	uint32_t want = port->tx_offload ? UVDK_NETDEV_TX_CSUM : 0;
	unsigned int room = opts->mbuf_size - RTE_PKTMBUF_HEADROOM;
	unsigned int mtu = opts->mtu ? opts->mtu : uvdk_netdev_mtu(port->nd);

	if (opts->rx_cksum)
		want |= UVDK_NETDEV_RX_CSUM;
	/* Chains only where a frame may need one: they cost time. */
	if (opts->tx_segs > 1 || mtu + L2_LEN > room)
		want |= UVDK_NETDEV_MULTI_SEG;

	return want;
}

int port_fits(const struct port *port, const struct options *opts)
{
	/* What is generated has no tag. */
	unsigned int most = uvdk_netdev_mtu(port->nd) + RTE_ETHER_HDR_LEN;
	unsigned int total = 0;

	for (unsigned int i = 0; i < opts->tx_segs; i++)
		total += opts->txpkts[i];
	if (total <= most)
		return 0;

	return refuse(-EINVAL,
		      "--txpkts: packets of %u bytes are too long for MTU %u; allowed: up to %u",
		      total, most - RTE_ETHER_HDR_LEN, most);
}

static int configure(struct app *app, struct port *port)
{
	const struct options *opts = &app->opts;
	const struct uvdk_netdev_info *info = &port->info;
	struct uvdk_netdev_conf conf = {
		.size = sizeof(conf),
		.rx_queues = opts->rxq,
		.tx_queues = opts->txq,
		.offloads = offloads(opts, port),
		.mtu = opts->mtu,
	};
	int ret = uvdk_netdev_configure(port->nd, &conf);

	if (!ret)
		ret = port_fits(port, opts);
	for (unsigned int q = 0; !ret && q < opts->rxq; q++)
		ret = uvdk_netdev_rx_queue_setup(
			port->nd, q, ring_size(opts->rxd, info->min_desc, info->max_desc),
			port->pool->mp);
	for (unsigned int q = 0; !ret && q < opts->txq; q++)
		ret = uvdk_netdev_tx_queue_setup(
			port->nd, q, ring_size(opts->txd, info->min_desc, info->max_desc));

	return ret;
}

static int open_netdev(struct port *port)
{
	int ret = space_attach(port->space, port->dev);

	if (ret)
		return ret;
	ret = uvdk_netdev_open(port->dev, port->space->ioas, &port->nd);
	if (ret)
		return ret;
	uvdk_netdev_get_info(port->nd, &port->info);
	port->state = PORT_STOPPED;

	return uvdk_netdev_mac(port->nd, port->mac.addr_bytes);
}

static int failed(struct app *app, struct port *port, const char *spec, int ret)
{
	complain("port %u (%s) can't be opened: %s", port->id, spec, reason(ret));
	release(app, port);

	return ret;
}

int port_attach(struct app *app, const char *spec, unsigned int *id)
{
	struct port fresh = {.state = PORT_NONE};
	struct port *port;
	int ret;

	while (fresh.id < MAX_PORTS && port_is_open(&app->port[fresh.id]))
		fresh.id++;
	if (fresh.id == MAX_PORTS) {
		complain("port %s can't be opened: %d ports are open, and no more are possible",
			 spec, MAX_PORTS);
		return -ENOSPC;
	}
	ret = open_device(app, &fresh, spec);
	if (!ret)
		ret = open_netdev(&fresh);
	if (!ret)
		ret = pool_get(app, &fresh);
	if (ret)
		return failed(app, &fresh, spec, ret);

	/* The place keeps what former devices counted, so that sums stay whole. */
	port = &app->port[fresh.id];
	free(port->spec);
	free(port->name);
	fresh.carried = port->carried;
	*port = fresh;
	app->disturbed = true;
	*id = fresh.id;

	return 0;
}

int ports_open(struct app *app)
{
	char own[64];
	const char *const own_pair[] = {own, own};
	const char *const *spec = app->opts.ports ? app->opts.port : own_pair;
	unsigned int count = app->opts.ports ? app->opts.ports : RTE_DIM(own_pair);
	struct port *port = app->port;
	int ret;

	for (unsigned int i = 0; i < MAX_PORTS; i++)
		port[i].id = i;
	own_spec(&app->opts, own, sizeof(own));
	app->own_pair = !app->opts.ports;
	if (app->own_pair)
		printf("No port given (-p): running on a pair of emulated ports, each a source "
		       "of traffic that checks what comes back\n");
	for (unsigned int i = 0; i < count; i++) {
		ret = open_device(app, &port[i], spec[i]);
		if (!ret)
			ret = open_netdev(&port[i]);
		if (ret)
			return failed(app, &port[i], spec[i], ret);
	}
	/* Now that all are known, one pool a node serves them. */
	for (unsigned int i = 0; i < count; i++) {
		ret = pool_get(app, &port[i]);
		if (ret)
			return failed(app, &port[i], spec[i], ret);
	}
	for (unsigned int i = 0; i < count; i++) {
		ret = port_start(app, &port[i]);
		if (ret)
			return ret;
	}

	return 0;
}

void ports_close(struct app *app)
{
	for (unsigned int i = 0; i < MAX_PORTS; i++)
		release(app, &app->port[i]);
}

static int sorry(const struct port *port, const char *what, int ret)
{
	complain("port %u (%s) can't be %s: %s", port->id, port->name, what, reason(ret));
	return ret;
}

int port_start(struct app *app, struct port *port)
{
	int ret;

	if (port->state == PORT_STARTED)
		return 0;
	ret = configure(app, port);
	if (!ret)
		ret = uvdk_netdev_start(port->nd);
	if (ret)
		return sorry(port, "started", ret);
	port->state = PORT_STARTED;
	port->broken_told = false;
	/* A device that can't tell is promiscuous already. */
	if (!app->opts.no_promisc)
		uvdk_netdev_set_promisc(port->nd, true);

	return fwd_join(app, port);
}

int port_stop(struct app *app, struct port *port)
{
	int left, ret;

	if (port->state != PORT_STARTED)
		return 0;
	left = fwd_leave(app, port);
	port->state = PORT_STOPPED;
	ret = uvdk_netdev_stop(port->nd);

	return ret ? sorry(port, "stopped cleanly", ret) : left;
}

int port_reset(struct app *app, struct port *port)
{
	bool started = port->state == PORT_STARTED;
	int ret, left;

	app->disturbed = true;
	left = fwd_leave(app, port);
	port->state = PORT_STOPPED;
	ret = uvdk_netdev_reset(port->nd);
	if (ret)
		return sorry(port, "reset", ret);
	port->broken_told = false;
	if (started)
		port->state = PORT_STARTED;
	ret = fwd_join(app, port);

	return left ? left : ret;
}

int port_close(struct app *app, struct port *port, enum port_state state)
{
	char *name = port->name;
	char *spec = port->spec;
	int ret;

	app->disturbed = true;
	ret = fwd_leave(app, port);
	port_stats(port, &port->carried);
	port->name = NULL;
	port->spec = NULL;
	release(app, port);
	port->state = state;
	/* Statistics still speak of it. */
	port->name = name;
	port->spec = spec;

	return ret;
}

unsigned int ports_count(const struct app *app)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < MAX_PORTS; i++)
		n += port_is_open(&app->port[i]);

	return n;
}

unsigned int ports_started(const struct app *app)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < MAX_PORTS; i++)
		n += app->port[i].state == PORT_STARTED;

	return n;
}

static void add_stats(struct uvdk_netdev_stats *sum, const struct uvdk_netdev_stats *a)
{
	sum->rx_packets += a->rx_packets;
	sum->tx_packets += a->tx_packets;
	sum->rx_bytes += a->rx_bytes;
	sum->tx_bytes += a->tx_bytes;
	sum->rx_missed += a->rx_missed;
	sum->rx_errors += a->rx_errors;
	sum->tx_errors += a->tx_errors;
	sum->rx_nombuf += a->rx_nombuf;
}

void port_stats(const struct port *port, struct uvdk_netdev_stats *out)
{
	struct uvdk_netdev_stats sum = port->carried;
	struct uvdk_netdev_stats now;

	if (port->nd) {
		uvdk_netdev_get_stats(port->nd, &now);
		add_stats(&sum, &now);
	}
	*out = sum;
}

void port_clear_stats(struct port *port)
{
	if (port->nd)
		uvdk_netdev_clear_stats(port->nd);
	memset(&port->carried, 0, sizeof(port->carried));
	memset(&port->shown, 0, sizeof(port->shown));
}
