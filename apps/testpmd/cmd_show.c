// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "cores.h"

static const char *state_name(enum port_state state)
{
	static const char *const names[] = {
		[PORT_NONE] = "closed",
		[PORT_STOPPED] = "stopped",
		[PORT_STARTED] = "started",
		[PORT_REMOVED] = "removed",
	};

	return names[state];
}

static void show_link(struct port *port)
{
	struct uvdk_netdev_link link;

	if (uvdk_netdev_get_link(port->nd, &link)) {
		printf("Link status: unknown, the device is gone\n");
		return;
	}
	printf("Link status: %s\n", link.up ? "up" : "down");
	if (link.speed_mbps)
		printf("Link speed: %u Mbps\n", link.speed_mbps);
	else
		printf("Link speed: unknown\n");
	printf("Link duplex: %s\n", link.full_duplex ? "full-duplex" : "half-duplex");
}

static int show_info(struct app *app, struct port *port)
{
	const struct uvdk_netdev_info *info = &port->info;
	const struct uvdk_device_info *dev;
	char mac[RTE_ETHER_ADDR_FMT_SIZE];
	const char *why = "";

	printf("\n********************* Infos for port %-2u *********************\n", port->id);
	printf("Device name: %s\nState: %s\n", port->name, state_name(port->state));
	if (!port_is_open(port))
		return 0;
	dev = uvdk_device_get_info(port->dev);
	rte_ether_format_addr(mac, sizeof(mac), &port->mac);
	printf("MAC address: %s\nDriver name: %s\n", mac, info->driver);
	printf("Device: %04x:%04x on bus %s, reached by %s\n", dev->vendor, dev->device, dev->bus,
	       dev->access);
	printf("Connect to socket: %d\nMemory allocated on socket: %d\n", dev->numa_node,
	       port->pool->socket);
	printf("Address space: %u (iommu %s)\n", port->space->id,
	       uvdk_iommu_name(port->space->iommu));
	show_link(port);
	printf("MTU: %u (largest possible %u)\n", uvdk_netdev_mtu(port->nd), info->max_mtu);
	printf("Promiscuous mode: %s\n", uvdk_netdev_promisc(port->nd) ? "enabled" : "disabled");
	printf("Queues: rx %u of %u, tx %u of %u\n", app->opts.rxq, info->max_rx_queues,
	       app->opts.txq, info->max_tx_queues);
	printf("Descriptors: rx %u, tx %u; possible %u to %u\n",
	       ring_size(app->opts.rxd, info->min_desc, info->max_desc),
	       ring_size(app->opts.txd, info->min_desc, info->max_desc), info->min_desc,
	       info->max_desc);
	printf("Offloads possible:%s%s%s\n",
	       info->offloads & UVDK_NETDEV_RX_CSUM ? " rx-checksum" : "",
	       info->offloads & UVDK_NETDEV_TX_CSUM ? " tx-checksum" : "",
	       info->offloads & UVDK_NETDEV_MULTI_SEG ? " multi-segment" : "");
	printf("Features: 0x%" PRIx64 "\n", info->features);
	if (uvdk_netdev_broken(port->nd, &why))
		printf("Broken: %s\n", why);

	return 0;
}

static int show_nic(struct app *app, struct port *port)
{
	(void)app;
	stats_print_nic(port);
	return 0;
}

static int show_xstats(struct app *app, struct port *port)
{
	(void)app;
	stats_print_xstats(port);
	return 0;
}

static int run_show_port(struct app *app, char *const *word)
{
	if (!strcmp(word[2], "info"))
		return for_ports(app, word[3], true, show_info);
	if (!strcmp(word[2], "stats"))
		return for_ports(app, word[3], true, show_nic);

	return for_ports(app, word[3], false, show_xstats);
}

static int show_summary(struct app *app, struct port *port)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	(void)app;
	rte_ether_format_addr(mac, sizeof(mac), &port->mac);
	printf("%-4u %-17s %-24s %-12s %s\n", port->id, mac, port->name,
	       port->info.driver ? port->info.driver : "-", state_name(port->state));

	return 0;
}

static int run_show_summary(struct app *app, char *const *word)
{
	printf("Number of available ports: %u\n", ports_count(app));
	printf("%-4s %-17s %-24s %-12s %s\n", "Port", "MAC Address", "Name", "Driver", "State");
	return for_ports(app, word[3], true, show_summary);
}

static int run_show_fwd(struct app *app, char *const *word)
{
	const struct fwd_session *session = app->session ? app->session : app->last;

	(void)word;
	if (session)
		stats_print_session(app, session);
	else
		printf("Nothing has been forwarded yet\n");

	return 0;
}

static void show_streams(const struct app *app)
{
	const struct fwd_session *session = app->session;
	const struct fwd_stream *s;
	unsigned int count = fwd_streams(session, &s);
	char mac[RTE_ETHER_ADDR_FMT_SIZE];

	for (unsigned int i = 0; i < count; i++) {
		rte_ether_format_addr(mac, sizeof(mac), &s[i].peer_mac);
		printf("  on %s: RX P=%u/Q=%u%s -> TX P=%u/Q=%u%s peer=%s\n",
		       cores_name(app->cores, fwd_core_of(session, i)), s[i].rx_port, s[i].rx_queue,
		       s[i].rx ? "" : " (gone)", s[i].tx_port, s[i].tx_queue,
		       s[i].tx ? "" : " (gone)", mac);
	}
}

static int run_show_config_fwd(struct app *app, char *const *word)
{
	(void)word;
	printf("%s packet forwarding - ports=%u - cores=%u - %s\n", app->opts.engine->name,
	       ports_count(app), app->opts.nb_cores, app->session ? "running" : "stopped");
	if (app->session)
		show_streams(app);

	return 0;
}

static int run_show_config_rxtx(struct app *app, char *const *word)
{
	(void)word;
	printf("%s packet forwarding packets/burst=%u\n", app->opts.engine->name, app->opts.burst);
	printf("packet len=");
	for (unsigned int i = 0; i < app->opts.tx_segs; i++)
		printf("%s%u", i ? "," : "", app->opts.txpkts[i]);
	printf(" - nb packet segments=%u\n", app->opts.tx_segs);
	printf("nb forwarding cores=%u - nb forwarding ports=%u\n", app->opts.nb_cores,
	       ports_count(app));
	for (unsigned int i = 0; i < MAX_PORTS; i++)
		if (port_is_open(&app->port[i]))
			printf("port %u: RX queues=%u desc=%u; TX queues=%u desc=%u\n", i,
			       app->opts.rxq,
			       ring_size(app->opts.rxd, app->port[i].info.min_desc,
					 app->port[i].info.max_desc),
			       app->opts.txq,
			       ring_size(app->opts.txd, app->port[i].info.min_desc,
					 app->port[i].info.max_desc));

	return 0;
}

const struct command show_commands[] = {
	{"show port info#stats#xstats <port>", "a port, its counters, all its counters",
	 run_show_port},
	{"show port summary <port>", "one line a port", run_show_summary},
	{"show fwd stats all", "forwarding statistics", run_show_fwd},
	{"show config fwd", "mode and streams", run_show_config_fwd},
	{"show config rxtx", "queues and packets", run_show_config_rxtx},
	{"show iommu", "what translates the ports' accesses", run_show_iommu},
	{"show ioas", "address spaces: maps, bytes, ranges, devices", run_show_ioas},
	{"show ioas <number>", "one address space with its maps", run_show_ioas},
	{NULL, NULL, NULL},
};
