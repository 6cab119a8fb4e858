// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "inval_priv.h"

#define DEPTH_DEFAULT 1024u

static int check_opts(const struct uvdk_invalq_opts *o)
{
	if (!(o->depth & (o->depth - 1)) && o->depth <= INVAL_DEPTH_MAX &&
	    o->flush_entries <= INVAL_ENTRIES_MAX)
		return 0;

	return uvdk_fail(-EINVAL, INVAL_COMPONENT,
			 "depth %u has to be a power of two up to %u, flush_entries %u at most %u",
			 o->depth, INVAL_DEPTH_MAX, o->flush_entries, INVAL_ENTRIES_MAX);
}

/* No request has been checked, so the first one must not be posted inline. */
static void init_fast(struct inval_queue *q, struct uvdk_inval_slot *slots)
{
	q->pub.slots = slots;
	q->pub.depth = q->props.caps.depth;
	q->pub.grows = INVAL_CLOSED;
	q->pub.key = UINT64_MAX;
	inval_set_tail(q, 0);
	q->pub.limit = q->pub.next;
}

UVDK_EXPORT int uvdk_invalq_create(const struct uvdk_inval_ops *ops, void *priv,
				   const struct uvdk_inval_props *props,
				   const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out)
{
	struct uvdk_invalq_opts o = {.size = sizeof(o)};
	struct uvdk_inval_slot *slots;
	struct inval_queue *q;
	int err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_invalq_opts");

	if (!err)
		err = check_opts(&o);
	if (err)
		return err;
	o.depth = o.depth ? o.depth : DEPTH_DEFAULT;

	q = calloc(1, sizeof(*q));
	slots = q ? aligned_alloc(64, o.depth * sizeof(*slots)) : NULL;
	if (!slots) {
		free(q);
		return uvdk_fail(-ENOMEM, INVAL_COMPONENT, "no memory for %u invalidations",
				 o.depth);
	}
	/* All of it is used in turn: better a page fault now than during a post. */
	memset(slots, 0, o.depth * sizeof(*slots));
	q->ops = ops;
	q->priv = priv;
	q->props = *props;
	q->props.caps.depth = o.depth;
	if (o.flush_entries)
		q->props.caps.flush_entries = o.flush_entries;
	init_fast(q, slots);
	*out = &q->pub;

	return 0;
}

UVDK_EXPORT void uvdk_invalq_destroy(struct uvdk_invalq *pub)
{
	struct inval_queue *q;

	if (!pub)
		return;
	q = inval_queue_of(pub);
	if (!q->dead)
		q->ops->stop(q->priv);
	q->ops->destroy(q->priv);
	if (q->ended)
		q->ended(q->ended_priv);
	if (q->quarantine.inside)
		uvdk_log(UVDK_LOG_ERR, INVAL_COMPONENT,
			 "%" PRIu64
			 " things are in quarantine and stay there: the device may still "
			 "reach them; detach it, then uvdk_inval_gone() and uvdk_inval_settle()",
			 q->quarantine.inside);
	free(pub->slots);
	free(q);
}

UVDK_EXPORT void uvdk_inval_gone(struct uvdk_invalq *pub)
{
	__atomic_store_n(&inval_queue_of(pub)->gone, true, __ATOMIC_RELEASE);
}

UVDK_EXPORT void uvdk_inval_get_caps(const struct uvdk_invalq *pub, struct uvdk_inval_caps *out)
{
	*out = inval_queue_const(pub)->props.caps;
}

UVDK_EXPORT void uvdk_inval_get_stats(const struct uvdk_invalq *pub, struct uvdk_inval_stats *out)
{
	*out = inval_queue_const(pub)->stats;
	out->posted = pub->cookie;
	out->errors = inval_queue_const(pub)->quarantine.errors;
	out->released = inval_queue_const(pub)->quarantine.released;
	out->quarantined = inval_queue_const(pub)->quarantine.inside;
	out->coalesced = pub->cookie - inval_tail(pub);
}
