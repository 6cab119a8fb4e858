// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fake_bus.h"

static struct uvdk_device *dev;
static struct uvdk_region bar0;
static struct uvdk_region bar1;

static void setup(void)
{
	fake_setup();
	dev = fake_open();
	cr_assert_eq(uvdk_device_region(dev, 0, &bar0), 0);
	cr_assert_eq(uvdk_device_region(dev, 1, &bar1), 0);
}

static void teardown(void)
{
	uvdk_device_close(dev);
}

TestSuite(region, .init = setup, .fini = teardown);

/* Without touching it: the kernel says -EFAULT where nothing can be read. */
static bool readable(const volatile void *at)
{
	int fds[2];
	ssize_t got;

	cr_assert_eq(pipe(fds), 0);
	got = write(fds[1], (const void *)at, 1);
	close(fds[0]);
	close(fds[1]);
	return got == 1;
}

Test(region, absent_ones_are_told_from_wrong_ones)
{
	struct uvdk_region none;

	cr_expect_eq(uvdk_device_region(dev, 5, &none), -ENOENT);
	cr_expect_eq(uvdk_device_region(dev, 6, &none), -EINVAL);
	cr_expect(bar0.mappable);
	cr_expect_eq(bar0.size, FAKE_PAGES * FAKE_PAGE);
	cr_expect_not(bar1.mappable);
}

Test(region, pointers_stay_within_what_is_mapped)
{
	unsigned char *base = (unsigned char *)uvdk_region_ptr(&bar0, 0, 4);

	cr_assert_not_null(base);
	cr_expect_eq(uvdk_region_ptr(&bar0, FAKE_PAGE - 4, 4), base + FAKE_PAGE - 4);
	cr_expect_null(uvdk_region_ptr(&bar0, FAKE_PAGE - 4, 5));
	cr_expect_null(uvdk_region_ptr(&bar0, FAKE_PAGE, 4));
	cr_expect_eq(uvdk_region_ptr(&bar0, 2 * FAKE_PAGE, FAKE_PAGE), base + 2 * FAKE_PAGE);
	cr_expect_null(uvdk_region_ptr(&bar0, 0, 3 * FAKE_PAGE));
	cr_expect_null(uvdk_region_ptr(&bar0, 3 * FAKE_PAGE, 4));
	cr_expect_null(uvdk_region_ptr(&bar0, 4 * FAKE_PAGE, 4));
	cr_expect_null(uvdk_region_ptr(&bar0, 8, UINT64_MAX));
	cr_expect_null(uvdk_region_ptr(&bar0, 8, 0));
	cr_expect_null(uvdk_region_ptr(&bar1, 0, 4));

	cr_expect(readable(base + 2 * FAKE_PAGE));
	cr_expect_not(readable(base + FAKE_PAGE), "a hole faults");
	cr_expect_not(readable(base + 3 * FAKE_PAGE));
}

Test(region, the_reservation_goes_with_the_device)
{
	volatile void *base = uvdk_region_ptr(&bar0, 0, 4);

	cr_assert(readable(base));
	uvdk_device_close(dev);
	cr_expect_not(readable(base));
	dev = NULL;
}

Test(region, mapped_registers_are_reached_without_calls)
{
	uint32_t word = 0x11223344;
	uint64_t value = 0;

	cr_assert_eq(pwrite(fake.memfd, &word, 4, 2 * FAKE_PAGE + 8), 4);
	cr_assert_eq(uvdk_region_read(&bar0, 2 * FAKE_PAGE + 8, 4, &value), 0);
	cr_expect_eq(value, 0x11223344);
	cr_assert_eq(uvdk_region_read(&bar0, 2 * FAKE_PAGE + 8, 1, &value), 0);
	cr_expect_eq(value, 0x44);
	cr_assert_eq(uvdk_region_write(&bar0, 2 * FAKE_PAGE + 10, 2, 0xabcd), 0);
	cr_assert_eq(pread(fake.memfd, &word, 4, 2 * FAKE_PAGE + 8), 4);
	cr_expect_eq(word, 0xabcd3344);
	cr_assert_eq(uvdk_region_write(&bar0, 0, 8, UINT64_C(0x1122334455667788)), 0);
	cr_assert_eq(uvdk_region_read(&bar0, 0, 8, &value), 0);
	cr_expect_eq(value, UINT64_C(0x1122334455667788));
	cr_expect_eq(fake.reads + fake.writes, 0);
}

