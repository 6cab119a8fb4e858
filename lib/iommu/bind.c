// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "iommu_priv.h"

UVDK_EXPORT int uvdk_iommu_bind(struct uvdk_iommu *iommu, const struct uvdk_iommu_bind_args *args,
				struct uvdk_iommu_binding **out)
{
	struct ioas_binding *binding = calloc(1, sizeof(*binding));
	int err;

	if (!binding)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory to open %s", args->name);

	binding->pub.iommu = iommu;
	binding->pub.dev = args->dev;
	binding->pub.fd = -1;
	binding->pasid_bits = -1;
	binding->enforces = -1;
	binding->seen = ioas_new_id();
	LIST_INIT(&binding->pasids);
	err = iommu->ops->bind(iommu->priv, args, &binding->pub);
	if (err) {
		free(binding);
		return err;
	}

	pthread_mutex_lock(&iommu->lock);
	iommu->users++;
	ioas_binding_add(binding);
	pthread_mutex_unlock(&iommu->lock);
	binding->watch.closes = ioas_device_closes;
	uvdk_device_watch(args->dev, &binding->watch);
	*out = &binding->pub;

	return 0;
}

UVDK_EXPORT void uvdk_iommu_unbind(struct uvdk_iommu_binding *pub)
{
	struct ioas_binding *binding = (struct ioas_binding *)pub;
	struct uvdk_iommu *iommu;

	if (!pub)
		return;

	iommu = pub->iommu;
	uvdk_device_unwatch(pub->dev, &binding->watch);
	pthread_mutex_lock(&iommu->lock);
	binding->closing = true;
	ioas_pasid_detach_all(binding);
	ioas_detach_binding(binding);
	ioas_vdevice_end(binding);
	ioas_binding_remove(binding);
	iommu->users--;
	ioas_unlock(iommu);
	iommu->ops->unbind(iommu->priv, pub);
	free(binding);
}

UVDK_EXPORT int uvdk_iommu_get_info(struct uvdk_device *dev, struct uvdk_iommu_info *out)
{
	struct uvdk_iommu_binding *binding = uvdk_device_binding(dev);
	struct uvdk_iommu_info info = {.hardware = "unknown"};
	int err;

	if (!binding || uvdk_device_gone(dev))
		return uvdk_fail(-ENODEV, IOAS_COMPONENT, "%s is gone",
				 uvdk_device_get_info(dev)->name);

	info.driver = binding->iommu->ops->name;
	err = binding->iommu->ops->info(binding->iommu->priv, binding, &info);
	if (!err)
		*out = info;

	return err;
}
