// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_priv.h"

/* Windows of map queues: a list in the ioas, under its lock. */

struct uvdk_mapq_window *ioas_mapq_overlap(const struct uvdk_ioas *ioas, uint64_t page,
					   uint64_t end)
{
	struct uvdk_mapq_window *w = ioas->mapqs;

	while (w && (ioas_page(w->iova) >= end || ioas_page(w->iova + w->len) <= page))
		w = w->next;

	return w;
}

int ioas_mapq_check(const struct uvdk_ioas *ioas, uint64_t page, uint64_t end)
{
	const struct uvdk_mapq_window *w = ioas_mapq_overlap(ioas, page, end);

	if (!w)
		return 0;

	return uvdk_fail(-EBUSY, IOAS_COMPONENT,
			 "IOVA 0x%" PRIx64 "+0x%" PRIx64 " is in the window 0x%" PRIx64
			 "+0x%" PRIx64
			 " of a map queue: map there with uvdk_mapq_map(), or close it",
			 ioas_iova(page), ioas_iova(end - page), w->iova, w->len);
}

int ioas_mapq_fits(const struct uvdk_ioas *ioas, const struct ioas_ranges *apertures)
{
	for (const struct uvdk_mapq_window *w = ioas->mapqs; w; w = w->next)
		if (!ioas_ranges_hold(apertures, ioas_page(w->iova), ioas_page(w->len)))
			return uvdk_fail(-EADDRINUSE, IOAS_COMPONENT,
					 "the window 0x%" PRIx64 "+0x%" PRIx64
					 " of a map queue is not all within this device's reach: "
					 "attach it before the queue is opened",
					 w->iova, w->len);

	return 0;
}

void ioas_mapq_gone(struct uvdk_ioas *ioas)
{
	for (struct uvdk_mapq_window *w = ioas->mapqs; w; w = w->next)
		w->gone(w);
}

static int check_alignment(const struct uvdk_ioas *ioas, const struct uvdk_mapq_window *w)
{
	size_t granule = ioas_granule(ioas);

	if (!w->len || w->iova > SPACE_LAST || w->len - 1 > SPACE_LAST - w->iova)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "a window of 0x%" PRIx64 " bytes at IOVA 0x%" PRIx64
				 " is empty or beyond 48 bits",
				 w->len, w->iova);
	if (!((w->iova | w->len) & (granule - 1)))
		return 0;

	return uvdk_fail(-EDOM, IOAS_COMPONENT,
			 "the window 0x%" PRIx64 "+0x%" PRIx64
			 " is not made of whole pages of %zu bytes",
			 w->iova, w->len, granule);
}

static int check_free(struct uvdk_ioas *ioas, const struct uvdk_mapq_window *w)
{
	uint64_t page = ioas_page(w->iova), end = page + ioas_page(w->len);
	const struct ioas_reservation *res = ioas_reservation_from(ioas, page);
	const struct uvdk_mapq_window *other = ioas_mapq_overlap(ioas, page, end);
	const struct ioas_map *map;

	if (!res || res->page > page || res->end < end)
		return uvdk_fail(-ENOENT, IOAS_COMPONENT,
				 "the window 0x%" PRIx64 "+0x%" PRIx64
				 " does not lie in one reserved range: uvdk_ioas_reserve() it",
				 w->iova, w->len);
	if (other)
		return uvdk_fail(-EBUSY, IOAS_COMPONENT,
				 "the window 0x%" PRIx64 "+0x%" PRIx64
				 " overlaps that of another map queue, 0x%" PRIx64 "+0x%" PRIx64,
				 w->iova, w->len, other->iova, other->len);
	map = ioas_map_overlap(ioas, page, end);
	if (map)
		return uvdk_fail(-EBUSY, IOAS_COMPONENT,
				 "the window 0x%" PRIx64 "+0x%" PRIx64
				 " has a map at IOVA 0x%" PRIx64 ": unmap it first",
				 w->iova, w->len, ioas_iova(map->page));

	return ioas_iova_in_apertures(ioas, page, end - page);
}

static int take(struct uvdk_ioas *ioas, struct uvdk_mapq_window *w)
{
	int err = check_alignment(ioas, w);

	if (!err && !ioas->device_count)
		err = uvdk_fail(-EINVAL, IOAS_COMPONENT,
				"a map queue needs to know the I/O MMU: attach a device before");
	if (!err)
		err = check_free(ioas, w);
	if (!err)
		err = ioas->ops->mapqs->open(ioas->priv, w->iova, w->len, &w->priv);
	if (err)
		return err;
	w->ops = ioas->ops->mapqs;
	w->page_size = ioas->granule;
	w->ioas = ioas;
	w->next = ioas->mapqs;
	ioas->mapqs = w;

	return 0;
}

UVDK_EXPORT int uvdk_mapq_window_take(struct uvdk_ioas *ioas, struct uvdk_mapq_window *window)
{
	int err;

	if (!ioas->ops->mapqs)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "%s maps by system calls and has no map queues: use "
				 "uvdk_ioas_map()",
				 ioas->ops->name);
	err = uvdk_ioas_check_own(ioas);
	if (err)
		return err;
	uvdk_lock_acquire(&ioas->lock);
	err = take(ioas, window);
	uvdk_lock_release(&ioas->lock);

	return err;
}

UVDK_EXPORT void uvdk_mapq_window_drop(struct uvdk_mapq_window *window)
{
	struct uvdk_ioas *ioas = window->ioas;
	struct uvdk_mapq_window **at = &ioas->mapqs;

	uvdk_lock_acquire(&ioas->lock);
	while (*at != window)
		at = &(*at)->next;
	*at = window->next;
	window->ops->close(window->priv);
	uvdk_lock_release(&ioas->lock);
}
