// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdio.h>

#include "fake.h"

#define MIB (1ul << 20)
#define GIB (1ul << 30)

static char *mem;

static void setup(void)
{
	fake_setup();
	mem = fake_memory(4 * GIB);
}

TestSuite(map, .init = setup);

/* A failed call must leave *iova alone, and the driver unasked. */
#define REFUSED(err, text, va, len, flags, at)                                          \
	do {                                                                            \
		uvdk_iova_t iova_ = (at);                                               \
		unsigned int asked_ = fake.map_calls;                                   \
                                                                                        \
		cr_expect_eq(uvdk_ioas_map(ioas, va, len, flags, &iova_), err);         \
		cr_expect(said(text), "\"%s\" is not in: %s", text, uvdk_last_error()); \
		cr_expect_eq(iova_, (uvdk_iova_t)(at));                                 \
		cr_expect_eq(fake.map_calls, asked_);                                   \
	} while (0)

static uvdk_iova_t map_at(void *va, size_t len, uvdk_iova_t iova)
{
	cr_assert_eq(uvdk_ioas_map(ioas, va, len, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0, "%s",
		     uvdk_last_error());
	return iova;
}

static uvdk_iova_t map(void *va, size_t len)
{
	uvdk_iova_t iova;

	cr_assert_eq(uvdk_ioas_map(ioas, va, len, UVDK_MAP_RW, &iova), 0, "%s", uvdk_last_error());
	return iova;
}

Test(map, translates_both_ways_and_not_after_unmap)
{
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas);
	uvdk_iova_t iova = map(mem + PAGE, 3 * PAGE);

	cr_expect_eq(uvdk_translate(x, mem + PAGE), iova);
	cr_expect_eq(uvdk_translate(x, mem + 4 * PAGE - 1), iova + 3 * PAGE - 1);
	cr_expect_eq(uvdk_translate(x, mem), UVDK_IOVA_NONE);
	cr_expect_eq(uvdk_translate(x, mem + 4 * PAGE), UVDK_IOVA_NONE);
	cr_expect_eq(uvdk_translate(x, (void *)UINT64_MAX), UVDK_IOVA_NONE);
	cr_expect_eq(uvdk_translate(x, NULL), UVDK_IOVA_NONE);
	cr_expect_eq(uvdk_ioas_va(ioas, iova + PAGE + 5), mem + 2 * PAGE + 5);
	cr_expect_null(uvdk_ioas_va(ioas, iova + 3 * PAGE));
	cr_expect_null(uvdk_ioas_va(ioas, UINT64_MAX));

	cr_assert_eq(uvdk_ioas_unmap(ioas, iova, 3 * PAGE), 0);
	cr_expect_eq(uvdk_translate(x, mem + PAGE), UVDK_IOVA_NONE);
	cr_expect_null(uvdk_ioas_va(ioas, iova));
	fake_teardown();
}

Test(map, the_driver_gets_exactly_what_was_asked)
{
	uvdk_iova_t iova = 0x40000000;
	struct fake_map *m;

	cr_assert_eq(uvdk_ioas_map(ioas, mem, 2 * PAGE, UVDK_MAP_READ | UVDK_MAP_FIXED, &iova), 0);
	m = fake_find(0x40000000);
	cr_assert_not_null(m);
	cr_expect_eq(m->va, mem);
	cr_expect_eq(m->len, 2 * PAGE);
	cr_expect_eq(m->flags, UVDK_MAP_READ);
	fake_teardown();
}

Test(map, bad_arguments_are_refused_with_a_sentence)
{
	REFUSED(-EINVAL, "length 0", mem, 0, UVDK_MAP_RW, 7);
	REFUSED(-EINVAL, "no access", mem, PAGE, 0, 7);
	REFUSED(-EINVAL, "no access", mem, PAGE, UVDK_MAP_ALIAS, 7);
	REFUSED(-EINVAL, "unknown flags 0x10", mem, PAGE, UVDK_MAP_RW | 16, 7);
	REFUSED(-EDOM, "whole pages of 4096", mem + 1, PAGE, UVDK_MAP_RW, 7);
	REFUSED(-EDOM, "whole pages of 4096", mem, PAGE + 1, UVDK_MAP_RW, 7);
	REFUSED(-EDOM, "not a multiple", mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, 0x1001);
	REFUSED(-EINVAL, "past the end", (void *)-PAGE, 2 * PAGE, UVDK_MAP_RW | UVDK_MAP_ALIAS, 7);
	REFUSED(-ERANGE, "beyond the 48 bits", (void *)(UINT64_C(1) << 48), PAGE, UVDK_MAP_RW, 7);
	cr_expect_eq(uvdk_ioas_map(ioas, mem, PAGE, UVDK_MAP_RW, NULL), -EINVAL);
	fake_teardown();
}

