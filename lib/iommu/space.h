/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOMMU_SPACE_H
#define UVDK_IOMMU_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"

/*
 * An IOVA space: what every page of 2^48 bytes is, and a buddy allocator over
 * the free ones.
 *
 * Two levels with the same 2^18 slots: a *leaf* holds one GiB in pages, the
 * *top* holds the space in GiB. A slot of a leaf is 0, a pointer to the map
 * record of the page, or the head of a free block of 2^order pages; a slot of
 * the top is 0 or the head of a free block of 2^order GiB. Free blocks are
 * chained through their heads, so giving memory back needs none, and all of it
 * is sparse anonymous memory: only slots that were touched cost anything.
 *
 * Sub-GiB heads need their leaf: whoever takes pages makes the leaves of their
 * first and last page first (space_leaf()), and so giving back can't fail.
 */
#define IOAS_PAGE_SHIFT	 12
#define IOAS_PAGE	 (UINT64_C(1) << IOAS_PAGE_SHIFT)
#define SPACE_LEAF_SHIFT 18
#define SPACE_LEAF_PAGES (UINT64_C(1) << SPACE_LEAF_SHIFT)
#define SPACE_LEAVES	 (UINT64_C(1) << 18)
#define SPACE_PAGES	 (SPACE_LEAVES * SPACE_LEAF_PAGES)
#define SPACE_LAST	 ((SPACE_PAGES << IOAS_PAGE_SHIFT) - 1)
#define SPACE_ORDERS	 19 /* of a level: 2^0 to 2^18 slots */

/* Free blocks of one level, by order; index + 1, 0 is the end. */
struct space_level {
	uint32_t orders; /* bit o: head[o] is not 0 */
	uint32_t head[SPACE_ORDERS];
};

struct space_leaf {
	uint32_t index; /* in the space: which GiB */
	struct space_level free;
	struct space_leaf *next[SPACE_LEAF_SHIFT]; /* leaves that have a free block of order o */
	struct space_leaf *prev[SPACE_LEAF_SHIFT];
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
	uint32_t orders;			    /* bit o: avail[o] is not NULL */
	struct space_leaf *avail[SPACE_LEAF_SHIFT]; /* leaves that have a free block of order o */
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
	return page < SPACE_PAGES ? space->top->leaf[page >> SPACE_LEAF_SHIFT] : NULL;
}

static inline uint64_t space_slot(const struct ioas_space *space, uint64_t page)
{
	const struct space_leaf *leaf = space_leaf_of(space, page);

	return leaf ? leaf->slot[page & (SPACE_LEAF_PAGES - 1)] : 0;
}

/* Sparse zeroed memory, or NULL. */
void *space_mem_alloc(size_t size);
void space_mem_free(void *mem, size_t size);

int space_create(struct ioas_space *space);
void space_destroy(struct ioas_space *space);

/* Make the leaf of a page; -ENOMEM. */
int space_leaf_make(struct ioas_space *space, uint64_t page);

/* Take an aligned block of 2^order pages; -ENOSPC, -ENOMEM. */
int space_take(struct ioas_space *space, unsigned int order, uint64_t *page);

/* Take @pages from a free run that starts at a multiple of @align; -ENOSPC, -ENOMEM. */
int space_take_run(struct ioas_space *space, uint64_t pages, uint64_t align, uint64_t *page);

/* Take exactly these pages, all of which are free and have their leaves. */
void space_carve(struct ioas_space *space, uint64_t page, uint64_t end);

/* Give pages back; the leaves of the first and the last exist. */
void space_give(struct ioas_space *space, uint64_t page, uint64_t end);

/* Forget every free block. */
void space_clear(struct ioas_space *space);

#endif /* UVDK_IOMMU_SPACE_H */
