// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include <uvdk_lock_driver.h>

#include "pgtable_priv.h"

/* Table pages: free, taken, or in quarantine. What links them lies beside them. */

struct link {
	uint32_t next;
	uint64_t cookie; /* in quarantine */
};

struct uvdk_pgtable_arena {
	struct uvdk_pgtable_arena_opts at;
	uint64_t total;
	struct uvdk_lock lock; /* guards what follows, and links of free and quarantined pages */
	struct pages free;
	struct pages waiting; /* oldest first */
	uint32_t youngest;    /* of those that wait */
	uint64_t released;    /* cookies below it are; the first may be 0 */
	struct link link[];   /* of page n: [n - 1] */
};

static struct link *link_of(struct uvdk_pgtable_arena *arena, uint32_t page)
{
	return &arena->link[page - 1];
}

static int check(const struct uvdk_pgtable_arena_opts *o)
{
	if (!o->va || !o->length || ((uintptr_t)o->va | o->address | o->length) & PAGE_MASK ||
	    o->length > UINT64_C(1) << 43)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "arena of %#" PRIx64 " bytes at %p, seen at %#" PRIx64
				 ": give multiples of 4096, up to 2^43 bytes",
				 o->length, o->va, o->address);
	if (o->address >> 52 || o->length > (UINT64_C(1) << 52) - o->address)
		return uvdk_fail(-ERANGE, PGTABLE,
				 "arena of %#" PRIx64 " bytes, seen at %#" PRIx64
				 ", goes beyond 52 bits of address",
				 o->length, o->address);

	return 0;
}

UVDK_EXPORT int uvdk_pgtable_arena_create(const struct uvdk_pgtable_arena_opts *opts,
					  struct uvdk_pgtable_arena **out)
{
	struct uvdk_pgtable_arena_opts o = {.size = sizeof(o)};
	struct uvdk_pgtable_arena *arena;
	int err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_pgtable_arena_opts");

	if (!err)
		err = check(&o);
	if (err)
		return err;
	arena = calloc(1, sizeof(*arena) + o.length / UVDK_PGTABLE_PAGE * sizeof(struct link));
	if (!arena)
		return uvdk_fail(-ENOMEM, PGTABLE,
				 "no memory to keep book of an arena of %#" PRIx64, o.length);
	arena->at = o;
	arena->total = o.length / UVDK_PGTABLE_PAGE;
	for (uint32_t page = (uint32_t)arena->total; page; page--)
		pgtable_arena_push(arena, &arena->free, page);
	*out = arena;

	return 0;
}

UVDK_EXPORT void uvdk_pgtable_arena_destroy(struct uvdk_pgtable_arena *arena)
{
	free(arena);
}

UVDK_EXPORT void uvdk_pgtable_arena_get_stats(struct uvdk_pgtable_arena *arena,
					      struct uvdk_pgtable_arena_stats *stats)
{
	uvdk_lock_acquire(&arena->lock);
	stats->total = arena->total;
	stats->free = arena->free.count;
	stats->quarantined = arena->waiting.count;
	stats->tables = stats->total - stats->free - stats->quarantined;
	uvdk_lock_release(&arena->lock);
}

uint64_t *pgtable_arena_va(const struct uvdk_pgtable_arena *arena, uint32_t page)
{
	return (uint64_t *)((uintptr_t)arena->at.va + (page - 1) * UVDK_PGTABLE_PAGE);
}

uint64_t pgtable_arena_address(const struct uvdk_pgtable_arena *arena, uint32_t page)
{
	return arena->at.address + (page - 1) * UVDK_PGTABLE_PAGE;
}

uint64_t pgtable_arena_last(const struct uvdk_pgtable_arena *arena)
{
	return arena->at.address + arena->at.length - 1;
}

void pgtable_arena_push(struct uvdk_pgtable_arena *arena, struct pages *pages, uint32_t page)
{
	link_of(arena, page)->next = pages->head;
	pages->head = page;
	pages->count++;
}

static uint32_t pop(struct uvdk_pgtable_arena *arena, struct pages *pages)
{
	uint32_t page = pages->head;

	pages->head = link_of(arena, page)->next;
	pages->count--;

	return page;
}

/* All of them or none, so that a map that begins can end. */
int pgtable_arena_take(struct uvdk_pgtable_arena *arena, uint64_t count, struct pages *out)
{
	uint64_t have;

	uvdk_lock_acquire(&arena->lock);
	have = arena->free.count;
	if (count <= have)
		for (uint64_t i = 0; i < count; i++)
			pgtable_arena_push(arena, out, pop(arena, &arena->free));
	uvdk_lock_release(&arena->lock);
	if (count <= have)
		return 0;

	return uvdk_fail(-ENOMEM, PGTABLE,
			 "%" PRIu64 " table pages needed, %" PRIu64 " of %" PRIu64
			 " in the arena free: make it larger, or release what was invalidated",
			 count, have, arena->total);
}

void pgtable_arena_give(struct uvdk_pgtable_arena *arena, struct pages *pages)
{
	if (!pages->count)
		return;
	uvdk_lock_acquire(&arena->lock);
	while (pages->count)
		pgtable_arena_push(arena, &arena->free, pop(arena, pages));
	uvdk_lock_release(&arena->lock);
}

uint32_t pgtable_arena_pop(struct uvdk_pgtable_arena *arena, struct pages *pages)
{
	uint32_t page = pop(arena, pages);

	memset(pgtable_arena_va(arena, page), 0, UVDK_PGTABLE_PAGE);

	return page;
}

void pgtable_arena_gather(struct uvdk_pgtable_arena *arena, struct uvdk_pgtable_gather *gather,
			  uint32_t page)
{
	link_of(arena, page)->next = gather->head;
	if (!gather->head)
		gather->tail = page;
	gather->head = page;
	gather->tables++;
}

/* A younger one in front of an older one is only released later than it could be. */
static void wait_in_line(struct uvdk_pgtable_arena *arena, const struct uvdk_pgtable_gather *gather,
			 uint64_t cookie)
{
	for (uint32_t page = gather->head; page; page = link_of(arena, page)->next)
		link_of(arena, page)->cookie = cookie;
	if (arena->waiting.count)
		link_of(arena, arena->youngest)->next = gather->head;
	else
		arena->waiting.head = gather->head;
	arena->youngest = gather->tail;
	arena->waiting.count += gather->tables;
}

static uint64_t release(struct uvdk_pgtable_arena *arena)
{
	struct pages *waiting = &arena->waiting;
	uint64_t count = 0;

	for (; waiting->count && link_of(arena, waiting->head)->cookie < arena->released; count++)
		pgtable_arena_push(arena, &arena->free, pop(arena, waiting));

	return count;
}

UVDK_EXPORT void uvdk_pgtable_quarantine(struct uvdk_pgtable_arena *arena,
					 struct uvdk_pgtable_gather *gather, uint64_t cookie)
{
	if (gather->tables) {
		uvdk_lock_acquire(&arena->lock);
		wait_in_line(arena, gather, cookie);
		/* It may have completed before we came to say what it was for. */
		release(arena);
		uvdk_lock_release(&arena->lock);
	}
	*gather = (struct uvdk_pgtable_gather){0};
}

UVDK_EXPORT uint64_t uvdk_pgtable_release(struct uvdk_pgtable_arena *arena, uint64_t cookie)
{
	uint64_t count;

	uvdk_lock_acquire(&arena->lock);
	if (cookie >= arena->released)
		arena->released = cookie + (cookie < UINT64_MAX);
	count = release(arena);
	uvdk_lock_release(&arena->lock);

	return count;
}
