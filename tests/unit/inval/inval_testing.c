// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "inval_testing.h"

#define PATIENCE 20 /* seconds; only a failure takes them */

void world_open(struct world *w, const struct backend *backend, const struct uvdk_invalq_opts *opts)
{
	w->backend = backend;
	w->allow = WORLD_ANYHOW;
	w->refuse = NEVER;
	w->removed = false;
	w->calls = 0;
	w->count = 0;
	pthread_mutex_init(&w->lock, NULL);
	cr_assert_eq(backend->open(w, opts), 0, "%s: %s", backend->name, uvdk_last_error());
}

void world_close(struct world *w)
{
	uvdk_invalq_destroy(w->q);
	w->backend->close(w);
	pthread_mutex_destroy(&w->lock);
}

void world_let(struct world *w, uint32_t n)
{
	pthread_mutex_lock(&w->lock);
	w->allow = n;
	pthread_mutex_unlock(&w->lock);
	if (w->backend->let)
		w->backend->let(w);
}

void world_remove(struct world *w)
{
	pthread_mutex_lock(&w->lock);
	w->removed = true;
	pthread_mutex_unlock(&w->lock);
	if (w->backend->remove)
		w->backend->remove(w);
}

bool world_allowed(struct world *w)
{
	if (w->removed || !w->allow)
		return false;
	if (w->allow != WORLD_ANYHOW)
		w->allow--;

	return true;
}

void world_see(struct world *w, const struct seen *seen)
{
	if (w->count < SEEN_MAX)
		w->seen[w->count++] = *seen;
}

unsigned int world_count(struct world *w, enum uvdk_inval_target target)
{
	unsigned int n = 0;

	pthread_mutex_lock(&w->lock);
	for (unsigned int i = 0; i < w->count; i++)
		n += w->seen[i].target == target;
	pthread_mutex_unlock(&w->lock);

	return n;
}

const struct seen *world_nth(struct world *w, enum uvdk_inval_target target, unsigned int n)
{
	for (unsigned int i = 0; i < w->count; i++)
		if (w->seen[i].target == target && !n--)
			return &w->seen[i];
	cr_assert_fail("%s: the hardware was not told so much", w->backend->name);

	return NULL;
}

struct uvdk_inval_req world_pages(const struct world *w, uint64_t page, uint64_t pages)
{
	return (struct uvdk_inval_req){
		.first = page * WORLD_PAGE,
		.last = (page + pages) * WORLD_PAGE - 1,
		.asid = w->asid,
		.pasid = w->pasid,
		.flags = UVDK_INVAL_LEAF | UVDK_INVAL_KEEP_DEVTLB,
		.scope = UVDK_INVAL_RANGE,
	};
}

uint64_t world_post(struct world *w, uint64_t page, uint64_t pages)
{
	const struct uvdk_inval_req req = world_pages(w, page, pages);
	uint64_t cookie = 0;

	cr_assert_eq(uvdk_inval_post(w->q, &req, &cookie), 0, "%s: %s", w->backend->name,
		     uvdk_last_error());

	return cookie;
}

void world_kick(struct world *w)
{
	cr_assert_eq(uvdk_inval_kick(w->q), 0, "%s: %s", w->backend->name, uvdk_last_error());
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return ts.tv_sec;
}

int world_wait(struct world *w, uint64_t cookie)
{
	time_t end = now() + PATIENCE;
	int err;

	do {
		err = uvdk_inval_poll(w->q, cookie);
		if (err == -EINPROGRESS)
			sched_yield();
	} while (err == -EINPROGRESS && now() <= end);
	cr_assert_neq(err, -EINPROGRESS, "%s: cookie %lu never completes", w->backend->name,
		      (unsigned long)cookie);

	return err;
}

void world_wait_seen(struct world *w, enum uvdk_inval_target target, unsigned int n)
{
	time_t end = now() + PATIENCE;

	while (world_count(w, target) < n && now() <= end) {
		uvdk_inval_completed(w->q);
		sched_yield();
	}
	cr_assert_geq(world_count(w, target), n, "%s: the hardware has stopped early",
		      w->backend->name);
}
