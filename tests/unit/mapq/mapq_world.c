// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../random.h"
#include "mapq_world.h"

struct mapq_world *world;
uint64_t window_iova_base = UINT64_C(0x40000000);

/* ---- the I/O MMU ---- */

static void count_ref(struct mapq_world *w, uint64_t phys, int by)
{
	uint64_t i = (phys - (uintptr_t)w->memory) / WINDOW_PAGE;

	if (phys && i < 2 * WINDOW_PAGES)
		w->refs[i] += (unsigned int)by;
}

static int carry_out_map(struct mapq_world *w, uint64_t at, uint64_t end,
			 const struct uvdk_mapq_request *r)
{
	w->violations += r->phys < (uintptr_t)w->memory ||
			 r->phys - (uintptr_t)w->memory >= 2 * WINDOW_PAGES * WINDOW_PAGE;
	for (uint64_t i = at; i < end; i++)
		if (w->page[i].phys)
			return -EINVAL;
	for (uint64_t i = at; i < end; i++)
		count_ref(w, r->phys + (i - at) * WINDOW_PAGE, 1);
	for (uint64_t i = at; i < end; i++)
		w->page[i] = (struct window_page){.phys = r->phys + (i - at) * WINDOW_PAGE,
						  .flags = r->flags,
						  .first = i == at,
						  .last = i + 1 == end};

	return 0;
}

static int carry_out_unmap(struct mapq_world *w, uint64_t at, uint64_t end)
{
	if ((w->page[at].phys && !w->page[at].first) ||
	    (w->page[end - 1].phys && !w->page[end - 1].last))
		return -ERANGE;
	for (uint64_t i = at; i < end; i++)
		count_ref(w, w->page[i].phys, -1);
	memset(&w->page[at], 0, (end - at) * sizeof(w->page[0]));

	return 0;
}

static int carry_out(struct mapq_world *w, const struct uvdk_mapq_request *r)
{
	uint64_t at = (r->first - WINDOW_IOVA) / WINDOW_PAGE;
	uint64_t end = (r->last + 1 - WINDOW_IOVA) / WINDOW_PAGE;

	if (r->first == w->refuse)
		return -EIO;
	if (r->first < WINDOW_IOVA || at >= end || end > WINDOW_PAGES) {
		w->violations++;
		return -ERANGE;
	}

	return r->flags ? carry_out_map(w, at, end, r) : carry_out_unmap(w, at, end);
}

static void finish(struct mapq_world *w, unsigned int i)
{
	struct uvdk_mapq_request *r = w->ring[i];
	int status = carry_out(w, r);

	if (w->done_count < sizeof(w->done) / sizeof(w->done[0]))
		w->done[w->done_count++] =
			(struct window_done){r->flags, r->first, r->last, status};
	if (w->on_done)
		w->on_done(r, status);
	w->kicked--;
	w->count--;
	memmove(&w->ring[i], &w->ring[i + 1], (w->count - i) * sizeof(w->ring[0]));
	__atomic_store_n(&r->status, status, __ATOMIC_RELEASE);
}

static void run(struct mapq_world *w)
{
	while (w->kicked && w->allow) {
		unsigned int i = w->backwards ? w->kicked - 1 : 0;

		if (w->shuffle && random_next(&w->shuffle) % 16 == 0)
			break;
		if (w->shuffle)
			i = (unsigned int)(random_next(&w->shuffle) % w->kicked);
		if (w->may && !w->may())
			break;
		if (w->allow != WINDOW_ALL)
			w->allow--;
		finish(w, i);
	}
}

/* ---- the driver ---- */

static int fake_open(void *ioas_priv, uvdk_iova_t iova, uint64_t len, void **priv)
{
	(void)ioas_priv, (void)iova, (void)len;
	world->opened++;
	*priv = world;

	return 0;
}

static void fake_close(void *priv)
{
	struct mapq_world *w = priv;

	w->violations += w->count;
	w->opened--;
}

static int fake_submit(void *priv, struct uvdk_mapq_request *requests, unsigned int count)
{
	struct mapq_world *w = priv;
	unsigned int n = 0;

	if (w->dead)
		return -ENODEV;
	w->submits++;
	for (; n < count && w->count < w->room; n++) {
		w->violations += requests[n].status != UVDK_MAPQ_PENDING;
		for (unsigned int i = 0; i < w->count; i++)
			w->violations += requests[n].first <= w->ring[i]->last &&
					 w->ring[i]->first <= requests[n].last;
		w->ring[w->count++] = &requests[n];
	}

	return (int)n;
}

static void fake_kick(void *priv)
{
	struct mapq_world *w = priv;

	w->kicked = w->count;
}

static int fake_poll(void *priv)
{
	struct mapq_world *w = priv;

	if (w->dead)
		return -ENODEV;
	if (w->reset) {
		w->reset = false;
		w->count = w->kicked = 0;
		memset(w->page, 0, sizeof(w->page));
		memset(w->refs, 0, sizeof(w->refs));
		return UVDK_MAPQ_RESET;
	}
	run(w);

	return 0;
}

