// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "viommu_priv.h"

/* Holds on nested tables. Static functions run under iommu->lock. */

static int check(const struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid)
{
	const struct ioas_binding *binding = ioas_binding_of(dev);
	const struct ioas_tag *tag;
	int err = ioas_check_device(hwpt->ioas, dev);

	if (err)
		return err;
	tag = ioas_tag_find(binding, pasid);
	if (tag && tag->hwpt == hwpt)
		return 0;

	return uvdk_fail(-EINVAL, IOAS_COMPONENT,
			 "invalidations for a nested table that is not attached to %s under PASID "
			 "%u: uvdk_hwpt_attach() first",
			 ioas_name_of(dev), pasid);
}

UVDK_EXPORT int uvdk_nest_hold_take(struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid,
				    struct uvdk_nest_hold *hold)
{
	int err = ioas_check_given("invalidating", "a nested table", hwpt, dev);
	struct uvdk_viommu *viommu;

	if (!err)
		err = uvdk_ioas_check_own(hwpt->ioas);
	if (err)
		return err;
	viommu = hwpt->viommu;
	if (!viommu)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "this page table is the kernel's, which invalidates it: only "
				 "nested tables have queues of invalidations");

	pthread_mutex_lock(&hwpt->ioas->iommu->lock);
	err = check(hwpt, dev, pasid);
	if (!err) {
		*hold = (struct uvdk_nest_hold){.gone = hold->gone,
						.hwpt = hwpt,
						.viommu = viommu,
						.info = &viommu->info,
						.dev = dev,
						.pasid = pasid,
						.binding = &ioas_binding_of(dev)->pub,
						.iommu = hwpt->ioas->iommu,
						.next = viommu->holds};
		viommu->holds = hold;
		viommu->users++;
	}
	pthread_mutex_unlock(&hwpt->ioas->iommu->lock);

	return err;
}

UVDK_EXPORT void uvdk_nest_hold_drop(struct uvdk_nest_hold *hold)
{
	struct uvdk_viommu *viommu = hold->viommu;
	struct uvdk_nest_hold **at = &viommu->holds;

	pthread_mutex_lock(&hold->iommu->lock);
	while (*at != hold)
		at = &(*at)->next;
	*at = hold->next;
	viommu->users--;
	if (hold->queue && viommu_is_ours(viommu)) {
		hold->queue->held = false;
		viommu_sweep_queues(viommu);
	}
	pthread_mutex_unlock(&hold->iommu->lock);
}

static void end(struct uvdk_nest_hold *hold)
{
	if (hold->ended)
		return;
	hold->ended = true;
	hold->gone(hold);
}

void ioas_nested_left(const struct uvdk_hwpt *hwpt, const struct ioas_binding *binding,
		      uint32_t pasid)
{
	struct uvdk_nest_hold *hold = hwpt->viommu ? hwpt->viommu->holds : NULL;

	for (; hold; hold = hold->next)
		if (hold->hwpt == hwpt && hold->binding == &binding->pub && hold->pasid == pasid)
			end(hold);
}

/* Nobody could tell the new one, or would hear of the old one. */
void viommu_ids_changed(struct uvdk_viommu *viommu)
{
	for (struct uvdk_nest_hold *hold = viommu->holds; hold; hold = hold->next)
		if (hold->fixed_ids)
			end(hold);
}

/* Is the memory of a queue at @ring, all of it? Under the ioas lock. */
static bool is_at(const struct uvdk_hw_queue *queue, const void *ring)
{
	const struct uvdk_ioas *ioas = queue->viommu->info.parent->ioas;
	const uint64_t va = (uintptr_t)ring;
	uint64_t off = 0;

	while (off < queue->len) {
		const struct ioas_map *map = ioas_map_at(ioas, ioas_page(queue->iova + off));
		uint64_t into = map ? queue->iova + off - ioas_iova(map->page) : 0;

		if (!map || map->va + into != va + off)
			return false;
		off += (map->pages << IOAS_PAGE_SHIFT) - into;
	}

	return true;
}

static int take_queue(struct uvdk_nest_hold *hold, struct uvdk_hw_queue *queue, const void *ring,
		      size_t len)
{
	struct uvdk_ioas *ioas = hold->info->parent->ioas;
	bool right;

	if (queue->viommu != hold->viommu)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "the hardware queue is another vIOMMU's than the nested table");
	if (queue->held || queue->given_back)
		return uvdk_fail(-EBUSY, IOAS_COMPONENT,
				 "hardware queue %u is in use by another queue of invalidations",
				 queue->index);
	uvdk_lock_acquire(&ioas->lock);
	right = len == queue->len && is_at(queue, ring);
	uvdk_lock_release(&ioas->lock);
	if (!right)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "the memory of hardware queue %u is 0x%zx bytes at IOVA 0x%" PRIx64
				 ": %p with 0x%zx bytes is not what is mapped there",
				 queue->index, queue->len, queue->iova, ring, len);
	queue->held = true;
	hold->queue = queue;

	return (int)queue->index;
}

UVDK_EXPORT int uvdk_nest_hold_queue(struct uvdk_nest_hold *hold, struct uvdk_hw_queue *queue,
				     const void *ring, size_t len)
{
	int ret;

	pthread_mutex_lock(&hold->iommu->lock);
	ret = take_queue(hold, queue, ring, len);
	pthread_mutex_unlock(&hold->iommu->lock);

	return ret;
}

UVDK_EXPORT unsigned int uvdk_nest_ids_generation(const struct uvdk_nest_hold *hold)
{
	return __atomic_load_n(&hold->viommu->generation, __ATOMIC_ACQUIRE);
}

UVDK_EXPORT unsigned int uvdk_nest_ids(const struct uvdk_nest_hold *hold, uint32_t *ids,
				       unsigned int max)
{
	struct uvdk_viommu *viommu = hold->viommu;
	const struct uvdk_vdevice *vdev;
	unsigned int n = 0;

	uvdk_lock_acquire(&viommu->lock);
	LIST_FOREACH(vdev, &viommu->vdevices, entry)
	{
		if (!vdev->caches)
			continue;
		if (n < max)
			ids[n] = (uint32_t)vdev->virt_id;
		n++;
	}
	uvdk_lock_release(&viommu->lock);

	return n;
}

UVDK_EXPORT unsigned int uvdk_nest_hold_fix(struct uvdk_nest_hold *hold, uint32_t *ids,
					    unsigned int max)
{
	unsigned int n;

	pthread_mutex_lock(&hold->iommu->lock);
	hold->fixed_ids = true;
	n = uvdk_nest_ids(hold, ids, max);
	pthread_mutex_unlock(&hold->iommu->lock);

	return n;
}

UVDK_EXPORT int uvdk_nest_invalq_create(struct uvdk_nest_hold *hold,
					const struct uvdk_invalq_opts *opts,
					struct uvdk_invalq **out)
{
	const struct uvdk_viommu_ops *ops = viommu_ops(hold->viommu);

	return ops->invalq_create
		       ? ops->invalq_create(hold->hwpt->priv, hold->binding, hold->pasid, opts, out)
		       : -ENOSYS;
}
