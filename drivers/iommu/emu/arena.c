// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "iommu_emu_arena.h"

static_assert(sizeof(struct emu_page) == 16, "descriptions fill whole pages");

/* Under the lock. What is left of the chunk before is not lost. */
static bool new_chunk(struct emu_arena *arena)
{
	uint8_t *memory = arena->chunk(arena->arg, arena->chunks, 2 * EMU_CHUNK);
	uintptr_t start = ((uintptr_t)memory + EMU_CHUNK - 1) & ~(EMU_CHUNK - 1);

	if (!memory)
		return false;
	for (; arena->fresh < arena->end; arena->fresh += VTD_PAGE)
		emu_page_push(&arena->free, emu_page_of(arena->fresh));
	arena->chunks++;
	arena->fresh = vtd_memory(start + (EMU_CHUNK_FIRST << VTD_PAGE_SHIFT));
	arena->end = vtd_memory(start + EMU_CHUNK);

	return true;
}

static void *take_fresh(struct emu_arena *arena, unsigned int count)
{
	size_t size = count * VTD_PAGE;
	uint8_t *memory;

	if ((size_t)(arena->end - arena->fresh) < size && !new_chunk(arena))
		return NULL;
	memory = arena->fresh;
	arena->fresh += size;

	return memory;
}

void *emu_arena_get_run(struct emu_arena *arena, unsigned int count)
{
	void *memory = NULL;

	if (count > EMU_CHUNK_PAGES - EMU_CHUNK_FIRST)
		return NULL;
	uvdk_lock_acquire(&arena->lock);
	memory = take_fresh(arena, count);
	uvdk_lock_release(&arena->lock);

	return memory;
}

void *emu_arena_get(struct emu_arena *arena)
{
	struct emu_page *page;
	void *memory;

	uvdk_lock_acquire(&arena->lock);
	page = arena->free;
	if (page)
		arena->free = page->next;
	memory = page ? emu_page_memory(page) : take_fresh(arena, 1);
	uvdk_lock_release(&arena->lock);
	if (!page)
		return memory;

	*page = (struct emu_page){0};
	return memset(memory, 0, VTD_PAGE);
}

void emu_arena_put(struct emu_arena *arena, struct emu_page *list)
{
	struct emu_page *last = list;

	if (!list)
		return;
	while (last->next)
		last = last->next;
	uvdk_lock_acquire(&arena->lock);
	last->next = arena->free;
	arena->free = list;
	uvdk_lock_release(&arena->lock);
}
