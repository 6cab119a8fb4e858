// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include <uvdk_pasid.h>

/* Which numbers an owner gets, and gives back. Nobody uses them here. */
#define ALL UINT32_MAX

static struct uvdk_pasid_space *space;
static struct uvdk_pasid_owner *owner;

static void setup(unsigned int width, uint32_t quota)
{
	struct uvdk_pasid_space_opts opts = {.size = sizeof(opts), .width = width};

	cr_assert_eq(uvdk_pasid_space_create(&opts, &space), 0);
	cr_assert_eq(uvdk_pasid_owner_create(space, quota, &owner), 0);
}

static void teardown(void)
{
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
}

static uint32_t alloc(uint32_t min, uint32_t max)
{
	uint32_t pasid = 0;

	cr_assert_eq(uvdk_pasid_alloc(owner, min, max, &pasid), 0, "%s", uvdk_last_error());
	return pasid;
}

static struct uvdk_pasid_stats stats_of(struct uvdk_pasid_owner *who)
{
	struct uvdk_pasid_stats stats;

	cr_assert_eq(uvdk_pasid_get_stats(who, &stats), 0);
	return stats;
}

/* The call failed, said so, and wrote nothing. */
static void expect_refused(int got, int err, uint32_t out, const char *says)
{
	cr_expect_eq(got, err, "%d, not %d", got, err);
	cr_expect_eq(out, 77);
	cr_expect(strstr(uvdk_last_error(), says), "'%s' does not say '%s'", uvdk_last_error(),
		  says);
}

Test(numbers, lowest_first_and_never_0)
{
	setup(0, 10);
	cr_expect_eq(alloc(0, ALL), 1);
	cr_expect_eq(alloc(0, ALL), 2);
	cr_expect_eq(alloc(1, 1000), 3);
	cr_expect_eq(uvdk_pasid_free(owner, 2), 0);
	cr_expect_eq(alloc(0, ALL), 2);
	teardown();
}

Test(numbers, stay_within_what_was_asked)
{
	uint32_t pasid = 77;

	setup(0, 10);
	cr_expect_eq(alloc(100, 101), 100);
	cr_expect_eq(alloc(100, 101), 101);
	expect_refused(uvdk_pasid_alloc(owner, 100, 101, &pasid), -ENOSPC, pasid, "100 to 101");
	cr_expect_eq(alloc(99, ALL), 99);
	cr_expect_eq(alloc(99, ALL), 102);
	cr_expect_eq(alloc(1048575, ALL), 1048575);
	expect_refused(uvdk_pasid_alloc(owner, 1048575, ALL, &pasid), -ENOSPC, pasid, "taken");
	teardown();
}

Test(numbers, every_width_has_all_of_its_numbers)
{
	for (unsigned int width = 1; width <= 20; width++) {
		uint32_t highest = (1u << width) - 1, pasid = 77;

		setup(width, ALL);
		cr_expect_eq(stats_of(owner).space_size, highest);
		for (uint32_t i = 1; i <= highest; i++)
			if (uvdk_pasid_alloc(owner, 0, ALL, &pasid) || pasid != i)
				cr_assert_fail("width %u: %u, not %u", width, pasid, i);
		pasid = 77;
		expect_refused(uvdk_pasid_alloc(owner, 0, ALL, &pasid), -ENOSPC, pasid, "taken");
		expect_refused(uvdk_pasid_alloc_range(owner, 2, 0, ALL, &pasid),
			       width == 1 ? -ERANGE : -ENOSPC, pasid, "to be had");
		/* A hole anywhere in a full space is found. */
		for (uint32_t i = 1; i <= highest; i += 1 + highest / 97) {
			cr_assert_eq(uvdk_pasid_free(owner, i), 0);
			cr_assert_eq(alloc(0, ALL), i);
			cr_assert_eq(uvdk_pasid_free(owner, i), 0);
			cr_assert_eq(alloc(i, i), i);
		}
		cr_expect_eq(stats_of(owner).held, highest);
		cr_expect_eq(uvdk_pasid_free_range(owner, 0, ALL), (int)highest);
		teardown();
	}
}

Test(numbers, quota_is_1000_unless_told_otherwise)
{
	uint32_t pasid = 77;

	setup(0, 0);
	for (int i = 0; i < 1000; i++)
		alloc(0, ALL);
	expect_refused(uvdk_pasid_alloc(owner, 0, ALL, &pasid), -EDQUOT, pasid, "quota of 1000");
	cr_expect_eq(uvdk_pasid_free(owner, 500), 0);
	cr_expect_eq(alloc(0, ALL), 500);
	teardown();
}

