// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "sva_priv.h"

/* Shared pages of [first, last] are written to no more. */
static int take_writing(struct uvdk_sva *sva, uintptr_t first, uintptr_t last)
{
	struct sva_range r = {.first = first, .last = last};
	int err;

	if (!sva->ops->protect) {
		sva_forget_pages(sva, first, last);
		return sva_share_mapped(sva, first, last);
	}
	/* The ends of what is cut, and what is cut out. */
	err = sva_ranges_reserve(&sva->ranges, 3);
	if (!err)
		err = sva->ops->protect(sva, first, last - first + 1);
	if (err) {
		sva_forget_pages(sva, first, last);
		return err;
	}
	sva_ranges_remove(&sva->ranges, first, last);
	sva_ranges_add(&sva->ranges, &r);

	return 0;
}

static int give_writing(struct uvdk_sva *sva, uintptr_t first, uintptr_t last)
{
	sva_forget_pages(sva, first, last);

	return sva_share_mapped(sva, first, last);
}

/* Part of a mapping: each range of it that was shared otherwise than it is mapped now. */
static int sync_mapping(struct uvdk_sva *sva, const struct sva_mapping *m, uintptr_t first,
			uintptr_t last)
{
	const struct sva_range *r;
	int err = 0;

	if (!m->readable || sva_mapping_special(m)) {
		sva_forget_pages(sva, first, last);
		return 0;
	}
	while (!err && (r = sva_ranges_next(&sva->ranges, first, last))) {
		uintptr_t from = r->first > first ? r->first : first;
		uintptr_t to = r->last < last ? r->last : last;

		if (r->writable && !m->writable)
			err = take_writing(sva, from, to);
		else if (!r->writable && m->writable)
			err = give_writing(sva, from, to);
		if (to == last)
			break;
		first = to + 1;
	}

	return err;
}

/* What demand has mapped by itself is in no range. */
static int sync_unlisted(struct uvdk_sva *sva, const struct sva_mapping *m, uintptr_t first,
			 uintptr_t last)
{
	if (sva->ops->id != UVDK_SVA_DEMAND || m->writable || !m->readable)
		return 0;
	if (sva->ops->protect)
		return sva->ops->protect(sva, first, last - first + 1);
	sva->ops->forget(sva, first, last - first + 1);

	return 0;
}

static int sync_all(struct uvdk_sva *sva, struct sva_maps *maps, uintptr_t first, uintptr_t last)
{
	struct sva_mapping m;
	int err = 0, ret;

	while (!err && (ret = sva_maps_next(maps, first, &m)) > 0 && m.first <= last) {
		uintptr_t from = m.first > first ? m.first : first;
		uintptr_t to = m.last < last ? m.last : last;

		if (from > first)
			sva_forget_pages(sva, first, from - 1);
		err = sync_mapping(sva, &m, from, to);
		if (!err)
			err = sync_unlisted(sva, &m, from, to);
		if (to == last)
			return err;
		first = to + 1;
	}
	if (err || ret < 0)
		return err ? err : ret;
	sva_forget_pages(sva, first, last);

	return 0;
}

static int sync_locked(struct uvdk_sva *sva, uintptr_t first, uintptr_t last)
{
	struct sva_maps maps;
	int err = sva->ops->id == UVDK_SVA_KERNEL ? 0 : sva_check_live(sva);

	if (err || sva->ops->id == UVDK_SVA_KERNEL)
		return err;
	err = sva_maps_open(&maps);
	if (err)
		return err;
	err = sync_all(sva, &maps, first, last);
	sva_maps_close(&maps);

	return err;
}

UVDK_EXPORT int uvdk_sva_sync(struct uvdk_sva *sva, const void *addr, size_t len)
{
	uintptr_t first, last;
	int err = sva_enter_pages(sva, addr, len, &first, &last);

	if (err)
		return err;
	if (sva->following)
		uvdk_follow_flush(); /* what is gone need not be looked for */
	pthread_mutex_lock(&sva->lock);
	err = sync_locked(sva, first, last);
	sva_finish(sva);

	return err;
}
