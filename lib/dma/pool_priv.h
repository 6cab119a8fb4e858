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
#define POOL_CELL_OFF_SHIFT 2  /* where in the cell */
#define POOL_CELL_MAX_SHIFT 30

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
	struct uvdk_dma_pool_cache cache;
};

static inline void pool_set_free(struct uvdk_dma_pool *pool, unsigned int count)
{
	__atomic_store_n(&pool->free, count, __ATOMIC_RELAXED);
}

/* The cell of an object, or NULL if it is none of the pool's. */
static inline uint32_t *pool_cell(const struct uvdk_dma_pool *pool, const void *object)
{
	uint64_t off = (uint64_t)(uintptr_t)object - (uint64_t)(uintptr_t)pool->buf.va;
	uint32_t low = (uint32_t)(off & ((UINT64_C(1) << pool->cell) - 1));
	uint32_t *cell;

	if (off >= pool->buf.len)
		return NULL;
	cell = &pool->cells[off >> pool->cell];

	return (*cell | POOL_CELL_TAKEN) ==
			       (low << POOL_CELL_OFF_SHIFT | POOL_CELL_OBJECT | POOL_CELL_TAKEN)
		       ? cell
		       : NULL;
}

/* Take @count objects, which there are; the lock is held. */
void pool_take(struct uvdk_dma_pool *pool, void **object, unsigned int count);

/*
 * Give one back: 0; else it is counted as refused: -ENOENT (no object of the
 * pool) or -EALREADY (not out). The lock is held.
 */
int pool_give(struct uvdk_dma_pool *pool, void *object);

/* Say why; the lock is not held. @why: from pool_give(). Returns -EINVAL. */
int pool_refuse(const void *object, int why);

/* Take part in the statistics; the lock is held. */
void pool_cache_add_stats(struct uvdk_dma_pool_cache_priv *priv, struct uvdk_dma_pool_stats *out);

/* The pool is going; nobody uses it or its caches. */
void pool_orphan_caches(struct uvdk_dma_pool *pool);

#endif /* POOL_PRIV_H */
