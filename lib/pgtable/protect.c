// SPDX-License-Identifier: BSD-3-Clause
#include "pgtable_priv.h"

/* Other permissions for what is mapped: no break, as address and size stay. */

struct protecting {
	struct pgtable *pt;
	unsigned int prot;
	struct uvdk_pgtable_gather *gather;
	uint64_t bytes;
};

/* Return: whether a dirty mark has no place in it. */
static bool other(const struct protecting *p, uint64_t old, unsigned int level, uint64_t *entry)
{
	const struct pgtable *pt = p->pt;

	*entry = pgtable_entry(pt, pgtable_unpack(pt, old), pt->bits.attr[p->prot], level);
	if (!pt->opts.track)
		return false;
	*entry |= old & pt->bits.accessed;

	return is_dirty(pt, old) && !pgtable_soil(pt, entry);
}

static int protect_one(void *arg, uint64_t *slot, uint64_t entry, unsigned int level,
		       const struct uvdk_pgtable_page *page)
{
	struct protecting *p = arg;
	uint64_t now;
	bool lost;

	do
		lost = other(p, entry, level, &now);
	while (!pgtable_swap(slot, &entry, now));
	p->bytes += page->size;
	if (lost)
		p->gather->dirty += page->size;
	gather_range(p->gather, page->iova, page->iova + page->size - 1);

	return 0;
}

UVDK_EXPORT int64_t uvdk_pgtable_protect(struct uvdk_pgtable *fast, uint64_t iova, uint64_t length,
					 unsigned int prot, struct uvdk_pgtable_gather *gather)
{
	struct protecting p = {pgtable_of(fast), prot, gather, 0};
	uint64_t last = iova + length - 1;
	int err = pgtable_check_range(p.pt, "protect", iova, length);

	if (!err)
		err = pgtable_check_prot("protect", iova, prot);
	if (!err)
		err = pgtable_split_edges(p.pt, iova, last);
	if (err)
		return err;
	pgtable_visit(p.pt, iova, last, protect_one, &p);
	if (!p.bytes)
		return uvdk_fail(-ENOENT, PGTABLE,
				 "can't protect %#" PRIx64 " to %#" PRIx64
				 ": nothing is mapped there",
				 iova, last);

	return (int64_t)p.bytes;
}
