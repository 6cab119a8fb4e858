// SPDX-License-Identifier: BSD-3-Clause
#include "fault_testing.h"

/* Answers, and what becomes of requests that nobody may answer any more. */

TestSuite(fault_answers, .init = fault_setup);

/* The group of one request, which has been read. */
static uint64_t ask(struct uvdk_device *of, uint32_t pasid, uint32_t cookie)
{
	put(of, pasid, cookie, 0x1000, true, cookie);
	cr_assert_eq(uvdk_faultq_read(queue, got, 1), 1);
	return got[0].group;
}

Test(fault_answers, each_answer_stands_for_itself)
{
	struct uvdk_fault_answer answers[] = {
		{ask(dev, 5, 10), UVDK_FAULT_SUCCESS, 1},    {0x123456789, UVDK_FAULT_SUCCESS, 1},
		{ask(dev, 6, 11), UVDK_FAULT_INVALID, 1},    {ask(second, 5, 12), 3, 1},
		{ask(second, 6, 13), UVDK_FAULT_FAILURE, 1},
	};

	cr_expect_eq(uvdk_faultq_answer(queue, answers, 5), -ENOENT);
	cr_expect_eq(answers[0].err, 0);
	cr_expect_eq(answers[1].err, -ENOENT);
	cr_expect_eq(answers[2].err, 0);
	cr_expect_eq(answers[3].err, -EINVAL);
	cr_expect_eq(answers[4].err, 0);
	cr_expect_eq(fake_faults.nr_replies, 3);
	cr_expect_eq(fake_faults.replies[1].cookie, 11);
	cr_expect_eq(fake_faults.replies[1].pasid, 6);
	cr_expect_eq(fake_faults.replies[1].index, 11);
	cr_expect_eq(fake_faults.replies[1].dev_id, uvdk_device_binding(dev)->id);
	cr_expect_eq(fake_faults.replies[1].code, UVDK_FAULT_INVALID);
	cr_expect_eq(fake_faults.replies[2].code, UVDK_FAULT_FAILURE);
	cr_expect_eq(stats().waiting, 1);
	cr_expect_eq(stats().answered, 3);
	fault_teardown();
}

Test(fault_answers, a_group_is_answered_once)
{
	uint64_t group = ask(dev, 5, 10);
	struct uvdk_fault_answer twice[2] = {{group, UVDK_FAULT_SUCCESS, 1},
					     {group, UVDK_FAULT_SUCCESS, 1}};

	cr_expect_eq(uvdk_faultq_answer(queue, twice, 2), -ENOENT);
	cr_expect_eq(twice[0].err, 0);
	cr_expect_eq(twice[1].err, -ENOENT);
	cr_expect_neq(ask(dev, 5, 10), group, "its number does not come again");
	REFUSED(answer(group, UVDK_FAULT_SUCCESS), -ENOENT, "does not wait");
	cr_expect_eq(fake_faults.nr_replies, 1);
	fault_teardown();
}

Test(fault_answers, the_limit_stops_reading_and_an_answer_helps)
{
	uint64_t groups[8];

	for (uint32_t i = 0; i < 8; i++)
		groups[i] = ask(dev, 5, i);
	put(dev, 5, 8, 0x8000, true, 8);
	put(dev, 5, 9, 0x9000, true, 9);
	REFUSED(uvdk_faultq_read(queue, got, 256), -ENOBUFS, "8 groups");
	cr_expect_eq(answer(groups[3], UVDK_FAULT_SUCCESS), 0);
	cr_expect_eq(uvdk_faultq_read(queue, got, 256), 1);
	cr_expect_eq(got[0].addr, 0x8000);
	cr_expect_eq(answer(groups[0], UVDK_FAULT_SUCCESS), 0);
	cr_expect_eq(uvdk_faultq_read(queue, got, 256), 1);
	cr_expect_eq(got[0].addr, 0x9000);
	cr_expect_eq(stats().lost, 0);
	fault_teardown();
}

