// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <pthread.h>

#include <uvdk_coherency.h>

#include "fake.h"

/* Two devices whose iommu can enforce coherency, one whose can't, one with other formats. */
static struct uvdk_device *strong, *strong2, *weak, *odd;
static struct uvdk_ioas *space;

/* What the callback heard, and what it does then. */
static unsigned int calls, wrong_calls;
static bool heard;
static void (*then)(bool needed);

static void on_wbinvd(struct uvdk_ioas *as, bool needed, void *arg)
{
	wrong_calls += as != space || arg != &calls || needed == heard;
	heard = needed;
	calls++;
	if (then)
		then(needed);
}

static struct uvdk_ioas *space_create(enum uvdk_coherency_policy how)
{
	const struct uvdk_ioas_opts opts = {.size = sizeof(opts), .coherency = how};
	struct uvdk_ioas *as = NULL;

	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &as), 0, "%s", uvdk_last_error());
	cr_assert_not(uvdk_ioas_set_wbinvd_cb(as, on_wbinvd, &calls));
	return as;
}

static void setup(void)
{
	fake_setup();
	strong = fake_device_named("fake:0-cc");
	strong2 = fake_device_named("fake:1-cc");
	weak = fake_device_named("fake:2");
	odd = fake_device_named("fake:3-cc-odd");
}

static void begin(enum uvdk_coherency_policy how)
{
	space = space_create(how);
}

static void teardown(void)
{
	uvdk_device_close(strong);
	uvdk_device_close(strong2);
	uvdk_device_close(weak);
	uvdk_device_close(odd);
	uvdk_ioas_destroy(space);
	fake_teardown();
	cr_expect_eq(wrong_calls, 0);
}

TestSuite(coherency_tables, .init = setup, .timeout = 60);

/* What is said of a device must be what the driver knows. */
static void expect(struct uvdk_device *dev, bool enforced, enum uvdk_coherency_table table)
{
	struct uvdk_coherency got = {0};

	cr_expect_eq(uvdk_ioas_device_coherency(space, dev, &got), 0);
	cr_expect_eq(got.enforced, enforced);
	cr_expect_eq(fake_enforced(dev, 0), enforced);
	cr_expect_eq(got.table, table, "%d, not %d", got.table, table);
}

static void attach(struct uvdk_device *dev)
{
	cr_assert_eq(uvdk_ioas_attach(space, dev), 0, "%s", uvdk_last_error());
}

Test(coherency_tables, separate_has_one_table_a_kind)
{
	begin(UVDK_COHERENCY_SEPARATE);
	attach(strong);
	attach(weak);
	attach(strong2);
	cr_expect_eq(fake.hwpts, 2);
	cr_expect_eq(fake_hwpt_of(strong, 0), fake_hwpt_of(strong2, 0));
	expect(weak, false, UVDK_COHERENCY_TABLE_OPEN);
	expect(strong, true, UVDK_COHERENCY_TABLE_ENFORCED);
	uvdk_ioas_detach(space, strong);
	uvdk_ioas_detach(space, strong2);
	cr_expect_eq(fake.hwpts, 1);
	teardown();
}

Test(coherency_tables, a_mixed_share_has_one_table)
{
	begin(UVDK_COHERENCY_SHARE);
	attach(strong);
	attach(strong2);
	cr_expect_eq(fake.hwpts, 0, "nothing to even out");
	attach(weak);
	cr_expect_eq(fake.hwpts, 1);
	cr_expect_eq(fake_hwpt_of(strong, 0), fake_hwpt_of(weak, 0));
	cr_expect_eq(fake_hwpt_of(strong2, 0), fake_hwpt_of(weak, 0));
	cr_expect_eq(fake.attached, 3, "they were replaced, not detached");
	uvdk_ioas_detach(space, weak);
	cr_expect_eq(fake.hwpts, 0, "nothing shows that it was there");
	expect(strong, true, UVDK_COHERENCY_TABLE_SHARED);
	teardown();
}

