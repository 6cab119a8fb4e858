// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "device_priv.h"

UVDK_EXPORT bool uvdk_device_has_sva(const struct uvdk_device *dev)
{
	return dev->ops->sva_bind != NULL;
}

UVDK_EXPORT int uvdk_device_sva_bind(struct uvdk_device *dev, uint32_t *pasid)
{
	int ret;

	if (!device_here(dev))
		return device_refuse(dev);
	if (!dev->ops->sva_bind)
		return uvdk_fail(-EOPNOTSUPP, "device",
				 "%s is under %s, by which the kernel joins no process to it",
				 dev->info.name, dev->info.bus);
	if (dev->sva)
		return uvdk_fail(-EBUSY, "device", "%s is joined to this process already",
				 dev->info.name);

	ret = dev->ops->sva_bind(dev, pasid);
	if (ret == -ENODEV)
		uvdk_device_mark_gone(dev, "the kernel has lost it");
	dev->sva = !ret;

	return ret;
}

UVDK_EXPORT void uvdk_device_sva_unbind(struct uvdk_device *dev)
{
	if (!dev->sva)
		return;

	dev->sva = false;
	dev->ops->sva_unbind(dev);
}
