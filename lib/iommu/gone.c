// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_ioas_gone_driver.h>

#include "iommu_priv.h"

static int stop(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	int err = ioas->ops->unmap(ioas->priv, ioas_iova(map->page), ioas_iova(map->pages));

	if (!err)
		map->flags |= IOAS_MAP_STOPPED;

	return err;
}

UVDK_EXPORT void uvdk_ioas_gone(struct uvdk_ioas *ioas, uvdk_iova_t iova, size_t len, bool sure)
{
	uvdk_iova_t last = iova + (len - 1);
	struct ioas_map *map;

	uvdk_lock_acquire(&ioas->lock);
	map = ioas_map_at(ioas, ioas_page(iova));
	if (!map)
		map = ioas_map_next(ioas, ioas_page(iova));
	while (map && ioas_iova(map->page) <= last) {
		uint64_t end = map->page + map->pages;

		map->flags |= IOAS_MAP_GONE;
		/* If that fails the driver has said so, and the map is as good as before. */
		if (sure && ioas->ops->pins == UVDK_IOMMU_PINS_NEVER && ioas_map_stands(map) &&
		    ioas_iova(map->page) >= iova && ioas_iova(end) - 1 <= last)
			stop(ioas, map);
		ioas->any_gone = true;
		map = end < SPACE_PAGES ? ioas_map_next(ioas, end) : NULL;
	}
	uvdk_lock_release(&ioas->lock);
}

UVDK_EXPORT bool uvdk_ioas_is_gone(struct uvdk_ioas *ioas, uvdk_iova_t iova)
{
	const struct ioas_map *map = ioas_map_at(ioas, ioas_page(iova));

	return map && map->flags & IOAS_MAP_GONE;
}

/* With nothing attached, nothing may be pinned; then what comes first pins what is there now. */
int ioas_gone_stop(struct uvdk_ioas *ioas)
{
	struct ioas_map *map;
	int err = 0;

	if (!ioas->any_gone || ioas->ops->pins == UVDK_IOMMU_PINS_AT_MAP || ioas->device_count ||
	    !LIST_EMPTY(&ioas->hwpts))
		return 0;
	for (map = ioas_map_next(ioas, 0); map && !err;) {
		uint64_t end = map->page + map->pages;

		if (map->flags & IOAS_MAP_GONE && ioas_map_stands(map))
			err = stop(ioas, map);
		map = end < SPACE_PAGES ? ioas_map_next(ioas, end) : NULL;
	}
	ioas->any_gone = err;

	return err;
}
