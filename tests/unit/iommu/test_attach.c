// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "fake.h"

#define MIB (1ul << 20)

static char *mem;

static void setup(void)
{
	fake_setup();
	mem = fake_memory(64 * MIB);
}

TestSuite(attach, .init = setup);

static uvdk_iova_t map_at(void *va, size_t len, uvdk_iova_t iova)
{
	cr_assert_eq(uvdk_ioas_map(ioas, va, len, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0, "%s",
		     uvdk_last_error());
	return iova;
}

static unsigned int devices(struct uvdk_ioas *as)
{
	struct uvdk_ioas_stats stats;

	uvdk_ioas_get_stats(as, &stats);
	return stats.devices;
}

/* What a VT-d machine says once a device is behind it. */
static void x86_ranges(void)
{
	fake.nr_attached_ranges = 2;
	fake.attached_ranges[0] = (struct uvdk_iova_range){0, 0xfedfffff};
	fake.attached_ranges[1] = (struct uvdk_iova_range){0xfef00000, 0x7fffffffff};
}

Test(attach, several_devices_share_a_space)
{
	struct uvdk_device *a = fake_device(), *b = fake_device();

	cr_assert_eq(uvdk_ioas_attach(ioas, a), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, b), 0);
	cr_expect_eq(devices(ioas), 2);
	cr_expect_eq(fake.attached, 2);
	uvdk_ioas_detach(ioas, a);
	cr_expect_eq(devices(ioas), 1);
	uvdk_ioas_detach(ioas, a);
	cr_expect_eq(devices(ioas), 1);
	uvdk_device_close(a);
	uvdk_device_close(b);
	cr_expect_eq(fake.attached, 0);
	fake_teardown();
}

Test(attach, a_device_is_in_one_space_at_a_time)
{
	struct uvdk_device *dev = fake_device();
	struct uvdk_ioas *other;

	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &other), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), -EBUSY);
	cr_expect(said("attached to this"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_ioas_attach(other, dev), -EBUSY);
	cr_expect(said("attached to another"), "%s", uvdk_last_error());
	uvdk_ioas_detach(other, dev); /* not attached there: nothing happens */
	cr_expect_eq(devices(ioas), 1);
	uvdk_ioas_detach(ioas, dev);
	cr_expect_eq(uvdk_ioas_attach(other, dev), 0);
	uvdk_device_close(dev);
	uvdk_ioas_destroy(other);
	fake_teardown();
}

Test(attach, of_a_device_under_another_iommu_is_refused)
{
	struct uvdk_iommu *other;
	struct uvdk_ioas *as;
	struct uvdk_device *dev = fake_device();

	cr_assert_eq(uvdk_iommu_open("fake", NULL, &other), 0);
	cr_assert_eq(uvdk_ioas_create(other, NULL, &as), 0);
	cr_expect_eq(uvdk_ioas_attach(as, dev), -EINVAL);
	cr_expect_eq(fake.attached, 0);
	uvdk_device_close(dev);
	uvdk_ioas_destroy(as);
	uvdk_iommu_close(other);
	fake_teardown();
}

Test(attach, of_a_device_that_is_gone_is_refused)
{
	struct uvdk_device *dev = fake_device();
	struct uvdk_iommu_info info;

	uvdk_device_mark_gone(dev, "pulled");
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), -ENODEV);
	cr_expect_eq(uvdk_iommu_get_info(dev, &info), -ENODEV);
	uvdk_device_close(dev);
	fake_teardown();
}

Test(attach, a_closed_device_is_detached)
{
	struct uvdk_device *dev = fake_device();

	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	uvdk_device_close(dev);
	cr_expect_eq(devices(ioas), 0);
	cr_expect_eq(fake.attached, 0);
	cr_expect_eq(fake.bindings, 0);
	fake_teardown();
}

Test(attach, a_destroyed_space_detaches_and_unmaps)
{
	struct uvdk_device *dev = fake_device();

	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	map_at(mem, MIB, 0x40000000);
	uvdk_ioas_destroy(ioas);
	cr_expect_eq(fake.attached, 0);
	cr_expect_eq(fake.maps, 0);
	/* The device is as good as new. */
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), 0);
	uvdk_device_close(dev);
	fake_teardown();
}

