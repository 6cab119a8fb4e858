/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PGTABLE_PRIV_H
#define UVDK_PGTABLE_PRIV_H

#include <errno.h>
#include <inttypes.h>

#include <uvdk_base_driver.h>

#include "uvdk_pgtable.h"

#define PGTABLE	  "pgtable"
#define PAGE_MASK (UVDK_PGTABLE_PAGE - 1)

/*
 * Entries. 0: nothing. PRESENT with TABLE leads to a table, and never changes
 * but to BUSY or 0; PRESENT alone is a page. BUSY: a large page that is broken
 * for a moment; hardware sees nothing there, threads wait.
 */
#define ENTRY_PRESENT  UINT64_C(1)
#define ENTRY_TABLE    UVDK_PGTABLE_TABLE
#define ENTRY_BUSY     (UINT64_C(1) << 57)

#define LEVEL_SHIFT(l) (12 + 9 * ((l)-1))
#define LEVEL_SIZE(l)  (UINT64_C(1) << LEVEL_SHIFT(l))
#define SLOTS	       512
#define SLOT(addr, l)  ((unsigned int)((addr) >> LEVEL_SHIFT(l) & (SLOTS - 1)))

/* Table pages: numbers from 1, so that 0 is none. */
#define PAGE_NONE 0

/* ---- arena.c ---- */

/**
 * struct pages - table pages taken or to be given back, linked by the arena
 * @head: first, or PAGE_NONE
 * @count: how many
 */
struct pages {
	uint32_t head;
	uint64_t count;
};

int pgtable_arena_take(struct uvdk_pgtable_arena *arena, uint64_t count, struct pages *out);
void pgtable_arena_give(struct uvdk_pgtable_arena *arena, struct pages *pages);
/* The next of them, zeroed. */
uint32_t pgtable_arena_pop(struct uvdk_pgtable_arena *arena, struct pages *pages);
void pgtable_arena_push(struct uvdk_pgtable_arena *arena, struct pages *pages, uint32_t page);
void pgtable_arena_gather(struct uvdk_pgtable_arena *arena, struct uvdk_pgtable_gather *gather,
			  uint32_t page);
uint64_t *pgtable_arena_va(const struct uvdk_pgtable_arena *arena, uint32_t page);
uint64_t pgtable_arena_address(const struct uvdk_pgtable_arena *arena, uint32_t page);
uint64_t pgtable_arena_last(const struct uvdk_pgtable_arena *arena);

/* ---- formats ---- */

/**
 * struct pgtable_bits - one layout, as options have it
 * @table: entry that leads to a table, without its address
 * @page: what a page of 4 KiB has beyond @attr
 * @block: what a large page has beyond @attr
 * @attr: entry of a page without its address, by permissions; 0: no such
 * @addr: bits that hold bits of the address at their place
 * @high: bits that hold bits 51:50 of the address
 * @accessed: accessed mark
 * @dirty_mask: bits that say dirty or clean
 * @dirty: their value for dirty
 * @clean: their value for what was dirty and is clean
 */
struct pgtable_bits {
	uint64_t table;
	uint64_t page;
	uint64_t block;
	uint64_t attr[16];
	uint64_t addr;
	uint64_t high;
	uint64_t accessed;
	uint64_t dirty_mask;
	uint64_t dirty;
	uint64_t clean;
};

/**
 * struct pgtable_format - one layout
 * @name: for messages
 * @setup: checks options, fills in levels and bits; logs what is wrong
 * @prot: permissions that a page has
 */
struct pgtable_format {
	const char *name;
	int (*setup)(struct uvdk_pgtable_opts *opts, unsigned int *levels,
		     struct pgtable_bits *bits);
	unsigned int (*prot)(uint64_t entry);
};

extern const struct pgtable_format pgtable_arm;
extern const struct pgtable_format pgtable_x86;

/* ---- a table ---- */

/* Constant once it is made; only pages of the arena change. */
struct pgtable {
	struct uvdk_pgtable fast; /* first: what the application sees */
	const struct pgtable_format *format;
	struct pgtable_bits bits;
	struct uvdk_pgtable_opts opts; /* defaults filled in */
	uint32_t root_page;
	uint64_t last; /* highest input address */
};

static inline struct pgtable *pgtable_of(const struct uvdk_pgtable *pt)
{
	return (struct pgtable *)(uintptr_t)pt;
}

int pgtable_check_range(const struct pgtable *pt, const char *what, uint64_t iova, uint64_t length);
int pgtable_check_prot(const char *what, uint64_t iova, unsigned int prot);
/* So that pages begin at @first and end with @last. */
int pgtable_split_edges(struct pgtable *pt, uint64_t first, uint64_t last);
/* The entry that decides on an address: of a page, or nothing. */
uint64_t pgtable_find(const struct pgtable *pt, uint64_t iova, unsigned int *level,
		      uint64_t **slot);
