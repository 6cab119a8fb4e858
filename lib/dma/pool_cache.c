// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pool_priv.h"

#define LINE 64 /* bytes that caches of different threads must not share */

static unsigned int count_of(const struct uvdk_dma_pool_cache *cache)
{
	return (unsigned int)(cache->top - cache->bottom);
}

static unsigned int size_of(const struct uvdk_dma_pool_cache *cache)
{
	return (unsigned int)(cache->limit - cache->bottom);
}

/* Another thread may be looking at it. */
static void set_count(struct uvdk_dma_pool_cache *cache, unsigned int count)
{
	__atomic_store_n(&cache->top, cache->bottom + count, __ATOMIC_RELAXED);
}

/* ---- statistics ---- */

/*
 * The owner counts by one instruction in memory, which no atomic operation of
 * C's compiles to; what is read meanwhile is the count before or after.
 */
__attribute__((no_sanitize("thread"))) static uint64_t read_gets(
	const volatile struct uvdk_dma_pool_cache *cache)
{
	return cache->gets;
}

/* What went in and came out tells how many were put: nobody has to count them. */
void pool_cache_add_stats(struct uvdk_dma_pool_cache_priv *priv, struct uvdk_dma_pool_stats *out)
{
	void **top = __atomic_load_n(&priv->cache.top, __ATOMIC_RELAXED);
	uint64_t count = (uint64_t)(top - priv->cache.bottom);
	uint64_t gets = read_gets(&priv->cache);
	uint64_t puts = gets + count + priv->out - priv->in;

	out->caches++;
	out->cached += count;
	out->gets += gets;
	/* Between the two reads its thread may have taken some. */
	out->puts += (int64_t)puts < 0 ? 0 : puts;
}

/* ---- life ---- */

static void *lines_alloc(size_t size)
{
	size = (size + LINE - 1) & ~(size_t)(LINE - 1);

	return aligned_alloc(LINE, size);
}

UVDK_EXPORT int uvdk_dma_pool_cache_create(struct uvdk_dma_pool *pool, unsigned int entries,
					   unsigned int flags, struct uvdk_dma_pool_cache **out)
{
	struct uvdk_dma_pool_cache_priv *priv;
	void **object;

	if (!pool)
		return uvdk_fail(-EINVAL, DMA_COMPONENT,
				 "a cache needs a pool: has creating it failed?");
	if (entries > UVDK_DMA_POOL_CACHE_MAX || flags & ~(unsigned int)UVDK_DMA_POOL_CACHE_CHECK)
		return uvdk_fail(-EINVAL, DMA_COMPONENT,
				 "a cache of %u objects with flags 0x%x: it holds %d at most, and "
				 "UVDK_DMA_POOL_CACHE_CHECK is the one flag",
				 entries, flags, UVDK_DMA_POOL_CACHE_MAX);
	entries = entries ? entries : UVDK_DMA_POOL_CACHE_DEFAULT;
	priv = lines_alloc(sizeof(*priv));
	object = lines_alloc(entries * sizeof(*object));
	if (!priv || !object) {
		free(object);
		free(priv);
		return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory for a cache of %u objects",
				 entries);
	}

	*priv = (struct uvdk_dma_pool_cache_priv){.pool = pool};
	priv->cache = (struct uvdk_dma_pool_cache){
		.delta = pool->buf.iova - (uint64_t)(uintptr_t)pool->buf.va,
		.top = object,
		.bottom = object,
		.limit = flags & UVDK_DMA_POOL_CACHE_CHECK ? object : object + entries,
		.priv = priv,
	};
	uvdk_lock_acquire(&pool->lock);
	LIST_INSERT_HEAD(&pool->caches, priv, entry);
	uvdk_lock_release(&pool->lock);
	*out = &priv->cache;

	return 0;
}

UVDK_EXPORT void uvdk_dma_pool_cache_destroy(struct uvdk_dma_pool_cache *cache)
{
	struct uvdk_dma_pool_cache_priv *priv = cache ? cache->priv : NULL;
	struct uvdk_dma_pool_stats stats = {0};
	struct uvdk_dma_pool *pool;

	if (!priv)
		return;
	pool = priv->pool;
	if (pool) {
		uvdk_dma_pool_cache_flush(cache);
		uvdk_lock_acquire(&pool->lock);
		pool_cache_add_stats(priv, &stats);
		pool->gets += stats.gets;
		pool->puts += stats.puts;
		LIST_REMOVE(priv, entry);
		uvdk_lock_release(&pool->lock);
	}
	free(cache->bottom);
	free(priv);
}

