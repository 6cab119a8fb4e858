// SPDX-License-Identifier: BSD-3-Clause
#include "pgtable_priv.h"

/*
 * A large page becomes a table. In place that is one swap, which also sees marks
 * that hardware sets at the last moment. Otherwise it is broken first: BUSY for
 * other threads, nothing for hardware, invalidated; then made.
 */

static void fill_below(const struct pgtable *pt, uint64_t *below, uint64_t entry,
		       unsigned int level)
{
	uint64_t attr = pgtable_attr(pt, entry), out = pgtable_unpack(pt, entry);

	for (unsigned int i = 0; i < SLOTS; i++)
		below[i] = pgtable_entry(pt, out + i * LEVEL_SIZE(level - 1), attr, level - 1);
	uvdk_io_wmb();
}

/* @entry is a page's; true: we have put @by in its place. */
static bool replace(uint64_t *slot, uint64_t *entry, uint64_t by)
{
	if (pgtable_swap(slot, entry, by))
		return true;
	if (*entry == ENTRY_BUSY)
		*entry = pgtable_await(slot);

	return false;
}

static bool is_page(uint64_t entry)
{
	return entry && !is_table(entry);
}

static bool split_in_place(struct pgtable *pt, uint64_t *slot, uint64_t entry, unsigned int level,
			   uint64_t table)
{
	while (is_page(entry)) {
		fill_below(pt, pgtable_below(pt, table), entry, level);
		if (replace(slot, &entry, table))
			return true;
	}

	return false;
}

/* Return: 1, 0 where another thread was faster, or a negative errno. */
static int split_broken(struct pgtable *pt, uint64_t *slot, uint64_t entry, unsigned int level,
			uint64_t first, uint64_t table)
{
	int err;

	do {
		if (!is_page(entry))
			return 0;
	} while (!replace(slot, &entry, ENTRY_BUSY));

	err = pt->opts.invalidate(pt->opts.arg, first, first + LEVEL_SIZE(level) - 1);
	if (!err)
		fill_below(pt, pgtable_below(pt, table), entry, level);
	__atomic_store_n(slot, err ? entry : table, __ATOMIC_RELEASE);
	if (err)
		return uvdk_fail(err, PGTABLE,
				 "the page at %#" PRIx64
				 " is not split: it could not be invalidated",
				 first);

	return 1;
}

static int split_page(struct pgtable *pt, uint64_t *slot, uint64_t entry, unsigned int level,
		      uint64_t first)
{
	struct uvdk_pgtable_arena *arena = pt->opts.arena;
	struct pages pages = {0};
	uint64_t table;
	uint32_t page;
	int done;

	if (!pt->opts.in_place && !pt->opts.invalidate)
		return uvdk_fail(
			-EOPNOTSUPP, PGTABLE,
			"the page of %#llx bytes at %#" PRIx64
			" can't be split without a way to invalidate: create the table with "
			"one, or unmap all of the page",
			1ull << LEVEL_SHIFT(level), first);
	done = pgtable_arena_take(arena, 1, &pages);
	if (done)
		return done;
	page = pgtable_arena_pop(arena, &pages);
	table = pgtable_arena_address(arena, page) | pt->bits.table;
	if (pt->opts.in_place)
		done = split_in_place(pt, slot, entry, level, table);
	else
		done = split_broken(pt, slot, entry, level, first, table);
	if (done > 0)
		return 0;
	pgtable_arena_push(arena, &pages, page);
	pgtable_arena_give(arena, &pages);

	return done;
}

static int split_at(struct pgtable *pt, uint64_t iova)
{
	uint64_t entry, *slot, inside;
	unsigned int level;
	int err = 0;

	while (!err) {
		entry = pgtable_find(pt, iova, &level, &slot);
		inside = iova & (LEVEL_SIZE(level) - 1);
		if (!entry || !inside)
			break;
		err = split_page(pt, slot, entry, level, iova - inside);
	}

	return err;
}

int pgtable_split_edges(struct pgtable *pt, uint64_t first, uint64_t last)
{
	int err = split_at(pt, first);

	return err || last == pt->last ? err : split_at(pt, last + 1);
}

UVDK_EXPORT int uvdk_pgtable_split(struct uvdk_pgtable *fast, uint64_t iova)
{
	int err = pgtable_check_range(pgtable_of(fast), "split", iova, UVDK_PGTABLE_PAGE);

	return err ? err : split_at(pgtable_of(fast), iova);
}
