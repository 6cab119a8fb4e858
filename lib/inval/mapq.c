// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "mapq_priv.h"

#define DEPTH_DEFAULT 1024u
#define PATIENCE      10 /* seconds for the last unmap */

static int check_opts(struct uvdk_mapq_opts *o)
{
	if (!o->depth)
		o->depth = DEPTH_DEFAULT;
	if (o->depth & (o->depth - 1) || o->depth > MAPQ_DEPTH_MAX)
		return uvdk_fail(-EINVAL, MAPQ_COMPONENT,
				 "depth %u has to be a power of two up to %u", o->depth,
				 MAPQ_DEPTH_MAX);
	if (!o->len || o->len > MAPQ_LEN_MAX)
		return uvdk_fail(-EINVAL, MAPQ_COMPONENT,
				 "a window of 0x%" PRIx64 " bytes: at least a page, at most 1 TiB",
				 o->len);

	return 0;
}

/* From a thread that detaches. */
static void on_gone(struct uvdk_mapq_window *window)
{
	struct mapq_queue *q =
		(struct mapq_queue *)((char *)window - offsetof(struct mapq_queue, window));

	__atomic_store_n(&q->gone, true, __ATOMIC_RELEASE);
}

/* Zeroes that cost memory where they are touched. */
static uint64_t *sparse(uint64_t count)
{
	void *mem = mmap(NULL, count * sizeof(uint64_t), PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

static void sparse_free(uint64_t *mem, uint64_t count)
{
	if (mem)
		munmap(mem, count * sizeof(uint64_t));
}

static uint64_t groups(const struct mapq_queue *q)
{
	return (mapq_pages(q, q->window.len) >> MAPQ_GROUP_SHIFT) + 1;
}

static void free_tables(struct mapq_queue *q)
{
	free(q->pub.slots);
	free(q->pub.mem);
	sparse_free(q->pub.shadow, mapq_pages(q, q->window.len));
	sparse_free(q->pub.recent, groups(q));
}

static int make_tables(struct mapq_queue *q)
{
	struct uvdk_mapq *pub = &q->pub;

	pub->slots = aligned_alloc(64, q->depth * sizeof(*pub->slots));
	pub->mem = calloc(1, sizeof(struct uvdk_mapq_mem *));
	pub->shadow = sparse(mapq_pages(q, q->window.len));
	pub->recent = sparse(groups(q));
	if (!pub->slots || !pub->mem || !pub->shadow || !pub->recent) {
		free_tables(q);
		return uvdk_fail(-ENOMEM, MAPQ_COMPONENT,
				 "no memory for a window of 0x%" PRIx64 " bytes", q->window.len);
	}
	memset(pub->slots, 0, q->depth * sizeof(*pub->slots));
	pub->mem[0] = &q->nobody;
	q->mems = 1;

	return 0;
}

static int open_queue(struct uvdk_ioas *ioas, struct mapq_queue *q)
{
	int err = uvdk_mapq_window_take(ioas, &q->window);

	if (err)
		return err;
	q->pub.iova = q->window.iova;
	q->pub.pages = q->window.len / q->window.page_size;
	q->pub.page_size = q->window.page_size;
	q->pub.page_shift = (unsigned int)__builtin_ctzll(q->window.page_size);
	err = make_tables(q);
	if (err) {
		uvdk_mapq_window_drop(&q->window);
		return err;
	}
	q->pub.grows = MAPQ_CLOSED;
	mapq_set_tail(q, 0);

	return 0;
}

UVDK_EXPORT int uvdk_mapq_open(struct uvdk_ioas *ioas, const struct uvdk_mapq_opts *opts,
			       struct uvdk_mapq **out)
{
	struct uvdk_mapq_opts o = {.size = sizeof(o)};
	struct mapq_queue *q;
	int err;

	if (!ioas || !opts)
		return uvdk_fail(-EINVAL, MAPQ_COMPONENT,
				 "a map queue needs an address space and the options' window");
	err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_mapq_opts");
	if (!err)
		err = check_opts(&o);
	if (err)
		return err;
	q = calloc(1, sizeof(*q));
	if (!q)
		return uvdk_fail(-ENOMEM, MAPQ_COMPONENT, "no memory for a map queue");
	q->depth = o.depth;
	q->window = (struct uvdk_mapq_window){
		.iova = o.iova, .len = o.len, .gone = on_gone, .mapped = mapq_mapped};
	err = open_queue(ioas, q);
	if (err) {
		free(q);
		return err;
	}
	*out = &q->pub;

	return 0;
}

/* ---- close ---- */

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return ts.tv_sec;
}

static bool settled(const struct mapq_queue *q)
{
	return q->dead || (q->head == mapq_tail(q) && !q->restore.active);
}

/* All of the window, whatever it has: as one more slot, unless the queue is dead. */
static void post_last(struct mapq_queue *q)
{
	struct uvdk_mapq_request *slot;

	mapq_set_tail(q, mapq_tail(q));
	slot = uvdk_mapq_slot_take(&q->pub, q->window.iova, 0);
	slot->last = q->window.iova + q->window.len - 1;
	slot->cookie = ++q->pub.cookie;
	uvdk_mapq_kick(&q->pub);
}

static void wait_for_all(struct mapq_queue *q)
{
	const time_t end = now() + PATIENCE;

	while (!settled(q) && now() <= end) {
		mapq_progress(q);
		uvdk_cpu_relax();
	}
}

/* Nothing of the window is reached any more, or it is not known. */
static bool unmap_window(struct mapq_queue *q)
{
	q->closing = true;
	mapq_set_tail(q, mapq_tail(q));
	uvdk_mapq_kick(&q->pub);
	wait_for_all(q);
	if (!q->dead && settled(q)) {
		post_last(q);
		wait_for_all(q);
	}

	return q->dead || (settled(q) && !inval_quarantine_failure(&q->quarantine, q->pub.cookie));
}

UVDK_EXPORT void uvdk_mapq_close(struct uvdk_mapq *pub)
{
	struct mapq_queue *q = mapq_of(pub);

	if (!pub)
		return;
	if (!unmap_window(q)) {
		uvdk_log(UVDK_LOG_ERR, MAPQ_COMPONENT,
			 "the window 0x%" PRIx64 "+0x%" PRIx64
			 " could not be unmapped: its memory stays pinned, and %" PRIu64
			 " things in quarantine; detach the devices before",
			 q->window.iova, q->window.len, q->quarantine.inside);
		return;
	}
	if (!q->dead)
		mapq_end(q, -ENODEV);
	uvdk_mapq_settle(pub);
	mapq_unpin_all(q);
	uvdk_mapq_window_drop(&q->window);
	free_tables(q);
	free(q);
}

/* ---- statistics ---- */

static uint64_t pages_mapped(const struct mapq_queue *q)
{
	uint64_t pages = 0;

	for (unsigned int i = 0; i < q->mems; i++)
		pages += q->pub.mem[i] ? q->pub.mem[i]->mapped : 0;
	for (uint64_t i = q->head; i != mapq_tail(q); i++) {
		const struct uvdk_mapq_request *r = mapq_slot(q, i);

		if (!r->flags)
			pages += mapq_pages(q, r->last - r->first + 1);
	}

	return pages;
}

UVDK_EXPORT void uvdk_mapq_get_stats(const struct uvdk_mapq *pub, struct uvdk_mapq_stats *out)
{
	const struct mapq_queue *q = mapq_of_const(pub);

	*out = q->stats;
	out->posted = pub->cookie;
	out->merged = pub->cookie - mapq_tail(q);
	out->errors = q->quarantine.errors;
	out->mapped = pages_mapped(q);
	out->quarantined = q->quarantine.inside;
}
