// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "iommu_priv.h"

struct ioas_binding *ioas_binding_of(struct uvdk_device *dev)
{
	return (struct ioas_binding *)uvdk_device_binding(dev);
}

const char *ioas_name_of(struct uvdk_device *dev)
{
	return uvdk_device_get_info(dev)->name;
}

/* Smallest page the iommu knows, at least ours. */
static size_t granule_of(const struct uvdk_ioas *ioas)
{
	uint64_t sizes = ioas->ops->page_sizes(ioas->priv) & ~(IOAS_PAGE - 1);

	return sizes ? sizes & -sizes : IOAS_PAGE;
}

/* A device whose iommu has larger pages can't see maps of smaller ones. */
static int check_granule(struct uvdk_ioas *ioas, size_t granule)
{
	uint64_t rest = (granule >> IOAS_PAGE_SHIFT) - 1;
	struct ioas_map *map = granule > ioas->granule ? ioas_map_next(ioas, 0) : NULL;

	if (granule > ioas->granule && ioas->mapqs && ioas->device_count)
		return uvdk_fail(-EADDRINUSE, IOAS_COMPONENT,
				 "this device's iommu has pages of %zu bytes, and a map queue maps "
				 "smaller ones: attach before opening it",
				 granule);
	while (map) {
		uint64_t end = map->page + map->pages;

		if ((map->page | map->pages | ioas_page(map->va)) & rest)
			return uvdk_fail(-EADDRINUSE, IOAS_COMPONENT,
					 "this device's iommu has pages of %zu bytes, and IOVA "
					 "0x%" PRIx64 "+0x%" PRIx64
					 " is mapped in smaller ones: attach before mapping",
					 granule, ioas_iova(map->page), ioas_iova(map->pages));
		map = end < SPACE_PAGES ? ioas_map_next(ioas, end) : NULL;
	}

	return 0;
}

/* Take over page size, apertures and limits of now. On error nothing has changed. */
int ioas_adopt(struct uvdk_ioas *ioas)
{
	struct ioas_ranges apertures = {0};
	size_t granule = 0;
	int err = ioas_window_read(ioas, &apertures);

	if (!err) {
		granule = granule_of(ioas);
		err = check_granule(ioas, granule);
	}
	if (!err)
		err = ioas_window_set(ioas, &apertures);
	free(apertures.at);
	if (err)
		return err;
	__atomic_store_n(&ioas->granule, granule, __ATOMIC_RELAXED);
	ioas_plain_set(ioas);
	ioas->entries_cap = 0;
	ioas->pages_cap = 0;

	return 0;
}

static void adopt_after(struct uvdk_ioas *ioas, const char *what)
{
	if (ioas_adopt(ioas))
		uvdk_log(UVDK_LOG_WARN, IOAS_COMPONENT,
			 "the IOVA ranges of before a device was %s stay in force", what);
}

static void forget(struct uvdk_ioas *ioas, struct ioas_binding *binding)
{
	struct ioas_binding **at = &ioas->devices;

	while (*at && *at != binding)
		at = &(*at)->next;
	if (*at)
		*at = binding->next;
	binding->next = NULL;
	binding->pub.ioas = NULL;
	ioas->device_count--;
	ioas_count(ioas, binding, -1);
	if (!ioas->device_count)
		ioas_mapq_gone(ioas);
}

static void remember(struct uvdk_ioas *ioas, struct ioas_binding *binding)
{
	binding->pub.ioas = ioas;
	binding->next = ioas->devices;
	ioas->devices = binding;
	ioas->device_count++;
	ioas_count(ioas, binding, 1);
}

/* What the iommu says once a device has left may widen the window, no more. */
static void leave(struct uvdk_ioas *ioas, struct ioas_binding *binding)
{
	struct ioas_tag *tag = ioas_tag_find(binding, UVDK_PASID_RID);

	ioas->ops->detach(ioas->priv, &binding->pub);
	if (tag)
		ioas_tag_drop(tag);
	forget(ioas, binding);
	adopt_after(ioas, "detached");
}

