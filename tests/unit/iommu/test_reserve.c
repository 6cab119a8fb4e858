// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "fake.h"

#define MIB (1ul << 20)
#define GIB (1ul << 30)

static char *mem;

static void setup(void)
{
	fake_setup();
	mem = fake_memory(64 * MIB);
}

TestSuite(reserve, .init = setup);

static int map_at(void *va, size_t len, uvdk_iova_t iova)
{
	return uvdk_ioas_map(ioas, va, len, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova);
}

static int reserve_at(size_t len, uvdk_iova_t iova)
{
	return uvdk_ioas_reserve(ioas, len, 0, true, &iova);
}

Test(reserve, maps_go_inside_and_leave_it_reserved)
{
	uvdk_iova_t iova;

	cr_assert_eq(uvdk_ioas_reserve(ioas, 64 * MIB, 0, false, &iova), 0);
	cr_expect_eq(iova & (64 * MIB - 1), 0);
	cr_expect_eq(fake.map_calls, 0);
	cr_assert_eq(map_at(mem, MIB, iova + MIB), 0);
	cr_expect_eq(uvdk_ioas_unreserve(ioas, iova), -EBUSY);
	cr_assert_eq(uvdk_ioas_unmap(ioas, iova + MIB, MIB), 0);
	cr_expect_eq(reserve_at(PAGE, iova + MIB), -EEXIST);
	cr_assert_eq(map_at(mem, MIB, iova + MIB), 0);
	cr_assert_eq(uvdk_ioas_unmap(ioas, iova + MIB, MIB), 0);
	cr_assert_eq(uvdk_ioas_unreserve(ioas, iova), 0);
	cr_expect_eq(uvdk_ioas_unreserve(ioas, iova), -ENOENT);
	cr_expect_eq(reserve_at(64 * MIB, iova), 0);
	fake_teardown();
}

Test(reserve, the_allocator_stays_out)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .iova_last = 0x1fffff};
	uvdk_iova_t iova;

	uvdk_ioas_destroy(ioas);
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &ioas), 0);
	cr_assert_eq(reserve_at(MIB - 2 * PAGE, 0x101000), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, mem, PAGE, UVDK_MAP_RW, &iova), 0);
	cr_expect(iova == 0x100000 || iova == 0x1ff000);
	cr_assert_eq(uvdk_ioas_map(ioas, mem + PAGE, PAGE, UVDK_MAP_RW, &iova), 0);
	cr_expect(iova == 0x100000 || iova == 0x1ff000);
	cr_expect_eq(uvdk_ioas_map(ioas, mem + 2 * PAGE, PAGE, UVDK_MAP_RW, &iova), -ENOSPC);
	cr_assert_eq(uvdk_ioas_unreserve(ioas, 0x101000), 0);
	cr_expect_eq(uvdk_ioas_map(ioas, mem + 2 * PAGE, 64 * PAGE, UVDK_MAP_RW, &iova), 0);
	fake_teardown();
}

Test(reserve, alignment_is_kept)
{
	uvdk_iova_t iova;

	cr_assert_eq(uvdk_ioas_reserve(ioas, PAGE, GIB, false, &iova), 0);
	cr_expect_eq(iova & (GIB - 1), 0);
	cr_assert_eq(uvdk_ioas_reserve(ioas, PAGE, 64 * GIB, false, &iova), 0);
	cr_expect_eq(iova & (64 * GIB - 1), 0);
	cr_assert_eq(uvdk_ioas_reserve(ioas, 3 * PAGE, 2 * PAGE, false, &iova), 0);
	cr_expect_eq(iova & (2 * PAGE - 1), 0);
	fake_teardown();
}

Test(reserve, larger_than_any_aligned_block)
{
	uvdk_iova_t iova, second;

	/* 512 GiB less a few holes: 300 are there in a row, but no aligned 512. */
	cr_assert_eq(uvdk_ioas_reserve(ioas, 300 * GIB, 0, false, &iova), 0, "%s",
		     uvdk_last_error());
	cr_expect_eq(iova & (GIB - 1), 0);
	cr_expect_eq(uvdk_ioas_reserve(ioas, 300 * GIB, 0, false, &second), -ENOSPC);
	cr_assert_eq(uvdk_ioas_unreserve(ioas, iova), 0);
	cr_expect_eq(uvdk_ioas_reserve(ioas, 300 * GIB, 0, false, &second), 0);
	cr_expect_eq(uvdk_ioas_reserve(ioas, SIZE_MAX & ~(PAGE - 1), 0, false, &iova), -ENOSPC);
	fake_teardown();
}

