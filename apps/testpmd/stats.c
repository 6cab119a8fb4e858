// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

/* The layout is that of DPDK's testpmd, which scripts know how to read. */

/* What a port received, and what became of it; what should have left by it. */
struct port_share {
	bool used;
	struct fwd_counters in;
	struct fwd_counters out;
};

static void collect(const struct fwd_session *session, struct port_share *share)
{
	const struct fwd_stream *streams;
	unsigned int count = fwd_streams(session, &streams);

	for (unsigned int i = 0; i < count; i++) {
		struct fwd_counters c = fwd_stream_counters(session, i);

		share[streams[i].rx_port].used = true;
		share[streams[i].tx_port].used = true;
		fwd_counters_add(&share[streams[i].rx_port].in, &c);
		fwd_counters_add(&share[streams[i].tx_port].out, &c);
	}
}

static void print_lines(uint64_t rx, uint64_t missed, uint64_t tx, uint64_t dropped)
{
	printf("  RX-packets: %-14" PRIu64 " RX-dropped: %-14" PRIu64 " RX-total: %" PRIu64 "\n",
	       rx, missed, rx + missed);
	printf("  TX-packets: %-14" PRIu64 " TX-dropped: %-14" PRIu64 " TX-total: %" PRIu64 "\n",
	       tx, dropped, tx + dropped);
}

static void print_port(const struct app *app, unsigned int id, const struct port_share *share,
		       const struct fwd_engine *engine)
{
	struct uvdk_netdev_stats nic;

	port_stats(&app->port[id], &nic);
	printf("\n  ---------------------- Forward statistics for port %-2u "
	       "----------------------\n",
	       id);
	print_lines(share->in.rx, nic.rx_missed, share->out.tx, share->out.dropped);
	if (nic.tx_errors)
		printf("  TX-errors:  %-14" PRIu64 " taken by the port, but too long or not "
		       "mapped: never sent\n",
		       nic.tx_errors);
	if (engine->receives && engine->sends && engine != &fwd_flowgen)
		printf("  Received %" PRIu64 " = forwarded %" PRIu64 " + dropped %" PRIu64 "\n",
		       share->in.rx, share->in.tx, share->in.dropped);
	if (engine == &fwd_csum)
		printf("  Bad IP checksum: %-9" PRIu64 " Bad L4 checksum: %" PRIu64 "\n",
		       share->in.bad_ip, share->in.bad_l4);
	printf("  --------------------------------------------------------------------------"
	       "--\n");
}

void stats_print_session(const struct app *app, const struct fwd_session *session)
{
	struct fwd_counters sum = fwd_session_total(session);
	double seconds = fwd_session_seconds(session);
	struct port_share share[MAX_PORTS];
	const struct fwd_stream *streams;
	uint64_t missed = 0;

	memset(share, 0, sizeof(share));
	collect(session, share);
	fwd_streams(session, &streams);
	for (unsigned int i = 0; i < MAX_PORTS; i++) {
		struct uvdk_netdev_stats nic;

		if (!share[i].used)
			continue;
		print_port(app, i, &share[i], streams[0].engine);
		port_stats(&app->port[i], &nic);
		missed += nic.rx_missed;
	}
	printf("\n  +++++++++++++++ Accumulated forward statistics for all ports+++++++++++++++\n");
	print_lines(sum.rx, missed, sum.tx, sum.dropped);
	printf("  ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++\n");
	if (seconds > 0)
		printf("  %.3f s, %.0f packets/s\n", seconds, (double)(sum.tx) / seconds);
}

static uint64_t rate(uint64_t now, uint64_t then, double seconds)
{
	return seconds > 0 && now >= then ? (uint64_t)((double)(now - then) / seconds) : 0;
}

void stats_print_nic(struct port *port)
{
	uint64_t now = now_ns();
	double seconds = port->shown_ns ? (double)(now - port->shown_ns) / 1e9 : 0;
	const struct uvdk_netdev_stats *was = &port->shown;
	struct uvdk_netdev_stats s;

	port_stats(port, &s);
	printf("\n  ######################## NIC statistics for port %-2u ########################"
	       "\n",
	       port->id);
	printf("  RX-packets: %-10" PRIu64 " RX-missed: %-10" PRIu64 " RX-bytes:  %-10" PRIu64 "\n",
	       s.rx_packets, s.rx_missed, s.rx_bytes);
	printf("  RX-errors: %" PRIu64 "\n  RX-nombuf:  %" PRIu64 "\n", s.rx_errors, s.rx_nombuf);
	printf("  TX-packets: %-10" PRIu64 " TX-errors: %-10" PRIu64 " TX-bytes:  %-10" PRIu64 "\n",
	       s.tx_packets, s.tx_errors, s.tx_bytes);
	printf("\n  Throughput (since last show)\n");
	printf("  Rx-pps: %12" PRIu64 "          Rx-bps: %12" PRIu64 "\n",
	       rate(s.rx_packets, was->rx_packets, seconds),
	       rate(8 * s.rx_bytes, 8 * was->rx_bytes, seconds));
	printf("  Tx-pps: %12" PRIu64 "          Tx-bps: %12" PRIu64 "\n",
	       rate(s.tx_packets, was->tx_packets, seconds),
	       rate(8 * s.tx_bytes, 8 * was->tx_bytes, seconds));
	printf("  ##########################################################################"
	       "##\n");
	port->shown = s;
	port->shown_ns = now;
}

void stats_print_xstats(const struct port *port)
{
	struct uvdk_netdev_xstat *xstats;
	unsigned int count, got;

	if (!port->nd) {
		printf("Port %u is not open: it has no extended statistics\n", port->id);
		return;
	}
	count = uvdk_netdev_xstats(port->nd, NULL, 0);
	xstats = calloc(count ? count : 1, sizeof(*xstats));
	if (!xstats)
		return;
	got = uvdk_netdev_xstats(port->nd, xstats, count);
	printf("###### NIC extended statistics for port %u\n", port->id);
	for (unsigned int i = 0; i < RTE_MIN(got, count); i++)
		printf("%s: %" PRIu64 "\n", xstats[i].name, xstats[i].value);
	free(xstats);
}
