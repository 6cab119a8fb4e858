// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "pool_priv.h"

#define LINE 64 /* bytes that caches of different threads must not share */

/* What did not come back, to be said once the lock is free. */
struct refused {
	const void *first;
	int why;
	uint64_t count;
};

static unsigned int count_of(const struct uvdk_dma_pool_cache *cache)
{
	return (unsigned int)(cache->state & UVDK_DMA_POOL_CACHE_COUNT);
}

/* Another thread may be reading it, to add it up. */
static void set_state(struct uvdk_dma_pool_cache *cache, unsigned int count, unsigned int taken)
{
	uint64_t state = (cache->state & ~UVDK_DMA_POOL_CACHE_COUNT) + count +
			 taken * UVDK_DMA_POOL_CACHE_TAKEN;

	__atomic_store_n(&cache->state, state, __ATOMIC_RELAXED);
}

/* ---- statistics ---- */

/* What went in and came out tells how many were put: nobody has to count them. */
void pool_cache_add_stats(struct uvdk_dma_pool_cache_priv *priv, struct uvdk_dma_pool_stats *out)
{
	uint64_t state = __atomic_load_n(&priv->cache.state, __ATOMIC_RELAXED);
	uint64_t count = state & UVDK_DMA_POOL_CACHE_COUNT;
	uint64_t gets = state / UVDK_DMA_POOL_CACHE_TAKEN;

	out->caches++;
	out->cached += count;
	out->gets += gets;
	out->puts += gets + count + priv->out - priv->in;
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
		.size = flags & UVDK_DMA_POOL_CACHE_CHECK ? 0 : entries,
		.object = object,
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
	free(cache->object);
	free(priv);
}

void pool_orphan_caches(struct uvdk_dma_pool *pool)
{
	struct uvdk_dma_pool_cache_priv *priv;

	LIST_FOREACH(priv, &pool->caches, entry)
	{
		priv->pool = NULL;
		priv->cache.size = 0;
		set_state(&priv->cache, 0, 0);
	}
}

/* ---- taking ---- */

/* Half of it, so that neither a get nor a put that follows misses. */
static unsigned int refill(struct uvdk_dma_pool *pool, struct uvdk_dma_pool_cache *cache)
{
	unsigned int n = (unsigned int)(cache->size + 1) / 2;

	n = n < pool->free ? n : pool->free;
	pool_take(pool, cache->object, n);
	pool->refills += cache->size != 0;

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
	memcpy(object + more, cache->object, here * sizeof(*object));
	kept = refill(pool, cache);
	priv->in += more + kept;
	set_state(cache, kept, count);
	uvdk_lock_release(&pool->lock);

	return 0;
}

/* ---- giving ---- */

/* The lock is held. */
static void give(struct uvdk_dma_pool_cache_priv *priv, void *const *object, unsigned int count,
		 struct refused *refused)
{
	for (unsigned int i = 0; i < count; i++) {
		int err = pool_give(priv->pool, object[i]);

		if (!err)
			priv->out++;
		else if (!refused->count++)
			*refused = (struct refused){object[i], err, 1};
	}
}

static void say_refused(const struct refused *refused)
{
	if (refused->count > 1)
		uvdk_log(UVDK_LOG_ERR, DMA_COMPONENT,
			 "%" PRIu64 " objects that were put into one cache are refused; the first:",
			 refused->count);
	if (refused->count)
		pool_refuse(refused->first, refused->why);
}

/* Give up the oldest, so that @keep stay; the lock is held. */
static void drain(struct uvdk_dma_pool_cache_priv *priv, unsigned int keep, struct refused *refused)
{
	struct uvdk_dma_pool_cache *cache = &priv->cache;
	unsigned int here = count_of(cache);
	unsigned int gone = here > keep ? here - keep : 0;

	if (!gone)
		return;
	give(priv, cache->object, gone, refused);
	memmove(cache->object, cache->object + gone, (here - gone) * sizeof(*cache->object));
	set_state(cache, here - gone, 0);
	priv->pool->flushes++;
}

UVDK_EXPORT void uvdk_dma_pool_cache_put_slow(struct uvdk_dma_pool_cache *cache,
					      void *const *object, unsigned int count)
{
	struct uvdk_dma_pool_cache_priv *priv = cache->priv;
	unsigned int keep = (unsigned int)cache->size / 2;
	struct uvdk_dma_pool *pool = priv->pool;
	struct refused refused = {0};

	if (!pool) {
		uvdk_log(UVDK_LOG_ERR, DMA_COMPONENT,
			 "object %p comes back after its pool was destroyed", object[0]);
		return;
	}
	uvdk_lock_acquire(&pool->lock);
	if (count <= cache->size - keep) {
		drain(priv, keep, &refused);
		memcpy(cache->object + count_of(cache), object, count * sizeof(*object));
		set_state(cache, count_of(cache) + count, 0);
	} else {
		give(priv, object, count, &refused);
		pool->flushes += cache->size != 0;
	}
	uvdk_lock_release(&pool->lock);
	say_refused(&refused);
}

UVDK_EXPORT void uvdk_dma_pool_cache_flush(struct uvdk_dma_pool_cache *cache)
{
	struct uvdk_dma_pool_cache_priv *priv = cache->priv;
	struct uvdk_dma_pool *pool = priv->pool;
	struct refused refused = {0};

	if (!pool)
		return;
	uvdk_lock_acquire(&pool->lock);
	drain(priv, 0, &refused);
	uvdk_lock_release(&pool->lock);
	say_refused(&refused);
}
