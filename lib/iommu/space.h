/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOMMU_SPACE_H
#define UVDK_IOMMU_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"

/*
 * An IOVA space: what every page of 2^48 bytes is, and an allocator over the
 * free ones.
 *
 * Two levels with the same 2^18 slots: a *leaf* holds one GiB in pages, the
 * *top* holds the space in GiB. A slot of a leaf is 0, a pointer to the map
 * record of the page, or the head of a free block; a slot of the top is 0 or
 * the head of a free block. Blocks are buddies of 2^order slots; in a leaf they
 * have at least the 64 pages of a *group*. Free pages of a group that is partly
 * in use are *loose* and stand in a set of their own: most maps are of one
 * page, and come and go without touching a block.
 *
 * Free blocks are chained through their heads, so giving pages back needs no
 * memory, and all of it is sparse: only what was touched costs any. Whoever
 * takes pages makes the leaves of the first and the last of them before
 * (space_leaf_make()), and so giving back can't fail.
 */
#define IOAS_PAGE_SHIFT	  12
#define IOAS_PAGE	  (UINT64_C(1) << IOAS_PAGE_SHIFT)
#define SPACE_LEAF_SHIFT  18
#define SPACE_LEAF_PAGES  (UINT64_C(1) << SPACE_LEAF_SHIFT)
#define SPACE_LEAVES	  (UINT64_C(1) << 18)
#define SPACE_PAGES	  (SPACE_LEAVES * SPACE_LEAF_PAGES)
#define SPACE_LAST	  ((SPACE_PAGES << IOAS_PAGE_SHIFT) - 1)
#define SPACE_ORDERS	  19 /* of a level: 2^0 to 2^18 slots */
#define SPACE_GROUP_SHIFT 6
#define SPACE_GROUP_PAGES (UINT64_C(1) << SPACE_GROUP_SHIFT)

/* Free blocks of one level: lists by order; index + 1, 0 is the end. */
struct space_level {
	uint32_t orders; /* bit o: head[o] is not 0 */
	uint32_t head[SPACE_ORDERS];
};

/*
 * Leaves are listed by rank: 1 + the order of their largest free block, 1 if
 * they have loose pages only, 0 (not listed) if nothing is free. It changes far
 * less often than the blocks do.
 */
#define SPACE_RANKS (SPACE_LEAF_SHIFT + 1)

struct space_leaf {
	struct space_level free;
	uint32_t rank;
	uint64_t base;		 /* page number of slot 0 */
	struct space_leaf *next; /* of the same rank */
	struct space_leaf *prev;
	struct ioas_bits loose;	 /* never a whole group: that is a block */
	struct ioas_bits starts; /* pages where maps start */
	uint64_t slot[SPACE_LEAF_PAGES];
};

/* The part of a space that is too large to sit in the ioas. */
struct space_top {
	struct space_level free;
	struct ioas_bits leaves; /* leaves that exist */
	struct space_leaf *leaf[SPACE_LEAVES];
	uint64_t slot[SPACE_LEAVES];
};

struct ioas_space {
	struct space_top *top;
	struct space_leaf *current; /* gave last and is asked first; or NULL */
	uint32_t ranks;		    /* bit r: ranked[r] is not NULL */
	struct space_leaf *ranked[SPACE_RANKS];
	uint64_t free_pages;
};

static inline bool slot_is_free(uint64_t slot)
{
	return slot & 1;
}

static inline bool slot_is_map(uint64_t slot)
{
	return slot && !(slot & 1);
}

static inline struct space_leaf *space_leaf_of(const struct ioas_space *space, uint64_t page)
{
	return space->top->leaf[page >> SPACE_LEAF_SHIFT];
}

static inline uint32_t space_index(uint64_t page)
{
	return (uint32_t)(page & (SPACE_LEAF_PAGES - 1));
}

static inline uint64_t space_slot(const struct ioas_space *space, uint64_t page)
{
	const struct space_leaf *leaf = space_leaf_of(space, page);

	return leaf ? leaf->slot[space_index(page)] : 0;
}

/* Sparse zeroed memory, or NULL. */
void *space_mem_alloc(size_t size);
void space_mem_free(void *mem, size_t size);

int space_create(struct ioas_space *space);
void space_destroy(struct ioas_space *space);

/* Make the leaf of a page; -ENOMEM. */
int space_leaf_make(struct ioas_space *space, uint64_t page);

/*
 * Take @pages, at most 2^order, at a multiple of 2^order; their first and last
 * leaf are there afterwards. -ENOSPC: there may still be a run of them at
 * another address; -ENOMEM.
 */
int space_take(struct ioas_space *space, unsigned int order, uint64_t pages, uint64_t *page);

/* The lowest free run of @pages that starts @offset behind a multiple of @align; as above. */
int space_take_run(struct ioas_space *space, uint64_t pages, uint64_t align, uint64_t offset,
		   uint64_t *page);

/* Take exactly these pages, all of which are free, and whose edges have leaves. */
void space_carve(struct ioas_space *space, uint64_t page, uint64_t end);

/* Give pages back; the leaves of the first and the last exist. */
void space_give(struct ioas_space *space, uint64_t page, uint64_t end);

/* Forget everything that is free. */
void space_clear(struct ioas_space *space);

/* For the inlines below: a group has no loose page left, or had none, or is whole. */
void space_group_drained(struct ioas_space *space, struct space_leaf *leaf, uint32_t group);
void space_group_give(struct ioas_space *space, struct space_leaf *leaf, uint32_t group,
		      uint64_t pages);

/*
 * One page in two steps: look at the first loose page of the current leaf, then
 * take it. Where there is none, space_take() makes some.
 */
static inline bool space_has_page(const struct ioas_space *space)
{
	return space->current && space->current->loose.top;
}

static inline uint32_t space_first_page(const struct space_leaf *leaf)
{
	uint32_t group = ioas_bits_low(leaf->loose.top);

	group = group << 6 | ioas_bits_low(leaf->loose.mid[group]);

	return group << SPACE_GROUP_SHIFT | ioas_bits_low(leaf->loose.low[group]);
}

static inline void space_take_first(struct ioas_space *space, struct space_leaf *leaf, uint32_t i)
{
	uint32_t group = i >> SPACE_GROUP_SHIFT;
	uint64_t left = leaf->loose.low[group] & (leaf->loose.low[group] - 1);

	leaf->loose.low[group] = left;
	space->free_pages--;
	if (__builtin_expect(!left, 0))
		space_group_drained(space, leaf, group);
}

/* As space_give() for one page. */
static inline void space_give_page(struct ioas_space *space, struct space_leaf *leaf, uint32_t i)
{
	uint32_t group = i >> SPACE_GROUP_SHIFT;
	uint64_t bit = UINT64_C(1) << (i & (SPACE_GROUP_PAGES - 1));
	uint64_t was = leaf->loose.low[group];

	if (__builtin_expect(!was || (was | bit) == UINT64_MAX, 0)) {
		space_group_give(space, leaf, group, bit);
		return;
	}
	leaf->loose.low[group] = was | bit;
	space->free_pages++;
}

#endif /* UVDK_IOMMU_SPACE_H */