Test(map, overlap_names_the_map_that_is_there)
{
	map_at(mem, 4 * PAGE, 0x40000000);
	REFUSED(-EEXIST, "IOVA 0x40000000+0x4000", mem + MIB, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED,
		0x40003000);
	REFUSED(-EEXIST, "IOVA 0x40000000+0x4000", mem + MIB, 2 * PAGE,
		UVDK_MAP_RW | UVDK_MAP_FIXED, 0x3ffff000);
	REFUSED(-EEXIST, "IOVA 0x40000000+0x4000", mem + MIB, 8 * PAGE,
		UVDK_MAP_RW | UVDK_MAP_FIXED, 0x3fffe000);
	/* Neighbours are no overlap. */
	map_at(mem + MIB, PAGE, 0x40004000);
	map_at(mem + 2 * MIB, PAGE, 0x3ffff000);
	fake_teardown();
}

Test(map, memory_that_is_mapped_already_needs_alias)
{
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas);
	uvdk_iova_t first = map(mem, 4 * PAGE), second = 0;
	char text[64];

	snprintf(text, sizeof(text), "IOVA 0x%lx+0x4000", (unsigned long)first);
	REFUSED(-EEXIST, text, mem + 3 * PAGE, 2 * PAGE, UVDK_MAP_RW, 7);
	cr_assert_eq(uvdk_ioas_map(ioas, mem, 4 * PAGE, UVDK_MAP_RW | UVDK_MAP_ALIAS, &second), 0);
	cr_expect_neq(second, first);
	cr_expect_eq(uvdk_ioas_va(ioas, second), mem);
	cr_expect_eq(uvdk_translate(x, mem), first);
	cr_assert_eq(uvdk_ioas_unmap(ioas, second, 4 * PAGE), 0);
	cr_expect_eq(uvdk_translate(x, mem), first);

	cr_assert_eq(uvdk_ioas_map(ioas, mem + PAGE, PAGE, UVDK_MAP_READ | UVDK_MAP_ALIAS, &second),
		     0);
	cr_assert_eq(uvdk_ioas_unmap(ioas, second, PAGE), 0);
	cr_expect_eq(uvdk_translate(x, mem + PAGE), first + PAGE);
	fake_teardown();
}

Test(map, outside_the_apertures_lists_them)
{
	uvdk_ioas_destroy(ioas);
	fake.nr_ranges = 2;
	fake.ranges[0] = (struct uvdk_iova_range){0x100000, 0xfedfffff};
	fake.ranges[1] = (struct uvdk_iova_range){0xfef00000, 0x7fffffffff};
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	REFUSED(-ERANGE, "0x100000-0xfedfffff, 0xfef00000-0x7fffffffff", mem, PAGE,
		UVDK_MAP_RW | UVDK_MAP_FIXED, 0xfee00000);
	REFUSED(-ERANGE, "outside", mem, 2 * PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, 0xfedff000);
	REFUSED(-ERANGE, "outside", mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, 0);
	REFUSED(-ERANGE, "outside", mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, 0x8000000000);
	REFUSED(-ERANGE, "outside", mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, UINT64_C(1) << 60);
	fake_teardown();
}

Test(map, no_iova_range_left)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .iova_last = 0x1fffff};
	uvdk_iova_t iova;

	uvdk_ioas_destroy(ioas);
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &ioas), 0);
	for (unsigned int i = 0; i < 256; i++) {
		iova = map(mem + i * PAGE, PAGE);
		cr_assert_geq(iova, 0x100000);
		cr_assert_leq(iova, 0x1ff000);
	}
	REFUSED(-ENOSPC, "no free IOVA range", mem + MIB, PAGE, UVDK_MAP_RW, 7);
	REFUSED(-ENOSPC, "0x0 bytes are free", mem + MIB, 4 * PAGE, UVDK_MAP_RW, 7);
	/* A fixed map may lie above the allocator's limit. */
	map_at(mem + MIB, PAGE, 0x200000);
	/* What comes free is used again. */
	cr_assert_eq(uvdk_ioas_unmap(ioas, 0x155000, PAGE), 0);
	cr_expect_eq(map(mem + 2 * MIB, PAGE), 0x155000);
	fake_teardown();
}

