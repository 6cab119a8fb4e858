// SPDX-License-Identifier: BSD-3-Clause
#include "pgt_testing.h"

/* A table page is used again when the invalidation that covers it has completed. */

static struct world world;

static void map_and_unmap(uint64_t at, uint64_t cookie)
{
	struct uvdk_pgtable_gather gather = {0};

	cr_assert_eq(map(&world, at, 0, KB4), 0);
	cr_assert_eq(uvdk_pgtable_unmap(world.pt, at, MB2, &gather), (int64_t)KB4);
	cr_expect(gather.pending);
	cr_expect_eq(gather.first, at);
	cr_expect_eq(gather.last, at + MB2 - 1);
	cr_expect_eq(gather.tables, 1);
	uvdk_pgtable_quarantine(world.arena, &gather, cookie);
	cr_expect_not(gather.pending);
	cr_expect_eq(gather.tables, 0);
}

static void setup(void)
{
	world_start(&world, &x48, 16);
	cr_assert_eq(map(&world, 0, 0, KB4), 0);
}

TestSuite(quarantine, .init = setup);

Test(quarantine, ends_with_the_cookie_and_not_before)
{
	uint64_t free_pages = stats_of(&world).free;

	for (uint64_t i = 0; i < 5; i++)
		map_and_unmap(4 * MB2 * (i + 1), 100 + i);
	cr_expect_eq(stats_of(&world).quarantined, 5);
	cr_expect_eq(stats_of(&world).free, free_pages - 5);
	cr_expect_eq(uvdk_pgtable_release(world.arena, 99), 0);
	cr_expect_eq(uvdk_pgtable_release(world.arena, 100), 1);
	cr_expect_eq(uvdk_pgtable_release(world.arena, 100), 0);
	cr_expect_eq(uvdk_pgtable_release(world.arena, 103), 3);
	cr_expect_eq(uvdk_pgtable_release(world.arena, 101), 0, "an older one changes nothing");
	cr_expect_eq(uvdk_pgtable_release(world.arena, 104), 1);
	cr_expect_eq(stats_of(&world).free, free_pages);
	world_stop(&world);
}

Test(quarantine, begins_with_any_number)
{
	map_and_unmap(MB2, 0);
	cr_expect_eq(stats_of(&world).quarantined, 1);
	cr_expect_eq(uvdk_pgtable_release(world.arena, 0), 1);
	map_and_unmap(MB2, UINT64_MAX - 1);
	cr_expect_eq(stats_of(&world).quarantined, 1);
	cr_expect_eq(uvdk_pgtable_release(world.arena, UINT64_MAX), 1);
	world.cookie = UINT64_MAX - 1;
	world_stop(&world);
}

Test(quarantine, threads_may_come_in_another_order)
{
	map_and_unmap(MB2, 8);
	map_and_unmap(4 * MB2, 7);
	cr_expect_eq(uvdk_pgtable_release(world.arena, 7), 0, "late, but never early");
	cr_expect_eq(uvdk_pgtable_release(world.arena, 8), 2);
	map_and_unmap(MB2, 8);
	cr_expect_eq(stats_of(&world).quarantined, 0, "that one had completed");
	world.cookie = 10;
	world_stop(&world);
}

/* Hardware may have cached that there is a table: until then it must stay one, and as it was. */
Test(quarantine, a_page_is_not_written_while_it_waits)
{
	uint64_t table = 0, copy[512];

	cr_assert_eq(map(&world, MB2, 9 * GB1 + KB4, MB2), 0);
	table = hw_walk(&world.w, MB2).table[0];
	cr_assert_eq(unmap(&world, MB2, MB2), (int64_t)MB2);
	memcpy(copy, at_address(&world.w, table), KB4);
	uvdk_pgtable_quarantine(world.arena, &world.gather, 1);
	for (uint64_t i = 1; !map(&world, i * GB1, 0, KB4); i++)
		;
	cr_expect_arr_eq(at_address(&world.w, table), copy, KB4);
	uvdk_pgtable_release(world.arena, 1);
	cr_assert_eq(map(&world, MB2, 9 * GB1, KB4), 0);
	cr_expect_eq(hw_walk(&world.w, MB2).table[0], table, "now it is used again");
	cr_expect_eq(out_of(&world, MB2 + KB4), 0, "and what was there is gone");
	world.cookie = 10;
	world_stop(&world);
}

Test(quarantine, what_is_gathered_adds_up)
{
	cr_assert_eq(map(&world, MB2, 0, 3 * KB4), 0);
	cr_assert_eq(map(&world, GB1, 0, 3 * KB4), 0);
	cr_assert_eq(unmap(&world, GB1 + KB4, KB4), (int64_t)KB4);
	cr_expect_eq(world.gather.first, GB1 + KB4);
	cr_expect_eq(world.gather.last, GB1 + 2 * KB4 - 1);
	cr_expect_eq(world.gather.tables, 0);
	cr_assert_eq(unmap(&world, MB2, MB2), (int64_t)(3 * KB4));
	cr_expect_eq(world.gather.first, MB2);
	cr_expect_eq(world.gather.last, GB1 + 2 * KB4 - 1);
	cr_assert_eq(unmap(&world, GB1, GB1), (int64_t)(2 * KB4));
	cr_expect_eq(world.gather.last, 2 * GB1 - 1);
	cr_expect_eq(world.gather.tables, 3);
	world_stop(&world);
}

Test(quarantine, an_empty_table_goes_with_its_range)
{
	cr_assert_eq(map(&world, MB2, 0, KB4), 0);
	cr_assert_eq(uvdk_pgtable_unmap_page(world.pt, MB2), 0);
	cr_expect_eq(unmap(&world, MB2, MB2), 0, "no byte, but a table");
	cr_expect(world.gather.pending);
	cr_expect_eq(world.gather.tables, 1);
	settle(&world);
	cr_expect_eq(unmap(&world, MB2, MB2), -ENOENT);
	world_stop(&world);
}

Test(quarantine, several_tables_share_an_arena)
{
	struct uvdk_pgtable_opts o = arm39;
	struct uvdk_pgtable *other;

	o.arena = world.arena;
	cr_assert_eq(uvdk_pgtable_create(&o, &other), 0);
	cr_assert_eq(uvdk_pgtable_map(other, 0, 0, KB4, R), 0);
	cr_expect_eq(stats_of(&world).tables, 4 + 3);
	uvdk_pgtable_destroy(other);
	cr_expect_eq(stats_of(&world).tables, 4);
	world_stop(&world);
}
