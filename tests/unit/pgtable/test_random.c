// SPDX-License-Identifier: BSD-3-Clause
#include "../../random.h"
#include "../../sanitizer.h"
#include "pgt_testing.h"

/*
 * Random operations against a plain model: an array that says what is behind
 * each page of three windows. Hardware of the test's own walks the table.
 */
#if SANITIZER_ADDRESS
#define OPERATIONS 1000000
#else
#define OPERATIONS 10000000
#endif

#define WINDOWS 3
#define SMALL	UINT64_C(8192)	  /* pages of the first two: 32 MiB */
#define LARGE	UINT64_C(1572864) /* of the third: 6 GiB */
#define ARENA	16000
#define WAITING 4096

struct model {
	uint64_t out; /* + 1, or 0: not mapped */
	uint8_t prot;
	bool dirty; /* hardware wrote, and nobody was told */
};

/* A table that left: it stays as it was until its cookie is released. */
struct left {
	uint64_t table, sum, cookie;
};

static struct world world;
static bool track, calls_back;
static uint64_t start[WINDOWS], pages[WINDOWS] = {SMALL, SMALL, LARGE};
static struct model *model[WINDOWS];
static struct left left[WAITING];
static unsigned int lefts;
static long step;
static uint64_t seed = 88172645463325252;

/* Criterion's own assertions cost too much to be made all the time. */
#define CHECK(cond)                                                                              \
	do {                                                                                     \
		if (!(cond))                                                                     \
			cr_assert_fail("step %ld, line %d: %s (last error: %s)", step, __LINE__, \
				       #cond, uvdk_last_error());                                \
	} while (0)

static uint64_t rnd(uint64_t below)
{
	return (random_next(&seed) >> 8) % below;
}

/* ---- a range of a window, and what is to be found there ---- */

struct range {
	unsigned int window;
	uint64_t page, count; /* in the window */
	uint64_t iova, length;
	struct model *m;
};

static struct range range_of(unsigned int window, uint64_t page, uint64_t count)
{
	if (count > pages[window] - page)
		count = pages[window] - page;
	return (struct range){
		window, page, count, start[window] + page * KB4, count * KB4, model[window] + page};
}

/* Mostly short; now and then some megabytes, rarely gigabytes. */
static struct range any_range(void)
{
	uint64_t kind = rnd(100000);

	if (kind < 20)
		return range_of(2, rnd(6) * 262144, 262144 * (1 + rnd(2)));
	if (kind < 300)
		return range_of(2, rnd(LARGE / 512) * 512, 512 * (1 + rnd(8)));
	if (kind < 3000)
		return range_of((unsigned int)rnd(2), rnd(SMALL / 512) * 512, 512 * (1 + rnd(2)));
	if (kind < 4000)
		return range_of((unsigned int)rnd(2), rnd(SMALL), 1 + rnd(1100));
	if (kind < 5000)
		return range_of(2, rnd(LARGE), 1 + rnd(600));
	return range_of((unsigned int)rnd(2), rnd(SMALL), 1 + rnd(40));
}

static struct range any_page(void)
{
	unsigned int window = rnd(8) ? (unsigned int)rnd(2) : 2;

	return range_of(window, rnd(pages[window]), 1);
}

static uint64_t mapped_in(const struct range *r)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < r->count; i++)
		count += r->m[i].out != 0;
	return count;
}

static void agree(unsigned int window, uint64_t page)
{
	const struct model *m = &model[window][page];
	uint64_t inside = rnd(KB4);
	struct seen s = hw_walk(&world.w, start[window] + page * KB4 + inside);

	CHECK(s.ok == (m->out != 0));
	if (!s.ok)
		return;
	CHECK(s.out == m->out - 1 + inside);
	CHECK(prot_of(&s) == m->prot);
}

/* Both ends, what is beside them, and something in between. */
static void agree_on(const struct range *r)
{
	agree(r->window, r->page);
	agree(r->window, r->page + r->count - 1);
	agree(r->window, r->page + rnd(r->count));
	if (r->page)
		agree(r->window, r->page - 1);
	if (r->page + r->count < pages[r->window])
		agree(r->window, r->page + r->count);
}

/* ---- tables that leave ---- */

static uint64_t sum_of(uint64_t table)
{
	const uint64_t *word = at_address(&world.w, table);
	uint64_t sum = 1;

	for (unsigned int i = 0; i < 512; i++)
		sum = sum * 31 + word[i];
	return sum;
}

static void watch(uint64_t table)
{
	if (lefts < WAITING)
		left[lefts++] = (struct left){table, sum_of(table), world.cookie + 1};
}

