// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include <uvdk_inval_driver.h>

#include "inval_priv.h"
#include "mapq_priv.h"

/* A map queue as a backend of invalidation queues: a piece is an unmap. */

struct unmap {
	uint64_t cookie; /* of the map queue */
	int err;	 /* why it was not even posted */
};

struct backend {
	struct uvdk_mapq *q;
	uint64_t pushed, done;
	unsigned int room;
	struct unmap *unmap;
};

/* What can't be posted is over when those before it are. */
static int backend_push(void *priv, const struct uvdk_inval_piece *piece)
{
	struct backend *b = priv;
	struct unmap *unmap = &b->unmap[b->pushed & (b->room - 1)];
	uint64_t cookie = b->q->cookie;
	int err;

	if (b->pushed - b->done == b->room)
		return -EAGAIN;
	err = uvdk_mapq_unmap(b->q, piece->req.first, piece->req.last - piece->req.first + 1,
			      &cookie);
	if (err == -EAGAIN)
		return err;
	*unmap = (struct unmap){cookie, err};
	b->pushed++;

	return 0;
}

static int backend_kick(void *priv)
{
	struct backend *b = priv;

	return uvdk_mapq_kick(b->q);
}

static int backend_poll(void *priv, struct uvdk_inval_progress *out)
{
	struct backend *b = priv;
	struct mapq_queue *q = mapq_of(b->q);

	mapq_progress(q);
	if (q->dead)
		return q->dead;
	for (; b->done != b->pushed && !out->err; b->done++) {
		const struct unmap *unmap = &b->unmap[b->done & (b->room - 1)];
		const struct uvdk_inval_error *error;

		if (unmap->cookie > b->q->done)
			break;
		error = inval_quarantine_failure(&q->quarantine, unmap->cookie);
		out->err = unmap->err ? unmap->err : error ? error->err : 0;
		out->failed = b->done;
	}
	out->done = b->done;

	return 0;
}

/* Unmaps that are under way are the map queue's. */
static void backend_stop(void *priv)
{
	(void)priv;
}

static void backend_destroy(void *priv)
{
	struct backend *b = priv;

	free(b->unmap);
	free(b);
}

static const struct uvdk_inval_ops backend_ops = {
	.push = backend_push,
	.kick = backend_kick,
	.poll = backend_poll,
	.stop = backend_stop,
	.destroy = backend_destroy,
};

static int check_opts(const struct uvdk_invalq_opts *opts)
{
	if (!opts || (!opts->thread && !opts->hw_queue))
		return 0;

	return uvdk_fail(-EINVAL, MAPQ_COMPONENT,
			 "invalidations through a map queue need no thread and no hardware queue");
}

UVDK_EXPORT int uvdk_mapq_invalq(struct uvdk_mapq *q, const struct uvdk_invalq_opts *opts,
				 struct uvdk_invalq **out)
{
	const struct uvdk_inval_props props = {
		.caps = {.backend = "virtio",
			 .batch = mapq_of(q)->depth,
			 .rule = UVDK_INVAL_EXACT,
			 .flush_entries = INVAL_ENTRIES_MAX,
			 .scopes = 1u << UVDK_INVAL_RANGE,
			 .granules = q->page_size},
	};
	struct uvdk_invalq_opts o = {.size = sizeof(o)};
	struct backend *b;
	int err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_invalq_opts");

	if (!err)
		err = check_opts(&o);
	if (err)
		return err;
	b = calloc(1, sizeof(*b));
	if (!b)
		return uvdk_fail(-ENOMEM, MAPQ_COMPONENT, "no memory for a queue");
	b->q = q;
	b->room = mapq_of(q)->depth;
	b->unmap = calloc(b->room, sizeof(*b->unmap));
	err = b->unmap ? uvdk_invalq_create(&backend_ops, b, &props, &o, out)
		       : uvdk_fail(-ENOMEM, MAPQ_COMPONENT, "no memory for %u unmaps", b->room);
	if (err)
		backend_destroy(b);

	return err;
}
