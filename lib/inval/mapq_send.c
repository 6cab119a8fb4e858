// SPDX-License-Identifier: BSD-3-Clause
#include "mapq_priv.h"

/*
 * What is given to the I/O MMU, and in which order: that of posting, but it may carry out what is
 * under way in any order. So a request waits until those of the other kind whose ranges it touches
 * are over. (Two of a kind that touch have one of the other kind between them.)
 */

static bool touch(const struct uvdk_mapq_request *a, const struct uvdk_mapq_request *b)
{
	return !a->flags != !b->flags && a->first <= b->last && b->first <= a->last;
}

/* Remembers what it waits for: it is asked often, and there may be much under way. */
static bool must_wait(struct mapq_queue *q, uint64_t i)
{
	struct uvdk_mapq_request *slot = mapq_slot(q, i);

	if (!slot->after)
		return false;
	if (q->held == i && q->blocker >= q->head && !mapq_over(mapq_slot(q, q->blocker)))
		return true;
	for (uint64_t j = slot->after <= q->pub.done ? i : q->head; j != i; j++) {
		const struct uvdk_mapq_request *other = mapq_slot(q, j);

		if (touch(other, slot) && !mapq_over(other)) {
			q->held = i;
			q->blocker = j;
			return true;
		}
	}
	slot->after = 0; /* a slot that is free has none */

	return false;
}

static void skip_restored(struct mapq_queue *q)
{
	const uint64_t end = q->restored < q->kicked ? q->restored : q->kicked;

	if (q->sent < end)
		q->sent = end;
}

/* How many may go now, of those that lie side by side. */
static unsigned int ready(struct mapq_queue *q)
{
	const uint64_t round = (q->sent | (q->depth - 1)) + 1;
	const uint64_t end = q->kicked < round ? q->kicked : round;
	uint64_t i = q->waits > q->sent ? q->sent : end;

	while (i != end && !must_wait(q, i))
		i++;

	return (unsigned int)(i - q->sent);
}

int mapq_send(struct mapq_queue *q)
{
	uint64_t before;
	unsigned int n;
	int took;

	skip_restored(q);
	before = q->sent;
	do {
		n = ready(q);
		took = n ? q->window.ops->submit(q->window.priv, mapq_slot(q, q->sent), n) : 0;
		if (took < 0)
			return took;
		q->sent += (unsigned int)took;
	} while (n && (unsigned int)took == n);
	if (q->sent != before) {
		q->stats.requests += q->sent - before;
		q->window.ops->kick(q->window.priv);
	}

	return 0;
}