Test(fault_answers, what_was_detached_is_forgotten)
{
	uint64_t group = ask(dev, 5, 10);
	uint64_t other = ask(dev, 6, 11);

	put(dev, 5, 2, 0x2000, true, 12); /* read by us, not by the application */
	put(dev, 5, 3, 0x3000, false, 13);
	put(dev, 6, 4, 0x4000, true, 14);
	cr_assert_eq(uvdk_faultq_read(queue, got, 1), 1);
	uvdk_hwpt_detach(table, dev, 5);
	REFUSED(answer(group, UVDK_FAULT_SUCCESS), -ENOENT, "detached");
	cr_assert_eq(uvdk_faultq_read(queue, got, 256), 1);
	cr_expect_eq(got[0].addr, 0x4000);
	cr_expect_eq(answer(other, UVDK_FAULT_SUCCESS), 0);
	cr_expect_eq(stats().abandoned, 3);
	cr_expect_eq(stats().waiting, 1);
	fault_teardown();
}

Test(fault_answers, what_was_replaced_is_forgotten)
{
	uint64_t group = ask(dev, 5, 10);

	fake.hwpt_attach = (struct fake_failure){1, -EBUSY};
	cr_expect_eq(uvdk_ioas_replace_pasid(ioas, dev, 5), -EBUSY);
	cr_expect_eq(answer(group, UVDK_FAULT_SUCCESS), 0,
		     "a replacement that failed changes nothing");
	group = ask(dev, 5, 11);
	cr_assert_eq(uvdk_ioas_replace_pasid(ioas, dev, 5), 0);
	REFUSED(answer(group, UVDK_FAULT_SUCCESS), -ENOENT, "detached");
	fault_teardown();
}

Test(fault_answers, a_rid_has_faults_too)
{
	uint64_t group;

	cr_assert_eq(uvdk_hwpt_attach(table, dev, UVDK_PASID_RID), 0);
	group = ask(dev, UVDK_PASID_RID, 10);
	uvdk_ioas_detach(ioas, dev);
	REFUSED(answer(group, UVDK_FAULT_SUCCESS), -ENOENT, "detached");
	fault_teardown();
}

/* The kernel answers nobody then: whoever waits would wait for ever. */
Test(fault_answers, the_same_table_again_keeps_those_who_wait)
{
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = UVDK_HWPT_PASID};
	struct uvdk_hwpt *other;
	uint64_t group[2];

	cr_assert_eq(uvdk_hwpt_create(ioas, dev, &opts, &other), 0);
	cr_assert_eq(uvdk_hwpt_attach(table, dev, UVDK_PASID_RID), 0);
	group[0] = ask(dev, UVDK_PASID_RID, 10);
	group[1] = ask(dev, 5, 11);
	for (uint32_t pasid = 0; pasid <= 5; pasid += 5)
		cr_expect_eq(uvdk_hwpt_replace(table, dev, pasid), 0);
	for (unsigned int i = 0; i < 2; i++)
		cr_expect_eq(answer(group[i], UVDK_FAULT_SUCCESS), 0, "%u: %s", i,
			     uvdk_last_error());
	group[0] = ask(dev, UVDK_PASID_RID, 10);
	cr_expect_eq(uvdk_hwpt_replace(other, dev, UVDK_PASID_RID), 0);
	REFUSED(answer(group[0], UVDK_FAULT_SUCCESS), -ENOENT, "detached");
	uvdk_ioas_detach(ioas, dev);
	uvdk_hwpt_destroy(other);
	fault_teardown();
}

Test(fault_answers, a_device_that_is_closed_leaves_nothing)
{
	struct uvdk_fault_record fault = {.fault = {.type = UVDK_FAULT_IOMMU},
					  .dev_id = uvdk_device_binding(second)->id};
	uint64_t group = ask(second, 5, 10);

	put(second, 6, 1, 0x1000, false, 11);
	put(second, 6, 2, 0x2000, true, 12);
	put(second, 6, 3, 0x3000, true, 13);
	put_record(&fault);
	cr_assert_eq(uvdk_faultq_read(queue, got, 1), 1);
	uvdk_device_close(second);
	REFUSED(answer(group, UVDK_FAULT_SUCCESS), -ENOENT, "closed");
	cr_expect_eq(uvdk_faultq_read(queue, got, 256), 0);
	cr_expect_eq(stats().waiting, 0);
	second = fake_device();
	fault_teardown();
}

/* As when the kernel has answered, and gives the cookie to another group. */
Test(fault_answers, a_cookie_that_comes_again_forgets_the_former_group)
{
	uint64_t former = ask(dev, 5, 10);
	uint64_t now = ask(dev, 6, 10);

	REFUSED(answer(former, UVDK_FAULT_INVALID), -ENOENT, "does not wait");
	cr_expect_eq(fake_faults.nr_replies, 0, "the other one does not get its answer");
	cr_expect_eq(answer(now, UVDK_FAULT_SUCCESS), 0);
	fault_teardown();
}

