// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pool_priv.h"

/* ---- where objects lie ---- */

static size_t page_of(enum uvdk_dma_source source)
{
	switch (source) {
	case UVDK_DMA_HUGE_2M:
		return (size_t)2 << 20;
	case UVDK_DMA_HUGE_1G:
		return (size_t)1 << 30;
	default:
		return 4096; /* whatever came unasked: larger pages hold these */
	}
}

/* Objects that share a page; 0: they are larger than one. */
static size_t per_page(const struct uvdk_dma_pool *pool)
{
	return pool->page / pool->stride;
}

/* Small objects are packed into pages, none across an edge: many devices dislike that. */
static bool memory_size(const struct uvdk_dma_pool *pool, size_t *len)
{
	size_t share = per_page(pool);

	if (!share)
		return !__builtin_mul_overflow(pool->stride, (size_t)pool->count, len);

	return !__builtin_mul_overflow(pool->page, (pool->count - 1) / share + 1, len);
}

static size_t offset_of(const struct uvdk_dma_pool *pool, unsigned int index)
{
	size_t share = per_page(pool);

	return share ? index / share * pool->page + index % share * pool->stride
		     : index * pool->stride;
}

static int check(size_t object_size, size_t align, unsigned int count, size_t page)
{
	if (!object_size || !count)
		return uvdk_fail(-EINVAL, DMA_COMPONENT,
				 "a pool of %u objects of %zu bytes is empty", count, object_size);
	if (align & (align - 1))
		return uvdk_fail(-EINVAL, DMA_COMPONENT, "alignment %zu is not a power of two",
				 align);
	if (align > page)
		return uvdk_fail(-EINVAL, DMA_COMPONENT,
				 "alignment %zu is larger than a page of the memory (%zu)", align,
				 page);
	if (object_size > SIZE_MAX / 2)
		return uvdk_fail(-EINVAL, DMA_COMPONENT, "objects of %zu bytes are too large",
				 object_size);

	return 0;
}

/* ---- life ---- */

static unsigned int cell_shift(size_t stride)
{
	unsigned int shift = 63 - (unsigned int)__builtin_clzll(stride);

	return shift < POOL_CELL_MAX_SHIFT ? shift : POOL_CELL_MAX_SHIFT;
}

static void set_free(struct uvdk_dma_pool *pool, unsigned int count)
{
	__atomic_store_n(&pool->free, count, __ATOMIC_RELAXED);
}

/* All objects are free; the lowest is the first to be taken. */
static void fill(struct uvdk_dma_pool *pool)
{
	for (unsigned int i = 0; i < pool->count; i++) {
		size_t off = offset_of(pool, i);

		pool->cells[off >> pool->cell] = pool_cell_of(off);
		pool->stack[pool->count - 1 - i] = (char *)pool->buf.va + off;
	}
	set_free(pool, pool->count);
}

static int get_memory(struct uvdk_dma_pool *pool, struct uvdk_ioas *ioas,
		      const struct uvdk_dma_opts *opts)
{
	size_t len;
	int err;

	if (!memory_size(pool, &len))
		return uvdk_fail(-EINVAL, DMA_COMPONENT, "%u objects of %zu bytes are too many",
				 pool->count, pool->object_size);
	err = uvdk_dma_alloc(ioas, len, opts, &pool->buf);
	if (err)
		return err;
	pool->stack = calloc(pool->count, sizeof(*pool->stack));
	pool->cells = calloc(((pool->buf.len - 1) >> pool->cell) + 1, sizeof(*pool->cells));
	if (!pool->stack || !pool->cells)
		return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory for a pool of %u objects",
				 pool->count);

	return 0;
}

static void free_pool(struct uvdk_dma_pool *pool)
{
	uvdk_dma_free(&pool->buf);
	free(pool->cells);
	free(pool->stack);
	free(pool);
}

UVDK_EXPORT int uvdk_dma_pool_create(struct uvdk_ioas *ioas, size_t object_size, size_t align,
				     unsigned int count, const struct uvdk_dma_opts *opts,
				     struct uvdk_dma_pool **out)
{
	struct uvdk_dma_opts o = {.size = sizeof(o), .numa_node = UVDK_DMA_ANY_NODE};
	struct uvdk_dma_pool *pool;
	int err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_dma_opts");

	if (!err)
		err = check(object_size, align, count, page_of(o.source));
	if (err)
		return err;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory for a pool");

	align = align ? align : 64;
	pool->count = count;
	pool->object_size = object_size;
	pool->stride = (object_size + align - 1) & ~(align - 1);
	pool->page = page_of(o.source);
	pool->cell = cell_shift(pool->stride);
	LIST_INIT(&pool->caches);
	err = get_memory(pool, ioas, &o);
	if (err) {
		free_pool(pool);
		return err;
	}
	fill(pool);
	*out = pool;

	return 0;
}

