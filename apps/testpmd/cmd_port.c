// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include "command.h"

static void run_attach(struct app *app, char *const *word)
{
	char *spec = word[2];
	unsigned int id;

	spec[strcspn(spec, " \t\r\n")] = '\0';
	printf("Attaching a new port...\n");
	if (port_attach(app, spec, &id))
		return;
	if (port_start(app, &app->port[id])) {
		printf("Port %u (%s) is closed again\n", id, app->port[id].name);
		port_close(app, &app->port[id], PORT_NONE);
		return;
	}
	printf("Port %u (%s) is attached. Now total ports is %u\n", id, app->port[id].name,
	       ports_count(app));
	printf("Done\n");
}

static void start(struct app *app, struct port *port)
{
	if (port_start(app, port) == 0)
		printf("Port %u started\n", port->id);
}

static void stop(struct app *app, struct port *port)
{
	if (port_stop(app, port) == 0)
		printf("Port %u stopped\n", port->id);
}

static void reset(struct app *app, struct port *port)
{
	if (port_reset(app, port) == 0)
		printf("Port %u reset\n", port->id);
}

static void detach(struct app *app, struct port *port)
{
	port_close(app, port, PORT_NONE);
	printf("Port %u (%s) is closed. Now total ports is %u\n", port->id, port->name,
	       ports_count(app));
}

static void run_action(struct app *app, char *const *word)
{
	static const struct {
		const char *name;
		void (*fn)(struct app *app, struct port *port);
	} actions[] = {
		{"start", start},  {"stop", stop},     {"reset", reset},
		{"close", detach}, {"detach", detach},
	};

	for (size_t i = 0; i < RTE_DIM(actions); i++)
		if (!strcmp(word[1], actions[i].name))
			for_ports(app, word[2], false, actions[i].fn);
	printf("Done\n");
}

const struct command port_commands[] = {
	{"port start#stop#reset#close#detach <port>", "change a port; the others forward on",
	 run_action},
	{"port attach ...", "open one more port: PCI address or emu:MODEL[,...]", run_attach},
	{NULL, NULL, NULL},
};
