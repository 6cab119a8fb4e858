// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iommufd_priv.h"

extern const struct uvdk_iommu_ops uvdk_iommu_iommufd;

int iofd_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

int iofd_group_of(const struct iofd *iofd, const char *name)
{
	struct uvdk_pci_function fn;
	struct uvdk_pci_addr addr;

	if (uvdk_pci_addr_parse(name, &addr) || uvdk_pci_identify(iofd->sysfs_root, &addr, &fn))
		return -1;

	return fn.iommu_group;
}

static int iofd_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	const char *sysfs = opts && opts->sysfs_root ? opts->sysfs_root : "/sys";
	const char *dev = opts && opts->dev_root ? opts->dev_root : "/dev";
	char name[UVDK_PCI_ADDR_LEN];
	struct uvdk_pci_addr addr;
	char path[512];

	if (!strncmp(spec, "emu:", 4) || uvdk_pci_addr_parse(spec, &addr))
		return 0;

	snprintf(path, sizeof(path), "%s/iommu", dev);
	if (access(path, F_OK)) {
		uvdk_log(UVDK_LOG_INFO, IOFD, "no %s: the kernel has no iommufd", path);
		return 0;
	}
	snprintf(path, sizeof(path), "%s/vfio/devices", dev);
	if (access(path, F_OK)) {
		uvdk_log(UVDK_LOG_INFO, IOFD, "no %s: the kernel has no vfio character devices",
			 path);
		return 0;
	}
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/vfio-dev", sysfs,
		 uvdk_pci_addr_format(&addr, name));
	if (access(path, F_OK)) {
		uvdk_log(UVDK_LOG_INFO, IOFD, "%s is not bound to a vfio driver", name);
		return 0;
	}
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/iommu", sysfs, name);
	if (access(path, F_OK)) {
		uvdk_log(UVDK_LOG_INFO, IOFD, "no I/O MMU translates for %s", name);
		return 0;
	}

	return 20;
}

static int iofd_open(const struct uvdk_iommu_opts *opts, void **priv)
{
	const char *dev = opts && opts->dev_root ? opts->dev_root : "/dev";
	struct iofd *iofd = calloc(1, sizeof(*iofd));
	char path[512];
	int ret;

	if (!iofd)
		return uvdk_fail(-ENOMEM, IOFD, "no memory to open iommufd");
	iofd->sysfs_root = strdup(opts && opts->sysfs_root ? opts->sysfs_root : "/sys");
	if (!iofd->sysfs_root) {
		ret = uvdk_fail(-ENOMEM, IOFD, "no memory to open iommufd");
		goto free_iofd;
	}

	snprintf(path, sizeof(path), "%s/iommu", dev);
	iofd->fd = open(path, O_RDWR | O_CLOEXEC);
	if (iofd->fd < 0) {
		ret = uvdk_explain_open(IOFD, path, errno,
					"the kernel needs CONFIG_IOMMUFD (modprobe iommufd); "
					"iommu type1 does without");
		goto free_root;
	}

	*priv = iofd;
	return 0;
free_root:
	free(iofd->sysfs_root);
free_iofd:
	free(iofd);
	return ret;
}

static void iofd_close(void *priv)
{
	struct iofd *iofd = priv;

	close(iofd->fd);
	free(iofd->sysfs_root);
	free(iofd);
}

const struct uvdk_iommu_ops uvdk_iommu_iommufd = {
	.name = "iommufd",
	.pins = UVDK_IOMMU_PINS_ATTACHED,
	.handle = UVDK_IOMMU_HANDLE_CDEV,
	.suits = iofd_suits,
	.open = iofd_open,
	.close = iofd_close,
	.bind = iofd_bind,
	.unbind = iofd_unbind,
	.info = iofd_info,
	.ioas_create = iofd_ioas_create,
	.ioas_destroy = iofd_ioas_destroy,
	.page_sizes = iofd_page_sizes,
	.ranges = iofd_ranges,
	.limits = iofd_limits,
	.map = iofd_map,
	.map_file = iofd_map_file,
	.unmap = iofd_unmap,
	.copy = iofd_copy,
	.attach = iofd_attach,
	.detach = iofd_detach,
	.hwpt_create = iofd_hwpt_create,
	.hwpt_destroy = iofd_hwpt_destroy,
	.hwpt_attach = iofd_hwpt_attach,
	.rid_restore = iofd_rid_restore,
	.pasid_detach = iofd_pasid_detach,
	.dirty_set = iofd_dirty_set,
	.dirty_read = iofd_dirty_read,
	.faults = &iofd_fault_ops,
	.hwpt_create_faulting = iofd_hwpt_create_faulting,
	.viommus = &iofd_viommu_ops,
};
