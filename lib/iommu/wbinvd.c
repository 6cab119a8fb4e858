// SPDX-License-Identifier: BSD-3-Clause
#include "iommu_priv.h"

/* Whether coherency is not enforced for someone, and telling of it. */

static bool has_plain(const struct uvdk_ioas *ioas)
{
	struct ioas_binding *binding = ioas->devices;

	while (binding && (ioas_tag_find(binding, UVDK_PASID_RID) || ioas_enforces(binding)))
		binding = binding->next;

	return binding;
}

static bool needs_wbinvd(const struct uvdk_ioas *ioas)
{
	const struct uvdk_hwpt *hwpt;

	LIST_FOREACH(hwpt, &ioas->hwpts, entry)
	if (!hwpt->enforced && !LIST_EMPTY(&hwpt->tags))
		return true;

	return has_plain(ioas);
}

/* Callbacks that this thread is in, of any address space. */
static _Thread_local unsigned int callbacks;

/*
 * Whether someone is in the callback still. Waits until no other thread is,
 * but not from within a callback: the other one may be waiting for that.
 */
static bool is_being_told(struct uvdk_ioas *ioas)
{
	while (ioas->telling && !callbacks)
		pthread_cond_wait(&ioas->iommu->told, &ioas->iommu->lock);

	return ioas->telling;
}

/* A change made while the callback runs is told of when that has returned. */
static void tell(struct uvdk_ioas *ioas)
{
	if (is_being_told(ioas))
		return;
	while (needs_wbinvd(ioas) != ioas->wbinvd_told) {
		void (*fn)(struct uvdk_ioas *, bool, void *) = ioas->wbinvd_fn;
		void *arg = ioas->wbinvd_arg;

		ioas->wbinvd_told = !ioas->wbinvd_told;
		if (!fn)
			continue;
		ioas->telling = true;
		callbacks++;
		pthread_mutex_unlock(&ioas->iommu->lock);
		fn(ioas, ioas->wbinvd_told, arg);
		pthread_mutex_lock(&ioas->iommu->lock);
		callbacks--;
		ioas->telling = false;
		pthread_cond_broadcast(&ioas->iommu->told);
	}
}

void ioas_touch(struct uvdk_ioas *ioas)
{
	if (ioas->is_touched)
		return;
	ioas->is_touched = true;
	LIST_INSERT_HEAD(&ioas->iommu->touched, ioas, touched);
}

/* Settling touches, too, and needs no second look. */
void ioas_unlock(struct uvdk_iommu *iommu)
{
	struct uvdk_ioas *ioas;

	while ((ioas = LIST_FIRST(&iommu->touched))) {
		ioas_settle(ioas);
		LIST_REMOVE(ioas, touched);
		ioas->is_touched = false;
		tell(ioas);
	}
	pthread_mutex_unlock(&iommu->lock);
}

UVDK_EXPORT bool uvdk_ioas_needs_wbinvd(struct uvdk_ioas *ioas)
{
	bool needed;

	pthread_mutex_lock(&ioas->iommu->lock);
	needed = needs_wbinvd(ioas);
	pthread_mutex_unlock(&ioas->iommu->lock);

	return needed;
}

UVDK_EXPORT bool uvdk_ioas_set_wbinvd_cb(struct uvdk_ioas *ioas,
					 void (*fn)(struct uvdk_ioas *ioas, bool needed, void *arg),
					 void *arg)
{
	bool needed;

	pthread_mutex_lock(&ioas->iommu->lock);
	is_being_told(ioas);
	needed = needs_wbinvd(ioas);
	ioas->wbinvd_told = needed;
	ioas->wbinvd_fn = fn;
	ioas->wbinvd_arg = arg;
	pthread_mutex_unlock(&ioas->iommu->lock);

	return needed;
}