Test(coherency_tables, one_of_another_format_has_its_own)
{
	begin(UVDK_COHERENCY_SHARE);
	attach(odd);
	attach(weak);
	attach(strong);
	expect(strong, false, UVDK_COHERENCY_TABLE_SHARED);
	expect(odd, true, UVDK_COHERENCY_TABLE_ENFORCED);
	uvdk_ioas_detach(space, odd);
	attach(odd);
	expect(odd, true, UVDK_COHERENCY_TABLE_ENFORCED);
	uvdk_ioas_detach(space, odd);
	cr_assert_eq(uvdk_ioas_attach_pasid(space, odd, 1), 0);
	cr_expect_eq(fake_enforced(odd, 1), 1);
	uvdk_ioas_detach(space, weak);
	cr_assert_eq(uvdk_ioas_attach(space, odd), 0);
	expect(odd, true, UVDK_COHERENCY_TABLE_SHARED);
	uvdk_ioas_destroy(space);

	begin(UVDK_COHERENCY_SEPARATE);
	attach(strong);
	attach(odd);
	expect(odd, true, UVDK_COHERENCY_TABLE_ENFORCED);
	cr_expect_neq(fake_hwpt_of(strong, 0), fake_hwpt_of(odd, 0));
	teardown();
}

/* The first PASID wants another table on the RID: it must be of the same kind. */
Test(coherency_tables, the_first_pasid_changes_no_coherency)
{
	for (int how = 0; how < 2; how++) {
		begin(how ? UVDK_COHERENCY_SEPARATE : UVDK_COHERENCY_SHARE);
		attach(weak);
		attach(strong);
		cr_assert_eq(uvdk_ioas_attach_pasid(space, strong, 9), 0, "%s", uvdk_last_error());
		cr_expect_eq(fake_enforced(strong, 0), how);
		cr_expect_eq(fake_enforced(strong, 9), how);
		cr_expect_eq(fake_hwpt_of(strong, 0), fake_hwpt_of(strong, 9));
		uvdk_ioas_destroy(space);
	}
	space = NULL;
	teardown();
}

Test(coherency_tables, a_table_of_the_application_is_as_it_was_made)
{
	struct uvdk_hwpt *made, *open;

	begin(UVDK_COHERENCY_SHARE);
	cr_assert_eq(uvdk_hwpt_create(space, strong, NULL, &made), 0);
	cr_assert_eq(uvdk_hwpt_create(space, weak, NULL, &open), 0);
	cr_assert_eq(uvdk_hwpt_attach(made, strong, 0), 0);
	cr_expect_eq(uvdk_hwpt_attach(made, weak, 0), -EINVAL);
	cr_expect(said("enforces"), "%s", uvdk_last_error());
	cr_expect_eq(calls, 0);
	attach(weak);
	expect(strong, true, UVDK_COHERENCY_TABLE_OWN);
	cr_assert_eq(uvdk_hwpt_attach(open, strong2, 0), 0);
	expect(strong2, false, UVDK_COHERENCY_TABLE_OWN);
	uvdk_ioas_detach(space, weak);
	cr_expect_eq(calls, 1, "the second strong one is still open");
	uvdk_hwpt_destroy(open);
	cr_expect_eq(calls, 2);
	uvdk_hwpt_destroy(made);
	teardown();
}

