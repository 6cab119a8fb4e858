// SPDX-License-Identifier: BSD-3-Clause
#include "pgt_testing.h"

/* Single pages by the array: the same as a call for each. */

static struct world world;

static const struct uvdk_pgtable_opts *const formats[] = {&arm39, &arm48, &arm52, &x48, &x57};

/* To and fro between tables of 2 MiB, the first of them missing. */
static const uint64_t iova[] = {MB2,	       MB2 + 5 * KB4, 2 * MB2 - KB4, 2 * MB2,
				3 * GB1 + KB4, MB2 + KB4,     MB2 + 2 * KB4};
#define N (sizeof(iova) / sizeof(iova[0]))

static void outputs(uint64_t out[N])
{
	for (unsigned int i = 0; i < N; i++)
		out[i] = GB1 + 7 * i * KB4;
}

Test(pgtable_pages, each_is_mapped_and_unmapped)
{
	for (unsigned int f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
		uint64_t out[N];

		outputs(out);
		world_start(&world, formats[f], 64);
		cr_assert_eq(uvdk_pgtable_map_pages(world.pt, iova, out, N, RWU), N, "%s",
			     uvdk_last_error());
		for (unsigned int i = 0; i < N; i++) {
			cr_expect(hw_walk(&world.w, iova[i]).ok, "%u", i);
			cr_expect_eq(hw_walk(&world.w, iova[i]).out, out[i], "%u", i);
		}
		cr_expect_not(hw_walk(&world.w, MB2 + 3 * KB4).ok);
		cr_expect_eq(uvdk_pgtable_unmap_pages(world.pt, iova, N), N);
		for (unsigned int i = 0; i < N; i++)
			cr_expect_not(hw_walk(&world.w, iova[i]).ok, "%u", i);
		world_stop(&world);
	}
}

Test(pgtable_pages, it_ends_before_the_first_that_fails)
{
	uint64_t out[N], at[N];

	outputs(out);
	memcpy(at, iova, sizeof(at));
	world_start(&world, &arm48, 64);
	cr_expect_eq(uvdk_pgtable_map_pages(world.pt, at, out, N, W), 0, "not readable");
	out[5] = UINT64_C(1) << 50;
	cr_expect_eq(uvdk_pgtable_map_pages(world.pt, at, out, N, RWU), 5);
	cr_expect(strstr(uvdk_last_error(), "output addresses"), "%s", uvdk_last_error());
	at[6] = at[1];
	out[6] = 0;
	cr_expect_eq(uvdk_pgtable_map_pages(world.pt, at + 6, out + 6, 1, RWU), 0, "mapped");
	cr_expect_eq(hw_walk(&world.w, at[1]).out, out[1], "as it was");
	cr_expect_eq(uvdk_pgtable_unmap_pages(world.pt, at, N), 5);
	cr_expect(strstr(uvdk_last_error(), "nothing is mapped"), "%s", uvdk_last_error());
	at[1] = MB2 + 8;
	cr_expect_eq(uvdk_pgtable_map_pages(world.pt, at, out, 3, RWU), 1, "no page");
	at[1] = world.last + 1;
	cr_expect_eq(uvdk_pgtable_map_pages(world.pt, at + 1, out, 3, RWU), 0, "no address");
	cr_expect_eq(uvdk_pgtable_unmap_pages(world.pt, at, 2), 1);
	world_stop(&world);
}

/* Where marks are kept, and of a large page. */
Test(pgtable_pages, pages_that_are_not_simply_cleared)
{
	struct uvdk_pgtable_opts marks = arm48;
	uint64_t out[N];

	marks.track = true;
	outputs(out);
	world_start(&world, &marks, 64);
	cr_assert_eq(uvdk_pgtable_map_pages(world.pt, iova, out, N, RWU), N);
	cr_expect_eq(uvdk_pgtable_unmap_pages(world.pt, iova, N), N);
	cr_expect_not(hw_walk(&world.w, iova[N - 1]).ok);
	world_stop(&world);

	world_start(&world, &x48, 64);
	cr_assert_eq(uvdk_pgtable_map(world.pt, MB2, GB1, MB2, RWU), 0);
	cr_expect_eq(uvdk_pgtable_unmap_pages(world.pt, iova, 3), 3);
	cr_expect_not(hw_walk(&world.w, MB2 + 5 * KB4).ok);
	cr_expect(hw_walk(&world.w, MB2 + 6 * KB4).ok, "the rest of it stays");
	world_stop(&world);
}
