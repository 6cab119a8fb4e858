// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_priv.h"

static int unmap_one(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	int err = ioas->ops->unmap(ioas->priv, ioas_iova(map->page), ioas_iova(map->pages));

	if (__builtin_expect(err, 0))
		return uvdk_fail(err, IOAS_COMPONENT,
				 "%s could not unmap IOVA 0x%" PRIx64 "+0x%" PRIx64
				 ": devices may still reach it, so the map stays",
				 ioas->ops->name, ioas_iova(map->page), ioas_iova(map->pages));
	ioas_map_remove(ioas, map);

	return 0;
}

static int half(const struct ioas_map *map, uint64_t page, uint64_t end)
{
	return uvdk_fail(-EBADE, IOAS_COMPONENT,
			 "unmap of IOVA 0x%" PRIx64 "-0x%" PRIx64 " would cut the map of 0x%" PRIx64
			 "+0x%" PRIx64 " in two: unmap it as a whole",
			 ioas_iova(page), ioas_iova(end) - 1, ioas_iova(map->page),
			 ioas_iova(map->pages));
}

/* Are these pages a row of whole maps without holes? */
static int check_row(struct uvdk_ioas *ioas, uint64_t page, uint64_t end)
{
	for (uint64_t at = page; at < end;) {
		struct ioas_map *map = ioas_map_at(ioas, at);

		if (!map)
			return uvdk_fail(-ENOENT, IOAS_COMPONENT,
					 "unmap of IOVA 0x%" PRIx64 "-0x%" PRIx64
					 ": nothing is mapped at 0x%" PRIx64,
					 ioas_iova(page), ioas_iova(end) - 1, ioas_iova(at));
		if (map->page != at || map->pages > end - at)
			return half(map, page, end);
		at += map->pages;
	}

	return 0;
}

/*
 * Put back what was unmapped before a driver failed, so that all of the row is
 * mapped or none of it. The records are still there: only the driver forgot.
 */
static void restore(struct uvdk_ioas *ioas, uint64_t page, uint64_t end)
{
	while (page < end) {
		struct ioas_map *map = ioas_map_at(ioas, page);
		uvdk_iova_t iova = ioas_iova(page);
		uint64_t next = page + map->pages;

		if (ioas->ops->map(ioas->priv, &iova, (void *)(uintptr_t)map->va,
				   ioas_iova(map->pages),
				   map->flags & (UVDK_MAP_RW | UVDK_MAP_ALIAS))) {
			uvdk_log(UVDK_LOG_WARN, IOAS_COMPONENT,
				 "IOVA 0x%" PRIx64 "+0x%" PRIx64
				 " was unmapped before another map of the same call failed, and "
				 "could not be mapped again",
				 ioas_iova(map->page), ioas_iova(map->pages));
			ioas_map_remove(ioas, map);
		}
		page = next;
	}
}

static int unmap_row(struct uvdk_ioas *ioas, uint64_t page, uint64_t end)
{
	int err = check_row(ioas, page, end);

	if (err)
		return err;

	for (uint64_t at = page; at < end;) {
		struct ioas_map *map = ioas_map_at(ioas, at);

		err = ioas->ops->unmap(ioas->priv, ioas_iova(at), ioas_iova(map->pages));
		if (err) {
			restore(ioas, page, at);
			return uvdk_fail(err, IOAS_COMPONENT,
					 "%s could not unmap IOVA 0x%" PRIx64 "+0x%" PRIx64
					 ": the maps of the range stay",
					 ioas->ops->name, ioas_iova(at), ioas_iova(map->pages));
		}
		at += map->pages;
	}
	for (uint64_t at = page; at < end;) {
		struct ioas_map *map = ioas_map_at(ioas, at);

		at += map->pages;
		ioas_map_remove(ioas, map);
	}

	return 0;
}

static int bad_arguments(const struct uvdk_ioas *ioas, uvdk_iova_t iova, size_t len)
{
	if (!len)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "unmap of IOVA 0x%" PRIx64 " has length 0", iova);
	if ((iova | len) & (uvdk_ioas_page_size(ioas) - 1))
		return uvdk_fail(-EDOM, IOAS_COMPONENT,
				 "unmap of IOVA 0x%" PRIx64 "+0x%zx is not made of whole pages of "
				 "%zu bytes",
				 iova, len, uvdk_ioas_page_size(ioas));

	return uvdk_fail(-ENOENT, IOAS_COMPONENT,
			 "nothing is mapped at IOVA 0x%" PRIx64 "+0x%zx, beyond 48 bits", iova,
			 len);
}

UVDK_EXPORT int uvdk_ioas_unmap(struct uvdk_ioas *ioas, uvdk_iova_t iova, size_t len)
{
	uint64_t page = ioas_page(iova);
	uint64_t pages = len >> IOAS_PAGE_SHIFT;
	struct ioas_map *map;
	int err;

	if (__builtin_expect(!len || ((iova | len) & (uvdk_ioas_page_size(ioas) - 1)) ||
				     page >= SPACE_PAGES || pages > SPACE_PAGES - page,
			     0))
		return bad_arguments(ioas, iova, len);

	pthread_mutex_lock(&ioas->lock);
	map = ioas_map_at(ioas, page);
	if (__builtin_expect(map && map->page == page && map->pages == pages, 1))
		err = unmap_one(ioas, map);
	else
		err = unmap_row(ioas, page, page + pages);
	pthread_mutex_unlock(&ioas->lock);

	return err;
}

/* For destroy: no device is attached any more, so what the driver says is noted only. */
void ioas_unmap_all(struct uvdk_ioas *ioas)
{
	struct ioas_map *map;

	while ((map = ioas_map_next(ioas, 0))) {
		if (ioas->ops->unmap(ioas->priv, ioas_iova(map->page), ioas_iova(map->pages)))
			uvdk_log(UVDK_LOG_WARN, IOAS_COMPONENT,
				 "%s did not unmap IOVA 0x%" PRIx64 "+0x%" PRIx64
				 " while its address space is destroyed",
				 ioas->ops->name, ioas_iova(map->page), ioas_iova(map->pages));
		ioas_map_remove(ioas, map);
	}
}
