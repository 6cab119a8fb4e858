// SPDX-License-Identifier: BSD-3-Clause
#include "pgtable_priv.h"

/*
 * Map in two passes, so that a map that fails has changed nothing: the first
 * looks whether the range is free and how many tables it lacks; these are taken
 * together, and the second can't fail. Another thread may install one of them
 * between the two; then one is left over.
 */

struct mapping {
	struct pgtable *pt;
	uint64_t attr;
	uint64_t delta; /* output - input address */
	uint64_t lacks; /* tables */
	struct pages pages;
	uint64_t taken; /* address that is mapped already */
};

/* Entries of the caller's own range: nobody else writes them, so they are read plainly. */
typedef uint64_t pair_t __attribute__((vector_size(16), may_alias));

static bool all_free(const uint64_t *leaf, unsigned int count)
{
	pair_t seen = {0, 0};
	uint64_t rest = 0;
	unsigned int i = 0;

	for (; i < count && (uintptr_t)(leaf + i) & 15; i++)
		rest |= leaf[i];
	for (; i + 16 <= count; i += 16) {
		const pair_t *p = (const pair_t *)(const void *)(leaf + i);

		seen |= p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7];
	}
	for (; i < count; i++)
		rest |= leaf[i];

	return !(rest | seen[0] | seen[1]);
}

#define STORE(i) __atomic_store_n(leaf + (i), entry + (i)*UVDK_PGTABLE_PAGE, __ATOMIC_RELAXED)

/* By hand, as compilers don't unroll it: two instructions a page. */
static void fill_leaves(uint64_t *leaf, unsigned int count, uint64_t entry)
{
	for (; count >= 16; count -= 16, leaf += 16, entry += 16 * UVDK_PGTABLE_PAGE) {
		STORE(0), STORE(1), STORE(2), STORE(3);
		STORE(4), STORE(5), STORE(6), STORE(7);
		STORE(8), STORE(9), STORE(10), STORE(11);
		STORE(12), STORE(13), STORE(14), STORE(15);
	}
	for (; count; count--, leaf++, entry += UVDK_PGTABLE_PAGE)
		STORE(0);
}

/* Bits 51:50 of the address may be apart from the others: no carry goes there. */
static void fill_run(const struct pgtable *pt, uint64_t *leaf, unsigned int count, uint64_t out,
		     uint64_t attr)
{
	uint64_t until = ((UINT64_C(1) << 50) - (out & ((UINT64_C(1) << 50) - 1))) >> 12;

	if (until < count) {
		fill_leaves(leaf, (unsigned int)until, pgtable_entry(pt, out, attr, 1));
		leaf += until;
		count -= (unsigned int)until;
		out += until << 12;
	}
	fill_leaves(leaf, count, pgtable_entry(pt, out, attr, 1));
}

/* Can one large page do it? */
static bool fits(const struct mapping *m, unsigned int level, uint64_t first, uint64_t last)
{
	return m->pt->opts.page_sizes & LEVEL_SIZE(level) && whole_slot(first, last, level) &&
	       !((first + m->delta) & (LEVEL_SIZE(level) - 1));
}

static int already(struct mapping *m, uint64_t iova)
{
	m->taken = iova;
	return -EEXIST;
}

static int already_among(struct mapping *m, const uint64_t *table, uint64_t first, uint64_t last)
{
	uint64_t iova = first;

	while (iova < last && !table[SLOT(iova, 1)])
		iova += UVDK_PGTABLE_PAGE;

	return already(m, iova);
}

/* @table is NULL below what does not exist yet. */
static int plan(struct mapping *m, const uint64_t *table, unsigned int level, uint64_t first,
		uint64_t last)
{
	unsigned int pages = (unsigned int)((last - first) >> 12) + 1;
	uint64_t at = first, end;
	int err = 0;

	if (level == 1 && table && !all_free(table + SLOT(first, 1), pages))
		return already_among(m, table, first, last);
	for (; level > 1; at = end + 1) {
		uint64_t entry = table ? pgtable_load(&table[SLOT(at, level)]) : 0;

		end = slot_last(at, last, level);
		if (entry && !is_table(entry))
			return already(m, at);
		if (entry) {
			err = plan(m, pgtable_below(m->pt, entry), level - 1, at, end);
		} else if (!fits(m, level, at, end)) {
			m->lacks++;
			err = plan(m, NULL, level - 1, at, end);
		}
		if (err || end == last)
			break;
	}

	return err;
}

