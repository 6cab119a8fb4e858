/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMA_H
#define UVDK_DMA_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Memory for DMA
 *
 * A *buffer* is memory allocated and mapped into one address space in one
 * step; a *pool* cuts one buffer into objects of one size. Translation is
 * uvdk_translate() on the address space. How many buffers and registrations an address
 * space has: uvdk_ioas_get_stats().
 */

struct uvdk_dma_pool;

/**
 * enum uvdk_dma_source - where memory comes from
 * @UVDK_DMA_ANY: huge pages where there are some and it pays, else normal
 * @UVDK_DMA_NORMAL: normal pages
 * @UVDK_DMA_HUGE_2M: 2 MiB pages, or fail
 * @UVDK_DMA_HUGE_1G: 1 GiB pages, or fail
 * @UVDK_DMA_MEMFD: a memfd, to be shared with another process
 */
enum uvdk_dma_source {
	UVDK_DMA_ANY,
	UVDK_DMA_NORMAL,
	UVDK_DMA_HUGE_2M,
	UVDK_DMA_HUGE_1G,
	UVDK_DMA_MEMFD,
};

/* Any NUMA node will do. */
#define UVDK_DMA_ANY_NODE (-1)

/**
 * struct uvdk_dma_opts - how to allocate
 * @size: sizeof(struct uvdk_dma_opts)
 * @source: where memory comes from
 * @numa_node: node (0 is node 0), or UVDK_DMA_ANY_NODE
 * @flags: enum uvdk_map_flags; 0 means UVDK_MAP_RW
 * @iova: with UVDK_MAP_FIXED in @flags: where
 */
struct uvdk_dma_opts {
	size_t size;
	enum uvdk_dma_source source;
	int numa_node;
	unsigned int flags;
	uvdk_iova_t iova;
};

/**
 * struct uvdk_dma_buf - mapped memory
 * @ioas: address space it is mapped in
 * @va: start; zeroed
 * @iova: where the device finds @va
 * @len: bytes, rounded up to whole pages of the source
 * @page_size: bytes a page of it has
 * @memfd: descriptor for UVDK_DMA_MEMFD, else -1; owned by the buffer
 */
struct uvdk_dma_buf {
	struct uvdk_ioas *ioas;
	void *va;
	uvdk_iova_t iova;
	size_t len;
	size_t page_size;
	int memfd;
};

/**
 * uvdk_dma_alloc() - allocate zeroed memory and map it
 * @ioas: address space; must outlive the buffer
 * @len: bytes, not 0
 * @opts: options, or NULL
 * @out: filled in
 *
 * Return: 0; -EINVAL (also for a NULL @ioas); -ENOMEM (out of memory or of huge pages: the message
 * says how many are needed and free, and how to get them); or as
 * uvdk_ioas_map(). Thread-safe.
 */
int uvdk_dma_alloc(struct uvdk_ioas *ioas, size_t len, const struct uvdk_dma_opts *opts,
		   struct uvdk_dma_buf *out);

/**
 * uvdk_dma_free() - unmap and free
 * @buf: buffer, zeroed afterwards; nothing happens if it is all zero
 *
 * Where the iommu can't unmap (its device or virtio-iommu answers no more), devices may
 * still reach the memory: it stays mapped and is lost, an error is logged, and
 * uvdk_ioas_get_stats() goes on counting it. Any thread may free what another has
 * allocated, and different buffers at the same time; one buffer is freed by one thread, once.
 */
void uvdk_dma_free(struct uvdk_dma_buf *buf);

/**
 * uvdk_dma_pool_create() - cut a buffer into objects
 * @ioas: address space; must outlive the pool
 * @object_size: bytes an object, not 0
 * @align: power of two up to the source's page size (4096 but for huge pages), 0: 64; no object
 * crosses a page unless it is larger
 * @count: objects, not 0
 * @opts: options of the memory, or NULL
 * @out: new pool, owned by the caller
 *
 * Thread-safe, as are all calls on a pool but for its destruction. Where speed
 * matters each thread has a cache: uvdk_dma_pool_cache.h.
 *
 * Return: as uvdk_dma_alloc().
 */
int uvdk_dma_pool_create(struct uvdk_ioas *ioas, size_t object_size, size_t align,
			 unsigned int count, const struct uvdk_dma_opts *opts,
			 struct uvdk_dma_pool **out);

/**
 * uvdk_dma_pool_destroy() - unmap and free a pool
 * @pool: pool, or NULL; every object should be back, every cache destroyed: what is not is logged
 *
 * Objects that are out must not be touched any more. A cache that is left has nothing to
 * give, takes nothing back, and can still be destroyed.
 */
void uvdk_dma_pool_destroy(struct uvdk_dma_pool *pool);

/**
 * uvdk_dma_pool_get() - take an object
 * @pool: pool
 * @iova: out: where the device finds it; or NULL
 *
 * Return: object, or NULL when the pool is empty (whatever its caches hold).
 */
void *uvdk_dma_pool_get(struct uvdk_dma_pool *pool, uvdk_iova_t *iova);

/**
 * uvdk_dma_pool_put() - give an object back, with every check
 * @pool: pool
 * @object: from uvdk_dma_pool_get() of this pool, or from a cache of it
 *
 * What lies in a cache counts as out here.
 *
 * Return: 0, or -EINVAL (not an object of this pool, or already free).
 */
int uvdk_dma_pool_put(struct uvdk_dma_pool *pool, void *object);

/**
 * uvdk_dma_pool_free_count() - objects that uvdk_dma_pool_get() can take
 * @pool: pool
 *
 * Return: count, without what lies in caches.
 */
unsigned int uvdk_dma_pool_free_count(const struct uvdk_dma_pool *pool);

/**
 * uvdk_dma_pool_object_size() - bytes that each object has
 * @pool: pool
 *
 * Return: what it was created with.
 */
size_t uvdk_dma_pool_object_size(const struct uvdk_dma_pool *pool);

/**
 * struct uvdk_dma_pool_stats - what a pool has done, always counted
 * @objects: objects in all
 * @free: free in the pool itself
 * @cached: free in caches
 * @caches: caches there are
 * @gets: objects taken by applications, from the pool or from caches
 * @puts: objects given back by them
 * @refills: times a cache took objects from the pool
 * @flushes: times a cache gave objects to the pool
 * @empty: times somebody asked for more than there was
 * @refused: objects given back that were not the pool's, or not out; those put into a cache are
 *	counted when it is emptied
 * @memory: bytes mapped
 * @page_size: bytes a page of that memory has
 */
struct uvdk_dma_pool_stats {
	uint64_t objects;
	uint64_t free;
	uint64_t cached;
	uint64_t caches;
	uint64_t gets;
	uint64_t puts;
	uint64_t refills;
	uint64_t flushes;
	uint64_t empty;
	uint64_t refused;
	uint64_t memory;
	uint64_t page_size;
};

/**
 * uvdk_dma_pool_get_stats() - counts of a pool and all its caches
 * @pool: pool
 * @out: filled in
 *
 * Exact if nobody takes or gives meanwhile.
 */
void uvdk_dma_pool_get_stats(struct uvdk_dma_pool *pool, struct uvdk_dma_pool_stats *out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DMA_H */
