// SPDX-License-Identifier: BSD-3-Clause
#include "pgtable_priv.h"

/* Read and clear what hardware notes. */

struct reading {
	struct pgtable *pt;
	unsigned int marks;
	uvdk_pgtable_page_fn fn;
	void *arg;
	struct uvdk_pgtable_gather *gather;
	int64_t count;
};

static uint64_t without(const struct reading *r, uint64_t entry)
{
	if (r->marks & UVDK_PGTABLE_ACCESSED)
		entry &= ~r->pt->bits.accessed;

	return r->marks & UVDK_PGTABLE_DIRTY ? pgtable_wash(r->pt, entry) : entry;
}

static int read_one(void *arg, uint64_t *slot, uint64_t entry, unsigned int level,
		    const struct uvdk_pgtable_page *page)
{
	struct reading *r = arg;
	struct uvdk_pgtable_page had = *page;

	(void)level;
	/* Hardware may set another one meanwhile, and another thread may split the page. */
	while (entry && !is_table(entry) && pgtable_marks(r->pt, entry) & r->marks) {
		if (!pgtable_swap(slot, &entry, without(r, entry)))
			continue;
		had.marks = pgtable_marks(r->pt, entry) & r->marks;
		had.entry = entry;
		gather_range(r->gather, had.iova, had.iova + had.size - 1);
		r->count++;
		return r->fn ? r->fn(r->arg, &had) : 0;
	}

	return 0;
}

UVDK_EXPORT int64_t uvdk_pgtable_read_marks(struct uvdk_pgtable *fast, uint64_t iova,
					    uint64_t length, unsigned int marks,
					    uvdk_pgtable_page_fn fn, void *arg,
					    struct uvdk_pgtable_gather *gather)
{
	struct reading r = {pgtable_of(fast), marks, fn, arg, gather, 0};
	int err = pgtable_check_range(r.pt, "read marks of", iova, length);

	if (err)
		return err;
	if (!marks || marks & ~(unsigned int)(UVDK_PGTABLE_ACCESSED | UVDK_PGTABLE_DIRTY))
		return uvdk_fail(-EINVAL, PGTABLE, "can't read marks %#x: ACCESSED, DIRTY or both",
				 marks);
	if (!r.pt->opts.track)
		return uvdk_fail(-EOPNOTSUPP, PGTABLE,
				 "this table keeps no marks: create it with the option track");
	err = pgtable_visit(r.pt, iova, iova + length - 1, read_one, &r);

	return err < 0 ? err : r.count;
}
