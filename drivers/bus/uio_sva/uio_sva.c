// SPDX-License-Identifier: BSD-3-Clause
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "uio_sva_priv.h"

/*
 * Functions under the kernel's driver uio_pci_sva. It has three things to offer:
 * BARs, configuration space, and the binding to a process (bind.c). There are no
 * events, and its one interrupt is read from the file that binds, so there are
 * none here.
 */

extern const struct uvdk_bus_ops uvdk_bus_uio_sva;

static bool usva_match(const char *spec)
{
	struct uvdk_pci_addr addr;

	return isxdigit((unsigned char)*spec) &&
	       strspn(spec, "0123456789abcdefABCDEF:.") == strlen(spec) &&
	       !uvdk_pci_addr_parse(spec, &addr);
}

static bool usva_takes(const struct uvdk_iommu *iommu)
{
	return uvdk_iommu_handle_kind(iommu) == UVDK_IOMMU_HANDLE_KERNEL;
}

static int check_driver(const struct uvdk_pci_function *fn, const char *name)
{
	if (!*fn->driver)
		return uvdk_fail(-ENXIO, USVA,
				 "no driver holds %s: bind it (uvdk-devbind -b " USVA_DRIVER " %s)",
				 name, name);
	if (strcmp(fn->driver, USVA_DRIVER) != 0)
		return uvdk_fail(-EBUSY, USVA,
				 "%s is held by driver %s: give it to the kernel's SVA "
				 "(uvdk-devbind -b " USVA_DRIVER " %s), or use iommu 'iommufd'",
				 name, fn->driver, name);

	return 0;
}

static bool can_reset(const struct usva *v)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/reset", v->dir);
	return access(path, W_OK) == 0;
}

/* The kernel puts configuration space back as it was. */
static int reset_function(const struct usva *v)
{
	char path[300];
	int ret = 0;
	int fd;

	snprintf(path, sizeof(path), "%s/reset", v->dir);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return -EOPNOTSUPP;
	if (fd < 0)
		return uvdk_explain_open(USVA, path, errno, "");
	if (write(fd, "1", 1) != 1)
		ret = uvdk_fail(-EIO, USVA, "%s: function reset: %s", v->name, strerror(errno));
	close(fd);

	return ret;
}

static void fill_info(const struct usva *v, const struct uvdk_pci_function *fn,
		      struct uvdk_device_info *info)
{
	*info = (struct uvdk_device_info){
		.name = v->name,
		.bus = "uio-sva",
		.access = "uio",
		.addr = fn->addr,
		.vendor = fn->vendor,
		.device = fn->device,
		.subvendor = fn->subvendor,
		.subdevice = fn->subdevice,
		.class_code = fn->class_code,
		.revision = fn->revision,
		.numa_node = fn->numa_node,
		.config_size = v->config_size,
		.can_reset = can_reset(v),
	};
}

static int open_function(struct usva *v, struct uvdk_device *dev, struct uvdk_iommu *iommu,
			 const struct uvdk_device_opts *opts, const struct uvdk_pci_function *fn)
{
	struct uvdk_iommu_bind_args args = {
		.dev = dev, .name = v->name, .cdev_fd = -1, .group = fn->iommu_group};
	int ret = check_driver(fn, v->name);

	if (!ret)
		ret = usva_find_node(v, opts->dev_root ? opts->dev_root : "/dev");
	if (!ret)
		ret = uvdk_iommu_bind(iommu, &args, &v->binding);
	if (ret)
		return ret;
	usva_fork_lock();
	ret = usva_config_open(v);
	usva_fork_unlock();
	if (ret) {
		uvdk_iommu_unbind(v->binding);
		return ret;
	}
	/* As vfio does: who had it before may have been killed with the device busy. */
	if (reset_function(v))
		uvdk_log(UVDK_LOG_INFO, USVA, "%s is as its last user has left it", v->name);

	return 0;
}

