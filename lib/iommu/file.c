// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_priv.h"

UVDK_EXPORT bool uvdk_ioas_maps_files(const struct uvdk_ioas *ioas)
{
	return ioas->ops->map_file != NULL;
}

static int check_arguments(const struct uvdk_ioas *ioas, const struct uvdk_ioas_file *file,
			   size_t len, unsigned int flags, const uvdk_iova_t *iova)
{
	uint64_t place = flags & UVDK_MAP_FIXED ? *iova : 0;
	size_t granule = ioas_granule(ioas);

	if (!file->va && !ioas->ops->map_file)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "%s maps by address, and this file has none in the process: where "
				 "the kernel has IOMMU_IOAS_MAP_FILE, iommufd maps it as it is",
				 ioas->ops->name);
	if (!len || !(flags & UVDK_MAP_RW) || flags & ~(unsigned int)(UVDK_MAP_RW | UVDK_MAP_FIXED))
		return uvdk_fail(
			-EINVAL, IOAS_COMPONENT,
			"map of a file with length 0x%zx and flags 0x%x: nothing to map, no "
			"access, or unknown flags",
			len, flags);
	if ((file->offset | len | place) & (granule - 1))
		return uvdk_fail(-EDOM, IOAS_COMPONENT,
				 "map of a file from 0x%" PRIx64 "+0x%zx on is not made of whole "
				 "pages of %zu bytes: align offset, length and IOVA",
				 file->offset, len, granule);

	return 0;
}

UVDK_EXPORT int uvdk_ioas_file_map(struct uvdk_ioas *ioas, const struct uvdk_ioas_file *file,
				   size_t len, unsigned int flags, uvdk_iova_t *iova)
{
	int err;

	if (!ioas_is_ours(ioas))
		return ioas_inherited();
	uvdk_lock_acquire(&ioas->lock);
	err = check_arguments(ioas, file, len, flags, iova);
	if (!err)
		err = ioas_map_locked(ioas, file, (uintptr_t)file->va, ioas_page(len),
				      flags | UVDK_MAP_ALIAS | UVDK_MAP_FILE, iova);
	if (!err)
		ioas->files_gone = file->gone;
	uvdk_lock_release(&ioas->lock);

	return err;
}

/* The map of a file that begins there, or NULL. */
static struct ioas_map *find(struct uvdk_ioas *ioas, uvdk_iova_t iova)
{
	struct ioas_map *map = iova <= SPACE_LAST ? ioas_map_at(ioas, ioas_page(iova)) : NULL;

	return map && ioas_iova(map->page) == iova && map->flags & UVDK_MAP_FILE ? map : NULL;
}

static int stop(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	int err = 0;

	if (ioas_map_stands(map))
		err = ioas->ops->unmap(ioas->priv, ioas_iova(map->page), ioas_iova(map->pages));
	if (!err)
		map->flags |= IOAS_MAP_STOPPED;

	return err;
}

UVDK_EXPORT int uvdk_ioas_file_stop(struct uvdk_ioas *ioas, uvdk_iova_t iova)
{
	struct ioas_map *map;
	int err = -ENOENT;

	if (!ioas_is_ours(ioas))
		return ioas_inherited();
	uvdk_lock_acquire(&ioas->lock);
	map = find(ioas, iova);
	if (map)
		err = stop(ioas, map);
	uvdk_lock_release(&ioas->lock);

	return err;
}

static int driver_map(struct uvdk_ioas *ioas, const struct ioas_map *map,
		      const struct uvdk_ioas_file *file)
{
	unsigned int access = map->flags & UVDK_MAP_RW;
	uvdk_iova_t iova = ioas_iova(map->page);
	size_t len = ioas_iova(map->pages);

	if (file->va)
		return ioas->ops->map(ioas->priv, &iova, file->va, len, access | UVDK_MAP_ALIAS);

	return ioas->ops->map_file(ioas->priv, iova, file->fd, file->offset, len, access);
}

UVDK_EXPORT int uvdk_ioas_file_resume(struct uvdk_ioas *ioas, uvdk_iova_t iova,
				      const struct uvdk_ioas_file *file)
{
	struct ioas_map *map;
	int err = 0;

	if (!ioas_is_ours(ioas))
		return ioas_inherited();
	uvdk_lock_acquire(&ioas->lock);
	map = find(ioas, iova);
	if (!map)
		err = -ENOENT;
	else if (!ioas_map_stands(map))
		err = driver_map(ioas, map, file);
	if (!err)
		map->flags &= ~IOAS_MAP_STOPPED;
	uvdk_lock_release(&ioas->lock);

	return err;
}

UVDK_EXPORT int uvdk_ioas_file_unmap(struct uvdk_ioas *ioas, uvdk_iova_t iova)
{
	struct ioas_map *map;
	int err = -ENOENT;

	if (!ioas_is_ours(ioas))
		return ioas_inherited();
	uvdk_lock_acquire(&ioas->lock);
	map = find(ioas, iova);
	if (map)
		err = stop(ioas, map);
	if (!err)
		ioas_map_remove(ioas, map);
	uvdk_lock_release(&ioas->lock);

	return err;
}
