// SPDX-License-Identifier: BSD-3-Clause
#include "inval_priv.h"

/*
 * The common case at little cost: single pages apart from one another, all of one PASID and
 * alike, that fit into the backend. There is nothing to fold or to split, and a slot is a piece.
 */

static bool is_idle(const struct inval_cut *cut, uint64_t kicked)
{
	return cut->end == kicked && cut->at == cut->end &&
	       (cut->target == UVDK_INVAL_DEVTLB || !cut->devtlb);
}

static bool is_simple(const struct inval_queue *q, const struct uvdk_inval_req *req)
{
	return inval_is_page(req) && (!q->props.caps.devtlb || req->flags & UVDK_INVAL_KEEP_DEVTLB);
}

void inval_run_dissolve(struct inval_queue *q)
{
	uint32_t piece = (uint32_t)q->run.piece;

	for (uint64_t i = q->run.first; i != q->run.end; i++, piece++) {
		struct uvdk_inval_slot *slot = inval_slot(q, i);

		slot->from[0] = piece;
		slot->to[0] = slot->from[1] = slot->to[1] = piece + 1;
		slot->pushed = true;
		slot->err = 0;
	}
	q->run = (struct inval_run){0};
}

static void took(struct inval_queue *q, uint64_t tail)
{
	const uint64_t count = tail - q->kicked;

	inval_run_dissolve(q);
	q->run = (struct inval_run){.first = q->kicked, .end = tail, .piece = q->pushed};
	q->cut = (struct inval_cut){.first = tail, .at = tail, .end = tail};
	q->pushed += count;
	q->stats.entries += count;
	q->kicked = tail;
}

bool inval_burst(struct inval_queue *q)
{
	const uint64_t tail = inval_tail(&q->pub);
	const unsigned int count = (unsigned int)(tail - q->kicked);
	const struct uvdk_inval_slot *first = inval_slot(q, q->kicked);
	const unsigned int straight = (unsigned int)(q->pub.slots + q->pub.depth - first);
	const unsigned int n = count < straight ? count : straight;
	const struct inval_span span[2] = {{first, n}, {q->pub.slots, count - n}};

	if (!q->burst || count > q->props.caps.flush_entries || !is_idle(&q->cut, q->kicked) ||
	    !is_simple(q, &first->req) || !q->burst(q->priv, span))
		return false;
	took(q, tail);

	return true;
}
