// SPDX-License-Identifier: BSD-3-Clause
#include "pgt_testing.h"

/* Accessed and dirty marks: hardware sets them, nothing loses one. */

static const struct uvdk_pgtable_opts *const both[] = {&arm48, &x48};
static struct world world;

#define A UVDK_PGTABLE_ACCESSED
#define D UVDK_PGTABLE_DIRTY

static void start(const struct uvdk_pgtable_opts *like, bool in_place)
{
	struct uvdk_pgtable_opts o = *like;

	o.track = true;
	o.in_place = in_place;
	o.invalidate = on_invalidate;
	world_start(&world, &o, 32);
}

struct told {
	unsigned int count;
	struct uvdk_pgtable_page page[8];
};

static int tell(void *arg, const struct uvdk_pgtable_page *page)
{
	struct told *told = arg;

	cr_assert_lt(told->count, 8);
	told->page[told->count++] = *page;
	return 0;
}

static int64_t read_marks(unsigned int marks, struct told *told)
{
	*told = (struct told){0};
	return uvdk_pgtable_read_marks(world.pt, 0, GB1, marks, tell, told, &world.gather);
}

Test(marks, are_read_and_cleared)
{
	for (int i = 0; i < 2; i++) {
		struct told told;

		start(both[i], false);
		cr_assert_eq(map(&world, 0, GB1, 16 * KB4), 0);
		cr_assert_eq(map(&world, 2 * MB2, 2 * GB1, MB2), 0);
		cr_expect_eq(read_marks(A | D, &told), 0, "nothing has been used");
		cr_expect_not(world.gather.pending);
		cr_expect(hw_access(&world.w, 3 * KB4, false));
		cr_expect(hw_access(&world.w, 5 * KB4, true));
		cr_expect(hw_access(&world.w, 2 * MB2 + 7 * KB4, true));
		cr_expect_eq(read_marks(D, &told), 2);
		cr_expect_eq(told.page[0].iova, 5 * KB4);
		cr_expect_eq(told.page[0].marks, D);
		cr_expect_eq(told.page[1].iova, 2 * MB2);
		cr_expect_eq(told.page[1].size, MB2);
		cr_expect_eq(world.gather.first, 5 * KB4);
		cr_expect_eq(world.gather.last, 3 * MB2 - 1);
		cr_expect_eq(read_marks(A | D, &told), 3);
		cr_expect_eq(told.page[0].marks, A);
		cr_expect_eq(read_marks(A | D, &told), 0);
		cr_expect(hw_access(&world.w, 5 * KB4, true));
		cr_expect_eq(read_marks(D, &told), 1, "it is writable still");
		world_stop(&world);
	}
}

Test(marks, there_are_none_where_none_are_kept)
{
	for (int i = 0; i < 2; i++) {
		struct seen s;

		world_start(&world, both[i], 32);
		cr_assert_eq(map(&world, 0, GB1, KB4), 0);
		s = hw_walk(&world.w, 0);
		cr_expect(s.accessed, "so hardware has nothing to write");
		cr_expect_eq(
			uvdk_pgtable_read_marks(world.pt, 0, GB1, D, NULL, NULL, &world.gather),
			-EOPNOTSUPP);
		world_stop(&world);
		start(both[i], false);
		cr_expect_eq(
			uvdk_pgtable_read_marks(world.pt, 0, GB1, 0, NULL, NULL, &world.gather),
			-EINVAL);
		cr_expect_eq(
			uvdk_pgtable_read_marks(world.pt, 0, GB1, 4, NULL, NULL, &world.gather),
			-EINVAL);
		world_stop(&world);
	}
}

Test(marks, unmap_tells_them)
{
	for (int i = 0; i < 2; i++) {
		start(both[i], false);
		cr_assert_eq(map(&world, 0, GB1, 16 * KB4), 0);
		cr_assert_eq(map(&world, 2 * MB2, 2 * GB1, MB2), 0);
		cr_expect(hw_access(&world.w, KB4, false));
		cr_expect(hw_access(&world.w, 2 * KB4, true));
		cr_expect(hw_access(&world.w, 3 * KB4, true));
		cr_expect(hw_access(&world.w, 2 * MB2, true));
		cr_expect(hw_access(&world.w, 0, true));
		cr_expect_eq(uvdk_pgtable_unmap_page(world.pt, 0), A | D);
		cr_assert_eq(uvdk_pgtable_map_page(world.pt, 0, GB1, RWU), 0);
		cr_expect_eq(uvdk_pgtable_unmap_page(world.pt, 0), 0);
		cr_expect_eq(uvdk_pgtable_unmap_page(world.pt, KB4), A);
		cr_expect_eq(uvdk_pgtable_unmap_page(world.pt, 2 * KB4), A | D);
		cr_expect_eq(unmap(&world, 0, GB1), (int64_t)(13 * KB4 + MB2));
		cr_expect_eq(world.gather.dirty, KB4 + MB2);
		world_stop(&world);
	}
}

