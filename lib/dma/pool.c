// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "dma_priv.h"

struct uvdk_dma_pool {
	struct uvdk_dma_buf buf;
	size_t stride;	       /* bytes from object to object, a multiple of the alignment */
	unsigned int per_page; /* objects that share a page; 0: objects larger than a page */
	unsigned int count;
	unsigned int free;    /* entries of free_list in use */
	uint8_t *taken;	      /* [count] */
	uint32_t free_list[]; /* [count]; a stack, so that warm objects come first */
};

static size_t offset_of(const struct uvdk_dma_pool *pool, uint32_t index)
{
	if (!pool->per_page)
		return index * pool->stride;

	return index / pool->per_page * pool->buf.page_size + index % pool->per_page * pool->stride;
}

/* The index of an object, or pool->count if it is none. */
static uint32_t index_of(const struct uvdk_dma_pool *pool, const void *object)
{
	size_t off = (size_t)((const char *)object - (const char *)pool->buf.va);
	size_t index;

	if (off >= pool->buf.len)
		return pool->count;
	if (pool->per_page)
		index = off / pool->buf.page_size * pool->per_page +
			off % pool->buf.page_size / pool->stride;
	else
		index = off / pool->stride;
	if (index >= pool->count || offset_of(pool, (uint32_t)index) != off)
		return pool->count;

	return (uint32_t)index;
}

static size_t page_of(const struct uvdk_dma_opts *opts)
{
	if (opts && opts->source == UVDK_DMA_HUGE_2M)
		return (size_t)2 << 20;
	if (opts && opts->source == UVDK_DMA_HUGE_1G)
		return (size_t)1 << 30;

	return 4096;
}

/*
 * Small objects are packed into pages, none across an edge: the pages of the
 * memory are contiguous for the device only as long as one map holds them.
 */
static int lay_out(struct uvdk_dma_pool *pool, const struct uvdk_dma_opts *opts, size_t *len)
{
	size_t page = page_of(opts);

	if (pool->stride > page) {
		pool->per_page = 0;
		return __builtin_mul_overflow(pool->stride, (size_t)pool->count, len);
	}
	pool->per_page = (unsigned int)(page / pool->stride);

	return __builtin_mul_overflow(
		page, ((size_t)pool->count + pool->per_page - 1) / pool->per_page, len);
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

UVDK_EXPORT int uvdk_dma_pool_create(struct uvdk_ioas *ioas, size_t object_size, size_t align,
				     unsigned int count, const struct uvdk_dma_opts *opts,
				     struct uvdk_dma_pool **out)
{
	struct uvdk_dma_opts any = {.size = sizeof(any), .numa_node = UVDK_DMA_ANY_NODE};
	struct uvdk_dma_pool *pool;
	size_t len;
	int err = check(object_size, align, count, page_of(opts));

	if (err)
		return err;
	align = align ? align : 64;
	pool = calloc(1, sizeof(*pool) + count * (sizeof(pool->free_list[0]) + 1));
	if (!pool)
		return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory for a pool of %u objects",
				 count);

	pool->taken = (uint8_t *)&pool->free_list[count];
	pool->count = count;
	pool->stride = (object_size + align - 1) & ~(align - 1);
	if (lay_out(pool, opts, &len)) {
		err = uvdk_fail(-EINVAL, DMA_COMPONENT, "%u objects of %zu bytes are too many",
				count, object_size);
		goto free;
	}
	err = uvdk_dma_alloc(ioas, len, opts ? opts : &any, &pool->buf);
	if (err)
		goto free;

	/* Larger pages may have come unasked: the layout holds there too. */
	if (pool->per_page)
		pool->buf.page_size = page_of(opts);
	for (pool->free = 0; pool->free < count; pool->free++)
		pool->free_list[pool->free] = count - 1 - pool->free;
	*out = pool;

	return 0;
free:
	free(pool);
	return err;
}

UVDK_EXPORT void uvdk_dma_pool_destroy(struct uvdk_dma_pool *pool)
{
	if (!pool)
		return;
	if (pool->free != pool->count)
		uvdk_log(UVDK_LOG_WARN, DMA_COMPONENT,
			 "a pool is destroyed with %u of %u objects out", pool->count - pool->free,
			 pool->count);
	uvdk_dma_free(&pool->buf);
	free(pool);
}

UVDK_EXPORT void *uvdk_dma_pool_get(struct uvdk_dma_pool *pool, uvdk_iova_t *iova)
{
	uint32_t index;
	size_t off;

	if (!pool->free)
		return NULL;
	index = pool->free_list[--pool->free];
	pool->taken[index] = 1;
	off = offset_of(pool, index);
	if (iova)
		*iova = pool->buf.iova + off;

	return (char *)pool->buf.va + off;
}

UVDK_EXPORT int uvdk_dma_pool_put(struct uvdk_dma_pool *pool, void *object)
{
	uint32_t index = index_of(pool, object);

	if (index == pool->count)
		return uvdk_fail(-EINVAL, DMA_COMPONENT, "%p is not an object of this pool",
				 object);
	if (!pool->taken[index])
		return uvdk_fail(-EINVAL, DMA_COMPONENT, "object %p was given back already",
				 object);

	pool->taken[index] = 0;
	pool->free_list[pool->free++] = index;

	return 0;
}

UVDK_EXPORT unsigned int uvdk_dma_pool_free_count(const struct uvdk_dma_pool *pool)
{
	return pool->free;
}
