// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vfio_pci_priv.h"

static const char *sysfs_of(const struct uvdk_device_opts *opts)
{
	return opts->sysfs_root ? opts->sysfs_root : "/sys";
}

static const char *dev_of(const struct uvdk_device_opts *opts)
{
	return opts->dev_root ? opts->dev_root : "/dev";
}

/* sysfs tells the character device's name: .../vfio-dev/vfioN */
static int find_cdev(const struct vpci *v, const struct uvdk_device_opts *opts, char *buf,
		     size_t len)
{
	struct dirent *entry;
	char path[512];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/vfio-dev", sysfs_of(opts), v->name);
	dir = opendir(path);
	if (!dir)
		return uvdk_fail(-EOPNOTSUPP, VPCI,
				 "%s has no vfio character device: the kernel needs "
				 "CONFIG_VFIO_DEVICE_CDEV; iommu type1 does without",
				 v->name);

	buf[0] = '\0';
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vfio", 4))
			snprintf(buf, len, "%s/vfio/devices/%s", dev_of(opts), entry->d_name);
	closedir(dir);

	return *buf ? 0 : uvdk_fail(-EOPNOTSUPP, VPCI, "%s is empty", path);
}

static int check_translated(const struct vpci *v, const struct uvdk_device_opts *opts)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/vfio/noiommu-%d", dev_of(opts), v->group);
	if (v->group >= 0 && access(path, F_OK))
		return 0;

	return uvdk_fail(-EOPNOTSUPP, VPCI,
			 "no I/O MMU translates for %s: turn it on (firmware, intel_iommu=on), or "
			 "name iommu 'noiommu' to go unprotected",
			 v->name);
}

static int open_cdev(struct vpci *v, const struct uvdk_device_opts *opts,
		     struct uvdk_iommu_bind_args *args)
{
	char path[512];
	int ret;

	ret = check_translated(v, opts);
	if (!ret)
		ret = find_cdev(v, opts, path, sizeof(path));
	if (ret)
		return ret;

	v->fd = open(path, O_RDWR | O_CLOEXEC);
	if (v->fd < 0)
		return uvdk_explain_open(VPCI, path, errno,
					 "the kernel needs CONFIG_VFIO_DEVICE_CDEV; iommu type1 "
					 "does without");
	args->cdev_fd = v->fd;
	ret = uvdk_iommu_bind(v->iommu, args, &v->binding);
	if (ret)
		close(v->fd);

	return ret;
}

static int explain_device_fd(const struct vpci *v, const char *token, int err)
{
	switch (err) {
	case -ENODEV:
		return uvdk_fail(err, VPCI, "%s has left group %d", v->name, v->group);
	case -EACCES:
		return uvdk_fail(err, VPCI,
				 "%s wants the VF token of its PF's owner: %s (vf_token)", v->name,
				 token ? "another one than given" : "none was given");
	case -EINVAL:
		if (token)
			return uvdk_fail(err, VPCI, "%s takes no VF token, or '%s' is no UUID",
					 v->name, token);
		/* fall through */
	default:
		return uvdk_fail(err, VPCI, "opening %s through group %d: %s", v->name, v->group,
				 strerror(-err));
	}
}

static int open_group(struct vpci *v, const struct uvdk_device_opts *opts,
		      struct uvdk_iommu_bind_args *args)
{
	char request[128];
	int ret;

	if (v->group < 0)
		return uvdk_fail(-EOPNOTSUPP, VPCI,
				 "%s is in no IOMMU group: turn the I/O MMU on (firmware, "
				 "intel_iommu=on), or enable vfio's noiommu mode",
				 v->name);
	ret = uvdk_iommu_bind(v->iommu, args, &v->binding);
	if (ret)
		return ret;

	ret = snprintf(request, sizeof(request), "%s%s%s", v->name,
		       opts->vf_token ? " vf_token=" : "", opts->vf_token ? opts->vf_token : "");
	if (ret >= (int)sizeof(request)) {
		uvdk_iommu_unbind(v->binding);
		return uvdk_fail(-EINVAL, VPCI, "VF token '%s' is no UUID", opts->vf_token);
	}
	v->fd = ioctl(v->binding->fd, VFIO_GROUP_GET_DEVICE_FD, request);
	if (v->fd < 0) {
		ret = explain_device_fd(v, opts->vf_token, -errno);
		uvdk_iommu_unbind(v->binding);
		return ret;
	}

	return 0;
}

int vpci_handle_open(struct vpci *v, struct uvdk_device *dev, const struct uvdk_device_opts *opts,
		     const struct uvdk_pci_function *fn)
{
	struct uvdk_iommu_bind_args args = {
		.dev = dev, .name = v->name, .cdev_fd = -1, .group = fn->iommu_group};

	v->group = fn->iommu_group;
	if (v->kind == UVDK_IOMMU_HANDLE_CDEV)
		return open_cdev(v, opts, &args);

	return open_group(v, opts, &args);
}

/* A group is let go after its devices, a character device after its address space. */
void vpci_handle_close(struct vpci *v)
{
	if (v->kind == UVDK_IOMMU_HANDLE_CDEV) {
		uvdk_iommu_unbind(v->binding);
		close(v->fd);
	} else {
		close(v->fd);
		uvdk_iommu_unbind(v->binding);
	}
}
