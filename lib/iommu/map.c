// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "iommu_priv.h"

#define MAP_FLAGS (UVDK_MAP_RW | UVDK_MAP_FIXED | UVDK_MAP_ALIAS)

static int bad_arguments(const struct uvdk_ioas *ioas, uint64_t va, size_t len, unsigned int flags,
			 const uvdk_iova_t *iova)
{
	size_t granule = uvdk_ioas_page_size(ioas);

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

	return uvdk_fail(-EINVAL, IOAS_COMPONENT,
			 "VA 0x%" PRIx64 "+0x%zx runs past the end of the address space", va, len);
}

/* One test for all that is usual; what exactly is wrong is found afterwards. */
static inline int check_arguments(const struct uvdk_ioas *ioas, uint64_t va, size_t len,
				  unsigned int flags, const uvdk_iova_t *iova)
{
	uint64_t low = va | len;

	if (iova && flags & UVDK_MAP_FIXED)
		low |= *iova;
	if (__builtin_expect(!len || flags & ~MAP_FLAGS || !(flags & UVDK_MAP_RW) || !iova ||
				     low & (uvdk_ioas_page_size(ioas) - 1) || va + (len - 1) < va,
			     0))
		return bad_arguments(ioas, va, len, flags, iova);

	return 0;
}

/* ---- limits ---- */

int ioas_limits_refresh(struct uvdk_ioas *ioas)
{
	struct uvdk_iommu_limits limits = {0, UINT64_MAX};

	ioas->ops->limits(ioas->priv, &limits);
	ioas->entries_cap = limits.entries_left > UINT64_MAX - ioas->maps
				    ? UINT64_MAX
				    : ioas->maps + limits.entries_left;
	if (ioas->maps < ioas->entries_cap)
		return 0;

	return uvdk_fail(-EDQUOT, IOAS_COMPONENT,
			 "%s allows %" PRIu64 " maps and %" PRIu64
			 " are made here: map larger pieces, or raise the limit (type1: module "
			 "parameter dma_entry_limit of vfio_iommu_type1)",
			 ioas->ops->name, limits.entries_max, ioas->maps);
}

/* The driver ran out of memory, which nearly always is the limit on pinned pages. */
static int explain_memlock(const struct uvdk_ioas *ioas, size_t len)
{
	struct rlimit limit = {0};
	uint64_t mapped = ioas_iova(ioas->mapped_pages);
	char text[32];

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY)
		snprintf(text, sizeof(text), "unlimited");
	else
		snprintf(text, sizeof(text), "%" PRIu64 " bytes", (uint64_t)limit.rlim_cur);

	return uvdk_fail(
		-ENOMEM, IOAS_COMPONENT,
		"mapping 0x%zx bytes needs %" PRIu64
		" bytes of pinned memory in this address space (%" PRIu64
		" are mapped), and the limit on locked memory is %s: raise it with `ulimit "
		"-l KIB` or LimitMEMLOCK=, or map less",
		len, mapped + len, mapped, text);
}

/* ---- placement ---- */

static int make_leaves(struct ioas_space *space, uint64_t page, uint64_t pages)
{
	uint64_t last = (page + pages - 1) >> SPACE_LEAF_SHIFT;

	for (uint64_t leaf = page >> SPACE_LEAF_SHIFT; leaf <= last; leaf++) {
		if (__builtin_expect(!space->top->leaf[leaf], 0) &&
		    space_leaf_make(space, leaf << SPACE_LEAF_SHIFT))
			return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for IOVA tables");
	}

	return 0;
}

/* Fixed: nothing may be mapped there; inside a reservation, or clear of all. */
static int place_fixed(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	uint64_t end = map->page + map->pages;
	struct ioas_map *other;
	struct ioas_reservation *res;
	int err = ioas_iova_in_apertures(ioas, map->page, map->pages);

	map->epoch = 0;
	if (err)
		return err;
	other = ioas_map_overlap(ioas, map->page, end);
	if (other)
		return ioas_map_exists(other, "IOVA", ioas_iova(map->page), ioas_iova(map->pages));

	res = ioas_reservation_from(ioas, map->page);
	if (res && res->page < end) {
		if (map->page < res->page || end > res->end)
			return uvdk_fail(-EEXIST, IOAS_COMPONENT,
					 "IOVA 0x%" PRIx64 "+0x%" PRIx64
					 " crosses the edge of the reserved range 0x%" PRIx64
					 "-0x%" PRIx64 ": stay inside or outside",
					 ioas_iova(map->page), ioas_iova(map->pages),
					 ioas_iova(res->page), ioas_iova(res->end) - 1);
		map->flags |= IOAS_MAP_INSIDE;
		return 0;
	}

	return ioas_iova_claim(ioas, map->page, map->pages);
}

static int place_at_va(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	uint64_t last = map->va + ioas_iova(map->pages) - 1;
	char text[512];

	map->page = ioas_page(map->va);
	if ((!ioas->iova_last || last <= ioas->iova_last) &&
	    ioas_ranges_hold(&ioas->apertures, map->page, map->pages))
		return place_fixed(ioas, map);

	return uvdk_fail(-ERANGE, IOAS_COMPONENT,
			 "IOVA = VA was asked for, but VA 0x%" PRIx64 "-0x%" PRIx64
			 " is not in the apertures %s%s: use UVDK_IOVA_LOW, or memory at lower "
			 "addresses",
			 map->va, last, ioas_ranges_text(&ioas->apertures, text, sizeof(text)),
			 ioas->iova_last && last > ioas->iova_last
				 ? " below the device's address limit"
				 : "");
}

