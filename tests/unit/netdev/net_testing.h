/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_TESTING_H
#define NET_TESTING_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <uvdk_device.h>
#include <uvdk_eal.h>
#include <uvdk_emu.h>
#include <uvdk_emu_virtio_net.h>
#include <uvdk_iommu.h>
#include <uvdk_netdev.h>

/*
 * Ports of emulated virtio-net functions for tests: a machine, an address
 * space with EAL memory in it, and up to four ports that share them.
 */
#define MAX_PORTS 4

struct port {
	struct uvdk_device *dev;
	struct uvdk_netdev *nd;
	const char *name;
};

struct net {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas;
	struct uvdk_eal_map *map;
	struct rte_mempool *pool;
	struct port port[MAX_PORTS];
	unsigned int ports;
};

/* What a port is opened and configured with; 0 means the default. */
struct conf {
	const char *args; /* behind "emu:virtio-net" */
	unsigned int queues;
	unsigned int descs;
	uint32_t offloads;
	unsigned int mtu;
};

/* EAL once a process, then a machine; @manual: models run in net_step() only. */
void net_create(struct net *net, bool manual, unsigned int mbufs, unsigned int room);
/* Opens a device, and a port on it; returns what uvdk_netdev_open() does. */
int net_try_open(struct net *net, const char *args);
/* Opens, configures, sets up queues, starts. */
struct uvdk_netdev *net_add(struct net *net, const struct conf *conf);
/* A manual machine with one port and mbufs of 2048 bytes. */
struct uvdk_netdev *net_one_port(struct net *net, const char *args, uint32_t offloads);
int net_setup_queues(struct net *net, struct uvdk_netdev *nd, const struct conf *conf);
/* Closes everything; asserts that all mbufs are back and that the model is content. */
void net_destroy(struct net *net);
/* As net_destroy(), for models that misbehaved. */
void net_destroy_after_evil(struct net *net);

/* Lets a manual machine work until it has nothing to do. */
void net_step(struct net *net);
unsigned int net_mbufs_out(const struct net *net);
/* A named counter of a port; asserts that there is one. */
uint64_t net_xstat(struct uvdk_netdev *nd, const char *name);
struct uvdk_emu_virtio_net_stats net_seen(const struct net *net, unsigned int port);
/* Asserts that the model saw no rule broken and the IOMMU no stray access. */
void net_expect_content(const struct net *net);

/* Packet number @n: pseudo-random bytes that depend on it. */
struct rte_mbuf *packet_make(struct rte_mempool *pool, uint32_t n, uint32_t len, unsigned int segs);
/* Asserts that @m is packet @n of @len bytes, whatever its segments. */
void packet_check(const struct rte_mbuf *m, uint32_t n, uint32_t len);
void packet_bytes(uint8_t *out, uint32_t n, uint32_t len);

/* Monotonic seconds. */
double now(void);
#define WITHIN(seconds, condition)                                 \
	({                                                         \
		double deadline_ = now() + (seconds);              \
		bool met_;                                         \
		while (!(met_ = (condition)) && now() < deadline_) \
			sched_yield();                             \
		met_;                                              \
	})

#endif /* NET_TESTING_H */
