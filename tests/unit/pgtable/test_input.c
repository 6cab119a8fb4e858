// SPDX-License-Identifier: BSD-3-Clause
#include "pgt_testing.h"

/* Bad input: a clear error, and nothing has changed. */

static struct world world;

static void setup(void)
{
	world_start(&world, &x48, 32);
	cr_assert_eq(map(&world, MB2, 0x10000, 4 * KB4), 0);
}

TestSuite(input, .init = setup);

static uint64_t picture(void)
{
	uint64_t hash = 0;

	for (uint64_t i = 0; i < world.w.length / 8; i++)
		hash = hash * 31 + ((uint64_t *)(void *)world.w.memory)[i];

	return hash;
}

#define REFUSED(call, err, word)                                                                \
	do {                                                                                    \
		uint64_t before_ = picture();                                                   \
		struct uvdk_pgtable_arena_stats stats_ = stats_of(&world);                      \
                                                                                                \
		cr_expect_eq((call), (err), "%s", #call);                                       \
		cr_expect(strstr(uvdk_last_error(), word), "%s: %s", #call, uvdk_last_error()); \
		cr_expect_eq(picture(), before_, "%s changes something", #call);                \
		cr_expect_eq(stats_of(&world).free, stats_.free);                               \
		cr_expect_not(world.gather.pending);                                            \
	} while (0)

Test(input, ranges_that_are_none)
{
	struct uvdk_pgtable *pt = world.pt;
	uint64_t end = world.last + 1;

	REFUSED(map(&world, 0, 0, 0), -EINVAL, "multiples of 4096");
	REFUSED(map(&world, 1, 0, KB4), -EINVAL, "multiples of 4096");
	REFUSED(map(&world, 0, 8, KB4), -EINVAL, "multiple of 4096");
	REFUSED(map(&world, 0, 0, KB4 + 1), -EINVAL, "multiples of 4096");
	REFUSED(map(&world, end, 0, KB4), -ERANGE, "end at");
	REFUSED(map(&world, end - KB4, 0, 2 * KB4), -ERANGE, "end at");
	REFUSED(map(&world, KB4, 0, -KB4), -ERANGE, "end at");
	REFUSED(map(&world, -KB4, 0, 2 * KB4), -ERANGE, "end at");
	REFUSED(map(&world, 0, UINT64_C(1) << 48, KB4), -ERANGE, "output addresses");
	REFUSED(map(&world, 0, (UINT64_C(1) << 48) - KB4, 2 * KB4), -ERANGE, "output addresses");
	REFUSED(map(&world, 0, -KB4, 2 * KB4), -ERANGE, "output addresses");
	REFUSED(uvdk_pgtable_map_page(pt, 5, 0, RWU), -EINVAL, "multiples of 4096");
	REFUSED(uvdk_pgtable_map_page(pt, 0, 5, RWU), -EINVAL, "multiple of 4096");
	REFUSED(uvdk_pgtable_map_page(pt, end, 0, RWU), -ERANGE, "end at");
	REFUSED(uvdk_pgtable_map_page(pt, 0, UINT64_C(1) << 48, RWU), -ERANGE, "output addresses");
	REFUSED(unmap(&world, MB2, 0), -EINVAL, "multiples of 4096");
	REFUSED(unmap(&world, MB2 + 1, KB4), -EINVAL, "multiples of 4096");
	REFUSED(unmap(&world, KB4, -KB4), -ERANGE, "end at");
	REFUSED(uvdk_pgtable_unmap_page(pt, MB2 + 1), -EINVAL, "multiples of 4096");
	REFUSED(uvdk_pgtable_unmap_page(pt, end), -ERANGE, "end at");
	REFUSED(uvdk_pgtable_split(pt, 1), -EINVAL, "multiples of 4096");
	REFUSED(uvdk_pgtable_split(pt, end), -ERANGE, "end at");
	REFUSED(uvdk_pgtable_merge(pt, KB4, -KB4, &world.gather), -ERANGE, "end at");
	REFUSED(uvdk_pgtable_protect(pt, 1, KB4, R, &world.gather), -EINVAL, "multiples of 4096");
	REFUSED(uvdk_pgtable_walk(pt, 0, 0, NULL, NULL), -EINVAL, "multiples of 4096");
	world_stop(&world);
}

Test(input, permissions_that_are_none)
{
	REFUSED(uvdk_pgtable_map(world.pt, 0, 0, KB4, 0), -EINVAL, "permissions");
	REFUSED(uvdk_pgtable_map(world.pt, 0, 0, KB4, W), -EINVAL, "permissions");
	REFUSED(uvdk_pgtable_map(world.pt, 0, 0, KB4, 16 | R), -EINVAL, "permissions");
	REFUSED(uvdk_pgtable_map_page(world.pt, MB2 + 8 * KB4, 0, W), -EINVAL, "permissions");
	REFUSED(uvdk_pgtable_map_page(world.pt, MB2 + 8 * KB4, 0, 16 | R), -EINVAL, "permissions");
	REFUSED(uvdk_pgtable_protect(world.pt, MB2, KB4, 0, &world.gather), -EINVAL, "permissions");
	world_stop(&world);
}

Test(input, what_is_mapped_already)
{
	cr_assert_eq(map(&world, 4 * MB2, 4 * MB2, MB2), 0);
	cr_assert_eq(map(&world, GB1, GB1, GB1), 0);
	REFUSED(map(&world, MB2, 0, KB4), -EEXIST, "0x200000 is mapped");
	REFUSED(map(&world, MB2 - 2 * KB4, 0, 3 * KB4), -EEXIST, "0x200000 is mapped");
	REFUSED(map(&world, MB2 + 3 * KB4, 0, 10 * KB4), -EEXIST, "0x203000 is mapped");
	REFUSED(map(&world, 0, 0, MB2 * 2), -EEXIST, "0x200000 is mapped");
	REFUSED(map(&world, 4 * MB2 + KB4, 0, KB4), -EEXIST, "0x801000 is mapped");
	REFUSED(map(&world, 3 * MB2, 0, 8 * MB2), -EEXIST, "0x800000 is mapped");
	REFUSED(map(&world, GB1 + MB2, 0, KB4), -EEXIST, "is mapped");
	REFUSED(uvdk_pgtable_map_page(world.pt, MB2, 0, RWU), -EEXIST, "0x200000 is mapped");
	REFUSED(uvdk_pgtable_map_page(world.pt, 4 * MB2, 0, RWU), -EEXIST, "is mapped");
	world_stop(&world);
}

Test(input, what_is_not_mapped)
{
	struct uvdk_pgtable_page page;

	REFUSED(unmap(&world, 0, KB4), -ENOENT, "nothing is mapped");
	REFUSED(unmap(&world, MB2 + 4 * KB4, MB2), -ENOENT, "nothing is mapped");
	REFUSED(uvdk_pgtable_unmap_page(world.pt, MB2 + 4 * KB4), -ENOENT, "nothing is mapped");
	REFUSED(uvdk_pgtable_unmap_page(world.pt, 0), -ENOENT, "nothing is mapped");
	REFUSED(uvdk_pgtable_protect(world.pt, 0, KB4, R, &world.gather), -ENOENT,
		"nothing is mapped");
	cr_expect_eq(uvdk_pgtable_lookup(world.pt, 0, &page), -ENOENT);
	cr_expect_eq(uvdk_pgtable_lookup(world.pt, world.last + 1, &page), -ERANGE);
	cr_expect_eq(unmap(&world, 0, 4 * MB2), (int64_t)(4 * KB4), "what is there goes");
	world_stop(&world);
}

Test(input, an_arena_that_is_used_up)
{
	uint64_t gap = GB1, at = gap;

	while (!map(&world, at, 0, KB4))
		at += gap;
	cr_expect_lt(stats_of(&world).free, 2);
	REFUSED(map(&world, at, 0, KB4), -ENOMEM, "table pages needed");
	/* Some of it could be mapped: it is not. */
	REFUSED(map(&world, at - gap + KB4, 0, gap), -ENOMEM, "table pages needed");
	REFUSED(uvdk_pgtable_map_page(world.pt, at, 0, RWU), -ENOMEM, "table pages needed");
	cr_assert_eq(map(&world, gap + KB4, 0, KB4), 0, "where there is a table there is room");
	cr_assert_gt(unmap(&world, gap, gap), 0);
	cr_expect_eq(map(&world, at, 0, KB4), -ENOMEM, "not before it is released");
	settle(&world);
	cr_expect_eq(map(&world, at, 0, KB4), 0);
	world_stop(&world);
}

Test(input, a_split_without_a_table_page)
{
	cr_assert_eq(map(&world, 4 * MB2, 4 * MB2, MB2), 0);
	for (uint64_t at = GB1; !map(&world, at, 0, KB4);)
		at += GB1;
	while (!map(&world, stats_of(&world).free * 64 * MB2, 0, KB4))
		;
	cr_assert_eq(stats_of(&world).free, 0);
	REFUSED(unmap(&world, 4 * MB2, KB4), -ENOMEM, "table pages needed");
	REFUSED(uvdk_pgtable_split(world.pt, 4 * MB2 + KB4), -ENOMEM, "table pages needed");
	cr_expect_eq(unmap(&world, 4 * MB2, MB2), (int64_t)MB2);
	world_stop(&world);
}

static int create(struct uvdk_pgtable_opts o)
{
	struct uvdk_pgtable *pt = NULL;
	int err;

	o.size = sizeof(o);
	err = uvdk_pgtable_create(&o, &pt);
	cr_expect_eq(pt, NULL, "*out is written on failure");

	return err;
}

Test(input, tables_that_are_none)
{
	struct uvdk_pgtable_arena *a = world.arena;

	REFUSED(create((struct uvdk_pgtable_opts){.format = 1, .input_bits = 48}), -EINVAL,
		"arena");
	REFUSED(create((struct uvdk_pgtable_opts){.arena = a, .input_bits = 48}), -EINVAL,
		"format");
#define WRONG(word, err, ...) \
	REFUSED(create((struct uvdk_pgtable_opts){.arena = a, __VA_ARGS__}), err, word)
	WRONG("39, 48 and 52", -EINVAL, .format = UVDK_PGTABLE_ARM, .input_bits = 47);
	WRONG("48 and 57", -EINVAL, .format = UVDK_PGTABLE_X86, .input_bits = 39);
	WRONG("32 to 48", -EINVAL, .format = UVDK_PGTABLE_ARM, .input_bits = 48, .output_bits = 52);
	WRONG("32 to 52", -EINVAL, .format = UVDK_PGTABLE_X86, .input_bits = 48, .output_bits = 53);
	WRONG("MAIR", -EINVAL, .format = UVDK_PGTABLE_ARM, .input_bits = 48, .attr_index = 8);
	WRONG("option of Arm", -EINVAL, .format = UVDK_PGTABLE_X86, .input_bits = 48,
	      .attr_index = 1);
	WRONG("option of x86", -EINVAL, .format = UVDK_PGTABLE_ARM, .input_bits = 48,
	      .no_exec = true);
	WRONG("page sizes", -EINVAL, .format = UVDK_PGTABLE_X86, .input_bits = 48,
	      .page_sizes = 0x10000);
	WRONG("1 GiB needs 2 MiB", -EINVAL, .format = UVDK_PGTABLE_X86, .input_bits = 48,
	      .page_sizes = GB1);
	WRONG("below 32 bits", -ERANGE, .format = UVDK_PGTABLE_X86, .input_bits = 48,
	      .output_bits = 32);
	world_stop(&world);
}

static int arena(void *va, uint64_t address, uint64_t length)
{
	struct uvdk_pgtable_arena_opts o = {sizeof(o), va, address, length};
	struct uvdk_pgtable_arena *a = NULL;
	int err = uvdk_pgtable_arena_create(&o, &a);

	cr_expect_eq(a, NULL);
	return err;
}

Test(input, arenas_that_are_none)
{
	uint8_t *va = world.w.memory;

	REFUSED(arena(NULL, 0, KB4), -EINVAL, "multiples of 4096");
	REFUSED(arena(va, 0, 0), -EINVAL, "multiples of 4096");
	REFUSED(arena(va + 8, 0, KB4), -EINVAL, "multiples of 4096");
	REFUSED(arena(va, 8, KB4), -EINVAL, "multiples of 4096");
	REFUSED(arena(va, 0, KB4 + 8), -EINVAL, "multiples of 4096");
	REFUSED(arena(va, (UINT64_C(1) << 52) - KB4, 2 * KB4), -ERANGE, "52 bits");
	REFUSED(arena(va, -KB4, 2 * KB4), -ERANGE, "52 bits");
	REFUSED(arena(va, 0, UINT64_C(1) << 50), -EINVAL, "2^43");
	uvdk_pgtable_arena_destroy(NULL);
	uvdk_pgtable_destroy(NULL);
	world_stop(&world);
}