Test(map, any_run_will_do_when_it_is_crowded)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .iova_last = 0x1fffff};

	uvdk_ioas_destroy(ioas);
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &ioas), 0);
	for (unsigned int i = 0; i < 256; i++)
		map(mem + i * PAGE, PAGE);
	/* Three pages in a row that no aligned block of four holds, across a group's edge. */
	for (uvdk_iova_t at = 0x13e000; at <= 0x140000; at += PAGE)
		cr_assert_eq(uvdk_ioas_unmap(ioas, at, PAGE), 0);
	cr_expect_eq(map(mem + MIB, 3 * PAGE), 0x13e000);
	fake_teardown();
}

Test(map, large_maps_are_aligned_for_large_pages)
{
	map(mem, PAGE);
	cr_expect_eq(map(mem + 2 * MIB, 2 * MIB) & (2 * MIB - 1), 0);
	cr_expect_eq(map(mem + 4 * MIB, 5 * MIB) & (8 * MIB - 1), 0);
	cr_expect_eq(map(mem + GIB, 3 * GIB) & (GIB - 1), 0);
	fake_teardown();
}

Test(map, never_at_zero_nor_in_msi_windows_before_a_device_is_known)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .iova_last = 0xffffffff};
	char *all = fake_memory(4 * GIB);
	uint64_t bytes = 0;

	uvdk_ioas_destroy(ioas);
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &ioas), 0);
	for (uint64_t off = 0; off < 4 * GIB; off += MIB) {
		uvdk_iova_t iova;

		if (uvdk_ioas_map(ioas, all + off, MIB, UVDK_MAP_RW, &iova))
			break;
		bytes += MIB;
		cr_assert_geq(iova, MIB);
		cr_assert(iova + MIB <= 0x08000000 || iova >= 0x08100000);
		cr_assert(iova + MIB <= 0xfee00000 || iova >= 0xfef00000);
	}
	cr_expect_eq(bytes, 4 * GIB - 3 * MIB);
	fake_teardown();
}

Test(map, iova_equals_va_or_says_why_not)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .policy = UVDK_IOVA_VA};

	uvdk_ioas_destroy(ioas);
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &ioas), 0);
	cr_expect_eq(map(mem, 2 * PAGE), (uvdk_iova_t)(uintptr_t)mem);
	cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(ioas), mem + 1),
		     (uvdk_iova_t)(uintptr_t)mem + 1);
	cr_assert_eq(uvdk_ioas_unmap(ioas, (uvdk_iova_t)(uintptr_t)mem, 2 * PAGE), 0);

	uvdk_ioas_destroy(ioas);
	fake.ranges[0].last = (UINT64_C(1) << 39) - 1;
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &ioas), 0);
	REFUSED(-ERANGE, "IOVA = VA", mem, PAGE, UVDK_MAP_RW, 7);
	cr_expect(said("0x0-0x7fffffffff"), "%s", uvdk_last_error());

	uvdk_ioas_destroy(ioas);
	fake_reset();
	fake.opened = 1;
	opts.iova_last = 0xffffffff;
	cr_assert_eq(uvdk_ioas_create(iommu, &opts, &ioas), 0);
	REFUSED(-ERANGE, "address limit", mem, PAGE, UVDK_MAP_RW, 7);
	fake_teardown();
}

Test(map, memlock_says_what_is_needed_and_allowed)
{
	struct uvdk_ioas_stats stats;

	fake.limits.memlock_max = 64 * PAGE;
	map(mem, 16 * PAGE);
	REFUSED(-ENOMEM, "needs 260 KiB", mem + MIB, 49 * PAGE, UVDK_MAP_RW, 7);
	cr_expect(said("limit is 256 KiB"), "%s", uvdk_last_error());
	cr_expect_eq(fake.map_calls, 1, "the driver was asked");
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.memlock_max, 64 * PAGE);
	/* To the last page, each of which takes the short way. */
	map(mem + MIB, 47 * PAGE);
	map(mem + 2 * MIB, PAGE);
	REFUSED(-ENOMEM, "needs 260 KiB", mem + 3 * MIB, PAGE, UVDK_MAP_RW, 7);
	/* What is unmapped, and a limit that is raised, count at once. */
	cr_assert_eq(
		uvdk_ioas_unmap(ioas, uvdk_translate(uvdk_ioas_xlate(ioas), mem + 2 * MIB), PAGE),
		0);
	map(mem + 3 * MIB, PAGE);
	fake.limits.memlock_max += PAGE;
	map(mem + 2 * MIB, PAGE);
	fake_teardown();
}

