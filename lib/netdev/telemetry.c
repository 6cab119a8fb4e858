// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/queue.h>

#include <uvdk_device_driver.h>
#include <uvdk_eal_telemetry_driver.h>

#include "netdev_priv.h"

/* Ports for who asks at DPDK's telemetry socket: /uvdk/queues. */

/* Entries of one answer, for which 16 KiB have room, and for a few DMA channels. */
#define PORTS  24u
#define COUNTS 128u

#define USAGE  "/uvdk/queues or ...,ports,AFTER or ...,PORT or ...,PORT,FROM or ...,dma,AFTER"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list; then a port's busy */
static TAILQ_HEAD(, uvdk_netdev) ports = TAILQ_HEAD_INITIALIZER(ports);
static uint64_t last_id;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void put_port(struct rte_tel_data *d, struct uvdk_netdev *nd)
{
	struct uvdk_netdev_stats s;

	nd->ops->stats(nd, &s);
	uvdk_tel_string(d, "device", uvdk_device_get_info(nd->dev)->name);
	uvdk_tel_string(d, "driver", nd->info.driver);
	uvdk_tel_bool(d, "started", nd->started);
	uvdk_tel_bool(d, "broken", nd->ops->broken(nd, NULL));
	uvdk_tel_number(d, "rx_queues", nd->conf.rx_queues);
	uvdk_tel_number(d, "tx_queues", nd->conf.tx_queues);
	uvdk_tel_number(d, "rx_packets", s.rx_packets);
	uvdk_tel_number(d, "tx_packets", s.tx_packets);
	uvdk_tel_number(d, "rx_bytes", s.rx_bytes);
	uvdk_tel_number(d, "tx_bytes", s.tx_bytes);
	uvdk_tel_number(d, "rx_missed", s.rx_missed);
	uvdk_tel_number(d, "rx_errors", s.rx_errors);
	uvdk_tel_number(d, "tx_errors", s.tx_errors);
	uvdk_tel_number(d, "rx_nombuf", s.rx_nombuf);
}

/* Whoever changes a port may take a while, and is not waited for. */
static void put_port_unless_busy(struct rte_tel_data *d, struct uvdk_netdev *nd)
{
	if (!d)
		return;
	if (pthread_mutex_trylock(&nd->busy)) {
		uvdk_tel_bool(d, "busy", true);
		return;
	}
	put_port(d, nd);
	pthread_mutex_unlock(&nd->busy);
}

/* They come by ascending number. */
static void put_ports(struct rte_tel_data *out, uint64_t after, const char *next)
{
	unsigned int count = 0;
	struct uvdk_netdev *nd;

	TAILQ_FOREACH(nd, &ports, entry)
	{
		if (nd->id <= after)
			continue;
		if (count++ == PORTS) {
			uvdk_tel_number(out, next, after);
			return;
		}
		put_port_unless_busy(uvdk_tel_dict_of(out, nd->id), nd);
		after = nd->id;
	}
}

static int put_counts(struct rte_tel_data *out, struct uvdk_netdev *nd, uint64_t from)
{
	unsigned int count = nd->ops->xstats(nd, NULL, 0);
	struct uvdk_netdev_xstat *x = calloc(count ? count : 1, sizeof(*x));
	struct rte_tel_data *counts;

	if (!x)
		return uvdk_fail(-ENOMEM, COMPONENT, "out of memory");
	nd->ops->xstats(nd, x, count);
	put_port(out, nd);
	counts = uvdk_tel_dict(out, "counts");
	for (uint64_t i = from; counts && i < count && i - from < COUNTS; i++)
		uvdk_tel_number(counts, x[i].name, x[i].value);
	if (from < count && count - from > COUNTS)
		uvdk_tel_number(out, "next", from + COUNTS);
	free(x);

	return 0;
}

static int put_one(struct rte_tel_data *out, uint64_t id, uint64_t from)
{
	struct uvdk_netdev *nd;
	int ret;

	TAILQ_FOREACH(nd, &ports, entry)
	if (nd->id == id)
		break;
	if (!nd)
		return uvdk_fail(-ENOENT, COMPONENT,
				 "there is no port %" PRIu64 "; see /uvdk/queues", id);
	if (pthread_mutex_trylock(&nd->busy))
		return uvdk_fail(-EBUSY, COMPONENT, "port %" PRIu64 " is just being changed", id);
	ret = put_counts(out, nd, from);
	pthread_mutex_unlock(&nd->busy);

	return ret;
}

static int answer(void *priv, const char *params, struct rte_tel_data *out)
{
	const char *rest = uvdk_tel_word(params, "ports");
	uint64_t p[2] = {0};
	int ret = uvdk_tel_params(rest ? rest : params, USAGE, 0, rest ? 1 : 2, p);
	bool one = ret > 0 && !rest;

	(void)priv;
	if (ret < 0)
		return ret;
	ret = 0;
	rte_tel_data_start_dict(out);
	pthread_mutex_lock(&lock);
	if (one)
		ret = put_one(out, p[0], p[1]);
	else /* where channels follow, "next" is theirs */
		put_ports(out, p[0], rest ? "next" : "next_port");
	pthread_mutex_unlock(&lock);

	return ret;
}

static void add_ports(void)
{
	uvdk_tel_set_ports(answer);
}

void netdev_show(struct uvdk_netdev *nd)
{
	pthread_once(&once, add_ports);
	pthread_mutex_lock(&lock);
	nd->id = ++last_id;
	TAILQ_INSERT_TAIL(&ports, nd, entry);
	pthread_mutex_unlock(&lock);
}

void netdev_hide(struct uvdk_netdev *nd)
{
	pthread_mutex_lock(&lock);
	TAILQ_REMOVE(&ports, nd, entry);
	pthread_mutex_unlock(&lock);
}
