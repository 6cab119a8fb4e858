/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SG_PRIV_H
#define SG_PRIV_H

#include <uvdk_dma_sg.h>

#include "dma_priv.h"

/*
 * Limits in the form in which they are applied. A *run* is what is contiguous in
 * IOVAs; it is cut into pieces, all of which but the last have a length that
 * is a multiple of the unit, so that the next one starts aligned.
 */
struct uvdk_dma_sg {
	const struct uvdk_xlate *xlate;
	uint64_t addr_low;   /* bits that are 0 in addresses */
	uint64_t len_low;    /* bits that are 0 in lengths */
	uint64_t unit_low;   /* both */
	uint64_t addr_never; /* bits that addresses can't have */
	uint64_t len_max;
	uint64_t boundary; /* 0: none */
	unsigned int count_max;
	struct uvdk_dma_pool_cache *bounce;
	size_t bounce_len; /* bytes used of each object */
	struct uvdk_dma_sg_stats stats;
};

/* Why a buffer could not be cut: kept as numbers, since bouncing is no failure. */
enum sg_wrong {
	SG_UNMAPPED,
	SG_ADDR_ALIGN,
	SG_LEN_ALIGN,
	SG_ADDR_MASK,
	SG_BOUNDARY,
	SG_TOO_MANY,
};

struct sg_cut {
	const struct uvdk_dma_sg *sg;
	struct uvdk_dma_piece *piece;
	unsigned int max;
	unsigned int count;
	uvdk_iova_t addr; /* the run that is being joined */
	uint64_t len;
	enum sg_wrong wrong;
	uint64_t wrong_at; /* IOVA, or VA for SG_UNMAPPED */
	uint64_t wrong_len;
};

/* Join a part to the run, or cut that and begin another. False: wrong. */
bool sg_join(struct sg_cut *cut, uvdk_iova_t addr, uint64_t len);

/* Cut the run; none is there afterwards. */
bool sg_cut(struct sg_cut *cut);

/* All of some buffers; their total length goes to @len. */
bool sg_walk(struct sg_cut *cut, const struct iovec *iov, unsigned int iov_count, uint64_t *len);

/* Say what is wrong; a negative errno. */
int sg_say(const struct sg_cut *cut);

/* The list's buffers through bounce buffers; its @len is known. */
int sg_bounce_map(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list);
void sg_bounce_unmap(struct uvdk_dma_sg *sg, struct uvdk_dma_list *list, uint64_t done);

/* What a pool and limits have to do with each other, when they are put together. */
int sg_bounce_check(struct uvdk_dma_sg *sg, const struct uvdk_ioas *ioas);

/* One thread writes, any may read. */
static inline void sg_count(uint64_t *counter, uint64_t more)
{
	__atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

#endif /* SG_PRIV_H */
