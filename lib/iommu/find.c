// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_priv.h"

UVDK_EXPORT int uvdk_ioas_find(struct uvdk_ioas *ioas, uvdk_iova_t iova, struct uvdk_map_info *out)
{
	struct ioas_map *map;

	uvdk_lock_acquire(&ioas->lock);
	map = ioas_map_at(ioas, ioas_page(iova));
	if (map)
		ioas_map_info(map, out);
	uvdk_lock_release(&ioas->lock);

	return map ? 0 : -ENOENT;
}

UVDK_EXPORT int uvdk_ioas_next(struct uvdk_ioas *ioas, uvdk_iova_t from, struct uvdk_map_info *out)
{
	uint64_t page = ioas_page(from) + !!(from & (IOAS_PAGE - 1));
	struct ioas_map *map;

	if (page >= SPACE_PAGES)
		return -ENOENT;

	uvdk_lock_acquire(&ioas->lock);
	map = ioas_map_next(ioas, page);
	if (map)
		ioas_map_info(map, out);
	uvdk_lock_release(&ioas->lock);

	return map ? 0 : -ENOENT;
}

UVDK_EXPORT int uvdk_ioas_for_each(struct uvdk_ioas *ioas,
				   int (*fn)(const struct uvdk_map_info *map, void *arg), void *arg)
{
	struct ioas_map *map = ioas_map_next(ioas, 0);
	struct uvdk_map_info info;
	int ret = 0;

	while (map && !ret) {
		uint64_t end = map->page + map->pages;

		ioas_map_info(map, &info);
		ret = map->flags & (IOAS_MAP_STOPPED | IOAS_MAP_GONE) ? 0 : fn(&info, arg);
		map = end < SPACE_PAGES ? ioas_map_next(ioas, end) : NULL;
	}

	return ret;
}

UVDK_EXPORT void *uvdk_ioas_va(struct uvdk_ioas *ioas, uvdk_iova_t iova)
{
	struct uvdk_map_info info;

	if (uvdk_ioas_find(ioas, iova, &info) || !info.va)
		return NULL;

	return (char *)info.va + (iova - info.iova);
}

UVDK_EXPORT struct uvdk_ioas_dma_stats *uvdk_ioas_dma_counts(struct uvdk_ioas *ioas)
{
	return &ioas->dma;
}

static uint64_t now(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

UVDK_EXPORT void uvdk_ioas_get_stats(struct uvdk_ioas *ioas, struct uvdk_ioas_stats *out)
{
	struct uvdk_iommu_limits limits = IOAS_NO_LIMITS;

	uvdk_lock_acquire(&ioas->lock);
	ioas->ops->limits(ioas->priv, &limits);
	*out = (struct uvdk_ioas_stats){
		.maps = ioas->maps,
		.bytes = ioas_iova(ioas->mapped_pages + ioas->file_pages),
		.devices = ioas->device_count,
		.entries_max = limits.entries_max,
		.memlock_max = limits.memlock_max,
		.iova_last = ioas->iova_last ? ioas->iova_last : SPACE_LAST,
	};
	uvdk_lock_release(&ioas->lock);
	out->dma = (struct uvdk_ioas_dma_stats){
		.buffers = now(&ioas->dma.buffers),
		.buffer_bytes = now(&ioas->dma.buffer_bytes),
		.registrations = now(&ioas->dma.registrations),
		.registered_bytes = now(&ioas->dma.registered_bytes),
		.made = now(&ioas->dma.made),
		.shared = now(&ioas->dma.shared),
		.refused = now(&ioas->dma.refused),
	};
}

UVDK_EXPORT unsigned int uvdk_ioas_ranges(struct uvdk_ioas *ioas, struct uvdk_iova_range *out,
					  unsigned int max)
{
	unsigned int count;

	uvdk_lock_acquire(&ioas->lock);
	count = ioas->apertures.count;
	for (unsigned int i = 0; out && i < count && i < max; i++)
		out[i] = ioas->apertures.at[i];
	uvdk_lock_release(&ioas->lock);

	return count;
}
