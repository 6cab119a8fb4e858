// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "iommu_priv.h"

#define MAP_FLAGS (UVDK_MAP_RW | UVDK_MAP_FIXED | UVDK_MAP_ALIAS)

static int check_arguments(const struct uvdk_ioas *ioas, uint64_t va, size_t len,
			   unsigned int flags, const uvdk_iova_t *iova)
{
	size_t granule = ioas_granule(ioas);

	if (!len)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT, "map of VA 0x%" PRIx64 " has length 0",
				 va);
	if (flags & ~MAP_FLAGS)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "map of VA 0x%" PRIx64 " has unknown flags 0x%x", va,
				 flags & ~MAP_FLAGS);
	if (!(flags & UVDK_MAP_RW))
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "map of VA 0x%" PRIx64 " allows no access: give UVDK_MAP_READ, "
				 "UVDK_MAP_WRITE or both",
				 va);
	if (!iova)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT, "map of VA 0x%" PRIx64 " needs @iova",
				 va);
	if ((va | len) & (granule - 1))
		return uvdk_fail(-EDOM, IOAS_COMPONENT,
				 "map of VA 0x%" PRIx64 "+0x%zx is not made of whole pages of %zu "
				 "bytes: align address and length",
				 va, len, granule);
	if (flags & UVDK_MAP_FIXED && *iova & (granule - 1))
		return uvdk_fail(-EDOM, IOAS_COMPONENT,
				 "IOVA 0x%" PRIx64 " is not a multiple of the page size %zu", *iova,
				 granule);

	if (len - 1 > UINT64_MAX - va)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "VA 0x%" PRIx64 "+0x%zx runs past the end of the address space",
				 va, len);

	return 0;
}

/* ---- limits ---- */

static uint64_t add_up(uint64_t a, uint64_t b)
{
	return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static int too_many_maps(const struct uvdk_ioas *ioas, uint64_t max)
{
	return uvdk_fail(-EDQUOT, IOAS_COMPONENT,
			 "%s allows %" PRIu64 " maps and %" PRIu64
			 " are made here: map larger pieces, or raise the limit (type1: module "
			 "parameter dma_entry_limit of vfio_iommu_type1)",
			 ioas->ops->name, max, ioas->maps);
}

static int memlock_bites(const struct uvdk_ioas *ioas, const struct uvdk_iommu_limits *limits,
			 uint64_t pages)
{
	uint64_t mapped = ioas_iova(ioas->mapped_pages);
	uint64_t used = limits->memlock_max - limits->memlock_left;
	char text[64] = "";

	if (limits->memlock_left != UINT64_MAX && used > mapped)
		snprintf(text, sizeof(text), ", of which %" PRIu64 " KiB are locked already",
			 used / 1024);

	return uvdk_fail(-ENOMEM, IOAS_COMPONENT,
			 "memlock is too small: with %" PRIu64 " KiB more this address space needs "
			 "%" PRIu64 " KiB of locked memory, and the limit is %" PRIu64
			 " KiB%s; raise it (ulimit -l, limits.conf, LimitMEMLOCK=), or map less",
			 ioas_iova(pages) / 1024, (mapped + ioas_iova(pages)) / 1024,
			 limits->memlock_max / 1024, text);
}

/*
 * The kernel says no only once it has pinned what it could, and then no more
 * than a number: so what is known to be too much is not asked for.
 */
static __attribute__((noinline)) int refresh_limits(struct uvdk_ioas *ioas, uint64_t pages)
{
	struct uvdk_iommu_limits limits = IOAS_NO_LIMITS;
	uint64_t bytes;

	ioas->ops->limits(ioas->priv, &limits);
	bytes = add_up(ioas_iova(ioas->mapped_pages), limits.memlock_left);
	bytes = bytes < limits.memlock_max ? bytes : limits.memlock_max;
	ioas->entries_cap = add_up(ioas->maps, limits.entries_left);
	ioas->pages_cap = ioas_page(bytes);

	if (ioas->maps >= ioas->entries_cap)
		return too_many_maps(ioas, limits.entries_max);
	if (ioas->mapped_pages + pages > ioas->pages_cap)
		return memlock_bites(ioas, &limits, pages);

	return 0;
}

static inline bool within_limits(const struct uvdk_ioas *ioas, uint64_t pages)
{
	return ioas->maps < ioas->entries_cap && ioas->mapped_pages + pages <= ioas->pages_cap;
}

static int driver_map(struct uvdk_ioas *ioas, const struct uvdk_ioas_file *file,
		      const struct ioas_map *map, uvdk_iova_t *iova)
{
	size_t len = map->pages << IOAS_PAGE_SHIFT;

	if (file && !file->va)
		return ioas->ops->map_file(ioas->priv, *iova, file->fd, file->offset, len,
					   map->flags & UVDK_MAP_RW);

	return ioas->ops->map(ioas->priv, iova, (void *)(uintptr_t)map->va, len,
			      map->flags & (UVDK_MAP_RW | UVDK_MAP_ALIAS));
}

/* We decide the IOVA, the driver maps it. */
static int map_placed(struct uvdk_ioas *ioas, const struct uvdk_ioas_file *file,
		      struct ioas_map *map)
{
	uvdk_iova_t iova;
	int err = ioas_place(ioas, map);

	if (err)
		return err;

	iova = ioas_iova(map->page);
	err = driver_map(ioas, file, map, &iova);
	if (err)
		ioas_unplace(ioas, map);

	return err;
}

/* The driver tells where the memory is (noiommu: its physical address). */
static int map_picked(struct uvdk_ioas *ioas, const struct uvdk_ioas_file *file,
		      struct ioas_map *map)
{
	struct ioas_map *other;
	uvdk_iova_t iova = 0;
	int err;

	if (map->flags & UVDK_MAP_FIXED)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "%s can't map at an IOVA of choice: without UVDK_MAP_FIXED the "
				 "IOVA is the physical address",
				 ioas->ops->name);
	map->epoch = 0;
	err = driver_map(ioas, file, map, &iova);
	if (err)
		return err;

	map->page = ioas_page(iova);
	err = -ERANGE;
	if (iova > SPACE_LAST || map->pages > SPACE_PAGES - map->page) {
		uvdk_fail(err, IOAS_COMPONENT, "IOVA 0x%" PRIx64 " is beyond 48 bits", iova);
		goto unmap;
	}
	other = ioas_map_overlap(ioas, map->page, map->page + map->pages);
	if (other) {
		err = ioas_map_exists(other, "IOVA", iova, ioas_iova(map->pages));
		goto unmap;
	}
	err = ioas_leaves_make(ioas, map->page, map->pages);
	if (err)
		goto unmap;

	return 0;
unmap:
	ioas->ops->unmap(ioas->priv, iova, map->pages << IOAS_PAGE_SHIFT);
	return err;
}

