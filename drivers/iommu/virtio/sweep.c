// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "viommu_space.h"

/*
 * What an owner before us left attached, of functions that we may never open. Some devices keep it
 * over a reset (QEMU's does), together with the numbers of its domains, which ours will have.
 */

static void warn(const struct viommu_unit *unit, const struct uvdk_pci_addr *addr)
{
	char name[UVDK_PCI_ADDR_LEN];

	uvdk_log(UVDK_LOG_WARN, VIOMMU,
		 "%s: %s may still be attached to what an owner before mapped: %s",
		 unit->virtio.name, uvdk_pci_addr_format(addr, name), uvdk_last_error());
}

static int sweep_function(struct viommu *viommu, const struct uvdk_pci_addr *addr)
{
	struct viommu_endpoint endpoint = {.viommu = viommu};
	unsigned int index;
	int err;

	if (uvdk_topology_find(viommu->topology, addr, &index, &endpoint.id))
		return 0;
	endpoint.unit = viommu_unit_at(viommu, index);
	if (!endpoint.unit)
		return 0;
	uvdk_log_hush(true);
	err = viommu_disown(&endpoint);
	uvdk_log_hush(false);
	if (err && viommu_unit_dead(endpoint.unit))
		return uvdk_fail(-ENODEV, VIOMMU, "%s does not work: %s",
				 endpoint.unit->virtio.name, uvdk_last_error());
	/* Firmware names ranges: a function in one may be no endpoint, and reaches nothing then. */
	if (err && err != -ENOENT)
		warn(endpoint.unit, addr);

	return 0;
}

int viommu_sweep(struct viommu *viommu)
{
	struct uvdk_pci_scan *scan;
	int err = uvdk_pci_scan_create(viommu->sysfs_root, &scan);

	if (err)
		return err;
	for (size_t i = 0; !err && i < uvdk_pci_scan_count(scan); i++)
		err = sweep_function(viommu, &uvdk_pci_scan_at(scan, i)->addr);
	uvdk_pci_scan_destroy(scan);

	return err;
}
