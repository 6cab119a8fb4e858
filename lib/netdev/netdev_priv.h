/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_NETDEV_PRIV_H
#define UVDK_NETDEV_PRIV_H

#include <uvdk_netdev_driver.h>

#define COMPONENT "netdev"

/* The driver for a device, registered ones first; NULL if nobody knows it. */
const struct uvdk_netdev_driver *netdev_find_driver(const struct uvdk_device_info *info);

/* 0, or -ENODEV with a sentence. */
int netdev_check_alive(const struct uvdk_netdev *nd);

/* telemetry.c: from now on, or no longer, told of at DPDK's telemetry socket */
void netdev_show(struct uvdk_netdev *nd);
void netdev_hide(struct uvdk_netdev *nd);

#endif /* UVDK_NETDEV_PRIV_H */
