// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_priv.h"

/* Which pages were written. Everything runs under the ioas lock, so that no map goes meanwhile. */

static int check_table(const struct uvdk_hwpt *hwpt)
{
	if (!hwpt->ioas->ops->dirty_set)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "%s can't tell which pages were written: iommufd can, and emu",
				 hwpt->ioas->ops->name);
	if (!(hwpt->flags & UVDK_HWPT_DIRTY))
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "this page table does not tell which pages were written: make it "
				 "with UVDK_HWPT_DIRTY");

	return 0;
}

static int dirty_set(struct uvdk_hwpt *hwpt, bool on)
{
	int err = check_table(hwpt);

	if (err)
		return err;
	err = hwpt->ioas->ops->dirty_set(hwpt->priv, on);
	if (!err)
		hwpt->tracks = on;

	return err;
}

UVDK_EXPORT int uvdk_hwpt_dirty_start(struct uvdk_hwpt *hwpt)
{
	int err = uvdk_ioas_check_own(hwpt->ioas);

	if (err)
		return err;
	uvdk_lock_acquire(&hwpt->ioas->lock);
	err = dirty_set(hwpt, true);
	uvdk_lock_release(&hwpt->ioas->lock);

	return err;
}

UVDK_EXPORT int uvdk_hwpt_dirty_stop(struct uvdk_hwpt *hwpt)
{
	int err = uvdk_ioas_check_own(hwpt->ioas);

	if (err)
		return err;
	uvdk_lock_acquire(&hwpt->ioas->lock);
	err = hwpt->tracks ? dirty_set(hwpt, false) : check_table(hwpt);
	uvdk_lock_release(&hwpt->ioas->lock);

	return err;
}

static int check_range(uvdk_iova_t iova, size_t len, size_t page_size)
{
	if (page_size < IOAS_PAGE || (page_size & (page_size - 1)))
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "a bit for each %zu bytes: must be a power of two from %lu on",
				 page_size, (unsigned long)IOAS_PAGE);
	if (!len || ((iova | len) & (page_size - 1)))
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "IOVA 0x%" PRIx64 " and 0x%zx bytes are no whole pages of 0x%zx",
				 iova, len, page_size);
	if (len - 1 > UINT64_MAX - iova)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "IOVA 0x%" PRIx64 " with 0x%zx bytes wraps around", iova, len);

	return 0;
}

/* The kernel stops at a hole, and says that all went well. */
static int check_mapped(struct uvdk_ioas *ioas, uvdk_iova_t iova, size_t len)
{
	uint64_t page = ioas_page(iova);
	uint64_t end = page + (len >> IOAS_PAGE_SHIFT);
	const struct ioas_map *map;

	while (page < end) {
		map = ioas_map_at(ioas, page);
		if (!map)
			return uvdk_fail(-ENOENT, IOAS_COMPONENT,
					 "nothing is mapped at IOVA 0x%" PRIx64
					 ": which pages were written is known of mapped ones",
					 ioas_iova(page));
		page = map->page + map->pages;
	}

	return 0;
}

static int dirty_read(struct uvdk_hwpt *hwpt, uvdk_iova_t iova, size_t len, size_t page_size,
		      uint64_t *bitmap, unsigned int flags)
{
	struct uvdk_ioas *ioas = hwpt->ioas;
	int err = check_table(hwpt);

	if (err)
		return err;
	if (!hwpt->tracks)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "nobody watches which pages are written: uvdk_hwpt_dirty_start()");
	if (page_size < ioas->granule)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "a bit for each %zu bytes, and pages have at least %zu here",
				 page_size, ioas->granule);
	err = check_mapped(ioas, iova, len);
	if (err)
		return err;

	return ioas->ops->dirty_read(hwpt->priv, iova, len, page_size, bitmap,
				     flags & UVDK_DIRTY_KEEP);
}

UVDK_EXPORT int uvdk_hwpt_dirty_read(struct uvdk_hwpt *hwpt, uvdk_iova_t iova, size_t len,
				     size_t page_size, uint64_t *bitmap, unsigned int flags)
{
	int err = check_range(iova, len, page_size);

	if (!err)
		err = uvdk_ioas_check_own(hwpt->ioas);
	if (err)
		return err;
	if (flags & ~(unsigned int)UVDK_DIRTY_KEEP)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT, "unknown flags 0x%x to read dirty pages",
				 flags & ~(unsigned int)UVDK_DIRTY_KEEP);

	uvdk_lock_acquire(&hwpt->ioas->lock);
	err = dirty_read(hwpt, iova, len, page_size, bitmap, flags);
	uvdk_lock_release(&hwpt->ioas->lock);

	return err;
}
