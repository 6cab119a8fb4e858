// SPDX-License-Identifier: BSD-3-Clause
#include "../../random.h"
#include "../../sanitizer.h"
#include "mapq_world.h"

/*
 * Random maps and unmaps against a plain model, on an I/O MMU that carries them out in any order
 * and as late as it likes. A page of memory is mapped once at most; when it leaves quarantine the
 * I/O MMU must not have it any more.
 */
#if SANITIZER_ADDRESS
#define OPERATIONS 1000000u
#else
#define OPERATIONS 10000000u
#endif
#define RESET_EVERY 200000u
#define UNIT_MAX    8u

/* A page of the window. */
struct model_page {
	bool mapped;
	unsigned int frame, access;
	unsigned int unit; /* where its map begins */
	uint64_t cookie;
};

struct frame {
	struct uvdk_inval_node node; /* first */
	bool taken;
};

static struct mapq_world w;
static struct model_page page[WINDOW_PAGES];
static struct frame frame[WINDOW_PAGES];
static unsigned int length[WINDOW_PAGES]; /* of the map that begins there */
static uint64_t random_state = 88172645463325252u;
static uint64_t posted, reused_early, wrong;
static unsigned int last_end; /* where a JOIN could be added */
static bool stuck;	      /* nothing fits there */
static bool quarantine = true;

static unsigned int any(unsigned int n)
{
	return (unsigned int)(random_next(&random_state) % n);
}

static void on_release(struct uvdk_inval_node *node)
{
	struct frame *f = (struct frame *)node;

	reused_early += w.refs[f - frame] != 0;
	f->taken = false;
}

/* How many may be mapped from here on, of the window and of memory. */
static unsigned int free_run(unsigned int at, unsigned int from, unsigned int max)
{
	unsigned int n = 0;

	while (n < max && at + n < WINDOW_PAGES && from + n < WINDOW_PAGES &&
	       !page[at + n].mapped && !frame[from + n].taken)
		n++;

	return n;
}

/* Pages that are added to a map can only be unmapped with it. */
static void note_map(unsigned int at, unsigned int from, unsigned int n, unsigned int flags)
{
	unsigned int unit = at;

	if (flags & UVDK_MAPQ_JOIN && at == last_end && at && page[at - 1].mapped)
		unit = page[at - 1].unit;
	length[unit] = at + n - unit;
	for (unsigned int i = 0; i < n; i++) {
		page[at + i] =
			(struct model_page){true, from + i, flags & UVDK_MAP_RW, unit, posted};
		frame[from + i].taken = true;
	}
	last_end = at + n;
}

static int try_map(unsigned int at)
{
	unsigned int from = !any(8) || !at ? any(WINDOW_PAGES) : page[at - 1].frame + 1;
	unsigned int n = free_run(at, from, 1 + (any(3) ? 0 : any(UNIT_MAX)));
	unsigned int flags = 1 + any(3);
	int err;

	flags |= any(4) ? 0 : UVDK_MAPQ_JOIN;
	stuck = !n;
	if (!n)
		return 0;
	err = uvdk_mapq_map(w.q, window_iova(at), w.mem, from * PAGE, n * PAGE, flags, &posted);
	if (!err)
		note_map(at, from, n, flags);

	return err;
}

static void note_unmap(unsigned int first, unsigned int end)
{
	for (unsigned int i = first; i < end; i++) {
		struct frame *f = &frame[page[i].frame];

		page[i].mapped = false;
		f->node.release = on_release;
		if (quarantine)
			wrong += uvdk_mapq_defer(w.q, &f->node, posted) != 0;
		else
			on_release(&f->node);
	}
	last_end = 0;
}

/* Whole maps: this one, and maybe those that follow. */
static int try_unmap(unsigned int at)
{
	unsigned int first = page[at].unit, end = first + length[first];
	int err;

	while (end < WINDOW_PAGES && page[end].mapped && !any(3))
		end += length[end];
	err = uvdk_mapq_unmap(w.q, window_iova(first), (end - first) * PAGE, &posted);
	if (!err)
		note_unmap(first, end);

	return err;
}

static void kick_and_look(void)
{
	last_end = 0;
	wrong += uvdk_mapq_kick(w.q) != 0;
	uvdk_mapq_completed(w.q);
}

static void check_page(unsigned int at)
{
	const struct model_page *p = &page[at];
	const struct window_page *has = &w.page[at];

	if (p->mapped && p->cookie <= w.q->done)
		wrong += has->phys != (uintptr_t)w.memory + p->frame * PAGE ||
			 has->flags != p->access;
	else if (!p->mapped && w.q->done == posted)
		wrong += has->phys != 0;
}

/* Cookies complete when all is back, and not before. */
static void reset(void)
{
	kick_and_look();
	while (try_map(any(WINDOW_PAGES / 2)) || !posted || uvdk_mapq_poll(w.q, posted) == 0)
		kick_and_look();
	wrong += uvdk_mapq_kick(w.q) != 0;
	last_end = 0;
	w.reset = true;
	wrong += window_wait(&w, posted) != 0;
}

static void operate(unsigned int i)
{
	unsigned int at = last_end && last_end < WINDOW_PAGES && !stuck && any(2)
				  ? last_end
				  : any(WINDOW_PAGES);
	int err = page[at].mapped ? try_unmap(at) : try_map(at);

	wrong += err != 0 && err != -EAGAIN;
	if (err || !any(24))
		kick_and_look();
	else if (!any(8))
		uvdk_mapq_completed(w.q);
	check_page(any(WINDOW_PAGES));
	if (i % RESET_EVERY == RESET_EVERY - 1)
		reset();
}

static void storm(unsigned int operations)
{
	w.shuffle = 7;
	w.room = 100;
	for (unsigned int i = 0; posted < operations; i++)
		operate(i);
	kick_and_look();
	wrong += window_wait(&w, posted) != 0;
	for (unsigned int i = 0; i < WINDOW_PAGES; i++)
		check_page(i);
}

Test(mapq_random, ten_million_operations_agree_with_the_model)
{
	struct uvdk_mapq_stats stats;

	window_open(&w, 256);
	storm(OPERATIONS);
	cr_expect_eq(wrong, 0, "%lu wrong", (unsigned long)wrong);
	cr_expect_eq(reused_early, 0, "%lu reused early", (unsigned long)reused_early);
	uvdk_mapq_get_stats(w.q, &stats);
	cr_expect_gt(stats.merged, OPERATIONS / 200, "%lu", (unsigned long)stats.merged);
	cr_expect_eq(stats.errors, 0);
	window_close(&w);
}

Test(mapq_random, without_quarantine_memory_would_be_reused_early)
{
	window_open(&w, 256);
	quarantine = false;
	storm(OPERATIONS / 100);
	cr_expect_gt(reused_early, 1000);
	window_close(&w);
}
