// SPDX-License-Identifier: BSD-3-Clause
/* Operations that write: move, fill, dualcast, cache flush (8.3.4 ff.). */
#include "dsa_priv.h"

/* Bytes that stay within a page of each of two buffers. */
static uint32_t piece(uint64_t a, uint64_t b, uint64_t left)
{
	uint32_t len = min32(to_boundary(a), to_boundary(b));

	return left < len ? (uint32_t)left : len;
}

/* The same, of what lies right before two addresses. */
static uint32_t piece_before(uint64_t a, uint64_t b, uint64_t left)
{
	uint32_t len = min32((uint32_t)((a - 1) % PAGE), (uint32_t)((b - 1) % PAGE)) + 1;

	return left < len ? (uint32_t)left : len;
}

/* Where a piece starts, and its length. */
static uint64_t move_piece(const struct work *work, uint32_t *len)
{
	uint64_t left = work->size - work->done;

	if (!work->down) {
		*len = piece(work->src + work->done, work->dst + work->done, left);
		return work->done;
	}
	*len = piece_before(work->src + left, work->dst + left, left);

	return left - *len;
}

enum turn dsa_op_move(struct dsa *dsa, struct slot *slot, struct work *work)
{
	enum turn turn;
	uint32_t len;

	/* A destination inside the source is written from the end. */
	work->down = work->dst - work->src < work->size && work->dst != work->src;
	while (work->done < work->size) {
		uint64_t at = move_piece(work, &len);

		if (dsa->quantum <= 0)
			return TURN_MORE;
		turn = dsa_reach(dsa, slot, work, work->src + at, dsa->page[0], len, false);
		if (turn == TURN_MORE)
			turn = dsa_reach(dsa, slot, work, work->dst + at, dsa->page[0], len, true);
		if (turn != TURN_MORE) {
			work->result = work->down;
			return turn;
		}
		work->done += len;
	}

	return TURN_OVER;
}

enum turn dsa_op_fill(struct dsa *dsa, struct slot *slot, struct work *work)
{
	uint8_t *page = dsa->page[0];

	for (unsigned int i = 0; i < PAGE + 8; i += 8)
		put64(page + i, work->src); /* the pattern */
	while (work->done < work->size) {
		uint64_t at = work->dst + work->done;
		uint32_t len = piece(at, at, work->size - work->done);
		enum turn turn;

		if (dsa->quantum <= 0)
			return TURN_MORE;
		turn = dsa_reach(dsa, slot, work, at, page + work->done % 8, len, true);
		if (turn != TURN_MORE)
			return turn;
		work->done += len;
	}

	return TURN_OVER;
}

enum turn dsa_op_dualcast(struct dsa *dsa, struct slot *slot, struct work *work)
{
	uint64_t other = get64(work->raw + 40);

	while (work->done < work->size) {
		uint64_t at = work->done;
		uint32_t len = piece(work->src + at, work->dst + at, work->size - at);
		enum turn turn;

		if (dsa->quantum <= 0)
			return TURN_MORE;
		turn = dsa_reach(dsa, slot, work, work->src + at, dsa->page[0], len, false);
		if (turn == TURN_MORE)
			turn = dsa_reach(dsa, slot, work, work->dst + at, dsa->page[0], len, true);
		if (turn == TURN_MORE)
			turn = dsa_reach(dsa, slot, work, other + at, dsa->page[0], len, true);
		if (turn != TURN_MORE)
			return turn;
		work->done += len;
	}

	return TURN_OVER;
}

/* Memory here is coherent: what is left is that each page must have a translation. */
enum turn dsa_op_flush(struct dsa *dsa, struct slot *slot, struct work *work)
{
	while (work->done < work->size) {
		uint64_t at = work->dst + work->done;
		uint32_t len = piece(at, at, work->size - work->done);
		enum turn turn;

		if (dsa->quantum <= 0)
			return TURN_MORE;
		turn = dsa_reach(dsa, slot, work, at, dsa->page[0], 1, false);
		if (turn != TURN_MORE)
			return turn;
		work->done += len;
	}

	return TURN_OVER;
}