Test(map, memlock_that_others_use_up_counts)
{
	fake.limits.memlock_max = 64 * PAGE;
	map(mem, PAGE);
	cr_assert_eq(uvdk_ioas_unmap(ioas, uvdk_translate(uvdk_ioas_xlate(ioas), mem), PAGE), 0);
	fake.limits.memlock_left = 4 * PAGE;
	REFUSED(-ENOMEM, "240 KiB are locked already", mem, 65 * PAGE, UVDK_MAP_RW, 7);
	map(mem, 4 * PAGE);
	fake.limits.memlock_left = 0;
	REFUSED(-ENOMEM, "256 KiB are locked already", mem + MIB, PAGE, UVDK_MAP_RW, 7);
	fake_teardown();
}

Test(map, the_entry_limit_is_told_before_the_driver_is_asked)
{
	struct uvdk_ioas_stats stats;

	fake.limits.entries_max = 3;
	fake.count_entries = true;
	for (int i = 0; i < 3; i++)
		map(mem + i * PAGE, PAGE);
	REFUSED(-EDQUOT, "3 maps", mem + MIB, PAGE, UVDK_MAP_RW, 7);
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.entries_max, 3);
	/* A place that comes free, and a limit that is raised, count at once. */
	cr_assert_eq(uvdk_ioas_unmap(ioas, uvdk_translate(uvdk_ioas_xlate(ioas), mem), PAGE), 0);
	map(mem, PAGE);
	fake.limits.entries_max = 4;
	map(mem + MIB, PAGE);
	fake_teardown();
}

Test(map, a_length_that_is_a_mistake_makes_no_tables)
{
	const size_t len = 1024 * GIB;

	REFUSED(-EFAULT, "not all of VA", mem, len, UVDK_MAP_RW, 7);
	cr_expect_eq(fake.map_calls, 0, "the driver was asked");
	fake_teardown();
}

Test(map, a_driver_that_refuses_leaves_no_trace)
{
	static const size_t lens[] = {PAGE, 3 * PAGE, 2 * MIB, GIB + PAGE};
	struct uvdk_ioas_stats stats;
	uvdk_iova_t first, again;

	for (unsigned int i = 0; i < 4; i++) {
		first = map(mem, lens[i]);
		cr_assert_eq(uvdk_ioas_unmap(ioas, first, lens[i]), 0);
		again = 7;
		fake.map = (struct fake_failure){1, -EFAULT};
		cr_expect_eq(uvdk_ioas_map(ioas, mem, lens[i], UVDK_MAP_RW, &again), -EFAULT);
		cr_expect_eq(again, 7);
		cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(ioas), mem), UVDK_IOVA_NONE);
		/* The same IOVA is free: it was given back. */
		cr_expect_eq(map(mem, lens[i]), first);
		cr_assert_eq(uvdk_ioas_unmap(ioas, first, lens[i]), 0);
	}
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.maps, 0);
	cr_expect_eq(stats.bytes, 0);
	fake_teardown();
}

Test(map, granule_is_the_smallest_page_of_the_iommu)
{
	uvdk_ioas_destroy(ioas);
	fake.page_sizes = 0x20010000;
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_expect_eq(uvdk_ioas_page_size(ioas), 65536);
	mem = (char *)(((uintptr_t)mem + 65535) & ~65535ul);
	REFUSED(-EDOM, "whole pages of 65536", mem, PAGE, UVDK_MAP_RW, 7);
	cr_expect_eq(map(mem, 65536) & 65535, 0);
	cr_expect_eq(map(mem + 65536, 3 * 65536) & 65535, 0);
	fake_teardown();

	fake_setup();
	uvdk_ioas_destroy(ioas);
	fake.page_sizes = 0x40200200; /* 512 bytes: we map no less than 4 KiB */
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_expect_eq(uvdk_ioas_page_size(ioas), 0x200000);
	fake_teardown();
}

