// SPDX-License-Identifier: BSD-3-Clause
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vfio_pci_priv.h"

extern const struct uvdk_bus_ops uvdk_bus_vfio_pci;

int vpci_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

/* Only what looks like an address, so that others' specs are not complained of. */
static bool vpci_match(const char *spec)
{
	struct uvdk_pci_addr addr;

	return isxdigit((unsigned char)*spec) &&
	       strspn(spec, "0123456789abcdefABCDEF:.") == strlen(spec) &&
	       !uvdk_pci_addr_parse(spec, &addr);
}

static int check_driver(const struct uvdk_pci_function *fn, const char *name)
{
	if (!*fn->driver)
		return uvdk_fail(-ENXIO, VPCI,
				 "no driver holds %s: bind it (uvdk-devbind -b vfio-pci %s)", name,
				 name);
	if (!strstr(fn->driver, "vfio"))
		return uvdk_fail(
			-EBUSY, VPCI,
			"%s is held by driver %s: give it to vfio (uvdk-devbind -b vfio-pci "
			"%s)",
			name, fn->driver, name);

	return 0;
}

static int get_device_info(struct vpci *v)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};
	int ret = vpci_ioctl(v->fd, VFIO_DEVICE_GET_INFO, &info);

	if (ret)
		return uvdk_fail(ret, VPCI, "%s: VFIO_DEVICE_GET_INFO: %s", v->name,
				 strerror(-ret));
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI))
		return uvdk_fail(-EOPNOTSUPP, VPCI, "%s is no PCI device to vfio", v->name);

	v->can_reset = info.flags & VFIO_DEVICE_FLAGS_RESET;
	return vpci_config_find(v);
}

static void fill_info(const struct vpci *v, const struct uvdk_pci_function *fn,
		      struct uvdk_device_info *info)
{
	static const char *const access[] = {
		[UVDK_IOMMU_HANDLE_CDEV] = "cdev",
		[UVDK_IOMMU_HANDLE_GROUP] = "group",
		[UVDK_IOMMU_HANDLE_NOIOMMU_GROUP] = "noiommu",
	};

	*info = (struct uvdk_device_info){
		.name = v->name,
		.bus = "vfio-pci",
		.access = access[v->kind],
		.addr = fn->addr,
		.vendor = fn->vendor,
		.device = fn->device,
		.subvendor = fn->subvendor,
		.subdevice = fn->subdevice,
		.class_code = fn->class_code,
		.revision = fn->revision,
		.numa_node = fn->numa_node,
		.config_size = v->config_size,
		.can_reset = v->can_reset,
	};
}

static int open_function(struct vpci *v, struct uvdk_device *dev,
			 const struct uvdk_device_opts *opts, const struct uvdk_pci_function *fn)
{
	int ret = check_driver(fn, v->name);

	if (ret)
		return ret;
	/* Through its group the kernel would open it a second time. */
	if (vpci_list_has(v->name))
		return uvdk_fail(-EBUSY, VPCI, "%s is open already in this process", v->name);
	ret = vpci_handle_open(v, dev, opts, fn);
	if (ret)
		return ret;
	ret = get_device_info(v);
	if (!ret)
		ret = vpci_irq_probe(v);
	if (!ret)
		ret = vpci_events_open(v);
	if (ret)
		vpci_handle_close(v);

	return ret;
}

static int vpci_open(struct uvdk_device *dev, struct uvdk_iommu *iommu, const char *spec,
		     const struct uvdk_device_opts *opts, struct uvdk_device_info *info)
{
	struct uvdk_pci_function fn;
	struct uvdk_pci_addr addr;
	struct vpci *v;
	int ret;

	ret = uvdk_pci_addr_parse(spec, &addr);
	if (ret)
		return ret;
	if (uvdk_iommu_handle_kind(iommu) == UVDK_IOMMU_HANDLE_EMU)
		return uvdk_fail(-EOPNOTSUPP, VPCI,
				 "%s is a real device, which iommu '%s' can't serve", spec,
				 uvdk_iommu_name(iommu));
	ret = uvdk_pci_identify(opts->sysfs_root, &addr, &fn);
	if (ret)
		return ret;

	v = calloc(1, sizeof(*v));
	if (!v)
		return uvdk_fail(-ENOMEM, VPCI, "no memory to open %s", spec);
	v->iommu = iommu;
	v->kvm_fd = -1;
	v->kind = uvdk_iommu_handle_kind(iommu);
	uvdk_pci_addr_format(&addr, v->name);
	ret = open_function(v, dev, opts, &fn);
	if (ret) {
		free(v);
		return ret;
	}

	fill_info(v, &fn, info);
	uvdk_device_set_priv(dev, v);
	uvdk_device_set_binding(dev, v->binding);
	vpci_list_add(v);
	return 0;
}

static void vpci_close(struct uvdk_device *dev)
{
	struct vpci *v = uvdk_device_priv(dev);

	vpci_kvm_withdraw(dev); /* or KVM keeps the file, and so the device */
	vpci_list_remove(v);
	vpci_events_close(v);
	vpci_handle_close(v);
	uvdk_device_set_binding(dev, NULL);
	free(v);
}

const struct uvdk_bus_ops uvdk_bus_vfio_pci = {
	.name = "vfio-pci",
	.match = vpci_match,
	.open = vpci_open,
	.close = vpci_close,
	.config_read = vpci_config_read,
	.config_write = vpci_config_write,
	.region_info = vpci_region_info,
	.region_map = vpci_region_map,
	.region_read = vpci_region_read,
	.region_write = vpci_region_write,
	.irq_count = vpci_irq_count,
	.irq_set = vpci_irq_set,
	.irq_disable = vpci_irq_disable,
	.irq_mask = vpci_irq_mask,
	.irq_trigger = vpci_irq_trigger,
	.reset = vpci_reset,
	.hot_reset_list = vpci_hot_reset_list,
	.hot_reset = vpci_hot_reset,
	.event_fd = vpci_event_fd,
	.next_event = vpci_next_event,
	.export_bar = vpci_export_bar,
	.kvm_announce = vpci_kvm_announce,
	.kvm_withdraw = vpci_kvm_withdraw,
};
