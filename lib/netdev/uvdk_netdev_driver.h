/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_NETDEV_DRIVER_H
#define UVDK_NETDEV_DRIVER_H

#include <pthread.h>
#include <sys/queue.h>

#include <uvdk_base_driver.h>
#include <uvdk_netdev.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Drivers of network ports
 */

/**
 * struct uvdk_netdev - a port; the driver's own struct follows through @priv
 * @fast: burst functions and queues; the driver fills @fast.rx and @fast.tx at
 *	start and puts uvdk_netdev_no_burst there when packets must not flow
 * @ops: the driver
 * @dev: its device
 * @ioas: where mbufs are mapped
 * @priv: the driver's own
 * @info: what open() filled in
 * @conf: in force
 * @configured: configure() succeeded
 * @started: between start and stop
 * @id: number in telemetry
 * @entry: among all ports; as @id the class's own
 * @busy: held while queues are made, freed, started or stopped, so that a thread of
 *	telemetry leaves the port alone
 */
struct uvdk_netdev {
	struct uvdk_netdev_fast fast;
	const struct uvdk_netdev_driver *ops;
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;
	void *priv;
	struct uvdk_netdev_info info;
	struct uvdk_netdev_conf conf;
	bool configured;
	bool started;
	uint64_t id;
	TAILQ_ENTRY(uvdk_netdev) entry;
	pthread_mutex_t busy;
};

/**
 * struct uvdk_netdev_driver - a driver; no callback is NULL
 * @name: shown
 * @match: does it drive this device?
 * @open: reset, negotiate; fill in nd->info, set nd->priv
 * @close: stop, reset, free; never fails
 * @configure: as the public call, arguments checked against nd->info
 * @rx_queue_setup: as the public call
 * @tx_queue_setup: as the public call
 * @start: as the public call; on error everything is as before, no mbuf is kept
 * @stop: as the public call; called only when started, bursts are off already
 * @reset: stop if started, bring a broken port back; the class starts it again
 * @mac: MAC address
 * @set_mac: change it
 * @set_promisc: change it
 * @promisc: state
 * @mtu: in force
 * @set_mtu: change it
 * @link: state
 * @stats: read
 * @xstats: read
 * @clear_stats: zero
 * @broken: state and sentence
 */
struct uvdk_netdev_driver {
	const char *name;
	bool (*match)(const struct uvdk_device_info *info);
	int (*open)(struct uvdk_netdev *nd);
	void (*close)(struct uvdk_netdev *nd);
	int (*configure)(struct uvdk_netdev *nd, const struct uvdk_netdev_conf *conf);
	int (*rx_queue_setup)(struct uvdk_netdev *nd, unsigned int queue, unsigned int descs,
			      struct rte_mempool *pool);
	int (*tx_queue_setup)(struct uvdk_netdev *nd, unsigned int queue, unsigned int descs);
	int (*start)(struct uvdk_netdev *nd);
	int (*stop)(struct uvdk_netdev *nd);
	int (*reset)(struct uvdk_netdev *nd);
	int (*mac)(const struct uvdk_netdev *nd, uint8_t mac[6]);
	int (*set_mac)(struct uvdk_netdev *nd, const uint8_t mac[6]);
	int (*set_promisc)(struct uvdk_netdev *nd, bool on);
	bool (*promisc)(const struct uvdk_netdev *nd);
	unsigned int (*mtu)(const struct uvdk_netdev *nd);
	int (*set_mtu)(struct uvdk_netdev *nd, unsigned int mtu);
	int (*link)(struct uvdk_netdev *nd, struct uvdk_netdev_link *out);
	void (*stats)(struct uvdk_netdev *nd, struct uvdk_netdev_stats *out);
	unsigned int (*xstats)(struct uvdk_netdev *nd, struct uvdk_netdev_xstat *out,
			       unsigned int max);
	void (*clear_stats)(struct uvdk_netdev *nd);
	bool (*broken)(const struct uvdk_netdev *nd, const char **why);
};

/* NULL-terminated; defined in drivers/net/builtin.c, or by a test. */
extern const struct uvdk_netdev_driver *const uvdk_builtin_netdevs[];

/**
 * uvdk_netdev_driver_register() - add a driver from outside the tree
 * @driver: must live as long as the process
 *
 * Return: 0, -EEXIST or -ENOSPC (more than 16).
 */
int uvdk_netdev_driver_register(const struct uvdk_netdev_driver *driver);

/**
 * uvdk_netdev_no_burst() - burst function of a port that moves nothing
 * @queue: unused
 * @pkts: unused
 * @count: unused
 *
 * Return: 0.
 */
uint16_t uvdk_netdev_no_burst(void *queue, struct rte_mbuf **pkts, uint16_t count);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_NETDEV_DRIVER_H */
