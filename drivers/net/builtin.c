// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_netdev_driver.h>

/* Every driver built into libuvdk_net. */

extern const struct uvdk_netdev_driver uvdk_netdev_virtio;

const struct uvdk_netdev_driver *const uvdk_builtin_netdevs[] = {
	&uvdk_netdev_virtio,
	NULL,
};
