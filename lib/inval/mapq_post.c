// SPDX-License-Identifier: BSD-3-Clause
#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#include "mapq_priv.h"

static_assert(sizeof(struct uvdk_mapq_request) == 64, "a line of cache");

/* Requests of more than a page, those that have to wait for others, and what is wrong. */

#define KNOWN_FLAGS (UVDK_MAP_RW | (unsigned int)UVDK_MAPQ_JOIN)

static int check_usable(const struct mapq_queue *q)
{
	if (q->dead || q->closing)
		return q->dead ? q->dead : -ENODEV;

	return q->restore.active ? -EAGAIN : 0;
}

static int check_range(const struct mapq_queue *q, uint64_t iova, uint64_t off, uint64_t len)
{
	const struct uvdk_mapq *pub = &q->pub;
	const uint64_t window = q->window.len;

	if (!len)
		return uvdk_fail(-EINVAL, MAPQ_COMPONENT,
				 "request at IOVA 0x%" PRIx64 " has length 0", iova);
	if ((iova | off | len) & (pub->page_size - 1))
		return uvdk_fail(-EDOM, MAPQ_COMPONENT,
				 "IOVA 0x%" PRIx64 "+0x%" PRIx64 ", offset 0x%" PRIx64
				 ": not made of whole pages of %" PRIu64 " bytes",
				 iova, len, off, pub->page_size);
	if (iova < pub->iova || iova - pub->iova >= window || len > window - (iova - pub->iova))
		return uvdk_fail(-ERANGE, MAPQ_COMPONENT,
				 "IOVA 0x%" PRIx64 "+0x%" PRIx64 " is not in the window 0x%" PRIx64
				 "+0x%" PRIx64,
				 iova, len, pub->iova, window);

	return 0;
}

static int check_mem(const struct uvdk_mapq_mem *mem, uint64_t off, uint64_t len,
		     unsigned int flags)
{
	const uint64_t have = ((const struct mapq_mem *)mem)->len;

	if (off > have || len > have - off)
		return uvdk_fail(-ERANGE, MAPQ_COMPONENT,
				 "offset 0x%" PRIx64 "+0x%" PRIx64 " is beyond the 0x%" PRIx64
				 " bytes that were pinned",
				 off, len, have);
	if (!(flags & UVDK_MAP_RW) || flags & ~KNOWN_FLAGS)
		return uvdk_fail(-EINVAL, MAPQ_COMPONENT,
				 "flags 0x%x: UVDK_MAP_READ, UVDK_MAP_WRITE or both, and "
				 "UVDK_MAPQ_JOIN",
				 flags);
	if (flags & UVDK_MAP_RW & mem->denied)
		return uvdk_fail(-EPERM, MAPQ_COMPONENT,
				 "memory pinned with flags 0x%x can't be mapped with 0x%x: pin it "
				 "for that",
				 ~mem->denied & UVDK_MAP_RW, flags);

	return 0;
}

static int check_unmapped(const struct mapq_queue *q, uint64_t first, uint64_t pages,
			  uint64_t *after)
{
	*after = 0;
	for (uint64_t i = first; i < first + pages; i++) {
		uint64_t entry = q->pub.shadow[i];

		if (entry & UVDK_MAPQ_MAPPED)
			return uvdk_fail(-EEXIST, MAPQ_COMPONENT,
					 "IOVA 0x%" PRIx64 " is mapped already: unmap it first",
					 q->pub.iova + (i << q->pub.page_shift));
		if (entry > *after)
			*after = entry;
	}

	return 0;
}

/* Whole maps? The groups have maybe had a later map than these. */
static int check_mapped(const struct mapq_queue *q, uint64_t first, uint64_t pages, uint64_t *after)
{
	const uint64_t *shadow = q->pub.shadow;
	const uint64_t end = first + pages;

	*after = 0;
	for (uint64_t i = first; i < end; i++) {
		if (!(shadow[i] & UVDK_MAPQ_MAPPED))
			return uvdk_fail(-ENOENT, MAPQ_COMPONENT,
					 "IOVA 0x%" PRIx64 " is not mapped",
					 q->pub.iova + (i << q->pub.page_shift));
		if (q->pub.recent[i >> MAPQ_GROUP_SHIFT] > *after)
			*after = q->pub.recent[i >> MAPQ_GROUP_SHIFT];
	}
	if (!(shadow[first] & UVDK_MAPQ_FIRST) || !(shadow[end - 1] & UVDK_MAPQ_LAST))
		return uvdk_fail(-EBADE, MAPQ_COMPONENT,
				 "IOVA 0x%" PRIx64 "+0x%" PRIx64
				 " would cut a map in half: unmap whole ones",
				 q->pub.iova + (first << q->pub.page_shift),
				 pages << q->pub.page_shift);

	return 0;
}

/* Pages from one on that are contiguous in physical memory. */
static uint64_t run_of(const struct mapq_queue *q, const uint64_t *page, uint64_t max)
{
	uint64_t n = 1;

	while (n < max &&
	       uvdk_mapq_phys(page[n]) == uvdk_mapq_phys(page[0]) + (n << q->pub.page_shift))
		n++;

	return n;
}

static unsigned int count_runs(const struct mapq_queue *q, const uint64_t *page, uint64_t pages)
{
	unsigned int runs = 0;

	for (uint64_t i = 0; i < pages; i += run_of(q, page + i, pages - i))
		runs++;

	return runs;
}

static struct uvdk_mapq_request *take_slot(struct mapq_queue *q, uint64_t first, unsigned int flags)
{
	mapq_set_tail(q, mapq_tail(q)); /* round the ring's end */

