// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "device_priv.h"

UVDK_EXPORT int uvdk_device_kvm_announce(struct uvdk_device *dev, int kvm_device_fd)
{
	if (!device_here(dev))
		return device_refuse(dev);
	if (!dev->ops->kvm_announce)
		return uvdk_fail(-EOPNOTSUPP, "device",
				 "%s is no vfio device, and KVM's VFIO device takes no other",
				 dev->info.name);

	return dev->ops->kvm_announce(dev, kvm_device_fd);
}

UVDK_EXPORT void uvdk_device_kvm_withdraw(struct uvdk_device *dev)
{
	if (dev->ops->kvm_withdraw)
		dev->ops->kvm_withdraw(dev);
}
