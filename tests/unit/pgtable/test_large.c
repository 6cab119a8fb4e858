// SPDX-License-Identifier: BSD-3-Clause
#include "pgt_testing.h"

/* Large pages: chosen, split, merged, and broken before they are made again. */

static struct world world;

static struct uvdk_pgtable_opts with_callback(const struct uvdk_pgtable_opts *like, bool track)
{
	struct uvdk_pgtable_opts o = *like;

	o.track = track;
	o.invalidate = on_invalidate;
	return o;
}

Test(large, the_largest_that_alignment_allows)
{
	world_start(&world, &x48, 64);
	cr_assert_eq(map(&world, GB1 - MB2 - KB4, 3 * GB1 - MB2 - KB4, GB1 + 2 * MB2 + 2 * KB4), 0);
	cr_expect_eq(size_at(&world, GB1 - MB2 - KB4), KB4);
	cr_expect_eq(size_at(&world, GB1 - MB2), MB2);
	cr_expect_eq(size_at(&world, GB1), GB1);
	cr_expect_eq(size_at(&world, 2 * GB1), MB2);
	cr_expect_eq(size_at(&world, 2 * GB1 + MB2), KB4);
	cr_expect_eq(out_of(&world, 2 * GB1 + MB2), 4 * GB1 + MB2);
	cr_expect_eq(size_at(&world, 2 * GB1 + MB2 + KB4), 0);
	cr_assert_eq(map(&world, 8 * GB1, 8 * GB1 + KB4, 2 * MB2), 0);
	cr_expect_eq(size_at(&world, 8 * GB1), KB4, "not aligned alike");
	world_stop(&world);
}

Test(large, only_sizes_that_hardware_has)
{
	struct uvdk_pgtable_opts o = x48;

	o.page_sizes = KB4 | MB2;
	world_start(&world, &o, 16);
	cr_assert_eq(map(&world, GB1, GB1, GB1), 0);
	cr_expect_eq(size_at(&world, GB1), MB2);
	cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, 4 * GB1, &world.gather), 0);
	world_stop(&world);
}

static void expect_linear(uint64_t first, uint64_t last, uint64_t delta)
{
	for (uint64_t at = first; at < last; at += KB4)
		cr_assert_eq(out_of(&world, at), at + delta, "%#lx", at);
}

Test(large, a_hole_splits_no_more_than_it_must)
{
	world_start(&world, &x48, 16);
	cr_assert_eq(map(&world, GB1, 4 * GB1, GB1), 0);
	cr_expect_eq(unmap(&world, GB1 + 3 * MB2 + 5 * KB4, KB4), (int64_t)KB4);
	cr_expect_eq(world.gather.first, GB1 + 3 * MB2 + 5 * KB4);
	cr_expect_eq(world.gather.last, GB1 + 3 * MB2 + 6 * KB4 - 1);
	cr_expect_eq(world.gather.tables, 0);
	cr_expect_eq(size_at(&world, GB1 + 2 * MB2), MB2);
	cr_expect_eq(size_at(&world, GB1 + 3 * MB2), KB4);
	cr_expect_eq(size_at(&world, GB1 + 4 * MB2), MB2);
	expect_linear(GB1, GB1 + 3 * MB2 + 5 * KB4, 3 * GB1);
	expect_linear(GB1 + 3 * MB2 + 6 * KB4, GB1 + 8 * MB2, 3 * GB1);
	cr_expect_eq(out_of(&world, GB1 + 3 * MB2 + 5 * KB4), 0);
	cr_expect_eq(out_of(&world, 2 * GB1 - 1), 5 * GB1 - 1);
	world_stop(&world);
}

Test(large, a_page_out_of_a_large_one)
{
	world_start(&world, &arm48, 16);
	cr_assert_eq(map(&world, MB2, MB2, MB2), 0);
	cr_expect_eq(uvdk_pgtable_unmap_page(world.pt, MB2), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "way to invalidate"), "%s", uvdk_last_error());
	cr_expect_eq(unmap(&world, MB2 + KB4, MB2), -EOPNOTSUPP);
	cr_expect_eq(size_at(&world, MB2), MB2);
	cr_expect_not(world.gather.pending);
	cr_expect_eq(unmap(&world, MB2, MB2), (int64_t)MB2);
	world_stop(&world);
}