Test(map, where_the_driver_picks_the_iova)
{
	uvdk_iova_t iova = 7;

	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	cr_assert_eq(uvdk_iommu_open("fake-picks", NULL, &iommu), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	fake.picked = 0x123456000;
	cr_expect_eq(map(mem, 2 * PAGE), 0x123456000);
	cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(ioas), mem + PAGE), 0x123457000);

	/* The same memory again, as the physical address shows. */
	fake.picked = 0x123457000;
	cr_expect_eq(uvdk_ioas_map(ioas, mem + MIB, PAGE, UVDK_MAP_RW, &iova), -EEXIST);
	fake.picked = UINT64_C(1) << 50;
	cr_expect_eq(uvdk_ioas_map(ioas, mem + MIB, PAGE, UVDK_MAP_RW, &iova), -ERANGE);
	cr_expect_eq(iova, 7);
	iova = 0x40000000;
	cr_expect_eq(uvdk_ioas_map(ioas, mem + MIB, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		     -EOPNOTSUPP);
	cr_expect_eq(uvdk_ioas_reserve(ioas, PAGE, 0, false, &iova), -EOPNOTSUPP);
	cr_expect_eq(iova, 0x40000000);
	cr_expect_eq(fake.maps, 1);
	cr_assert_eq(uvdk_ioas_unmap(ioas, 0x123456000, 2 * PAGE), 0);
	fake_teardown();
}

/* ---- unmap ---- */