Test(numbers, quota_is_each_owners_own)
{
	struct uvdk_pasid_owner *other;
	uint32_t first = 77;

	setup(0, 3);
	cr_assert_eq(uvdk_pasid_owner_create(space, 5, &other), 0);
	alloc(0, ALL);
	expect_refused(uvdk_pasid_alloc_range(owner, 3, 0, ALL, &first), -EDQUOT, first, "of 3");
	cr_expect_eq(uvdk_pasid_alloc_range(other, 5, 0, ALL, &first), 0);
	cr_expect_eq(first, 2);
	cr_expect_eq(alloc(0, ALL), 7);
	cr_expect_eq(stats_of(owner).held, 2);
	cr_expect_eq(stats_of(owner).quota, 3);
	cr_expect_eq(stats_of(other).held, 5);
	cr_expect_eq(stats_of(other).space_used, 7);
	uvdk_pasid_owner_destroy(other);
	cr_expect_eq(stats_of(owner).space_used, 2);
	teardown();
}

Test(numbers, a_range_is_the_lowest_gap_that_holds_it)
{
	static const uint32_t counts[] = {2, 63, 64, 65, 127, 128, 129, 200, 5000};
	uint32_t first = 77;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		uint32_t count = counts[i];

		/* Gaps of one too few at 3 and at 10,000, one that fits at 20,011. */
		setup(16, ALL);
		cr_assert_eq(uvdk_pasid_alloc_range(owner, 65535, 0, ALL, &first), 0);
		cr_assert_eq(first, 1);
		uvdk_pasid_free_range(owner, 3, 3 + count - 2);
		uvdk_pasid_free_range(owner, 10000, 10000 + count - 2);
		uvdk_pasid_free_range(owner, 20011, 20011 + count - 1);
		cr_expect_eq(uvdk_pasid_alloc_range(owner, count, 0, 20011 + count - 2, &first),
			     -ENOSPC);
		cr_expect_eq(uvdk_pasid_alloc_range(owner, count, 0, ALL, &first), 0);
		cr_expect_eq(first, 20011, "%u of %u", first, count);
		cr_expect_eq(uvdk_pasid_alloc_range(owner, count - 1, 4, ALL, &first), 0);
		cr_expect_eq(first, 10000, "%u of %u", first, count - 1);
		teardown();
	}
}

Test(numbers, free_range_frees_whatever_of_the_owner_lies_inside)
{
	struct uvdk_pasid_owner *other;
	uint32_t first, pasid = 0;

	setup(0, 100);
	cr_assert_eq(uvdk_pasid_owner_create(space, 0, &other), 0);
	cr_assert_eq(uvdk_pasid_alloc_range(owner, 10, 0, ALL, &first), 0);
	cr_assert_eq(uvdk_pasid_alloc_range(other, 5, 0, ALL, &first), 0);
	cr_assert_eq(uvdk_pasid_alloc_range(owner, 10, 0, ALL, &first), 0);
	cr_expect_eq(first, 16);
	cr_expect_eq(uvdk_pasid_free(owner, 18), 0);

	/* By numbers, the range being short, then by the owner's list. */
	cr_expect_eq(uvdk_pasid_free_range(owner, 9, 19), 5);
	cr_expect_eq(stats_of(owner).held, 14);
	cr_expect_eq(stats_of(other).held, 5);
	cr_expect_eq(uvdk_pasid_alloc(other, 9, ALL, &pasid), 0);
	cr_expect_eq(pasid, 9);
	cr_expect_eq(uvdk_pasid_free_range(owner, 5, 1000), 10);
	cr_expect_eq(uvdk_pasid_free_range(owner, 5, 1000), 0);
	cr_expect_eq(uvdk_pasid_free_range(owner, 2000000, ALL), 0);
	cr_expect_eq(uvdk_pasid_free_range(owner, 0, 0), 0);
	cr_expect_eq(uvdk_pasid_free_range(owner, 0, ALL), 4);
	cr_expect_eq(stats_of(owner).held, 0);
	cr_expect_eq(stats_of(owner).space_used, 6);
	uvdk_pasid_owner_destroy(other);
	teardown();
}

Test(numbers, of_another_owner_are_out_of_reach)
{
	struct uvdk_pasid_owner *other;
	uint32_t out = 77;

	setup(0, 0);
	cr_assert_eq(uvdk_pasid_owner_create(space, 0, &other), 0);
	cr_assert_eq(alloc(5, 5), 5);
	expect_refused(uvdk_pasid_free(other, 5), -EACCES, out, "another owner");
	cr_expect_eq(uvdk_pasid_free_range(other, 0, ALL), 0);
	uvdk_pasid_owner_destroy(other);
	cr_expect_eq(uvdk_pasid_free(owner, 5), 0);
	teardown();
}