/* Number of the table page that an entry leads to. */
uint32_t pgtable_page_of(const struct pgtable *pt, uint64_t entry);
unsigned int pgtable_marks(const struct pgtable *pt, uint64_t entry);

/**
 * typedef pgtable_visit_fn - is told of a page's entry
 * @arg: as given
 * @slot: the entry
 * @entry: what is there
 * @page: the same, taken apart
 * @level: 1 to 3
 *
 * Return: 0 to go on; anything else ends the visit.
 */
typedef int (*pgtable_visit_fn)(void *arg, uint64_t *slot, uint64_t entry, unsigned int level,
				const struct uvdk_pgtable_page *page);
int pgtable_visit(struct pgtable *pt, uint64_t first, uint64_t last, pgtable_visit_fn fn,
		  void *arg);
void pgtable_describe(const struct pgtable *pt, uint64_t entry, unsigned int level, uint64_t iova,
		      struct uvdk_pgtable_page *page);
/* Look at an entry that another thread has broken once it has made it again. */
uint64_t pgtable_await(const uint64_t *slot);

static inline uint64_t pgtable_load(const uint64_t *slot)
{
	uint64_t entry = __atomic_load_n(slot, __ATOMIC_ACQUIRE);

	return __builtin_expect(entry == ENTRY_BUSY, 0) ? pgtable_await(slot) : entry;
}

static inline bool pgtable_swap(uint64_t *slot, uint64_t *old, uint64_t entry)
{
	return __atomic_compare_exchange_n(slot, old, entry, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
}

/* The entry of a page of 4 KiB, or NULL where there is no table for it. */
static inline uint64_t *pgtable_leaf(const struct pgtable *pt, uint64_t iova)
{
	uint64_t *leaves = uvdk_pgtable_leaves(&pt->fast, iova, false);

	return leaves ? &leaves[SLOT(iova, 1)] : NULL;
}

static inline bool is_table(uint64_t entry)
{
	return entry & ENTRY_TABLE;
}

static inline uint64_t *pgtable_below(const struct pgtable *pt, uint64_t entry)
{
	return (uint64_t *)(uintptr_t)(entry + pt->fast.to_va);
}

/* Address bits of an entry, and back; bits 51:50 may be elsewhere. */
static inline uint64_t pgtable_pack(const struct pgtable *pt, uint64_t out)
{
	return (out & pt->bits.addr) | (out >> 42 & pt->bits.high);
}

static inline uint64_t pgtable_unpack(const struct pgtable *pt, uint64_t entry)
{
	return (entry & pt->bits.addr) | (entry & pt->bits.high) << 42;
}

/* Entry without address and size: what pages of any size share. */
static inline uint64_t pgtable_attr(const struct pgtable *pt, uint64_t entry)
{
	return entry & ~(pt->bits.addr | pt->bits.high | pt->bits.page | pt->bits.block);
}

static inline uint64_t pgtable_entry(const struct pgtable *pt, uint64_t out, uint64_t attr,
				     unsigned int level)
{
	return pgtable_pack(pt, out) | attr | (level == 1 ? pt->bits.page : pt->bits.block);
}

static inline bool is_dirty(const struct pgtable *pt, uint64_t entry)
{
	return (entry & pt->bits.dirty_mask) == pt->bits.dirty;
}

static inline uint64_t pgtable_wash(const struct pgtable *pt, uint64_t entry)
{
	return is_dirty(pt, entry) ? (entry & ~pt->bits.dirty_mask) | pt->bits.clean : entry;
}

/* What two pages must have in common to become one. */
static inline uint64_t pgtable_unmarked(const struct pgtable *pt, uint64_t entry)
{
	return pgtable_wash(pt, entry) & ~pt->bits.accessed;
}

/* A dirty mark, where the page has a place for it. */
static inline bool pgtable_soil(const struct pgtable *pt, uint64_t *entry)
{
	if ((*entry & pt->bits.dirty_mask) != pt->bits.clean)
		return is_dirty(pt, *entry);
	*entry = (*entry & ~pt->bits.dirty_mask) | pt->bits.dirty;

	return true;
}

/* The part of a range that lies in the slot of @addr. */
static inline uint64_t slot_last(uint64_t addr, uint64_t last, unsigned int level)
{
	uint64_t end = addr | (LEVEL_SIZE(level) - 1);

	return end < last ? end : last;
}

static inline bool whole_slot(uint64_t first, uint64_t last, unsigned int level)
{
	return last - first == LEVEL_SIZE(level) - 1;
}

static inline void gather_range(struct uvdk_pgtable_gather *gather, uint64_t first, uint64_t last)
{
	if (!gather->pending || first < gather->first)
		gather->first = first;
	if (!gather->pending || last > gather->last)
		gather->last = last;
	gather->pending = true;
}

#endif /* UVDK_PGTABLE_PRIV_H */
