// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <search.h>

#include "noiommu_priv.h"

static int compare(const void *a, const void *b)
{
	const struct noiommu_map *x = a;
	const struct noiommu_map *y = b;

	return x->iova < y->iova ? -1 : x->iova > y->iova;
}

/* Nothing translates: a map is one run, and its IOVA is where that is. */
static int find_frames(const struct noiommu *noiommu, const struct noiommu_map *map, uint64_t *phys)
{
	struct uvdk_phys_run run;
	int ret = uvdk_phys_runs(&noiommu->phys, map->va, map->len, map->pin, &run, 1);

	if (ret < 0)
		return ret;
	if (ret > 1)
		return uvdk_fail(-EOPNOTSUPP, NOIOMMU,
				 "the memory is not physically contiguous, and nothing translates "
				 "for the device: use huge pages, and map at most one at a time");
	*phys = run.phys;

	return 0;
}

int noiommu_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags)
{
	struct noiommu_ioas *own = ioas_priv;
	const struct uvdk_phys *phys = &own->noiommu->phys;
	struct noiommu_map *map = calloc(1, sizeof(*map));
	struct noiommu_map **node;
	int ret = -ENOMEM;

	if (!map)
		return ret;
	map->va = va;
	map->len = len;
	ret = uvdk_phys_lock(phys, va, len, flags & UVDK_MAP_WRITE, &map->pin);
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
		goto unlock_memory;
	}

	*iova = map->iova;
	return 0;
unlock_memory:
	uvdk_phys_unlock(phys, va, len, map->pin);
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
	uvdk_phys_unlock(&own->noiommu->phys, map->va, map->len, map->pin);
	free(map);
	return 0;
}
