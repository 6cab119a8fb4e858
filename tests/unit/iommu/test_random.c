// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>

#include "../../random.h"
#include "fake.h"

/*
 * Random operations against a plain model: two arrays that say, page by page,
 * which map and which reservation an IOVA belongs to.
 */
#define OPERATIONS 200000
#define FIRST	   0x100000ul /* the window: 16 MiB less a hole, so that it gets crowded */
#define LAST	   0x10fffffful
#define WINDOW	   (LAST + 1 - FIRST)
#define HOLE	   0x08000000ul
#define PAGES	   ((LAST + 1) / PAGE)
#define VA_PAGES   (2 * PAGES)
#define MAX_LEN	   400

struct model_map {
	uvdk_iova_t iova;
	char *va;
	size_t len;
	bool used;
};

static struct model_map maps[4096], reservations[16];
static int map_of[PAGES], reservation_of[PAGES], va_used[VA_PAGES]; /* index + 1, or 0 */
static char *mem;
static uint64_t seed = 88172645463325252;

static uint64_t rnd(uint64_t below)
{
	return random_next(&seed) % below;
}

static bool in_apertures(uvdk_iova_t iova, size_t len)
{
	return iova + len - 1 <= LAST && (iova + len <= HOLE || iova >= HOLE + 0x100000);
}

/* Do these pages hold anything? -1: several things. Else index + 1, or 0 for nothing. */
static int held(const int *table, uint64_t first, size_t len)
{
	int what = table[first / PAGE];

	for (uint64_t p = first / PAGE; p < (first + len) / PAGE; p++)
		if (table[p] != what)
			return -1;
	return what;
}

static bool any(const int *table, uint64_t first, size_t len)
{
	return held(table, first, len) != 0;
}

static void mark(int *table, uint64_t first, size_t len, int what)
{
	for (uint64_t p = first / PAGE; p < (first + len) / PAGE; p++)
		table[p] = what;
}

static int free_slot(const struct model_map *m, int count)
{
	for (int i = (int)rnd((uint64_t)count), n = 0; n < count; i = (i + 1) % count, n++)
		if (!m[i].used)
			return i;
	return -1;
}

static size_t random_len(void)
{
	return PAGE * (rnd(3) ? 1 + rnd(4) : 1 + rnd(MAX_LEN));
}

static void do_map(bool fixed)
{
	size_t len = random_len();
	uint64_t va_page = rnd(VA_PAGES - MAX_LEN);
	uvdk_iova_t iova = PAGE * rnd(PAGES - MAX_LEN), was = iova;
	int i = free_slot(maps, 4096);
	int err, res;

	if (i < 0)
		return;
	err = uvdk_ioas_map(ioas, mem + va_page * PAGE, len,
			    UVDK_MAP_RW | (fixed ? UVDK_MAP_FIXED : 0), &iova);
	if (held(va_used, va_page * PAGE, len)) {
		cr_assert_eq(err, -EEXIST);
	} else if (fixed) {
		res = held(reservation_of, was, len);
		if (!in_apertures(was, len))
			cr_assert_eq(err, -ERANGE);
		else if (any(map_of, was, len) || res < 0)
			cr_assert_eq(err, -EEXIST);
		else
			cr_assert_eq(err, 0, "%s", uvdk_last_error());
	} else {
		cr_assert(err == 0 || err == -ENOSPC, "%d", err);
	}
	if (err) {
		cr_assert_eq(iova, was);
		return;
	}
	cr_assert(in_apertures(iova, len));
	cr_assert(!any(map_of, iova, len));
	if (!fixed) {
		cr_assert_geq(iova, FIRST);
		cr_assert(!any(reservation_of, iova, len));
	}
	maps[i] = (struct model_map){iova, mem + va_page * PAGE, len, true};
	mark(map_of, iova, len, i + 1);
	mark(va_used, va_page * PAGE, len, 1);
}

static void forget(struct model_map *m)
{
	mark(map_of, m->iova, m->len, 0);
	mark(va_used, (uint64_t)(m->va - mem), m->len, 0);
	m->used = false;
}

static void do_unmap(void)
{
	struct model_map *m = &maps[rnd(4096)];

	if (!m->used)
		return;
	if (m->len > PAGE && rnd(4) == 0) {
		cr_assert_eq(uvdk_ioas_unmap(ioas, m->iova + PAGE, m->len - PAGE), -EBADE);
		cr_assert_eq(uvdk_ioas_unmap(ioas, m->iova, m->len - PAGE), -EBADE);
		return;
	}
	cr_assert_eq(uvdk_ioas_unmap(ioas, m->iova, m->len), 0);
	forget(m);
}

static void do_unmap_anywhere(void)
{
	uvdk_iova_t iova = PAGE * rnd(PAGES - 1);
	int here = map_of[iova / PAGE];
	int err = uvdk_ioas_unmap(ioas, iova, PAGE);

	if (!here) {
		cr_assert_eq(err, -ENOENT);
	} else if (maps[here - 1].len != PAGE) {
		cr_assert_eq(err, -EBADE);
	} else {
		cr_assert_eq(err, 0);
		forget(&maps[here - 1]);
	}
}

