/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOMMU_LEVEL_H
#define UVDK_IOMMU_LEVEL_H

#include "space.h"

/*
 * Free blocks of one level. The head of a block: bit 0 set (record pointers are
 * even), order in bits 1-5, index + 1 of the next head in bits 8-26, of the
 * previous one in bits 32-50.
 */
#define HEAD_NEXT_SHIFT 8
#define HEAD_NEXT_MASK	(UINT64_C(0x7ffff) << HEAD_NEXT_SHIFT)
#define HEAD_PREV_SHIFT 32

static inline uint64_t head_mark(unsigned int order)
{
	return 1 | order << 1;
}

static inline bool head_is(uint64_t slot, unsigned int order)
{
	return (slot & 0x3f) == head_mark(order);
}

static inline unsigned int head_order(uint64_t slot)
{
	return slot >> 1 & 31;
}

static inline uint32_t head_next(uint64_t slot)
{
	return (uint32_t)((slot & HEAD_NEXT_MASK) >> HEAD_NEXT_SHIFT);
}

static inline uint64_t head_set_prev(uint64_t slot, uint64_t prev)
{
	return (uint32_t)slot | prev << HEAD_PREV_SHIFT;
}

static inline void level_push(struct space_level *level, uint64_t *slot, uint32_t i,
			      unsigned int order)
{
	uint32_t next = level->head[order];

	slot[i] = head_mark(order) | (uint64_t)next << HEAD_NEXT_SHIFT;
	level->head[order] = i + 1;
	if (next)
		slot[next - 1] = head_set_prev(slot[next - 1], i + 1);
	else
		level->orders |= 1u << order;
}

static inline void level_remove(struct space_level *level, uint64_t *slot, uint32_t i,
				unsigned int order)
{
	uint32_t next = head_next(slot[i]);
	uint32_t prev = (uint32_t)(slot[i] >> HEAD_PREV_SHIFT);

	slot[i] = 0;
	if (next)
		slot[next - 1] = head_set_prev(slot[next - 1], prev);
	if (prev) {
		slot[prev - 1] &= ~HEAD_NEXT_MASK;
		slot[prev - 1] |= (uint64_t)next << HEAD_NEXT_SHIFT;
		return;
	}
	level->head[order] = next;
	if (!next)
		level->orders &= ~(1u << order);
}

/* The low part of the smallest block of at least 2^order slots; there is one. */
static inline uint32_t level_take(struct space_level *level, uint64_t *slot, unsigned int order)
{
	unsigned int from = (unsigned int)__builtin_ctz(level->orders & UINT32_MAX << order);
	uint32_t i = level->head[from] - 1;

	level_remove(level, slot, i, from);
	while (from > order) {
		from--;
		level_push(level, slot, i + (1u << from), from);
	}

	return i;
}

/*
 * Give a block, joined with its free buddies. False: it would be as large as
 * 2^limit slots, and then it is in no list, and starts at 0.
 */
static inline bool level_give(struct space_level *level, uint64_t *slot, uint32_t i,
			      unsigned int order, unsigned int limit)
{
	for (; order < limit; order++) {
		uint32_t buddy = i ^ 1u << order;

		if (!head_is(slot[buddy], order)) {
			level_push(level, slot, i, order);
			return true;
		}
		level_remove(level, slot, buddy, order);
		i &= ~(1u << order);
	}

	return false;
}

static inline void level_clear(struct space_level *level, uint64_t *slot)
{
	while (level->orders) {
		unsigned int order = (unsigned int)__builtin_ctz(level->orders);

		level_remove(level, slot, level->head[order] - 1, order);
	}
}

#endif /* UVDK_IOMMU_LEVEL_H */
