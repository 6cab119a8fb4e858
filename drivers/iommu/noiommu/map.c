// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "noiommu_priv.h"

static int compare(const void *a, const void *b)
{
	const struct noiommu_map *x = a;
	const struct noiommu_map *y = b;

	return x->iova < y->iova ? -1 : x->iova > y->iova;
}

/*
 * Each page gets a frame of its own now, so that what the device writes is not
 * lost to copy on write. Unlike a store, this can't kill us on read-only memory.
 */
static int populate(unsigned char *va, size_t len, unsigned int flags)
{
	return madvise(va, len, flags & UVDK_MAP_WRITE ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

static int lock_memory(unsigned char *va, size_t len, unsigned int flags)
{
	struct uvdk_pin_failure pin = {.va = va,
				       .len = len,
				       .write = flags & UVDK_MAP_WRITE,
				       .charged = 1,
				       .per = "process"};

	pin.err = EFAULT;
	if (!uvdk_memory_mapped(va, len))
		return uvdk_explain_pin(NOIOMMU, &pin);
	if (populate(va, len, flags)) {
		pin.err = errno == EINVAL ? EFAULT : errno;
		return uvdk_explain_pin(NOIOMMU, &pin);
	}
	if (mlock(va, len)) {
		pin.err = errno == EAGAIN || errno == EPERM ? ENOMEM : errno;
		return uvdk_explain_pin(NOIOMMU, &pin);
	}

	return 0;
}

/* Looked at twice: a page that moves while we look would be a wild DMA later. */
static int find_frames(const struct noiommu *noiommu, const struct noiommu_map *map, uint64_t *phys)
{
	uint64_t again = 0;
	int ret;

	ret = noiommu_contiguous(noiommu->pagemap, map->va, map->len, phys);
	if (!ret)
		ret = noiommu_contiguous(noiommu->pagemap, map->va, map->len, &again);
	if (!ret && again != *phys)
		ret = uvdk_fail(-EAGAIN, NOIOMMU,
				"the kernel moved the memory at %p while it was mapped: use huge "
				"pages",
				(void *)map->va);

	return ret;
}

int noiommu_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags)
{
	struct noiommu_ioas *own = ioas_priv;
	struct noiommu_map *map = calloc(1, sizeof(*map));
	struct noiommu_map **node;
	int ret = -ENOMEM;

	if (!map)
		return ret;
	map->va = va;
	map->len = len;
	ret = lock_memory(va, len, flags);
	if (ret)
		goto free_map;
	ret = find_frames(own->noiommu, map, &map->iova);
	if (ret)
		goto unlock_memory;

	ret = -ENOMEM;
	node = tsearch(map, &own->maps, compare);
	if (!node)
		goto unlock_memory;
	ret = -EEXIST;
	if (*node != map) {
		uvdk_fail(ret, NOIOMMU, "the memory at %p is mapped already", va);
		goto free_map; /* the other map keeps it locked */
	}

	*iova = map->iova;
	return 0;
unlock_memory:
	munlock(va, len);
free_map:
	free(map);
	return ret;
}

int noiommu_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len)
{
	struct noiommu_ioas *own = ioas_priv;
	struct noiommu_map key = {.iova = iova};
	struct noiommu_map **node = tfind(&key, &own->maps, compare);
	struct noiommu_map *map;

	if (!node || (*node)->len != len)
		return uvdk_fail(-ENOENT, NOIOMMU,
				 "no map of 0x%zx bytes at physical address 0x%" PRIx64, len, iova);

	map = *node;
	tdelete(&key, &own->maps, compare);
	munlock(map->va, map->len);
	free(map);
	return 0;
}