static int usva_open(struct uvdk_device *dev, struct uvdk_iommu *iommu, const char *spec,
		     const struct uvdk_device_opts *opts, struct uvdk_device_info *info)
{
	struct uvdk_pci_function fn;
	struct uvdk_pci_addr addr;
	struct usva *v;
	int ret;

	ret = uvdk_pci_addr_parse(spec, &addr);
	if (!ret)
		ret = uvdk_pci_identify(opts->sysfs_root, &addr, &fn);
	if (ret)
		return ret;
	v = calloc(1, sizeof(*v));
	if (!v)
		return uvdk_fail(-ENOMEM, USVA, "no memory to open %s", spec);

	v->config_fd = v->uio_fd = -1;
	memcpy(v->bars, fn.resources, sizeof(v->bars));
	uvdk_pci_addr_format(&addr, v->name);
	snprintf(v->dir, sizeof(v->dir), "%.200s/bus/pci/devices/%s",
		 opts->sysfs_root ? opts->sysfs_root : "/sys", v->name);
	ret = open_function(v, dev, iommu, opts, &fn);
	if (ret) {
		free(v);
		return ret;
	}

	fill_info(v, &fn, info);
	uvdk_device_set_priv(dev, v);
	uvdk_device_set_binding(dev, v->binding);
	usva_list_add(v);
	return 0;
}

static void usva_close(struct uvdk_device *dev)
{
	struct usva *v = uvdk_device_priv(dev);

	usva_end(v);
	usva_list_remove(v);
	if (v->config_fd >= 0)
		close(v->config_fd);
	uvdk_iommu_unbind(v->binding);
	uvdk_device_set_binding(dev, NULL);
	free(v);
}

static int usva_irq_count(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	(void)dev;
	(void)type;
	return 0;
}

static int no_irqs(const struct uvdk_device *dev)
{
	const struct usva *v = uvdk_device_priv(dev);

	return uvdk_fail(-EOPNOTSUPP, USVA, "%s: no interrupts under " USVA_DRIVER ": poll",
			 v->name);
}

static int usva_irq_set(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int first,
			unsigned int count, const int *fds)
{
	(void)type;
	(void)first;
	(void)count;
	(void)fds;
	return no_irqs(dev);
}

static int usva_irq_disable(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	(void)dev;
	(void)type;
	return 0;
}

static int usva_irq_mask(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector,
			 bool masked)
{
	(void)type;
	(void)vector;
	(void)masked;
	return no_irqs(dev);
}

static int usva_irq_trigger(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector)
{
	(void)type;
	(void)vector;
	return no_irqs(dev);
}

static int usva_reset(struct uvdk_device *dev)
{
	return reset_function(uvdk_device_priv(dev));
}

static int usva_hot_reset_list(struct uvdk_device *dev, struct uvdk_pci_addr *addrs,
			       unsigned int max)
{
	(void)dev;
	(void)addrs;
	(void)max;
	return -EOPNOTSUPP;
}

static int usva_hot_reset(struct uvdk_device *dev)
{
	(void)dev;
	return -EOPNOTSUPP;
}

static int usva_event_fd(const struct uvdk_device *dev)
{
	(void)dev;
	return -1;
}

static enum uvdk_device_event usva_next_event(struct uvdk_device *dev)
{
	(void)dev;
	return UVDK_DEVICE_EVENT_NONE;
}

const struct uvdk_bus_ops uvdk_bus_uio_sva = {
	.name = "uio-sva",
	.match = usva_match,
	.takes = usva_takes,
	.open = usva_open,
	.close = usva_close,
	.config_read = usva_config_read,
	.config_write = usva_config_write,
	.region_info = usva_region_info,
	.region_map = usva_region_map,
	.region_read = usva_region_read,
	.region_write = usva_region_write,
	.irq_count = usva_irq_count,
	.irq_set = usva_irq_set,
	.irq_disable = usva_irq_disable,
	.irq_mask = usva_irq_mask,
	.irq_trigger = usva_irq_trigger,
	.reset = usva_reset,
	.hot_reset_list = usva_hot_reset_list,
	.hot_reset = usva_hot_reset,
	.event_fd = usva_event_fd,
	.next_event = usva_next_event,
	.sva_bind = usva_bind,
	.sva_unbind = usva_unbind,
};
