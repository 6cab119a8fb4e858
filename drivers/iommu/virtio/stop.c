// SPDX-License-Identifier: BSD-3-Clause
#include "viommu.h"

/*
 * Endpoints of a unit that was given up. Not all units forget what is attached and mapped when they
 * are reset, and some can't even be reset: what their endpoints reach is only as safe as the
 * endpoints are kept from asking. Their drivers can turn bus mastering on again; so memory stays
 * locked until they are closed.
 */
void viommu_stop_endpoints(struct viommu_unit *unit)
{
	struct viommu *viommu = unit->viommu;
	struct viommu_endpoint *endpoint;

	pthread_mutex_lock(&viommu->lock);
	LIST_FOREACH(endpoint, &viommu->endpoints, entry)
	{
		/* What is attached is open, to the end. */
		if (endpoint->unit != unit || !endpoint->domain)
			continue;
		if (uvdk_device_set_command(endpoint->binding->dev, 0, UVDK_PCI_COMMAND_MASTER))
			uvdk_log(UVDK_LOG_ERR, VIOMMU,
				 "%s: its bus mastering could not be turned off, and %s, which "
				 "translates for it, does not work any more: close it",
				 endpoint->name, unit->virtio.name);
	}
	pthread_mutex_unlock(&viommu->lock);
}
