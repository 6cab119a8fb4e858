// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_priv.h"

static int check_arguments(const struct uvdk_ioas *to, const struct uvdk_ioas *from,
			   uvdk_iova_t iova, size_t len, unsigned int flags)
{
	if (to->iommu != from->iommu || to == from)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "copying a map takes two address spaces of one iommu");
	if (!to->ops->copy)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "%s can't copy maps: map the memory again", to->ops->name);
	if (!len || !(flags & UVDK_MAP_RW) || flags & ~(unsigned int)UVDK_MAP_RW)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "copy of IOVA 0x%" PRIx64 "+0x%zx, access 0x%x: nothing to copy, "
				 "or unknown flags",
				 iova, len, flags);
	if ((iova | len) & (ioas_granule(to) - 1))
		return uvdk_fail(-EDOM, IOAS_COMPONENT,
				 "copy of IOVA 0x%" PRIx64 "+0x%zx is not made of whole pages of "
				 "%zu bytes",
				 iova, len, ioas_granule(to));

	return 0;
}

/* The map that holds all of a range, and allows the access. */
static int find(struct uvdk_ioas *from, uvdk_iova_t iova, size_t len, unsigned int flags,
		struct ioas_map **out)
{
	struct ioas_map *map = iova <= SPACE_LAST ? ioas_map_at(from, ioas_page(iova)) : NULL;

	if (!map || ioas_page(len) > map->page + map->pages - ioas_page(iova))
		return uvdk_fail(-ENOENT, IOAS_COMPONENT,
				 "no map holds all of IOVA 0x%" PRIx64 "+0x%zx", iova, len);
	if (map->flags & UVDK_MAP_FILE)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "the map of IOVA 0x%" PRIx64
				 " is one of a file: map the file in the "
				 "other address space, too",
				 iova);
	if (map->flags & IOAS_MAP_GONE)
		return uvdk_fail(-EFAULT, IOAS_COMPONENT,
				 "the memory of the map of IOVA 0x%" PRIx64
				 " was freed: it can't be mapped anywhere else",
				 iova);
	if (flags & ~map->flags)
		return uvdk_fail(-EPERM, IOAS_COMPONENT,
				 "the map of IOVA 0x%" PRIx64 " allows less than its copy is to",
				 iova);
	*out = map;

	return 0;
}

/* Under both locks. */
static int copy(struct uvdk_ioas *to, struct uvdk_ioas *from, const struct ioas_map *source,
		uvdk_iova_t iova, size_t len, unsigned int flags)
{
	uint64_t va = source->va + (iova - ioas_iova(source->page));
	bool alias = source->flags & UVDK_MAP_ALIAS;
	struct ioas_map *map;
	int err = ioas_readonly_check(to, va, flags);

	if (!err && !alias)
		err = ioas_xlate_ready(to, va, ioas_page(len));
	if (err)
		return err;
	map = ioas_record_get(to);
	if (!map)
		return -ENOMEM;
	map->va = va;
	map->pages = ioas_page(len);
	map->page = ioas_page(iova);
	map->flags = flags | UVDK_MAP_FIXED | (alias ? UVDK_MAP_ALIAS : 0);
	err = ioas_place(to, map);
	if (err)
		goto put;
	err = to->ops->copy(to->priv, from->priv, iova, (void *)(uintptr_t)va, len, flags);
	if (err)
		goto unplace;
	ioas_map_insert(to, map);

	return 0;
unplace:
	ioas_unplace(to, map);
put:
	ioas_record_put(to, map);
	return err;
}

UVDK_EXPORT int uvdk_ioas_copy(struct uvdk_ioas *to, struct uvdk_ioas *from, uvdk_iova_t iova,
			       size_t len, unsigned int flags)
{
	struct ioas_map *source = NULL;
	int err = check_arguments(to, from, iova, len, flags);

	if (!err)
		err = uvdk_ioas_check_own(to);
	if (!err)
		err = uvdk_ioas_check_own(from);
	if (err)
		return err;
	/* The iommu's lock: two copies in opposite directions must not wait for each other. */
	pthread_mutex_lock(&to->iommu->lock);
	ioas_lock_both(from, to);
	err = find(from, iova, len, flags, &source);
	if (!err)
		err = copy(to, from, source, iova, len, flags);
	ioas_unlock_both(from, to);
	pthread_mutex_unlock(&to->iommu->lock);

	return err;
}
