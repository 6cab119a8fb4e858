// SPDX-License-Identifier: BSD-3-Clause
/* Operations as they are made up: any size and alignment, overlaps, and ends beyond memory. */
#include <string.h>

#include "dsa_random.h"

uint32_t dice(uint32_t sides)
{
	return (uint32_t)(random_next(&w.random) >> 16) % sides;
}

static uint32_t some_len(void)
{
	switch (dice(100)) {
	case 0:
		return MAX_LEN;
	case 1 ... 3:
		return 1 + dice(MAX_LEN);
	case 4 ... 15:
		return 1 + dice(16384);
	case 16 ... 20:
		return 4096;
	case 21 ... 25:
		return 1;
	case 26 ... 50:
		return 1 + dice(4096);
	default:
		return 1 + dice(64);
	}
}

/* Anywhere; often just before the end of a page. */
static uint32_t some_place(uint32_t len)
{
	uint32_t at = dice(ARENA_SIZE - len + 1), edge;

	if (dice(4))
		return at;
	edge = (at | 4095) - dice(len < 4096 ? len : 4096);

	return edge <= ARENA_SIZE - len ? edge : at;
}

/* Pieces of a span in any order; half of them begin where the one before ends. */
static unsigned int cut(struct uvdk_dma_piece *segs, uint32_t at, uint32_t len)
{
	unsigned int count = 1 + dice(len < ARENA_SG ? len : ARENA_SG);
	uint32_t end = at + len;

	for (unsigned int i = 0; i < count; i++) {
		uint32_t left = count - i - 1;
		uint32_t piece = left ? 1 + dice(end - at - left) : end - at;

		segs[i] = (struct uvdk_dma_piece){.addr = at, .len = piece};
		at += piece;
	}
	for (unsigned int i = count; i > 1; i--) {
		unsigned int k = dice(i);
		struct uvdk_dma_piece seg = segs[i - 1];

		segs[i - 1] = segs[k];
		segs[k] = seg;
	}

	return count;
}

static bool overlaps(const struct op *op)
{
	return op->src < op->dst + op->len && op->dst < op->src + op->len;
}

/* Only plain copies may overlap: what else does it is not defined. */
static void move_apart(struct op *op)
{
	while (overlaps(op)) {
		op->src = some_place(op->len);
		op->dst = some_place(op->len);
	}
}

/* Not far from each other. */
static void overlap(struct op *op)
{
	uint32_t shift = dice(op->len + 1);

	if (dice(2) && op->src + shift <= ARENA_SIZE - op->len)
		op->dst = op->src + shift;
	else if (op->src >= shift)
		op->dst = op->src - shift;
}

static void leave_arena(struct op *op)
{
	uint32_t inside = dice(op->len);
	struct op moved = *op;

	if (op_reads(op) && dice(2))
		moved.src = ARENA_SIZE - inside;
	else
		moved.dst = ARENA_SIZE - inside;
	if (op->kind == OP_COPY || !overlaps(&moved))
		*op = moved;
}

void make_op(struct op *op)
{
	memset(op, 0, sizeof(*op));
	op->kind = dice(OP_KINDS);
	op->len = some_len();
	op->src = some_place(op->len);
	op->dst = some_place(op->len);
	op->pattern = random_next(&w.random);
	op->crc.seed = dice(2) ? (uint32_t)op->pattern : 0;
	op->crc.flags = dice(4);
	if (op->kind == OP_COPY && dice(5) == 0)
		overlap(op);
	else if (op->kind != OP_COPY)
		move_apart(op);
	if (op->kind == OP_COMPARE && w.copied.len && dice(2)) {
		op->src = w.copied.src;
		op->dst = w.copied.dst;
		op->len = w.copied.len;
	}
	if (op->kind == OP_SG) {
		op->dst_count = cut(op->segs[0], op->dst, op->len);
		op->src_count = cut(op->segs[1], op->src, op->len);
	} else if (w.plan->holes && dice(w.plan->holes) == 0 && op->kind != OP_CRC) {
		leave_arena(op);
	}
	if (op->kind == OP_COPY)
		w.copied = *op;
}

/* ---- enqueueing ---- */

static int enqueue_sg(const struct op *op, unsigned int flags)
{
	struct uvdk_dma_piece segs[2][ARENA_SG];

	memcpy(segs, op->segs, sizeof(segs));
	for (unsigned int i = 0; i < ARENA_SG; i++) {
		segs[0][i].addr += ARENA_IOVA;
		segs[1][i].addr += ARENA_IOVA;
	}

	return uvdk_dmadev_copy_sg(w.chan, segs[0], op->dst_count, segs[1], op->src_count, flags);
}

int enqueue(const struct op *op)
{
	uvdk_iova_t dst = ARENA_IOVA + op->dst, src = ARENA_IOVA + op->src;
	unsigned int flags = (op->fence ? UVDK_DMADEV_FENCE : 0) |
			     (dice(4) ? 0 : UVDK_DMADEV_CACHE) |
			     (dice(10) ? 0 : UVDK_DMADEV_SUBMIT);

	switch (op->kind) {
	case OP_COPY:
		return uvdk_dmadev_copy(w.chan, dst, src, op->len, flags);
	case OP_FILL:
		return uvdk_dmadev_fill(w.chan, dst, op->pattern, op->len, flags);
	case OP_COMPARE:
		return uvdk_dmadev_compare(w.chan, dst, src, op->len, flags);
	case OP_CRC:
		return uvdk_dmadev_crc(w.chan, UVDK_IOVA_NONE, src, op->len, &op->crc, flags);
	case OP_COPY_CRC:
		return uvdk_dmadev_crc(w.chan, dst, src, op->len, &op->crc, flags);
	default:
		return enqueue_sg(op, flags);
	}
}
