// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "viommu_space.h"

/* Which virtio-iommus this machine has, and whether they can be ours. */

#define SCORE 5 /* below those of the kernel's own I/O MMUs */

/* The kernel's driver of virtio-iommu sits on a child of the PCI function: virtioN. */
static bool kernel_has_it(const char *sysfs, const char *name)
{
	char path[512], target[512];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", sysfs, name);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		ssize_t len;

		if (strncmp(entry->d_name, "virtio", 6) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/%s/driver", sysfs, name,
			 entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		target[len < 0 ? 0 : len] = '\0';
		found = strstr(target, "iommu") != NULL;
	}
	closedir(dir);

	return found;
}

static int check_driver(const char *sysfs, const char *name, const struct uvdk_pci_function *fn)
{
	if (!strncmp(fn->driver, "vfio", 4))
		return 0;
	if (kernel_has_it(sysfs, name))
		return uvdk_fail(-EBUSY, VIOMMU,
				 "the kernel drives virtio-iommu %s itself: boot with "
				 "initcall_blacklist=virtio_iommu_drv_init and "
				 "vfio.enable_unsafe_noiommu_mode=1, or use iommu 'iommufd' or "
				 "'type1' on top of it",
				 name);

	return uvdk_fail(-EBUSY, VIOMMU,
			 "virtio-iommu %s is %s%s, it must be bound to vfio-pci: uvdk-devbind -b "
			 "vfio-pci %s",
			 name, fn->driver[0] ? "bound to " : "bound to no driver", fn->driver,
			 name);
}

static bool is_noiommu(const char *dev, int group)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/vfio/noiommu-%d", dev, group);

	return group >= 0 && !access(path, F_OK);
}

int viommu_usable(const struct uvdk_iommu_opts *opts, const struct uvdk_pci_addr *addr)
{
	char name[UVDK_PCI_ADDR_LEN];
	struct uvdk_pci_function fn;
	int err = uvdk_pci_identify(opts->sysfs_root, addr, &fn);

	uvdk_pci_addr_format(addr, name);
	if (!err)
		err = check_driver(opts->sysfs_root, name, &fn);
	if (err)
		return err;
	if (is_noiommu(opts->dev_root, fn.iommu_group))
		return 0;

	return uvdk_fail(
		-ENOENT, VIOMMU,
		"virtio-iommu %s is bound to %s, and not in noiommu mode: the kernel needs "
		"CONFIG_VFIO_NOIOMMU, and vfio.enable_unsafe_noiommu_mode=1 before it is "
		"bound",
		name, fn.driver);
}

/* ---- suits ---- */

static int unit_in_front(const struct uvdk_iommu_opts *opts, const char *spec,
			 const struct uvdk_pci_addr *addr)
{
	struct uvdk_topology_opts topology_opts = {.size = sizeof(topology_opts),
						   .sysfs_root = opts->sysfs_root};
	const struct uvdk_topology_iommu *units;
	struct uvdk_topology *topology;
	unsigned int index, count;
	uint32_t endpoint;
	int err = uvdk_topology_read(&topology_opts, &topology);

	if (err)
		return err;
	units = uvdk_topology_iommus(topology, &count);
	err = uvdk_topology_find(topology, addr, &index, &endpoint);
	if (err)
		uvdk_fail(err, VIOMMU, "no virtio-iommu translates for %s (firmware: %s)", spec,
			  uvdk_topology_source(topology));
	else if (units[index].bus != UVDK_TOPOLOGY_PCI)
		err = uvdk_fail(-EOPNOTSUPP, VIOMMU,
				"the virtio-iommu in front of %s is no PCI function", spec);
	else
		err = viommu_usable(opts, &units[index].addr);
	uvdk_topology_free(topology);

	return err;
}

int viommu_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	struct uvdk_pci_function fn;
	struct uvdk_pci_addr addr;
	int err;

	if (!strncmp(spec, "emu:", 4))
		return 0;
	uvdk_log_hush(true);
	err = uvdk_pci_addr_parse(spec, &addr);
	if (!err)
		err = uvdk_pci_identify(opts->sysfs_root, &addr, &fn);
	if (!err && !is_noiommu(opts->dev_root, fn.iommu_group))
		err = uvdk_fail(-ENODEV, VIOMMU, "%s is in no noiommu group", spec);
	if (!err)
		err = unit_in_front(opts, spec, &addr);
	uvdk_log_hush(false);
	if (err)
		uvdk_log(UVDK_LOG_INFO, VIOMMU, "%s", uvdk_last_error());

	return err ? 0 : SCORE;
}

/* ---- open ---- */

int viommu_open_unit(struct viommu *viommu, const char *spec, unsigned int index)
{
	struct viommu_unit *unit;
	int err = viommu_unit_open(viommu, spec, index, &unit);

	if (!err)
		LIST_INSERT_HEAD(&viommu->units, unit, entry);

	return err;
}

static bool is_wanted(const struct uvdk_iommu_opts *opts, const struct uvdk_topology_iommu *unit)
{
	struct uvdk_pci_addr wanted;

	return !opts->unit ||
	       (!uvdk_pci_addr_parse(opts->unit, &wanted) && unit->bus == UVDK_TOPOLOGY_PCI &&
		!uvdk_pci_addr_cmp(&wanted, &unit->addr));
}

static int none_wanted(const struct uvdk_iommu_opts *opts)
{
	if (opts->unit)
		return uvdk_fail(-ENODEV, VIOMMU,
				 "\"%s\" is no virtio-iommu that firmware knows on this machine: "
				 "give its PCI address",
				 opts->unit);

	return uvdk_fail(-ENODEV, VIOMMU,
			 "firmware knows no virtio-iommu on this machine (no VIOT table, no "
			 "iommu-map in a device tree)");
}

static int check_unit(const struct uvdk_iommu_opts *opts, const struct uvdk_topology_iommu *unit)
{
	if (unit->bus == UVDK_TOPOLOGY_PCI)
		return viommu_usable(opts, &unit->addr);

	return uvdk_fail(-EOPNOTSUPP, VIOMMU, "the virtio-iommu at 0x%llx is no PCI function",
			 (unsigned long long)unit->base);
}

/*
 * All that can be ours, so that no function is let through by any of them. Those that can't
 * stay with whom they have; what is behind them is refused.
 */
int viommu_open_units(struct viommu *viommu, const struct uvdk_iommu_opts *opts)
{
	const struct uvdk_topology_iommu *units;
	char name[UVDK_PCI_ADDR_LEN];
	int err = 0, refused = 0;
	unsigned int count;
	bool any = false;

	units = uvdk_topology_iommus(viommu->topology, &count);
	for (unsigned int i = 0; i < count && !err; i++) {
		if (!is_wanted(opts, &units[i]))
			continue;
		any = true;
		refused = check_unit(opts, &units[i]);
		if (!refused)
			err = viommu_open_unit(viommu, uvdk_pci_addr_format(&units[i].addr, name),
					       i);
	}
	if (!any)
		return none_wanted(opts);

	return !err && LIST_EMPTY(&viommu->units) ? refused : err;
}
