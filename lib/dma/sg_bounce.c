// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "pool_priv.h"
#include "sg_priv.h"

/*
 * A buffer that can't be given to the device as it is goes as a whole through
 * objects of a pool. All of these but the last are full, so the list of pieces
 * says where each one starts, and nothing else has to be remembered.
 */

static char *object_at(const struct uvdk_dma_sg *sg, uvdk_iova_t addr)
{
	return (char *)(uintptr_t)(addr - sg->bounce->delta);
}

/*
 * What is cut at a boundary starts at a multiple of lengths, too: an object that crosses one
 * starts there.
 */
static bool cut_well(const struct uvdk_dma_sg *sg, const struct uvdk_dma_pool *pool,
		     uint64_t starts)
{
	bool crosses = sg->boundary < pool->page || pool->stride > pool->page;

	return !sg->boundary || !crosses || !(starts & sg->unit_low);
}

int sg_bounce_check(struct uvdk_dma_sg *sg, const struct uvdk_ioas *ioas)
{
	const struct uvdk_dma_pool *pool = sg->bounce->priv->pool;
	uvdk_iova_t first, last;
	size_t apart;

	if (!pool || pool->buf.ioas != ioas)
		return uvdk_fail(-EINVAL, DMA_COMPONENT,
				 "the pool of bounce buffers %s: take one of the address space "
				 "that the scatter lists are for",
				 pool ? "is of another address space" : "is gone");
	first = pool->buf.iova;
	last = first + pool->buf.len - 1;
	apart = pool->stride <= pool->page ? pool->stride | pool->page : pool->stride;
	sg->bounce_len = pool->object_size & ~sg->unit_low;
	if (sg->bounce_len && !((first | apart) & sg->addr_low) &&
	    !((first | last) & sg->addr_never) && cut_well(sg, pool, first | apart))
		return 0;

	return uvdk_fail(-EDOM, DMA_COMPONENT,
			 "bounce buffers of %zu bytes, %zu apart, at IOVA 0x%" PRIx64 "-0x%" PRIx64
			 " don't keep the device's limits: addresses a multiple of %" PRIu64
			 ", lengths of %" PRIu64 ", within mask 0x%" PRIx64
			 ", across no multiple of 0x%" PRIx64 " (0: of any) but at such lengths",
			 pool->object_size, pool->stride, first, last, sg->addr_low + 1,
			 sg->len_low + 1, ~sg->addr_never, sg->boundary);
}

/* Objects of the first pieces go back; a piece that starts one is where all before are full. */
static void put_objects(struct uvdk_dma_sg *sg, const struct uvdk_dma_piece *piece,
			unsigned int count)
{
	uint64_t at = 0;

	for (unsigned int i = 0; i < count; i++) {
		if (!(at % sg->bounce_len))
			uvdk_dma_pool_cache_put(sg->bounce, object_at(sg, piece[i].addr));
		at += piece[i].len;
	}
}

/* Between the buffers and their pieces, the first @len bytes. */
static void copy(struct uvdk_dma_sg *sg, const struct uvdk_dma_list *list, uint64_t len, bool in)
{
	const struct iovec *iov = list->iov;
	uint64_t iov_at = 0, piece_at = 0;
	unsigned int i = 0;

	sg_count(&sg->stats.copied_bytes, len);
	while (len) {
		const struct uvdk_dma_piece *piece = &list->piece[i];
		uint64_t n = piece->len - piece_at;
		char *object = object_at(sg, piece->addr) + piece_at;
		char *va = (char *)iov->iov_base + iov_at;

		n = n < iov->iov_len - iov_at ? n : iov->iov_len - iov_at;
		n = n < len ? n : len;
		if (n)
			memcpy(in ? object : va, in ? va : object, n);
		len -= n;
		piece_at += n;
		iov_at += n;
		if (piece_at == piece->len) {
			piece_at = 0;
			i++;
		}
		if (iov_at == iov->iov_len) {
			iov_at = 0;
			iov++;
		}
	}
}

/* One more object as pieces: joined to none before. */
static int add_object(struct uvdk_dma_sg *sg, struct sg_cut *cut, uint64_t len)
{
	unsigned int before = cut->count;
	void *object = uvdk_dma_pool_cache_get(sg->bounce);

	if (!object)
		return uvdk_fail(-ENOBUFS, DMA_COMPONENT,
				 "no bounce buffer is free for piece %u: their pool is too small",
				 before);
	cut->addr = uvdk_dma_pool_cache_iova(sg->bounce, object);
	cut->len = len;
	if (sg_cut(cut))
		return 0;
	cut->count = before;
	uvdk_dma_pool_cache_put(sg->bounce, object);

	return sg_say(cut);
}

int sg_bounce_map(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list)
{
	struct sg_cut cut = {.sg = sg, .piece = list->piece, .max = list->max};

	cut.max = cut.max < sg->count_max ? cut.max : sg->count_max;
	if (list->len & sg->len_low)
		return uvdk_fail(-EDOM, DMA_COMPONENT,
				 "%" PRIu64 " bytes in all: the device takes lengths that are a "
				 "multiple of %" PRIu64 ", and no bounce buffer helps",
				 list->len, sg->len_low + 1);
	for (uint64_t left = list->len; left;) {
		uint64_t len = left < sg->bounce_len ? left : sg->bounce_len;
		int err = add_object(sg, &cut, len);

		if (err) {
			put_objects(sg, list->piece, cut.count);
			return err;
		}
		left -= len;
	}

	list->count = cut.count;
	list->bounced = true;
	if (list->dir & UVDK_DMA_TO_DEVICE)
		copy(sg, list, list->len, true);
	sg_count(&sg->stats.bounced, 1);
	sg_count(&sg->stats.bounced_bytes, list->len);

	return 0;
}

void sg_bounce_unmap(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list, uint64_t done)
{
	if (list->dir & UVDK_DMA_FROM_DEVICE)
		copy(sg, list, done < list->len ? done : list->len, false);
	put_objects(sg, list->piece, list->count);
}
