// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "device_priv.h"

#define REGISTRY_MAX 16

static struct {
	pthread_mutex_t lock; /* guards the rest */
	const struct uvdk_bus_ops *bus[REGISTRY_MAX];
	unsigned int count;
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool name_taken(const char *name)
{
	for (unsigned int i = 0; i < registry.count; i++)
		if (!strcmp(registry.bus[i]->name, name))
			return true;
	for (const struct uvdk_bus_ops *const *bus = uvdk_builtin_buses; *bus; bus++)
		if (!strcmp((*bus)->name, name))
			return true;

	return false;
}

UVDK_EXPORT int uvdk_bus_register(const struct uvdk_bus_ops *ops)
{
	int ret = 0;

	pthread_mutex_lock(&registry.lock);
	if (name_taken(ops->name))
		ret = uvdk_fail(-EEXIST, "device", "a bus driver named %s is registered already",
				ops->name);
	else if (registry.count == REGISTRY_MAX)
		ret = uvdk_fail(-ENOSPC, "device", "bus driver %s is one more than the %d allowed",
				ops->name, REGISTRY_MAX);
	else
		registry.bus[registry.count++] = ops;
	pthread_mutex_unlock(&registry.lock);

	return ret;
}

static bool serves(const struct uvdk_bus_ops *bus, const char *spec, const struct uvdk_iommu *iommu)
{
	return bus->match(spec) && (!bus->takes || bus->takes(iommu));
}

/* Registered drivers never leave, so the entry may be used without the lock. */
const struct uvdk_bus_ops *device_find_bus(const char *spec, const struct uvdk_iommu *iommu)
{
	const struct uvdk_bus_ops *found = NULL;

	pthread_mutex_lock(&registry.lock);
	for (unsigned int i = 0; i < registry.count && !found; i++)
		if (serves(registry.bus[i], spec, iommu))
			found = registry.bus[i];
	pthread_mutex_unlock(&registry.lock);

	for (const struct uvdk_bus_ops *const *bus = uvdk_builtin_buses; *bus && !found; bus++)
		if (serves(*bus, spec, iommu))
			found = *bus;

	return found;
}