/* Nothing is lost, what is said stays true, and the next change puts it right. */
static void fails_to_move(struct fake_failure *failure, unsigned int at)
{
	begin(UVDK_COHERENCY_SHARE);
	attach(strong);
	*failure = (struct fake_failure){at, -ENOMEM};
	attach(weak);
	cr_expect_eq(failure->at, 0);
	expect(strong, true, UVDK_COHERENCY_TABLE_ENFORCED);
	attach(strong2);
	expect(strong, false, UVDK_COHERENCY_TABLE_SHARED);

	fake.attach = (struct fake_failure){1, -ENOMEM};
	uvdk_ioas_detach(space, weak);
	cr_expect_eq(fake_enforced(strong, 0) + fake_enforced(strong2, 0), 1);
	cr_expect(uvdk_ioas_needs_wbinvd(space));
	cr_expect(heard);
	attach(odd);
	expect(strong, true, UVDK_COHERENCY_TABLE_SHARED);
	expect(strong2, true, UVDK_COHERENCY_TABLE_SHARED);
	cr_expect_not(heard);
	uvdk_ioas_destroy(space);
}

Test(coherency_tables, what_fails_to_move_is_said_and_tried_again)
{
	fails_to_move(&fake.hwpt_attach, 2);
	space = NULL;
	teardown();
}

/* The weak one needs the table itself: then it does not come in, and nothing has changed. */
Test(coherency_tables, without_a_table_the_weak_one_stays_out)
{
	begin(UVDK_COHERENCY_SHARE);
	attach(strong);
	fake.hwpt_create = (struct fake_failure){1, -ENOMEM};
	cr_expect_eq(uvdk_ioas_attach(space, weak), -ENOMEM);
	fake.hwpt_attach = (struct fake_failure){1, -EADDRINUSE};
	cr_expect_eq(uvdk_ioas_attach(space, weak), -EADDRINUSE);
	expect(strong, true, UVDK_COHERENCY_TABLE_SHARED);
	cr_expect_eq(fake.hwpts, 0);
	cr_expect_eq(calls, 0);
	teardown();
}

static void detach_weak(bool needed)
{
	if (needed)
		uvdk_ioas_detach(space, weak);
}

Test(coherency_tables, the_callback_may_call_back)
{
	begin(UVDK_COHERENCY_SHARE);
	then = detach_weak;
	attach(strong);
	attach(weak);
	cr_expect_eq(calls, 2);
	cr_expect_not(heard);
	expect(strong, true, UVDK_COHERENCY_TABLE_SHARED);
	then = NULL;
	teardown();
}

Test(coherency_tables, closing_and_destroying_are_changes)
{
	struct uvdk_device *third = fake_device_named("fake:4");

	begin(UVDK_COHERENCY_SHARE);
	attach(third);
	cr_expect(heard);
	uvdk_device_close(third);
	cr_expect_not(heard);
	cr_assert_eq(uvdk_ioas_attach_pasid(space, weak, 3), 0);
	cr_expect(heard);
	uvdk_device_close(weak);
	cr_expect_not(heard);
	weak = fake_device_named("fake:2");
	attach(weak);
	uvdk_ioas_destroy(space);
	cr_expect_not(heard);
	cr_expect_eq(calls, 6);
	space = NULL;
	teardown();
}

Test(coherency_tables, replacing_changes_both_spaces)
{
	struct uvdk_ioas *first, *second;

	space = first = space_create(UVDK_COHERENCY_SHARE);
	cr_assert_eq(uvdk_ioas_attach_pasid(first, weak, 1), 0);
	cr_assert_eq(uvdk_ioas_attach_pasid(first, strong, 1), 0);
	cr_expect_eq(fake_enforced(strong, 1), 0);
	space = NULL;
	cr_expect(uvdk_ioas_set_wbinvd_cb(first, NULL, NULL), "it says what is now");
	heard = false;
	space = second = space_create(UVDK_COHERENCY_SHARE);
	cr_assert_eq(uvdk_ioas_replace_pasid(second, weak, 1), 0);
	cr_expect_eq(fake_enforced(strong, 1), 1);
	cr_expect_not(uvdk_ioas_needs_wbinvd(first));
	cr_expect(uvdk_ioas_needs_wbinvd(second));
	uvdk_ioas_destroy(first);
	teardown();
}

