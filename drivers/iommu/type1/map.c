// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "type1_priv.h"

static unsigned int count_groups(const struct type1_ioas *own)
{
	unsigned int count = 0;

	for (const struct type1_group *group = own->groups; group; group = group->peer)
		count++;

	return count;
}

static int explain(const struct type1_ioas *own, const struct type1_group *group, uint64_t iova,
		   void *va, size_t len, unsigned int flags, int err)
{
	struct uvdk_pin_failure pin = {.va = va,
				       .len = len,
				       .write = flags & UVDK_MAP_WRITE,
				       .err = -err,
				       .charged = count_groups(own),
				       .per = "process"};

	switch (err) {
	case -ENOSPC:
		return uvdk_fail(-EDQUOT, TYPE1,
				 "the container of group %d holds its %u maps: map larger pieces, "
				 "or raise vfio_iommu_type1.dma_entry_limit",
				 group->number, group->entries_max);
	case -EEXIST:
		return uvdk_fail(err, TYPE1, "IOVA 0x%" PRIx64 " with 0x%zx bytes overlaps a map",
				 iova, len);
	case -EINVAL:
	case -EOVERFLOW:
		return uvdk_fail(-ERANGE, TYPE1,
				 "IOVA 0x%" PRIx64 " with 0x%zx bytes is reserved, or outside what "
				 "the I/O MMU of group %d can address",
				 iova, len, group->number);
	default:
		pin.charged = pin.charged ? pin.charged : 1;
		return uvdk_explain_pin(TYPE1, &pin);
	}
}

int type1_group_map(const struct type1_ioas *own, const struct type1_group *group, uvdk_iova_t iova,
		    void *va, size_t len, unsigned int flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .vaddr = (uintptr_t)va, .iova = iova, .size = len};
	int ret;

	if (flags & UVDK_MAP_READ)
		map.flags |= VFIO_DMA_MAP_FLAG_READ;
	if (flags & UVDK_MAP_WRITE)
		map.flags |= VFIO_DMA_MAP_FLAG_WRITE;
	ret = type1_ioctl(group->container, VFIO_IOMMU_MAP_DMA, &map);

	return ret ? explain(own, group, iova, va, len, flags, ret) : 0;
}

/*
 * Success may come with nothing unmapped, so the size that comes back counts. @may_lack: it may
 * not be there.
 */
static int group_unmap(const struct type1_group *group, uvdk_iova_t iova, size_t len, bool may_lack)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = iova, .size = len};
	int ret = type1_ioctl(group->container, VFIO_IOMMU_UNMAP_DMA, &unmap);

	if (ret)
		return uvdk_fail(ret, TYPE1, "unmapping 0x%zx bytes at IOVA 0x%" PRIx64 ": %s", len,
				 iova, strerror(-ret));
	if (unmap.size != len && (unmap.size || !may_lack))
		return uvdk_fail(-EIO, TYPE1,
				 "unmapping 0x%zx bytes at IOVA 0x%" PRIx64 ", the kernel says it "
				 "unmapped 0x%llx",
				 len, iova, (unsigned long long)unmap.size);

	return 0;
}

int type1_group_unmap_all(const struct type1_group *group)
{
	struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof(unmap),
						   .flags = VFIO_DMA_UNMAP_FLAG_ALL};

	return type1_ioctl(group->container, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

int type1_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags)
{
	struct type1_ioas *own = ioas_priv;
	struct type1_group *group;
	int ret = 0;

	/* Without a group there is no kernel to ask; the attach will. */
	if (!own->groups && !uvdk_memory_mapped(va, len))
		return explain(own, NULL, *iova, va, len, flags, -EFAULT);

	for (group = own->groups; group; group = group->peer) {
		ret = type1_group_map(own, group, *iova, va, len, flags);
		if (ret)
			break;
	}
	if (!ret)
		return 0;

	for (const struct type1_group *done = own->groups; done != group; done = done->peer)
		group_unmap(done, *iova, len, false);
	return ret;
}

struct refused {
	const struct type1_ioas *own;
	const struct type1_group *by;
	uvdk_iova_t iova;
};

/* The map is to stay, so put it back where it is gone from already. */
static int put_back(const struct uvdk_map_info *map, void *arg)
{
	const struct refused *refused = arg;

	if (map->iova != refused->iova)
		return 0;
	for (const struct type1_group *group = refused->own->groups; group != refused->by;
	     group = group->peer)
		if (type1_group_map(refused->own, group, map->iova, map->va, map->len, map->flags))
			uvdk_log(UVDK_LOG_ERR, TYPE1,
				 "IOVA 0x%" PRIx64 " with 0x%zx bytes stays mapped for group %d, "
				 "but group %d has lost it: unmap it, or close the devices",
				 map->iova, map->len, refused->by->number, group->number);

	return 1;
}

int type1_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len)
{
	struct refused refused = {.own = ioas_priv, .iova = iova};
	/* A group that came after the memory had gone never had it. */
	bool gone = uvdk_ioas_is_gone(refused.own->ioas, iova);

	for (const struct type1_group *group = refused.own->groups; group; group = group->peer) {
		int ret = group_unmap(group, iova, len, gone);

		if (!ret)
			continue;
		refused.by = group;
		uvdk_ioas_for_each(refused.own->ioas, put_back, &refused);
		return ret;
	}

	return 0;
}