Test(reserve, overlaps_are_named)
{
	cr_assert_eq(map_at(mem, MIB, 0x40000000), 0);
	cr_assert_eq(reserve_at(MIB, 0x50000000), 0);
	cr_expect_eq(reserve_at(2 * MIB, 0x3ff00000), -EEXIST);
	cr_expect(said("0x40000000+0x100000"), "%s", uvdk_last_error());
	cr_expect_eq(reserve_at(2 * MIB, 0x4ff80000), -EEXIST);
	cr_expect(said("reserved range 0x50000000-0x500fffff"), "%s", uvdk_last_error());
	cr_expect_eq(map_at(mem + 2 * MIB, MIB, 0x500ff000), -EEXIST);
	cr_expect(said("crosses the edge"), "%s", uvdk_last_error());
	cr_expect_eq(map_at(mem + 2 * MIB, MIB, 0x4ff01000), -EEXIST);
	/* Neighbours on both sides. */
	cr_expect_eq(reserve_at(MIB, 0x4ff00000), 0);
	cr_expect_eq(map_at(mem + 2 * MIB, MIB, 0x50100000), 0);
	fake_teardown();
}

Test(reserve, bad_arguments)
{
	uvdk_iova_t iova = 0x1001;

	cr_expect_eq(uvdk_ioas_reserve(ioas, 0, 0, false, &iova), -EINVAL);
	cr_expect_eq(uvdk_ioas_reserve(ioas, PAGE, 3 * PAGE, false, &iova), -EINVAL);
	cr_expect_eq(uvdk_ioas_reserve(ioas, PAGE, 512, false, &iova), -EINVAL);
	cr_expect_eq(uvdk_ioas_reserve(ioas, PAGE + 1, 0, false, &iova), -EDOM);
	cr_expect_eq(uvdk_ioas_reserve(ioas, PAGE, 0, true, &iova), -EDOM);
	iova = 0x3000;
	cr_expect_eq(uvdk_ioas_reserve(ioas, PAGE, 2 * PAGE, true, &iova), -EINVAL);
	iova = UINT64_C(1) << 48;
	cr_expect_eq(uvdk_ioas_reserve(ioas, PAGE, 0, true, &iova), -ERANGE);
	cr_expect_eq(uvdk_ioas_unreserve(ioas, 0x3000), -ENOENT);
	fake_teardown();
}

Test(reserve, only_its_start_gives_it_back)
{
	cr_assert_eq(reserve_at(MIB, 0x50000000), 0);
	cr_expect_eq(uvdk_ioas_unreserve(ioas, 0x50001000), -ENOENT);
	cr_expect_eq(uvdk_ioas_unreserve(ioas, 0x50000001), -ENOENT);
	cr_expect_eq(uvdk_ioas_unreserve(ioas, 0x50000000), 0);
	fake_teardown();
}

Test(reserve, survives_devices_that_come_and_go)
{
	struct uvdk_device *dev = fake_device();
	uvdk_iova_t iova;

	cr_assert_eq(reserve_at(256 * MIB, 0x100000), 0);
	cr_assert_eq(map_at(mem, PAGE, 0x100000), 0);
	fake.nr_attached_ranges = 1;
	fake.attached_ranges[0] = (struct uvdk_iova_range){0, 0x100fffff};
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, mem + MIB, MIB, UVDK_MAP_RW, &iova), -ENOSPC);
	uvdk_ioas_detach(ioas, dev);
	cr_assert_eq(uvdk_ioas_map(ioas, mem + MIB, MIB, UVDK_MAP_RW, &iova), 0);
	cr_expect_geq(iova, 0x10100000);
	cr_assert_eq(uvdk_ioas_unmap(ioas, 0x100000, PAGE), 0);
	cr_assert_eq(uvdk_ioas_unreserve(ioas, 0x100000), 0);
	uvdk_device_close(dev);
	fake_teardown();
}
