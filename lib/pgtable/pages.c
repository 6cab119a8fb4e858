// SPDX-License-Identifier: BSD-3-Clause
#include "pgtable_priv.h"

/* Single pages by the array: those of 2 MiB that follow one another are walked to once. */

#define LEAF_SPAN (UINT64_C(512) * UVDK_PGTABLE_PAGE)

/* The leaf of a page is at hand: the page lies on a page's border within @region. */
static inline bool is_within(uint64_t iova, uint64_t region)
{
	return !((iova ^ region) & ~(LEAF_SPAN - UVDK_PGTABLE_PAGE));
}

static inline uint64_t *entry_of(uint64_t *leaves, uint64_t iova)
{
	return &leaves[iova / UVDK_PGTABLE_PAGE % 512];
}

/* Of the first pages, as many as one leaf has and nothing is in the way of. */
static unsigned int map_leaf(const struct uvdk_pgtable *pt, const uint64_t *iova,
			     const uint64_t *out, unsigned int count, uint64_t attr)
{
	uint64_t *leaves = uvdk_pgtable_leaves(pt, *iova, false);
	const uint64_t region = *iova & ~(LEAF_SPAN - 1), no_out = pt->no_out;
	unsigned int n = 0;

	for (; leaves && n < count && is_within(iova[n], region); n++) {
		uint64_t *entry = entry_of(leaves, iova[n]);

		if (__builtin_expect((out[n] & no_out) != 0 || *entry, 0))
			break;
		__atomic_store_n(entry, out[n] | attr, __ATOMIC_RELAXED);
	}

	return n;
}

static unsigned int unmap_leaf(const struct uvdk_pgtable *pt, const uint64_t *iova,
			       unsigned int count)
{
	uint64_t *leaves = uvdk_pgtable_leaves(pt, *iova, true);
	const uint64_t region = *iova & ~(LEAF_SPAN - 1);
	unsigned int n = 0;

	for (; leaves && n < count && is_within(iova[n], region); n++) {
		uint64_t *entry = entry_of(leaves, iova[n]);

		if (__builtin_expect(!*entry, 0))
			break;
		__atomic_store_n(entry, UINT64_C(0), __ATOMIC_RELAXED);
	}

	return n;
}

UVDK_EXPORT unsigned int uvdk_pgtable_map_pages(struct uvdk_pgtable *pt, const uint64_t *iova,
						const uint64_t *out, unsigned int count,
						unsigned int prot)
{
	const bool simple = prot <= 15 && prot & UVDK_PGTABLE_READ;
	unsigned int done = 0;

	while (done < count) {
		unsigned int n =
			simple ? map_leaf(pt, iova + done, out + done, count - done, pt->attr[prot])
			       : 0;

		if (!n && uvdk_pgtable_map(pt, iova[done], out[done], UVDK_PGTABLE_PAGE, prot))
			break;
		done += n ? n : 1;
	}

	return done;
}

UVDK_EXPORT unsigned int uvdk_pgtable_unmap_pages(struct uvdk_pgtable *pt, const uint64_t *iova,
						  unsigned int count)
{
	unsigned int done = 0;

	while (done < count) {
		unsigned int n = unmap_leaf(pt, iova + done, count - done);

		if (!n && uvdk_pgtable_unmap_page_slow(pt, iova[done]) < 0)
			break;
		done += n ? n : 1;
	}

	return done;
}
