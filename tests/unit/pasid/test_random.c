// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <uvdk_pasid.h>

#include "../../random.h"

/*
 * Random operations against a plain model: an array that says who holds a
 * PASID, and one that says which PASID a user is on.
 */
#define OPERATIONS 10000000

#define WIDTH	   9
#define HIGHEST	   511u
#define OWNERS	   4
#define USERS	   64

static struct uvdk_pasid_space *space;
static struct uvdk_pasid_owner *owner[OWNERS];
static const uint32_t quota[OWNERS] = {1, 60, 200, 1000};

/* The model. */
static unsigned char holder[HIGHEST + 1]; /* owner + 1, or 0 */
static bool dying[HIGHEST + 1];
static uint32_t held[OWNERS], used;
static uint32_t on[USERS]; /* PASID, or 0 */

static struct uvdk_pasid_user user[USERS];
static bool told[USERS];
static long step;
static uint64_t seed = 88172645463325252;

/* Criterion's own assertions cost too much to be made all the time. */
#define CHECK(cond)                                                                              \
	do {                                                                                     \
		if (!(cond))                                                                     \
			cr_assert_fail("step %ld, line %d: %s (last error: %s)", step, __LINE__, \
				       #cond, uvdk_last_error());                                \
	} while (0)

static uint32_t rnd(uint64_t below)
{
	return (uint32_t)(random_next(&seed) % below);
}

static void gone(uint32_t i)
{
	CHECK(on[i] && !told[i]);
	told[i] = true;
}

static void forget(uint32_t pasid)
{
	held[holder[pasid] - 1]--;
	used--;
	holder[pasid] = 0;
	dying[pasid] = false;
	for (uint32_t i = 0; i < USERS; i++)
		if (on[i] == pasid) {
			CHECK(told[i]);
			on[i] = 0;
			told[i] = false;
		}
}

/* Inside release(): the PASID is out of reach, others are not. */
static void try_the_dying(uint32_t pasid)
{
	uint32_t o = holder[pasid] - 1u, other = rnd(HIGHEST) + 1, out;

	CHECK(uvdk_pasid_alloc(owner[3], pasid, pasid, &out) == -ENOSPC);
	CHECK(uvdk_pasid_free(owner[o], pasid) == -EBUSY);
	if (dying[other] || holder[other] != o + 1)
		return;
	dying[other] = true;
	CHECK(uvdk_pasid_free(owner[o], other) == 0);
	forget(other);
}

static void release(void *arg, uint32_t pasid)
{
	uint32_t i = (uint32_t)((struct uvdk_pasid_user *)arg - user);

	CHECK(on[i] == pasid);
	CHECK(holder[pasid] && dying[pasid]);
	gone(i);
	if (rnd(4) == 0)
		uvdk_pasid_unuse(&user[i]);
	if (rnd(8) == 0)
		try_the_dying(pasid);
}

/* What an allocation has to say. */
static int expected(uint32_t o, uint32_t count, uint32_t min, uint32_t max, uint32_t *first)
{
	uint32_t low = min ? min : 1, high = max < HIGHEST ? max : HIGHEST;

	if (min > max || !count)
		return -EINVAL;
	if (low > high || count > high - low + 1)
		return -ERANGE;
	if (held[o] + count > quota[o])
		return -EDQUOT;
	for (uint32_t at = low, run = 0; at <= high; at++) {
		run = holder[at] ? 0 : run + 1;
		if (run == count) {
			*first = at + 1 - count;
			return 0;
		}
	}

	return -ENOSPC;
}

static void do_alloc(uint32_t count)
{
	uint32_t o = rnd(OWNERS), min = rnd(HIGHEST), max = min + rnd(100), want = 77, got = 77;
	int err;

	if (rnd(2)) {
		min = 0;
		max = UINT32_MAX;
	} else if (rnd(50) == 0) {
		max = rnd(HIGHEST);
	}
	err = expected(o, count, min, max, &want);
	if (count == 1 && rnd(8))
		CHECK(uvdk_pasid_alloc(owner[o], min, max, &got) == err);
	else
		CHECK(uvdk_pasid_alloc_range(owner[o], count, min, max, &got) == err);
	CHECK(got == want);
	if (err)
		return;
	memset(holder + got, (int)o + 1, count);
	held[o] += count;
	used += count;
}

static void do_free(void)
{
	uint32_t pasid = rnd(HIGHEST + 2);
	uint32_t o =
		pasid <= HIGHEST && holder[pasid] && rnd(20) ? holder[pasid] - 1u : rnd(OWNERS);
	int err = 0;

	if (!pasid || pasid > HIGHEST)
		err = -ERANGE;
	else if (holder[pasid] != o + 1)
		err = holder[pasid] ? -EACCES : -ENOENT;
	else
		dying[pasid] = true;
	CHECK(uvdk_pasid_free(owner[o], pasid) == err);
	if (!err)
		forget(pasid);
}

static int condemn(uint32_t o, uint32_t first, uint32_t last)
{
	int count = 0;

	for (uint32_t pasid = 1; pasid <= HIGHEST; pasid++)
		if (pasid >= first && pasid <= last && holder[pasid] == o + 1) {
			dying[pasid] = true;
			count++;
		}
	return count;
}

static void bury(void)
{
	for (uint32_t pasid = 1; pasid <= HIGHEST; pasid++)
		if (dying[pasid])
			forget(pasid);
}

static void do_free_range(void)
{
	uint32_t o = rnd(OWNERS), first = rnd(HIGHEST + 20), last = first + rnd(rnd(8) ? 8 : 300);
	int count = condemn(o, first, last);

	CHECK(uvdk_pasid_free_range(owner[o], first, last) == count);
	bury();
}

static void do_use(void)
{
	uint32_t i = rnd(USERS), pasid = rnd(HIGHEST) + 1,
		 o = rnd(8) ? holder[pasid] : rnd(OWNERS + 1);
	int err = 0;

	o = o ? o - 1 : 0;
	if (holder[pasid] != o + 1)
		err = holder[pasid] ? -EACCES : -ENOENT;
	else if (on[i])
		err = -EEXIST;
	CHECK(uvdk_pasid_use(owner[o], pasid, &user[i]) == err);
	if (!err)
		on[i] = pasid;
}

static void do_unuse(void)
{
	uint32_t i = rnd(USERS);

	uvdk_pasid_unuse(&user[i]);
	on[i] = 0;
}

static void do_new_owner(void)
{
	uint32_t o = rnd(OWNERS);

	condemn(o, 1, HIGHEST);
	uvdk_pasid_owner_destroy(owner[o]);
	bury();
	CHECK(uvdk_pasid_owner_create(space, quota[o], &owner[o]) == 0);
}

static void check_all(void)
{
	struct uvdk_pasid_stats stats;
	uint32_t total = 0;

	for (uint32_t o = 0; o < OWNERS; o++) {
		CHECK(uvdk_pasid_get_stats(owner[o], &stats) == 0);
		CHECK(stats.held == held[o]);
		CHECK(stats.space_used == used);
		total += held[o];
	}
	CHECK(total == used);
	for (uint32_t i = 0; i < USERS; i++)
		CHECK(!user[i].space == !on[i]);
}

/* Crowded and empty in turns. */
static void one(void)
{
	uint32_t what = rnd(100), allocs = step / 20000 % 2 ? 40 : 25;

	if (what < allocs)
		do_alloc(1);
	else if (what < allocs + 3)
		do_alloc(rnd(rnd(2) ? 5 : 150));
	else if (what < 70)
		do_free();
	else if (what < 71)
		do_free_range();
	else if (what < 85)
		do_use();
	else if (what < 98)
		do_unuse();
	else if (rnd(200) == 0)
		do_new_owner();
	if (step % 1000 == 0)
		check_all();
}

Test(random, agrees_with_a_plain_model, .timeout = 110)
{
	struct uvdk_pasid_space_opts opts = {.size = sizeof(opts), .width = WIDTH};

	cr_assert_eq(uvdk_pasid_space_create(&opts, &space), 0);
	for (uint32_t o = 0; o < OWNERS; o++)
		cr_assert_eq(uvdk_pasid_owner_create(space, quota[o], &owner[o]), 0);
	for (uint32_t i = 0; i < USERS; i++)
		user[i] = (struct uvdk_pasid_user){.release = release, .arg = &user[i]};
	for (step = 0; step < OPERATIONS; step++)
		one();
	for (uint32_t o = 0; o < OWNERS; o++) {
		condemn(o, 1, HIGHEST);
		uvdk_pasid_owner_destroy(owner[o]);
		bury();
	}
	cr_expect_eq(used, 0);
	uvdk_pasid_space_destroy(space);
}
