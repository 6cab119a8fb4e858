/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EAL_MBUF_H
#define UVDK_EAL_MBUF_H

#include <rte_mbuf.h>

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Mbufs for devices of any class
 *
 * Where a driver finds the data of an mbuf, whatever its pool is made of: EAL's
 * memory under a map (uvdk_eal.h), external buffers, or DMA memory of ours.
 */

struct uvdk_dma_opts;

/**
 * uvdk_eal_mbuf_iova() - where the device finds the data of a segment
 * @x: from uvdk_ioas_xlate()
 * @m: mbuf; the first @m->data_len bytes are contiguous there
 *
 * No lock, no call. What is returned is right until the mbuf is freed.
 *
 * Return: IOVA, or UVDK_IOVA_NONE if the data is not mapped.
 */
static inline uvdk_iova_t uvdk_eal_mbuf_iova(const struct uvdk_xlate *x, const struct rte_mbuf *m)
{
	return uvdk_translate(x, rte_pktmbuf_mtod(m, const char *));
}

/**
 * struct uvdk_eal_piece - bytes that a device finds in a row
 * @iova: where
 * @len: how many
 */
struct uvdk_eal_piece {
	uvdk_iova_t iova;
	uint32_t len;
};

/**
 * uvdk_eal_mbuf_pieces() - the data of a chain, as a scatter list
 * @x: from uvdk_ioas_xlate()
 * @m: first mbuf of a chain; segments without data are left out
 * @out: filled in; what is in a row for the device is one piece
 * @max: room in @out
 *
 * Pieces of an mbuf whose pages are not in a row for the device (noiommu) are
 * told apart. No lock, no system call.
 *
 * Return: pieces; -EFAULT (some of it is not mapped) or -E2BIG (more than @max);
 * neither is logged.
 */
int uvdk_eal_mbuf_pieces(const struct uvdk_xlate *x, const struct rte_mbuf *m,
			 struct uvdk_eal_piece *out, unsigned int max);

/**
 * uvdk_eal_pool_check() - does a device find all data of a pool, each mbuf's in a row?
 * @ioas: address space
 * @pool: pool of mbufs, idle: each page of their data is looked at
 *
 * Return: 0; -EINVAL; or -EFAULT: the message says what would help.
 */
int uvdk_eal_pool_check(struct uvdk_ioas *ioas, struct rte_mempool *pool);

/**
 * struct uvdk_eal_pool_opts - how to make a pool over DMA memory
 * @size: sizeof(struct uvdk_eal_pool_opts)
 * @count: mbufs, not 0; 2^n - 1 wastes least
 * @data_room: bytes of data in each, RTE_PKTMBUF_HEADROOM included; 0:
 *	RTE_MBUF_DEFAULT_BUF_SIZE. The buffers stand a multiple of 64 bytes apart
 * @cache: mbufs that each lcore may keep, at most 512
 * @memory: where the data comes from (uvdk_dma.h), or NULL
 */
struct uvdk_eal_pool_opts {
	size_t size;
	unsigned int count;
	unsigned int data_room;
	unsigned int cache;
	const struct uvdk_dma_opts *memory;
};

/**
 * uvdk_eal_pool_create() - mbufs whose data lies in DMA memory of ours
 * @ioas: address space; must outlive the pool
 * @name: of the mempool, unique, shorter than RTE_MEMPOOL_NAMESIZE
 * @opts: options
 * @out: new pool of pinned external buffers, owned by the caller
 *
 * All data lies in one buffer (uvdk_dma_alloc()), contiguous for the device and
 * mapped in @ioas alone: for applications that start EAL with --no-huge or
 * that would not map all of EAL's memory. The mbufs' headers are EAL's, and
 * devices need not reach them. A chain may mix such mbufs with others.
 *
 * Return: 0; -EINVAL; -EEXIST (the name is taken); -ENODEV (EAL not initialised);
 * -ENOMEM; or as uvdk_dma_alloc().
 */
int uvdk_eal_pool_create(struct uvdk_ioas *ioas, const char *name,
			 const struct uvdk_eal_pool_opts *opts, struct rte_mempool **out);

/**
 * uvdk_eal_pool_destroy() - free a pool and its memory; every mbuf must be back
 * @pool: from uvdk_eal_pool_create(), or NULL; another pool is left alone, which is logged
 */
void uvdk_eal_pool_destroy(struct rte_mempool *pool);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EAL_MBUF_H */
