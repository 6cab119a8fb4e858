// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "level.h"

#define GROUP_SIZE  SPACE_GROUP_PAGES
#define LOOSE_TRIES 16 /* groups looked at for a small run before a block is broken */

/* ---- ranks of leaves ---- */

static void rerank(struct ioas_space *space, struct space_leaf *leaf, uint32_t rank)
{
	if (leaf->rank) {
		if (leaf->next)
			leaf->next->prev = leaf->prev;
		if (leaf->prev)
			leaf->prev->next = leaf->next;
		else
			space->ranked[leaf->rank] = leaf->next;
		if (!space->ranked[leaf->rank])
			space->ranks &= ~(1u << leaf->rank);
	}
	leaf->rank = rank;
	if (rank) {
		leaf->prev = NULL;
		leaf->next = space->ranked[rank];
		if (leaf->next)
			leaf->next->prev = leaf;
		space->ranked[rank] = leaf;
		space->ranks |= 1u << rank;
	}
}

/* After a change of what is free in a leaf. */
static void leaf_changed(struct ioas_space *space, struct space_leaf *leaf)
{
	uint32_t rank = leaf->loose.top != 0;

	if (leaf->free.orders)
		rank = 32 - (uint32_t)__builtin_clz(leaf->free.orders);
	if (rank != leaf->rank)
		rerank(space, leaf, rank);
}

/* ---- blocks ---- */

/* To the top; the largest block it can hold has no buddy to join. */
static void top_give(struct space_top *top, uint32_t i, unsigned int order)
{
	if (!level_give(&top->free, top->slot, i, order, SPACE_ORDERS - 1))
		level_push(&top->free, top->slot, 0, SPACE_ORDERS - 1);
}

static int top_take(struct space_top *top, unsigned int order, uint32_t *i)
{
	if (order >= SPACE_ORDERS || !(top->free.orders >> order))
		return -ENOSPC;
	*i = level_take(&top->free, top->slot, order);

	return 0;
}

/* To a leaf; one that is free as a whole goes to the top. */
static void leaf_give(struct ioas_space *space, struct space_leaf *leaf, uint32_t i,
		      unsigned int order)
{
	if (!level_give(&leaf->free, leaf->slot, i, order, SPACE_LEAF_SHIFT))
		top_give(space->top, (uint32_t)(leaf->base >> SPACE_LEAF_SHIFT), 0);
	leaf_changed(space, leaf);
}

/* Cut up a GiB that is free as a whole: the leaf then has blocks of 512 MiB. */
static int leaf_from_top(struct ioas_space *space)
{
	struct space_leaf *leaf;
	uint32_t i;
	int err = top_take(space->top, 0, &i);

	if (err)
		return err;
	if (space_leaf_make(space, (uint64_t)i << SPACE_LEAF_SHIFT)) {
		top_give(space->top, i, 0);
		return -ENOMEM;
	}

	leaf = space->top->leaf[i];
	level_push(&leaf->free, leaf->slot, SPACE_LEAF_PAGES / 2, SPACE_LEAF_SHIFT - 1);
	level_push(&leaf->free, leaf->slot, 0, SPACE_LEAF_SHIFT - 1);
	leaf_changed(space, leaf);

	return 0;
}

/* Make a leaf current that has a rank at least; rank 1 is any free page. */
static int find_leaf(struct ioas_space *space, unsigned int rank)
{
	uint32_t fit = space->ranks & UINT32_MAX << rank;

	if (!fit) {
		int err = leaf_from_top(space);

		if (err)
			return err;
		fit = space->ranks & UINT32_MAX << rank;
	}
	space->current = space->ranked[__builtin_ctz(fit)];

	return 0;
}

/* A block of 2^order pages, of a group at least and less than a GiB. */
static int leaf_take(struct ioas_space *space, unsigned int order, uint64_t *page)
{
	struct space_leaf *leaf = space->current;

	if (!leaf || !(leaf->free.orders >> order)) {
		int err = find_leaf(space, order + 1);

		if (err)
			return err;
		leaf = space->current;
	}
	*page = leaf->base + level_take(&leaf->free, leaf->slot, order);
	leaf_changed(space, leaf);

	return 0;
}

/* ---- loose pages ---- */

