// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "type1_priv.h"

extern const struct uvdk_iommu_ops uvdk_iommu_type1;

int type1_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static int type1_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	const char *sysfs = opts && opts->sysfs_root ? opts->sysfs_root : "/sys";
	const char *dev = opts && opts->dev_root ? opts->dev_root : "/dev";
	struct uvdk_pci_function fn;
	struct uvdk_pci_addr addr;
	char path[512];

	if (!strncmp(spec, "emu:", 4) || uvdk_pci_addr_parse(spec, &addr))
		return 0;
	if (uvdk_pci_identify(sysfs, &addr, &fn))
		return 0;
	if (fn.iommu_group < 0) {
		uvdk_log(UVDK_LOG_INFO, TYPE1, "%s is in no IOMMU group", spec);
		return 0;
	}

	snprintf(path, sizeof(path), "%s/vfio/%d", dev, fn.iommu_group);
	if (access(path, F_OK)) {
		uvdk_log(UVDK_LOG_INFO, TYPE1, "no %s: no member of the group is bound to vfio-pci",
			 path);
		return 0;
	}

	return 10;
}

static int type1_open(const struct uvdk_iommu_opts *opts, void **priv)
{
	struct type1 *type1 = calloc(1, sizeof(*type1));
	int container;
	int ret = -ENOMEM;

	if (!type1)
		return ret;
	type1->sysfs_root = strdup(opts && opts->sysfs_root ? opts->sysfs_root : "/sys");
	type1->dev_root = strdup(opts && opts->dev_root ? opts->dev_root : "/dev");
	if (!type1->sysfs_root || !type1->dev_root)
		goto free_type1;

	/* Opened to see that it can be; each group gets one of its own. */
	ret = type1_container_open(type1, &container);
	if (ret)
		goto free_type1;
	close(container);

	pthread_mutex_init(&type1->lock, NULL);
	*priv = type1;
	return 0;
free_type1:
	free(type1->dev_root);
	free(type1->sysfs_root);
	free(type1);
	return ret;
}

static void type1_close(void *priv)
{
	struct type1 *type1 = priv;

	pthread_mutex_destroy(&type1->lock);
	free(type1->dev_root);
	free(type1->sysfs_root);
	free(type1);
}

static int type1_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out)
{
	const struct type1_group *group = binding->priv;
	const struct type1 *type1 = priv;

	out->driver = "type1";
	out->hardware =
		uvdk_explain_hardware(type1->sysfs_root, uvdk_device_get_info(binding->dev)->name);
	out->page_sizes = group->page_sizes;
	out->coherent = true; /* vfio takes no other devices */
	/* Of the container, which is the group's alone: set up before a device is opened. */
	if (ioctl(group->container, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU) > 0)
		out->features |= UVDK_IOMMU_SNOOP_CONTROL;
	return 0;
}

const struct uvdk_iommu_ops uvdk_iommu_type1 = {
	.name = "type1",
	.pins = UVDK_IOMMU_PINS_ATTACHED,
	.handle = UVDK_IOMMU_HANDLE_GROUP,
	.suits = type1_suits,
	.open = type1_open,
	.close = type1_close,
	.bind = type1_bind,
	.unbind = type1_unbind,
	.info = type1_info,
	.ioas_create = type1_ioas_create,
	.ioas_destroy = type1_ioas_destroy,
	.page_sizes = type1_page_sizes,
	.ranges = type1_ranges,
	.limits = type1_limits,
	.map = type1_map,
	.unmap = type1_unmap,
	.attach = type1_attach,
	.detach = type1_detach,
};
