// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

/* Where port number @i of @n sends to; with an odd pair the last one has none. */
static unsigned int peer_of(enum topology topology, unsigned int i, unsigned int n)
{
	switch (topology) {
	case TOPOLOGY_PAIRED:
		return (i ^ 1) < n ? i ^ 1 : i;
	case TOPOLOGY_CHAINED:
		return (i + 1) % n;
	case TOPOLOGY_LOOP:
	default:
		return i;
	}
}

static struct uvdk_netdev *netdev_of(const struct port *port, const struct port *leaving)
{
	return port->state == PORT_STARTED && port != leaving ? port->nd : NULL;
}

/* Point a stream that no core works on at its ports as they are now. */
static void bind_stream(struct app *app, struct fwd_stream *s, const struct port *leaving)
{
	const struct port *rx = &app->port[s->rx_port];
	const struct port *tx = &app->port[s->tx_port];

	s->rx = netdev_of(rx, leaving);
	s->tx = netdev_of(tx, leaving);
	if (!s->tx)
		return;
	s->tx_mac = tx->mac;
	s->tx_offload = tx->tx_offload;
	s->peer_mac = app->opts.peer[s->tx_port];
	fwd_template_init(&s->template, &app->opts, tx->pool->mp, &s->tx_mac, &s->peer_mac);
}

/* A stream can work while its receive port is there; sends are dropped without the other. */
static bool runnable(const struct fwd_stream *s)
{
	return s->engine->receives ? s->rx != NULL : s->tx != NULL;
}

static bool touches(const struct fwd_stream *s, const struct port *port)
{
	return port && (s->rx_port == port->id || s->tx_port == port->id);
}

/* Hand out plans: all streams that can work, but those that touch @without. */
static int hand_out(struct fwd_session *session, const struct port *without)
{
	struct fwd_stream **list = calloc(session->count, sizeof(*list));
	int ret = list ? 0 : -ENOMEM;

	for (unsigned int core = 0; !ret && core < session->nb_cores; core++) {
		unsigned int n = 0;

		for (unsigned int i = core; i < session->count; i += session->nb_cores)
			if (runnable(&session->stream[i]) && !touches(&session->stream[i], without))
				list[n++] = &session->stream[i];
		ret = cores_plan(session->cores, core, list, n);
	}
	if (!ret)
		cores_quiesce(session->cores);
	free(list);

	return ret;
}

/* Take a port's streams from the cores, change them, and hand them out again. */
static int rearrange(struct app *app, const struct port *port, const struct port *leaving)
{
	struct fwd_session *session = app->session;
	int ret;

	if (!session)
		return 0;
	ret = hand_out(session, port);
	if (ret) {
		/* Without memory for a plan the only safe thing is to stop. */
		complain("no memory to rearrange forwarding: it is stopped");
		fwd_stop(app);
		return ret;
	}
	for (unsigned int i = 0; i < session->count; i++)
		if (touches(&session->stream[i], port))
			bind_stream(app, &session->stream[i], leaving);
	ret = hand_out(session, NULL);
	if (ret)
		complain("no memory to rearrange forwarding: port %u takes no part in it",
			 port->id);

	return ret;
}

int fwd_leave(struct app *app, const struct port *port)
{
	return rearrange(app, port, port);
}

int fwd_join(struct app *app, const struct port *port)
{
	return rearrange(app, port, NULL);
}

void fwd_retune(struct app *app)
{
	struct fwd_session *session = app->session;

	for (unsigned int i = 0; session && i < session->count; i++) {
		__atomic_store_n(&session->stream[i].burst, (uint16_t)app->opts.burst,
				 __ATOMIC_RELAXED);
		__atomic_store_n(&session->stream[i].verbose, app->verbose, __ATOMIC_RELAXED);
		__atomic_store_n(&session->stream[i].retries, app->opts.tx_retries,
				 __ATOMIC_RELAXED);
		__atomic_store_n(&session->stream[i].retry_delay_us, app->opts.tx_retry_delay_us,
				 __ATOMIC_RELAXED);
	}
}

void fwd_session_free(struct fwd_session *session)
{
	if (!session)
		return;
	free(session->base);
	free(session->stream);
	free(session);
}

