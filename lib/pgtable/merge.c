// SPDX-License-Identifier: BSD-3-Clause
#include "pgtable_priv.h"

/* Tables become large pages again, or go where they are empty; from below upwards. */

struct merging {
	struct pgtable *pt;
	struct uvdk_pgtable_gather *gather;
	int64_t count;
	int err;
};

static bool is_empty(const uint64_t *table)
{
	uint64_t any = 0;

	for (unsigned int i = 0; i < SLOTS; i++)
		any |= __atomic_load_n(&table[i], __ATOMIC_RELAXED);

	return !any;
}

/* @level: of the page that it would be. */
static bool follow_one_another(const struct pgtable *pt, const uint64_t *table, unsigned int level)
{
	uint64_t first = pgtable_unmarked(pt, __atomic_load_n(table, __ATOMIC_RELAXED));
	uint64_t step = LEVEL_SIZE(level - 1);

	if (!first || is_table(first) || pgtable_unpack(pt, first) & (LEVEL_SIZE(level) - 1))
		return false;
	for (unsigned int i = 1; i < SLOTS; i++)
		if (pgtable_unmarked(pt, __atomic_load_n(&table[i], __ATOMIC_RELAXED)) !=
		    first + i * step)
			return false;

	return true;
}

static bool can_be_page(const struct pgtable *pt, const uint64_t *table, unsigned int level)
{
	bool calls = !pt->opts.in_place || pt->opts.track;

	return level <= 3 && pt->opts.page_sizes & LEVEL_SIZE(level) &&
	       (!calls || pt->opts.invalidate) && follow_one_another(pt, table, level);
}

/* The page that a table was: without marks. */
static uint64_t page_for(const struct pgtable *pt, const uint64_t *table, unsigned int level)
{
	uint64_t entry = pgtable_unmarked(pt, __atomic_load_n(table, __ATOMIC_RELAXED));

	entry = pgtable_entry(pt, pgtable_unpack(pt, entry), pgtable_attr(pt, entry), level);

	return pt->opts.track ? entry
			      : pgtable_entry(pt, pgtable_unpack(pt, entry),
					      pgtable_attr(pt, *table), level);
}

/* The marks of all its pages; all there may be where they are not known for sure. */
static uint64_t with_marks(const struct pgtable *pt, uint64_t page, const uint64_t *table,
			   bool unsure)
{
	unsigned int marks = 0;

	for (unsigned int i = 0; i < SLOTS; i++)
		marks |= pgtable_marks(pt, __atomic_load_n(&table[i], __ATOMIC_RELAXED));
	if (unsure || marks & UVDK_PGTABLE_ACCESSED)
		page |= pt->bits.accessed;
	if (unsure || marks & UVDK_PGTABLE_DIRTY)
		pgtable_soil(pt, &page);

	return page;
}

static int invalidate(struct merging *m, uint64_t at, unsigned int level)
{
	const struct uvdk_pgtable_opts *o = &m->pt->opts;
	int err = o->invalidate(o->arg, at, at + LEVEL_SIZE(level) - 1);

	if (!err)
		return 0;
	return uvdk_fail(err, PGTABLE, "a page merged at %#" PRIx64 " could not be invalidated",
			 at);
}

/* Hardware marks the former pages until it is invalidated, and the new one from now on. */
static void swap_in_place(struct merging *m, uint64_t *slot, const uint64_t *table, uint64_t at,
			  unsigned int level)
{
	uint64_t page = page_for(m->pt, table, level), now = page;

	__atomic_store_n(slot, page, __ATOMIC_RELEASE);
	if (!m->pt->opts.track)
		return;
	m->err = invalidate(m, at, level);
	while (!pgtable_swap(slot, &now, with_marks(m->pt, now, table, m->err != 0)))
		;
}

static bool break_and_make(struct merging *m, uint64_t *slot, const uint64_t *table, uint64_t at,
			   unsigned int level)
{
	uint64_t entry = __atomic_load_n(slot, __ATOMIC_RELAXED);

	__atomic_store_n(slot, ENTRY_BUSY, __ATOMIC_RELEASE);
	m->err = invalidate(m, at, level);
	if (!m->err) {
		entry = page_for(m->pt, table, level);
		if (m->pt->opts.track)
			entry = with_marks(m->pt, entry, table, false);
	}
	__atomic_store_n(slot, entry, __ATOMIC_RELEASE);

	return !m->err;
}

static void fold(struct merging *m, uint64_t *slot, uint64_t entry, uint64_t at, unsigned int level)
{
	struct pgtable *pt = m->pt;
	const uint64_t *table = pgtable_below(pt, entry);

	if (is_empty(table))
		__atomic_store_n(slot, 0, __ATOMIC_RELEASE);
	else if (!can_be_page(pt, table, level))
		return;
	else if (pt->opts.in_place)
		swap_in_place(m, slot, table, at, level);
	else if (!break_and_make(m, slot, table, at, level))
		return;
	pgtable_arena_gather(pt->opts.arena, m->gather, pgtable_page_of(pt, entry));
	gather_range(m->gather, at, at + LEVEL_SIZE(level) - 1);
	m->count++;
}

static void merge(struct merging *m, uint64_t *table, unsigned int level, uint64_t first,
		  uint64_t last)
{
	uint64_t end;

	for (uint64_t at = first; !m->err; at = end + 1) {
		uint64_t *slot = &table[SLOT(at, level)], entry = pgtable_load(slot);

		end = slot_last(at, last, level);
		if (is_table(entry)) {
			if (level > 2)
				merge(m, pgtable_below(m->pt, entry), level - 1, at, end);
			if (!m->err && whole_slot(at, end, level))
				fold(m, slot, entry, at, level);
		}
		if (end == last)
			break;
	}
}

UVDK_EXPORT int64_t uvdk_pgtable_merge(struct uvdk_pgtable *fast, uint64_t iova, uint64_t length,
				       struct uvdk_pgtable_gather *gather)
{
	struct merging m = {.pt = pgtable_of(fast), .gather = gather};

	m.err = pgtable_check_range(m.pt, "merge", iova, length);
	if (!m.err)
		merge(&m, fast->root, fast->levels, iova, iova + length - 1);

	return m.err ? m.err : m.count;
}
