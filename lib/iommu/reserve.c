// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "iommu_priv.h"

/* Position of the first reservation that ends behind a page. */
static unsigned int position(const struct uvdk_ioas *ioas, uint64_t page)
{
	unsigned int low = 0;
	unsigned int high = ioas->reserved_count;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (ioas->reserved[mid].end <= page)
			low = mid + 1;
		else
			high = mid;
	}

	return low;
}

struct ioas_reservation *ioas_reservation_from(struct uvdk_ioas *ioas, uint64_t page)
{
	unsigned int i = position(ioas, page);

	return i < ioas->reserved_count ? &ioas->reserved[i] : NULL;
}

static int check_free(struct uvdk_ioas *ioas, uint64_t page, uint64_t pages)
{
	struct ioas_reservation *res = ioas_reservation_from(ioas, page);
	struct ioas_map *map;
	int err = ioas_iova_in_apertures(ioas, page, pages);

	if (err)
		return err;
	map = ioas_map_overlap(ioas, page, page + pages);
	if (map)
		return ioas_map_exists(map, "IOVA", ioas_iova(page), ioas_iova(pages));
	if (res && res->page < page + pages)
		return uvdk_fail(-EEXIST, IOAS_COMPONENT,
				 "IOVA 0x%" PRIx64 "+0x%" PRIx64
				 " overlaps the reserved range 0x%" PRIx64 "-0x%" PRIx64,
				 ioas_iova(page), ioas_iova(pages), ioas_iova(res->page),
				 ioas_iova(res->end) - 1);

	return 0;
}

static int reserve_locked(struct uvdk_ioas *ioas, uint64_t pages, uint64_t align, bool fixed,
			  uvdk_iova_t *iova)
{
	struct ioas_reservation *grown;
	uint64_t page = fixed ? ioas_page(*iova) : 0;
	unsigned int i;
	int err;

	grown = realloc(ioas->reserved, (ioas->reserved_count + 1) * sizeof(*grown));
	if (!grown)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for a reservation");
	ioas->reserved = grown;

	if (fixed) {
		err = check_free(ioas, page, pages);
		if (!err)
			err = ioas_iova_claim(ioas, page, pages);
	} else {
		err = ioas_iova_alloc(ioas, pages, align, &page);
	}
	if (err)
		return err;

	i = position(ioas, page);
	memmove(&grown[i + 1], &grown[i], (ioas->reserved_count - i) * sizeof(*grown));
	grown[i] = (struct ioas_reservation){page, page + pages};
	ioas->reserved_count++;
	*iova = ioas_iova(page);

	return 0;
}

static int check_reserve(const struct uvdk_ioas *ioas, size_t len, size_t align, bool fixed,
			 const uvdk_iova_t *iova)
{
	size_t granule = ioas_granule(ioas);

	if (!len || !iova)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT, "reservation of length 0 or nowhere");
	if (align & (align - 1) || (align && align < granule))
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "alignment 0x%zx of a reservation is not a power of two of at "
				 "least the page size %zu",
				 align, granule);
	if (len & (granule - 1) || (fixed && *iova & (granule - 1)))
		return uvdk_fail(-EDOM, IOAS_COMPONENT,
				 "reservation of 0x%zx bytes%s is not made of whole pages of %zu "
				 "bytes",
				 len, fixed ? " at a fixed IOVA" : "", granule);
	if (fixed && align && *iova & (align - 1))
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "IOVA 0x%" PRIx64 " is not a multiple of the alignment 0x%zx",
				 *iova, align);
	if (ioas->ops->picks_iova)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "%s decides IOVAs itself: none can be reserved", ioas->ops->name);

	return 0;
}

UVDK_EXPORT int uvdk_ioas_reserve(struct uvdk_ioas *ioas, size_t len, size_t align, bool fixed,
				  uvdk_iova_t *iova)
{
	int err = check_reserve(ioas, len, align, fixed, iova);

	if (err)
		return err;

	uvdk_lock_acquire(&ioas->lock);
	err = reserve_locked(ioas, len >> IOAS_PAGE_SHIFT, align >> IOAS_PAGE_SHIFT, fixed, iova);
	uvdk_lock_release(&ioas->lock);

	return err;
}

static int unreserve_locked(struct uvdk_ioas *ioas, uvdk_iova_t iova)
{
	struct ioas_reservation *res = ioas_reservation_from(ioas, ioas_page(iova));
	struct ioas_reservation gone;
	struct ioas_map *map;
	unsigned int after;
	int err;

	if (!res || ioas_iova(res->page) != iova)
		return uvdk_fail(-ENOENT, IOAS_COMPONENT,
				 "no reserved range starts at IOVA 0x%" PRIx64, iova);
	map = ioas_map_overlap(ioas, res->page, res->end);
	if (map)
		return uvdk_fail(-EBUSY, IOAS_COMPONENT,
				 "reserved range 0x%" PRIx64 "-0x%" PRIx64
				 " still holds the map of IOVA 0x%" PRIx64 "+0x%" PRIx64
				 ": unmap it first",
				 ioas_iova(res->page), ioas_iova(res->end) - 1,
				 ioas_iova(map->page), ioas_iova(map->pages));

	err = ioas_mapq_check(ioas, res->page, res->end);
	if (err)
		return err;

	gone = *res;
	after = ioas->reserved_count - (unsigned int)(res - ioas->reserved) - 1;
	memmove(res, res + 1, after * sizeof(*res));
	ioas->reserved_count--;
	ioas_iova_release(ioas, gone.page, gone.end - gone.page);

	return 0;
}

UVDK_EXPORT int uvdk_ioas_unreserve(struct uvdk_ioas *ioas, uvdk_iova_t iova)
{
	int err;

	uvdk_lock_acquire(&ioas->lock);
	err = unreserve_locked(ioas, iova);
	uvdk_lock_release(&ioas->lock);

	return err;
}
