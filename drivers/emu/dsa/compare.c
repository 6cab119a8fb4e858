// SPDX-License-Identifier: BSD-3-Clause
/* Operations that find differences, and that put them back (8.3.7 to 8.3.10). */
#include "dsa_priv.h"

/* Compared; what was expected decides about success. */
static enum turn compared(struct work *work, uint8_t result)
{
	work->result = result;
	if (work->flags & FLAG_CHECK && result != work->raw[40])
		work->status = ST_FALSE;

	return TURN_OVER;
}

static uint32_t first_difference(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint32_t i = 0;

	if (!memcmp(a, b, len))
		return len;
	while (a[i] == b[i])
		i++;

	return i;
}

static uint32_t piece(uint64_t a, uint64_t b, uint64_t left)
{
	uint32_t len = min32(to_boundary(a), to_boundary(b));

	return left < len ? (uint32_t)left : len;
}

enum turn dsa_op_compare(struct dsa *dsa, struct slot *slot, struct work *work)
{
	while (work->done < work->size) {
		uint64_t a = work->src + work->done, b = work->dst + work->done;
		uint32_t len = piece(a, b, work->size - work->done), same;
		enum turn turn;

		if (dsa->quantum <= 0)
			return TURN_MORE;
		turn = dsa_reach(dsa, slot, work, a, dsa->page[0], len, false);
		if (turn == TURN_MORE)
			turn = dsa_reach(dsa, slot, work, b, dsa->page[1], len, false);
		if (turn != TURN_MORE)
			return turn;
		same = first_difference(dsa->page[0], dsa->page[1], len);
		work->done += same;
		if (same < len)
			return compared(work, 1);
	}

	return compared(work, 0);
}

enum turn dsa_op_pattern(struct dsa *dsa, struct slot *slot, struct work *work)
{
	uint8_t *pattern = dsa->page[1];

	for (unsigned int i = 0; i < PAGE + 8; i += 8)
		put64(pattern + i, work->dst);
	while (work->done < work->size) {
		uint64_t at = work->src + work->done;
		uint32_t len = piece(at, at, work->size - work->done), same;
		enum turn turn;

		if (dsa->quantum <= 0)
			return TURN_MORE;
		turn = dsa_reach(dsa, slot, work, at, dsa->page[0], len, false);
		if (turn != TURN_MORE)
			return turn;
		same = first_difference(dsa->page[0], pattern + work->done % 8, len);
		work->done += same;
		if (same < len)
			return compared(work, 1);
	}

	return compared(work, 0);
}

/* The bits of the expected result name all results that are fine. */
static enum turn created(struct work *work, uint8_t result)
{
	work->result = result;
	if (work->flags & FLAG_CHECK && !(work->raw[56] >> result & 1))
		work->status = ST_FALSE;

	return TURN_OVER;
}

/* An entry for the 8 bytes at work->done. TURN_OVER with result 2: there is no room. */
static enum turn put_entry(struct dsa *dsa, struct slot *slot, struct work *work,
			   const uint8_t *data)
{
	uint64_t delta = get64(work->raw + 40);
	uint8_t entry[DELTA_ENTRY];
	enum turn turn;

	if (work->delta + DELTA_ENTRY > get32(work->raw + 48))
		return created(work, 2);
	put16(entry, (uint16_t)(work->done / 8));
	memcpy(entry + 2, data, 8);
	turn = dsa_reach_span(dsa, slot, work, delta + work->delta, entry, sizeof(entry), true);
	if (turn == TURN_MORE)
		work->delta += DELTA_ENTRY;

	return turn;
}

static enum turn create_piece(struct dsa *dsa, struct slot *slot, struct work *work, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 8, work->done += 8) {
		const uint8_t *a = dsa->page[0] + i, *b = dsa->page[1] + i;
		enum turn turn;

		if (!memcmp(a, b, 8))
			continue;
		if (dsa->quantum <= 0) /* each entry is an access: what is left is read again */
			return TURN_MORE;
		turn = put_entry(dsa, slot, work, b);
		if (turn != TURN_MORE)
			return turn;
	}

	return TURN_MORE;
}

enum turn dsa_op_create_delta(struct dsa *dsa, struct slot *slot, struct work *work)
{
	while (work->done < work->size) {
		uint64_t a = work->src + work->done, b = work->dst + work->done;
		uint32_t len = piece(a, b, work->size - work->done);
		enum turn turn;

		if (dsa->quantum <= 0)
			return TURN_MORE;
		turn = dsa_reach(dsa, slot, work, a, dsa->page[0], len, false);
		if (turn == TURN_MORE)
			turn = dsa_reach(dsa, slot, work, b, dsa->page[1], len, false);
		if (turn == TURN_MORE)
			turn = create_piece(dsa, slot, work, len);
		if (turn != TURN_MORE)
			return turn;
	}

	return created(work, work->delta ? 1 : 0);
}

static enum turn apply_entry(struct dsa *dsa, struct slot *slot, struct work *work)
{
	uint8_t entry[DELTA_ENTRY];
	enum turn turn = dsa_reach_span(dsa, slot, work, work->src + work->done, entry,
					sizeof(entry), false);
	uint32_t offset;

	if (turn != TURN_MORE)
		return turn;
	offset = get16(entry);
	if (work->begun && offset <= work->last) {
		work->status = ST_DELTA_ORDER;
		return TURN_OVER;
	}
	if (offset * 8 >= work->size) {
		work->status = ST_DELTA_RANGE;
		return TURN_OVER;
	}
	turn = dsa_reach(dsa, slot, work, work->dst + (uint64_t)offset * 8, entry + 2, 8, true);
	if (turn != TURN_MORE)
		return turn;
	work->begun = true;
	work->last = offset;
	work->done += DELTA_ENTRY;

	return TURN_MORE;
}

enum turn dsa_op_apply_delta(struct dsa *dsa, struct slot *slot, struct work *work)
{
	while (work->done < get32(work->raw + 40)) {
		enum turn turn;

		if (dsa->quantum <= 0)
			return TURN_MORE;
		turn = apply_entry(dsa, slot, work);
		if (turn != TURN_MORE)
			return turn;
	}

	return TURN_OVER;
}
