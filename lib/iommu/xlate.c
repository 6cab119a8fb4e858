// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_priv.h"

#define VA_BITS	   48
#define LEAF_COUNT (UVDK_XLATE_LEAF_MASK + 1)
#define LEAF_SIZE  (LEAF_COUNT * sizeof(uint64_t))
#define ROOT_SIZE  (UVDK_XLATE_ROOT_COUNT * sizeof(uint64_t *))

int ioas_xlate_create(struct uvdk_ioas *ioas)
{
	ioas->va_root = space_mem_alloc(ROOT_SIZE);
	ioas->xlate.root = ioas->va_root;

	return ioas->va_root ? 0 : -ENOMEM;
}

/* Reads one word for each page of the root that nobody touched: 512 in all. */
void ioas_xlate_destroy(struct uvdk_ioas *ioas)
{
	for (uint64_t i = 0; ioas->va_root && i < UVDK_XLATE_ROOT_COUNT; i++)
		space_mem_free(ioas->va_root[i], LEAF_SIZE);
	space_mem_free(ioas->va_root, ROOT_SIZE);
	ioas->va_root = NULL;
}

static uint64_t *leaf_make(struct uvdk_ioas *ioas, uint64_t va)
{
	uint64_t **slot = &ioas->va_root[va >> UVDK_XLATE_ROOT_SHIFT];
	uint64_t *leaf = space_mem_alloc(LEAF_SIZE);

	if (!leaf)
		uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for a translation table");
	else
		__atomic_store_n(slot, leaf, __ATOMIC_RELEASE);

	return leaf;
}

static int beyond(uint64_t va, uint64_t pages)
{
	return uvdk_fail(-ERANGE, IOAS_COMPONENT,
			 "VA 0x%" PRIx64 "+0x%" PRIx64 " is beyond the %d bits that can be "
			 "translated; use UVDK_MAP_ALIAS to map it without",
			 va, ioas_iova(pages), VA_BITS);
}

static int taken(struct uvdk_ioas *ioas, uint64_t va, uint64_t pages, uint64_t entry)
{
	const struct ioas_map *map = ioas_map_at(ioas, ioas_page(entry));

	return map ? ioas_map_exists(map, "VA", va, ioas_iova(pages)) : -EEXIST;
}

int ioas_xlate_ready(struct uvdk_ioas *ioas, uint64_t va, uint64_t pages)
{
	uint64_t left = pages;

	if (__builtin_expect(
		    (va >> VA_BITS) || pages > (UINT64_C(1) << (VA_BITS - 12)) - (va >> 12), 0))
		return beyond(va, pages);

	for (uint64_t at = va; left;) {
		uint64_t *leaf = ioas->va_root[at >> UVDK_XLATE_ROOT_SHIFT];
		uint64_t i = at >> UVDK_XLATE_LEAF_SHIFT & UVDK_XLATE_LEAF_MASK;

		if (__builtin_expect(!leaf, 0)) {
			leaf = leaf_make(ioas, at);
			if (!leaf)
				return -ENOMEM;
		}
		for (; left && i < LEAF_COUNT; i++, left--, at += IOAS_PAGE)
			if (__builtin_expect(leaf[i] != 0, 0))
				return taken(ioas, va, pages, leaf[i]);
	}

	return 0;
}

/* Entries of pages that follow each other differ by @step; 0 clears them. */
static inline void fill(struct uvdk_ioas *ioas, const struct ioas_map *map, uint64_t entry,
			uint64_t step)
{
	uint64_t left = map->pages;

	for (uint64_t at = map->va; left;) {
		uint64_t *leaf = ioas->va_root[at >> UVDK_XLATE_ROOT_SHIFT];
		uint64_t i = at >> UVDK_XLATE_LEAF_SHIFT & UVDK_XLATE_LEAF_MASK;

		for (; left && i < LEAF_COUNT; i++, left--, at += IOAS_PAGE, entry += step)
			__atomic_store_n(&leaf[i], entry, __ATOMIC_RELAXED);
	}
}

void ioas_xlate_set(struct uvdk_ioas *ioas, const struct ioas_map *map)
{
	fill(ioas, map, ioas_iova(map->page) | 1, IOAS_PAGE);
}

void ioas_xlate_clear(struct uvdk_ioas *ioas, const struct ioas_map *map)
{
	fill(ioas, map, 0, 0);
}
