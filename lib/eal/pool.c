// SPDX-License-Identifier: BSD-3-Clause
/* For rte_pktmbuf_pool_create_extbuf() of DPDK 22.11. */
#define ALLOW_EXPERIMENTAL_API
#include <errno.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include <uvdk_dma.h>

#include "eal_priv.h"

#define ALIGN 64u

/* Pools and the memory below them; a pool has no place for a pointer of ours. */
struct pool {
	struct pool *next;
	struct rte_mempool *mp;
	struct uvdk_dma_buf buf;
};

static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list */
static struct pool *pools;

static int check(const struct uvdk_ioas *ioas, const char *name,
		 const struct uvdk_eal_pool_opts *opts)
{
	if (!ioas || !name || !opts->count)
		return uvdk_fail(-EINVAL, COMPONENT,
				 "a pool needs an address space, a name and a count of mbufs");
	if (opts->data_room <= RTE_PKTMBUF_HEADROOM || opts->data_room > UINT16_MAX - ALIGN)
		return uvdk_fail(-EINVAL, COMPONENT,
				 "pool %s: data room is %u, must be %u to %u, the headroom of %u "
				 "included",
				 name, opts->data_room, RTE_PKTMBUF_HEADROOM + 1,
				 UINT16_MAX - ALIGN, RTE_PKTMBUF_HEADROOM);
	if (!rte_lcore_count())
		return uvdk_fail(-ENODEV, COMPONENT, "call rte_eal_init() first");

	return 0;
}

static int make_mempool(struct pool *pool, const char *name, const struct uvdk_eal_pool_opts *opts,
			uint16_t step)
{
	const struct rte_pktmbuf_extmem mem = {
		.buf_ptr = pool->buf.va,
		/* Nobody asks: drivers translate. */
		.buf_iova = pool->buf.iova,
		.buf_len = pool->buf.len,
		.elt_size = step,
	};
	int err;

	/* The room that mbufs have is all of an element. */
	pool->mp = rte_pktmbuf_pool_create_extbuf(name, opts->count, opts->cache, 0, step,
						  SOCKET_ID_ANY, &mem, 1);
	if (pool->mp)
		return 0;
	err = rte_errno ? rte_errno : ENOMEM;

	return uvdk_fail(-err, COMPONENT, "pool %s of %u mbufs can't be made: %s", name,
			 opts->count, rte_strerror(err));
}

static int make(struct uvdk_ioas *ioas, const char *name, const struct uvdk_eal_pool_opts *opts,
		struct pool *pool)
{
	uint16_t step = (uint16_t)((opts->data_room + ALIGN - 1) / ALIGN * ALIGN);
	int ret = uvdk_dma_alloc(ioas, (size_t)step * opts->count, opts->memory, &pool->buf);

	if (ret)
		return ret;
	ret = make_mempool(pool, name, opts, step);
	if (ret)
		uvdk_dma_free(&pool->buf);

	return ret;
}

UVDK_EXPORT int uvdk_eal_pool_create(struct uvdk_ioas *ioas, const char *name,
				     const struct uvdk_eal_pool_opts *opts,
				     struct rte_mempool **out)
{
	struct uvdk_eal_pool_opts o = {.size = sizeof(o)};
	struct pool *pool;
	int ret = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_eal_pool_opts");

	if (!o.data_room)
		o.data_room = RTE_MBUF_DEFAULT_BUF_SIZE;
	if (!ret)
		ret = check(ioas, name, &o);
	if (ret)
		return ret;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return uvdk_fail(-ENOMEM, COMPONENT, "out of memory");
	ret = make(ioas, name, &o, pool);
	if (ret) {
		free(pool);
		return ret;
	}
	pthread_mutex_lock(&pools_lock);
	pool->next = pools;
	pools = pool;
	pthread_mutex_unlock(&pools_lock);
	*out = pool->mp;

	return 0;
}

static struct pool *take(const struct rte_mempool *mp)
{
	struct pool **link = &pools;
	struct pool *pool;

	pthread_mutex_lock(&pools_lock);
	while (*link && (*link)->mp != mp)
		link = &(*link)->next;
	pool = *link;
	if (pool)
		*link = pool->next;
	pthread_mutex_unlock(&pools_lock);

	return pool;
}

UVDK_EXPORT void uvdk_eal_pool_destroy(struct rte_mempool *mp)
{
	struct pool *pool = mp ? take(mp) : NULL;

	if (!mp)
		return;
	if (!pool) {
		uvdk_log(UVDK_LOG_ERR, COMPONENT,
			 "a mempool that uvdk_eal_pool_create() did not make is left alone");
		return;
	}
	if (!rte_mempool_full(mp))
		uvdk_log(UVDK_LOG_WARN, COMPONENT,
			 "pool %s goes while %u of its mbufs are in use: whoever has them must not "
			 "touch them any more",
			 mp->name, rte_mempool_in_use_count(mp));
	rte_mempool_free(mp);
	uvdk_dma_free(&pool->buf);
	free(pool);
}
