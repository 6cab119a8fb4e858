// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

/* 0, or -EBUSY after a complaint. */
static int busy(const struct app *app)
{
	if (!app->session)
		return 0;
	complain("forwarding is under way; stop it first");

	return -EBUSY;
}

static int set_fwd(struct app *app, char *const *word)
{
	if (busy(app))
		return -EBUSY;
	app->opts.engine = fwd_engine_find(word[2]);
	printf("Set %s packet forwarding mode\n", word[2]);

	return 0;
}

static int set_burst(struct app *app, char *const *word)
{
	char why[256];
	uint64_t n;

	if (parse_number("burst", word[2], 1, MAX_BURST, &n, why, sizeof(why))) {
		complain("%s", why);
		return -EINVAL;
	}
	app->opts.burst = (unsigned int)n;
	fwd_retune(app);
	printf("Number of packets per burst set to %u\n", app->opts.burst);

	return 0;
}

static int set_retry(struct app *app, char *const *word)
{
	uint64_t delay, retries;

	if (word_number("delay", word[4], 1000000, &delay) ||
	    word_number("retry", word[6], 1000000, &retries))
		return -EINVAL;
	/* A core that waits here longer can't be stopped in time when a port leaves. */
	if (delay * retries > 1000000) {
		complain("retry: %s times %s us are not possible; allowed: one second in all",
			 word[6], word[4]);
		return -EINVAL;
	}
	app->opts.tx_retry_delay_us = (unsigned int)delay;
	app->opts.tx_retries = (unsigned int)retries;
	fwd_retune(app);

	return 0;
}

static int set_txpkts(struct app *app, char *const *word)
{
	struct options opts = app->opts;
	char why[256];

	if (busy(app))
		return -EBUSY;
	word[2][strcspn(word[2], " \t\r\n")] = '\0';
	if (options_txpkts(&opts, word[2], why, sizeof(why))) {
		complain("%s", why);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < MAX_PORTS; i++) {
		if (port_is_open(&app->port[i]) && port_fits(&app->port[i], &opts)) {
			complain("port %u: %s", i, reason(-EINVAL));
			return -EINVAL;
		}
	}
	app->opts = opts;

	return 0;
}

static int set_verbose(struct app *app, char *const *word)
{
	uint64_t n;

	if (word_number("verbose", word[2], 3, &n))
		return -EINVAL;
	if (n && app->opts.seccomp) {
		complain("verbose: printing from the forwarding loop is a system call, which "
			 "--seccomp forbids");
		return -EINVAL;
	}
	app->verbose = (uint16_t)n;
	fwd_retune(app);
	printf("Change verbose level to %u\n", app->verbose);

	return 0;
}

static int promisc(struct port *port, bool on)
{
	int ret = uvdk_netdev_set_promisc(port->nd, on);

	if (ret)
		complain("promiscuous mode of port %u (%s) can't be changed: %s", port->id,
			 port->name, reason(ret));

	return ret;
}

static int promisc_on(struct app *app, struct port *port)
{
	(void)app;
	return promisc(port, true);
}

static int promisc_off(struct app *app, struct port *port)
{
	(void)app;
	return promisc(port, false);
}

static int set_promisc(struct app *app, char *const *word)
{
	return for_ports(app, word[2], false, !strcmp(word[3], "on") ? promisc_on : promisc_off);
}

static int set_peer(struct app *app, char *const *word)
{
	struct rte_ether_addr mac;
	uint64_t id;

	if (busy(app))
		return -EBUSY;
	if (word_number("port", word[2], MAX_PORTS - 1, &id))
		return -EINVAL;
	if (rte_ether_unformat_addr(word[3], &mac)) {
		complain("eth-peer: '%s' is not possible; allowed: a MAC address", word[3]);
		return -EINVAL;
	}
	app->opts.peer[id] = mac;

	return 0;
}

static int csum_show(struct app *app, struct port *port)
{
	(void)app;
	printf("ip checksum offload is sw\ntcp checksum offload is %s\nudp checksum offload is "
	       "%s\n",
	       port->tx_offload & CSUM_HW_TCP ? "hw" : "sw",
	       port->tx_offload & CSUM_HW_UDP ? "hw" : "sw");

	return 0;
}

/* The port is configured anew when it is started. */
static int csum_set(struct app *app, char *const *word)
{
	uint32_t bit = !strcmp(word[2], "tcp") ? CSUM_HW_TCP : CSUM_HW_UDP;
	struct port *port;
	uint64_t id;

	if (word_number("port", word[4], MAX_PORTS - 1, &id))
		return -EINVAL;
	port = &app->port[id];
	if (port->state != PORT_STOPPED) {
		complain("port %s is not a stopped one: 'port stop %s' first", word[4], word[4]);
		return -EBUSY;
	}
	if (!strcmp(word[3], "hw") && !(port->info.offloads & UVDK_NETDEV_TX_CSUM)) {
		complain("port %s (%s) can't compute checksums", word[4], port->name);
		return -EOPNOTSUPP;
	}
	if (!strcmp(word[3], "hw"))
		port->tx_offload |= bit;
	else
		port->tx_offload &= ~bit;

	return csum_show(app, port);
}

static int run_csum_show(struct app *app, char *const *word)
{
	return for_ports(app, word[2], false, csum_show);
}

const struct command set_commands[] = {
	{"set fwd {modes}", "what is done to packets", set_fwd},
	{"set burst <n>", "packets a burst", set_burst},
	{"set burst tx delay <us> retry <n>", "try again before packets are dropped", set_retry},
	{"set txpkts ...", "segment lengths of generated packets", set_txpkts},
	{"set verbose <level>", "0: silent; 1: show received, 2: sent, 3: all packets",
	 set_verbose},
	{"set promisc <port> on#off", "promiscuous mode", set_promisc},
	{"set eth-peer <port> <mac>", "where mode mac sends what leaves by the port", set_peer},
	{"csum set tcp#udp hw#sw <port>", "who computes checksums of sent packets in mode csum",
	 csum_set},
	{"csum show <port>", "the same, shown", run_csum_show},
	{NULL, NULL, NULL},
};
