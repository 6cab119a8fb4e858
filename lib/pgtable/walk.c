// SPDX-License-Identifier: BSD-3-Clause
#include "pgtable_priv.h"

/* Look at pages without changing them. */

uint64_t pgtable_find(const struct pgtable *pt, uint64_t iova, unsigned int *level, uint64_t **slot)
{
	uint64_t *table = pt->fast.root, entry;

	for (unsigned int l = pt->fast.levels;; l--) {
		*slot = &table[SLOT(iova, l)];
		*level = l;
		entry = pgtable_load(*slot);
		if (l == 1 || !is_table(entry))
			return entry;
		table = pgtable_below(pt, entry);
	}
}

UVDK_EXPORT uint64_t *uvdk_pgtable_other_leaves(const struct uvdk_pgtable *pt, uint64_t iova,
						bool unmaps)
{
	uint32_t levels = unmaps ? pt->unmap_levels : pt->levels;
	uint64_t *table = pt->root;

	if ((levels != 3 && levels != 5) || iova & pt->no_iova)
		return NULL;
	if (levels == 5) {
		UVDK_PGTABLE_STEP(pt, table, iova >> 48);
		UVDK_PGTABLE_STEP(pt, table, iova >> 39 & 511);
	}
	UVDK_PGTABLE_STEP(pt, table, iova >> 30 & 511);
	UVDK_PGTABLE_STEP(pt, table, iova >> 21 & 511);

	return table;
}

unsigned int pgtable_marks(const struct pgtable *pt, uint64_t entry)
{
	return (entry & pt->bits.accessed ? (unsigned int)UVDK_PGTABLE_ACCESSED : 0) |
	       (is_dirty(pt, entry) ? (unsigned int)UVDK_PGTABLE_DIRTY : 0);
}

void pgtable_describe(const struct pgtable *pt, uint64_t entry, unsigned int level, uint64_t iova,
		      struct uvdk_pgtable_page *page)
{
	uint64_t mask = LEVEL_SIZE(level) - 1;

	*page = (struct uvdk_pgtable_page){
		.iova = iova & ~mask,
		.out = pgtable_unpack(pt, entry) & ~mask,
		.size = mask + 1,
		.prot = pt->format->prot(entry),
		.marks = pgtable_marks(pt, entry),
		.entry = entry,
	};
}

UVDK_EXPORT int uvdk_pgtable_lookup(struct uvdk_pgtable *fast, uint64_t iova,
				    struct uvdk_pgtable_page *page)
{
	const struct pgtable *pt = pgtable_of(fast);
	uint64_t entry, *slot;
	unsigned int level;

	if (iova > pt->last)
		return -ERANGE;
	entry = pgtable_find(pt, iova, &level, &slot);
	if (!entry)
		return -ENOENT;
	pgtable_describe(pt, entry, level, iova, page);

	return 0;
}

struct visit {
	struct pgtable *pt;
	pgtable_visit_fn fn;
	void *arg;
};

static int visit(const struct visit *v, uint64_t *table, unsigned int level, uint64_t first,
		 uint64_t last)
{
	struct uvdk_pgtable_page page;
	uint64_t end;
	int err = 0;

	for (uint64_t at = first; !err; at = end + 1) {
		uint64_t *slot = &table[SLOT(at, level)], entry = pgtable_load(slot);

		end = slot_last(at, last, level);
		if (level > 1 && is_table(entry)) {
			err = visit(v, pgtable_below(v->pt, entry), level - 1, at, end);
		} else if (entry) {
			pgtable_describe(v->pt, entry, level, at, &page);
			err = v->fn(v->arg, slot, entry, level, &page);
		}
		if (end == last)
			break;
	}

	return err;
}

int pgtable_visit(struct pgtable *pt, uint64_t first, uint64_t last, pgtable_visit_fn fn, void *arg)
{
	const struct visit v = {.pt = pt, .fn = fn, .arg = arg};

	return visit(&v, pt->fast.root, pt->fast.levels, first, last);
}

struct teller {
	uvdk_pgtable_page_fn fn;
	void *arg;
};

static int tell(void *arg, uint64_t *slot, uint64_t entry, unsigned int level,
		const struct uvdk_pgtable_page *page)
{
	const struct teller *to = arg;

	(void)slot;
	(void)entry;
	(void)level;
	return to->fn(to->arg, page);
}

UVDK_EXPORT int uvdk_pgtable_walk(struct uvdk_pgtable *fast, uint64_t iova, uint64_t length,
				  uvdk_pgtable_page_fn fn, void *arg)
{
	struct pgtable *pt = pgtable_of(fast);
	struct teller to = {.fn = fn, .arg = arg};
	int err = pgtable_check_range(pt, "walk", iova, length);

	return err ? err : pgtable_visit(pt, iova, iova + length - 1, tell, &to);
}