void ioas_device_closes(struct uvdk_device_watcher *watch)
{
	struct ioas_binding *binding =
		(struct ioas_binding *)((char *)watch - offsetof(struct ioas_binding, watch));
	struct uvdk_iommu *iommu = binding->pub.iommu;

	pthread_mutex_lock(&iommu->lock);
	binding->closing = true;
	ioas_detach_binding(binding);
	ioas_unlock(iommu);
}

void ioas_detach_binding(struct ioas_binding *binding)
{
	struct uvdk_ioas *ioas = binding->pub.ioas;

	if (!ioas)
		return;

	uvdk_lock_acquire(&ioas->lock);
	leave(ioas, binding);
	uvdk_lock_release(&ioas->lock);
}

void ioas_detach_all(struct uvdk_ioas *ioas)
{
	pthread_mutex_lock(&ioas->iommu->lock);
	ioas->closing = true; /* a WBINVD callback may try to attach something */
	while (ioas->devices)
		ioas_detach_binding(ioas->devices);
	ioas_hwpt_detach_all(ioas);
	ioas_unlock(ioas->iommu);
}

int ioas_check_given(const char *doing, const char *what, const void *target,
		     const struct uvdk_device *dev)
{
	if (target && dev)
		return 0;

	return uvdk_fail(-EINVAL, IOAS_COMPONENT, "%s needs %s and a device: has %s failed?", doing,
			 what, target ? "opening it" : "creating it");
}

int ioas_check_device(struct uvdk_ioas *ioas, struct uvdk_device *dev)
{
	const struct ioas_binding *binding = ioas_binding_of(dev);

	if (!binding || binding->closing || uvdk_device_gone(dev))
		return uvdk_fail(-ENODEV, IOAS_COMPONENT, "%s is gone: it can't be attached",
				 ioas_name_of(dev));
	if (binding->pub.iommu != ioas->iommu)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "%s was opened under another iommu (%s) than this address space "
				 "(%s): open both under one",
				 ioas_name_of(dev), binding->pub.iommu->ops->name, ioas->ops->name);
	if (ioas->closing)
		return uvdk_fail(
			-EBUSY, IOAS_COMPONENT,
			"this address space is being destroyed: %s can't be attached to it",
			ioas_name_of(dev));

	return 0;
}

/* On failure a @hwpt that was made for it is gone, as in ioas_enter(). */
static int attach_rid(struct uvdk_ioas *ioas, struct ioas_binding *binding, struct uvdk_hwpt *hwpt)
{
	struct ioas_tag *tag;
	int err;

	if (!hwpt)
		return ioas->ops->attach(ioas->priv, &binding->pub);
	err = ioas_tag_add(hwpt, binding, UVDK_PASID_RID, &tag);
	if (err)
		return err;
	err = ioas->ops->hwpt_attach(hwpt->priv, &binding->pub, UVDK_PASID_RID, NULL);
	if (err)
		ioas_tag_drop(tag);

	return err;
}

int ioas_check_free(const struct uvdk_ioas *ioas, const struct ioas_binding *binding)
{
	if (!binding->pub.ioas)
		return 0;

	return uvdk_fail(-EBUSY, IOAS_COMPONENT,
			 "%s is attached to %s address space already: detach it first",
			 ioas_name_of(binding->pub.dev),
			 binding->pub.ioas == ioas ? "this" : "another");
}

int ioas_enter(struct uvdk_ioas *ioas, struct ioas_binding *binding, struct uvdk_hwpt *hwpt)
{
	int err = ioas_gone_stop(ioas);

	if (!err)
		err = attach_rid(ioas, binding, hwpt);
	if (err)
		return err;
	remember(ioas, binding);
	err = ioas_adopt(ioas);
	if (err)
		leave(ioas, binding);

	return err;
}

