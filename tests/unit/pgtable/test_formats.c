// SPDX-License-Identifier: BSD-3-Clause
#include "pgt_testing.h"

/* Each layout as the specifications have it: hardware of the test's own walks it. */

static const struct uvdk_pgtable_opts *const all[] = {&arm39, &arm48, &arm52, &x48, &x57};

static void expect_page(struct world *world, uint64_t iova, uint64_t out, uint64_t size,
			unsigned int prot)
{
	struct seen s = hw_walk(&world->w, iova);
	struct uvdk_pgtable_page page;

	cr_assert(s.ok, "%#lx: %s", iova, s.why);
	cr_expect_eq(s.out, out, "%#lx leads to %#lx", iova, s.out);
	cr_expect_eq(s.size, size);
	cr_expect_eq(prot_of(&s), prot, "%#lx has %#x", iova, prot_of(&s));
	cr_assert_eq(uvdk_pgtable_lookup(world->pt, iova, &page), 0);
	cr_expect_eq(page.iova, iova & ~(size - 1));
	cr_expect_eq(page.out, out & ~(size - 1));
	cr_expect_eq(page.size, size);
	cr_expect_eq(page.prot, prot);
	cr_expect_eq(page.entry, *s.entry);
}

Test(formats, pages_of_each_size_translate_up_to_both_ends)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct world world;
		uint64_t end;

		world_start(&world, all[i], 64);
		end = world.last + 1;
		cr_assert_eq(map(&world, 0, 7 * KB4, KB4), 0);
		cr_assert_eq(map(&world, end - KB4, 9 * KB4, KB4), 0);
		cr_assert_eq(map(&world, MB2, 5 * MB2, MB2), 0);
		cr_assert_eq(map(&world, end - 3 * GB1, 11 * GB1, GB1), 0);
		expect_page(&world, 0x123, 7 * KB4 + 0x123, KB4, RWU);
		expect_page(&world, world.last, 10 * KB4 - 1, KB4, RWU);
		expect_page(&world, 2 * MB2 - 1, 6 * MB2 - 1, MB2, RWU);
		expect_page(&world, end - 2 * GB1 - 5, 12 * GB1 - 5, GB1, RWU);
		cr_expect_not(hw_walk(&world.w, KB4).ok);
		cr_expect_not(hw_walk(&world.w, end - 2 * GB1).ok);
		cr_expect_eq(unmap(&world, 0, end), (int64_t)(2 * KB4 + MB2 + GB1));
		for (uint64_t a = 0; a < end; a += end / 256)
			cr_expect_not(hw_walk(&world.w, a).ok);
		settle(&world);
		cr_expect_eq(stats_of(&world).tables, 1);
		world_stop(&world);
	}
}

Test(formats, permissions_are_what_was_asked_for)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (unsigned int prot = 1; prot < 16; prot += 2)
			for (unsigned int track = 0; track < 2; track++) {
				struct uvdk_pgtable_opts o = *all[i];
				struct world world;

				o.track = track;
				world_start(&world, &o, 16);
				cr_assert_eq(uvdk_pgtable_map_page(world.pt, KB4, KB4, prot), 0);
				cr_assert_eq(uvdk_pgtable_map(world.pt, MB2, 4 * MB2, MB2, prot),
					     0);
				cr_assert_eq(uvdk_pgtable_map(world.pt, 4 * MB2, 4 * MB2 + KB4,
							      2 * KB4, prot),
					     0);
				expect_page(&world, KB4, KB4, KB4, prot);
				expect_page(&world, MB2, 4 * MB2, MB2, prot);
				expect_page(&world, 4 * MB2, 4 * MB2 + KB4, KB4, prot);
				world_stop(&world);
			}
}

Test(formats, without_nxe_every_page_is_executable)
{
	struct uvdk_pgtable_opts o = x48;
	struct world world;

	o.no_exec = false;
	world_start(&world, &o, 16);
	cr_assert_eq(uvdk_pgtable_map(world.pt, 0, 0, KB4, R | U), 0);
	expect_page(&world, 0, 0, KB4, R | U | X);
	world_stop(&world);
}

