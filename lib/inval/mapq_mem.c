// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "mapq_priv.h"

#define PHYS_BITS 51

static int check(const struct mapq_queue *q, const void *va, size_t len, unsigned int flags)
{
	if (q->dead)
		return q->dead;
	if (!len || ((uintptr_t)va | len) & (q->pub.page_size - 1))
		return uvdk_fail(len ? -EDOM : -EINVAL, MAPQ_COMPONENT,
				 "memory at 0x%" PRIxPTR "+0x%zx is not made of whole pages of "
				 "%" PRIu64 " bytes",
				 (uintptr_t)va, len, q->pub.page_size);
	if (!(flags & UVDK_MAP_RW) || flags & ~UVDK_MAP_RW)
		return uvdk_fail(-EINVAL, MAPQ_COMPONENT,
				 "flags 0x%x: UVDK_MAP_READ, UVDK_MAP_WRITE or both", flags);

	return 0;
}

static void set_table(struct mapq_queue *q, struct uvdk_mapq_mem **table, unsigned int count)
{
	struct uvdk_mapq_mem **old = q->pub.mem;

	uvdk_lock_acquire(&q->mem_lock);
	q->pub.mem = table;
	q->mems = count;
	uvdk_lock_release(&q->mem_lock);
	free(old);
}

static void set_mem(struct mapq_queue *q, unsigned int number, struct uvdk_mapq_mem *mem)
{
	uvdk_lock_acquire(&q->mem_lock);
	q->pub.mem[number] = mem;
	uvdk_lock_release(&q->mem_lock);
}

/* A free number above 0, with room for it. */
static int find_number(struct mapq_queue *q, unsigned int *out)
{
	struct uvdk_mapq_mem **grown;
	unsigned int n = 1;

	while (n < q->mems && q->pub.mem[n])
		n++;
	if (n > UVDK_MAPQ_MEM_MASK)
		return uvdk_fail(-ENOMEM, MAPQ_COMPONENT, "%u pieces of memory are pinned: no more",
				 n);
	if (n == q->mems) {
		grown = calloc(2 * (size_t)n, sizeof(struct uvdk_mapq_mem *));
		if (!grown)
			return uvdk_fail(-ENOMEM, MAPQ_COMPONENT, "no memory for a table");
		memcpy(grown, q->pub.mem, n * sizeof(struct uvdk_mapq_mem *));
		set_table(q, grown, 2 * n);
	}
	*out = n;

	return 0;
}

/* Physical addresses become what the shadow has. */
static int encode(const struct mapq_queue *q, struct mapq_mem *mem)
{
	for (uint64_t i = 0; i < mem->pub.pages; i++) {
		uint64_t phys = mem->page[i];

		if (phys >> PHYS_BITS || phys & (q->pub.page_size - 1))
			return uvdk_fail(-ERANGE, MAPQ_COMPONENT,
					 "physical address 0x%" PRIx64
					 " is none of a page of %" PRIu64 " bytes",
					 phys, q->pub.page_size);
		mem->page[i] = UVDK_MAPQ_MAPPED | phys >> 12 << 24 | (uint64_t)mem->number << 4;
	}

	return 0;
}

static int pin(struct mapq_queue *q, struct mapq_mem *mem)
{
	int err = q->window.ops->pin(q->window.priv, mem->va, mem->len, ~mem->pub.denied, mem->page,
				     &mem->pin);

	if (err)
		return err;
	err = encode(q, mem);
	if (err)
		q->window.ops->unpin(q->window.priv, mem->va, mem->len, mem->pin);

	return err;
}

UVDK_EXPORT int uvdk_mapq_pin(struct uvdk_mapq *pub, void *va, size_t len, unsigned int flags,
			      struct uvdk_mapq_mem **out)
{
	struct mapq_queue *q = mapq_of(pub);
	struct mapq_mem *mem;
	unsigned int number = 0;
	int err = check(q, va, len, flags);

	if (!err)
		err = find_number(q, &number);
	if (err)
		return err;
	mem = calloc(1, sizeof(*mem) + mapq_pages(q, len) * sizeof(mem->page[0]));
	if (!mem)
		return uvdk_fail(-ENOMEM, MAPQ_COMPONENT,
				 "no memory for the addresses of %" PRIu64 " pages",
				 mapq_pages(q, len));
	*mem = (struct mapq_mem){
		.pub = {.page = mem->page, .pages = mapq_pages(q, len), .denied = ~flags},
		.va = va,
		.len = len,
		.number = number};
	err = pin(q, mem);
	if (err) {
		free(mem);
		return err;
	}
	set_mem(q, number, &mem->pub);
	*out = &mem->pub;

	return 0;
}

static void unpin(struct mapq_queue *q, struct mapq_mem *mem)
{
	q->window.ops->unpin(q->window.priv, mem->va, mem->len, mem->pin);
	set_mem(q, mem->number, NULL);
	free(mem);
}

UVDK_EXPORT int uvdk_mapq_unpin(struct uvdk_mapq *pub, struct uvdk_mapq_mem *mem)
{
	struct mapq_queue *q = mapq_of(pub);

	mapq_progress(q);
	/* A dead queue maps nothing any more. */
	if ((mem->mapped && !q->dead) || mem->unmapped > pub->safe ||
	    (q->dead && q->quarantine.failures))
		return uvdk_fail(-EBUSY, MAPQ_COMPONENT,
				 "%" PRIu64
				 " pages of this memory are mapped; its latest unmap has "
				 "cookie %" PRIu64 ", and all up to %" PRIu64
				 " have completed: unmap, wait, and settle errors",
				 mem->mapped, mem->unmapped, pub->safe);
	unpin(q, (struct mapq_mem *)mem);

	return 0;
}

void mapq_unpin_all(struct mapq_queue *q)
{
	for (unsigned int i = 1; i < q->mems; i++)
		if (q->pub.mem[i])
			unpin(q, (struct mapq_mem *)q->pub.mem[i]);
}

/*
 * The queue's thread counts without a lock, which it has no time for: each number is one word,
 * and may be a moment old. What is unmapped has left it when that is posted.
 */
__attribute__((no_sanitize("thread"))) uint64_t mapq_mapped(struct uvdk_mapq_window *window)
{
	struct mapq_queue *q =
		(struct mapq_queue *)((char *)window - offsetof(struct mapq_queue, window));
	uint64_t pages = 0;

	if (__atomic_load_n(&q->gone, __ATOMIC_ACQUIRE))
		return 0;
	uvdk_lock_acquire(&q->mem_lock);
	for (unsigned int i = 0; i < q->mems; i++)
		if (q->pub.mem[i])
			pages += *(const volatile uint64_t *)&q->pub.mem[i]->mapped;
	uvdk_lock_release(&q->mem_lock);

	return pages;
}
