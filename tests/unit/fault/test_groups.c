// SPDX-License-Identifier: BSD-3-Clause
#include "fault_testing.h"

/* How requests are gathered into groups and handed out. */

TestSuite(fault_groups, .init = fault_setup);

static void expect(unsigned int i, struct uvdk_device *of, uint32_t pasid, uint64_t addr, bool last)
{
	cr_expect_eq(got[i].type, UVDK_FAULT_PAGE_REQUEST, "entry %u", i);
	cr_expect_eq(got[i].dev, of, "entry %u", i);
	cr_expect_eq(got[i].pasid, pasid, "entry %u", i);
	cr_expect_eq(got[i].addr, addr, "entry %u: 0x%lx", i, (unsigned long)got[i].addr);
	cr_expect_eq(got[i].last, last, "entry %u", i);
}

Test(fault_groups, requests_of_a_group_stand_together)
{
	put(dev, 5, 1, 0x1000, false, 10);
	put(second, 5, 1, 0x2000, false, 11); /* the same but for the device, */
	put(dev, 6, 1, 0x3000, false, 12);    /* the PASID, */
	put(dev, 5, 2, 0x4000, true, 13);     /* and the index */
	put(dev, 6, 1, 0x3001, true, 12);
	put(second, 5, 1, 0x2001, true, 11);
	put(dev, 5, 1, 0x1001, false, 10);
	put(dev, 5, 1, 0x1002, true, 10);
	cr_assert_eq(uvdk_faultq_read(queue, got, 256), 8);
	expect(0, dev, 5, 0x4000, true);
	expect(1, dev, 6, 0x3000, false);
	expect(2, dev, 6, 0x3001, true);
	expect(3, second, 5, 0x2000, false);
	expect(4, second, 5, 0x2001, true);
	expect(5, dev, 5, 0x1000, false);
	expect(6, dev, 5, 0x1001, false);
	expect(7, dev, 5, 0x1002, true);
	cr_expect_eq(got[1].group, got[2].group);
	cr_expect_neq(got[2].group, got[3].group);
	cr_expect_eq(got[5].group, got[7].group);
	cr_expect_eq(got[5].access, UVDK_FAULT_WRITE);
	cr_expect_eq(got[0].index, 2);
	cr_expect_eq(uvdk_faultq_read(queue, got, 256), 0);
	cr_expect_eq(stats().waiting, 4);
	cr_expect_eq(stats().requests, 8);
	cr_expect_eq(stats().lost, 0);
	fault_teardown();
}

Test(fault_groups, an_unfinished_group_waits_for_its_end)
{
	put(dev, 5, 1, 0x1000, false, 10);
	cr_expect_eq(uvdk_faultq_read(queue, got, 256), 0);
	put(dev, 5, 2, 0x2000, true, 11);
	cr_expect_eq(uvdk_faultq_read(queue, got, 256), 1);
	expect(0, dev, 5, 0x2000, true);
	put(dev, 5, 1, 0x1001, true, 10);
	cr_expect_eq(uvdk_faultq_read(queue, got, 256), 2);
	expect(0, dev, 5, 0x1000, false);
	expect(1, dev, 5, 0x1001, true);
	fault_teardown();
}

Test(fault_groups, a_group_that_does_not_fit_goes_on_in_the_next_read)
{
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < 100; i++)
		put(dev, 5, 1, i, i == 99, 10);
	put(dev, 5, 2, 0x2000, true, 11);
	cr_assert_eq(uvdk_faultq_read(queue, got, 40), 40);
	cr_expect_not(got[39].last);
	REFUSED(answer(got[39].group, UVDK_FAULT_SUCCESS), -EAGAIN, "more requests");
	cr_assert_eq(uvdk_faultq_read(queue, got + 40, 61), 61);
	for (unsigned int i = 0; i < 100; i++)
		wrong += got[i].addr != i || got[i].last != (i == 99) ||
			 got[i].group != got[0].group;
	cr_expect_eq(wrong, 0, "%u requests", wrong);
	expect(100, dev, 5, 0x2000, true);
	cr_expect_eq(answer(got[0].group, UVDK_FAULT_SUCCESS), 0);
	cr_expect_eq(fake_faults.replies[0].cookie, 10);
	fault_teardown();
}

/* VT-d 7.6: software discards what has not ended when the queue overflowed. */
Test(fault_groups, a_loss_ends_what_was_unfinished)
{
	put(dev, 5, 1, 0x1000, false, 10);
	put(dev, 5, 1, 0x1001, false, 10);
	put(dev, 5, 2, 0x2000, true, 11);
	put_record(&(struct uvdk_fault_record){.fault = {.type = UVDK_FAULT_LOST, .lost = 3}});
	put(dev, 5, 1, 0x3000, true, 10);
	cr_assert_eq(uvdk_faultq_read(queue, got, 256), 3);
	cr_expect_eq(got[0].type, UVDK_FAULT_LOST);
	cr_expect_eq(got[0].lost, 5, "two of an unfinished group, three of which the iommu tells");
	expect(1, dev, 5, 0x2000, true);
	expect(2, dev, 5, 0x3000, true);
	cr_expect_eq(stats().lost, 5);
	cr_expect_eq(stats().overflows, 1);
	cr_expect_eq(uvdk_faultq_read(queue, got, 256), 0, "it is told once");
	fault_teardown();
}

