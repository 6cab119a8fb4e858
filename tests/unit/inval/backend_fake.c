// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "inval_testing.h"

/* The least that a backend can be: a short queue, and one piece after the other. */

#define ROOM 16

struct fake {
	struct world *w;
	struct uvdk_inval_piece piece[ROOM];
	uint64_t pushed, kicked, done;
	bool stopped;
};

static int fake_push(void *priv, const struct uvdk_inval_piece *piece)
{
	struct fake *f = priv;

	if (f->pushed - f->done == ROOM)
		return -EAGAIN;
	f->piece[f->pushed++ % ROOM] = *piece;

	return 0;
}

static int fake_kick(void *priv)
{
	struct fake *f = priv;

	f->kicked = f->pushed;

	return 0;
}

static int fake_poll(void *priv, struct uvdk_inval_progress *out)
{
	struct fake *f = priv;
	struct world *w = f->w;

	if (w->removed)
		return -ENODEV;
	pthread_mutex_lock(&w->lock);
	while (!out->err && f->done != f->kicked) {
		const struct uvdk_inval_piece *piece = &f->piece[f->done % ROOM];
		const struct uvdk_inval_req *req = &piece->req;
		const struct seen seen = {
			piece->target, req->scope, req->first, req->last,
			req->asid,     req->pasid, 1,	       req->flags & UVDK_INVAL_LEAF};

		if (piece->target != UVDK_INVAL_FENCE && !world_allowed(w))
			break;
		if (piece->target == UVDK_INVAL_IOTLB && req->first == w->refuse) {
			out->err = -EIO;
			out->failed = f->done;
		} else {
			world_see(w, &seen);
		}
		f->done++;
	}
	out->done = f->done;
	pthread_mutex_unlock(&w->lock);

	return 0;
}

static void fake_stop(void *priv)
{
	struct fake *f = priv;

	cr_expect(!f->stopped, "stopped twice");
	f->stopped = true;
}

static void fake_destroy(void *priv)
{
	struct fake *f = priv;

	cr_expect(f->stopped, "destroyed before it was stopped");
	free(f);
}

static const struct uvdk_inval_ops ops = {
	.push = fake_push,
	.kick = fake_kick,
	.poll = fake_poll,
	.stop = fake_stop,
	.destroy = fake_destroy,
};

static int open_fake(struct world *w, const struct uvdk_invalq_opts *opts)
{
	const struct uvdk_inval_props props = {
		.caps = {.backend = "fake",
			 .batch = ROOM,
			 .rule = UVDK_INVAL_POW2,
			 .rule_order = 18,
			 .devtlb_rule = UVDK_INVAL_COVER,
			 .devtlb = true,
			 .flush_entries = 512,
			 .honours = UVDK_INVAL_LEAF | UVDK_INVAL_KEEP_DEVTLB,
			 .scopes = 7,
			 .granules = 1 << 12},
		.pasid_min = 3,
		.pasid_max = 7,
		.asid_max = 255,
	};
	struct fake *f = calloc(1, sizeof(*f));

	f->w = w;
	w->pasid = 7;
	w->asid = 9;

	return uvdk_invalq_create(&ops, f, &props, opts, &w->q);
}

static void close_fake(struct world *w)
{
	(void)w;
}

const struct backend backend_fake = {
	.name = "fake",
	.caps = "fake",
	.asid_max = 255,
	.devtlb = true,
	.open = open_fake,
	.close = close_fake,
};
