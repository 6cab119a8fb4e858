// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <uvdk_pasid.h>

/* Who uses a PASID is told before it can be anybody else's. */
#define ALL UINT32_MAX

static struct uvdk_pasid_space *space;
static struct uvdk_pasid_owner *owner;

/* Something attached to a PASID. */
struct thing {
	struct uvdk_pasid_user user;
	int told;
	uint32_t pasid;
	void (*then)(struct thing *thing);
	struct thing *other;
	int got;
};

static void told(void *arg, uint32_t pasid)
{
	struct thing *thing = arg;

	thing->told++;
	thing->pasid = pasid;
	if (thing->then)
		thing->then(thing);
}

static struct thing thing_of(void (*then)(struct thing *thing))
{
	struct thing thing = {.user = {.release = told}, .then = then};

	return thing;
}

static void use(struct thing *thing, uint32_t pasid)
{
	thing->user.arg = thing;
	cr_assert_eq(uvdk_pasid_use(owner, pasid, &thing->user), 0, "%s", uvdk_last_error());
}

static void setup(void)
{
	uint32_t first;

	cr_assert_eq(uvdk_pasid_space_create(NULL, &space), 0);
	cr_assert_eq(uvdk_pasid_owner_create(space, 0, &owner), 0);
	cr_assert_eq(uvdk_pasid_alloc_range(owner, 10, 0, ALL, &first), 0);
}

static void teardown(void)
{
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
}

static uint32_t held(void)
{
	struct uvdk_pasid_stats stats;

	cr_assert_eq(uvdk_pasid_get_stats(owner, &stats), 0);
	return stats.held;
}