Test(large, arm_breaks_before_it_makes)
{
	struct uvdk_pgtable_opts o = with_callback(&arm48, false);

	world_start(&world, &o, 16);
	cr_assert_eq(map(&world, MB2, 5 * MB2, MB2), 0);
	cr_expect_eq(uvdk_pgtable_unmap_page(world.pt, MB2 + 7 * KB4), 0);
	cr_expect_eq(world.calls, 1);
	cr_expect(world.was_broken);
	cr_expect_eq(world.called_first, MB2);
	cr_expect_eq(world.called_last, 2 * MB2 - 1);
	cr_expect_eq(out_of(&world, MB2 + 7 * KB4), 0);
	cr_expect_eq(out_of(&world, MB2 + 8 * KB4), 5 * MB2 + 8 * KB4);
	cr_assert_eq(uvdk_pgtable_map_page(world.pt, MB2 + 7 * KB4, 5 * MB2 + 7 * KB4, RWU), 0);
	world.calls = 0;
	cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, GB1, &world.gather), 1);
	cr_expect_eq(world.calls, 1);
	cr_expect(world.was_broken);
	cr_expect_eq(size_at(&world, MB2), MB2);
	expect_linear(MB2, 2 * MB2, 4 * MB2);
	world_stop(&world);
}

Test(large, in_place_nothing_is_broken)
{
	const struct uvdk_pgtable_opts *const like[] = {&arm48, &x48};

	for (int i = 0; i < 2; i++) {
		struct uvdk_pgtable_opts o = with_callback(like[i], true);

		o.in_place = true;
		world_start(&world, &o, 16);
		cr_assert_eq(map(&world, MB2, 5 * MB2, MB2), 0);
		cr_expect_eq(uvdk_pgtable_split(world.pt, MB2 + 7 * KB4), 0);
		cr_expect_eq(world.calls, 0);
		expect_linear(MB2, 2 * MB2, 4 * MB2);
		cr_expect_eq(size_at(&world, MB2), KB4);
		cr_expect_eq(uvdk_pgtable_merge(world.pt, MB2, MB2, &world.gather), 1);
		cr_expect_eq(world.calls, 1, "marks are looked for once more");
		cr_expect_not(world.was_broken);
		cr_expect_eq(size_at(&world, MB2), MB2);
		expect_linear(MB2, 2 * MB2, 4 * MB2);
		world_stop(&world);
	}
}

Test(large, an_invalidation_that_fails_leaves_the_translation)
{
	struct uvdk_pgtable_opts o = with_callback(&arm48, false);

	world_start(&world, &o, 16);
	cr_assert_eq(map(&world, MB2, 5 * MB2, MB2), 0);
	world.refuse = -EIO;
	cr_expect_eq(unmap(&world, MB2, KB4), -EIO);
	cr_expect_eq(size_at(&world, MB2), MB2);
	cr_expect_eq(stats_of(&world).tables, 3);
	world.refuse = 0;
	cr_expect_eq(uvdk_pgtable_split(world.pt, MB2 + KB4), 0);
	world.refuse = -EIO;
	cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, GB1, &world.gather), -EIO);
	cr_expect_eq(size_at(&world, MB2), KB4);
	expect_linear(MB2, 2 * MB2, 4 * MB2);
	world_stop(&world);
}

