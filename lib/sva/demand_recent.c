// SPDX-License-Identifier: BSD-3-Clause
#include <time.h>

#include "demand.h"

/*
 * The kernel tells of MADV_DONTNEED before it takes the pages away, and nobody is told
 * when it has. A page that is pinned in between stays the device's and is the process's
 * no more, and no event comes any more. What the device touches itself while it is given
 * up is the application's mistake; that read-ahead does, nobody's: for a while it does
 * without what was removed (doc/adr/0020-demand-paging.md).
 */
#define WHILE_NS UINT64_C(100000000)

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);

	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* A new one takes the place of the oldest, or of one that it covers. */
void demand_removed(struct uvdk_sva *sva, uintptr_t first, uintptr_t last)
{
	const struct demand_removed new = {first, last, now() + WHILE_NS};
	struct demand *d = sva->priv;

	for (unsigned int i = 0; i < DEMAND_RECENT; i++) {
		if (d->recent[i].first >= first && d->recent[i].last <= last) {
			d->recent[i] = new;
			return;
		}
	}
	d->recent[d->recent_next++ % DEMAND_RECENT] = new;
}

static void spare(const struct demand *d, const struct demand_removed *r, uintptr_t addr,
		  uintptr_t *first, uintptr_t *last)
{
	const uintptr_t page = addr & ~(uintptr_t)(d->page - 1);

	if (r->last < addr) {
		*first = *first > r->last ? *first : r->last + 1;
	} else if (r->first > addr) {
		*last = *last < r->first ? *last : r->first - 1;
	} else {
		*first = page;
		*last = page + d->page - 1;
	}
}

void demand_spare_recent(const struct demand *d, uintptr_t addr, uintptr_t *first, uintptr_t *last)
{
	uint64_t at = 0;

	for (unsigned int i = 0; i < DEMAND_RECENT; i++) {
		const struct demand_removed *r = &d->recent[i];

		if (!r->until || r->first > *last || r->last < *first)
			continue;
		at = at ? at : now();
		if (r->until > at)
			spare(d, r, addr, first, last);
	}
}
