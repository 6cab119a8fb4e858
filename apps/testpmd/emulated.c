// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdio.h>

#include <uvdk_emu_virtio_net.h>

#include "app.h"

static void print_violations(struct uvdk_emu *emu, const char *name)
{
	char text[256];

	for (unsigned int i = 0;
	     uvdk_emu_virtio_net_violation(emu, name, i, text, sizeof(text)) == 0; i++)
		printf("  %s: the driver broke a rule: %s\n", name, text);
}

/* What the far end of an emulated port has seen; false: something that must not be. */
static bool check_port(struct uvdk_emu *emu, const struct port *port)
{
	struct uvdk_emu_virtio_net_stats s;

	if (uvdk_emu_virtio_net_get_stats(emu, port->name, &s))
		return true;
	if (s.generated || s.sunk)
		printf("  far end of port %u: made %" PRIu64 " frames, got %" PRIu64 " (%" PRIu64
		       " verified, %" PRIu64 " bad, %" PRIu64 " twice, %" PRIu64 " out of order)\n",
		       port->id, s.generated, s.sunk, s.verified, s.bad, s.duplicates,
		       s.out_of_order);
	print_violations(emu, port->name);

	return !s.bad && !s.duplicates && !s.out_of_order && !s.violations;
}

bool emulated_check(const struct app *app)
{
	bool good = true;

	for (unsigned int i = 0; app->spaces.emu && i < MAX_PORTS; i++)
		if (port_is_open(&app->port[i]))
			good &= check_port(app->spaces.emu, &app->port[i]);

	return good;
}
