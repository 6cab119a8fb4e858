// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "space.h"

/*
 * The head of a free block: bit 0 set (record pointers are even), order in
 * bits 1-5, index + 1 of the next head in bits 8-26, of the previous one in
 * bits 32-50.
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
	if (next)
		slot[next - 1] = head_set_prev(slot[next - 1], i + 1);
	level->orders |= 1u << order;
	level->head[order] = i + 1;
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

/* Keeps space->avail: the leaves that have a free block of an order. */
static inline void leaf_push(struct ioas_space *space, struct space_leaf *leaf, uint32_t i,
			     unsigned int order)
{
	if (!leaf->free.head[order]) {
		leaf->prev[order] = NULL;
		leaf->next[order] = space->avail[order];
		if (leaf->next[order])
			leaf->next[order]->prev[order] = leaf;
		space->avail[order] = leaf;
		space->orders |= 1u << order;
	}
	level_push(&leaf->free, leaf->slot, i, order);
}

static inline void leaf_remove(struct ioas_space *space, struct space_leaf *leaf, uint32_t i,
			       unsigned int order)
{
	level_remove(&leaf->free, leaf->slot, i, order);
	if (leaf->free.head[order])
		return;

	if (leaf->next[order])
		leaf->next[order]->prev[order] = leaf->prev[order];
	if (leaf->prev[order]) {
		leaf->prev[order]->next[order] = leaf->next[order];
		return;
	}
	space->avail[order] = leaf->next[order];
	if (!leaf->next[order])
		space->orders &= ~(1u << order);
}

/* Free a block of the top, joining it with its free buddies. */
static void top_give(struct space_top *top, uint32_t i, unsigned int order)
{
	for (; order < SPACE_ORDERS - 1; order++) {
		uint32_t buddy = i ^ 1u << order;

		if (!head_is(top->slot[buddy], order))
			break;
		level_remove(&top->free, top->slot, buddy, order);
		i &= ~(1u << order);
	}
	level_push(&top->free, top->slot, i, order);
}

/* Free a block of a leaf; a leaf that is free as a whole goes to the top. */
static void leaf_give(struct ioas_space *space, struct space_leaf *leaf, uint32_t i,
		      unsigned int order)
{
	for (; order < SPACE_LEAF_SHIFT; order++) {
		uint32_t buddy = i ^ 1u << order;

		if (!head_is(leaf->slot[buddy], order)) {
			leaf_push(space, leaf, i, order);
			return;
		}
		leaf_remove(space, leaf, buddy, order);
		i &= ~(1u << order);
	}
	top_give(space->top, leaf->index, 0);
}

/* Keep the low block of 2^order out of a free one of 2^from that was removed. */
static void leaf_split(struct ioas_space *space, struct space_leaf *leaf, uint32_t i,
		       unsigned int from, unsigned int order)
{
	while (from > order) {
		from--;
		leaf_push(space, leaf, i + (1u << from), from);
	}
}

static int top_take(struct ioas_space *space, unsigned int order, uint32_t *out)
{
	struct space_level *free = &space->top->free;
	uint32_t fit = free->orders >> order;
	unsigned int from;
	uint32_t i;

	if (!fit)
		return -ENOSPC;

	from = order + (unsigned int)__builtin_ctz(fit);
	i = free->head[from] - 1;
	/* A single GiB is going to be cut up, and for that needs its leaf. */
	if (order == 0 && space_leaf_make(space, (uint64_t)i << SPACE_LEAF_SHIFT))
		return -ENOMEM;

	level_remove(free, space->top->slot, i, from);
	while (from > order) {
		from--;
		level_push(free, space->top->slot, i + (1u << from), from);
	}
	*out = i;

	return 0;
}

static int take_from_top(struct ioas_space *space, unsigned int order, uint64_t *page)
{
	unsigned int top_order = order > SPACE_LEAF_SHIFT ? order - SPACE_LEAF_SHIFT : 0;
	uint32_t i;
	int err = top_order < SPACE_ORDERS ? top_take(space, top_order, &i) : -ENOSPC;

	if (err)
		return err;

	if (order < SPACE_LEAF_SHIFT)
		leaf_split(space, space->top->leaf[i], 0, SPACE_LEAF_SHIFT, order);
	*page = (uint64_t)i << SPACE_LEAF_SHIFT;
	space->free_pages -= UINT64_C(1) << order;

	return 0;
}

int space_take(struct ioas_space *space, unsigned int order, uint64_t *page)
{
	uint32_t fit = order < SPACE_LEAF_SHIFT ? space->orders >> order : 0;
	struct space_leaf *leaf;
	unsigned int from;
	uint32_t i;

	if (!fit)
		return take_from_top(space, order, page);

	from = order + (unsigned int)__builtin_ctz(fit);
	leaf = space->avail[from];
	i = leaf->free.head[from] - 1;
	leaf_remove(space, leaf, i, from);
	leaf_split(space, leaf, i, from, order);
	*page = (uint64_t)leaf->index << SPACE_LEAF_SHIFT | i;
	space->free_pages -= UINT64_C(1) << order;

	return 0;
}

static void give_block(struct ioas_space *space, uint64_t page, unsigned int order)
{
	uint32_t leaf = (uint32_t)(page >> SPACE_LEAF_SHIFT);

	space->free_pages += UINT64_C(1) << order;
	if (order >= SPACE_LEAF_SHIFT)
		top_give(space->top, leaf, order - SPACE_LEAF_SHIFT);
	else
		leaf_give(space, space->top->leaf[leaf], page & (SPACE_LEAF_PAGES - 1), order);
}

