// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "device_priv.h"

/* Also one that failed may have revoked what was exported. */
static int after_reset(struct uvdk_device *dev, int ret)
{
	if (!ret)
		ret = device_put_command_back(dev);
	device_tell_export(dev, UVDK_EXPORT_REVOKED);

	return ret;
}

UVDK_EXPORT int uvdk_device_reset(struct uvdk_device *dev)
{
	int ret;

	if (!device_here(dev))
		return device_refuse(dev);
	ret = dev->ops->reset(dev);
	if (ret == -EOPNOTSUPP)
		return uvdk_fail(ret, "device",
				 "%s has no function reset: try uvdk_device_hot_reset()",
				 dev->info.name);

	return after_reset(dev, ret);
}

UVDK_EXPORT int uvdk_device_hot_reset_list(struct uvdk_device *dev, struct uvdk_pci_addr *addrs,
					   unsigned int max)
{
	if (!device_here(dev))
		return device_refuse(dev);

	return dev->ops->hot_reset_list(dev, addrs, addrs ? max : 0);
}

UVDK_EXPORT int uvdk_device_hot_reset(struct uvdk_device *dev)
{
	int ret;

	if (!device_here(dev))
		return device_refuse(dev);
	ret = dev->ops->hot_reset(dev);
	if (ret == -EOPNOTSUPP)
		return uvdk_fail(ret, "device", "%s can't be reset by its slot or bus",
				 dev->info.name);

	if (!ret)
		ret = device_put_command_back(dev);
	device_tell_hot_reset(dev);

	return ret;
}
