/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef POOL_PRIV_H
#define POOL_PRIV_H

#include <sys/queue.h>

#include <uvdk_dma_pool_cache.h>
#include <uvdk_lock_driver.h>

#include "dma_priv.h"

/*
 * The shared part of a pool: a stack of free objects, and what is known of each.
 * That stands in cells of a power of two bytes, no more than an object: at most
 * one starts in a cell, and finding it takes no division.
 */
#define POOL_CELL_TAKEN	    1u /* it is out, or in a cache */
#define POOL_CELL_OBJECT    2u /* one starts here; 0: none does */
#define POOL_CELL_OFF_SHIFT 2  /* where: the low bits of its offset */
#define POOL_CELL_MAX_SHIFT 30

/* The cell where an object starts that is free: what is not in the cell's number is in here. */
static inline uint32_t pool_cell_of(uint64_t off)
{
	return (uint32_t)(off << POOL_CELL_OFF_SHIFT) | POOL_CELL_OBJECT;
}

struct uvdk_dma_pool {
	struct uvdk_dma_buf buf;
	size_t object_size;
	size_t stride;	   /* bytes from object to object, a multiple of the alignment */
	size_t page;	   /* objects stay within these if they fit */
	unsigned int cell; /* log2 of the bytes of a cell */
	unsigned int count;
	uint32_t *cells;

	struct uvdk_lock lock; /* for all below */
	unsigned int free;     /* entries of stack; read without the lock, too */
	void **stack;	       /* [count]; so that warm objects come first */
	LIST_HEAD(, uvdk_dma_pool_cache_priv) caches;
	uint64_t gets, puts; /* directly, and by caches that are gone */
	uint64_t refills, flushes, empty, refused;
};

/* The library's part of a cache; guarded by the pool's lock. */
struct uvdk_dma_pool_cache_priv {
	struct uvdk_dma_pool *pool; /* NULL: destroyed */
	LIST_ENTRY(uvdk_dma_pool_cache_priv) entry;
	uint64_t in;  /* objects that came from the pool */
	uint64_t out; /* objects that went back; those that were refused are as if never put */
	struct uvdk_dma_pool_cache cache; /* its thread's */
};

/* What did not come back, to be said once the lock is free. */
struct pool_refused {
	const void *first;
	bool foreign; /* no object of the pool; else it was not out */
	uint64_t count;
};

/* Take @count objects, which there are; the lock is held. */
void pool_take(struct uvdk_dma_pool *pool, void **object, unsigned int count);

/* Give some back, all that are the pool's and out; how many that are. The lock is held. */
unsigned int pool_give(struct uvdk_dma_pool *pool, void *const *object, unsigned int count,
		       struct pool_refused *refused);

/* Say what was refused, if anything was; 0 or -EINVAL. The lock is not held. */
int pool_say_refused(const struct pool_refused *refused);

/* Take part in the statistics; the lock is held. */
void pool_cache_add_stats(struct uvdk_dma_pool_cache_priv *priv, struct uvdk_dma_pool_stats *out);

/* The pool is going; nobody uses it or its caches. */
void pool_orphan_caches(struct uvdk_dma_pool *pool);

#endif /* POOL_PRIV_H */
