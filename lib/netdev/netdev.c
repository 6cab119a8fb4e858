// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_device_driver.h>

#include "netdev_priv.h"

/* The life of a port: open, configure, queues, start, stop, reset, close. */

_Static_assert(offsetof(struct uvdk_netdev, fast) == 0, "inline bursts cast the port to it");

UVDK_EXPORT uint16_t uvdk_netdev_no_burst(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	(void)queue;
	(void)pkts;
	(void)count;

	return 0;
}

static void silence(struct uvdk_netdev *nd)
{
	nd->fast.rx = uvdk_netdev_no_burst;
	nd->fast.tx = uvdk_netdev_no_burst;
}

static const char *name_of(const struct uvdk_netdev *nd)
{
	return uvdk_device_get_info(nd->dev)->name;
}

int netdev_check_alive(const struct uvdk_netdev *nd)
{
	if (uvdk_device_gone(nd->dev))
		return uvdk_fail(-ENODEV, COMPONENT, "%s: the device has vanished; close the port",
				 name_of(nd));
	return 0;
}

static int check_stopped(const struct uvdk_netdev *nd, const char *what)
{
	if (nd->started)
		return uvdk_fail(-EBUSY, COMPONENT, "%s: %s: stop the port first", name_of(nd),
				 what);
	return netdev_check_alive(nd);
}

UVDK_EXPORT int uvdk_netdev_open(struct uvdk_device *dev, struct uvdk_ioas *ioas,
				 struct uvdk_netdev **out)
{
	const struct uvdk_device_info *info;
	const struct uvdk_netdev_driver *driver;
	struct uvdk_netdev *nd;
	int ret;

	if (!dev || !ioas)
		return uvdk_fail(-EINVAL, COMPONENT,
				 "a port needs a device and an address space: has %s failed?",
				 dev ? "creating it" : "opening it");
	info = uvdk_device_get_info(dev);
	if (uvdk_device_gone(dev))
		return uvdk_fail(-ENODEV, COMPONENT, "%s: the device has vanished", info->name);
	driver = netdev_find_driver(info);
	if (!driver)
		return uvdk_fail(-EOPNOTSUPP, COMPONENT,
				 "%s: no network driver for device %04x:%04x", info->name,
				 info->vendor, info->device);

	ret = uvdk_device_claim(dev, "network port");
	if (ret)
		return ret;
	nd = aligned_alloc(_Alignof(struct uvdk_netdev), sizeof(*nd));
	if (!nd) {
		uvdk_device_unclaim(dev);
		return uvdk_fail(-ENOMEM, COMPONENT, "%s: out of memory", info->name);
	}
	memset(nd, 0, sizeof(*nd));
	nd->ops = driver;
	nd->dev = dev;
	nd->ioas = ioas;
	nd->info.driver = driver->name;
	nd->info.device = dev;
	silence(nd);

	ret = driver->open(nd);
	if (ret) {
		uvdk_device_unclaim(dev);
		free(nd);
		return ret;
	}
	pthread_mutex_init(&nd->busy, NULL);
	netdev_show(nd);
	*out = nd;

	return 0;
}

UVDK_EXPORT void uvdk_netdev_close(struct uvdk_netdev *nd)
{
	if (!nd)
		return;

	netdev_hide(nd);
	uvdk_netdev_stop(nd);
	nd->ops->close(nd);
	uvdk_device_unclaim(nd->dev);
	pthread_mutex_destroy(&nd->busy);
	free(nd);
}

UVDK_EXPORT void uvdk_netdev_get_info(const struct uvdk_netdev *nd, struct uvdk_netdev_info *out)
{
	*out = nd->info;
}

static int check_queues(const struct uvdk_netdev *nd, const char *what, unsigned int count,
			unsigned int max)
{
	if (!count || count > max)
		return uvdk_fail(-EINVAL, COMPONENT, "%s: %s is %u, must be 1 to %u", name_of(nd),
				 what, count, max);
	return 0;
}

static int check_mtu(const struct uvdk_netdev *nd, unsigned int mtu)
{
	if (mtu < 68 || mtu > nd->info.max_mtu)
		return uvdk_fail(-EINVAL, COMPONENT, "%s: MTU is %u, must be 68 to %u", name_of(nd),
				 mtu, nd->info.max_mtu);
	return 0;
}

static int check_conf(const struct uvdk_netdev *nd, const struct uvdk_netdev_conf *conf)
{
	int ret;

	ret = check_queues(nd, "rx_queues", conf->rx_queues, nd->info.max_rx_queues);
	if (!ret)
		ret = check_queues(nd, "tx_queues", conf->tx_queues, nd->info.max_tx_queues);
	if (ret)
		return ret;
	if (conf->offloads & ~nd->info.offloads)
		return uvdk_fail(-EINVAL, COMPONENT,
				 "%s: offloads are 0x%x, the port can do only 0x%x", name_of(nd),
				 conf->offloads, nd->info.offloads);

	return conf->mtu ? check_mtu(nd, conf->mtu) : 0;
}

