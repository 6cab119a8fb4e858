// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "app.h"

#define NS_PER_MS UINT64_C(1000000)

/* How long a device that vanishes without an event, or a fault, may go unnoticed. */
#define TICK_MS 100

/* Broken ports may still forward, by other queues: until nothing has moved for so long. */
#define STUCK_NS (1000 * NS_PER_MS)

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	signalled = number;
}

void events_init(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* Threads inherit the mask: signals reach the main thread, and only in ppoll(). */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	/* A reader of our output that goes away does not end forwarding. */
	signal(SIGPIPE, SIG_IGN);
}

static void remove_port(struct app *app, struct port *port, const char *why)
{
	printf("port %u (%s) removed: %s\n", port->id, port->name, why);
	port_close(app, port, PORT_REMOVED);
	fflush(stdout);
}

static void take_events(struct app *app, struct port *port)
{
	while (port_is_open(port)) {
		switch (uvdk_device_next_event(port->dev)) {
		case UVDK_DEVICE_EVENT_REMOVE:
			remove_port(app, port, "its removal was requested");
			break;
		case UVDK_DEVICE_EVENT_GONE:
			remove_port(app, port, "it has vanished");
			break;
		case UVDK_DEVICE_EVENT_ERROR:
			printf("port %u (%s) reports an uncorrectable error (AER); once the "
			       "kernel has recovered it, 'port reset %u' brings it back\n",
			       port->id, port->name, port->id);
			break;
		case UVDK_DEVICE_EVENT_NONE:
		default:
			return;
		}
	}
}

static void check_port(struct app *app, struct port *port)
{
	const char *why = "";

	take_events(app, port);
	if (!port_is_open(port))
		return;
	if (uvdk_device_gone(port->dev)) {
		remove_port(app, port, "it has vanished");
		return;
	}
	if (!port->broken_told && uvdk_netdev_broken(port->nd, &why)) {
		printf("port %u (%s) is broken: %s; 'port reset %u' brings it back\n", port->id,
		       port->name, why, port->id);
		port->broken_told = true;
		app->broken = true;
	}
}

static const char *fault_reason(enum uvdk_emu_fault_reason reason)
{
	switch (reason) {
	case UVDK_EMU_FAULT_NO_DOMAIN:
		return "attached to no address space";
	case UVDK_EMU_FAULT_NOT_MAPPED:
		return "nothing is mapped there";
	case UVDK_EMU_FAULT_PERMISSION:
		return "not for this kind of access";
	case UVDK_EMU_FAULT_BUS_MASTER:
		return "its bus master enable is off";
	case UVDK_EMU_FAULT_RANGE:
		return "beyond the address width";
	default:
		return "for an unknown reason";
	}
}

/* A device that was removed may still have been at work: that is what it is refused for. */
static bool is_open(const struct app *app, const char *name)
{
	for (unsigned int i = 0; i < MAX_PORTS; i++)
		if (port_is_open(&app->port[i]) && !strcmp(app->port[i].name, name))
			return true;

	return false;
}

static void check_faults(struct app *app)
{
	struct uvdk_emu_fault fault[8];
	uint64_t lost = 0;
	unsigned int n;

	if (!app->spaces.emu)
		return;
	n = uvdk_emu_faults(app->spaces.emu, fault, RTE_DIM(fault), &lost);
	for (unsigned int i = 0; i < n; i++)
		if (is_open(app, fault[i].function))
			printf("the IOMMU refused %s a %s of %llu bytes at 0x%llx: %s\n",
			       fault[i].function, fault[i].write ? "write" : "read",
			       (unsigned long long)fault[i].len, (unsigned long long)fault[i].iova,
			       fault_reason(fault[i].reason));
	if (lost)
		printf("... and %llu more refusals\n", (unsigned long long)lost);
}

static void tick(struct app *app)
{
	for (unsigned int i = 0; i < MAX_PORTS; i++)
		if (port_is_open(&app->port[i]))
			check_port(app, &app->port[i]);
	check_faults(app);
}