static struct fwd_session *allocate(unsigned int streams)
{
	struct fwd_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->count = streams;
	session->base = calloc(streams, sizeof(*session->base));
	session->stream = aligned_alloc(64, streams * sizeof(*session->stream));
	if (!session->base || !session->stream) {
		fwd_session_free(session);
		return NULL;
	}
	memset(session->stream, 0, streams * sizeof(*session->stream));

	return session;
}

static void lay_out(struct app *app, struct fwd_session *session, const unsigned int *ports,
		    unsigned int n)
{
	struct fwd_stream *s = session->stream;

	for (unsigned int i = 0; i < n; i++) {
		unsigned int peer = peer_of(app->opts.topology, i, n);

		for (unsigned int q = 0; q < app->opts.rxq; q++, s++) {
			s->engine = session->engine;
			s->rx_port = (uint16_t)ports[i];
			s->tx_port = (uint16_t)ports[session->engine->to_self ? i : peer];
			s->rx_queue = (uint16_t)q;
			s->tx_queue = (uint16_t)q;
			s->burst = (uint16_t)app->opts.burst;
			s->verbose = app->verbose;
			s->retries = app->opts.tx_retries;
			s->retry_delay_us = app->opts.tx_retry_delay_us;
			s->rx_cksum = app->opts.rx_cksum;
			bind_stream(app, s, NULL);
		}
	}
}

/* Not counted as forwarding: nothing was received for it. */
static void send_first(struct fwd_session *session, unsigned int bursts)
{
	for (unsigned int i = 0; i < session->count; i++) {
		struct fwd_stream *s = &session->stream[i];

		for (unsigned int n = 0; n < bursts; n++)
			fwd_txonly.forward(s);
		memset(&s->count, 0, sizeof(s->count));
	}
}

static unsigned int started_ports(const struct app *app, unsigned int *ports)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < MAX_PORTS; i++)
		if (app->port[i].state == PORT_STARTED)
			ports[n++] = i;

	return n;
}

int fwd_start(struct app *app, unsigned int bursts)
{
	const struct fwd_engine *engine = app->opts.engine;
	unsigned int ports[MAX_PORTS];
	unsigned int n = started_ports(app, ports);
	struct fwd_session *session;
	int ret;

	if (app->session) {
		complain("forwarding is under way already; stop it first");
		return -EALREADY;
	}
	if (n == 0) {
		complain("no port is started: there is nothing to forward");
		return -ENODEV;
	}
	if (app->opts.topology == TOPOLOGY_PAIRED && n % 2 && !engine->to_self)
		printf("Port %u has no partner: it sends back what it receives\n", ports[n - 1]);

	session = allocate(n * app->opts.rxq);
	if (!session) {
		complain("forwarding can't be started: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	session->cores = app->cores;
	session->engine = engine;
	session->nb_cores = RTE_MIN(app->opts.nb_cores, session->count);
	lay_out(app, session, ports, n);
	send_first(session, bursts);

	session->started_ns = now_ns();
	ret = cores_start(app->cores, session->nb_cores);
	if (!ret)
		ret = hand_out(session, NULL);
	if (ret) {
		complain("forwarding can't be started: %s", strerror(-ret));
		cores_stop(app->cores);
		fwd_session_free(session);
		return ret;
	}
	app->session = session;
	printf("%s packet forwarding - ports=%u - cores=%u - streams=%u\n", engine->name, n,
	       session->nb_cores, session->count);

	return 0;
}

void fwd_stop(struct app *app)
{
	struct fwd_session *session = app->session;
	struct fwd_counters total;

	if (!session)
		return;
	cores_stop(app->cores);
	session->ended_ns = now_ns();
	app->session = NULL;
	total = fwd_session_total(session);
	fwd_counters_add(&app->total, &total);
	app->seconds += fwd_session_seconds(session);
	for (unsigned int i = 0; i < session->count; i++)
		app->dropped[session->stream[i].tx_port] += fwd_stream_counters(session, i).dropped;
	stats_print_session(app, session);
	if (app->opts.seccomp)
		printf("forwarded under seccomp: the forwarding loop made no system call\n");
	fwd_session_free(app->last);
	app->last = session;
}

unsigned int fwd_streams(const struct fwd_session *session, const struct fwd_stream **out)
{
	*out = session->stream;
	return session->count;
}

unsigned int fwd_core_of(const struct fwd_session *session, unsigned int stream)
{
	return stream % session->nb_cores;
}