UVDK_EXPORT int uvdk_netdev_configure(struct uvdk_netdev *nd, const struct uvdk_netdev_conf *conf)
{
	struct uvdk_netdev_conf own = {.size = sizeof(own)};
	int ret = check_stopped(nd, "configure");

	if (!ret)
		ret = uvdk_opts_copy(&own, sizeof(own), conf, "uvdk_netdev_conf");
	if (!ret)
		ret = check_conf(nd, &own);
	if (ret)
		return ret;
	pthread_mutex_lock(&nd->busy);
	ret = nd->ops->configure(nd, &own);
	if (!ret) {
		nd->conf = own;
		nd->configured = true;
	}
	pthread_mutex_unlock(&nd->busy);

	return ret;
}

static int check_queue(const struct uvdk_netdev *nd, const char *what, unsigned int queue,
		       unsigned int count, unsigned int *descs)
{
	int ret = check_stopped(nd, what);

	if (ret)
		return ret;
	if (!nd->configured)
		return uvdk_fail(-EINVAL, COMPONENT, "%s: %s: configure the port first",
				 name_of(nd), what);
	if (queue >= count)
		return uvdk_fail(-EINVAL, COMPONENT, "%s: %s: queue %u, but %u are configured",
				 name_of(nd), what, queue, count);
	if (!*descs)
		*descs = nd->info.max_desc < 256 ? nd->info.max_desc : 256;
	if (*descs < nd->info.min_desc || *descs > nd->info.max_desc || (*descs & (*descs - 1)))
		return uvdk_fail(-EINVAL, COMPONENT,
				 "%s: %s: %u descriptors; a power of two from %u to %u is needed",
				 name_of(nd), what, *descs, nd->info.min_desc, nd->info.max_desc);

	return 0;
}

UVDK_EXPORT int uvdk_netdev_rx_queue_setup(struct uvdk_netdev *nd, unsigned int queue,
					   unsigned int descs, struct rte_mempool *pool)
{
	int ret = check_queue(nd, "rx queue setup", queue, nd->conf.rx_queues, &descs);

	if (ret)
		return ret;
	if (!pool)
		return uvdk_fail(-EINVAL, COMPONENT, "%s: rx queue setup: no pool", name_of(nd));

	pthread_mutex_lock(&nd->busy);
	ret = nd->ops->rx_queue_setup(nd, queue, descs, pool);
	pthread_mutex_unlock(&nd->busy);

	return ret;
}

UVDK_EXPORT int uvdk_netdev_tx_queue_setup(struct uvdk_netdev *nd, unsigned int queue,
					   unsigned int descs)
{
	int ret = check_queue(nd, "tx queue setup", queue, nd->conf.tx_queues, &descs);

	if (ret)
		return ret;
	pthread_mutex_lock(&nd->busy);
	ret = nd->ops->tx_queue_setup(nd, queue, descs);
	pthread_mutex_unlock(&nd->busy);

	return ret;
}

UVDK_EXPORT int uvdk_netdev_start(struct uvdk_netdev *nd)
{
	int ret = netdev_check_alive(nd);

	if (ret)
		return ret;
	if (nd->started)
		return uvdk_fail(-EALREADY, COMPONENT, "%s: started already", name_of(nd));
	if (!nd->configured)
		return uvdk_fail(-EINVAL, COMPONENT, "%s: start: configure the port first",
				 name_of(nd));

	pthread_mutex_lock(&nd->busy);
	ret = nd->ops->start(nd);
	if (ret)
		silence(nd);
	nd->started = !ret;
	pthread_mutex_unlock(&nd->busy);

	return ret;
}

UVDK_EXPORT int uvdk_netdev_stop(struct uvdk_netdev *nd)
{
	int ret;

	if (!nd->started)
		return 0;

	pthread_mutex_lock(&nd->busy);
	silence(nd);
	nd->started = false;
	ret = nd->ops->stop(nd);
	pthread_mutex_unlock(&nd->busy);

	return ret;
}

UVDK_EXPORT int uvdk_netdev_reset(struct uvdk_netdev *nd)
{
	bool started = nd->started;
	int ret = netdev_check_alive(nd);

	if (ret)
		return ret;
	pthread_mutex_lock(&nd->busy);
	silence(nd);
	nd->started = false;
	ret = nd->ops->reset(nd);
	pthread_mutex_unlock(&nd->busy);
	if (!ret && started)
		ret = uvdk_netdev_start(nd);

	return ret;
}

UVDK_EXPORT int uvdk_netdev_set_mtu(struct uvdk_netdev *nd, unsigned int mtu)
{
	int ret = check_stopped(nd, "set MTU");

	if (!ret)
		ret = check_mtu(nd, mtu);

	return ret ? ret : nd->ops->set_mtu(nd, mtu);
}
