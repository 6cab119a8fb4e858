// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <uvdk_device_driver.h>
#include <uvdk_iommu_walk_driver.h>

#include "iommu_priv.h"

uint64_t ioas_new_id(void)
{
	static uint64_t latest;

	return __atomic_add_fetch(&latest, 1, __ATOMIC_RELAXED);
}

/*
 * iommu->lock keeps what is seen from going. It is let go of plainly: what others have
 * touched is theirs to tell, and not for a thread that only looks.
 */

/* ---- devices ---- */

static struct ioas_binding *next_binding(struct uvdk_iommu *iommu, uint64_t after)
{
	struct ioas_binding *found = NULL;
	struct ioas_binding *binding;

	LIST_FOREACH(binding, &iommu->bindings, entry)
	if (binding->seen > after && (!found || binding->seen < found->seen) &&
	    uvdk_device_is_open(binding->pub.dev))
		found = binding;

	return found;
}

UVDK_EXPORT uint64_t uvdk_ioas_see_id(const struct uvdk_ioas *ioas)
{
	return ioas->seen;
}

static unsigned int count_pasids(const struct ioas_binding *binding)
{
	const struct ioas_tag *tag;
	unsigned int count = 0;

	LIST_FOREACH(tag, &binding->pasids, sibling)
	count++;

	return count;
}

static void see_device(struct ioas_binding *binding, struct uvdk_seen_device *out)
{
	const struct uvdk_device_info *info = uvdk_device_get_info(binding->pub.dev);
	const struct uvdk_iommu *iommu = binding->pub.iommu;

	*out = (struct uvdk_seen_device){
		.id = binding->seen,
		.gone = binding->closing || uvdk_device_gone(binding->pub.dev),
		.info = {.driver = iommu->ops->name, .hardware = "unknown"},
		.ioas = binding->pub.ioas ? binding->pub.ioas->seen : 0,
		.pasids = count_pasids(binding),
	};
	snprintf(out->name, sizeof(out->name), "%s", info->name);
	snprintf(out->bus, sizeof(out->bus), "%s", info->bus);
	snprintf(out->access, sizeof(out->access), "%s", info->access ? info->access : "");
	out->err = out->gone ? -ENODEV : iommu->ops->info(iommu->priv, &binding->pub, &out->info);
}

UVDK_EXPORT int uvdk_iommu_see_device(struct uvdk_iommu *iommu, uint64_t after,
				      struct uvdk_seen_device *out)
{
	struct ioas_binding *binding;

	pthread_mutex_lock(&iommu->lock);
	binding = next_binding(iommu, after);
	if (binding)
		see_device(binding, out);
	pthread_mutex_unlock(&iommu->lock);

	return binding ? 0 : -ENOENT;
}

/* ---- address spaces ---- */

static struct uvdk_ioas *next_space(struct uvdk_iommu *iommu, uint64_t after)
{
	struct uvdk_ioas *ioas;

	TAILQ_FOREACH(ioas, &iommu->spaces, entry)
	if (ioas->seen > after)
		return ioas;

	return NULL;
}

static struct uvdk_ioas *find_space(struct uvdk_iommu *iommu, uint64_t id)
{
	struct uvdk_ioas *ioas = id ? next_space(iommu, id - 1) : NULL;

	return ioas && ioas->seen == id ? ioas : NULL;
}

/* RIDs are in the list of devices, through whichever table: all others are PASIDs. */
static unsigned int attached_to(struct uvdk_ioas *ioas, struct uvdk_seen_attached *out,
				unsigned int max)
{
	struct ioas_binding *binding;
	unsigned int count = 0;
	struct uvdk_hwpt *hwpt;
	struct ioas_tag *tag;

	for (binding = ioas->devices; binding; binding = binding->next, count++) {
		tag = ioas_tag_find(binding, UVDK_PASID_RID);
		if (count < max)
			out[count] = (struct uvdk_seen_attached){binding->seen, UVDK_PASID_RID,
								 tag && tag->hwpt->viommu};
	}
	LIST_FOREACH(hwpt, &ioas->hwpts, entry)
	LIST_FOREACH(tag, &hwpt->tags, entry)
	{
		if (tag->pasid == UVDK_PASID_RID)
			continue;
		if (count < max)
			out[count] = (struct uvdk_seen_attached){tag->binding->seen, tag->pasid,
								 hwpt->viommu};
		count++;
	}

	return count;
}

