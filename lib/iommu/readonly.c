// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_priv.h"

/*
 * UVDK_IOMMU_NO_READONLY_PARENT: marks that such hardware sets in first-stage tables go
 * past a second stage that forbids writing (Intel 772415). Linux says -EINVAL to such maps,
 * and no more, and takes all VT-d for such hardware.
 */

static bool is_readonly(unsigned int flags)
{
	return (flags & UVDK_MAP_RW) == UVDK_MAP_READ;
}

static const struct ioas_map *first_readonly(struct uvdk_ioas *ioas)
{
	const struct ioas_map *map = ioas_map_next(ioas, 0);

	while (map && !is_readonly(map->flags)) {
		uint64_t end = map->page + map->pages;

		map = end < SPACE_PAGES ? ioas_map_next(ioas, end) : NULL;
	}

	return map;
}

int ioas_parent_check(struct uvdk_ioas *ioas, struct ioas_binding *binding,
		      const struct uvdk_hwpt_opts *opts, bool *rw_only)
{
	struct uvdk_iommu_info info = {0};
	const struct ioas_map *map;
	int err;

	*rw_only = false;
	if (!(opts->flags & UVDK_HWPT_NEST_PARENT))
		return 0;
	err = binding->pub.iommu->ops->info(binding->pub.iommu->priv, &binding->pub, &info);
	if (err)
		return err;
	*rw_only = info.errata & UVDK_IOMMU_NO_READONLY_PARENT;
	map = *rw_only ? first_readonly(ioas) : NULL;
	if (map)
		return uvdk_fail(
			-EOPNOTSUPP, IOAS_COMPONENT,
			"no nest parent for %s: IOVA 0x%" PRIx64 "+0x%" PRIx64 " is mapped "
			"for reading only, which the I/O MMU there does not enforce below a "
			"first stage (Intel erratum 772415); map it for writing, too, or in "
			"another address space",
			ioas_name_of(binding->pub.dev), ioas_iova(map->page),
			ioas_iova(map->pages));

	return 0;
}

void ioas_parent_count(struct uvdk_hwpt *hwpt, int by)
{
	struct uvdk_ioas *ioas = hwpt->ioas;

	if (!hwpt->rw_only)
		return;
	ioas->rw_parents += (unsigned int)by;
	ioas_plain_set(ioas);
}

int ioas_readonly_check(const struct uvdk_ioas *ioas, uint64_t va, unsigned int flags)
{
	if (!ioas->rw_parents || !is_readonly(flags))
		return 0;

	return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
			 "map of VA 0x%" PRIx64
			 " for reading only, in an address space with a nest "
			 "parent on an I/O MMU that does not enforce that (Intel erratum 772415): "
			 "give UVDK_MAP_RW, or use another address space (SVA: another backend)",
			 va);
}
