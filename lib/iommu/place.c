// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_priv.h"

/* Leaves for every page of a map. */
int ioas_leaves_make(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages)
{
	uint64_t last = (page + pages - 1) >> SPACE_LEAF_SHIFT;

	for (uint64_t leaf = page >> SPACE_LEAF_SHIFT; leaf <= last; leaf++)
		if (space_leaf_make(&ioas->space, leaf << SPACE_LEAF_SHIFT))
			return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for IOVA tables");

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
	if (!err)
		err = ioas_mapq_check(ioas, map->page, end);
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
		return ioas_leaves_make(ioas, map->page, map->pages);
	}

	err = ioas_leaves_make(ioas, map->page, map->pages);

	return err ? err : ioas_iova_claim(ioas, map->page, map->pages);
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

/*
 * Decide where a map goes, and make the leaves of its pages; undone by
 * ioas_unplace().
 */
int ioas_place(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	int err;

	if (map->flags & UVDK_MAP_FIXED)
		return place_fixed(ioas, map);
	if (ioas->policy == UVDK_IOVA_VA && !map->va)
		return uvdk_fail(
			-EOPNOTSUPP, IOAS_COMPONENT,
			"IOVA = VA was asked for, and a file that is mapped as it is has no "
			"VA: give an IOVA with UVDK_MAP_FIXED");
	if (ioas->policy == UVDK_IOVA_VA)
		return place_at_va(ioas, map);

	map->epoch = ioas->epoch;
	if (ioas->policy == UVDK_IOVA_HUGE)
		err = ioas_iova_alloc_like(ioas, map->pages, ioas_page(map->va), &map->page);
	else
		err = ioas_iova_alloc(ioas, map->pages, 0, &map->page);
	if (err)
		return err;
	err = ioas_leaves_make(ioas, map->page, map->pages);
	if (err)
		ioas_unplace(ioas, map);

	return err;
}

void ioas_unplace(struct uvdk_ioas *ioas, const struct ioas_map *map)
{
	if (map->epoch == ioas->epoch)
		space_give(&ioas->space, map->page, map->page + map->pages);
	else if (!(map->flags & IOAS_MAP_INSIDE))
		ioas_iova_release(ioas, map->page, map->pages);
}
