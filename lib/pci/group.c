// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pci_priv.h"

/* Keep the lowest max addresses in order; n of them are there already. */
static void insert(struct uvdk_pci_addr *addrs, unsigned int max, unsigned int n,
		   const struct uvdk_pci_addr *addr)
{
	unsigned int i = n < max ? n : max;

	while (i > 0 && uvdk_pci_addr_cmp(&addrs[i - 1], addr) > 0) {
		if (i < max)
			addrs[i] = addrs[i - 1];
		i--;
	}
	if (i < max)
		addrs[i] = *addr;
}

UVDK_EXPORT int uvdk_pci_group_members(const char *sysfs_root, int group,
				       struct uvdk_pci_addr *addrs, unsigned int max)
{
	struct uvdk_pci_addr addr;
	char path[PATH_MAX];
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir;
	int err;

	snprintf(path, sizeof(path), "%s/kernel/iommu_groups/%d/devices", uvdk_pci_root(sysfs_root),
		 group);
	dir = opendir(path);
	if (!dir && errno == ENOENT)
		return uvdk_fail(-ENOENT, "pci", "there is no IOMMU group %d (no %s)", group, path);
	if (!dir)
		return uvdk_fail(-EIO, "pci", "cannot open %s: %s", path, strerror(errno));

	/* A group may also hold devices that are not PCI: only those with a colon are. */
	while ((errno = 0, entry = readdir(dir)))
		if (strchr(entry->d_name, ':') && !uvdk_pci_addr_parse(entry->d_name, &addr))
			insert(addrs, max, n++, &addr);
	err = errno;
	closedir(dir);
	if (err)
		return uvdk_fail(-EIO, "pci", "cannot list %s: %s", path, strerror(err));

	return (int)n;
}
