// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_priv.h"

static __attribute__((noinline)) int driver_failed(const struct uvdk_ioas *ioas,
						   const struct ioas_map *map, int err)
{
	return uvdk_fail(err, IOAS_COMPONENT,
			 "%s could not unmap IOVA 0x%" PRIx64 "+0x%" PRIx64
			 ": devices may still reach it, so the map stays",
			 ioas->ops->name, ioas_iova(map->page), ioas_iova(map->pages));
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
		if (map->flags & UVDK_MAP_FILE)
			return uvdk_fail(-EBUSY, IOAS_COMPONENT,
					 "IOVA 0x%" PRIx64 "+0x%" PRIx64
					 " is the map of a file: uvdk_dmabuf_unmap() ends it",
					 ioas_iova(at), ioas_iova(map->pages));
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

		if (map->flags & IOAS_MAP_GONE)
			map->flags |= IOAS_MAP_STOPPED;
		else if (ioas->ops->map(ioas->priv, &iova, (void *)(uintptr_t)map->va,
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

		if (ioas_map_stands(map))
			err = ioas->ops->unmap(ioas->priv, ioas_iova(at), ioas_iova(map->pages));
		if (err) {
			restore(ioas, page, at);
			return driver_failed(ioas, map, err);
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

static int check_arguments(const struct uvdk_ioas *ioas, uvdk_iova_t iova, size_t len)
{
	if (!len)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "unmap of IOVA 0x%" PRIx64 " has length 0", iova);
	if ((iova | len) & (ioas_granule(ioas) - 1))
		return uvdk_fail(-EDOM, IOAS_COMPONENT,
				 "unmap of IOVA 0x%" PRIx64 "+0x%zx is not made of whole pages of "
				 "%zu bytes",
				 iova, len, ioas_granule(ioas));
	if (iova > SPACE_LAST || len - 1 > SPACE_LAST - iova)
		return uvdk_fail(-ENOENT, IOAS_COMPONENT,
				 "nothing is mapped at IOVA 0x%" PRIx64 "+0x%zx, beyond 48 bits",
				 iova, len);

	return 0;
}

static __attribute__((noinline)) int unmap_any(struct uvdk_ioas *ioas, uvdk_iova_t iova, size_t len)
{
	int err = check_arguments(ioas, iova, len);

	return err ? err : unmap_row(ioas, ioas_page(iova), ioas_page(iova + len));
}

/* The only page of a map that went the short way, and may come back by it? */
static inline bool page_is_plain(const struct uvdk_ioas *ioas, const struct space_leaf *leaf,
				 uvdk_iova_t iova, size_t len)
{
	uint64_t slot = leaf->slot[space_index(ioas_page(iova))];
	const struct ioas_map *map = (const struct ioas_map *)(uintptr_t)slot;

	return len == IOAS_PAGE && ioas->plain && !(iova & (IOAS_PAGE - 1)) && slot_is_map(slot) &&
	       map->pages == 1 && map->epoch == ioas->epoch && !(map->flags & UVDK_MAP_ALIAS);
}

static inline int unmap_page(struct uvdk_ioas *ioas, struct space_leaf *leaf, uint32_t i)
{
	struct ioas_map *map = (struct ioas_map *)(uintptr_t)leaf->slot[i];
	int err = ioas->ops->unmap(ioas->priv, ioas_iova(map->page), IOAS_PAGE);

	if (__builtin_expect(err, 0))
		return driver_failed(ioas, map, err);

	ioas_xlate_put(ioas_xlate_entry(ioas, map->va >> IOAS_PAGE_SHIFT), 0);
	leaf->slot[i] = 0;
	ioas_bits_clear(&leaf->starts, i);
	space_give_page(&ioas->space, leaf, i);
	ioas_record_put(ioas, map);
	ioas->maps--;
	ioas->mapped_pages--;

	return 0;
}

UVDK_EXPORT int uvdk_ioas_unmap(struct uvdk_ioas *ioas, uvdk_iova_t iova, size_t len)
{
	struct space_leaf *leaf;
	int err;

	if (!ioas_is_ours(ioas))
		return ioas_inherited();
	uvdk_lock_acquire(&ioas->lock);
	leaf = iova <= SPACE_LAST ? space_leaf_of(&ioas->space, ioas_page(iova)) : NULL;
	if (__builtin_expect(leaf && page_is_plain(ioas, leaf, iova, len), 1))
		err = unmap_page(ioas, leaf, space_index(ioas_page(iova)));
	else
		err = unmap_any(ioas, iova, len);
	uvdk_lock_release(&ioas->lock);

	return err;
}

/* For destroy: no device is attached any more, so what the driver says is noted only. */
void ioas_unmap_all(struct uvdk_ioas *ioas)
{
	struct ioas_map *map;

	while ((map = ioas_map_next(ioas, 0))) {
		if (ioas_map_stands(map) &&
		    ioas->ops->unmap(ioas->priv, ioas_iova(map->page), ioas_iova(map->pages)))
			uvdk_log(UVDK_LOG_WARN, IOAS_COMPONENT,
				 "%s did not unmap IOVA 0x%" PRIx64 "+0x%" PRIx64
				 " while its address space is destroyed",
				 ioas->ops->name, ioas_iova(map->page), ioas_iova(map->pages));
		ioas_map_remove(ioas, map);
	}
}