UVDK_EXPORT void uvdk_dma_pool_destroy(struct uvdk_dma_pool *pool)
{
	struct uvdk_dma_pool_stats stats;
	uint64_t back;

	if (!pool)
		return;
	uvdk_dma_pool_get_stats(pool, &stats);
	back = stats.free + stats.cached;
	if (back < pool->count)
		uvdk_log(UVDK_LOG_WARN, DMA_COMPONENT,
			 "a pool is destroyed with %" PRIu64 " of %u objects out",
			 pool->count - back, pool->count);
	if (stats.caches)
		uvdk_log(UVDK_LOG_WARN, DMA_COMPONENT,
			 "a pool is destroyed before its caches, of which there are %" PRIu64
			 ": they have nothing to give from now on",
			 stats.caches);
	pool_orphan_caches(pool);
	free_pool(pool);
}

/* ---- taking and giving; the lock is held ---- */

void pool_take(struct uvdk_dma_pool *pool, void **object, unsigned int count)
{
	const uint64_t va = (uint64_t)(uintptr_t)pool->buf.va;
	void *const *from = pool->stack + (pool->free - count);
	uint32_t *const cells = pool->cells;
	const unsigned int shift = pool->cell;

	for (unsigned int i = 0; i < count; i++) {
		cells[((uint64_t)(uintptr_t)from[i] - va) >> shift] |= POOL_CELL_TAKEN;
		object[i] = from[i];
	}
	set_free(pool, pool->free - count);
}

static void refuse(struct uvdk_dma_pool *pool, const void *object, bool foreign,
		   struct pool_refused *refused)
{
	pool->refused++;
	if (!refused->count++) {
		refused->first = object;
		refused->foreign = foreign;
	}
}

unsigned int pool_give(struct uvdk_dma_pool *pool, void *const *object, unsigned int count,
		       struct pool_refused *refused)
{
	const uint64_t va = (uint64_t)(uintptr_t)pool->buf.va;
	const uint64_t len = pool->buf.len;
	uint32_t *const cells = pool->cells;
	const unsigned int shift = pool->cell;
	void **to = pool->stack + pool->free;
	void **const start = to;

	for (void *const *end = object + count; object < end; object++) {
		uint64_t off = (uint64_t)(uintptr_t)*object - va;
		uint32_t is = off < len ? cells[off >> shift] : 0;

		if (__builtin_expect(is != (pool_cell_of(off) | POOL_CELL_TAKEN), 0)) {
			refuse(pool, *object, is != pool_cell_of(off), refused);
			continue;
		}
		cells[off >> shift] = is & ~POOL_CELL_TAKEN;
		*to++ = *object;
	}
	set_free(pool, (unsigned int)(to - pool->stack));

	return (unsigned int)(to - start);
}

int pool_say_refused(const struct pool_refused *refused)
{
	if (!refused->count)
		return 0;
	if (refused->count > 1)
		uvdk_log(UVDK_LOG_ERR, DMA_COMPONENT,
			 "%" PRIu64 " objects that were put into one cache are refused; the first:",
			 refused->count);

	return uvdk_fail(-EINVAL, DMA_COMPONENT,
			 refused->foreign ? "%p is not an object of this pool"
					  : "object %p was given back already",
			 refused->first);
}

/* ---- calls ---- */

UVDK_EXPORT void *uvdk_dma_pool_get(struct uvdk_dma_pool *pool, uvdk_iova_t *iova)
{
	void *object = NULL;

	uvdk_lock_acquire(&pool->lock);
	if (pool->free) {
		pool_take(pool, &object, 1);
		pool->gets++;
	} else {
		pool->empty++;
	}
	uvdk_lock_release(&pool->lock);
	if (object && iova)
		*iova = pool->buf.iova + (uint64_t)((char *)object - (char *)pool->buf.va);

	return object;
}

UVDK_EXPORT int uvdk_dma_pool_put(struct uvdk_dma_pool *pool, void *object)
{
	struct pool_refused refused = {0};

	uvdk_lock_acquire(&pool->lock);
	pool->puts += pool_give(pool, &object, 1, &refused);
	uvdk_lock_release(&pool->lock);

	return pool_say_refused(&refused);
}

UVDK_EXPORT unsigned int uvdk_dma_pool_free_count(const struct uvdk_dma_pool *pool)
{
	return __atomic_load_n(&pool->free, __ATOMIC_RELAXED);
}

UVDK_EXPORT size_t uvdk_dma_pool_object_size(const struct uvdk_dma_pool *pool)
{
	return pool->object_size;
}

UVDK_EXPORT void uvdk_dma_pool_get_stats(struct uvdk_dma_pool *pool,
					 struct uvdk_dma_pool_stats *out)
{
	struct uvdk_dma_pool_cache_priv *priv;

	uvdk_lock_acquire(&pool->lock);
	*out = (struct uvdk_dma_pool_stats){
		.objects = pool->count,
		.free = pool->free,
		.gets = pool->gets,
		.puts = pool->puts,
		.refills = pool->refills,
		.flushes = pool->flushes,
		.empty = pool->empty,
		.refused = pool->refused,
		.memory = pool->buf.len,
		.page_size = pool->buf.page_size,
	};
	LIST_FOREACH(priv, &pool->caches, entry)
	pool_cache_add_stats(priv, out);
	uvdk_lock_release(&pool->lock);
}
