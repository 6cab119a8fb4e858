// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "mapq_priv.h"

/*
 * The I/O MMU has been reset. What the window is to be is in the shadow: it is mapped once more,
 * and then everything that was posted has taken effect. Nothing is posted meanwhile.
 */

void mapq_restore_begin(struct mapq_queue *q)
{
	for (uint64_t i = q->head; i != mapq_tail(q); i++) {
		struct uvdk_mapq_request *r = mapq_slot(q, i);

		if (!mapq_over(r) || r->status == -ECANCELED)
			r->status = 0;
		r->after = 0;
	}
	q->restored = mapq_tail(q);
	q->restore.active = true;
	q->restore.page = 0;
	q->restore.count = q->restore.sent = 0;
	q->pub.grows = MAPQ_CLOSED;
	q->pub.limit = q->pub.next;
}

/*
 * The next page from one on that has memory, or the end of the window. Those that are stuck have
 * none, and of those that were unmapped the shadow has the cookie.
 */
static uint64_t next_mapped(const struct mapq_queue *q, uint64_t page)
{
	const uint64_t end = q->pub.pages;

	while (page < end) {
		if (!q->pub.recent[page >> MAPQ_GROUP_SHIFT])
			page = ((page >> MAPQ_GROUP_SHIFT) + 1) << MAPQ_GROUP_SHIFT;
		else if (q->pub.shadow[page] & UVDK_MAPQ_MAPPED &&
			 q->pub.shadow[page] & UVDK_MAP_RW)
			return page;
		else
			page++;
	}

	return end;
}

/* One request makes what one had made: a map, or a contiguous part of it. */
static uint64_t describe(const struct mapq_queue *q, uint64_t first, struct uvdk_mapq_request *out)
{
	const struct uvdk_mapq *pub = &q->pub;
	const uint64_t *entry = &pub->shadow[first];
	const uint64_t phys = uvdk_mapq_phys(*entry);
	uint64_t n = 1;

	while (!(entry[n - 1] & UVDK_MAPQ_LAST) &&
	       uvdk_mapq_phys(entry[n]) == phys + (n << pub->page_shift))
		n++;
	*out = (struct uvdk_mapq_request){
		.first = pub->iova + (first << pub->page_shift),
		.last = pub->iova + ((first + n) << pub->page_shift) - 1,
		.phys = phys,
		.flags = *entry & UVDK_MAP_RW,
		.status = UVDK_MAPQ_PENDING,
	};

	return first + n;
}

static void fill(struct mapq_queue *q)
{
	struct mapq_restore *r = &q->restore;
	const uint64_t end = q->pub.pages;

	r->count = r->sent = 0;
	for (; r->count < MAPQ_BATCH; r->count++) {
		r->page = next_mapped(q, r->page);
		if (r->page >= end)
			break;
		r->page = describe(q, r->page, &r->request[r->count]);
	}
}

static int submit(struct mapq_queue *q)
{
	struct mapq_restore *r = &q->restore;
	int took = q->window.ops->submit(q->window.priv, r->request + r->sent, r->count - r->sent);

	if (took <= 0)
		return took;
	r->sent += (unsigned int)took;
	q->stats.requests += (unsigned int)took;
	q->window.ops->kick(q->window.priv);

	return 0;
}

/* 0; 1: not all is over yet, or there was another reset, as poll() will tell; or why it can't be
 * put back.
 */
static int look(const struct mapq_restore *r)
{
	for (unsigned int i = 0; i < r->sent; i++) {
		if (!mapq_over(&r->request[i]) || r->request[i].status == -ECANCELED)
			return 1;
		if (r->request[i].status)
			return uvdk_fail(r->request[i].status, MAPQ_COMPONENT,
					 "IOVA 0x%" PRIx64 " to 0x%" PRIx64
					 " could not be mapped again after a reset",
					 r->request[i].first, r->request[i].last);
	}

	return r->sent != r->count;
}

int mapq_restore_step(struct mapq_queue *q)
{
	struct mapq_restore *r = &q->restore;
	int err = look(r);

	if (err < 0)
		return err;
	if (!err) {
		fill(q);
		r->active = r->count;
	}
	if (!r->active)
		mapq_set_tail(q, mapq_tail(q));

	return r->sent != r->count ? submit(q) : 0;
}
