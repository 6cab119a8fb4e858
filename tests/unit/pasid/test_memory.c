// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/mman.h>

#include <uvdk_pasid.h>

#include "wraps.h"

#define ALL UINT32_MAX

static void ignore(void *arg, uint32_t pasid)
{
	(void)arg;
	(void)pasid;
}

/* Everything there is; stops at the first failure. */
static int live(void)
{
	struct uvdk_pasid_user user = {.release = ignore};
	struct uvdk_pasid_owner *a = NULL, *b = NULL;
	struct uvdk_pasid_space *space = NULL;
	uint32_t pasid;
	int err = uvdk_pasid_space_create(NULL, &space);

	if (!err)
		err = uvdk_pasid_owner_create(space, 0, &a);
	if (!err)
		err = uvdk_pasid_owner_create(space, 0, &b);
	if (!err)
		err = uvdk_pasid_alloc_range(a, 100, 0, ALL, &pasid);
	if (!err)
		err = uvdk_pasid_use(a, 50, &user);
	uvdk_pasid_owner_destroy(b);
	uvdk_pasid_owner_destroy(a);
	uvdk_pasid_space_destroy(space);

	return err;
}

Test(memory, every_failed_allocation_is_reported_and_leaks_nothing)
{
	int err = -ENOMEM;

	wraps.counting = true;
	for (wraps.fail_at = 1; err; wraps.fail_at++) {
		wraps.allocations = 0;
		err = live();
		cr_assert(err == 0 || err == -ENOMEM, "%d at allocation %ld", err, wraps.fail_at);
		cr_assert_eq(wraps.heap, 0, "at allocation %ld", wraps.fail_at);
		cr_assert_eq(wraps.mapped, 0, "at allocation %ld", wraps.fail_at);
	}
	/* The space, its table, two owners; then it went well. */
	cr_expect_eq(wraps.fail_at, 6);
	wraps.counting = false;
}

Test(memory, numbers_and_users_allocate_nothing)
{
	static struct uvdk_pasid_user user[1000];
	struct uvdk_pasid_owner *owner;
	struct uvdk_pasid_space *space;
	uint32_t pasid = 0;
	int freed;

	cr_assert_eq(uvdk_pasid_space_create(NULL, &space), 0);
	cr_assert_eq(uvdk_pasid_owner_create(space, 100000, &owner), 0);
	wraps.counting = true;
	for (uint32_t i = 1; i <= 65536; i++)
		if (uvdk_pasid_alloc(owner, 0, ALL, &pasid))
			cr_assert_fail("%u: %s", i, uvdk_last_error());
	for (uint32_t i = 0; i < 1000; i++) {
		user[i].release = ignore;
		if (uvdk_pasid_use(owner, 1 + i * 60, &user[i]))
			cr_assert_fail("%u: %s", i, uvdk_last_error());
	}
	for (uint32_t i = 0; i < 500; i++)
		uvdk_pasid_unuse(&user[i]);
	for (uint32_t i = 1; i <= 40000; i++)
		if (uvdk_pasid_free(owner, i))
			cr_assert_fail("%u: %s", i, uvdk_last_error());
	freed = uvdk_pasid_free_range(owner, 0, ALL);
	wraps.counting = false;
	cr_expect_eq(freed, 25536);
	cr_expect_eq(wraps.allocations, 0);
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
}