/* The table pages of some 2 MiB that the range covers, before they go; 0: none. */
static unsigned int tables_in(const struct range *r, uint64_t table[8])
{
	uint64_t at = (r->iova + MB2 - 1) & ~(MB2 - 1);
	unsigned int count = 0;

	for (; count < 8 && r->length >= MB2 && at + MB2 - 1 <= r->iova + r->length - 1;
	     at += MB2) {
		struct seen s = hw_walk(&world.w, at);

		if (s.ok && s.size == KB4)
			table[count++] = s.table[0];
	}
	return count;
}

static void quarantine(void)
{
	uvdk_pgtable_quarantine(world.arena, &world.gather, ++world.cookie);
}

static void release(uint64_t cookie)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < lefts; i++) {
		if (left[i].cookie > cookie)
			left[kept++] = left[i];
		else
			CHECK(sum_of(left[i].table) == left[i].sum);
	}
	lefts = kept;
	uvdk_pgtable_release(world.arena, cookie);
}

/* ---- operations ---- */

static unsigned int any_prot(void)
{
	static const unsigned int some[] = {R, RWU, RWU, R | U, R | U | X, RWU | X, R | W, R | X};

	return some[rnd(8)];
}

static uint64_t any_out(const struct range *r)
{
	uint64_t wide = world.w.bits > 48 && rnd(4) == 0 ? UINT64_C(1) << 50 : 0;
	uint64_t align = r->length >= GB1 ? GB1 : MB2;
	uint64_t out = wide + (rnd(1000) + 1) * 4 * GB1 + (r->iova & (align - 1));

	if (wide && rnd(4) == 0)
		return wide - KB4 * rnd(r->count + 1);
	return rnd(8) ? out : out + rnd(1000) * KB4;
}

static void set(const struct range *r, uint64_t out, unsigned int prot)
{
	for (uint64_t i = 0; i < r->count; i++)
		r->m[i] = (struct model){out + i * KB4 + 1, (uint8_t)prot, false};
}

static void do_map(struct range r, bool by_page)
{
	uint64_t out = any_out(&r);
	unsigned int prot = any_prot();
	int err = mapped_in(&r) ? -EEXIST : 0, got;

	if (by_page)
		got = uvdk_pgtable_map_page(world.pt, r.iova, out, prot);
	else
		got = uvdk_pgtable_map(world.pt, r.iova, out, r.length, prot);
	CHECK(got == err);
	if (!err)
		set(&r, out, prot);
	agree_on(&r);
}

/* A large page that sticks out can't be cut where no callback can break it. */
static bool sticks_out(const struct range *r)
{
	struct seen a = hw_walk(&world.w, r->iova), b = hw_walk(&world.w, r->iova + r->length - 1);

	if (a.ok && r->iova & (a.size - 1))
		return true;
	return b.ok && (r->iova + r->length) & (b.size - 1);
}

static uint64_t dirty_in(const struct range *r)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < r->count; i++)
		count += r->m[i].dirty;
	return count;
}

static void do_unmap(struct range r)
{
	uint64_t mapped = mapped_in(&r), told = world.gather.dirty, table[8], wrote = dirty_in(&r);
	unsigned int gone = tables_in(&r, table);
	bool refused = !calls_back && world.w.arm && sticks_out(&r);
	int64_t got = uvdk_pgtable_unmap(world.pt, r.iova, r.length, &world.gather);

	if (refused) {
		CHECK(got == -EOPNOTSUPP);
		agree_on(&r);
		return;
	}
	if (mapped)
		CHECK(got == (int64_t)(mapped * KB4));
	else
		CHECK(got == 0 || got == -ENOENT);
	CHECK(world.gather.dirty - told >= wrote * KB4);
	CHECK(got < 0 || (world.gather.pending && world.gather.first <= r.iova + r.length - 1));
	memset(r.m, 0, r.count * sizeof(*r.m));
	for (unsigned int i = 0; i < gone; i++)
		watch(table[i]);
	agree_on(&r);
}

static void do_unmap_page(struct range r)
{
	bool refused = !calls_back && world.w.arm && sticks_out(&r);
	int got = uvdk_pgtable_unmap_page(world.pt, r.iova);

	if (refused) {
		CHECK(got == -EOPNOTSUPP);
	} else if (!r.m->out) {
		CHECK(got == -ENOENT);
	} else {
		CHECK(got >= 0 && (track || !got));
		CHECK(!r.m->dirty || (got & UVDK_PGTABLE_DIRTY));
		*r.m = (struct model){0};
	}
	agree_on(&r);
}