Test(map, unmap_of_half_a_map_names_it_and_changes_nothing)
{
	map_at(mem, 4 * PAGE, 0x40000000);
	map_at(mem + MIB, PAGE, 0x40004000);
	cr_expect_eq(uvdk_ioas_unmap(ioas, 0x40001000, 3 * PAGE), -EBADE);
	cr_expect(said("0x40000000+0x4000"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_ioas_unmap(ioas, 0x40000000, 3 * PAGE), -EBADE);
	cr_expect_eq(uvdk_ioas_unmap(ioas, 0x40000000, PAGE), -EBADE);
	cr_expect_eq(uvdk_ioas_unmap(ioas, 0x40003000, 2 * PAGE), -EBADE);
	cr_expect_eq(uvdk_ioas_unmap(ioas, 0x40001000, 4 * PAGE), -EBADE);
	cr_expect_eq(fake.maps, 2);
	cr_expect_eq(fake.unmap_calls, 0);
	fake_teardown();
}

Test(map, unmap_of_nothing_says_where)
{
	map_at(mem, PAGE, 0x40000000);
	map_at(mem + MIB, PAGE, 0x40002000);
	cr_expect_eq(uvdk_ioas_unmap(ioas, 0x50000000, PAGE), -ENOENT);
	cr_expect_eq(uvdk_ioas_unmap(ioas, UINT64_C(1) << 48, PAGE), -ENOENT);
	cr_expect_eq(uvdk_ioas_unmap(ioas, UINT64_C(1) << 60, PAGE), -ENOENT);
	cr_expect_eq(uvdk_ioas_unmap(ioas, (UINT64_C(1) << 48) - PAGE, 2 * PAGE), -ENOENT);
	cr_expect_eq(uvdk_ioas_unmap(ioas, 0x40000000, 3 * PAGE), -ENOENT);
	cr_expect(said("nothing is mapped at 0x40001000"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_ioas_unmap(ioas, 0x40000000, 0), -EINVAL);
	cr_expect_eq(uvdk_ioas_unmap(ioas, 0x40000001, PAGE), -EDOM);
	cr_expect_eq(uvdk_ioas_unmap(ioas, 0x40000000, PAGE + 1), -EDOM);
	cr_expect_eq(fake.maps, 2);
	fake_teardown();
}

Test(map, unmap_may_cover_a_row_of_maps)
{
	struct uvdk_map_info info;

	map_at(mem, 4 * PAGE, 0x40000000);
	map_at(mem + MIB, PAGE, 0x40004000);
	map_at(mem + 2 * MIB, 3 * PAGE, 0x40005000);
	map_at(mem + 3 * MIB, PAGE, 0x40008000);
	cr_assert_eq(uvdk_ioas_unmap(ioas, 0x40004000, 4 * PAGE), 0);
	cr_expect_eq(fake.maps, 2);
	cr_expect_eq(uvdk_ioas_find(ioas, 0x40005000, &info), -ENOENT);
	cr_expect_eq(uvdk_ioas_find(ioas, 0x40003fff, &info), 0);
	cr_expect_eq(uvdk_ioas_find(ioas, 0x40008000, &info), 0);
	fake_teardown();
}

Test(map, a_driver_that_cannot_unmap_keeps_the_map)
{
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas);
	uvdk_iova_t page = map(mem, PAGE);

	fake.unmap = (struct fake_failure){1, -EIO};
	cr_expect_eq(uvdk_ioas_unmap(ioas, page, PAGE), -EIO);
	cr_expect(said("the map stays"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_translate(x, mem), page);

	map_at(mem + MIB, PAGE, 0x40000000);
	map_at(mem + 2 * MIB, PAGE, 0x40001000);
	fake.unmap = (struct fake_failure){2, -EIO};
	cr_expect_eq(uvdk_ioas_unmap(ioas, 0x40000000, 2 * PAGE), -EIO);
	cr_expect_eq(fake.maps, 3);
	cr_expect_eq(uvdk_translate(x, mem + MIB), 0x40000000);
	cr_assert_eq(uvdk_ioas_unmap(ioas, 0x40000000, 2 * PAGE), 0);
	fake_teardown();
}

/* ---- find, next, stats ---- */

Test(map, found_from_any_address_inside)
{
	struct uvdk_map_info info;

	map_at(mem, 4 * PAGE, 0x40000000);
	cr_assert_eq(uvdk_ioas_find(ioas, 0x40003fff, &info), 0);
	cr_expect_eq(info.iova, 0x40000000);
	cr_expect_eq(info.va, mem);
	cr_expect_eq(info.len, 4 * PAGE);
	cr_expect_eq(info.flags, UVDK_MAP_RW);
	cr_expect_eq(uvdk_ioas_find(ioas, 0x40004000, &info), -ENOENT);
	cr_expect_eq(uvdk_ioas_find(ioas, UINT64_MAX, &info), -ENOENT);
	fake_teardown();
}

Test(map, iterates_in_order_over_the_whole_space)
{
	static const uvdk_iova_t at[] = {0x0,
					 0x1000,
					 0x3ffff000,
					 0x40000000,
					 0x80001000,
					 UINT64_C(1) << 40,
					 (UINT64_C(1) << 48) - PAGE};
	struct uvdk_map_info info;
	uvdk_iova_t from = 0;

	for (int i = 6; i >= 0; i--)
		map_at(mem + i * MIB, PAGE, at[i]);
	for (int i = 0; i < 7; i++) {
		cr_assert_eq(uvdk_ioas_next(ioas, from, &info), 0, "%d", i);
		cr_expect_eq(info.iova, at[i]);
		cr_expect_eq(info.va, mem + i * MIB);
		from = info.iova + 1;
	}
	cr_expect_eq(uvdk_ioas_next(ioas, from, &info), -ENOENT);
	cr_expect_eq(uvdk_ioas_next(ioas, UINT64_MAX, &info), -ENOENT);
	fake_teardown();
}

Test(map, stats_count_maps_and_bytes)
{
	struct uvdk_ioas_stats stats;
	uvdk_iova_t page = map(mem, PAGE);

	map(mem + MIB, MIB);
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.maps, 2);
	cr_expect_eq(stats.bytes, MIB + PAGE);
	cr_expect_eq(stats.devices, 0);
	cr_expect_eq(stats.entries_max, 0);
	cr_assert_eq(uvdk_ioas_unmap(ioas, page, PAGE), 0);
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.maps, 1);
	cr_expect_eq(stats.bytes, MIB);
	fake_teardown();
}

Test(map, two_spaces_know_nothing_of_each_other)
{
	struct uvdk_ioas *other;
	uvdk_iova_t a = 0x40000000, b = 0x40000000;

	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &other), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &a), 0);
	cr_assert_eq(uvdk_ioas_map(other, mem + PAGE, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &b), 0);
	cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(other), mem), UVDK_IOVA_NONE);
	cr_expect_eq(uvdk_ioas_va(other, 0x40000000), mem + PAGE);
	cr_expect_eq(uvdk_ioas_va(ioas, 0x40000000), mem);
	uvdk_ioas_destroy(other);
	cr_expect_eq(uvdk_ioas_va(ioas, 0x40000000), mem);
	fake_teardown();
}
