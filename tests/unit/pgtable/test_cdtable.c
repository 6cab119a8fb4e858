// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_cdtable.h>

#include "cd_walk.h"
#include "pgt_testing.h"

/* An SMMU that reads the table finds what was set, and nothing else. */

#define AT    UINT64_C(0x40000000) /* where the SMMU sees the memory */
#define LEN   UINT64_C(0x800000)
#define PAGES 128 /* at its end, for the arena */

static struct cd_memory m;
static struct uvdk_pgtable_arena *arena;
static struct uvdk_cdtable *cdt;
static uint64_t ste[2];

static void setup(void)
{
	struct uvdk_pgtable_arena_opts opts = {.size = sizeof(opts), .length = PAGES * KB4};

	m = (struct cd_memory){.bytes = aligned_alloc(LEN, LEN), .address = AT, .length = LEN};
	cr_assert_not_null(m.bytes);
	memset(m.bytes, 0xa5, LEN);
	opts.va = m.bytes + LEN - opts.length;
	opts.address = AT + LEN - opts.length;
	cr_assert_eq(uvdk_pgtable_arena_create(&opts, &arena), 0);
}

static uint64_t pages_free(void)
{
	struct uvdk_pgtable_arena_stats stats;

	uvdk_pgtable_arena_get_stats(arena, &stats);
	return stats.free;
}

static void teardown(void)
{
	uvdk_pgtable_arena_destroy(arena);
	free(m.bytes);
}

TestSuite(cdtable, .init = setup, .fini = teardown);

static struct uvdk_cdtable_opts options(unsigned int bits, bool two_level)
{
	return (struct uvdk_cdtable_opts){.size = sizeof(struct uvdk_cdtable_opts),
					  .ssid_bits = bits,
					  .two_level = two_level,
					  .va = m.bytes,
					  .address = AT,
					  .arena = arena};
}

static void make(unsigned int bits, bool two_level)
{
	struct uvdk_cdtable_opts opts = options(bits, two_level);

	cr_assert_eq(uvdk_cdtable_create(&opts, &cdt), 0, "%s", uvdk_last_error());
	uvdk_cdtable_get_ste(cdt, ste);
}

static struct uvdk_pgtable *table(const struct uvdk_pgtable_opts *like)
{
	struct uvdk_pgtable_opts opts = *like;
	struct uvdk_pgtable *pt = NULL;

	opts.arena = arena;
	cr_assert_eq(uvdk_pgtable_create(&opts, &pt), 0, "%s", uvdk_last_error());
	return pt;
}

static void set(uint32_t ssid, const struct uvdk_pgtable *pt, uint16_t asid, unsigned int flags)
{
	cr_assert_eq(uvdk_cdtable_set(cdt, ssid, pt, asid, flags), 0, "%s", uvdk_last_error());
}

static struct cd_seen look(uint32_t ssid)
{
	return cd_walk(&m, ste, ssid);
}

static void finish(uint64_t pages)
{
	uvdk_cdtable_destroy(cdt);
	cr_assert_eq(pages_free(), pages);
}

/* Every entry of a table, and none beside it. */
static void fill_table(unsigned int bits, bool two_level, uint32_t step)
{
	uint64_t pages = pages_free();
	struct uvdk_pgtable *pt;
	struct uvdk_pgtable_info info;

	make(bits, two_level);
	pt = table(&arm48);
	uvdk_pgtable_get_info(pt, &info);
	for (uint32_t i = 0; i < 1u << bits; i += step)
		set(i, pt, (uint16_t)(i + 1), 0);
	for (uint32_t i = 0; i < 1u << bits; i++) {
		struct cd_seen seen = look(i);

		if (i % step) {
			cr_assert_not_null(seen.why, "%u is valid", i);
			continue;
		}
		cr_assert_null(seen.why, "%u: %s", i, seen.why);
		cr_assert_eq(seen.ttb0, info.root);
		cr_assert_eq(seen.asid, (uint16_t)(i + 1));
	}
	cr_expect_not_null(look(1u << bits).why);
	for (uint32_t i = 0; i < 1u << bits; i += step) {
		cr_assert_eq(uvdk_cdtable_clear(cdt, i), 0);
		cr_assert_not_null(look(i).why);
	}
	uvdk_pgtable_destroy(pt);
	finish(pages);
}

Test(cdtable, of_one_entry)
{
	fill_table(0, false, 1);
}

Test(cdtable, of_one_page)
{
	fill_table(6, false, 1);
}

Test(cdtable, in_one_piece)
{
	fill_table(12, false, 1);
}

Test(cdtable, in_two_levels)
{
	fill_table(7, true, 1);
	fill_table(12, true, 1);
}

Test(cdtable, in_two_levels_takes_pages_where_they_are_needed)
{
	fill_table(20, true, 1 << 14);
	cr_expect_eq(uvdk_cdtable_length(20, true), 128 * 1024);
}

static void form(const struct uvdk_pgtable_opts *like, unsigned int index, unsigned int input,
		 unsigned int output, bool ds)
{
	struct uvdk_pgtable_opts opts = *like;
	struct uvdk_pgtable_info info;
	struct uvdk_pgtable *pt;
	struct cd_seen seen;

	opts.attr_index = index;
	pt = table(&opts);
	uvdk_pgtable_get_info(pt, &info);
	set(3, pt, 0xfedc, 0);
	seen = look(3);
	cr_expect_null(seen.why, "%u bits: %s", input, seen.why);
	cr_expect_eq(seen.input_bits, input);
	cr_expect_eq(seen.output_bits, output);
	cr_expect_eq(seen.ds, ds);
	cr_expect_eq(seen.ttb0, info.root);
	cr_expect_eq(seen.asid, 0xfedc);
	cr_expect_eq(seen.mair >> 8 * index & 0xff, 0xff, "write-back");
	cr_expect_not(seen.ha || seen.hd);
	cr_assert_eq(uvdk_cdtable_clear(cdt, 3), 0);
	uvdk_pgtable_destroy(pt);
}