static int replace_rid(struct uvdk_hwpt *to, struct ioas_binding *binding, struct uvdk_ioas *from)
{
	struct ioas_tag *tag = ioas_tag_find(binding, UVDK_PASID_RID);
	struct uvdk_hwpt *before = tag ? tag->hwpt : NULL;
	bool is_new = !tag;
	int err = is_new ? ioas_tag_add(to, binding, UVDK_PASID_RID, &tag) : 0;

	if (err)
		return err;
	ioas_faultq_freeze(before);
	err = to->ioas->ops->hwpt_attach(to->priv, &binding->pub, UVDK_PASID_RID, from->priv);
	ioas_faultq_thaw(before, err ? NULL : tag);
	if (err) {
		if (is_new)
			ioas_tag_drop(tag);
		else
			ioas_hwpt_put(to);
		return err;
	}
	if (!is_new)
		ioas_tag_move(tag, to);

	return 0;
}

/*
 * Replace what serves a RID. On failure a @to that was made for it is gone. The
 * same table again is nothing to the kernel, which answers no request then.
 */
int ioas_move(struct uvdk_hwpt *to, struct ioas_binding *binding)
{
	const struct ioas_tag *tag = ioas_tag_find(binding, UVDK_PASID_RID);
	struct uvdk_ioas *from = binding->pub.ioas;
	struct uvdk_ioas *ioas = to->ioas;
	int err;

	if (tag && tag->hwpt == to)
		return 0;
	ioas_lock_both(from, ioas);
	err = replace_rid(to, binding, from);
	if (!err && from != ioas) {
		forget(from, binding);
		remember(ioas, binding);
		adopt_after(from, "replaced");
	}
	if (!err)
		adopt_after(ioas, "replaced");
	ioas_unlock_both(from, ioas);

	return err;
}

/* Back to what the driver has for an ioas. */
int ioas_restore(struct ioas_binding *binding)
{
	struct ioas_tag *tag = ioas_tag_find(binding, UVDK_PASID_RID);
	struct uvdk_ioas *ioas = binding->pub.ioas;
	int err;

	if (!tag)
		return 0;
	uvdk_lock_acquire(&ioas->lock);
	err = ioas->ops->rid_restore(ioas->priv, &binding->pub);
	if (!err) {
		ioas_tag_drop(tag);
		adopt_after(ioas, "replaced");
	}
	uvdk_lock_release(&ioas->lock);

	return err;
}

static int use_enter(struct uvdk_ioas *ioas, struct uvdk_hwpt *hwpt, struct ioas_binding *binding,
		     uint32_t pasid)
{
	int err;

	(void)pasid;
	uvdk_lock_acquire(&ioas->lock);
	err = ioas_enter(ioas, binding, hwpt);
	uvdk_lock_release(&ioas->lock);

	return err;
}

UVDK_EXPORT int uvdk_ioas_attach(struct uvdk_ioas *ioas, struct uvdk_device *dev)
{
	int err = ioas_check_given("attaching", "an address space", ioas, dev);

	if (!err)
		err = uvdk_ioas_check_own(ioas);
	if (err)
		return err;
	pthread_mutex_lock(&ioas->iommu->lock);
	err = ioas_check_device(ioas, dev);
	if (!err)
		err = ioas_check_free(ioas, ioas_binding_of(dev));
	if (!err)
		err = ioas_serve(ioas, ioas_binding_of(dev),
				 LIST_EMPTY(&ioas_binding_of(dev)->pasids) ? 0 : UVDK_HWPT_PASID,
				 UVDK_PASID_RID, use_enter);
	ioas_unlock(ioas->iommu);

	return err;
}

UVDK_EXPORT void uvdk_ioas_detach(struct uvdk_ioas *ioas, struct uvdk_device *dev)
{
	struct ioas_binding *binding;

	if (!ioas || !dev || !ioas_is_ours(ioas))
		return;
	binding = ioas_binding_of(dev);
	pthread_mutex_lock(&ioas->iommu->lock);
	if (binding && binding->pub.ioas == ioas)
		ioas_detach_binding(binding);
	ioas_unlock(ioas->iommu);
}
