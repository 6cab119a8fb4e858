// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

#include <uvdk_base_driver.h>

/* What this version knows, and what a caller built against a newer one passes. */
struct old_opts {
	size_t size;
	uint32_t known;
};

struct new_opts {
	size_t size;
	uint32_t known;
	unsigned char unknown[4096 - 12];
	unsigned char beyond[64];
};

static int take(const void *from, struct old_opts *to)
{
	*to = (struct old_opts){.size = sizeof(*to), .known = 7};

	return uvdk_opts_copy(to, sizeof(*to), from, "old_opts");
}

Test(opts, a_short_struct_keeps_defaults_and_a_long_one_is_taken_if_the_rest_is_zero)
{
	static struct new_opts given;
	struct old_opts o;

	cr_expect_eq(take(NULL, &o), 0);
	cr_expect_eq(o.known, 7);
	given = (struct new_opts){.size = sizeof(size_t), .known = 9};
	cr_expect_eq(take(&given, &o), 0);
	cr_expect_eq(o.known, 7);
	given.size = 4096;
	cr_expect_eq(take(&given, &o), 0);
	cr_expect_eq(o.known, 9);
	cr_expect_eq(o.size, sizeof(o));
}

Test(opts, an_option_that_is_not_known_is_refused)
{
	static struct new_opts given = {.size = 4096, .unknown = {[4096 - 13] = 1}};
	struct old_opts o;

	cr_expect_eq(take(&given, &o), -EINVAL);
	cr_expect_eq(o.known, 7);
	cr_expect(strstr(uvdk_last_error(), "does not know"), "%s", uvdk_last_error());
}

Test(opts, a_size_that_cannot_be_is_refused_and_nothing_is_read_there)
{
	static const size_t wild[] = {0, 1, sizeof(size_t) - 1, 4097, SIZE_MAX};
	struct old_opts o, given;

	for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		given = (struct old_opts){.size = wild[i], .known = 9};
		cr_expect_eq(take(&given, &o), -EINVAL, "size %zu", wild[i]);
		cr_expect_eq(o.known, 7);
		cr_expect(strstr(uvdk_last_error(), "sizeof(struct old_opts)"), "%s",
			  uvdk_last_error());
	}
}
