// SPDX-License-Identifier: BSD-3-Clause
/* What makes a descriptor invalid before anything is done (8.1 and 8.3). */
#include "dsa_priv.h"

#define ANY                                                                            \
	(FLAG_FENCE | FLAG_RECORD_VALID | FLAG_RECORD | FLAG_IRQ | FLAG_RECORD_STEER | \
	 FLAG_RECORD_TC)
#define READ  (ANY | FLAG_BLOCK | FLAG_TC1)
#define WRITE (FLAG_BLOCK | FLAG_CACHE | FLAG_TC2 | FLAG_STRICT | FLAG_DEST_STEER)
#define CRC   (FLAG_CRC_SEED | FLAG_CRC_RAW | FLAG_CRC_DATA | FLAG_TC3)

/* The bytes from @first to @last, in the word of 8 that holds them. */
#define BYTES(first, last) \
	((UINT64_MAX << ((first) % 8 * 8)) & (UINT64_MAX >> ((7 - (last) % 8) * 8)))

struct rule {
	uint32_t flags;	      /* that may be set */
	uint64_t reserved[6]; /* bits that must not be, from byte 16 on */
};

/* Bytes 38 and 39 are reserved in all, and of 32 to 35 there is a size in most. */
#define SIZE	BYTES(38, 39)
#define NO_SIZE (BYTES(38, 39) | BYTES(32, 35))
#define ALL	UINT64_MAX

static const struct rule rules[NR_OPS] = {
	[OP_NOOP] = {ANY, {ALL, ALL, NO_SIZE, ALL, ALL, ALL}},
	[OP_BATCH] = {READ & ~FLAG_FENCE, {0, ALL, SIZE, ALL, ALL, ALL}},
	[OP_DRAIN] = {ANY & ~FLAG_FENCE, {ALL, ALL, NO_SIZE, ALL, ALL, ALL}},
	[OP_MOVE] = {READ | WRITE, {0, 0, SIZE, ALL, ALL, ALL}},
	[OP_FILL] = {ANY | WRITE, {0, 0, SIZE, ALL, ALL, ALL}},
	[OP_COMPARE] = {READ | FLAG_TC2 | FLAG_CHECK, {0, 0, SIZE, BYTES(41, 47), ALL, ALL}},
	[OP_COMPARE_PATTERN] = {READ | FLAG_CHECK, {0, 0, SIZE, BYTES(41, 47), ALL, ALL}},
	[OP_CREATE_DELTA] = {READ | WRITE | FLAG_TC3 | FLAG_CHECK,
			     {0, 0, SIZE, 0, BYTES(52, 55), BYTES(57, 63)}},
	[OP_APPLY_DELTA] = {READ | WRITE, {0, 0, SIZE, BYTES(44, 47), ALL, ALL}},
	[OP_DUALCAST] = {READ | WRITE | FLAG_TC3, {0, 0, SIZE, 0, ALL, ALL}},
	[OP_CRC] = {READ | CRC, {0, ALL, SIZE, BYTES(44, 47), 0, ALL}},
	[OP_COPY_CRC] = {READ | WRITE | CRC, {0, 0, SIZE, BYTES(44, 47), 0, ALL}},
	[OP_FLUSH] = {ANY | FLAG_BLOCK | FLAG_CACHE | FLAG_TC2, {ALL, 0, SIZE, ALL, ALL, ALL}},
};

uint64_t dsa_max_size(const struct dsa *dsa, unsigned int wq)
{
	uint32_t own = WQ_TRANSFER(dsa->wqcfg[wq]);

	return BIT64(own < dsa->opts.max_size ? own : dsa->opts.max_size);
}

uint64_t dsa_max_batch(const struct dsa *dsa, unsigned int wq)
{
	uint32_t own = WQ_BATCH(dsa->wqcfg[wq]);

	return BIT64(own < dsa->opts.max_batch ? own : dsa->opts.max_batch);
}

/* A queue may be for some operations only (WQCFG, version 2). */
static bool admits(const struct dsa *dsa, const struct slot *slot, unsigned int op)
{
	const uint32_t *allowed = &dsa->wqcfg[slot->wq][WQCFG_OPCFG];

	if (dsa_wqcfg_size(dsa) < WQCFG_SIZE_MAX)
		return true;

	return allowed[op / 32] >> op % 32 & 1;
}

static bool op_ok(const struct dsa *dsa, const struct slot *slot, const struct work *work)
{
	if (work->op >= NR_OPS || !dsa_offers(dsa, work->op) || !admits(dsa, slot, work->op))
		return false;

	return !slot->in_sub || (work->op != OP_BATCH && work->op != OP_DRAIN);
}