/* From the end down, so that low blocks come first in their lists and go first. */
void space_give(struct ioas_space *space, uint64_t page, uint64_t end)
{
	while (end > page) {
		unsigned int order = 63 - (unsigned int)__builtin_clzll(end - page);
		unsigned int align = (unsigned int)__builtin_ctzll(end);

		if (order > align)
			order = align;
		end -= UINT64_C(1) << order;
		give_block(space, end, order);
	}
}

/* Remove the free block that holds a page; returns where it starts, and its order. */
static uint64_t remove_block(struct ioas_space *space, uint64_t page, unsigned int *order)
{
	struct space_leaf *leaf = space_leaf_of(space, page);
	uint32_t i = page & (SPACE_LEAF_PAGES - 1);
	uint32_t gib = (uint32_t)(page >> SPACE_LEAF_SHIFT);

	for (unsigned int o = 0; leaf && o < SPACE_LEAF_SHIFT; o++) {
		uint32_t head = i & UINT32_MAX << o;

		if (head_is(leaf->slot[head], o)) {
			leaf_remove(space, leaf, head, o);
			*order = o;
			return page - (i - head);
		}
	}
	for (unsigned int o = 0; o < SPACE_ORDERS; o++) {
		uint32_t head = gib & UINT32_MAX << o;

		if (head_is(space->top->slot[head], o)) {
			level_remove(&space->top->free, space->top->slot, head, o);
			*order = o + SPACE_LEAF_SHIFT;
			return (uint64_t)head << SPACE_LEAF_SHIFT;
		}
	}

	return SPACE_PAGES; /* not free: the caller broke the contract */
}

void space_carve(struct ioas_space *space, uint64_t page, uint64_t end)
{
	for (uint64_t at = page; at < end;) {
		unsigned int order = 0;
		uint64_t first = remove_block(space, at, &order);
		uint64_t last = first + (UINT64_C(1) << order);

		if (first == SPACE_PAGES)
			return;
		space->free_pages -= UINT64_C(1) << order;
		if (first < page)
			space_give(space, first, page);
		if (last > end)
			space_give(space, end, last);
		at = last;
	}
}

/* Pages that are free from a block head on, counted up to @want. */
static uint64_t run_length(const struct ioas_space *space, uint64_t page, uint64_t want)
{
	uint64_t end = page;

	while (end - page < want && end < SPACE_PAGES) {
		uint64_t slot = space->top->slot[end >> SPACE_LEAF_SHIFT];
		unsigned int shift = SPACE_LEAF_SHIFT;

		if ((end & (SPACE_LEAF_PAGES - 1)) || !slot_is_free(slot)) {
			slot = space_slot(space, end);
			shift = 0;
		}
		if (!slot_is_free(slot))
			break;
		end += UINT64_C(1) << ((slot >> 1 & 31) + shift);
	}

	return end - page;
}

struct run {
	uint64_t pages;
	uint64_t align;
	uint64_t best; /* lowest start so far, SPACE_PAGES: none */
};

/* Look at every free block of a level as the start of a run. */
static void run_scan(const struct ioas_space *space, const struct space_level *level,
		     const uint64_t *slot, uint64_t base, unsigned int shift, struct run *run)
{
	for (unsigned int o = 0; o < SPACE_ORDERS; o++) {
		for (uint32_t i = level->head[o]; i; i = head_next(slot[i - 1])) {
			uint64_t page = base + ((uint64_t)(i - 1) << shift);

			if (page < run->best && !(page & (run->align - 1)) &&
			    run_length(space, page, run->pages) >= run->pages)
				run->best = page;
		}
	}
}

int space_take_run(struct ioas_space *space, uint64_t pages, uint64_t align, uint64_t *page)
{
	const struct space_top *top = space->top;
	struct run run = {.pages = pages, .align = align, .best = SPACE_PAGES};

	if (space->free_pages < pages)
		return -ENOSPC;

	run_scan(space, &top->free, top->slot, 0, SPACE_LEAF_SHIFT, &run);
	for (uint32_t i = ioas_bits_next(&top->leaves, 0); i != IOAS_BITS_NONE;
	     i = i + 1 < SPACE_LEAVES ? ioas_bits_next(&top->leaves, i + 1) : IOAS_BITS_NONE)
		run_scan(space, &top->leaf[i]->free, top->leaf[i]->slot,
			 (uint64_t)i << SPACE_LEAF_SHIFT, 0, &run);
	if (run.best == SPACE_PAGES)
		return -ENOSPC;

	if (space_leaf_make(space, run.best) || space_leaf_make(space, run.best + pages - 1))
		return -ENOMEM;
	space_carve(space, run.best, run.best + pages);
	*page = run.best;

	return 0;
}

static void level_clear(struct space_level *level, uint64_t *slot)
{
	for (unsigned int o = 0; o < SPACE_ORDERS; o++) {
		for (uint32_t i = level->head[o]; i;) {
			uint32_t next = head_next(slot[i - 1]);

			slot[i - 1] = 0;
			i = next;
		}
		level->head[o] = 0;
	}
	level->orders = 0;
}

void space_clear(struct ioas_space *space)
{
	struct space_top *top = space->top;

	level_clear(&top->free, top->slot);
	for (unsigned int o = 0; o < SPACE_LEAF_SHIFT; o++) {
		for (struct space_leaf *leaf = space->avail[o]; leaf; leaf = leaf->next[o])
			level_clear(&leaf->free, leaf->slot);
		space->avail[o] = NULL;
	}
	space->orders = 0;
	space->free_pages = 0;
}
