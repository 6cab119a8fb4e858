// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <rte_mempool.h>

#include "eal_priv.h"

#define XLATE_PAGE (UINT64_C(1) << UVDK_XLATE_LEAF_SHIFT)

struct list {
	struct uvdk_eal_piece *out;
	unsigned int max;
	unsigned int count;
};

static int append(struct list *list, uvdk_iova_t iova, uint32_t len)
{
	struct uvdk_eal_piece *last = list->count ? &list->out[list->count - 1] : NULL;

	if (last && last->iova + last->len == iova && last->len <= UINT32_MAX - len) {
		last->len += len;
		return 0;
	}
	if (list->count == list->max)
		return -E2BIG;
	list->out[list->count++] = (struct uvdk_eal_piece){.iova = iova, .len = len};

	return 0;
}

/* Page by page: only within one is it certain that all is in a row. */
static int append_segment(struct list *list, const struct uvdk_xlate *x, const struct rte_mbuf *m)
{
	const char *va = rte_pktmbuf_mtod(m, const char *);
	uint32_t left = m->data_len;

	while (left) {
		uvdk_iova_t iova = uvdk_translate(x, va);
		uint64_t room = XLATE_PAGE - ((uintptr_t)va & (XLATE_PAGE - 1));
		uint32_t len = left < room ? left : (uint32_t)room;
		int ret = iova == UVDK_IOVA_NONE ? -EFAULT : append(list, iova, len);

		if (ret)
			return ret;
		va += len;
		left -= len;
	}

	return 0;
}

UVDK_EXPORT int uvdk_eal_mbuf_pieces(const struct uvdk_xlate *x, const struct rte_mbuf *m,
				     struct uvdk_eal_piece *out, unsigned int max)
{
	struct list list = {.out = out, .max = max};

	for (; m; m = m->next) {
		int ret = append_segment(&list, x, m);

		if (ret)
			return ret;
	}

	return (int)list.count;
}

struct search {
	const struct uvdk_xlate *x;
	unsigned int unmapped;
	unsigned int torn;
};

static void look(struct rte_mempool *pool, void *arg, void *obj, unsigned int index)
{
	struct search *search = arg;
	const struct rte_mbuf *m = obj;
	const char *va = m->buf_addr;
	bool unmapped = false, torn = false;
	uint64_t step;

	(void)pool;
	(void)index;
	for (uint32_t at = 0; at < m->buf_len; at += (uint32_t)step) {
		uvdk_iova_t iova = uvdk_translate(search->x, va + at);

		unmapped = unmapped || iova == UVDK_IOVA_NONE;
		torn = torn || iova != uvdk_translate(search->x, va) + at;
		step = XLATE_PAGE - ((uintptr_t)(va + at) & (XLATE_PAGE - 1));
	}
	search->unmapped += unmapped;
	search->torn += torn && !unmapped;
}

UVDK_EXPORT int uvdk_eal_pool_check(struct uvdk_ioas *ioas, struct rte_mempool *pool)
{
	struct search search = {0};

	if (!ioas || !pool)
		return uvdk_fail(-EINVAL, COMPONENT,
				 "checking a pool needs an address space and a pool");
	search.x = uvdk_ioas_xlate(ioas);
	rte_mempool_obj_iter(pool, look, &search);
	if (search.unmapped)
		return uvdk_fail(
			-EFAULT, COMPONENT,
			"%u of %u mbufs of pool %s are not mapped in this address space; call "
			"uvdk_eal_map_create() (with UVDK_EAL_MAP_EXTERNAL for memory that was "
			"added to DPDK), or map their memory",
			search.unmapped, pool->size, pool->name);
	if (search.torn)
		return uvdk_fail(
			-EFAULT, COMPONENT,
			"%u of %u mbufs of pool %s are not in a row for devices, as part of them "
			"was mapped by somebody else before, or they cross pages that are not in a "
			"row; call uvdk_eal_map_create() before others map such memory",
			search.torn, pool->size, pool->name);

	return 0;
}
