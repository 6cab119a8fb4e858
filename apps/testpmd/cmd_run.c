// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

int for_ports(struct app *app, const char *word, bool any,
	      int (*fn)(struct app *app, struct port *port))
{
	bool all = !strcmp(word, "all");
	uint64_t id = 0;
	unsigned int n = 0;
	int ret = 0, err;

	if (!all && word_number("port", word, MAX_PORTS - 1, &id))
		return -EINVAL;
	for (unsigned int i = 0; i < MAX_PORTS; i++) {
		struct port *port = &app->port[i];

		if ((!all && i != id) || !(port_is_open(port) || (any && port->name)))
			continue;
		err = fn(app, port);
		ret = ret ? ret : err;
		n++;
	}
	if (n)
		return ret;
	if (all)
		complain("no port is open");
	else
		complain("port %s is not open", word);

	return -ENODEV;
}

int word_number(const char *what, const char *word, uint64_t max, uint64_t *value)
{
	char why[256];

	if (parse_number(what, word, 0, max, value, why, sizeof(why)) == 0)
		return 0;
	complain("%s", why);

	return -EINVAL;
}

static int run_help(struct app *app, char *const *word)
{
	(void)app;
	(void)word;
	for (size_t g = 0; command_groups[g]; g++)
		for (const struct command *c = command_groups[g]; c->syntax; c++)
			if (c->help)
				printf("  %-48s %s\n", c->syntax, c->help);
	printf("\nA port is a number or 'all'; words may be completed with TAB.\n");

	return 0;
}

static int run_start(struct app *app, char *const *word)
{
	(void)word;
	return fwd_start(app, 0);
}

static int run_start_tx_first(struct app *app, char *const *word)
{
	uint64_t bursts = 1;

	if (word[2] && word_number("bursts", word[2], 1024, &bursts))
		return -EINVAL;

	return fwd_start(app, (unsigned int)bursts);
}

static int run_stop(struct app *app, char *const *word)
{
	(void)word;
	if (!app->session)
		printf("Packet forwarding is not started\n");
	fwd_stop(app);

	return 0;
}

static int run_quit(struct app *app, char *const *word)
{
	(void)word;
	app->quit = true;
	return 0;
}

static int wait_packets(struct app *app, uint64_t n)
{
	const struct until until = {.packets = n, .stuck = true};

	if (!app->session) {
		complain("wait packets: nothing forwards; start it first");
		return -EINVAL;
	}
	events_run(app, &until);
	if (app->quit || fwd_moved(app) >= n)
		return 0;
	complain("wait packets: %" PRIu64 " of %" PRIu64 " were forwarded, and all ports are "
		 "stopped, broken or gone",
		 fwd_moved(app), n);

	return -ENODEV;
}

/* For scripts: the next command waits, devices and signals are served meanwhile. */
static int run_wait(struct app *app, char *const *word)
{
	struct until until = {0};
	uint64_t n;

	if (word_number(word[1], word[2], UINT32_MAX, &n))
		return -EINVAL;
	if (n == 0)
		return 0;
	if (!strcmp(word[1], "packets"))
		return wait_packets(app, n);
	until.deadline_ns = now_ns() + n * (!strcmp(word[1], "ms") ? 1000000u : 1000000000u);
	events_run(app, &until);

	return 0;
}

static int clear_port(struct app *app, struct port *port)
{
	(void)app;
	port_clear_stats(port);
	printf("  NIC statistics for port %u cleared\n", port->id);

	return 0;
}

static int run_clear_port(struct app *app, char *const *word)
{
	return for_ports(app, word[3], true, clear_port);
}

static int run_clear_fwd(struct app *app, char *const *word)
{
	(void)word;
	fwd_clear_stats(app);
	return 0;
}

static int run_unplug(struct app *app, char *const *word)
{
	bool surprise = word[3] != NULL;
	uint64_t id;

	if (word_number("port", word[2], MAX_PORTS - 1, &id))
		return -EINVAL;
	if (app->spaces.emu && port_is_open(&app->port[id]) &&
	    !uvdk_emu_unplug(app->spaces.emu, app->port[id].name, surprise))
		return 0;
	complain("port %s is not an emulated one that is open", word[2]);

	return -ENODEV;
}

const struct command run_commands[] = {
	{"help", "this list", run_help},
	{"help all", NULL, run_help},
	{"start", "start packet forwarding", run_start},
	{"start tx_first", "the same, sending a burst from each port first", run_start_tx_first},
	{"start tx_first <bursts>", "the same with more bursts", run_start_tx_first},
	{"stop", "stop packet forwarding and show its statistics", run_stop},
	{"quit", "end", run_quit},
	{"wait seconds#ms#packets <n>", "execute the next command so much later", run_wait},
	{"clear port stats#xstats <port>", "set a port's counters to 0", run_clear_port},
	{"clear fwd stats all", "set the forwarding counters to 0", run_clear_fwd},
	{"emu unplug <port>", NULL, run_unplug},
	{"emu unplug <port> surprise", NULL, run_unplug},
	{NULL, NULL, NULL},
};