Test(cdtable, has_the_form_of_the_table)
{
	struct uvdk_pgtable_opts narrow = arm48;
	uint64_t pages = pages_free();

	narrow.output_bits = 43;
	make(6, false);
	form(&arm39, 0, 39, 48, false);
	form(&arm48, 5, 48, 48, false);
	form(&arm52, 7, 52, 52, true);
	form(&narrow, 0, 48, 44, false);
	finish(pages);
}

Test(cdtable, has_hardware_keep_marks_where_it_is_to)
{
	struct uvdk_pgtable_opts opts = arm48;
	uint64_t pages = pages_free();
	struct uvdk_pgtable *pt;

	opts.track = true;
	make(1, false);
	pt = table(&opts);
	cr_expect_eq(uvdk_cdtable_set(cdt, 1, pt, 1, 0), -EINVAL);
	cr_expect_not_null(look(1).why);
	set(1, pt, 1, UVDK_CDTABLE_ACCESSED | UVDK_CDTABLE_DIRTY);
	cr_expect_null(look(1).why);
	cr_expect(look(1).ha && look(1).hd);
	uvdk_pgtable_destroy(pt);
	finish(pages);
}

#define REFUSED(call, err, word)                                                                \
	do {                                                                                    \
		cr_expect_eq((call), (err), "%s", #call);                                       \
		cr_expect(strstr(uvdk_last_error(), word), "%s: %s", #call, uvdk_last_error()); \
	} while (0)

Test(cdtable, entries_that_cannot_be_are_refused)
{
	uint64_t pages = pages_free();
	struct uvdk_pgtable *arm, *x86;

	make(7, true);
	arm = table(&arm48);
	x86 = table(&x48);
	set(64, arm, 7, 0);
	REFUSED(uvdk_cdtable_set(cdt, 64, arm, 8, 0), -EEXIST, "clear it first");
	cr_expect_eq(look(64).asid, 7, "what was there has changed");
	REFUSED(uvdk_cdtable_set(cdt, 128, arm, 8, 0), -ERANGE, "7 bits");
	REFUSED(uvdk_cdtable_set(cdt, 1, x86, 8, 0), -EINVAL, "Arm");
	REFUSED(uvdk_cdtable_set(cdt, 1, arm, 8, UVDK_CDTABLE_DIRTY), -EINVAL, "ACCESSED");
	REFUSED(uvdk_cdtable_set(cdt, 1, arm, 8, 4), -EINVAL, "flags");
	REFUSED(uvdk_cdtable_clear(cdt, 1), -ENOENT, "no first stage");
	REFUSED(uvdk_cdtable_clear(cdt, 128), -ERANGE, "7 bits");
	uvdk_pgtable_destroy(arm);
	uvdk_pgtable_destroy(x86);
	finish(pages);
}

Test(cdtable, tables_that_cannot_be_are_refused)
{
	struct uvdk_cdtable_opts opts = options(21, false);

	REFUSED(uvdk_cdtable_create(&opts, &cdt), -EINVAL, "0 to 20");
	opts = options(6, true);
	REFUSED(uvdk_cdtable_create(&opts, &cdt), -EINVAL, "7 to 20");
	opts = options(7, true);
	opts.arena = NULL;
	REFUSED(uvdk_cdtable_create(&opts, &cdt), -EINVAL, "arena");
	opts = options(7, false);
	opts.address += KB4;
	REFUSED(uvdk_cdtable_create(&opts, &cdt), -EINVAL, "0x2000");
	opts = options(0, false);
	opts.va = NULL;
	REFUSED(uvdk_cdtable_create(&opts, &cdt), -EINVAL, "memory");
	opts = options(0, false);
	opts.address = UINT64_C(1) << 52;
	REFUSED(uvdk_cdtable_create(&opts, &cdt), -ERANGE, "52 bits");
}

Test(cdtable, an_arena_that_is_used_up_changes_nothing)
{
	struct uvdk_pgtable *pt;
	uint64_t pages = pages_free();

	make(20, true);
	pt = table(&arm48);
	for (uint32_t i = 1; pages_free(); i++)
		set(i * 64, pt, 1, 0);
	REFUSED(uvdk_cdtable_set(cdt, 0, pt, 1, 0), -ENOMEM, "arena");
	cr_expect_not_null(look(0).why);
	uvdk_pgtable_destroy(pt);
	finish(pages);
}

/* 4.3.5, 4.4.2, 4.5.1 */
Test(cdtable, commands_name_the_entry_and_the_tag)
{
	struct uvdk_cdtable_command c[UVDK_CDTABLE_COMMANDS];

	cr_expect_eq(uvdk_cdtable_commands(0x89abcdef, 0x12345, 0xbeef, false, c), 2);
	cr_expect_eq(c[0].cmd[0], UINT64_C(0x89abcdef12345005));
	cr_expect_eq(c[0].cmd[1], 0);
	cr_expect_eq(c[1].cmd[0], UINT64_C(0xbeef000000000011));
	cr_expect_eq(c[1].cmd[1], 0);
	cr_expect_eq(uvdk_cdtable_commands(0x89abcdef, 0x12345, 0xbeef, true, c), 3);
	cr_expect_eq(c[2].cmd[0], UINT64_C(0x89abcdef12345840));
	cr_expect_eq(c[2].cmd[1], 52);
	cr_expect_eq(uvdk_cdtable_commands(1, 0, 2, true, c), 3);
	cr_expect_eq(c[2].cmd[0], UINT64_C(0x100000040), "without a substream");
}