static void do_reserve(void)
{
	bool fixed = rnd(2);
	size_t len = random_len();
	uvdk_iova_t iova = PAGE * rnd(PAGES - MAX_LEN), was = iova;
	int i = free_slot(reservations, 16);
	int err;

	if (i < 0) {
		i = (int)rnd(16);
		err = uvdk_ioas_unreserve(ioas, reservations[i].iova);
		if (any(map_of, reservations[i].iova, reservations[i].len)) {
			cr_assert_eq(err, -EBUSY);
			return;
		}
		cr_assert_eq(err, 0);
		mark(reservation_of, reservations[i].iova, reservations[i].len, 0);
		reservations[i].used = false;
		return;
	}
	err = uvdk_ioas_reserve(ioas, len, 0, fixed, &iova);
	if (!fixed)
		cr_assert(err == 0 || err == -ENOSPC);
	else if (!in_apertures(was, len))
		cr_assert_eq(err, -ERANGE);
	else if (any(map_of, was, len) || any(reservation_of, was, len))
		cr_assert_eq(err, -EEXIST);
	else
		cr_assert_eq(err, 0);
	if (err)
		return;
	cr_assert(!any(map_of, iova, len) && !any(reservation_of, iova, len));
	reservations[i] = (struct model_map){iova, NULL, len, true};
	mark(reservation_of, iova, len, i + 1);
}

static void do_translate(void)
{
	uint64_t va_page = rnd(VA_PAGES);
	uvdk_iova_t iova = PAGE * rnd(PAGES) + rnd(PAGE);
	uvdk_iova_t got = uvdk_translate(uvdk_ioas_xlate(ioas), mem + va_page * PAGE + 17);
	int i = map_of[iova / PAGE];

	cr_assert_eq(uvdk_ioas_va(ioas, iova), i ? maps[i - 1].va + (iova - maps[i - 1].iova) : 0);
	if (!va_used[va_page]) {
		cr_assert_eq(got, UVDK_IOVA_NONE);
		return;
	}
	i = map_of[got / PAGE];
	cr_assert_gt(i, 0);
	cr_assert_eq(maps[i - 1].va + (got - maps[i - 1].iova), mem + va_page * PAGE + 17);
}

/* Iteration, statistics and the driver agree with the model. */
static void check_all(void)
{
	struct uvdk_ioas_stats stats;
	struct uvdk_map_info info;
	uvdk_iova_t from = 0;
	uint64_t count = 0, bytes = 0;

	for (uint64_t p = 0; p < PAGES; p++) {
		struct model_map *m = map_of[p] ? &maps[map_of[p] - 1] : NULL;

		if (!m || m->iova != p * PAGE)
			continue;
		count++;
		bytes += m->len;
		cr_assert_eq(uvdk_ioas_next(ioas, from, &info), 0);
		cr_assert_eq(info.iova, m->iova);
		cr_assert_eq(info.va, m->va);
		cr_assert_eq(info.len, m->len);
		cr_assert_not_null(fake_find(m->iova));
		from = info.iova + info.len;
	}
	cr_assert_eq(uvdk_ioas_next(ioas, from, &info), -ENOENT);
	uvdk_ioas_get_stats(ioas, &stats);
	cr_assert_eq(stats.maps, count);
	cr_assert_eq(stats.bytes, bytes);
	cr_assert_eq(fake.maps, count);
	cr_assert_eq(fake.bytes, bytes);
}

/* Once everything is gone, all of the window must be there in one piece again. */
static void check_whole_window(void)
{
	uint64_t first[] = {FIRST, HOLE + 0x100000};
	uint64_t last[] = {HOLE, LAST + 1};
	uint64_t got = 0;
	uvdk_iova_t iova;
	size_t len = 0;

	for (int i = 0; i < 2; i++)
		for (uint64_t at = first[i]; at < last[i]; at += len) {
			len = at & -at;
			while (len > last[i] - at)
				len /= 2;
			cr_assert_eq(uvdk_ioas_reserve(ioas, len, 0, false, &iova), 0,
				     "no block of 0x%zx: %s", len, uvdk_last_error());
			got += len;
		}
	cr_assert_eq(got, WINDOW - 0x100000);
	cr_assert_eq(uvdk_ioas_reserve(ioas, PAGE, 0, false, &iova), -ENOSPC);
}

static void step(struct uvdk_device *dev, int n)
{
	uint64_t what = rnd(100);
	bool crowded = n / 20000 % 2;

	if (what < (crowded ? 50u : 30u))
		do_map(rnd(3) == 0);
	else if (what < 80)
		do_unmap();
	else if (what < 84)
		do_unmap_anywhere();
	else if (what < 86)
		do_reserve();
	else
		do_translate();
	if (n % 5000 == 0) {
		uvdk_ioas_detach(ioas, dev);
		cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0, "%s", uvdk_last_error());
		check_all();
	}
}

Test(random, agrees_with_a_plain_model)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .iova_last = LAST};
	struct uvdk_device *dev;

	fake_setup();
	uvdk_ioas_destroy(ioas);
	fake.nr_ranges = 2;
	fake.ranges[0] = (struct uvdk_iova_range){0, HOLE - 1};
	fake.ranges[1] = (struct uvdk_iova_range){HOLE + 0x100000, LAST};
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &ioas), 0);
	mem = fake_memory(VA_PAGES * PAGE);
	dev = fake_device();
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);

	for (int n = 0; n < OPERATIONS; n++)
		step(dev, n);

	check_all();
	for (int i = 0; i < 4096; i++)
		if (maps[i].used)
			cr_assert_eq(uvdk_ioas_unmap(ioas, maps[i].iova, maps[i].len), 0);
	for (int i = 0; i < 16; i++)
		if (reservations[i].used)
			cr_assert_eq(uvdk_ioas_unreserve(ioas, reservations[i].iova), 0);
	check_whole_window();
	uvdk_device_close(dev);
	fake_teardown();
}
