// SPDX-License-Identifier: BSD-3-Clause
#include "inval_priv.h"

/* Requests become pieces; the backend takes as many as it has room for. */

static bool to_devices(const struct inval_queue *q, const struct uvdk_inval_slot *slot)
{
	return q->props.caps.devtlb && !(slot->req.flags & UVDK_INVAL_KEEP_DEVTLB);
}

static bool push(struct inval_queue *q, const struct uvdk_inval_piece *piece)
{
	if (q->ops->push(q->priv, piece))
		return false;
	q->pushed++;
	if (piece->target != UVDK_INVAL_FENCE)
		q->stats.entries++;

	return true;
}

/* All that was kicked since is the next batch. */
static bool next_batch(struct inval_queue *q)
{
	struct inval_cut *cut = &q->cut;

	if (cut->end == q->kicked)
		return false;
	*cut = (struct inval_cut){.first = cut->end, .at = cut->end, .end = q->kicked};
	for (uint64_t i = cut->first; i != cut->end; i++) {
		struct uvdk_inval_slot *slot = inval_slot(q, i);

		cut->devtlb |= to_devices(q, slot);
		slot->pushed = false;
		slot->err = 0;
		for (unsigned int t = 0; t < 2; t++)
			slot->from[t] = slot->to[t] = (uint32_t)q->pushed;
	}

	return true;
}

/* The batch once more, for devices; false: nothing more now. */
static bool next_turn(struct inval_queue *q)
{
	const struct uvdk_inval_piece fence = {.target = UVDK_INVAL_FENCE};
	struct inval_cut *cut = &q->cut;

	if (cut->target == UVDK_INVAL_DEVTLB || !cut->devtlb)
		return next_batch(q);
	if (!push(q, &fence))
		return false;
	cut->target = UVDK_INVAL_DEVTLB;
	cut->at = cut->first;

	return true;
}

/* Piece of a slot, and whether it is the last. */
static bool make_piece(const struct inval_queue *q, const struct uvdk_inval_slot *slot,
		       struct uvdk_inval_piece *piece)
{
	const struct uvdk_inval_caps *caps = &q->props.caps;
	const struct inval_cut *cut = &q->cut;
	struct inval_range range;

	*piece = (struct uvdk_inval_piece){.req = slot->req, .target = cut->target};
	piece->req.granule = (uint8_t)inval_shift(&slot->req);
	if (slot->req.scope != UVDK_INVAL_RANGE || inval_is_page(&slot->req))
		return true;
	range = inval_split(cut->target == UVDK_INVAL_DEVTLB ? caps->devtlb_rule : caps->rule,
			    caps->rule_order, &slot->req, cut->begun ? cut->next : slot->req.first);
	piece->req.first = range.first;
	piece->req.last = range.last;

	return range.last >= slot->req.last;
}

static void finish_slot(struct inval_queue *q, struct uvdk_inval_slot *slot)
{
	if (q->cut.target == UVDK_INVAL_DEVTLB || !to_devices(q, slot)) {
		if (q->cut.target == UVDK_INVAL_IOTLB)
			slot->from[1] = slot->to[1] = slot->to[0];
		slot->pushed = true;
	}
	q->cut.begun = false;
	q->cut.at++;
}

/* One piece. false: no room. */
static bool push_piece(struct inval_queue *q)
{
	struct inval_cut *cut = &q->cut;
	struct uvdk_inval_slot *slot = inval_slot(q, cut->at);
	struct uvdk_inval_piece piece;
	bool last;

	if (cut->target == UVDK_INVAL_DEVTLB && !to_devices(q, slot)) {
		cut->at++;
		return true;
	}
	last = make_piece(q, slot, &piece);
	if (!cut->begun)
		slot->from[cut->target] = (uint32_t)q->pushed;
	if (!push(q, &piece)) {
		slot->to[cut->target] = (uint32_t)q->pushed;
		return false;
	}
	slot->to[cut->target] = (uint32_t)q->pushed;
	cut->begun = true;
	cut->next = piece.req.last + 1;
	if (last)
		finish_slot(q, slot);

	return true;
}

bool inval_push(struct inval_queue *q)
{
	uint64_t before = q->pushed;

	for (;;) {
		if (q->cut.at == q->cut.end && !next_turn(q))
			break;
		if (q->cut.at != q->cut.end && !push_piece(q))
			break;
	}

	return q->pushed != before;
}