void space_group_drained(struct ioas_space *space, struct space_leaf *leaf, uint32_t group)
{
	ioas_bits_emptied(&leaf->loose, group);
	leaf_changed(space, leaf);
}

/* Give pages of one group, a bit each; a group that is whole becomes a block. */
void space_group_give(struct ioas_space *space, struct space_leaf *leaf, uint32_t group,
		      uint64_t pages)
{
	uint64_t was = leaf->loose.low[group];

	space->free_pages += (uint64_t)__builtin_popcountll(pages);
	if ((was | pages) == UINT64_MAX) {
		leaf->loose.low[group] = 0;
		if (was)
			ioas_bits_emptied(&leaf->loose, group);
		leaf_give(space, leaf, group << SPACE_GROUP_SHIFT, SPACE_GROUP_SHIFT);
		return;
	}
	leaf->loose.low[group] = was | pages;
	if (was)
		return;
	ioas_bits_filled(&leaf->loose, group);
	leaf_changed(space, leaf);
}

static void group_take(struct ioas_space *space, struct space_leaf *leaf, uint32_t group,
		       uint64_t pages)
{
	space->free_pages -= (uint64_t)__builtin_popcountll(pages);
	leaf->loose.low[group] &= ~pages;
	if (!leaf->loose.low[group])
		space_group_drained(space, leaf, group);
}

/* @count bits from bit @first on */
static uint64_t group_mask(uint64_t first, uint64_t count)
{
	return (UINT64_MAX >> (GROUP_SIZE - count)) << first;
}

/* Bit of the first run of @count in a word at a multiple of @align, or 64. */
static uint64_t word_find(uint64_t word, uint64_t count, uint64_t align)
{
	uint64_t bit = 0;

	while (bit < GROUP_SIZE && (~word & group_mask(bit, count)))
		bit += align;

	return bit;
}

/* A few pages out of the loose ones of the current leaf. */
static bool loose_take(struct ioas_space *space, unsigned int order, uint64_t pages, uint64_t *page)
{
	struct space_leaf *leaf = space->current;
	uint32_t i = leaf ? ioas_bits_next(&leaf->loose, 0) : IOAS_BITS_NONE;

	for (int tries = 0; i != IOAS_BITS_NONE && tries < LOOSE_TRIES; tries++) {
		uint32_t group = i >> SPACE_GROUP_SHIFT;
		uint64_t bit = word_find(leaf->loose.low[group], pages, UINT64_C(1) << order);

		if (bit < GROUP_SIZE) {
			group_take(space, leaf, group, group_mask(bit, pages));
			*page = leaf->base + (group << SPACE_GROUP_SHIFT) + bit;
			return true;
		}
		i = (group + 1) << SPACE_GROUP_SHIFT;
		i = i < SPACE_LEAF_PAGES ? ioas_bits_next(&leaf->loose, i) : IOAS_BITS_NONE;
	}

	return false;
}

/* ---- taking ---- */

static int take_large(struct ioas_space *space, unsigned int order, uint64_t pages, uint64_t *page)
{
	uint32_t i;
	int err = top_take(space->top, order - SPACE_LEAF_SHIFT, &i);

	if (err)
		return err;

	*page = (uint64_t)i << SPACE_LEAF_SHIFT;
	if (space_leaf_make(space, *page) || space_leaf_make(space, *page + pages - 1)) {
		top_give(space->top, i, order - SPACE_LEAF_SHIFT);
		return -ENOMEM;
	}

	return 0;
}

int space_take(struct ioas_space *space, unsigned int order, uint64_t pages, uint64_t *page)
{
	int err;

	if (order < SPACE_GROUP_SHIFT) {
		/* A leaf that has loose pages only is good for nothing larger. */
		if (!space_has_page(space) && space->ranked[1])
			space->current = space->ranked[1];
		if (loose_take(space, order, pages, page))
			return 0;
		order = SPACE_GROUP_SHIFT;
	}
	if (order < SPACE_LEAF_SHIFT)
		err = leaf_take(space, order, page);
	else
		err = take_large(space, order, pages, page);
	if (err)
		return err;

	space->free_pages -= UINT64_C(1) << order;
	space_give(space, *page + pages, *page + (UINT64_C(1) << order));

	return 0;
}

/* ---- giving ---- */

