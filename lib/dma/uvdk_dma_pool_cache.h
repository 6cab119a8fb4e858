/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMA_POOL_CACHE_H
#define UVDK_DMA_POOL_CACHE_H

#include <errno.h>
#include <string.h>

#include <uvdk_dma.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: A thread's own part of a pool
 *
 * A *cache* holds free objects of a pool for one thread: taking and giving one
 * is a few inline instructions which touch no memory that another thread
 * writes. When it is empty or full, half of it is moved from or to the pool under
 * the pool's lock. It is made and passed around explicitly: a thread may have
 * several, and a cache may move to another thread between two calls.
 *
 * Objects in one thread's cache can't be taken by another: a pool has to be
 * larger than what is in use by what its caches hold.
 *
 * The inline calls check nothing but room. What is put twice may be handed out
 * twice; what is no object of the pool may be handed out as it is by this very
 * cache. Neither reaches the pool: when a cache is emptied every object is
 * looked at, and what is not the pool's, or not out, is dropped, said and
 * counted (&struct uvdk_dma_pool_stats.refused). With UVDK_DMA_POOL_CACHE_CHECK
 * nothing is kept here and so each object is looked at right away, at the cost of
 * the lock.
 */

/* Most objects that a cache can hold, and what it holds if not told. */
#define UVDK_DMA_POOL_CACHE_MAX	    32768
#define UVDK_DMA_POOL_CACHE_DEFAULT 256

struct uvdk_dma_pool_cache_priv;

/**
 * struct uvdk_dma_pool_cache - the documented fast-path struct: one thread's objects
 * @top: behind the object that was put last; @bottom: there is none
 * @bottom: the object that is going to stay longest
 * @limit: where there is no more room; @bottom: every call goes to the pool
 * @delta: IOVA of an object less its address
 * @gets: objects ever taken from it
 * @priv: the library's
 *
 * Written by its thread alone; uvdk_dma_pool_get_stats() of any thread looks at @top and @gets.
 */
struct uvdk_dma_pool_cache {
	void **top;
	void **bottom;
	void **limit;
	uint64_t delta;
	uint64_t gets;
	struct uvdk_dma_pool_cache_priv *priv;
};

/**
 * enum uvdk_dma_pool_cache_flags - how a cache works
 * @UVDK_DMA_POOL_CACHE_CHECK: it keeps nothing, and each call is checked
 */
enum uvdk_dma_pool_cache_flags {
	UVDK_DMA_POOL_CACHE_CHECK = 1 << 0,
};

/**
 * uvdk_dma_pool_cache_create() - a cache of a pool, for one thread
 * @pool: pool; should outlive the cache
 * @entries: objects it may hold, up to UVDK_DMA_POOL_CACHE_MAX; 0:
 *	UVDK_DMA_POOL_CACHE_DEFAULT; as many as two bursts is a good choice
 * @flags: enum uvdk_dma_pool_cache_flags
 * @out: new cache, owned by the caller; empty
 *
 * Return: 0; -EINVAL (no pool, too many entries, unknown flag); -ENOMEM. Thread-safe.
 */
int uvdk_dma_pool_cache_create(struct uvdk_dma_pool *pool, unsigned int entries, unsigned int flags,
			       struct uvdk_dma_pool_cache **out);

/**
 * uvdk_dma_pool_cache_destroy() - give its objects back to the pool, and free it
 * @cache: cache that nobody uses, or NULL
 *
 * May be called by any thread, and after the pool is gone, too.
 */
void uvdk_dma_pool_cache_destroy(struct uvdk_dma_pool_cache *cache);

/**
 * uvdk_dma_pool_cache_flush() - give its objects back to the pool
 * @cache: cache; its thread only
 *
 * For a thread that is not going to need any for a while.
 */
void uvdk_dma_pool_cache_flush(struct uvdk_dma_pool_cache *cache);

/**
 * uvdk_dma_pool_cache_get_slow() - for the inline calls: take more than there is
 * @cache: cache
 * @object: out: the objects
 * @count: how many
 *
 * Return: as uvdk_dma_pool_cache_get_bulk().
 */