Test(fault_groups, a_loss_of_unknown_size_is_told_too)
{
	put_record(&(struct uvdk_fault_record){.fault = {.type = UVDK_FAULT_LOST}});
	cr_assert_eq(uvdk_faultq_read(queue, got, 256), 1);
	cr_expect_eq(got[0].type, UVDK_FAULT_LOST);
	cr_expect_eq(got[0].lost, 0);
	fault_teardown();
}

Test(fault_groups, a_loss_does_not_split_a_group)
{
	put(dev, 5, 1, 0x1000, false, 10);
	put(dev, 5, 1, 0x1001, true, 10);
	cr_assert_eq(uvdk_faultq_read(queue, got, 1), 1);
	put_record(&(struct uvdk_fault_record){.fault = {.type = UVDK_FAULT_LOST, .lost = 1}});
	cr_assert_eq(uvdk_faultq_read(queue, got, 256), 2);
	expect(0, dev, 5, 0x1001, true);
	cr_expect_eq(got[1].type, UVDK_FAULT_LOST);
	fault_teardown();
}

/* The end of the former was lost, and the device uses the index again. */
Test(fault_groups, another_cookie_begins_another_group)
{
	put(dev, 5, 1, 0x1000, false, 10);
	put(dev, 5, 1, 0x2000, false, 11);
	put(dev, 5, 1, 0x2001, true, 11);
	cr_assert_eq(uvdk_faultq_read(queue, got, 256), 3);
	cr_expect_eq(got[0].type, UVDK_FAULT_LOST);
	cr_expect_eq(got[0].lost, 1);
	expect(1, dev, 5, 0x2000, false);
	expect(2, dev, 5, 0x2001, true);
	fault_teardown();
}

Test(fault_groups, groups_that_never_end_do_not_keep_others_out)
{
	for (unsigned int i = 0; i < 8; i++)
		put(dev, 5, i, i, false, i);
	cr_expect_eq(uvdk_faultq_read(queue, got, 256), 0);
	put(dev, 6, 1, 0x1000, true, 20);
	cr_assert_eq(uvdk_faultq_read(queue, got, 256), 2);
	cr_expect_eq(got[0].type, UVDK_FAULT_LOST);
	cr_expect_eq(got[0].lost, 1, "the oldest gives way");
	expect(1, dev, 6, 0x1000, true);
	fault_teardown();
}

Test(fault_groups, a_group_without_end_is_given_up)
{
	for (unsigned int i = 0; i < 0x10001; i++) {
		put(dev, 5, 1, i, false, 10);
		if (fake_faults.tail == 4096 || i == 0x10000) {
			cr_expect_eq(uvdk_faultq_read(queue, got, 256), i == 0x10000);
			fake_faults.head = fake_faults.tail = 0;
		}
	}
	cr_expect_eq(got[0].type, UVDK_FAULT_LOST);
	cr_expect_eq(got[0].lost, 0x10001);
	cr_expect_eq(stats().waiting, 0);
	fault_teardown();
}

/* What the emulated I/O MMU and virtio-iommu deliver. */
Test(fault_groups, iommu_faults_come_the_same_way)
{
	struct uvdk_fault_record record = {.fault = {.type = UVDK_FAULT_IOMMU,
						     .access = UVDK_FAULT_READ,
						     .pasid = 6,
						     .addr = 0xabc000,
						     .reason = UVDK_FAULT_UNMAPPED,
						     .code = 0x59},
					   .dev_id = uvdk_device_binding(second)->id};

	put(dev, 5, 1, 0x1000, true, 10);
	put_record(&record);
	record.dev_id = UVDK_FAULT_NO_DEVICE;
	record.fault.reason = UVDK_FAULT_UNKNOWN;
	put_record(&record);
	cr_assert_eq(uvdk_faultq_read(queue, got, 256), 3);
	expect(0, dev, 5, 0x1000, true);
	cr_expect_eq(got[1].type, UVDK_FAULT_IOMMU);
	cr_expect_eq(got[1].dev, second);
	cr_expect_eq(got[1].pasid, 6);
	cr_expect_eq(got[1].addr, 0xabc000);
	cr_expect_eq(got[1].access, UVDK_FAULT_READ);
	cr_expect_eq(got[1].reason, UVDK_FAULT_UNMAPPED);
	cr_expect_eq(got[1].code, 0x59);
	cr_expect_eq(got[2].dev, NULL);
	cr_expect_eq(stats().faults, 2);
	cr_expect_eq(stats().waiting, 1, "nobody answers faults");
	fault_teardown();
}

Test(fault_groups, requests_of_nobody_are_given_up_and_told)
{
	put(dev, 5, 1, 0x1000, true, 10);
	fake_faults.records[0].dev_id = 99999;
	cr_assert_eq(uvdk_faultq_read(queue, got, 256), 1);
	cr_expect_eq(got[0].type, UVDK_FAULT_LOST);
	cr_expect_eq(fake_faults.nr_replies, 1);
	cr_expect_eq(fake_faults.replies[0].code, UVDK_FAULT_INVALID);
	fault_teardown();
}