/* The PASID that is being freed is nobody's to have. */
static void try_all_on_it(struct thing *thing)
{
	struct thing late = thing_of(NULL);
	uint32_t pasid = 0;

	cr_expect_eq(uvdk_pasid_alloc(owner, thing->pasid, thing->pasid, &pasid), -ENOSPC);
	cr_expect_eq(uvdk_pasid_use(owner, thing->pasid, &late.user), -EBUSY);
	cr_expect(strstr(uvdk_last_error(), "being freed"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_pasid_free(owner, thing->pasid), -EBUSY);
	cr_expect_eq(uvdk_pasid_free_range(owner, thing->pasid, thing->pasid), 0);
	cr_expect_eq(held(), 10);
}

Test(users, all_are_told_before_the_number_is_free)
{
	struct thing a = thing_of(try_all_on_it), b = thing_of(try_all_on_it), c = thing_of(NULL);
	uint32_t pasid = 0;

	setup();
	use(&a, 5);
	use(&b, 5);
	use(&c, 6);
	cr_expect_eq(uvdk_pasid_free(owner, 5), 0);
	cr_expect_eq(a.told, 1);
	cr_expect_eq(b.told, 1);
	cr_expect_eq(c.told, 0);
	cr_expect_eq(held(), 9);
	cr_expect_eq(uvdk_pasid_alloc(owner, 0, ALL, &pasid), 0);
	cr_expect_eq(pasid, 5);

	/* They are gone from it: nothing to be told any more, free for another use. */
	cr_expect_eq(uvdk_pasid_free(owner, 5), 0);
	cr_expect_eq(a.told + b.told, 2);
	use(&a, 6);
	uvdk_pasid_unuse(&a.user);
	uvdk_pasid_unuse(&c.user);
	teardown();
	cr_expect_eq(a.told + b.told + c.told, 2);
}

Test(users, who_has_gone_is_not_told)
{
	struct thing t[5];

	setup();
	for (int i = 0; i < 5; i++) {
		t[i] = thing_of(NULL);
		use(&t[i], 3);
	}
	uvdk_pasid_unuse(&t[0].user);
	uvdk_pasid_unuse(&t[2].user);
	uvdk_pasid_unuse(&t[4].user);
	uvdk_pasid_unuse(&t[4].user);
	cr_expect_eq(uvdk_pasid_free(owner, 3), 0);
	for (int i = 0; i < 5; i++)
		cr_expect_eq(t[i].told, i % 2, "user %d", i);
	teardown();
}

Test(users, free_range_and_destroy_tell_them_too)
{
	struct thing t[11];

	setup();
	for (uint32_t i = 1; i <= 10; i++) {
		t[i] = thing_of(NULL);
		use(&t[i], i);
	}
	cr_expect_eq(uvdk_pasid_free_range(owner, 4, 6), 3);
	for (uint32_t i = 1; i <= 10; i++)
		cr_expect_eq(t[i].told, i >= 4 && i <= 6, "PASID %u", i);
	teardown();
	for (uint32_t i = 1; i <= 10; i++) {
		cr_expect_eq(t[i].told, 1, "PASID %u", i);
		cr_expect_eq(t[i].pasid, i);
	}
}

/* All of a range are dying before the first user is told. */
static void use_neighbours(struct thing *thing)
{
	struct thing late = thing_of(NULL);
	uint32_t pasid;

	for (uint32_t i = 1; i <= 10; i++) {
		int err = uvdk_pasid_use(owner, i, &late.user);

		cr_expect(err == -EBUSY || err == -ENOENT, "%u: %d", i, err);
	}
	thing->got = uvdk_pasid_alloc(owner, 100, ALL, &pasid);
}

Test(users, of_a_range_find_all_of_it_dying)
{
	struct thing t[11];

	setup();
	for (uint32_t i = 1; i <= 10; i++) {
		t[i] = thing_of(use_neighbours);
		use(&t[i], i);
	}
	cr_expect_eq(uvdk_pasid_free_range(owner, 1, 10), 10);
	for (uint32_t i = 1; i <= 10; i++)
		cr_expect_eq(t[i].got, 0);
	cr_expect_eq(held(), 10);
	/* What release() allocates goes with the owner as well. */
	teardown();
}

static void go_and_forget(struct thing *thing)
{
	uvdk_pasid_unuse(&thing->user);
	memset(thing, 0xa5, sizeof(*thing));
	free(thing);
}

Test(users, may_go_and_free_their_memory_when_told)
{
	struct thing *thing = malloc(sizeof(*thing)), b = thing_of(NULL);

	setup();
	*thing = thing_of(go_and_forget);
	use(&b, 2);
	use(thing, 2);
	cr_expect_eq(uvdk_pasid_free(owner, 2), 0);
	cr_expect_eq(b.told, 1);
	teardown();
}

static void move_on(struct thing *thing)
{
	uvdk_pasid_unuse(&thing->user);
	thing->got = uvdk_pasid_use(owner, 8, &thing->user);
}

Test(users, may_move_to_another_pasid_when_told)
{
	struct thing thing = thing_of(move_on);

	setup();
	use(&thing, 2);
	cr_expect_eq(uvdk_pasid_free(owner, 2), 0);
	cr_expect_eq(thing.got, 0);
	thing.then = NULL;
	cr_expect_eq(uvdk_pasid_free(owner, 8), 0);
	cr_expect_eq(thing.told, 2);
	cr_expect_eq(thing.pasid, 8);
	teardown();
}

/* Takes a neighbour along, that uses the same or another PASID. */
static void end_the_other(struct thing *thing)
{
	uvdk_pasid_unuse(&thing->other->user);
}

static void free_the_others(struct thing *thing)
{
	thing->got = uvdk_pasid_free(owner, thing->pasid + 1);
}

Test(users, may_end_other_users_and_pasids_when_told)
{
	struct thing same = thing_of(NULL), far = thing_of(NULL), inner = thing_of(NULL);
	struct thing a = thing_of(end_the_other), b = thing_of(end_the_other),
		     c = thing_of(free_the_others);

	setup();
	a.other = &same;
	b.other = &far;
	use(&same, 4);
	use(&far, 9);
	use(&inner, 5);
	use(&c, 4);
	use(&b, 4);
	use(&a, 4);
	cr_expect_eq(uvdk_pasid_free(owner, 4), 0);
	cr_expect_eq(a.told + b.told + c.told, 3);
	cr_expect_eq(same.told, 0);
	cr_expect_eq(c.got, 0);
	cr_expect_eq(inner.told, 1);
	cr_expect_eq(held(), 8);
	teardown();
	cr_expect_eq(far.told, 0);
}

static void take_one_more(struct thing *thing)
{
	uint32_t pasid;

	thing->got = uvdk_pasid_alloc(owner, 0, ALL, &pasid);
}

Test(users, that_allocate_do_not_outlast_their_owner)
{
	struct thing thing = thing_of(take_one_more);
	struct uvdk_pasid_owner *other;
	struct uvdk_pasid_stats stats;

	setup();
	cr_assert_eq(uvdk_pasid_owner_create(space, 0, &other), 0);
	use(&thing, 1);
	uvdk_pasid_owner_destroy(owner);
	cr_expect_eq(thing.told, 1);
	cr_expect_eq(thing.got, 0);
	cr_expect_eq(uvdk_pasid_get_stats(other, &stats), 0);
	cr_expect_eq(stats.space_used, 0);
	uvdk_pasid_owner_destroy(other);
	uvdk_pasid_space_destroy(space);
	cr_expect_str_empty(uvdk_last_error());
}

Test(users, wrong_use_is_refused)
{
	struct uvdk_pasid_owner *other;
	struct uvdk_pasid_user silent = {.arg = NULL};
	struct thing thing = thing_of(NULL);

	setup();
	cr_assert_eq(uvdk_pasid_owner_create(space, 0, &other), 0);
	cr_expect_eq(uvdk_pasid_use(owner, 1, &silent), -EINVAL);
	cr_expect_eq(uvdk_pasid_use(owner, 0, &thing.user), -ERANGE);
	cr_expect_eq(uvdk_pasid_use(owner, 1u << 20, &thing.user), -ERANGE);
	cr_expect_eq(uvdk_pasid_use(owner, 11, &thing.user), -ENOENT);
	cr_expect_eq(uvdk_pasid_use(other, 1, &thing.user), -EACCES);
	use(&thing, 1);
	cr_expect_eq(uvdk_pasid_use(owner, 2, &thing.user), -EEXIST);
	cr_expect(strstr(uvdk_last_error(), "already"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_pasid_free(owner, 2), 0);
	cr_expect_eq(thing.told, 0);
	uvdk_pasid_owner_destroy(other);
	teardown();
	cr_expect_eq(thing.told, 1);
}