Test(large, merging_goes_up_to_a_gigabyte)
{
	world_start(&world, &x57, 1024);
	cr_assert_eq(map(&world, GB1, 7 * GB1 + MB2, GB1), 0);
	cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, 4 * GB1, &world.gather), 0,
		     "not aligned: no larger page");
	cr_expect_eq(unmap(&world, GB1, GB1), (int64_t)GB1);
	settle(&world);
	cr_assert_eq(map(&world, GB1, 7 * GB1, GB1 - KB4), 0);
	for (uint64_t at = GB1; at < 2 * GB1; at += MB2)
		cr_assert_eq(uvdk_pgtable_split(world.pt, at + KB4), 0);
	cr_assert_eq(uvdk_pgtable_map_page(world.pt, 2 * GB1 - KB4, 8 * GB1 - KB4, RWU), 0);
	cr_expect_eq(stats_of(&world).tables, 4 + 512);
	cr_expect_eq(uvdk_pgtable_merge(world.pt, GB1 + KB4, GB1 - KB4, &world.gather), 511,
		     "where the range ends, so does the merging");
	cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, 4 * GB1, &world.gather), 2);
	cr_expect_eq(size_at(&world, GB1), GB1);
	cr_expect_eq(out_of(&world, 2 * GB1 - 1), 8 * GB1 - 1);
	settle(&world);
	cr_expect_eq(stats_of(&world).tables, 3);
	world_stop(&world);
}

Test(large, pages_that_differ_are_not_merged)
{
	world_start(&world, &x48, 16);
	cr_assert_eq(map(&world, 0, MB2, MB2 - KB4), 0);
	cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, MB2, &world.gather), 0, "one is missing");
	cr_assert_eq(uvdk_pgtable_map_page(world.pt, MB2 - KB4, 9 * MB2, RWU), 0);
	cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, MB2, &world.gather), 0, "one is elsewhere");
	cr_assert_eq(uvdk_pgtable_unmap_page(world.pt, MB2 - KB4), 0);
	cr_assert_eq(uvdk_pgtable_map_page(world.pt, MB2 - KB4, 2 * MB2 - KB4, R | U), 0);
	cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, MB2, &world.gather), 0, "one is read-only");
	cr_expect_eq(uvdk_pgtable_protect(world.pt, MB2 - KB4, KB4, RWU, &world.gather),
		     (int64_t)KB4);
	cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, MB2, &world.gather), 1);
	expect_linear(0, MB2, MB2);
	world_stop(&world);
}

Test(large, an_empty_table_goes_by_merging)
{
	world_start(&world, &arm39, 16);
	for (uint64_t p = 0; p < 512; p++)
		cr_assert_eq(uvdk_pgtable_map_page(world.pt, MB2 + p * KB4, p * KB4, RWU), 0);
	for (uint64_t p = 0; p < 512; p++)
		cr_assert_eq(uvdk_pgtable_unmap_page(world.pt, MB2 + p * KB4), 0);
	cr_assert_eq(map(&world, MB2, MB2, MB2), 0);
	cr_expect_eq(size_at(&world, MB2), KB4, "an empty table is used");
	for (uint64_t p = 0; p < 512; p++)
		cr_assert_eq(uvdk_pgtable_unmap_page(world.pt, MB2 + p * KB4), 0);
	cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, GB1, &world.gather), 2);
	cr_expect_eq(world.gather.tables, 2);
	settle(&world);
	cr_expect_eq(stats_of(&world).tables, 1);
	cr_assert_eq(map(&world, MB2, MB2, MB2), 0);
	cr_expect_eq(size_at(&world, MB2), MB2);
	world_stop(&world);
}

Test(large, permissions_change_in_part_of_one)
{
	struct seen s;

	world_start(&world, &x48, 16);
	cr_assert_eq(map(&world, MB2, 5 * MB2, MB2), 0);
	cr_expect_eq(uvdk_pgtable_protect(world.pt, MB2 + KB4, 2 * KB4, R, &world.gather),
		     (int64_t)(2 * KB4));
	cr_expect_eq(world.gather.first, MB2 + KB4);
	cr_expect_eq(world.gather.last, MB2 + 3 * KB4 - 1);
	for (uint64_t p = 0; p < 512; p++) {
		s = hw_walk(&world.w, MB2 + p * KB4);
		cr_expect_eq(prot_of(&s), p == 1 || p == 2 ? R : RWU, "page %lu", p);
		cr_expect_eq(s.out, 5 * MB2 + p * KB4);
	}
	world_stop(&world);
}