int uvdk_dma_pool_cache_get_slow(struct uvdk_dma_pool_cache *cache, void **object,
				 unsigned int count);

/**
 * uvdk_dma_pool_cache_put_slow() - for the inline calls: give more than there is room for
 * @cache: cache
 * @object: the objects
 * @count: how many
 */
void uvdk_dma_pool_cache_put_slow(struct uvdk_dma_pool_cache *cache, void *const *object,
				  unsigned int count);

/**
 * uvdk_dma_pool_cache_get_one() - for the inline calls: take one where there is none
 * @cache: cache
 *
 * Return: as uvdk_dma_pool_cache_get().
 */
void *uvdk_dma_pool_cache_get_one(struct uvdk_dma_pool_cache *cache);

/**
 * uvdk_dma_pool_cache_put_one() - for the inline calls: give one where there is no room
 * @cache: cache
 * @object: object
 */
void uvdk_dma_pool_cache_put_one(struct uvdk_dma_pool_cache *cache, void *object);

/**
 * uvdk_dma_pool_cache_get() - take an object
 * @cache: cache; its thread only
 *
 * Return: object, or NULL when both cache and pool are empty (nothing is logged).
 */
static inline void *uvdk_dma_pool_cache_get(struct uvdk_dma_pool_cache *cache)
{
	void **top = cache->top;

	if (__builtin_expect(top == cache->bottom, 0))
		return uvdk_dma_pool_cache_get_one(cache);
	cache->gets++;
	__atomic_store_n(&cache->top, top - 1, __ATOMIC_RELAXED);

	return top[-1];
}

/**
 * uvdk_dma_pool_cache_put() - give an object back
 * @cache: cache of the object's pool, not necessarily the one it was taken from; its thread only
 * @object: from a pool or cache; see above for what happens if it is not
 */
static inline void uvdk_dma_pool_cache_put(struct uvdk_dma_pool_cache *cache, void *object)
{
	void **top = cache->top;

	if (__builtin_expect(top == cache->limit, 0)) {
		uvdk_dma_pool_cache_put_one(cache, object);
		return;
	}
	*top = object;
	__atomic_store_n(&cache->top, top + 1, __ATOMIC_RELAXED);
}

/**
 * uvdk_dma_pool_cache_get_bulk() - take several objects, all or none
 * @cache: cache; its thread only
 * @object: out: the objects
 * @count: how many
 *
 * Return: 0, or -ENOBUFS if cache and pool have less (nothing is logged).
 */
static inline int uvdk_dma_pool_cache_get_bulk(struct uvdk_dma_pool_cache *cache, void **object,
					       unsigned int count)
{
	void **top = cache->top;

	if (__builtin_expect(count > (size_t)(top - cache->bottom), 0))
		return uvdk_dma_pool_cache_get_slow(cache, object, count);
	memcpy(object, top - count, count * sizeof(*object));
	cache->gets += count;
	__atomic_store_n(&cache->top, top - count, __ATOMIC_RELAXED);

	return 0;
}

/**
 * uvdk_dma_pool_cache_put_bulk() - give several objects back
 * @cache: as uvdk_dma_pool_cache_put()
 * @object: the objects
 * @count: how many
 */
static inline void uvdk_dma_pool_cache_put_bulk(struct uvdk_dma_pool_cache *cache,
						void *const *object, unsigned int count)
{
	void **top = cache->top;

	if (__builtin_expect(count > (size_t)(cache->limit - top), 0)) {
		uvdk_dma_pool_cache_put_slow(cache, object, count);
		return;
	}
	memcpy(top, object, count * sizeof(*object));
	__atomic_store_n(&cache->top, top + count, __ATOMIC_RELAXED);
}

/**
 * uvdk_dma_pool_cache_iova() - where the device finds a pool's memory: one addition
 * @cache: cache of the pool
 * @at: an object, or an address in one
 *
 * Return: IOVA.
 */
static inline uvdk_iova_t uvdk_dma_pool_cache_iova(const struct uvdk_dma_pool_cache *cache,
						   const void *at)
{
	return (uint64_t)(uintptr_t)at + cache->delta;
}

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DMA_POOL_CACHE_H */