static void give_block(struct ioas_space *space, uint64_t page, unsigned int order)
{
	space->free_pages += UINT64_C(1) << order;
	if (order < SPACE_LEAF_SHIFT)
		leaf_give(space, space_leaf_of(space, page), space_index(page), order);
	else
		top_give(space->top, (uint32_t)(page >> SPACE_LEAF_SHIFT),
			 order - SPACE_LEAF_SHIFT);
}

/* Part of a group. */
static void give_loose(struct ioas_space *space, uint64_t page, uint64_t end)
{
	if (page < end)
		space_group_give(space, space_leaf_of(space, page),
				 space_index(page) >> SPACE_GROUP_SHIFT,
				 group_mask(page % GROUP_SIZE, end - page));
}

/* From the end down, so that low blocks come first in their lists and go first. */
void space_give(struct ioas_space *space, uint64_t page, uint64_t end)
{
	uint64_t low = (page + GROUP_SIZE - 1) & ~(GROUP_SIZE - 1);
	uint64_t high = end & ~(GROUP_SIZE - 1);

	if (low > high) {
		give_loose(space, page, end);
		return;
	}

	give_loose(space, high, end);
	while (high > low) {
		unsigned int order = 63 - (unsigned int)__builtin_clzll(high - low);
		unsigned int align = (unsigned int)__builtin_ctzll(high);

		order = order < align ? order : align;
		high -= UINT64_C(1) << order;
		give_block(space, high, order);
	}
	give_loose(space, page, low);
}

/* ---- taking what was chosen ---- */

/* Remove the free block that holds a page; returns where it starts, and its order. */
static uint64_t remove_block(struct ioas_space *space, uint64_t page, unsigned int *order)
{
	struct space_top *top = space->top;
	struct space_leaf *leaf = space_leaf_of(space, page);
	uint32_t gib = (uint32_t)(page >> SPACE_LEAF_SHIFT);

	for (unsigned int o = SPACE_GROUP_SHIFT; leaf && o < SPACE_LEAF_SHIFT; o++) {
		uint32_t head = space_index(page) & UINT32_MAX << o;

		if (head_is(leaf->slot[head], o)) {
			level_remove(&leaf->free, leaf->slot, head, o);
			leaf_changed(space, leaf);
			*order = o;
			return leaf->base + head;
		}
	}
	for (unsigned int o = 0; o < SPACE_ORDERS; o++) {
		uint32_t head = gib & UINT32_MAX << o;

		if (head_is(top->slot[head], o)) {
			level_remove(&top->free, top->slot, head, o);
			*order = o + SPACE_LEAF_SHIFT;
			return (uint64_t)head << SPACE_LEAF_SHIFT;
		}
	}

	return SPACE_PAGES; /* not free: the caller broke the contract */
}

/* Take the part of [page, end) that is in the block of @at; returns the block's end. */
static uint64_t carve_block(struct ioas_space *space, uint64_t at, uint64_t page, uint64_t end)
{
	unsigned int order = 0;
	uint64_t first = remove_block(space, at, &order);
	uint64_t last = first + (UINT64_C(1) << order);

	if (first == SPACE_PAGES)
		return end;
	space->free_pages -= UINT64_C(1) << order;
	if (first < page)
		space_give(space, first, page);
	if (last > end)
		space_give(space, end, last);

	return last;
}

void space_carve(struct ioas_space *space, uint64_t page, uint64_t end)
{
	for (uint64_t at = page; at < end;) {
		struct space_leaf *leaf = space_leaf_of(space, at);
		uint32_t group = space_index(at) >> SPACE_GROUP_SHIFT;
		uint64_t stop = (at | (GROUP_SIZE - 1)) + 1;

		if (!leaf || !leaf->loose.low[group]) {
			at = carve_block(space, at, page, end);
			continue;
		}
		stop = stop < end ? stop : end;
		group_take(space, leaf, group, group_mask(at % GROUP_SIZE, stop - at));
		at = stop;
	}
}

void space_clear(struct ioas_space *space)
{
	struct space_top *top = space->top;

	level_clear(&top->free, top->slot);
	while (space->ranks) {
		struct space_leaf *leaf = space->ranked[__builtin_ctz(space->ranks)];

		level_clear(&leaf->free, leaf->slot);
		ioas_bits_reset(&leaf->loose);
		leaf_changed(space, leaf);
	}
	space->current = NULL;
	space->free_pages = 0;
}