static void show_period(struct app *app, uint64_t *next_ns)
{
	uint64_t period = app->opts.stats_period * UINT64_C(1000) * NS_PER_MS;

	if (!period || now_ns() < *next_ns)
		return;
	*next_ns += period;
	for (unsigned int i = 0; i < MAX_PORTS; i++)
		if (app->port[i].name)
			stats_print_nic(&app->port[i]);
	json_write(app);
}

/* -1: nothing to wait for but descriptors. */
static int timeout_ms(const struct app *app, const struct until *until, uint64_t next_ns)
{
	uint64_t now = now_ns();
	uint64_t wait = TICK_MS * NS_PER_MS;

	if (until->packets && app->session)
		wait = NS_PER_MS;
	if (until->deadline_ns)
		wait = RTE_MIN(wait, until->deadline_ns > now ? until->deadline_ns - now : 0);
	if (app->opts.stats_period)
		wait = RTE_MIN(wait, next_ns > now ? next_ns - now : 0);

	return (int)((wait + NS_PER_MS - 1) / NS_PER_MS);
}

/* When a packet moved last, or could have. */
struct progress {
	uint64_t moved;
	uint64_t since_ns;
};

static bool all_broken(const struct app *app)
{
	for (unsigned int i = 0; i < MAX_PORTS; i++)
		if (app->port[i].state == PORT_STARTED && !app->port[i].broken_told)
			return false;

	return true;
}

/* Can nothing be forwarded any more, unless somebody gives a command? */
static bool stuck(const struct app *app, struct progress *progress)
{
	uint64_t moved = fwd_moved(app);

	if (!app->session || !ports_started(app))
		return true;
	if (moved == progress->moved && all_broken(app))
		return now_ns() - progress->since_ns >= STUCK_NS;
	progress->moved = moved;
	progress->since_ns = now_ns();

	return false;
}

static bool reached(struct app *app, const struct until *until, struct progress *progress)
{
	if (signalled) {
		printf("\nsignal %d: ending\n", (int)signalled);
		app->quit = true;
	}
	if (app->quit)
		return true;
	if (until->deadline_ns && now_ns() >= until->deadline_ns)
		return true;
	if (until->packets && fwd_moved(app) >= until->packets)
		return true;

	return until->stuck && stuck(app, progress);
}

/* The prompt; or, without one, Enter or the end of input ends the program, as in DPDK. */
static bool read_input(struct app *app)
{
	char text[512];
	ssize_t n = read(STDIN_FILENO, text, sizeof(text));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n < 0) {
		complain("standard input can't be read (%s): taken for its end", strerror(errno));
		n = 0;
	}
	if (app->prompt)
		prompt_input(app, text, (size_t)n);
	else
		app->quit = true;

	return n > 0;
}

void events_run(struct app *app, const struct until *until)
{
	struct pollfd fds[MAX_PORTS + 1];
	struct progress progress = {.since_ns = now_ns()};
	bool input = until->input;
	uint64_t next_ns = now_ns() + app->opts.stats_period * UINT64_C(1000) * NS_PER_MS;
	struct timespec wait;
	sigset_t none;
	int ms;

	sigemptyset(&none);
	while (!reached(app, until, &progress)) {
		fds[0] = (struct pollfd){.fd = input ? STDIN_FILENO : -1, .events = POLLIN};
		for (unsigned int i = 0; i < MAX_PORTS; i++)
			fds[i + 1] = (struct pollfd){
				.fd = port_is_open(&app->port[i])
					      ? uvdk_device_event_fd(app->port[i].dev)
					      : -1,
				.events = POLLIN,
			};
		fflush(stdout);
		ms = timeout_ms(app, until, next_ns);
		wait = (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
		if (ppoll(fds, RTE_DIM(fds), &wait, &none) > 0 && fds[0].revents)
			input = read_input(app);
		tick(app);
		show_period(app, &next_ns);
	}
	/* What came with the end counts too. */
	tick(app);
}