Test(attach, an_iommu_in_use_is_not_pulled_away)
{
	struct uvdk_device *dev = fake_device();

	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	cr_expect_eq(fake.opened, 1);
	cr_expect(said("close them first"), "%s", uvdk_last_error());
	uvdk_device_close(dev);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	fake_teardown();
}

/* ---- ranges ---- */

Test(attach, ranges_of_the_device_leave_and_come_back)
{
	struct uvdk_device *dev = fake_device();
	struct uvdk_iova_range r[4];
	uvdk_iova_t iova = 0xfee00000;

	cr_expect_eq(uvdk_ioas_ranges(ioas, NULL, 0), 1);
	x86_ranges();
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_assert_eq(uvdk_ioas_ranges(ioas, r, 4), 2);
	cr_expect_eq(r[0].first, 0);
	cr_expect_eq(r[0].last, 0xfedfffff);
	cr_expect_eq(r[1].first, 0xfef00000);
	cr_expect_eq(r[1].last, 0x7fffffffff);
	cr_expect_eq(uvdk_ioas_map(ioas, mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), -ERANGE);
	uvdk_ioas_detach(ioas, dev);
	cr_expect_eq(uvdk_ioas_ranges(ioas, r, 4), 1);
	map_at(mem, PAGE, 0xfee00000);
	uvdk_device_close(dev);
	fake_teardown();
}

Test(attach, a_map_where_the_device_reserves_is_refused_and_named)
{
	struct uvdk_device *dev = fake_device();

	map_at(mem, MIB, 0xfee80000);
	x86_ranges();
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), -EADDRINUSE);
	cr_expect(said("0xfee00000-0xfeefffff"), "%s", uvdk_last_error());
	cr_expect(said("IOVA 0xfee80000"), "%s", uvdk_last_error());
	cr_expect_eq(fake.attached, 0);
	cr_expect_eq(devices(ioas), 0);
	cr_expect_eq(uvdk_ioas_ranges(ioas, NULL, 0), 1);
	cr_assert_eq(uvdk_ioas_unmap(ioas, 0xfee80000, MIB), 0);
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), 0);
	uvdk_device_close(dev);
	fake_teardown();
}

Test(attach, nothing_is_handed_out_where_the_device_reserves)
{
	struct uvdk_device *dev = fake_device();
	uvdk_iova_t iova;

	fake.nr_attached_ranges = 2;
	fake.attached_ranges[0] = (struct uvdk_iova_range){0x200000, 0x3fffff};
	fake.attached_ranges[1] = (struct uvdk_iova_range){0x600000, 0x6fffff};
	map_at(mem, PAGE, 0x300000);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	for (unsigned int i = 0; i < 3 * 256 - 1; i++) {
		cr_assert_eq(uvdk_ioas_map(ioas, mem + MIB + i * PAGE, PAGE, UVDK_MAP_RW, &iova),
			     0);
		cr_assert((iova >= 0x200000 && iova <= 0x3ff000 && iova != 0x300000) ||
			  (iova >= 0x600000 && iova <= 0x6ff000));
	}
	cr_expect_eq(uvdk_ioas_map(ioas, mem + 32 * MIB, PAGE, UVDK_MAP_RW, &iova), -ENOSPC);
	uvdk_device_close(dev);
	fake_teardown();
}

Test(attach, maps_of_before_give_their_iovas_back_to_the_window_of_now)
{
	struct uvdk_device *dev = fake_device();
	uvdk_iova_t low, high = 0x100000;

	cr_assert_eq(uvdk_ioas_map(ioas, mem, PAGE, UVDK_MAP_RW, &low), 0);
	fake.nr_attached_ranges = 1;
	fake.attached_ranges[0] = (struct uvdk_iova_range){low, low + PAGE - 1};
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_expect_eq(uvdk_ioas_map(ioas, mem + PAGE, PAGE, UVDK_MAP_RW, &high), -ENOSPC);
	cr_assert_eq(uvdk_ioas_unmap(ioas, low, PAGE), 0);
	cr_expect_eq(uvdk_ioas_map(ioas, mem + PAGE, PAGE, UVDK_MAP_RW, &high), 0);
	cr_expect_eq(high, low);
	uvdk_device_close(dev);
	fake_teardown();
}

