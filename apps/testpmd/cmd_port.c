// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include "command.h"

static int run_attach(struct app *app, char *const *word)
{
	char *spec = word[2];
	unsigned int id;
	int ret;

	spec[strcspn(spec, " \t\r\n")] = '\0';
	printf("Attaching a new port...\n");
	ret = port_attach(app, spec, &id);
	if (ret)
		return ret;
	ret = port_start(app, &app->port[id]);
	if (ret) {
		printf("Port %u (%s) is closed again\n", id, app->port[id].name);
		port_close(app, &app->port[id], PORT_NONE);
		return ret;
	}
	printf("Port %u (%s) is attached. Now total ports is %u\n", id, app->port[id].name,
	       ports_count(app));
	printf("Done\n");

	return 0;
}

static int start(struct app *app, struct port *port)
{
	int ret = port_start(app, port);

	if (!ret)
		printf("Port %u started\n", port->id);

	return ret;
}

static int stop(struct app *app, struct port *port)
{
	int ret = port_stop(app, port);

	if (!ret)
		printf("Port %u stopped\n", port->id);

	return ret;
}

static int reset(struct app *app, struct port *port)
{
	int ret = port_reset(app, port);

	if (!ret)
		printf("Port %u reset\n", port->id);

	return ret;
}

static int detach(struct app *app, struct port *port)
{
	int ret = port_close(app, port, PORT_NONE);

	printf("Port %u (%s) is closed. Now total ports is %u\n", port->id, port->name,
	       ports_count(app));

	return ret;
}

static int run_action(struct app *app, char *const *word)
{
	static const struct {
		const char *name;
		int (*fn)(struct app *app, struct port *port);
	} actions[] = {
		{"start", start},  {"stop", stop},     {"reset", reset},
		{"close", detach}, {"detach", detach},
	};
	int ret = 0;

	for (size_t i = 0; i < RTE_DIM(actions); i++)
		if (!strcmp(word[1], actions[i].name))
			ret = for_ports(app, word[2], false, actions[i].fn);
	if (!ret)
		printf("Done\n");

	return ret;
}

const struct command port_commands[] = {
	{"port start#stop#reset#close#detach <port>", "change a port; the others forward on",
	 run_action},
	{"port attach ...", "open one more port: PCI address or emu:MODEL[,...]", run_attach},
	{NULL, NULL, NULL},
};
