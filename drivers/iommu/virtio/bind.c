// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <uvdk_emu_driver.h>

#include "viommu_space.h"

/* Functions behind a virtio-iommu. How one is reached is the inner iommu's business. */

struct viommu_unit *viommu_unit_at(struct viommu *viommu, unsigned int index)
{
	struct viommu_unit *unit;

	LIST_FOREACH(unit, &viommu->units, entry)
	{
		if (unit->index == index)
			return unit;
	}

	return NULL;
}

static const char *unit_name(const struct viommu_unit *unit)
{
	return uvdk_device_get_info(unit->dev)->name;
}

/* In turn, from the highest number down. */
static struct viommu_unit *next_unit(struct viommu *viommu)
{
	struct viommu_unit *unit;

	pthread_mutex_lock(&viommu->lock);
	unit = viommu->turn ? LIST_NEXT(viommu->turn, entry) : NULL;
	unit = unit ? unit : LIST_FIRST(&viommu->units);
	viommu->turn = unit;
	pthread_mutex_unlock(&viommu->lock);

	return unit;
}

/* What is in front of an emulated function is our choice. */
static int place_emulated(struct viommu_endpoint *endpoint, const struct uvdk_iommu_bind_args *args)
{
	endpoint->unit = next_unit(endpoint->viommu);
	endpoint->id = uvdk_emu_fn_endpoint(args->emu);
	endpoint->group = endpoint->id;

	return uvdk_emu_put_behind(args->emu, unit_name(endpoint->unit));
}

/* As the machine is now: it may have more functions than when the iommu was opened. */
static int find_group(struct viommu_endpoint *endpoint, const struct uvdk_pci_addr *addr)
{
	struct viommu *viommu = endpoint->viommu;
	struct uvdk_pci_isolation *isolation;
	struct uvdk_pci_addr leader;
	int err = uvdk_pci_isolation_create(viommu->sysfs_root, &isolation);

	if (err)
		return err;
	err = uvdk_pci_isolation_leader(isolation, addr, &leader);
	if (err) {
		uvdk_pci_isolation_destroy(isolation);
		return err;
	}
	endpoint->group = leader.domain << 16 | (uint32_t)leader.bus << 8 |
			  (uint32_t)leader.device << 3 | leader.function;
	pthread_mutex_lock(&viommu->lock);
	uvdk_pci_isolation_destroy(viommu->isolation);
	viommu->isolation = isolation;
	pthread_mutex_unlock(&viommu->lock);

	return 0;
}

static int place_real(struct viommu_endpoint *endpoint, const struct uvdk_iommu_bind_args *args)
{
	struct viommu *viommu = endpoint->viommu;
	struct uvdk_pci_addr addr;
	unsigned int index;
	int err = uvdk_pci_addr_parse(args->name, &addr);

	if (!err)
		err = uvdk_topology_find(viommu->topology, &addr, &index, &endpoint->id);
	if (err)
		return uvdk_fail(-ENODEV, VIOMMU,
				 "no virtio-iommu translates for %s (firmware: %s): it could reach "
				 "all memory. Put it behind one, or name iommu 'noiommu' to go "
				 "unprotected",
				 args->name, uvdk_topology_source(viommu->topology));
	endpoint->unit = viommu_unit_at(viommu, index);
	if (!endpoint->unit)
		return uvdk_fail(-EBUSY, VIOMMU,
				 "the virtio-iommu in front of %s is not driven here: bind it to "
				 "vfio-pci, and open the iommu again",
				 args->name);

	return find_group(endpoint, &addr);
}

int viommu_bind(void *priv, const struct uvdk_iommu_bind_args *args,
		struct uvdk_iommu_binding *binding)
{
	struct viommu_endpoint *endpoint = calloc(1, sizeof(*endpoint));
	struct viommu *viommu = priv;
	int err;

	if (!endpoint)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory to open %s", args->name);
	endpoint->viommu = viommu;
	endpoint->binding = binding;
	snprintf(endpoint->name, sizeof(endpoint->name), "%s", args->name);
	err = viommu->emu ? place_emulated(endpoint, args) : place_real(endpoint, args);
	if (!err)
		err = viommu_probe(endpoint);
	if (!err)
		err = viommu_disown(endpoint);
	if (!err)
		err = uvdk_iommu_bind(viommu->inner, args, &endpoint->inner);
	if (err) {
		free(endpoint->reserved);
		free(endpoint);
		return err;
	}

	binding->fd = endpoint->inner->fd;
	binding->id = endpoint->inner->id;
	binding->priv = endpoint;
	pthread_mutex_lock(&viommu->lock);
	LIST_INSERT_HEAD(&viommu->endpoints, endpoint, entry);
	pthread_mutex_unlock(&viommu->lock);

	return 0;
}

/* The library has detached it. */
void viommu_unbind(void *priv, struct uvdk_iommu_binding *binding)
{
	struct viommu_endpoint *endpoint = binding->priv;
	struct viommu *viommu = priv;

	pthread_mutex_lock(&viommu->lock);
	LIST_REMOVE(endpoint, entry);
	pthread_mutex_unlock(&viommu->lock);
	uvdk_iommu_unbind(endpoint->inner);
	free(endpoint->reserved);
	free(endpoint);
	binding->priv = NULL;
	binding->fd = -1;
}
