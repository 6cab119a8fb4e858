// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "level.h"

/*
 * The slow search of a crowded space: any run of free pages that is long
 * enough, whatever blocks and loose pages it is made of.
 */
struct run {
	uint64_t pages;
	uint64_t align;
	uint64_t offset; /* from a multiple of @align to the start */
	uint64_t best;	 /* lowest start so far, SPACE_PAGES: none */
};

/* Pages that are free from a page on, up to where its block or group ends. */
static uint64_t free_here(const struct ioas_space *space, uint64_t page)
{
	const struct space_leaf *leaf = space_leaf_of(space, page);
	uint64_t slot = space->top->slot[page >> SPACE_LEAF_SHIFT];
	uint64_t word;

	if (!space_index(page) && slot_is_free(slot))
		return SPACE_LEAF_PAGES << head_order(slot);
	if (!leaf)
		return 0;
	slot = leaf->slot[space_index(page)];
	if (slot_is_free(slot))
		return UINT64_C(1) << head_order(slot);
	word = leaf->loose.low[space_index(page) >> SPACE_GROUP_SHIFT] >> page % SPACE_GROUP_PAGES;

	/* A group is never loose as a whole, so there is a bit that is not set. */
	return (uint64_t)__builtin_ctzll(~word);
}

static void consider(const struct ioas_space *space, uint64_t page, struct run *run)
{
	uint64_t skip = (run->offset - page) & (run->align - 1);
	uint64_t end = page;

	/* At a multiple there is a block or group that is looked at for itself. */
	if (page + skip >= run->best || (skip && !run->offset))
		return;

	while (end - page < skip + run->pages && end < SPACE_PAGES) {
		uint64_t more = free_here(space, end);

		if (!more)
			return;
		end += more;
	}
	if (end - page >= skip + run->pages)
		run->best = page + skip;
}

/* Every free block of a level as the start of a run. */
static void scan_blocks(const struct ioas_space *space, const struct space_level *level,
			const uint64_t *slot, uint64_t base, unsigned int shift, struct run *run)
{
	for (unsigned int o = 0; o < SPACE_ORDERS; o++)
		for (uint32_t i = level->head[o]; i; i = head_next(slot[i - 1]))
			consider(space, base + ((uint64_t)(i - 1) << shift), run);
}

static void scan_loose(const struct ioas_space *space, const struct space_leaf *leaf,
		       struct run *run)
{
	for (uint32_t i = ioas_bits_next(&leaf->loose, 0); i != IOAS_BITS_NONE;) {
		consider(space, leaf->base + i, run);
		i = i + 1 < SPACE_LEAF_PAGES ? ioas_bits_next(&leaf->loose, i + 1) : IOAS_BITS_NONE;
	}
}

static void scan(const struct ioas_space *space, struct run *run)
{
	const struct space_top *top = space->top;

	scan_blocks(space, &top->free, top->slot, 0, SPACE_LEAF_SHIFT, run);
	for (uint32_t i = ioas_bits_next(&top->leaves, 0); i != IOAS_BITS_NONE;) {
		const struct space_leaf *leaf = top->leaf[i];

		scan_blocks(space, &leaf->free, leaf->slot, leaf->base, 0, run);
		scan_loose(space, leaf, run);
		i = i + 1 < SPACE_LEAVES ? ioas_bits_next(&top->leaves, i + 1) : IOAS_BITS_NONE;
	}
}

int space_take_run(struct ioas_space *space, uint64_t pages, uint64_t align, uint64_t offset,
		   uint64_t *page)
{
	struct run run = {.pages = pages, .align = align, .offset = offset, .best = SPACE_PAGES};

	if (space->free_pages < pages)
		return -ENOSPC;
	scan(space, &run);
	if (run.best == SPACE_PAGES)
		return -ENOSPC;

	if (space_leaf_make(space, run.best) || space_leaf_make(space, run.best + pages - 1))
		return -ENOMEM;
	space_carve(space, run.best, run.best + pages);
	*page = run.best;

	return 0;
}
