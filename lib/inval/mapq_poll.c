// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "mapq_priv.h"

/* What is over. */

static void retire(struct mapq_queue *q)
{
	const struct uvdk_mapq_request *slots = q->pub.slots;
	const uint64_t before = q->head, end = q->sent, mask = q->depth - 1;
	uint64_t i = before;

	for (; i != end; i++) {
		const struct uvdk_mapq_request *slot = &slots[i & mask];
		const int status = __atomic_load_n(&slot->status, __ATOMIC_ACQUIRE);

		/* After a reset they are canceled, and poll() will tell. */
		if (status == UVDK_MAPQ_PENDING || status == -ECANCELED)
			break;
		if (status) {
			q->head = i;
			mapq_fail(q, slot);
		}
		q->pub.done = slot->cookie;
	}
	q->head = i;
	if (i != before)
		mapq_set_tail(q, mapq_tail(q));
}

/* Whatever was posted is over, and has failed. */
void mapq_end(struct mapq_queue *q, int err)
{
	const struct uvdk_inval_error error = {
		.first = q->pub.done + 1,
		.last = q->pub.cookie,
		.err = err,
	};

	q->dead = err;
	if (q->pub.done != q->pub.cookie)
		inval_quarantine_fail(&q->quarantine, &error);
	q->pub.done = q->pub.cookie;
	q->head = q->sent = q->kicked = mapq_tail(q);
	q->pub.limit = q->pub.next;
	q->pub.grows = MAPQ_CLOSED;
	q->restore.active = false;
}

/* Devices may be at work still: the driver sees to it that they reach nothing of the window. */
static void die(struct mapq_queue *q, int err)
{
	q->window.ops->stop(q->window.priv);
	mapq_end(q, err);
}

static int advance(struct mapq_queue *q)
{
	int err;

	if (__atomic_load_n(&q->gone, __ATOMIC_ACQUIRE))
		return -ENODEV;
	err = q->window.ops->poll(q->window.priv);
	if (err < 0)
		return err;
	if (err == UVDK_MAPQ_RESET)
		mapq_restore_begin(q);
	if (q->restore.active) {
		err = mapq_restore_step(q);
		if (err || q->restore.active)
			return err;
	}
	retire(q);

	return mapq_send(q);
}

void mapq_progress(struct mapq_queue *q)
{
	int err = q->dead ? 0 : advance(q);

	if (err)
		die(q, err);
	q->pub.safe = inval_quarantine_safe(&q->quarantine, q->pub.done);
	inval_quarantine_release(&q->quarantine, &q->pub.done);
}

UVDK_EXPORT int uvdk_mapq_kick(struct uvdk_mapq *pub)
{
	struct mapq_queue *q = mapq_of(pub);
	int err = 0;

	if (q->dead)
		return q->dead;
	if (q->kicked != mapq_tail(q)) {
		q->kicked = mapq_tail(q);
		pub->grows = MAPQ_CLOSED;
		q->stats.kicks++;
	}
	if (__atomic_load_n(&q->gone, __ATOMIC_ACQUIRE))
		err = -ENODEV;
	else if (!q->restore.active)
		err = mapq_send(q);
	if (err) {
		die(q, err);
		pub->safe = inval_quarantine_safe(&q->quarantine, pub->done);
	}

	return err;
}

UVDK_EXPORT int uvdk_mapq_poll_slow(struct uvdk_mapq *pub, uint64_t cookie)
{
	struct mapq_queue *q = mapq_of(pub);
	const struct uvdk_inval_error *error;

	mapq_progress(q);
	if (!cookie || cookie > pub->cookie)
		return uvdk_fail(-EINVAL, MAPQ_COMPONENT,
				 "there is no cookie %" PRIu64 ": the last one is %" PRIu64, cookie,
				 pub->cookie);
	if (cookie > pub->done)
		return -EINPROGRESS;
	error = inval_quarantine_failure(&q->quarantine, cookie);

	return error ? error->err : 0;
}

UVDK_EXPORT uint64_t uvdk_mapq_completed(struct uvdk_mapq *pub)
{
	mapq_progress(mapq_of(pub));

	return pub->safe;
}

UVDK_EXPORT int uvdk_mapq_defer(struct uvdk_mapq *pub, struct uvdk_inval_node *node,
				uint64_t cookie)
{
	if (!cookie || cookie > pub->cookie || !node->release)
		return uvdk_fail(-EINVAL, MAPQ_COMPONENT,
				 "quarantine for cookie %" PRIu64 ": the last one is %" PRIu64
				 ", and a release function is needed",
				 cookie, pub->cookie);
	inval_quarantine_put(&mapq_of(pub)->quarantine, node, cookie);

	return 0;
}
