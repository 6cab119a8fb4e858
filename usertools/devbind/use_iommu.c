// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "devbind.h"

/* A virtio-iommu, virtio 1.2, 5.13 and 4.1.2: a function that translates for others. */
#define VENDOR	0x1af4
#define DEVICE	0x1057
#define ITS_OWN "virtio_iommu"

static bool is_virtio_iommu(const struct uvdk_pci_function *fn)
{
	return fn->vendor == VENDOR && fn->device == DEVICE;
}

const struct uvdk_pci_function *virtio_iommu_find(const struct devbind *db)
{
	for (size_t i = 0; i < uvdk_pci_scan_count(db->scan); i++)
		if (is_virtio_iommu(uvdk_pci_scan_at(db->scan, i)))
			return uvdk_pci_scan_at(db->scan, i);

	return NULL;
}

/* Has the virtio device below the function the kernel's driver for it? */
static bool driven(const char *folder, const char *device)
{
	char path[PATH_MAX];
	char link[PATH_MAX];
	const char *name;
	ssize_t n;

	if (strncmp(device, "virtio", 6) != 0 ||
	    snprintf(path, sizeof(path), "%s/%s/driver", folder, device) >= (int)sizeof(path))
		return false;
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return false;
	link[n] = '\0';
	name = strrchr(link, '/');

	return strcmp(name ? name + 1 : link, ITS_OWN) == 0;
}

bool iommu_in_use(const struct devbind *db, const struct uvdk_pci_function *fn, char *why,
		  size_t len)
{
	char bdf[UVDK_PCI_ADDR_LEN];
	char folder[PATH_MAX - 256];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	if (!is_virtio_iommu(fn))
		return false;
	snprintf(folder, sizeof(folder), "%s/bus/pci/devices/%s", db->sysfs_root,
		 uvdk_pci_addr_format(&fn->addr, bdf));
	dir = opendir(folder);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = driven(folder, entry->d_name);
	closedir(dir);
	if (found)
		snprintf(
			why, len,
			"the kernel isolates devices with it; to leave it to user space, boot with "
			"initcall_blacklist=virtio_iommu_drv_init");

	return found;
}
