// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include <uvdk_explain_driver.h>

#include "iommu_priv.h"

#define VA_BITS	  48
#define VA_PAGES  (UINT64_C(1) << (VA_BITS - IOAS_PAGE_SHIFT))
#define LEAF_SIZE (UVDK_XLATE_LEAF_COUNT * sizeof(uint64_t))
#define ROOT_SIZE (UVDK_XLATE_ROOT_COUNT * sizeof(uint64_t))

int ioas_xlate_create(struct uvdk_ioas *ioas)
{
	ioas->va_root = space_mem_alloc(ROOT_SIZE);
	ioas->xlate.root = ioas->va_root;

	return ioas->va_root ? 0 : -ENOMEM;
}

void ioas_xlate_destroy(struct uvdk_ioas *ioas)
{
	uint64_t gib = ioas->va_root ? ioas_bits_next(&ioas->va_leaves, 0) : IOAS_BITS_NONE;

	while (gib != IOAS_BITS_NONE) {
		uint64_t at = ioas->va_root[gib] + gib * LEAF_SIZE;

		space_mem_free((void *)(uintptr_t)at, LEAF_SIZE);
		ioas_bits_clear(&ioas->va_leaves, (uint32_t)gib);
		gib = ioas_bits_next(&ioas->va_leaves, (uint32_t)gib);
	}
	space_mem_free(ioas->va_root, ROOT_SIZE);
	ioas->va_root = NULL;
}

/* Make the leaf of a GiB. */
static int leaf_make(struct uvdk_ioas *ioas, uint64_t gib)
{
	char *leaf = space_mem_alloc(LEAF_SIZE);
	uint64_t slot = (uint64_t)(uintptr_t)leaf - gib * LEAF_SIZE;

	if (leaf && !slot) {
		/* 0 says "no leaf", and this one would: take another place. */
		void *first = leaf;

		leaf = space_mem_alloc(LEAF_SIZE);
		slot = (uint64_t)(uintptr_t)leaf - gib * LEAF_SIZE;
		space_mem_free(first, LEAF_SIZE);
	}
	if (!leaf)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for a translation table");

	__atomic_store_n(&ioas->va_root[gib], slot, __ATOMIC_RELEASE);
	ioas_bits_set(&ioas->va_leaves, (uint32_t)gib);

	return 0;
}

static int beyond(uint64_t va, uint64_t pages)
{
	return uvdk_fail(-ERANGE, IOAS_COMPONENT,
			 "VA 0x%" PRIx64 "+0x%" PRIx64 " is beyond the %d bits that can be "
			 "translated; use UVDK_MAP_ALIAS to map it without",
			 va, ioas_iova(pages), VA_BITS);
}

static int taken(struct uvdk_ioas *ioas, uint64_t va, uint64_t pages, uvdk_iova_t iova)
{
	return ioas_map_exists(ioas_map_at(ioas, ioas_page(iova)), "VA", va, ioas_iova(pages));
}

/* Is nothing of @page to @end, within one leaf, mapped? @va, @pages: as asked for. */
static int check_free(struct uvdk_ioas *ioas, uint64_t page, uint64_t end, uint64_t va,
		      uint64_t pages)
{
	for (; page < end; page++) {
		uint64_t entry = *ioas_xlate_entry(ioas, page);

		if (entry)
			return taken(ioas, va, pages, ioas_iova(page) + entry - 1);
	}

	return 0;
}

int ioas_xlate_ready(struct uvdk_ioas *ioas, uint64_t va, uint64_t pages)
{
	uint64_t page = va >> IOAS_PAGE_SHIFT;
	uint64_t end = page + pages;

	if (page >= VA_PAGES || pages > VA_PAGES - page)
		return beyond(va, pages);

	/* A length that is a mistake would have us make tables for seconds. */
	if (pages > UVDK_XLATE_LEAF_COUNT &&
	    !uvdk_memory_mapped((void *)(uintptr_t)va, ioas_iova(pages)))
		return uvdk_fail(-EFAULT, IOAS_COMPONENT,
				 "not all of VA 0x%" PRIx64 "+0x%" PRIx64
				 " is memory of this process",
				 va, ioas_iova(pages));

	while (page < end) {
		uint64_t gib = page / UVDK_XLATE_LEAF_COUNT;
		uint64_t next = (gib + 1) * UVDK_XLATE_LEAF_COUNT;
		int err;

		next = next < end ? next : end;
		err = ioas->va_root[gib] ? check_free(ioas, page, next, va, pages)
					 : leaf_make(ioas, gib);
		if (err)
			return err;
		page = next;
	}

	return 0;
}

/* The same entry serves every page of a map. */
static void fill(struct uvdk_ioas *ioas, const struct ioas_map *map, uint64_t entry)
{
	uint64_t page = map->va >> IOAS_PAGE_SHIFT;
	uint64_t end = page + map->pages;

	while (page < end) {
		uint64_t *at = ioas_xlate_entry(ioas, page);
		uint64_t count = UVDK_XLATE_LEAF_COUNT - page % UVDK_XLATE_LEAF_COUNT;

		count = count < end - page ? count : end - page;
		for (uint64_t i = 0; i < count; i++)
			ioas_xlate_put(&at[i], entry);
		page += count;
	}
}

void ioas_xlate_set(struct uvdk_ioas *ioas, const struct ioas_map *map)
{
	fill(ioas, map, ioas_iova(map->page) - map->va + 1);
}

void ioas_xlate_clear(struct uvdk_ioas *ioas, const struct ioas_map *map)
{
	fill(ioas, map, 0);
}
