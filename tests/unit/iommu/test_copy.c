// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "fake.h"

/* Maps that are copied to another address space. */

#define AT UINT64_C(0x40000000)

static char *mem;
static struct uvdk_ioas *to;

static void setup(void)
{
	uvdk_iova_t iova = AT;

	fake_setup();
	mem = fake_memory(16 * PAGE);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &to), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, mem, 8 * PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
}

static void finish(void)
{
	uvdk_ioas_destroy(to);
	fake_teardown();
}

TestSuite(copy, .init = setup);

static uint64_t bytes(struct uvdk_ioas *of)
{
	struct uvdk_ioas_stats stats;

	uvdk_ioas_get_stats(of, &stats);
	return stats.bytes;
}

#define REFUSED(err, text, to_, from, at, len, flags)                                   \
	do {                                                                            \
		unsigned int asked_ = fake.map_calls;                                   \
                                                                                        \
		cr_expect_eq(uvdk_ioas_copy(to_, from, at, len, flags), err);           \
		cr_expect(said(text), "\"%s\" is not in: %s", text, uvdk_last_error()); \
		cr_expect_eq(fake.map_calls, asked_);                                   \
	} while (0)

Test(copy, part_of_a_map_is_in_both_and_leaves_each_alone)
{
	struct uvdk_map_info m;

	cr_assert_eq(uvdk_ioas_copy(to, ioas, AT + 2 * PAGE, 3 * PAGE, UVDK_MAP_READ), 0);
	cr_assert_eq(uvdk_ioas_find(to, AT + 4 * PAGE, &m), 0);
	cr_expect_eq(m.iova, AT + 2 * PAGE);
	cr_expect_eq(m.va, mem + 2 * PAGE);
	cr_expect_eq(m.len, 3 * PAGE);
	cr_expect_eq(m.flags & UVDK_MAP_RW, UVDK_MAP_READ);
	cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(to), mem + 3 * PAGE), AT + 3 * PAGE);
	cr_expect_eq(uvdk_ioas_unmap(ioas, AT, 8 * PAGE), 0);
	cr_expect_eq(bytes(to), 3 * PAGE);
	cr_expect_eq(uvdk_ioas_unmap(to, AT + 2 * PAGE, 3 * PAGE), 0);
	finish();
}

Test(copy, what_is_not_one_map_or_allows_less_is_refused)
{
	uvdk_iova_t beside = AT + 8 * PAGE;

	cr_assert_eq(
		uvdk_ioas_map(ioas, mem + 8 * PAGE, PAGE, UVDK_MAP_READ | UVDK_MAP_FIXED, &beside),
		0);
	REFUSED(-ENOENT, "no map holds", to, ioas, AT, 9 * PAGE, UVDK_MAP_READ);
	REFUSED(-ENOENT, "no map holds", to, ioas, AT - PAGE, PAGE, UVDK_MAP_READ);
	REFUSED(-ENOENT, "no map holds", to, ioas, UINT64_MAX - PAGE + 1, PAGE, UVDK_MAP_READ);
	REFUSED(-ENOENT, "no map holds", to, ioas, AT, SIZE_MAX - PAGE + 1, UVDK_MAP_READ);
	REFUSED(-EPERM, "allows less", to, ioas, beside, PAGE, UVDK_MAP_RW);
	REFUSED(-EDOM, "whole pages", to, ioas, AT + 1, PAGE, UVDK_MAP_READ);
	REFUSED(-EDOM, "whole pages", to, ioas, AT, 1, UVDK_MAP_READ);
	REFUSED(-EINVAL, "nothing to copy", to, ioas, AT, 0, UVDK_MAP_READ);
	REFUSED(-EINVAL, "nothing to copy", to, ioas, AT, PAGE, 0);
	REFUSED(-EINVAL, "nothing to copy", to, ioas, AT, PAGE, UVDK_MAP_READ | UVDK_MAP_FIXED);
	REFUSED(-EINVAL, "two address spaces", ioas, ioas, AT, PAGE, UVDK_MAP_READ);
	cr_assert_eq(uvdk_ioas_copy(to, ioas, AT, PAGE, UVDK_MAP_READ), 0);
	REFUSED(-EEXIST, "overlaps", to, ioas, AT, 2 * PAGE, UVDK_MAP_READ);
	cr_expect_eq(bytes(to), PAGE);
	finish();
}

Test(copy, a_driver_that_fails_leaves_nothing)
{
	fake.map = (struct fake_failure){1, -ENOMEM};
	cr_expect_eq(uvdk_ioas_copy(to, ioas, AT, 8 * PAGE, UVDK_MAP_RW), -ENOMEM);
	cr_expect_eq(bytes(to), 0);
	cr_expect_eq(uvdk_ioas_copy(to, ioas, AT, 8 * PAGE, UVDK_MAP_RW), 0);
	finish();
}
