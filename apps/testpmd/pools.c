// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "app.h"

/* Rings are this long unless asked otherwise: long enough for bursts, and no longer. */
#define DEFAULT_DESCS 512

unsigned int ring_size(unsigned int asked, unsigned int min, unsigned int max)
{
	return asked ? asked : RTE_MAX(RTE_MIN(DEFAULT_DESCS, max), min);
}

/*
 * What a port's rings can hold at once, and what the cores hold besides: a
 * burst under way and two caches' worth (one fills while the other empties).
 */
static unsigned int needed(const struct options *opts, unsigned int ports)
{
	unsigned int rings = opts->rxq * ring_size(opts->rxd, 0, DEFAULT_DESCS) +
			     opts->txq * ring_size(opts->txd, 0, DEFAULT_DESCS);
	unsigned int cores = opts->nb_cores + 1;

	return ports * rings * opts->tx_segs + cores * (opts->burst + 2 * opts->mbcache);
}

static struct pool *find(struct app *app, int socket)
{
	for (struct pool *p = app->pools; p; p = p->next)
		if (p->socket == socket && p->users < p->places)
			return p;

	return NULL;
}

static int create(struct app *app, int socket, unsigned int ports, struct pool **out)
{
	const struct options *opts = &app->opts;
	static unsigned int serial;
	char name[RTE_MEMPOOL_NAMESIZE];
	unsigned int count, cache;
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	count = opts->total_num_mbufs ? opts->total_num_mbufs : needed(opts, ports);
	/* A cache may not be larger than two thirds of the pool. */
	cache = RTE_MIN(opts->mbcache, count * 2 / 3);
	snprintf(name, sizeof(name), "mb_pool_%u", serial++);
	pool->mp =
		rte_pktmbuf_pool_create(name, count, cache, 0, (uint16_t)opts->mbuf_size, socket);
	if (!pool->mp) {
		free(pool);
		return refuse(-ENOMEM,
			      "no memory for %u mbufs of %u bytes on NUMA node %d (%s); give EAL "
			      "more (-m) or use less (--total-num-mbufs)",
			      count, opts->mbuf_size, socket, rte_strerror(rte_errno));
	}
	pool->socket = socket;
	pool->places = opts->total_num_mbufs ? MAX_PORTS : ports;
	pool->next = app->pools;
	app->pools = pool;
	*out = pool;

	return 0;
}

int pool_get(struct app *app, int socket, unsigned int ports, struct pool **out)
{
	struct pool *pool;
	int ret;

	if (socket < 0)
		socket = (int)rte_socket_id();
	pool = find(app, socket);
	if (!pool) {
		ret = create(app, socket, ports, &pool);
		if (ret)
			return ret;
	}
	pool->users++;
	*out = pool;

	return 0;
}

void pool_put(struct pool *pool)
{
	if (pool)
		pool->users--;
}

void pools_free(struct app *app)
{
	struct pool *pool;

	while ((pool = app->pools) != NULL) {
		app->pools = pool->next;
		rte_mempool_free(pool->mp);
		free(pool);
	}
}
