// SPDX-License-Identifier: BSD-3-Clause
/* Batches: a list of descriptors in memory (3.8 and 8.3.2). */
#include "dsa_priv.h"

#define COST 256 /* of a descriptor, in bytes of its turn */

static uint8_t *listed(struct slot *slot, uint32_t index)
{
	return slot->chunk + (size_t)(index - slot->chunk_at) * DESC_SIZE;
}

static bool fenced(const uint8_t *raw)
{
	return get32(raw + 4) & FLAG_FENCE;
}

/* The descriptors up to the end of a page, and no more than the batch has. */
static enum turn fetch(struct dsa *dsa, struct slot *slot, struct work *work)
{
	uint64_t at = work->src + (uint64_t)slot->next * DESC_SIZE;
	uint32_t n = min32(to_boundary(at) / DESC_SIZE, work->size - slot->next);
	enum turn turn;

	if (slot->next - slot->chunk_at < slot->chunk_len)
		return TURN_MORE;
	n = min32(n, CHUNK);
	turn = dsa_reach(dsa, slot, work, at, slot->chunk, n * DESC_SIZE, false);
	if (turn != TURN_MORE)
		return turn;
	slot->chunk_at = slot->next;
	slot->chunk_len = n;

	return TURN_MORE;
}

/* Without a fence between them, a descriptor may go before the one that precedes it. */
static void shuffle(struct dsa *dsa, struct slot *slot)
{
	uint8_t *a = listed(slot, slot->next), *b = a + DESC_SIZE, t[DESC_SIZE];

	if (!dsa->opts.reorder || slot->next + 1 - slot->chunk_at >= slot->chunk_len)
		return;
	if (fenced(a) || fenced(b) || dsa_random(dsa) & 1)
		return;
	memcpy(t, a, DESC_SIZE);
	memcpy(a, b, DESC_SIZE);
	memcpy(b, t, DESC_SIZE);
}

/* TURN_OVER: a fault, or a fence behind which nothing may go on. */
static enum turn next_sub(struct dsa *dsa, struct slot *slot, struct work *work)
{
	enum turn turn = fetch(dsa, slot, work);

	if (turn == TURN_OVER)
		work->status = ST_BATCH_FAULT;
	if (turn != TURN_MORE)
		return turn;
	shuffle(dsa, slot);
	if (fenced(listed(slot, slot->next)) && slot->failed) {
		work->status = ST_BATCH;
		return TURN_OVER;
	}
	dsa_work_load(&slot->sub, listed(slot, slot->next));
	slot->in_sub = true;

	return TURN_MORE;
}

static enum turn run_sub(struct dsa *dsa, struct slot *slot)
{
	enum turn turn = dsa_work_run(dsa, slot, &slot->sub);

	if (turn != TURN_OVER)
		return turn;
	slot->in_sub = false;
	slot->failed |= slot->sub.status != ST_SUCCESS;
	slot->completed++;
	slot->next++;
	dsa->quantum -= COST;

	return TURN_MORE;
}

enum turn dsa_op_batch(struct dsa *dsa, struct slot *slot, struct work *work)
{
	enum turn turn = TURN_MORE;

	while (slot->in_sub || slot->next < work->size) {
		if (dsa->quantum <= 0)
			return TURN_MORE;
		if (!slot->in_sub)
			turn = next_sub(dsa, slot, work);
		if (turn == TURN_MORE)
			turn = run_sub(dsa, slot);
		work->bytes = slot->completed;
		if (turn == TURN_OVER)
			return TURN_OVER;
		if (turn == TURN_WAIT || slot->in_sub)
			return turn;
	}
	work->status = slot->failed ? ST_BATCH : 0;

	return TURN_OVER;
}