Test(attach, many_ranges_in_any_order)
{
	struct uvdk_iova_range r[32];

	uvdk_ioas_destroy(ioas);
	fake.nr_ranges = 32;
	for (unsigned int i = 0; i < 32; i++)
		fake.ranges[31 - i] =
			(struct uvdk_iova_range){i * 0x200000ul + 5, i * 0x200000ul + 0x1ffffe};
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_ranges(ioas, r, 32), 32);
	/* Only whole pages count. */
	for (unsigned int i = 0; i < 32; i++) {
		cr_expect_eq(r[i].first, i * 0x200000ul + PAGE);
		cr_expect_eq(r[i].last, i * 0x200000ul + 0x1fefff);
	}
	fake_teardown();
}

Test(attach, larger_pages_than_the_maps_are_refused)
{
	struct uvdk_device *dev = fake_device();

	map_at(mem, PAGE, 0x40001000);
	fake.attached_page_sizes = 0x20010000;
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), -EADDRINUSE);
	cr_expect(said("pages of 65536 bytes"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_ioas_page_size(ioas), PAGE);
	cr_assert_eq(uvdk_ioas_unmap(ioas, 0x40001000, PAGE), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_expect_eq(uvdk_ioas_page_size(ioas), 65536);
	uvdk_ioas_detach(ioas, dev);
	cr_expect_eq(uvdk_ioas_page_size(ioas), PAGE);
	uvdk_device_close(dev);
	fake_teardown();
}

Test(attach, what_the_driver_refuses_changes_nothing)
{
	struct uvdk_device *dev = fake_device();

	fake.attach = (struct fake_failure){1, -EBUSY};
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), -EBUSY);
	fake.ranges_fail = (struct fake_failure){1, -EIO};
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), -EIO);
	cr_expect_eq(fake.attached, 0);
	cr_expect_eq(devices(ioas), 0);
	/* Closing must neither detach what is not attached nor look for the space. */
	uvdk_ioas_destroy(ioas);
	ioas = NULL;
	uvdk_device_close(dev);
	cr_expect_eq(fake.attached, 0);
	fake_teardown();
}

Test(attach, the_entry_limit_may_come_with_the_device)
{
	struct uvdk_device *dev = fake_device();
	uvdk_iova_t iova = 0x40001000;

	map_at(mem, PAGE, 0x40000000);
	fake.limits.entries_max = 1;
	fake.count_entries = true;
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_expect_eq(uvdk_ioas_map(ioas, mem + PAGE, PAGE, UVDK_MAP_RW, &iova), -EDQUOT);
	cr_expect_eq(fake.map_calls, 1);
	uvdk_device_close(dev);
	fake_teardown();
}

Test(attach, detach_works_where_the_driver_has_lost_its_ranges)
{
	struct uvdk_device *dev = fake_device();

	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	fake.ranges_fail = (struct fake_failure){1, -EIO};
	uvdk_ioas_detach(ioas, dev);
	cr_expect_eq(devices(ioas), 0);
	uvdk_device_close(dev);
	fake_teardown();
}

/* ---- drivers replay maps on attach ---- */

static unsigned int visited;
static uvdk_iova_t last_visited;

static int visit(const struct uvdk_map_info *map, void *arg)
{
	cr_expect(visited == 0 || map->iova > last_visited);
	visited++;
	last_visited = map->iova;
	return visited == *(unsigned int *)arg ? -ECANCELED : 0;
}

static unsigned int stop_at;

static int replay(struct uvdk_ioas *as)
{
	return uvdk_ioas_for_each(as, visit, &stop_at);
}

Test(attach, the_driver_sees_every_map_in_order)
{
	struct uvdk_device *dev = fake_device();

	map_at(mem, PAGE, 0x80000000);
	map_at(mem + MIB, MIB, 0x40000000);
	map_at(mem + 2 * MIB, PAGE, 0xc0000000);
	map_at(mem + 3 * MIB, PAGE, 0x40100000);
	fake.on_attach = replay;
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0);
	cr_expect_eq(visited, 4);
	uvdk_ioas_detach(ioas, dev);
	visited = 0;
	stop_at = 2;
	cr_expect_eq(uvdk_ioas_attach(ioas, dev), -ECANCELED);
	cr_expect_eq(visited, 2);
	uvdk_device_close(dev);
	fake_teardown();
}
