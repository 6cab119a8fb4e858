// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <limits.h>
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

/* What a port's rings can hold at once. */
static unsigned int share(const struct options *opts, const struct uvdk_netdev_info *info)
{
	unsigned int rx = opts->rxq * ring_size(opts->rxd, info->min_desc, info->max_desc);
	unsigned int tx = opts->txq * ring_size(opts->txd, info->min_desc, info->max_desc);

	return (rx + tx) * opts->tx_segs;
}

/* What cores hold besides: a burst under way, and a cache that may overflow by half. */
static unsigned int in_hand(const struct options *opts)
{
	return (opts->nb_cores + 1) * (2 * opts->burst + opts->mbcache + opts->mbcache / 2);
}

static struct pool *find(struct app *app, int socket, unsigned int mbufs)
{
	for (struct pool *p = app->pools; p; p = p->next)
		if (p->socket == socket && p->left >= mbufs)
			return p;

	return NULL;
}

static int create(struct app *app, int socket, unsigned int mbufs, struct pool **out)
{
	const struct options *opts = &app->opts;
	static unsigned int serial;
	char name[RTE_MEMPOOL_NAMESIZE];
	unsigned int count, cache;
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	count = opts->total_num_mbufs ? opts->total_num_mbufs : mbufs + in_hand(opts);
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
	/* A number the user gave is not ours to second-guess. */
	pool->left = opts->total_num_mbufs ? UINT_MAX : mbufs;
	pool->next = app->pools;
	app->pools = pool;
	*out = pool;

	return 0;
}

static int socket_of(const struct port *port)
{
	int node = uvdk_device_get_info(port->dev)->numa_node;

	return node < 0 ? (int)rte_socket_id() : node;
}

/* For this port, and the others of its node that have none yet. */
static unsigned int wanted(const struct app *app, const struct port *port)
{
	unsigned int mbufs = share(&app->opts, &port->info);

	for (unsigned int i = 0; i < MAX_PORTS; i++) {
		const struct port *other = &app->port[i];

		if (other != port && other->nd && !other->pool &&
		    socket_of(other) == socket_of(port))
			mbufs += share(&app->opts, &other->info);
	}

	return mbufs;
}

int pool_get(struct app *app, struct port *port)
{
	unsigned int mbufs = share(&app->opts, &port->info);
	struct pool *pool = find(app, socket_of(port), mbufs);
	int ret;

	if (!pool) {
		ret = create(app, socket_of(port), wanted(app, port), &pool);
		if (ret)
			return ret;
	}
	if (!app->opts.total_num_mbufs)
		pool->left -= mbufs;
	port->pool = pool;
	port->mbufs = mbufs;

	return 0;
}

void pool_put(struct app *app, struct port *port)
{
	if (port->pool && !app->opts.total_num_mbufs)
		port->pool->left += port->mbufs;
	port->pool = NULL;
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