Test(region, holes_are_reached_by_calls)
{
	uint64_t value = 77;

	cr_assert_eq(uvdk_region_read(&bar0, FAKE_PAGE, 4, &value), 0);
	cr_expect_eq(value, 0);
	cr_assert_eq(uvdk_region_write(&bar1, 16, 4, 0xcafe), 0);
	cr_assert_eq(uvdk_region_read(&bar1, 16, 4, &value), 0);
	cr_expect_eq(value, 0xcafe);
	cr_expect_eq(fake.reads, 2);
	cr_expect_eq(fake.writes, 1);
}

Test(region, accesses_are_checked)
{
	struct uvdk_region bar2;
	uint64_t value = 77;

	cr_expect_eq(uvdk_region_read(&bar1, 0, 3, &value), -EINVAL);
	cr_expect_eq(uvdk_region_read(&bar1, 2, 4, &value), -EINVAL);
	cr_expect_eq(uvdk_region_read(&bar1, 256, 1, &value), -EINVAL);
	cr_expect_eq(uvdk_region_read(&bar1, UINT64_MAX - 7, 8, &value), -EINVAL);
	cr_expect_eq(uvdk_region_write(&bar1, 256, 4, 0), -EINVAL);
	cr_assert_eq(uvdk_device_region(dev, 2, &bar2), 0);
	cr_expect_eq(uvdk_region_write(&bar2, 0, 4, 0), -EACCES);
	cr_expect_eq(uvdk_region_read(&bar2, 8, 8, &value), 0);
	value = 77;
	cr_expect_eq(uvdk_region_read(&bar2, 16, 8, &value), -EINVAL);
	cr_expect_eq(value, 77);
}

Test(region, doorbells_reach_both_kinds)
{
	struct uvdk_doorbell db;
	uint32_t word;

	cr_assert_eq(uvdk_doorbell_init(&db, &bar0, 12, 4), 0);
	uvdk_doorbell_ring32(&db, 0xbee);
	cr_assert_eq(pread(fake.memfd, &word, 4, 12), 4);
	cr_expect_eq(word, 0xbee);
	cr_expect_eq(fake.writes, 0);
	cr_assert_eq(uvdk_doorbell_init(&db, &bar1, 2, 2), 0);
	uvdk_doorbell_ring16(&db, 0x1234);
	cr_expect_eq(fake.bar1[2], 0x34);
	cr_expect_eq(fake.writes, 1);
	cr_expect_eq(uvdk_doorbell_init(&db, &bar1, 2, 4), -EINVAL);
	cr_expect_eq(uvdk_doorbell_init(&db, &bar1, 256, 4), -EINVAL);
	cr_expect_eq(uvdk_doorbell_init(&db, &bar1, 0, 1), -EINVAL);
}

Test(region, one_that_cannot_be_mapped_still_works)
{
	struct uvdk_region again;
	uint64_t value;

	uvdk_device_close(dev);
	fake.mapped = 0;
	fake.fail_map = -EPERM; /* at the second area */
	dev = fake_open();
	cr_assert_eq(uvdk_device_region(dev, 0, &again), 0);
	cr_expect_not(again.mappable);
	cr_expect_null(uvdk_region_ptr(&again, 0, 4));
	cr_expect_eq(uvdk_region_read(&again, 0, 4, &value), 0);
	cr_expect_eq(fake.reads, 1);
}
