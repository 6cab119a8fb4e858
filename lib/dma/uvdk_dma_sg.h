/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMA_SG_H
#define UVDK_DMA_SG_H

#include <sys/uio.h>

#include <uvdk_dma_pool_cache.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Scatter lists
 *
 * A buffer, or an array of buffers, as pieces that a device can take: a piece is
 * contiguous for the device and keeps its limits. What is adjacent in IOVAs is
 * joined first, across pages, maps and buffers, and then cut as rarely as the
 * limits allow.
 *
 * A &struct uvdk_dma_sg holds the limits of a device, and counts. It is made
 * once for each thread; a call on it takes no lock and allocates nothing: pieces go to
 * an array of the caller's.
 *
 * Nothing is ever copied unless &struct uvdk_dma_sg_opts.bounce says where to.
 */

struct uvdk_dma_sg;

/**
 * struct uvdk_dma_limits - what a device can take as one piece; 0: no such limit
 * @len_max: most bytes
 * @len_align: power of two that lengths are a multiple of
 * @addr_align: power of two that IOVAs are a multiple of
 * @boundary: power of two, a multiple of which no piece crosses
 * @addr_mask: bits that an IOVA may have, of the last byte, too
 * @count_max: most pieces
 */
struct uvdk_dma_limits {
	uint64_t len_max;
	uint64_t len_align;
	uint64_t addr_align;
	uint64_t boundary;
	uint64_t addr_mask;
	unsigned int count_max;
};

/**
 * struct uvdk_dma_sg_opts - how to make scatter lists
 * @size: sizeof(struct uvdk_dma_sg_opts)
 * @limits: the device's
 * @bounce: cache of a pool of this address space, of this thread: what can't be given to the
 *	device as it is goes through its objects; NULL: it is an error
 */
struct uvdk_dma_sg_opts {
	size_t size;
	struct uvdk_dma_limits limits;
	struct uvdk_dma_pool_cache *bounce;
};

/**
 * struct uvdk_dma_piece - a piece of a scatter list
 * @addr: start
 * @len: bytes, not 0
 */
struct uvdk_dma_piece {
	uvdk_iova_t addr;
	size_t len;
};

/**
 * enum uvdk_dma_dir - what the device does with a buffer
 * @UVDK_DMA_TO_DEVICE: it reads: bounce buffers are filled before
 * @UVDK_DMA_FROM_DEVICE: it writes: bounce buffers are copied out after
 */
enum uvdk_dma_dir {
	UVDK_DMA_TO_DEVICE = 1 << 0,
	UVDK_DMA_FROM_DEVICE = 1 << 1,
};

/**
 * struct uvdk_dma_list - a buffer as pieces, from map to unmap
 * @piece: the caller's array, set before uvdk_dma_sg_map(); not to be changed before the unmap
 * @max: room in it, set before
 * @count: pieces that there are
 * @len: bytes that they have
 * @bounced: whether they are of bounce buffers
 * @dir: the library's
 * @iov: the library's
 * @iov_count: the library's
 * @one: the library's
 */
struct uvdk_dma_list {
	struct uvdk_dma_piece *piece;
	unsigned int max;
	unsigned int count;
	uint64_t len;
	bool bounced;
	unsigned int dir;
	const struct iovec *iov;
	unsigned int iov_count;
	struct iovec one;
};

/**
 * uvdk_dma_sg_create() - scatter lists for a device, for one thread
 * @ioas: address space that the device is attached to; must outlive it
 * @opts: limits and more, or NULL: none
 * @out: new, owned by the caller
 *
 * Return: 0; -EINVAL (NULL @ioas; a limit that is not a power of two; limits that leave
 * no length; a pool of another address space: the message says); -EDOM (objects
 * of the pool of bounce buffers do not keep the limits); -ENOMEM.
 */
int uvdk_dma_sg_create(struct uvdk_ioas *ioas, const struct uvdk_dma_sg_opts *opts,
		       struct uvdk_dma_sg **out);

/**
 * uvdk_dma_sg_destroy() - free; its lists must be unmapped
 * @sg: scatter lists, or NULL
 */
void uvdk_dma_sg_destroy(struct uvdk_dma_sg *sg);

/**
 * uvdk_dma_sg_map() - a buffer as pieces
 * @sg: its thread only
 * @list: @piece and @max are set; all else is filled in; must stay until the unmap
 * @va: start of the buffer
 * @len: bytes, not 0
 * @dir: enum uvdk_dma_dir
 *
 * The memory has been mapped before, and stays so. Whether for reading or
 * for writing is not looked at.
 *
 * Return: 0; or, and @list->count is 0 then: -EINVAL (no length, or one beyond 64
 * bits, no direction, NULL piece array); -EFAULT (not mapped: names the address); -EDOM (alignment
 * of an address or of a length, or boundary: names piece and limit); -ERANGE (address mask); -E2BIG
 * (too many pieces); with bounce buffers: -ENOBUFS (too few are free), -E2BIG, -EDOM (the sum of
 * lengths is not aligned: no copy helps).
 */
int uvdk_dma_sg_map(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list, void *va, size_t len,
		    unsigned int dir);

/**
 * uvdk_dma_sg_mapv() - several buffers, one after the other, as pieces
 * @sg: its thread only
 * @list: as uvdk_dma_sg_map()
 * @iov: buffers, some of which may be empty; must stay until the unmap
 * @iov_count: how many
 * @dir: enum uvdk_dma_dir
 *
 * Return: as uvdk_dma_sg_map().
 */
int uvdk_dma_sg_mapv(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list, const struct iovec *iov,
		     unsigned int iov_count, unsigned int dir);

/**
 * uvdk_dma_sg_unmap() - the device is done with a list
 * @sg: that mapped it; its thread only
 * @list: list; nothing happens if it has no pieces
 * @done: bytes that the device has written, from the start; the rest of the buffer stays as
 *	it was; UINT64_MAX: all
 *
 * Does nothing without bounce buffers, but has to be called all the same.
 */
void uvdk_dma_sg_unmap(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list, uint64_t done);

/**
 * struct uvdk_dma_sg_stats - what was done, always counted
 * @lists: lists mapped
 * @bytes: bytes in them
 * @pieces: pieces in them
 * @failed: lists that could not be mapped
 * @bounced: lists that went through bounce buffers
 * @bounced_bytes: bytes in those
 * @copied_bytes: bytes copied for them, in and out
 * @unmapped: lists unmapped
 */
struct uvdk_dma_sg_stats {
	uint64_t lists;
	uint64_t bytes;
	uint64_t pieces;
	uint64_t failed;
	uint64_t bounced;
	uint64_t bounced_bytes;
	uint64_t copied_bytes;
	uint64_t unmapped;
};

/**
 * uvdk_dma_sg_get_stats() - counts
 * @sg: scatter lists; any thread
 * @out: what this one has done is added to it, so that those of several threads are summed up;
 *	zeroed before the first
 */
void uvdk_dma_sg_get_stats(const struct uvdk_dma_sg *sg, struct uvdk_dma_sg_stats *out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DMA_SG_H */
