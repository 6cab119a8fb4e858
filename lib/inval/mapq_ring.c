// SPDX-License-Identifier: BSD-3-Clause
#include "mapq_priv.h"

unsigned int mapq_room(const struct mapq_queue *q)
{
	return q->depth - (unsigned int)(mapq_tail(q) - q->head);
}

void mapq_set_tail(struct mapq_queue *q, uint64_t tail)
{
	const uint32_t at = (uint32_t)tail & (q->depth - 1);
	const uint32_t room = q->depth - (uint32_t)(tail - q->head);
	const uint32_t straight = q->depth - at;

	q->lap = tail - at;
	q->pub.next = q->pub.slots + at;
	q->pub.limit = q->pub.next + (room < straight ? room : straight);
	if (!at)
		q->pub.grows = MAPQ_CLOSED; /* the one before is not in memory */
	if (q->restore.active || q->closing || q->dead)
		q->pub.limit = q->pub.next;
}