Test(numbers, destroying_an_owner_frees_all_it_holds)
{
	struct uvdk_pasid_owner *other;
	uint32_t first;

	setup(8, 0);
	cr_assert_eq(uvdk_pasid_owner_create(space, 0, &other), 0);
	cr_assert_eq(uvdk_pasid_alloc_range(other, 255, 0, ALL, &first), 0);
	uvdk_pasid_owner_destroy(other);
	cr_expect_eq(uvdk_pasid_alloc_range(owner, 255, 0, ALL, &first), 0);
	teardown();
}

Test(numbers, two_spaces_know_nothing_of_each_other)
{
	struct uvdk_pasid_space *second;
	struct uvdk_pasid_owner *other;
	uint32_t pasid;

	setup(4, 0);
	cr_assert_eq(uvdk_pasid_space_create(NULL, &second), 0);
	cr_assert_eq(uvdk_pasid_owner_create(second, 0, &other), 0);
	cr_expect_eq(stats_of(other).space_size, 1048575);
	cr_expect_eq(alloc(0, ALL), 1);
	cr_expect_eq(uvdk_pasid_alloc(other, 0, ALL, &pasid), 0);
	cr_expect_eq(pasid, 1);
	cr_expect_eq(uvdk_pasid_free(other, 1), 0);
	cr_expect_eq(uvdk_pasid_free(other, 1), -ENOENT);
	cr_expect_eq(uvdk_pasid_free(owner, 1), 0);
	uvdk_pasid_owner_destroy(other);
	uvdk_pasid_space_destroy(second);
	teardown();
}

Test(numbers, wrong_input_is_refused)
{
	struct uvdk_pasid_owner *none = NULL;
	uint32_t out = 77;

	setup(8, 0);
	expect_refused(uvdk_pasid_alloc(owner, 6, 5, &out), -EINVAL, out, "6 to 5");
	expect_refused(uvdk_pasid_alloc(owner, 0, 0, &out), -ERANGE, out, "1 to 255");
	expect_refused(uvdk_pasid_alloc(owner, 256, ALL, &out), -ERANGE, out, "1 to 255");
	expect_refused(uvdk_pasid_alloc_range(owner, 0, 1, 5, &out), -EINVAL, out, "0 PASIDs");
	expect_refused(uvdk_pasid_alloc_range(owner, 6, 1, 5, &out), -ERANGE, out, "6 PASIDs");
	expect_refused(uvdk_pasid_alloc_range(owner, 256, 0, ALL, &out), -ERANGE, out, "255");
	expect_refused(uvdk_pasid_alloc_range(owner, ALL, 0, ALL, &out), -ERANGE, out, "255");
	expect_refused(uvdk_pasid_free(owner, 0), -ERANGE, out, "1 to 255");
	expect_refused(uvdk_pasid_free(owner, 256), -ERANGE, out, "1 to 255");
	expect_refused(uvdk_pasid_free(owner, ALL), -ERANGE, out, "1 to 255");
	expect_refused(uvdk_pasid_free(owner, 255), -ENOENT, out, "nobody holds it");
	expect_refused(uvdk_pasid_free_range(owner, 6, 5), -EINVAL, out, "6 to 5");
	expect_refused(uvdk_pasid_owner_create(NULL, 0, &none), -EINVAL, out, "needs a space");
	cr_expect_null(none);
	teardown();
}

Test(numbers, wrong_options_are_refused)
{
	struct uvdk_pasid_space_opts opts = {.size = sizeof(opts), .width = 21};
	struct uvdk_pasid_space *none = NULL;

	cr_expect_eq(uvdk_pasid_space_create(&opts, &none), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "21"), "%s", uvdk_last_error());
	opts = (struct uvdk_pasid_space_opts){.size = 0, .width = 20};
	cr_expect_eq(uvdk_pasid_space_create(&opts, &none), -EINVAL);
	cr_expect_null(none);
}

Test(numbers, a_space_stays_while_it_has_owners)
{
	setup(8, 0);
	uvdk_pasid_space_destroy(space);
	cr_expect_eq(alloc(0, ALL), 1);
	cr_expect(strstr(uvdk_last_error(), "1 owners"), "%s", uvdk_last_error());
	teardown();
	uvdk_pasid_owner_destroy(NULL);
	uvdk_pasid_space_destroy(NULL);
}