Test(fault_answers, an_answer_that_fails_can_be_given_again)
{
	uint64_t group = ask(dev, 5, 10);

	fake_faults.reply_err = -EIO;
	cr_expect_eq(answer(group, UVDK_FAULT_SUCCESS), -EIO);
	fake_faults.reply_err = 0;
	cr_expect_eq(answer(group, UVDK_FAULT_SUCCESS), 0);
	group = ask(dev, 5, 10);
	fake_faults.reply_err = -ENOENT;
	cr_expect_eq(answer(group, UVDK_FAULT_SUCCESS), -ENOENT, "the kernel was first");
	cr_expect_eq(stats().waiting, 0);
	fault_teardown();
}

Test(fault_answers, many_at_once)
{
	struct uvdk_faultq_opts opts = {.size = sizeof(opts)};
	struct uvdk_fault_answer answers[1024];
	struct uvdk_fault many[1024];
	unsigned int wrong = 0;

	uvdk_hwpt_destroy(table);
	table = NULL;
	uvdk_faultq_destroy(queue);
	cr_assert_eq(uvdk_faultq_create(iommu, &opts, &queue), 0);
	for (uint32_t i = 0; i < 1024; i++)
		put(dev, 5, i, i, true, i);
	cr_assert_eq(uvdk_faultq_read(queue, many, 1024), 1024);
	for (uint32_t i = 0; i < 1024; i++)
		answers[i] = (struct uvdk_fault_answer){many[1023 - i].group, i & 1, 1};
	cr_expect_eq(uvdk_faultq_answer(queue, answers, 1024), 0);
	cr_expect_eq(fake_faults.nr_replies, 1024);
	for (uint32_t i = 0; i < 1024; i++)
		wrong += fake_faults.replies[i].cookie != 1023 - i ||
			 fake_faults.replies[i].code != (i & 1);
	cr_expect_eq(wrong, 0, "%u replies", wrong);
	fault_teardown();
}

/* ---- queues ---- */

Test(fault_answers, a_queue_with_tables_left_stays)
{
	uint64_t group = ask(dev, 5, 10);

	uvdk_faultq_destroy(queue);
	cr_expect(said("1 page tables"), "%s", uvdk_last_error());
	cr_expect_eq(answer(group, UVDK_FAULT_SUCCESS), 0);
	fault_teardown();
}

Test(fault_answers, an_iommu_with_queues_left_stays)
{
	uvdk_iommu_close(iommu);
	cr_expect(said("fault queues"), "%s", uvdk_last_error());
	fault_teardown();
}

Test(fault_answers, wrong_arguments_are_refused)
{
	struct uvdk_faultq_opts opts = {.size = sizeof(opts), .groups_max = 0x7fffffff};
	struct uvdk_faultq *none = NULL;
	struct uvdk_hwpt_opts hwpt_opts = {.size = sizeof(hwpt_opts)};
	struct uvdk_hwpt *hwpt = NULL;
	struct uvdk_iommu *plain;
	struct uvdk_ioas *there;

	REFUSED(uvdk_faultq_create(iommu, &opts, &none), -EINVAL, "groups");
	REFUSED(uvdk_faultq_create(NULL, NULL, &none), -EINVAL, "has opening it failed?");
	REFUSED(uvdk_faultq_read(queue, got, 0), -EINVAL, "at once");
	cr_assert_eq(uvdk_iommu_open("fake", NULL, &plain), 0);
	REFUSED(uvdk_faultq_create(plain, NULL, &none), -EOPNOTSUPP, "no fault queues");
	cr_expect_eq(none, NULL);
	cr_assert_eq(uvdk_ioas_create(plain, NULL, &there), 0);
	hwpt_opts.faultq = queue;
	REFUSED(uvdk_hwpt_create(there, dev, &hwpt_opts, &hwpt), -EINVAL, "another iommu");
	uvdk_ioas_destroy(there);
	uvdk_iommu_close(plain);
	cr_expect_eq(uvdk_faultq_fd(queue), 77);
	fake_faults.read_err = -EIO;
	cr_expect_eq(uvdk_faultq_read(queue, got, 1), -EIO);
	fake_faults.read_err = 0;
	fault_teardown();
}