/* The table behind a slot; another thread's where it was faster. */
static uint64_t *descend(struct mapping *m, uint64_t *slot)
{
	struct uvdk_pgtable_arena *arena = m->pt->opts.arena;
	uint64_t entry = pgtable_load(slot), fresh;
	uint32_t page;

	if (entry)
		return is_table(entry) ? pgtable_below(m->pt, entry) : NULL;
	if (!m->pages.count && pgtable_arena_take(arena, 1, &m->pages))
		return NULL;
	page = pgtable_arena_pop(arena, &m->pages);
	fresh = pgtable_arena_address(arena, page) | m->pt->bits.table;
	/* Hardware must not see the entry before the zeroes. */
	uvdk_io_wmb();
	if (pgtable_swap(slot, &entry, fresh))
		return pgtable_below(m->pt, fresh);
	pgtable_arena_push(arena, &m->pages, page);

	return is_table(entry) ? pgtable_below(m->pt, entry) : NULL;
}

/* Fails only where somebody else is at work in the range, which the header forbids. */
static int fill(struct mapping *m, uint64_t *table, unsigned int level, uint64_t first,
		uint64_t last)
{
	unsigned int pages = (unsigned int)((last - first) >> 12) + 1;
	uint64_t end;
	int err = 0;

	if (level == 1) {
		fill_run(m->pt, table + SLOT(first, 1), pages, first + m->delta, m->attr);
		return 0;
	}
	for (uint64_t at = first; !err; at = end + 1) {
		uint64_t *slot = &table[SLOT(at, level)], none = 0, *below;

		end = slot_last(at, last, level);
		if (!fits(m, level, at, end) ||
		    !pgtable_swap(slot, &none,
				  pgtable_entry(m->pt, at + m->delta, m->attr, level))) {
			below = descend(m, slot);
			err = below ? fill(m, below, level - 1, at, end) : -EBUSY;
		}
		if (end == last)
			break;
	}

	return err;
}

static int check(const struct pgtable *pt, uint64_t iova, uint64_t out, uint64_t length,
		 unsigned int prot)
{
	uint64_t last = (UINT64_C(1) << pt->opts.output_bits) - 1;
	int err = pgtable_check_range(pt, "map", iova, length);

	if (!err)
		err = pgtable_check_prot("map", iova, prot);
	if (err)
		return err;
	if (out & PAGE_MASK)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "can't map %#" PRIx64 " to %#" PRIx64 ": give a multiple of 4096",
				 iova, out);
	if (out > last || length - 1 > last - out)
		return uvdk_fail(-ERANGE, PGTABLE,
				 "can't map %#" PRIx64 " bytes at %#" PRIx64 " to %#" PRIx64
				 ": output addresses of this table end at %#" PRIx64,
				 length, iova, out, last);

	return 0;
}

static int map(struct mapping *m, uint64_t first, uint64_t last)
{
	struct uvdk_pgtable *fast = &m->pt->fast;
	int err = plan(m, fast->root, fast->levels, first, last);

	if (err)
		return uvdk_fail(err, PGTABLE,
				 "can't map %#" PRIx64 " to %#" PRIx64 ": %#" PRIx64
				 " is mapped already; unmap it first",
				 first, last, m->taken);
	if (m->lacks)
		err = pgtable_arena_take(m->pt->opts.arena, m->lacks, &m->pages);
	if (err)
		return err;
	err = fill(m, fast->root, fast->levels, first, last);
	pgtable_arena_give(m->pt->opts.arena, &m->pages);
	if (err)
		return uvdk_fail(err, PGTABLE,
				 "%#" PRIx64 " to %#" PRIx64
				 " is being mapped by two threads at once",
				 first, last);

	return 0;
}

UVDK_EXPORT int uvdk_pgtable_map(struct uvdk_pgtable *fast, uint64_t iova, uint64_t out,
				 uint64_t length, unsigned int prot)
{
	struct pgtable *pt = pgtable_of(fast);
	uint64_t last = iova + length - 1, *leaf;
	struct mapping m;
	int err = check(pt, iova, out, length, prot);

	if (err)
		return err;
	/* A run in one table that exists. */
	leaf = (iova ^ last) >> LEVEL_SHIFT(2) ? NULL : pgtable_leaf(pt, iova);
	if (leaf && all_free(leaf, (unsigned int)(length >> 12))) {
		fill_run(pt, leaf, (unsigned int)(length >> 12), out, pt->bits.attr[prot]);
		return 0;
	}
	m = (struct mapping){.pt = pt, .attr = pt->bits.attr[prot], .delta = out - iova};

	return map(&m, iova, last);
}