static uint32_t bad_flags(const struct dsa *dsa, const struct slot *slot, const struct work *work)
{
	uint32_t bad = work->flags & ~rules[work->op].flags;

	if (!slot->in_sub)
		bad |= work->flags & FLAG_FENCE;
	if (!WQ_BLOCK(dsa->wqcfg[slot->wq]))
		bad |= work->flags & FLAG_BLOCK;
	if (work->flags & FLAG_RECORD && !(work->flags & FLAG_RECORD_VALID))
		bad |= FLAG_RECORD;

	return bad;
}

static bool reserved_ok(const struct work *work)
{
	const struct rule *rule = &rules[work->op];

	if (get32(work->raw) & DESC_RESERVED)
		return false;
	for (unsigned int i = 0; i < 6; i++)
		if (get64(work->raw + 16 + 8 * i) & rule->reserved[i])
			return false;
	if ((work->op == OP_CRC || work->op == OP_COPY_CRC) && !(work->flags & FLAG_CRC_SEED))
		return !get64(work->raw + 48);

	return true;
}

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a - b < b_len || b - a < a_len;
}

static uint8_t check_batch(const struct dsa *dsa, const struct slot *slot, const struct work *work)
{
	if (work->size < 2 || work->size > dsa_max_batch(dsa, slot->wq))
		return ST_COUNT;

	return work->src % DESC_SIZE ? ST_LIST_ALIGN : 0;
}

static uint8_t check_create(const struct work *work)
{
	uint64_t delta = get64(work->raw + 40);
	uint32_t max = get32(work->raw + 48);

	if (work->size % 8 || work->size > DELTA_SIZE_MAX)
		return ST_SIZE;
	if (max < DELTA_MIN || max % DELTA_ENTRY)
		return ST_DELTA_SIZE;
	if ((work->src | work->dst | delta) % 8)
		return ST_ALIGN;

	return overlap(work->src, work->size, delta, max) ||
			       overlap(work->dst, work->size, delta, max)
		       ? ST_OVERLAP
		       : 0;
}

static uint8_t check_apply(const struct work *work)
{
	uint32_t len = get32(work->raw + 40);

	if (work->size % 8 || work->size > DELTA_SIZE_MAX)
		return ST_SIZE;
	if (!len || len % DELTA_ENTRY)
		return ST_DELTA_SIZE;
	if ((work->src | work->dst) % 8)
		return ST_ALIGN;

	return overlap(work->src, len, work->dst, work->size) ? ST_OVERLAP : 0;
}

static uint8_t check_dualcast(const struct work *work)
{
	uint64_t other = get64(work->raw + 40);

	if ((work->dst ^ other) % PAGE)
		return ST_DUALCAST;

	return overlap(work->src, work->size, work->dst, work->size) ||
			       overlap(work->src, work->size, other, work->size) ||
			       overlap(work->dst, work->size, other, work->size)
		       ? ST_OVERLAP
		       : 0;
}

static uint8_t check_operands(const struct dsa *dsa, const struct slot *slot,
			      const struct work *work)
{
	bool overlaps = overlap(work->src, work->size, work->dst, work->size);

	switch (work->op) {
	case OP_NOOP:
	case OP_DRAIN:
		return 0;
	case OP_BATCH:
		return check_batch(dsa, slot, work);
	default:
		break;
	}
	if (!work->size || work->size > dsa_max_size(dsa, slot->wq))
		return ST_SIZE;
	switch (work->op) {
	case OP_MOVE:
		return overlaps && dsa->opts.no_overlap ? ST_OVERLAP : 0;
	case OP_COPY_CRC:
		return overlaps ? ST_OVERLAP : 0;
	case OP_CREATE_DELTA:
		return check_create(work);
	case OP_APPLY_DELTA:
		return check_apply(work);
	case OP_DUALCAST:
		return check_dualcast(work);
	default:
		return 0;
	}
}

uint8_t dsa_check(struct dsa *dsa, struct slot *slot, struct work *work)
{
	if (!op_ok(dsa, slot, work))
		return ST_OPCODE;
	work->invalid = bad_flags(dsa, slot, work);
	if (work->invalid)
		return ST_FLAGS;
	if (!reserved_ok(work))
		return ST_RESERVED;
	/* A dedicated queue has its privilege from its configuration. */
	if (get32(work->raw) & DESC_PRIV && !WQ_DEDICATED(dsa->wqcfg[slot->wq]))
		return ST_PRIV;
	if (work->flags & FLAG_RECORD_VALID && work->record % RECORD_SIZE)
		return ST_RECORD_ALIGN;
	if (work->flags & FLAG_IRQ && !dsa_vector(dsa, slot, get16(work->raw + 36), &work->vector))
		return ST_HANDLE;

	return check_operands(dsa, slot, work);
}
