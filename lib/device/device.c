// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "device_priv.h"

static int config_accessor(void *priv, uint32_t off, void *buf, size_t len)
{
	return uvdk_device_config_read(priv, off, buf, len);
}

/* The bus may have pointed info.name at anything; keep it as long as the device. */
static int adopt_info(struct uvdk_device *dev, const char *spec)
{
	dev->name = strdup(dev->info.name ? dev->info.name : spec);
	if (!dev->name)
		return uvdk_fail(-ENOMEM, "device", "no memory for the name of device %s", spec);

	dev->info.name = dev->name;
	if (!dev->info.bus)
		dev->info.bus = dev->ops->name;
	if (!dev->info.config_size)
		dev->info.config_size = 4096;
	dev->config = (struct uvdk_pci_config){config_accessor, dev, dev->info.config_size};
	return 0;
}

static int open_on_bus(struct uvdk_device *dev, struct uvdk_iommu *iommu, const char *spec,
		       const struct uvdk_device_opts *opts)
{
	int ret;

	dev->info.name = spec; /* for messages, until the bus knows better */
	dev->info.config_size = 4096;
	dev->opening = opts;
	ret = dev->ops->open(dev, iommu, spec, opts, &dev->info);
	dev->opening = NULL;
	if (ret)
		return ret;

	ret = adopt_info(dev, spec);
	if (!ret)
		ret = device_events_join_bus(dev);
	if (ret) {
		dev->ops->close(dev);
		free(dev->name);
	}

	return ret;
}

UVDK_EXPORT int uvdk_device_open(struct uvdk_iommu *iommu, const char *spec,
				 const struct uvdk_device_opts *opts, struct uvdk_device **out)
{
	struct uvdk_device_opts known = {.size = sizeof(known)};
	struct uvdk_device *dev;
	int ret;

	if (!iommu || !spec)
		return uvdk_fail(-EINVAL, "device", "opening a device needs an iommu and a spec");
	ret = uvdk_opts_copy(&known, sizeof(known), opts, "uvdk_device_opts");
	if (ret)
		return ret;

	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return uvdk_fail(-ENOMEM, "device", "no memory for device %s", spec);
	dev->irq_type = -1;
	dev->iommu = iommu;
	dev->ops = device_find_bus(spec, iommu);
	ret = -EINVAL;
	if (!dev->ops) {
		uvdk_fail(ret, "device",
			  "'%s' names no device: give a PCI address such as 0000:00:03.0, "
			  "or emu:MODEL",
			  spec);
		goto free_dev;
	}

	ret = device_events_open(dev);
	if (ret)
		goto free_dev;
	ret = open_on_bus(dev, iommu, spec, &known);
	if (ret)
		goto close_events;

	atomic_store(&dev->open, true);
	*out = dev;
	return 0;
close_events:
	device_events_close(dev);
free_dev:
	free(dev);
	return ret;
}

UVDK_EXPORT void uvdk_device_close(struct uvdk_device *dev)
{
	if (!dev)
		return;

	device_stop_dma(dev);
	device_end_exports(dev);
	device_tell_watches(dev);
	device_irq_off(dev);
	device_unmap_regions(dev);
	dev->ops->close(dev);
	device_events_close(dev);
	free(dev->name);
	free(dev);
}

UVDK_EXPORT const struct uvdk_device_info *uvdk_device_get_info(const struct uvdk_device *dev)
{
	return &dev->info;
}

UVDK_EXPORT bool uvdk_device_is_open(const struct uvdk_device *dev)
{
	return atomic_load(&dev->open);
}

UVDK_EXPORT void *uvdk_device_priv(const struct uvdk_device *dev)
{
	return dev->priv;
}

UVDK_EXPORT void uvdk_device_set_priv(struct uvdk_device *dev, void *priv)
{
	dev->priv = priv;
}

UVDK_EXPORT struct uvdk_iommu_binding *uvdk_device_binding(const struct uvdk_device *dev)
{
	return dev->binding;
}

UVDK_EXPORT void uvdk_device_set_binding(struct uvdk_device *dev,
					 struct uvdk_iommu_binding *binding)
{
	dev->binding = binding;
}

UVDK_EXPORT const struct uvdk_device_opts *uvdk_device_opening(const struct uvdk_device *dev)
{
	return dev->opening;
}

UVDK_EXPORT int uvdk_device_claim(struct uvdk_device *dev, const char *user)
{
	if (dev->user)
		return uvdk_fail(-EBUSY, "device",
				 "%s is driven as a %s already: close that before it becomes a %s",
				 dev->info.name, dev->user, user);
	dev->user = user;

	return 0;
}

UVDK_EXPORT void uvdk_device_unclaim(struct uvdk_device *dev)
{
	dev->user = NULL;
}

UVDK_EXPORT struct uvdk_iommu *uvdk_device_iommu(const struct uvdk_device *dev)
{
	return dev->iommu;
}