void pool_orphan_caches(struct uvdk_dma_pool *pool)
{
	struct uvdk_dma_pool_cache_priv *priv;

	LIST_FOREACH(priv, &pool->caches, entry)
	{
		priv->pool = NULL;
		priv->cache.limit = priv->cache.bottom;
		set_count(&priv->cache, 0);
	}
}

/* ---- taking ---- */

/* Half of it, so that neither a get nor a put that follows misses. */
static unsigned int refill(struct uvdk_dma_pool *pool, struct uvdk_dma_pool_cache *cache)
{
	unsigned int n = (size_of(cache) + 1) / 2;

	n = n < pool->free ? n : pool->free;
	pool_take(pool, cache->bottom, n);
	pool->refills += size_of(cache) != 0;

	return n;
}

UVDK_EXPORT int uvdk_dma_pool_cache_get_slow(struct uvdk_dma_pool_cache *cache, void **object,
					     unsigned int count)
{
	struct uvdk_dma_pool_cache_priv *priv = cache->priv;
	struct uvdk_dma_pool *pool = priv->pool;
	unsigned int here = count_of(cache);
	unsigned int more = count - here;
	unsigned int kept;

	if (!pool)
		return -ENOBUFS;
	uvdk_lock_acquire(&pool->lock);
	if (pool->free < more) {
		pool->empty++;
		uvdk_lock_release(&pool->lock);
		return -ENOBUFS;
	}
	pool_take(pool, object, more);
	memcpy(object + more, cache->bottom, here * sizeof(*object));
	kept = refill(pool, cache);
	priv->in += more + kept;
	cache->gets += count;
	set_count(cache, kept);
	uvdk_lock_release(&pool->lock);

	return 0;
}

UVDK_EXPORT void *uvdk_dma_pool_cache_get_one(struct uvdk_dma_pool_cache *cache)
{
	void *object;

	return uvdk_dma_pool_cache_get_slow(cache, &object, 1) ? NULL : object;
}

/* ---- giving ---- */

/*
 * What is refused leaves the cache as if it had never been put. The lock is
 * held.
 */
static void give(struct uvdk_dma_pool_cache_priv *priv, void *const *object, unsigned int count,
		 struct pool_refused *refused)
{
	priv->out += pool_give(priv->pool, object, count, refused);
}

/* Give up the oldest, so that @keep stay; the lock is held. */
static void drain(struct uvdk_dma_pool_cache_priv *priv, unsigned int keep,
		  struct pool_refused *refused)
{
	struct uvdk_dma_pool_cache *cache = &priv->cache;
	unsigned int here = count_of(cache);
	unsigned int gone = here > keep ? here - keep : 0;

	if (!gone)
		return;
	give(priv, cache->bottom, gone, refused);
	memmove(cache->bottom, cache->bottom + gone, (here - gone) * sizeof(*cache->bottom));
	set_count(cache, here - gone);
	priv->pool->flushes++;
}

UVDK_EXPORT void uvdk_dma_pool_cache_put_slow(struct uvdk_dma_pool_cache *cache,
					      void *const *object, unsigned int count)
{
	struct uvdk_dma_pool_cache_priv *priv = cache->priv;
	unsigned int keep = size_of(cache) / 2;
	struct uvdk_dma_pool *pool = priv->pool;
	struct pool_refused refused = {0};

	if (!pool) {
		uvdk_log(UVDK_LOG_ERR, DMA_COMPONENT,
			 "object %p comes back after its pool was destroyed", object[0]);
		return;
	}
	uvdk_lock_acquire(&pool->lock);
	if (count <= size_of(cache) - keep) {
		drain(priv, keep, &refused);
		memcpy(cache->top, object, count * sizeof(*object));
		set_count(cache, count_of(cache) + count);
	} else {
		give(priv, object, count, &refused);
		pool->flushes += size_of(cache) != 0;
	}
	uvdk_lock_release(&pool->lock);
	pool_say_refused(&refused);
}

UVDK_EXPORT void uvdk_dma_pool_cache_put_one(struct uvdk_dma_pool_cache *cache, void *object)
{
	uvdk_dma_pool_cache_put_slow(cache, &object, 1);
}

UVDK_EXPORT void uvdk_dma_pool_cache_flush(struct uvdk_dma_pool_cache *cache)
{
	struct uvdk_dma_pool_cache_priv *priv = cache->priv;
	struct uvdk_dma_pool *pool = priv->pool;
	struct pool_refused refused = {0};

	if (!pool)
		return;
	uvdk_lock_acquire(&pool->lock);
	drain(priv, 0, &refused);
	uvdk_lock_release(&pool->lock);
	pool_say_refused(&refused);
}
