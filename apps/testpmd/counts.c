// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "session.h"

/*
 * What streams count, summed by session, by port and over the whole run. Cores
 * go on counting meanwhile; "clear" hides what was counted before it.
 */

static struct fwd_counters read_counters(const struct fwd_counters *c)
{
	struct fwd_counters out = {
		.rx = __atomic_load_n(&c->rx, __ATOMIC_RELAXED),
		.tx = __atomic_load_n(&c->tx, __ATOMIC_RELAXED),
		.dropped = __atomic_load_n(&c->dropped, __ATOMIC_RELAXED),
		.bad_ip = __atomic_load_n(&c->bad_ip, __ATOMIC_RELAXED),
		.bad_l4 = __atomic_load_n(&c->bad_l4, __ATOMIC_RELAXED),
	};

	return out;
}

static struct fwd_counters since(struct fwd_counters now, const struct fwd_counters *base)
{
	now.rx -= base->rx;
	now.tx -= base->tx;
	now.dropped -= base->dropped;
	now.bad_ip -= base->bad_ip;
	now.bad_l4 -= base->bad_l4;

	return now;
}

struct fwd_counters fwd_stream_counters(const struct fwd_session *session, unsigned int stream)
{
	return since(read_counters(&session->stream[stream].count), &session->base[stream]);
}

struct fwd_counters fwd_session_total(const struct fwd_session *session)
{
	struct fwd_counters sum = {0};

	for (unsigned int i = 0; session && i < session->count; i++) {
		struct fwd_counters c = fwd_stream_counters(session, i);

		fwd_counters_add(&sum, &c);
	}

	return sum;
}

double fwd_session_seconds(const struct fwd_session *session)
{
	if (!session)
		return 0;

	return (double)((session->ended_ns ? session->ended_ns : now_ns()) - session->started_ns) /
	       1e9;
}

struct fwd_counters fwd_total(const struct app *app)
{
	struct fwd_counters sum = fwd_session_total(app->session);

	fwd_counters_add(&sum, &app->total);
	return sum;
}

uint64_t fwd_moved(const struct app *app)
{
	struct fwd_counters sum = fwd_total(app);

	return RTE_MAX(sum.rx, sum.tx + sum.dropped);
}

double fwd_seconds(const struct app *app)
{
	return app->seconds + fwd_session_seconds(app->session);
}

uint64_t fwd_port_dropped(const struct app *app, unsigned int port)
{
	const struct fwd_session *session = app->session;
	uint64_t n = app->dropped[port];

	for (unsigned int i = 0; session && i < session->count; i++)
		if (session->stream[i].tx_port == port)
			n += fwd_stream_counters(session, i).dropped;

	return n;
}

void fwd_clear_stats(struct app *app)
{
	struct fwd_session *session = app->session;

	memset(&app->total, 0, sizeof(app->total));
	memset(app->dropped, 0, sizeof(app->dropped));
	app->seconds = 0;
	for (unsigned int i = 0; session && i < session->count; i++)
		session->base[i] = read_counters(&session->stream[i].count);
	if (session)
		session->started_ns = now_ns();
}
