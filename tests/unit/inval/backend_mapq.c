// SPDX-License-Identifier: BSD-3-Clause
#include "../mapq/mapq_world.h"
#include "inval_testing.h"

/* A map queue over an I/O MMU with a ring, with every page of its window mapped. */

static struct mapq_world mw;
static struct world *gated; /* NULL: everything passes */

static bool may(void)
{
	bool allowed = true;

	if (!gated)
		return true;
	pthread_mutex_lock(&gated->lock);
	mw.refuse = gated->refuse;
	allowed = world_allowed(gated);
	pthread_mutex_unlock(&gated->lock);

	return allowed;
}

static void on_done(const struct uvdk_mapq_request *r, int status)
{
	const struct seen seen = {.target = UVDK_INVAL_IOTLB,
				  .scope = UVDK_INVAL_RANGE,
				  .first = r->first,
				  .last = r->last};

	if (!gated || status)
		return;
	pthread_mutex_lock(&gated->lock);
	world_see(gated, &seen);
	pthread_mutex_unlock(&gated->lock);
}

static int open_mapq(struct world *w, const struct uvdk_invalq_opts *opts)
{
	uint64_t cookie = 0;

	window_iova_base = 0;
	mw.may = may;
	mw.on_done = on_done;
	window_open(&mw, 1024);
	for (unsigned int i = 0; i < WINDOW_PAGES; i++) {
		cookie = window_map(&mw, i, i, 1, UVDK_MAP_RW);
		if (i % 512 == 511) {
			window_kick(&mw);
			cr_assert_eq(window_wait(&mw, cookie), 0);
		}
	}
	gated = w;

	return uvdk_mapq_invalq(mw.q, opts, &w->q);
}

static void close_mapq(struct world *w)
{
	(void)w;
	gated = NULL;
	window_close(&mw);
}

static void remove_mapq(struct world *w)
{
	(void)w;
	mw.dead = true;
}

const struct backend backend_mapq = {
	.name = "virtio",
	.caps = "virtio",
	.once = true,
	.open = open_mapq,
	.close = close_mapq,
	.remove = remove_mapq,
};
