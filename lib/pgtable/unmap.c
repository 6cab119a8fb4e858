// SPDX-License-Identifier: BSD-3-Clause
#include "pgtable_priv.h"

/*
 * Unmap. A table goes when the range covers all of it: then no other thread has
 * business there, and no entry has to be counted.
 */

struct unmapping {
	struct pgtable *pt;
	struct uvdk_pgtable_gather *gather;
	uint64_t bytes;
};

/* Where marks are kept, hardware may set one up to the moment the entry goes. */
static uint64_t clear(const struct pgtable *pt, uint64_t *slot)
{
	uint64_t entry;

	if (pt->opts.track)
		return __atomic_exchange_n(slot, 0, __ATOMIC_ACQ_REL);
	entry = __atomic_load_n(slot, __ATOMIC_RELAXED);
	__atomic_store_n(slot, 0, __ATOMIC_RELAXED);

	return entry;
}

static void lose(struct unmapping *u, uint64_t entry, unsigned int level)
{
	u->bytes += LEVEL_SIZE(level);
	if (u->pt->opts.track && is_dirty(u->pt, entry))
		u->gather->dirty += LEVEL_SIZE(level);
}

static void clear_leaves(struct unmapping *u, uint64_t *leaf, uint64_t first, uint64_t last)
{
	unsigned int pages = (unsigned int)((last - first) >> 12) + 1;
	uint64_t before = u->bytes;

	for (; pages; pages--, leaf++)
		if (__atomic_load_n(leaf, __ATOMIC_RELAXED))
			lose(u, clear(u->pt, leaf), 1);
	if (u->bytes > before)
		gather_range(u->gather, first, last);
}

/* A table that no entry leads to any more, with all below. */
static void collect(struct unmapping *u, uint64_t entry, unsigned int level)
{
	uint64_t *table = pgtable_below(u->pt, entry);

	for (unsigned int i = 0; i < SLOTS; i++) {
		uint64_t e = __atomic_load_n(&table[i], __ATOMIC_RELAXED);

		if (!e)
			continue;
		if (level > 1 && is_table(e))
			collect(u, e, level - 1);
		else
			lose(u, u->pt->opts.track ? clear(u->pt, &table[i]) : e, level);
	}
	pgtable_arena_gather(u->pt->opts.arena, u->gather, pgtable_page_of(u->pt, entry));
}

static void unmap(struct unmapping *u, uint64_t *table, unsigned int level, uint64_t first,
		  uint64_t last)
{
	uint64_t end;

	if (level == 1) {
		clear_leaves(u, table + SLOT(first, 1), first, last);
		return;
	}
	for (uint64_t at = first;; at = end + 1) {
		uint64_t *slot = &table[SLOT(at, level)], entry = pgtable_load(slot);

		end = slot_last(at, last, level);
		if (is_table(entry) && !whole_slot(at, end, level)) {
			unmap(u, pgtable_below(u->pt, entry), level - 1, at, end);
		} else if (is_table(entry)) {
			__atomic_store_n(slot, 0, __ATOMIC_RELEASE);
			gather_range(u->gather, at, end);
			collect(u, entry, level - 1);
		} else if (entry) {
			lose(u, clear(u->pt, slot), level);
			gather_range(u->gather, at, end);
		}
		if (end == last)
			break;
	}
}

static int64_t nothing(uint64_t first, uint64_t last)
{
	return uvdk_fail(-ENOENT, PGTABLE,
			 "can't unmap %#" PRIx64 " to %#" PRIx64 ": nothing is mapped there", first,
			 last);
}

UVDK_EXPORT int64_t uvdk_pgtable_unmap(struct uvdk_pgtable *fast, uint64_t iova, uint64_t length,
				       struct uvdk_pgtable_gather *gather)
{
	struct pgtable *pt = pgtable_of(fast);
	struct unmapping u = {.pt = pt, .gather = gather};
	uint64_t last = iova + length - 1;
	uint32_t tables = gather->tables;
	int err = pgtable_check_range(pt, "unmap", iova, length);

	if (!err)
		err = pgtable_split_edges(pt, iova, last);
	if (err)
		return err;
	unmap(&u, fast->root, fast->levels, iova, last);
	if (!u.bytes && gather->tables == tables)
		return nothing(iova, last);

	return (int64_t)u.bytes;
}

UVDK_EXPORT int uvdk_pgtable_unmap_page_slow(struct uvdk_pgtable *fast, uint64_t iova)
{
	struct pgtable *pt = pgtable_of(fast);
	uint64_t last = iova + PAGE_MASK, *leaf, entry;
	int err = pgtable_check_range(pt, "unmap", iova, UVDK_PGTABLE_PAGE);

	if (!err)
		err = pgtable_split_edges(pt, iova, last);
	if (err)
		return err;
	leaf = pgtable_leaf(pt, iova);
	entry = leaf ? clear(pt, leaf) : 0;
	if (!entry)
		return (int)nothing(iova, last);

	return pt->opts.track ? (int)pgtable_marks(pt, entry) : 0;
}
