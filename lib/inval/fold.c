// SPDX-License-Identifier: BSD-3-Clause
#include "inval_priv.h"

/*
 * Past some number of entries it costs less to forget a whole PASID, and to
 * have it looked up again. Neighbouring requests that differ in their addresses
 * alone count together.
 */

static bool alike(const struct uvdk_inval_req *a, const struct uvdk_inval_req *b)
{
	return a->asid == b->asid && a->pasid == b->pasid && a->flags == b->flags &&
	       a->scope == b->scope && a->granule == b->granule;
}

static unsigned int entries_of(const struct inval_queue *q, const struct uvdk_inval_req *req)
{
	const struct uvdk_inval_caps *caps = &q->props.caps;

	return inval_count(caps->rule, caps->rule_order, req, caps->flush_entries);
}

/* The slot after the last one that is like slot @i; @entries: of all of them, or too many. */
static uint64_t run_end(struct inval_queue *q, uint64_t i, unsigned int *entries)
{
	const struct uvdk_inval_req *req = &inval_slot(q, i)->req;

	*entries = 0;
	do {
		if (*entries <= q->props.caps.flush_entries)
			*entries += entries_of(q, &inval_slot(q, i)->req);
		i++;
	} while (i != q->pub.tail && alike(req, &inval_slot(q, i)->req));

	return i;
}

static void make_flush(struct inval_queue *q, struct uvdk_inval_req *req)
{
	req->scope = UVDK_INVAL_PASID;
	req->flags &= ~(uint32_t)UVDK_INVAL_LEAF;
	req->first = 0;
	req->last = UINT64_MAX;
	q->stats.flushes++;
}

void inval_fold(struct inval_queue *q)
{
	uint64_t to = q->kicked;

	for (uint64_t i = q->kicked, end; i != q->pub.tail; i = end) {
		const uint64_t begin = i;
		unsigned int entries;
		bool folds;

		end = run_end(q, i, &entries);
		folds = inval_slot(q, begin)->req.scope == UVDK_INVAL_RANGE &&
			entries > q->props.caps.flush_entries;
		if (folds)
			i = end - 1; /* its cookie stands for all */
		for (; i != end; i++, to++)
			if (to != i)
				*inval_slot(q, to) = *inval_slot(q, i);
		if (folds)
			make_flush(q, &inval_slot(q, to - 1)->req);
	}
	q->pub.room += (uint32_t)(q->pub.tail - to);
	q->pub.tail = to;
}
