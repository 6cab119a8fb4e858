// SPDX-License-Identifier: BSD-3-Clause
#include "mapq_priv.h"

/*
 * What is given to the I/O MMU, and in which order: that of posting, but it may carry out what is
 * under way in any order. So a request waits until those of the other kind whose ranges it touches
 * are over. (Two of a kind that touch have one of the other kind between them.)
 */

static bool touch(const struct uvdk_mapq_request *a, const struct uvdk_mapq_request *b)
{
	return a->map != b->map && a->first <= b->last && b->first <= a->last;
}

/* Remembers what it waits for: it is asked often, and there may be much under way. */
static bool must_wait(struct mapq_queue *q, uint64_t i)
{
	struct uvdk_mapq_slot *slot = mapq_slot(q, i);

	if (slot->after <= q->pub.done)
		return false;
	if (q->held == i && q->blocker >= q->head && !mapq_over(&mapq_slot(q, q->blocker)->request))
		return true;
	for (uint64_t j = q->head; j != i; j++) {
		const struct uvdk_mapq_request *other = &mapq_slot(q, j)->request;

		if (touch(other, &slot->request) && !mapq_over(other)) {
			q->held = i;
			q->blocker = j;
			return true;
		}
	}
	slot->after = 0;

	return false;
}

/* After a reset some are over before they are sent. */
static void skip(struct mapq_queue *q)
{
	while (q->sent != q->kicked && mapq_over(&mapq_slot(q, q->sent)->request))
		q->sent++;
}

static unsigned int collect(struct mapq_queue *q, struct uvdk_mapq_request **batch)
{
	unsigned int n = 0;

	skip(q);
	for (uint64_t i = q->sent; n < MAPQ_BATCH && i != q->kicked; i++) {
		struct uvdk_mapq_request *request = &mapq_slot(q, i)->request;

		if (mapq_over(request) || must_wait(q, i))
			break;
		batch[n++] = request;
	}

	return n;
}

int mapq_send(struct mapq_queue *q)
{
	struct uvdk_mapq_request *batch[MAPQ_BATCH];
	const uint64_t before = q->stats.requests;
	unsigned int n;
	int took;

	do {
		n = collect(q, batch);
		took = n ? q->window.ops->submit(q->window.priv, batch, n) : 0;
		if (took < 0)
			return took;
		q->sent += (unsigned int)took;
		q->stats.requests += (unsigned int)took;
	} while (n && (unsigned int)took == n);
	if (q->stats.requests != before)
		q->window.ops->kick(q->window.priv);

	return 0;
}