int ioas_map_locked(struct uvdk_ioas *ioas, const struct uvdk_ioas_file *file, uint64_t va,
		    uint64_t pages, unsigned int flags, uvdk_iova_t *iova)
{
	bool counted = !file || file->va;
	struct ioas_map *map;
	int err = ioas_readonly_check(ioas, va, flags);

	if (!err && counted && !within_limits(ioas, pages))
		err = refresh_limits(ioas, pages);
	if (!err && !(flags & UVDK_MAP_ALIAS))
		err = ioas_xlate_ready(ioas, va, pages);
	if (err)
		return err;
	map = ioas_record_get(ioas);
	if (!map)
		return -ENOMEM;

	map->va = va;
	map->pages = pages;
	map->flags = flags;
	map->page = flags & UVDK_MAP_FIXED ? ioas_page(*iova) : 0;
	err = ioas->ops->picks_iova ? map_picked(ioas, file, map) : map_placed(ioas, file, map);
	if (err) {
		ioas_record_put(ioas, map);
		return err;
	}
	ioas_map_insert(ioas, map);
	*iova = ioas_iova(map->page);

	return 0;
}

static __attribute__((noinline)) int map_any(struct uvdk_ioas *ioas, uint64_t va, size_t len,
					     unsigned int flags, uvdk_iova_t *iova)
{
	int err = check_arguments(ioas, va, len, flags, iova);

	return err ? err : ioas_map_locked(ioas, NULL, va, len >> IOAS_PAGE_SHIFT, flags, iova);
}

/* ---- the usual map: one page, anywhere ---- */

/* Is everything that one more page needs at hand? */
static inline bool page_is_plain(const struct uvdk_ioas *ioas, uint64_t va, size_t len,
				 unsigned int flags)
{
	const uint64_t *leaf;

	if (len != IOAS_PAGE || !ioas->plain || flags - 1 >= UVDK_MAP_RW || va & (IOAS_PAGE - 1) ||
	    va >> UVDK_XLATE_ROOT_SHIFT >= UVDK_XLATE_ROOT_COUNT || !within_limits(ioas, 1) ||
	    !ioas->free_records || !space_has_page(&ioas->space))
		return false;
	leaf = ioas_xlate_leaf(ioas, va);

	return leaf && !leaf[va >> IOAS_PAGE_SHIFT];
}

/* The next free record says what is asked of the driver, and stays free if that fails. */
static inline int offer_page(struct uvdk_ioas *ioas, uint64_t va, unsigned int flags)
{
	struct space_leaf *leaf = ioas->space.current;
	struct ioas_map *map = ioas->free_records;
	uvdk_iova_t at;

	map->page = leaf->base + space_first_page(leaf);
	map->va = va;
	map->flags = flags;
	map->epoch = ioas->epoch;
	at = ioas_iova(map->page);

	return ioas->ops->map(ioas->priv, &at, (void *)(uintptr_t)va, IOAS_PAGE, flags);
}

/* As ioas_map_locked(). */
static inline int map_page(struct uvdk_ioas *ioas, uint64_t va, unsigned int flags,
			   uvdk_iova_t *iova)
{
	int err = offer_page(ioas, va, flags);
	struct space_leaf *leaf = ioas->space.current;
	struct ioas_map *map = ioas->free_records;
	uint32_t i = space_index(map->page);

	if (__builtin_expect(err, 0))
		return err;

	ioas->free_records = map->next_free;
	map->pages = 1;
	leaf->slot[i] = (uint64_t)(uintptr_t)map;
	*iova = ioas_iova(map->page);
	ioas_xlate_put(ioas_xlate_entry(ioas, map->va >> IOAS_PAGE_SHIFT), *iova - map->va + 1);
	ioas->maps++;
	ioas->mapped_pages++;
	ioas_bits_set(&leaf->starts, i);
	space_take_first(&ioas->space, leaf, i);

	return 0;
}

UVDK_EXPORT int uvdk_ioas_map(struct uvdk_ioas *ioas, void *va, size_t len, unsigned int flags,
			      uvdk_iova_t *iova)
{
	uint64_t addr = (uint64_t)(uintptr_t)va;
	int err;

	if (!ioas_is_ours(ioas))
		return ioas_inherited();
	uvdk_lock_acquire(&ioas->lock);
	if (__builtin_expect(page_is_plain(ioas, addr, len, flags) && iova, 1))
		err = map_page(ioas, addr, flags, iova);
	else
		err = map_any(ioas, addr, len, flags, iova);
	uvdk_lock_release(&ioas->lock);

	return err;
}