	return uvdk_mapq_slot_take(&q->pub, first, flags);
}

static uint64_t finish_slot(struct mapq_queue *q, struct uvdk_mapq_request *slot, uint64_t end,
			    uint64_t after)
{
	slot->last = end - 1;
	slot->cookie = ++q->pub.cookie;
	if (after > q->pub.done && after > slot->after) {
		slot->after = after;
		q->waits = mapq_tail(q);
	}
	q->pub.grows = end;

	return slot->cookie;
}

struct map_run {
	uint64_t first; /* page of the window */
	uint64_t pages;
	const uint64_t *page; /* of the memory */
	unsigned int access;
	bool join;
	uint64_t after;
};

static void post_map(struct mapq_queue *q, const struct map_run *run)
{
	struct uvdk_mapq *pub = &q->pub;
	uint64_t iova = pub->iova + (run->first << pub->page_shift);
	uint64_t phys = uvdk_mapq_phys(run->page[0]), len = run->pages << pub->page_shift;
	struct uvdk_mapq_request *slot = pub->next - 1;
	uint64_t cookie;

	if (!run->join) {
		slot = take_slot(q, iova, run->access);
		slot->phys = phys;
	}
	cookie = finish_slot(q, slot, iova + len, run->after);
	for (uint64_t i = 0; i < run->pages; i++) {
		pub->shadow[run->first + i] = run->page[i] | run->access;
		pub->recent[(run->first + i) >> MAPQ_GROUP_SHIFT] = cookie;
	}
}

/* Is the latest request a map of this batch that goes on here? */
static bool joins(const struct mapq_queue *q, uint64_t iova, uint64_t phys, unsigned int flags)
{
	const struct uvdk_mapq_request *r;

	if (!(flags & UVDK_MAPQ_JOIN) || mapq_tail(q) == q->kicked || q->pub.next == q->pub.slots)
		return false;
	r = &q->pub.next[-1];

	return r->flags && r->status == UVDK_MAPQ_PENDING && iova == r->last + 1 &&
	       phys == r->phys + (iova - r->first) && (flags & UVDK_MAP_RW) == r->flags;
}

static int has_room(const struct mapq_queue *q, unsigned int slots)
{
	if (slots > q->depth)
		return uvdk_fail(-EINVAL, MAPQ_COMPONENT,
				 "%u pieces of physical memory are more than the queue is deep, "
				 "which is %u: map less at once, or pin huge pages",
				 slots, q->depth);

	return slots <= mapq_room(q) ? 0 : -EAGAIN;
}

static void post_maps(struct mapq_queue *q, struct map_run run, uint64_t pages)
{
	uint64_t *shadow = q->pub.shadow + run.first;
	bool join = run.join;

	for (uint64_t i = 0; i < pages; i += run.pages, run.join = false) {
		run.pages = run_of(q, run.page, pages - i);
		post_map(q, &run);
		run.first += run.pages;
		run.page += run.pages;
	}
	shadow[pages - 1] |= UVDK_MAPQ_LAST;
	if (join)
		shadow[-1] &= ~(uint64_t)UVDK_MAPQ_LAST;
	else
		shadow[0] |= UVDK_MAPQ_FIRST;
}

UVDK_EXPORT int uvdk_mapq_map_slow(struct uvdk_mapq *pub, uvdk_iova_t iova,
				   struct uvdk_mapq_mem *mem, size_t off, size_t len,
				   unsigned int flags, uint64_t *cookie)
{
	struct mapq_queue *q = mapq_of(pub);
	struct map_run run = {.access = flags & UVDK_MAP_RW};
	uint64_t pages = mapq_pages(q, len);
	int err = check_usable(q);

	if (!err)
		err = check_range(q, iova, off, len);
	if (!err)
		err = check_mem(mem, off, len, flags);
	if (err)
		return err;
	run.first = mapq_pages(q, iova - pub->iova);
	run.page = mem->page + mapq_pages(q, off);
	err = check_unmapped(q, run.first, pages, &run.after);
	if (err)
		return err;
	run.join = joins(q, iova, uvdk_mapq_phys(*run.page), flags);
	err = has_room(q, count_runs(q, run.page, pages) - run.join);
	if (err)
		return err;

	post_maps(q, run, pages);
	mem->mapped += pages;
	*cookie = pub->cookie;

	return 0;
}

static void forget(struct mapq_queue *q, uint64_t first, uint64_t pages, uint64_t cookie)
{
	for (uint64_t i = first; i < first + pages; i++) {
		uint64_t entry = q->pub.shadow[i];
		struct uvdk_mapq_mem *mem = q->pub.mem[entry >> 4 & UVDK_MAPQ_MEM_MASK];

		mem->mapped--;
		mem->unmapped = cookie;
		q->pub.shadow[i] = cookie;
	}
}

UVDK_EXPORT int uvdk_mapq_unmap_slow(struct uvdk_mapq *pub, uvdk_iova_t iova, size_t len,
				     uint64_t *cookie)
{
	struct mapq_queue *q = mapq_of(pub);
	bool join = iova == pub->grows && !pub->next[-1].flags;
	uint64_t first, pages = mapq_pages(q, len), after;
	int err = check_usable(q);

	if (!err)
		err = check_range(q, iova, 0, len);
	if (err)
		return err;
	first = mapq_pages(q, iova - pub->iova);
	err = check_mapped(q, first, pages, &after);
	if (!err)
		err = has_room(q, !join);
	if (err)
		return err;

	*cookie = finish_slot(q, join ? pub->next - 1 : take_slot(q, iova, 0), iova + len, after);
	forget(q, first, pages, *cookie);

	return 0;
}
