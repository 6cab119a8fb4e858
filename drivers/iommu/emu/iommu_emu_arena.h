/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_ARENA_H
#define UVDK_DRV_IOMMU_EMU_ARENA_H

#include <uvdk_lock_driver.h>

#include "vtd.h"

/*
 * Pages that the hardware reads. They come in aligned chunks, which stay until
 * the machine goes; a chunk starts with what is known of each of its pages, so
 * that a page is never written while it waits for its invalidation.
 */
#define EMU_CHUNK_SHIFT 21
#define EMU_CHUNK	(UINT64_C(1) << EMU_CHUNK_SHIFT)
#define EMU_CHUNK_PAGES (EMU_CHUNK >> VTD_PAGE_SHIFT)

/**
 * struct emu_page - what is known of a page
 * @next: next in a list of free pages, or of pages on their way there
 * @used: entries in use, where the page is a page table
 */
struct emu_page {
	struct emu_page *next;
	uint64_t used;
};

#define EMU_CHUNK_FIRST (EMU_CHUNK_PAGES * sizeof(struct emu_page) >> VTD_PAGE_SHIFT)

/**
 * struct emu_arena - where pages come from
 * @chunk: memory of @size bytes, zeroed, at any address; NULL: none left.
 *	@number counts the calls. Whoever gives it frees it.
 * @arg: passed to @chunk
 * @lock: guards the rest
 * @chunks: chunks so far
 * @fresh: next page of the youngest chunk
 * @end: behind it
 * @free: pages given back
 */
struct emu_arena {
	void *(*chunk)(void *arg, unsigned int number, size_t size);
	void *arg;
	struct uvdk_lock lock;
	unsigned int chunks;
	uint8_t *fresh;
	uint8_t *end;
	struct emu_page *free;
};

/* A zeroed page, or NULL. */
void *emu_arena_get(struct emu_arena *arena);

/* @count pages in a row, zeroed, or NULL; at most what a chunk holds. */
void *emu_arena_get_run(struct emu_arena *arena, unsigned int count);

/* Give a list of pages back: no hardware knows them any more. */
void emu_arena_put(struct emu_arena *arena, struct emu_page *list);

static inline struct emu_page *emu_page_of(const void *page)
{
	uintptr_t addr = (uintptr_t)page;
	struct emu_page *all = vtd_memory(addr & ~(EMU_CHUNK - 1));

	return &all[(addr & (EMU_CHUNK - 1)) >> VTD_PAGE_SHIFT];
}

static inline void *emu_page_memory(const struct emu_page *page)
{
	uintptr_t chunk = (uintptr_t)page & ~(EMU_CHUNK - 1);
	uintptr_t index = ((uintptr_t)page - chunk) / sizeof(*page);

	return vtd_memory(chunk + (index << VTD_PAGE_SHIFT));
}

/* Put a page in front of a list. */
static inline void emu_page_push(struct emu_page **list, struct emu_page *page)
{
	page->next = *list;
	*list = page;
}

#endif /* UVDK_DRV_IOMMU_EMU_ARENA_H */