static void do_protect(struct range r)
{
	uint64_t told = world.gather.dirty, mapped = mapped_in(&r), lost = 0;
	unsigned int prot = any_prot();
	bool refused = !calls_back && world.w.arm && sticks_out(&r);
	int64_t got = uvdk_pgtable_protect(world.pt, r.iova, r.length, prot, &world.gather);

	if (refused || !mapped) {
		CHECK(got == (refused ? -EOPNOTSUPP : -ENOENT));
		return;
	}
	CHECK(got == (int64_t)(mapped * KB4));
	for (uint64_t i = 0; i < r.count; i++) {
		if (!r.m[i].out)
			continue;
		r.m[i].prot = (uint8_t)prot;
		if (world.w.arm && !(prot & W) && r.m[i].dirty) {
			lost += KB4;
			r.m[i].dirty = false;
		}
	}
	CHECK(world.gather.dirty - told >= lost);
	agree_on(&r);
}

static void do_split(struct range r)
{
	bool refused = !calls_back && world.w.arm && sticks_out(&r);
	int got = uvdk_pgtable_split(world.pt, r.iova);
	struct seen s = hw_walk(&world.w, r.iova);

	CHECK(got == 0 || (refused && got == -EOPNOTSUPP));
	CHECK(got || !s.ok || !(r.iova & (s.size - 1)));
	agree_on(&r);
}

static void do_merge(struct range r)
{
	CHECK(uvdk_pgtable_merge(world.pt, r.iova, r.length, &world.gather) >= 0);
	agree_on(&r);
}

static void do_access(struct range r)
{
	bool write = rnd(2);
	bool works = r.m->out && (!write || (r.m->prot & W));

	CHECK(hw_access(&world.w, r.iova, write) == works);
	r.m->dirty |= works && write && track;
}

static int clear_model(void *arg, const struct uvdk_pgtable_page *page)
{
	const struct range *r = arg;
	struct model *m = model[r->window];
	uint64_t first = (page->iova - start[r->window]) / KB4;

	for (uint64_t i = 0; i < page->size / KB4; i++)
		m[first + i].dirty = false;
	return 0;
}

static void do_read_marks(struct range r)
{
	int64_t got = uvdk_pgtable_read_marks(world.pt, r.iova, r.length, UVDK_PGTABLE_DIRTY,
					      clear_model, &r, &world.gather);

	CHECK(track ? got >= 0 : got == -EOPNOTSUPP);
	CHECK(!dirty_in(&r) || !track);
}

static void check_all(void)
{
	struct uvdk_pgtable_arena_stats s = stats_of(&world);

	CHECK(hw_all_tables(&world.w) + world.gather.tables == s.tables);
	CHECK(s.total == ARENA);
	for (unsigned int i = 0; i < 2; i++)
		for (uint64_t p = 0; p < pages[i]; p++)
			agree(i, p);
}

static void one(void)
{
	uint64_t what = rnd(1000);

	if (what < 300)
		do_map(any_page(), true);
	else if (what < 500)
		do_unmap_page(any_page());
	else if (what < 560)
		do_map(any_range(), false);
	else if (what < 610)
		do_unmap(any_range());
	else if (what < 620)
		do_protect(any_range());
	else if (what < 630)
		do_split(any_page());
	else if (what < 640)
		do_merge(any_range());
	else if (what < 900)
		do_access(any_page());
	else if (what < 910)
		do_read_marks(any_range());
	else if (what < 980)
		quarantine();
	else
		release(world.cookie - rnd(world.cookie < 5 ? world.cookie + 1 : 5));
	if (step % 50000 == 0)
		check_all();
}

static void run(const struct uvdk_pgtable_opts *like, bool tracks, bool with_callback)
{
	struct uvdk_pgtable_opts o = *like;

	track = o.track = tracks;
	calls_back = with_callback;
	o.invalidate = with_callback ? on_invalidate : NULL;
	world_start(&world, &o, ARENA);
	start[0] = 2 * GB1 - 16 * MB2 / 2;
	start[1] = world.last + 1 - SMALL * KB4;
	start[2] = 8 * GB1;
	for (unsigned int i = 0; i < WINDOWS; i++)
		model[i] = calloc(pages[i], sizeof(*model[i]));
	for (step = 0; step < OPERATIONS; step++)
		one();
	check_all();
	quarantine();
	release(world.cookie);
	world_stop(&world);
	for (unsigned int i = 0; i < WINDOWS; i++)
		free(model[i]);
}

TestSuite(random, .timeout = 200);

Test(random, arm_39_bits_agrees_with_a_plain_model)
{
	run(&arm39, true, true);
}

Test(random, arm_48_bits_agrees_with_a_plain_model)
{
	run(&arm48, false, false);
}

Test(random, arm_52_bits_agrees_with_a_plain_model)
{
	run(&arm52, true, true);
}

Test(random, x86_4_levels_agrees_with_a_plain_model)
{
	run(&x48, true, true);
}

Test(random, x86_5_levels_agrees_with_a_plain_model)
{
	run(&x57, false, false);
}
