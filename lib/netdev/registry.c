// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "netdev_priv.h"

#define MAX_REGISTERED 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */
static const struct uvdk_netdev_driver *registered[MAX_REGISTERED];
static unsigned int nr_registered;

static bool name_is_taken(const char *name)
{
	for (unsigned int i = 0; i < nr_registered; i++)
		if (!strcmp(registered[i]->name, name))
			return true;
	for (unsigned int i = 0; uvdk_builtin_netdevs[i]; i++)
		if (!strcmp(uvdk_builtin_netdevs[i]->name, name))
			return true;

	return false;
}

UVDK_EXPORT int uvdk_netdev_driver_register(const struct uvdk_netdev_driver *driver)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (name_is_taken(driver->name))
		ret = -EEXIST;
	else if (nr_registered == MAX_REGISTERED)
		ret = -ENOSPC;
	else
		registered[nr_registered++] = driver;
	pthread_mutex_unlock(&lock);

	if (ret == -EEXIST)
		return uvdk_fail(ret, COMPONENT, "a driver named %s is there already",
				 driver->name);
	if (ret)
		return uvdk_fail(ret, COMPONENT, "no room for driver %s, %u are registered",
				 driver->name, MAX_REGISTERED);
	return 0;
}

const struct uvdk_netdev_driver *netdev_find_driver(const struct uvdk_device_info *info)
{
	const struct uvdk_netdev_driver *found = NULL;

	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < nr_registered && !found; i++)
		if (registered[i]->match(info))
			found = registered[i];
	pthread_mutex_unlock(&lock);

	for (unsigned int i = 0; uvdk_builtin_netdevs[i] && !found; i++)
		if (uvdk_builtin_netdevs[i]->match(info))
			found = uvdk_builtin_netdevs[i];

	return found;
}
