// SPDX-License-Identifier: BSD-3-Clause
/*
 * CRC generation, alone and with a copy (8.3.11, 8.3.12): polynomial 0x11edc6f41.
 * The register is kept reflected, as tables want it.
 */
#include "dsa_priv.h"

#define REFLECTED UINT32_C(0x82f63b78)

void dsa_crc_init(struct dsa *dsa)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (unsigned int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? REFLECTED : 0);
		dsa->crc_table[0][i] = crc;
	}
	for (unsigned int t = 1; t < 4; t++)
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t crc = dsa->crc_table[t - 1][i];

			dsa->crc_table[t][i] = crc >> 8 ^ dsa->crc_table[0][crc & 0xff];
		}
}

static uint32_t update(const struct dsa *dsa, uint32_t crc, const uint8_t *p, uint32_t len)
{
	const uint32_t(*t)[256] = dsa->crc_table;

	for (; len >= 4; p += 4, len -= 4) {
		crc ^= get32(p);
		crc = t[3][crc & 0xff] ^ t[2][crc >> 8 & 0xff] ^ t[1][crc >> 16 & 0xff] ^
		      t[0][crc >> 24];
	}
	for (; len; p++, len--)
		crc = crc >> 8 ^ t[0][(crc ^ *p) & 0xff];

	return crc;
}

static uint8_t reflect8(uint8_t v)
{
	v = (uint8_t)(v >> 4 | v << 4);
	v = (uint8_t)((v >> 2 & 0x33) | (v & 0x33) << 2);

	return (uint8_t)((v >> 1 & 0x55) | (v & 0x55) << 1);
}

static uint32_t reflect32(uint32_t v)
{
	return (uint32_t)reflect8((uint8_t)v) << 24 | (uint32_t)reflect8((uint8_t)(v >> 8)) << 16 |
	       (uint32_t)reflect8((uint8_t)(v >> 16)) << 8 | reflect8((uint8_t)(v >> 24));
}

/* Between a value as software has it, and the register: the same both ways. */
static uint32_t convert(const struct work *work, uint32_t value)
{
	return work->flags & FLAG_CRC_RAW ? reflect32(value) : ~value;
}

/* The seed is what work->crc begins with; it is always as software has it. */
static enum turn seed(struct dsa *dsa, struct slot *slot, struct work *work)
{
	uint8_t value[4];
	enum turn turn = TURN_MORE;

	if (work->begun)
		return TURN_MORE;
	memcpy(value, work->raw + 40, sizeof(value));
	if (work->flags & FLAG_CRC_SEED)
		turn = dsa_reach_span(dsa, slot, work, get64(work->raw + 48), value, sizeof(value),
				      false);
	work->crc = get32(value);
	work->begun = turn == TURN_MORE;

	return turn;
}

static void take(const struct dsa *dsa, struct work *work, uint8_t *data, uint32_t len)
{
	if (work->flags & FLAG_CRC_DATA)
		for (uint32_t i = 0; i < len; i++)
			data[i] = reflect8(data[i]);
	work->crc = convert(work, update(dsa, convert(work, work->crc), data, len));
}

enum turn dsa_op_crc(struct dsa *dsa, struct slot *slot, struct work *work)
{
	enum turn turn = seed(dsa, slot, work);
	bool copy = work->op == OP_COPY_CRC;

	if (turn != TURN_MORE)
		return turn;
	while (work->done < work->size) {
		uint64_t from = work->src + work->done, to = copy ? work->dst + work->done : from;
		uint32_t len = min32(to_boundary(from), to_boundary(to));

		len = min32(len, work->size - (uint32_t)work->done);
		if (dsa->quantum <= 0)
			return TURN_MORE;
		turn = dsa_reach(dsa, slot, work, from, dsa->page[0], len, false);
		if (turn == TURN_MORE && copy)
			turn = dsa_reach(dsa, slot, work, to, dsa->page[0], len, true);
		if (turn != TURN_MORE)
			return turn;
		take(dsa, work, dsa->page[0], len);
		work->done += len;
	}

	return TURN_OVER;
}