static void see_space(struct uvdk_ioas *ioas, struct uvdk_seen_ioas *out)
{
	*out = (struct uvdk_seen_ioas){
		.id = ioas->seen,
		.policy = ioas->policy,
		.coherency = ioas->coherency,
		.page_size = ioas_granule(ioas),
		.attached = attached_to(ioas, NULL, 0),
	};
	uvdk_ioas_get_stats(ioas, &out->stats);
	out->ranges = uvdk_ioas_ranges(ioas, out->range, UVDK_SEEN_RANGES);
}

UVDK_EXPORT int uvdk_iommu_see_ioas(struct uvdk_iommu *iommu, uint64_t after,
				    struct uvdk_seen_ioas *out)
{
	struct uvdk_ioas *ioas;

	pthread_mutex_lock(&iommu->lock);
	ioas = next_space(iommu, after);
	if (ioas)
		see_space(ioas, out);
	pthread_mutex_unlock(&iommu->lock);

	return ioas ? 0 : -ENOENT;
}

UVDK_EXPORT int uvdk_iommu_see_attached(struct uvdk_iommu *iommu, uint64_t id,
					struct uvdk_seen_attached *out, unsigned int max,
					unsigned int *count)
{
	struct uvdk_ioas *ioas;

	pthread_mutex_lock(&iommu->lock);
	ioas = find_space(iommu, id);
	if (ioas)
		*count = attached_to(ioas, out, max);
	pthread_mutex_unlock(&iommu->lock);

	return ioas ? 0 : -ENOENT;
}

static unsigned int some_maps(struct uvdk_ioas *ioas, uint64_t page, struct uvdk_map_info *out,
			      unsigned int max)
{
	unsigned int count = 0;

	while (count < max && page < SPACE_PAGES) {
		struct ioas_map *map = ioas_map_next(ioas, page);

		if (!map)
			break;
		ioas_map_info(map, &out[count++]);
		page = map->page + map->pages;
	}

	return count;
}

UVDK_EXPORT int uvdk_iommu_see_maps(struct uvdk_iommu *iommu, uint64_t id, uvdk_iova_t from,
				    struct uvdk_map_info *out, unsigned int max,
				    unsigned int *count)
{
	uint64_t page = ioas_page(from) + !!(from & (IOAS_PAGE - 1));
	struct uvdk_ioas *ioas;

	pthread_mutex_lock(&iommu->lock);
	ioas = find_space(iommu, id);
	if (ioas) {
		uvdk_lock_acquire(&ioas->lock);
		*count = some_maps(ioas, page, out, max);
		uvdk_lock_release(&ioas->lock);
	}
	pthread_mutex_unlock(&iommu->lock);

	return ioas ? 0 : -ENOENT;
}

static struct uvdk_mapq_window *next_window(const struct uvdk_ioas *ioas, uvdk_iova_t from)
{
	struct uvdk_mapq_window *found = NULL;

	for (struct uvdk_mapq_window *w = ioas->mapqs; w; w = w->next)
		if (w->iova >= from && (!found || w->iova < found->iova))
			found = w;

	return found;
}

UVDK_EXPORT int uvdk_iommu_see_window(struct uvdk_iommu *iommu, uint64_t id, uvdk_iova_t from,
				      struct uvdk_seen_window *out)
{
	struct uvdk_mapq_window *window = NULL;
	struct uvdk_ioas *ioas;

	pthread_mutex_lock(&iommu->lock);
	ioas = find_space(iommu, id);
	if (ioas) {
		uvdk_lock_acquire(&ioas->lock);
		window = next_window(ioas, from);
		if (window)
			*out = (struct uvdk_seen_window){window->iova, window->len,
							 window->mapped(window)};
		uvdk_lock_release(&ioas->lock);
	}
	pthread_mutex_unlock(&iommu->lock);

	return window ? 0 : -ENOENT;
}