static void *come_and_go(void *dev)
{
	for (int i = 0; i < 2000; i++) {
		wrong_calls += uvdk_ioas_attach(space, dev) != 0;
		uvdk_ioas_detach(space, dev);
	}
	return NULL;
}

Test(coherency_tables, threads_hear_changes_in_order)
{
	struct uvdk_device *all[] = {strong, strong2, weak, fake_device_named("fake:4")};
	pthread_t thread[4];

	begin(UVDK_COHERENCY_SHARE);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, come_and_go, all[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	cr_expect_not(heard);
	cr_expect_geq(calls, 2);
	uvdk_device_close(all[3]);
	teardown();
}

static int again_by_rid, again_by_pasid;

static void attach_again(bool needed)
{
	if (needed)
		return;
	again_by_rid = uvdk_ioas_attach(space, weak);
	again_by_pasid = uvdk_ioas_attach_pasid(space, weak, 5);
}

Test(coherency_tables, what_ends_is_not_attached_again_by_the_callback)
{
	begin(UVDK_COHERENCY_SHARE);
	then = attach_again;
	cr_assert_eq(uvdk_ioas_attach_pasid(space, weak, 5), 0);
	cr_assert_eq(uvdk_ioas_attach(space, weak), 0);
	uvdk_device_close(weak);
	cr_expect_eq(calls, 2);
	cr_expect_eq(again_by_rid, -ENODEV);
	cr_expect_eq(again_by_pasid, -ENODEV);

	weak = fake_device_named("fake:2");
	cr_assert_eq(uvdk_ioas_attach(space, weak), 0);
	uvdk_ioas_destroy(space);
	cr_expect_eq(calls, 4);
	cr_expect_eq(again_by_rid, -EBUSY);
	cr_expect_eq(again_by_pasid, -EBUSY);
	then = NULL;
	space = NULL;
	teardown();
}

/* Two address spaces; the callback of each, once both run, attaches to the other one. */
static struct uvdk_ioas *pair[2];
static pthread_barrier_t both_run;

static void cross(struct uvdk_ioas *as, bool needed, void *arg)
{
	unsigned int *heard_so_far = arg;
	bool is_second = as == pair[1];

	if (++*heard_so_far > 1)
		return;
	cr_assert(needed);
	pthread_barrier_wait(&both_run);
	cr_expect_eq(uvdk_ioas_attach_pasid(pair[!is_second], weak, is_second ? 1 : 2), 0);
	uvdk_ioas_detach_pasid(pair[is_second], weak, is_second ? 3 : 4);
}

static void *begin_crossing(void *arg)
{
	bool is_second = arg == pair[1];

	cr_expect_eq(uvdk_ioas_attach_pasid(pair[is_second], weak, is_second ? 3 : 4), 0);
	return NULL;
}

Test(coherency_tables, callbacks_of_two_spaces_do_not_wait_for_one_another)
{
	unsigned int counts[2] = {0, 0};
	pthread_t threads[2];

	begin(UVDK_COHERENCY_SHARE);
	pthread_barrier_init(&both_run, NULL, 2);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(uvdk_ioas_create(iommu, NULL, &pair[i]), 0);
		uvdk_ioas_set_wbinvd_cb(pair[i], cross, &counts[i]);
	}
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, begin_crossing, pair[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++) {
		cr_expect(uvdk_ioas_needs_wbinvd(pair[i]));
		cr_expect_eq(counts[i] % 2, 1, "the last it heard is not true");
		uvdk_ioas_destroy(pair[i]);
		cr_expect_eq(counts[i] % 2, 0);
	}
	pthread_barrier_destroy(&both_run);
	teardown();
}

Test(coherency_tables, an_unknown_policy_is_refused)
{
	const struct uvdk_ioas_opts opts = {.size = sizeof(opts), .coherency = 2};

	cr_expect_eq(uvdk_ioas_create(iommu, &opts, &space), -EINVAL);
	cr_expect(said("policy 2"), "%s", uvdk_last_error());
	teardown();
}