static void fake_stop(void *priv)
{
	struct mapq_world *w = priv;

	w->stops++;
	w->count = w->kicked = 0;
	memset(w->page, 0, sizeof(w->page));
}

/* Scattered: pages are two apart, so that none is another's neighbour. */
static int fake_pin(void *priv, void *va, size_t len, unsigned int flags, uint64_t *phys, int *pin)
{
	struct mapq_world *w = priv;

	(void)flags;
	for (size_t i = 0; i < len / WINDOW_PAGE; i++)
		phys[i] = (uintptr_t)va + i * WINDOW_PAGE * (w->scattered ? 2 : 1);
	*pin = 1000 + (int)w->pins++;

	return 0;
}

static void fake_unpin(void *priv, void *va, size_t len, int pin)
{
	struct mapq_world *w = priv;

	w->violations += pin < 1000;
	for (unsigned int i = 0; i < WINDOW_PAGES; i++)
		w->violations +=
			w->page[i].phys >= (uintptr_t)va && w->page[i].phys < (uintptr_t)va + len;
	w->pins--;
}

const struct uvdk_mapq_ops fake_mapq_ops = {
	.open = fake_open,
	.close = fake_close,
	.submit = fake_submit,
	.kick = fake_kick,
	.poll = fake_poll,
	.stop = fake_stop,
	.pin = fake_pin,
	.unpin = fake_unpin,
};

/* ---- for tests ---- */

void window_open_space(struct mapq_world *w)
{
	uvdk_iova_t iova = WINDOW_IOVA;

	world = w;
	w->room = WINDOW_ROOM;
	w->allow = WINDOW_ALL;
	w->refuse = WINDOW_NEVER;
	fake_setup();
	w->dev = fake_device();
	cr_assert_eq(uvdk_ioas_attach(ioas, w->dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_reserve(ioas, WINDOW_PAGES * WINDOW_PAGE, 0, true, &iova), 0, "%s",
		     uvdk_last_error());
	w->memory = mmap(NULL, WINDOW_PAGES * WINDOW_PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

void window_close_space(struct mapq_world *w)
{
	cr_expect_eq(w->opened, 0);
	cr_expect_eq(w->pins, 0);
	cr_expect_eq(w->violations, 0);
	uvdk_device_close(w->dev);
	fake_teardown();
	munmap(w->memory, WINDOW_PAGES * WINDOW_PAGE);
}

void window_open(struct mapq_world *w, unsigned int depth)
{
	const struct uvdk_mapq_opts opts = {.size = sizeof(opts),
					    .iova = WINDOW_IOVA,
					    .len = WINDOW_PAGES * WINDOW_PAGE,
					    .depth = depth};

	window_open_space(w);
	cr_assert_eq(uvdk_mapq_open(ioas, &opts, &w->q), 0, "%s", uvdk_last_error());
	cr_assert_eq(
		uvdk_mapq_pin(w->q, w->memory, WINDOW_PAGES * WINDOW_PAGE, UVDK_MAP_RW, &w->mem), 0,
		"%s", uvdk_last_error());
}

void window_close(struct mapq_world *w)
{
	uvdk_mapq_close(w->q);
	for (unsigned int i = 0; i < WINDOW_PAGES && !w->dead; i++)
		cr_expect_eq(w->page[i].phys, 0, "page %u is mapped still", i);
	window_close_space(w);
}

uint64_t window_map(struct mapq_world *w, uint64_t page, uint64_t at, uint64_t pages,
		    unsigned int flags)
{
	uint64_t cookie = 0;

	cr_assert_eq(uvdk_mapq_map(w->q, window_iova(page), w->mem, at * WINDOW_PAGE,
				   pages * WINDOW_PAGE, flags, &cookie),
		     0, "%s", uvdk_last_error());

	return cookie;
}

uint64_t window_unmap(struct mapq_world *w, uint64_t page, uint64_t pages)
{
	uint64_t cookie = 0;

	cr_assert_eq(uvdk_mapq_unmap(w->q, window_iova(page), pages * WINDOW_PAGE, &cookie), 0,
		     "%s", uvdk_last_error());

	return cookie;
}

void window_kick(struct mapq_world *w)
{
	cr_assert_eq(uvdk_mapq_kick(w->q), 0, "%s", uvdk_last_error());
}

int window_wait(struct mapq_world *w, uint64_t cookie)
{
	int err = -EINPROGRESS;

	for (unsigned int i = 0; i < 100000 && err == -EINPROGRESS; i++)
		err = uvdk_mapq_poll(w->q, cookie);
	cr_assert_neq(err, -EINPROGRESS, "cookie %lu never completes", (unsigned long)cookie);

	return err;
}

bool window_reaches(struct mapq_world *w, uint64_t page, int64_t at)
{
	uint64_t phys = (uintptr_t)w->memory + (uint64_t)at * WINDOW_PAGE * (w->scattered ? 2 : 1);

	return at < 0 ? w->page[page].phys : w->page[page].phys == phys;
}
