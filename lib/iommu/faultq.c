// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_priv.h"

/* What address spaces and fault queues tell one another: who has been detached. */

void ioas_faultq_freeze(struct uvdk_hwpt *hwpt)
{
	if (hwpt && hwpt->faultq)
		pthread_mutex_lock(&hwpt->faultq->lock);
}

void ioas_faultq_thaw(struct uvdk_hwpt *hwpt, const struct ioas_tag *replaced)
{
	struct uvdk_faultq *q = hwpt ? hwpt->faultq : NULL;

	if (!q)
		return;
	if (replaced)
		q->abandon(q, replaced->binding->pub.dev, replaced->pasid);
	pthread_mutex_unlock(&q->lock);
}

void ioas_faultq_abandon(struct uvdk_hwpt *hwpt, const struct ioas_tag *tag)
{
	ioas_faultq_freeze(hwpt);
	ioas_faultq_thaw(hwpt, tag);
}

void ioas_binding_add(struct ioas_binding *binding)
{
	struct uvdk_iommu *iommu = binding->pub.iommu;

	pthread_mutex_lock(&iommu->ids_lock);
	LIST_INSERT_HEAD(&iommu->bindings, binding, entry);
	pthread_mutex_unlock(&iommu->ids_lock);
}

/* Nobody finds it from here on; those who have before are waited for, and forget it. */
void ioas_binding_remove(struct ioas_binding *binding)
{
	struct uvdk_iommu *iommu = binding->pub.iommu;

	pthread_mutex_lock(&iommu->ids_lock);
	LIST_REMOVE(binding, entry);
	pthread_mutex_unlock(&iommu->ids_lock);

	for (struct uvdk_faultq *q = iommu->faultqs; q; q = q->next) {
		pthread_mutex_lock(&q->lock);
		q->abandon(q, binding->pub.dev, UVDK_PASID_ALL);
		pthread_mutex_unlock(&q->lock);
	}
}

UVDK_EXPORT struct uvdk_device *uvdk_iommu_find_device(struct uvdk_iommu *iommu, uint32_t id)
{
	const struct ioas_binding *binding;
	struct uvdk_device *dev = NULL;

	pthread_mutex_lock(&iommu->ids_lock);
	LIST_FOREACH(binding, &iommu->bindings, entry)
	{
		if (binding->pub.id == id) {
			dev = binding->pub.dev;
			break;
		}
	}
	pthread_mutex_unlock(&iommu->ids_lock);

	return dev;
}

UVDK_EXPORT const struct uvdk_fault_ops *uvdk_iommu_fault_ops(const struct uvdk_iommu *iommu)
{
	return iommu->ops->faults;
}

UVDK_EXPORT void uvdk_iommu_add_faultq(struct uvdk_faultq *q)
{
	struct uvdk_iommu *iommu = q->iommu;

	pthread_mutex_lock(&iommu->lock);
	q->tables = 0;
	q->next = iommu->faultqs;
	iommu->faultqs = q;
	iommu->users++;
	pthread_mutex_unlock(&iommu->lock);
}

UVDK_EXPORT int uvdk_iommu_remove_faultq(struct uvdk_faultq *q)
{
	struct uvdk_iommu *iommu = q->iommu;
	struct uvdk_faultq **at = &iommu->faultqs;
	int err = 0;

	pthread_mutex_lock(&iommu->lock);
	if (q->tables) {
		err = uvdk_fail(-EBUSY, IOAS_COMPONENT,
				"a fault queue stays: %u page tables made with it are left; "
				"destroy them first",
				q->tables);
	} else {
		while (*at != q)
			at = &(*at)->next;
		*at = q->next;
		iommu->users--;
	}
	pthread_mutex_unlock(&iommu->lock);

	return err;
}