Test(marks, survive_split_and_merge)
{
	for (int i = 0; i < 4; i++) {
		struct seen s;

		start(both[i % 2], i / 2);
		cr_assert_eq(map(&world, MB2, GB1, MB2), 0);
		cr_expect(hw_access(&world.w, MB2, true));
		cr_assert_eq(uvdk_pgtable_split(world.pt, MB2 + KB4), 0);
		s = hw_walk(&world.w, 2 * MB2 - KB4);
		cr_expect(s.ok && s.size == KB4 && s.accessed && s.dirty);
		cr_expect_eq(
			uvdk_pgtable_read_marks(world.pt, 0, GB1, A | D, NULL, NULL, &world.gather),
			512);
		cr_expect(hw_access(&world.w, MB2 + 7 * KB4, true));
		cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, GB1, &world.gather), 1);
		s = hw_walk(&world.w, MB2);
		cr_expect(s.ok && s.size == MB2 && s.accessed && s.dirty && s.write);
		cr_assert_eq(
			uvdk_pgtable_read_marks(world.pt, 0, GB1, A | D, NULL, NULL, &world.gather),
			1);
		cr_assert_eq(uvdk_pgtable_split(world.pt, MB2 + KB4), 0);
		cr_expect(hw_access(&world.w, MB2 + 9 * KB4, false));
		cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, GB1, &world.gather), 1);
		s = hw_walk(&world.w, MB2);
		cr_expect(s.ok && s.size == MB2 && s.accessed && !s.dirty && s.write);
		world_stop(&world);
	}
}

/* Hardware with the former pages cached writes their marks until it is told. */
static int write_late(void *arg, uint64_t first, uint64_t last)
{
	uint64_t **former = arg;

	(void)first;
	(void)last;
	**former |= 0x60;
	return 0;
}

Test(marks, a_late_one_is_not_lost_by_merging)
{
	struct uvdk_pgtable_opts o = x48;
	uint64_t *former;
	struct seen s;

	o.track = true;
	o.invalidate = write_late;
	world_start(&world, &o, 16);
	uvdk_pgtable_destroy(world.pt);
	o.arena = world.arena;
	o.arg = &former;
	cr_assert_eq(uvdk_pgtable_create(&o, &world.pt), 0);
	cr_assert_eq(map(&world, 0, GB1, MB2), 0);
	cr_assert_eq(uvdk_pgtable_split(world.pt, KB4), 0);
	former = hw_walk(&world.w, 9 * KB4).entry;
	cr_expect_eq(uvdk_pgtable_merge(world.pt, 0, GB1, &world.gather), 1);
	s = hw_walk(&world.w, 0);
	cr_expect(s.ok && s.size == MB2 && s.accessed && s.dirty);
	world_stop(&world);
}

Test(marks, survive_a_change_of_permissions)
{
	for (int i = 0; i < 2; i++) {
		struct seen s;

		start(both[i], false);
		cr_assert_eq(map(&world, 0, GB1, 2 * KB4), 0);
		cr_expect(hw_access(&world.w, 0, true));
		cr_expect_eq(uvdk_pgtable_protect(world.pt, 0, 2 * KB4, R | W, &world.gather),
			     (int64_t)(2 * KB4));
		s = hw_walk(&world.w, 0);
		cr_expect(s.ok && s.dirty && s.accessed && s.write && !s.user);
		s = hw_walk(&world.w, KB4);
		cr_expect(s.ok && !s.dirty && !s.accessed && s.write && !s.user);
		cr_expect_eq(uvdk_pgtable_protect(world.pt, 0, 2 * KB4, R, &world.gather),
			     (int64_t)(2 * KB4));
		s = hw_walk(&world.w, 0);
		cr_expect(s.ok && !s.write && s.accessed);
		cr_expect(s.dirty || world.gather.dirty == KB4, "in its place, or told");
		world_stop(&world);
	}
}