/* Decide the IOVA; undone by unplace(). */
static inline int place(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	if (__builtin_expect(map->flags & UVDK_MAP_FIXED, 0))
		return place_fixed(ioas, map);
	if (__builtin_expect(ioas->policy == UVDK_IOVA_VA, 0))
		return place_at_va(ioas, map);
	map->epoch = ioas->epoch;

	return ioas_iova_alloc(ioas, map->pages, 0, &map->page);
}

static inline void unplace(struct uvdk_ioas *ioas, const struct ioas_map *map)
{
	if (__builtin_expect(map->epoch == ioas->epoch, 1))
		space_give(&ioas->space, map->page, map->page + map->pages);
	else if (!(map->flags & IOAS_MAP_INSIDE))
		ioas_iova_release(ioas, map->page, map->pages);
}

/* ---- the records, once everything is sure ---- */

static inline void set_slots(struct uvdk_ioas *ioas, const struct ioas_map *map, uint64_t value)
{
	uint64_t left = map->pages;

	for (uint64_t page = map->page; left;) {
		struct space_leaf *leaf = ioas->space.top->leaf[page >> SPACE_LEAF_SHIFT];
		uint64_t i = page & (SPACE_LEAF_PAGES - 1);

		for (; left && i < SPACE_LEAF_PAGES; i++, left--, page++)
			leaf->slot[i] = value;
	}
}

static inline struct ioas_bits *starts_of(struct uvdk_ioas *ioas, const struct ioas_map *map)
{
	return &ioas->space.top->leaf[map->page >> SPACE_LEAF_SHIFT]->starts;
}

void ioas_map_insert(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	set_slots(ioas, map, (uint64_t)(uintptr_t)map);
	ioas_bits_set(starts_of(ioas, map), map->page & (SPACE_LEAF_PAGES - 1));
	ioas->maps++;
	ioas->mapped_pages += map->pages;
	if (!(map->flags & UVDK_MAP_ALIAS))
		ioas_xlate_set(ioas, map);
}

void ioas_map_remove(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	if (!(map->flags & UVDK_MAP_ALIAS))
		ioas_xlate_clear(ioas, map);
	ioas->mapped_pages -= map->pages;
	ioas->maps--;
	ioas_bits_clear(starts_of(ioas, map), map->page & (SPACE_LEAF_PAGES - 1));
	set_slots(ioas, map, 0);
	unplace(ioas, map);
	ioas_record_put(ioas, map);
}

static int driver_map(struct uvdk_ioas *ioas, const struct ioas_map *map, uvdk_iova_t *iova)
{
	size_t len = map->pages << IOAS_PAGE_SHIFT;
	int err = ioas->ops->map(ioas->priv, iova, (void *)(uintptr_t)map->va, len,
				 map->flags & (UVDK_MAP_RW | UVDK_MAP_ALIAS));

	if (err == -ENOMEM && ioas->ops->pins)
		return explain_memlock(ioas, len);

	return err;
}

/* We decide the IOVA, the driver maps it. */
static int map_placed(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	uvdk_iova_t iova;
	int err = place(ioas, map);

	if (err)
		return err;

	err = make_leaves(&ioas->space, map->page, map->pages);
	if (err)
		goto unplace;
	iova = ioas_iova(map->page);
	err = driver_map(ioas, map, &iova);
	if (err)
		goto unplace;

	return 0;
unplace:
	unplace(ioas, map);
	return err;
}

/* The driver tells where the memory is (noiommu: its physical address). */
static int map_picked(struct uvdk_ioas *ioas, struct ioas_map *map)
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
	err = driver_map(ioas, map, &iova);
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
	err = make_leaves(&ioas->space, map->page, map->pages);
	if (err)
		goto unmap;

	return 0;
unmap:
	ioas->ops->unmap(ioas->priv, iova, map->pages << IOAS_PAGE_SHIFT);
	return err;
}

static int map_locked(struct uvdk_ioas *ioas, uint64_t va, uint64_t pages, unsigned int flags,
		      uvdk_iova_t *iova)
{
	struct ioas_map *map;
	int err;

	if (__builtin_expect(ioas->maps >= ioas->entries_cap, 0)) {
		err = ioas_limits_refresh(ioas);
		if (err)
			return err;
	}
	if (__builtin_expect(!(flags & UVDK_MAP_ALIAS), 1)) {
		err = ioas_xlate_ready(ioas, va, pages);
		if (err)
			return err;
	}
	map = ioas_record_get(ioas);
	if (!map)
		return -ENOMEM;

	map->va = va;
	map->pages = pages;
	map->flags = flags;
	map->page = flags & UVDK_MAP_FIXED ? ioas_page(*iova) : 0;
	err = ioas->ops->picks_iova ? map_picked(ioas, map) : map_placed(ioas, map);
	if (err) {
		ioas_record_put(ioas, map);
		return err;
	}
	ioas_map_insert(ioas, map);
	*iova = ioas_iova(map->page);

	return 0;
}

UVDK_EXPORT int uvdk_ioas_map(struct uvdk_ioas *ioas, void *va, size_t len, unsigned int flags,
			      uvdk_iova_t *iova)
{
	uint64_t addr = (uint64_t)(uintptr_t)va;
	int err = check_arguments(ioas, addr, len, flags, iova);

	if (err)
		return err;

	pthread_mutex_lock(&ioas->lock);
	err = map_locked(ioas, addr, len >> IOAS_PAGE_SHIFT, flags, iova);
	pthread_mutex_unlock(&ioas->lock);

	return err;
}
