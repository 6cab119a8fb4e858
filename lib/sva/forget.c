// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "sva_priv.h"

#define CONTAINER(ptr) ((struct uvdk_sva *)((char *)(ptr)-offsetof(struct uvdk_sva, follower)))

/*
 * Cutting a range in two takes room for one more. Where there is none the
 * device loses what comes after, too.
 */
static uintptr_t make_room(struct uvdk_sva *sva, uintptr_t first, uintptr_t last)
{
	const struct sva_range *r = sva_ranges_next(&sva->ranges, first, last);

	if (!r || r->first >= first || r->last <= last || !sva_ranges_reserve(&sva->ranges, 1))
		return last;
	uvdk_log(UVDK_LOG_WARN, SVA_COMPONENT,
		 "0x%" PRIxPTR "-0x%" PRIxPTR " is forgotten, too, for lack of memory", last + 1,
		 r->last);

	return r->last;
}

/* What demand maps by itself stands in no range. */
static bool may_reach(const struct uvdk_sva *sva, uintptr_t first, uintptr_t last)
{
	return sva->live &&
	       (sva->ops->id == UVDK_SVA_DEMAND || sva_ranges_next(&sva->ranges, first, last));
}

/* Returns bytes that the device has lost. */
uint64_t sva_forget_pages(struct uvdk_sva *sva, uintptr_t first, uintptr_t last)
{
	uint64_t before = sva->info.pinned, bytes, unpinned;

	if (!may_reach(sva, first, last))
		return 0;
	last = make_room(sva, first, last);
	sva->ops->forget(sva, first, last - first + 1);
	bytes = sva_ranges_remove(&sva->ranges, first, last);
	sva->info.shared -= bytes;
	unpinned = before > sva->info.pinned ? before - sva->info.pinned : 0;

	return bytes > unpinned ? bytes : unpinned;
}

/* In the follower's thread. The pages are pinned until this is over. */
void sva_gone(struct uvdk_follower *follower, uintptr_t first, uintptr_t last,
	      enum uvdk_follow_why why)
{
	struct uvdk_sva *sva = CONTAINER(follower);

	pthread_mutex_lock(&sva->lock);
	sva->info.lost += sva_forget_pages(sva, first, last);
	if (why == UVDK_FOLLOW_REMOVE && sva->live && sva->ops->removed)
		sva->ops->removed(sva, first, last);
	pthread_mutex_unlock(&sva->lock);
}

UVDK_EXPORT int uvdk_sva_forget(struct uvdk_sva *sva, const void *addr, size_t len)
{
	uintptr_t first, last;
	int err = sva_enter_pages(sva, addr, len, &first, &last);

	if (err)
		return err;
	pthread_mutex_lock(&sva->lock);
	if (sva->ops->id != UVDK_SVA_KERNEL)
		sva_forget_pages(sva, first, last);
	sva_finish(sva);

	return 0;
}