Test(formats, addresses_of_52_bits_where_there_are)
{
	uint64_t top = UINT64_C(1) << 52, middle = UINT64_C(1) << 50;
	const struct uvdk_pgtable_opts *const wide[] = {&arm52, &x57};

	for (size_t i = 0; i < 2; i++) {
		struct world world;

		world_start(&world, wide[i], 64);
		cr_assert_eq(map(&world, 0, top - KB4, KB4), 0);
		cr_assert_eq(map(&world, MB2, top - MB2, MB2), 0);
		cr_assert_eq(map(&world, GB1, 3 * middle, GB1), 0);
		/* A run that goes over the border between the two places of the address. */
		cr_assert_eq(map(&world, 8 * MB2 + KB4, middle - 10 * KB4, 100 * KB4), 0);
		cr_assert_eq(map(&world, 9 * MB2 + KB4, 3 * middle - 10 * KB4, MB2 + 20 * KB4), 0);
		cr_assert_eq(uvdk_pgtable_map_page(world.pt, KB4, middle | KB4, RWU), 0);
		cr_assert_eq(uvdk_pgtable_map_page(world.pt, 2 * KB4, top, RWU), -ERANGE);
		expect_page(&world, 0, top - KB4, KB4, RWU);
		expect_page(&world, KB4, middle | KB4, KB4, RWU);
		expect_page(&world, MB2 + KB4, top - MB2 + KB4, MB2, RWU);
		expect_page(&world, GB1 + MB2, 3 * middle + MB2, GB1, RWU);
		for (uint64_t p = 0; p < 100; p++)
			expect_page(&world, 8 * MB2 + KB4 + p * KB4, middle - 10 * KB4 + p * KB4,
				    KB4, RWU);
		for (uint64_t p = 0; p < 532; p++)
			expect_page(&world, 9 * MB2 + KB4 + p * KB4,
				    3 * middle - 10 * KB4 + p * KB4, KB4, RWU);
		cr_assert_eq(uvdk_pgtable_split(world.pt, GB1 + KB4),
			     0 + (i == 0 ? -EOPNOTSUPP : 0));
		world_stop(&world);
	}
}

Test(formats, entries_to_the_bit)
{
	struct world world;

	world_start(&world, &arm48, 16);
	cr_assert_eq(map(&world, 0, 0x89abcde000, KB4), 0);
	cr_expect_eq(*hw_walk(&world.w, 0).entry, UINT64_C(0x89abcde000) | 3 | 1 << 6 | 3 << 8 |
							  1 << 10 | 1 << 11 | UINT64_C(3) << 53);
	world_stop(&world);

	world_start(&world, &x48, 16);
	cr_assert_eq(map(&world, 0, 0x89abcde000, KB4), 0);
	cr_expect_eq(*hw_walk(&world.w, 0).entry,
		     UINT64_C(0x89abcde000) | 7 | 0x60 | UINT64_C(1) << 63);
	world_stop(&world);
}

Test(formats, what_to_point_to_a_table_with)
{
	static const unsigned int levels[] = {3, 4, 5, 4, 5};
	static const unsigned int in[] = {39, 48, 52, 48, 57};
	static const unsigned int out[] = {48, 48, 52, 48, 52};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct uvdk_pgtable_info info;
		struct world world;

		world_start(&world, all[i], 4);
		uvdk_pgtable_get_info(world.pt, &info);
		cr_expect_eq(info.levels, levels[i]);
		cr_expect_eq(info.input_bits, in[i]);
		cr_expect_eq(info.output_bits, out[i]);
		cr_expect_eq(info.ds, i == 2);
		cr_expect_eq(info.last, UINT64_MAX >> (64 - in[i] + (i > 2)));
		cr_expect_eq(info.root % KB4, 0);
		world_stop(&world);
	}
}
