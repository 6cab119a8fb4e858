// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "devbind.h"

#define PARAMETER "module/vfio/parameters/enable_unsafe_noiommu_mode"

/* Every IOMMU driver of the kernel has an entry in class/iommu. */
static bool machine_has_iommu(const struct devbind *db)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/class/iommu", db->sysfs_root);
	dir = opendir(path);
	if (!dir)
		return false;
	while ((entry = readdir(dir)) && entry->d_name[0] == '.')
		;
	closedir(dir);

	return entry != NULL;
}

static bool is_enabled(const char *path)
{
	char value = 'N';
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = 'N';
	close(fd);

	return value == 'Y' || value == '1';
}

static enum devbind_exit enable(const struct devbind *db, const char *path)
{
	int fd;
	int err;
	ssize_t n;

	if (db->dry_run) {
		printf("would write \"1\" to %s\n", path);
		return EXIT_DONE;
	}

	fd = open(path, O_WRONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : write(fd, "1", 1);
	err = errno;
	if (fd >= 0)
		close(fd);
	if (n == 1) {
		say("warning: enabled noiommu mode of VFIO: devices can reach all memory%s",
		    virtio_iommu_find(db) ? ", but for what a program keeps behind a virtio-iommu "
					    "that it drives"
					  : "");
		return EXIT_DONE;
	}
	say("cannot enable noiommu mode, %s: %s%s", path, strerror(err),
	    err == ENOENT ? "; the kernel has no VFIO, or is built without noiommu mode" : "");

	return err == EACCES || err == EPERM ? EXIT_NO_PERMISSION : EXIT_NO_IOMMU;
}

/* Why not, and what would help. */
static void explain(const struct devbind *db, const struct uvdk_pci_function *fn)
{
	const struct uvdk_pci_function *iommu = virtio_iommu_find(db);
	char bdf[2][UVDK_PCI_ADDR_LEN];

	uvdk_pci_addr_format(&fn->addr, bdf[0]);
	if (iommu)
		say("%s: the kernel has no IOMMU; there is a virtio-iommu, %s, that a program can "
		    "drive (iommu \"virtio\"): bind it and what is behind it with "
		    "--noiommu-mode",
		    bdf[0], uvdk_pci_addr_format(&iommu->addr, bdf[1]));
	else
		say("%s: there is no IOMMU; enable it in firmware and kernel, or accept a device "
		    "that can reach all memory with --noiommu-mode",
		    bdf[0]);
}

enum devbind_exit noiommu_prepare(struct devbind *db, const struct uvdk_pci_function *fn)
{
	char path[PATH_MAX];

	if (fn->iommu_group >= 0 || machine_has_iommu(db))
		return EXIT_DONE;

	snprintf(path, sizeof(path), "%s/" PARAMETER, db->sysfs_root);
	if (is_enabled(path))
		return EXIT_DONE;
	if (db->noiommu)
		return enable(db, path);
	explain(db, fn);

	return EXIT_NO_IOMMU;
}
