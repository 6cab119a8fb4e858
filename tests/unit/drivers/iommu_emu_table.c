// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>

#include "iommu_emu_table.h"
#include "vtd_walk.h"

/* The page tables of the emu iommu driver, read by a walker that knows only the format. */

#define K4  UINT64_C(0x1000)
#define M2  UINT64_C(0x200000)
#define G1  UINT64_C(0x40000000)
#define ALL (K4 | M2 | G1)

static void *chunks[64];
static unsigned int chunks_max = 64;

static void *chunk(void *arg, unsigned int number, size_t size)
{
	(void)arg;
	if (number >= chunks_max)
		return NULL;

	return chunks[number] = calloc(1, size);
}

static struct emu_arena arena = {.chunk = chunk};
static struct emu_table table;

static void make(enum emu_stage stage, unsigned int levels, uint64_t sizes)
{
	table = (struct emu_table){.arena = &arena,
				   .stage = stage,
				   .levels = levels,
				   .bits = 12 + 9 * levels - (stage == EMU_FIRST_STAGE),
				   .leaf_sizes = sizes};
	cr_assert_eq(emu_table_init(&table), 0);
}

static struct walked walk(uint64_t iova)
{
	struct walked w =
		vtd_walk((uint64_t)table.root, table.levels, table.stage == EMU_SECOND_STAGE, iova);

	cr_assert_null(w.odd, "0x%lx: %s", iova, w.odd);

	return w;
}

static int map(uint64_t iova, uint64_t pa, uint64_t len, unsigned int access)
{
	return emu_table_map(&table, iova, (void *)pa, len, access);
}

/* Unmap; how many tables it emptied. They go back at once. */
static unsigned int unmap(uint64_t iova, uint64_t len)
{
	struct emu_page *freed = NULL;
	unsigned int count = 0;

	emu_table_unmap(&table, iova, len, &freed);
	for (struct emu_page *page = freed; page; page = page->next)
		count++;
	emu_arena_put(&arena, freed);

	return count;
}

static unsigned int free_pages(void)
{
	unsigned int count = 0;

	for (struct emu_page *page = arena.free; page; page = page->next)
		count++;

	return count + (unsigned int)((arena.end - arena.fresh) / 4096);
}

static void finish(void)
{
	struct emu_page *freed = NULL;

	emu_table_fini(&table, &freed);
	emu_arena_put(&arena, freed);
	for (unsigned int i = 0; i < arena.chunks; i++)
		free(chunks[i]);
	arena = (struct emu_arena){.chunk = chunk};
}

Test(emu_table, a_page_is_found_where_it_was_mapped_and_nowhere_else)
{
	for (unsigned int stage = 0; stage < 2; stage++) {
		make(stage, 4, ALL);
		cr_assert_eq(
			map(0x7f0123456000, 0x555500001000, K4, EMU_TABLE_READ | EMU_TABLE_WRITE),
			0);
		cr_expect_eq(walk(0x7f0123456abc).addr, 0x555500001abc);
		cr_expect(walk(0x7f0123456000).read);
		cr_expect(walk(0x7f0123456000).write);
		cr_expect_eq(walk(0x7f0123455fff).size, 0);
		cr_expect_eq(walk(0x7f0123457000).size, 0);
		cr_expect_eq(unmap(0x7f0123456000, K4), 3);
		cr_expect_eq(walk(0x7f0123456000).size, 0);
		finish();
	}
}

Test(emu_table, leaves_are_as_large_as_alignment_and_length_allow)
{
	static const struct {
		uint64_t iova, pa, len, sizes, at, size;
	} c[] = {
		{G1, G1, G1, ALL, G1, G1},
		{G1, G1, G1, K4 | M2, G1 + 5 * M2, M2},
		{G1, G1, G1, K4, G1 + 5 * M2, K4},
		{G1, G1 + M2, G1, ALL, G1, M2},
		{G1, G1 + K4, G1, ALL, G1, K4},
		{G1 - M2, 5 * G1 - M2, 2 * G1, ALL, G1, G1},
		{G1 - M2, 5 * G1 - M2, 2 * G1, ALL, G1 - K4, M2},
		{M2 - K4, M2 - K4, 2 * M2, ALL, M2, M2},
		{M2 - K4, M2 - K4, 2 * M2, ALL, M2 - K4, K4},
		{M2 - K4, M2 - K4, 2 * M2, ALL, 3 * M2 - 2 * K4, K4},
		{M2, M2, M2 - K4, ALL, M2, K4},
	};

	for (unsigned int i = 0; i < 2 * sizeof(c) / sizeof(c[0]); i++) {
		unsigned int n = i / 2;

		make(i % 2, 4, c[n].sizes);
		cr_assert_eq(map(c[n].iova, c[n].pa, c[n].len, EMU_TABLE_READ), 0);
		cr_expect_eq(walk(c[n].at).size, c[n].size, "case %u: 0x%lx", n,
			     walk(c[n].at).size);
		for (uint64_t off = 0; off < c[n].len; off += c[n].len / 7 & ~(K4 - 1))
			cr_assert_eq(walk(c[n].iova + off).addr, c[n].pa + off, "case %u", n);
		cr_expect_eq(walk(c[n].iova - 1).size, 0);
		cr_expect_eq(walk(c[n].iova + c[n].len).size, 0);
		unmap(c[n].iova, c[n].len);
		for (unsigned int e = 0; e < 512; e++)
			cr_assert_eq(((uint64_t *)table.root)[e], 0, "case %u: the root is empty",
				     n);
		finish();
	}
}

Test(emu_table, access_is_what_was_asked_for)
{
	make(EMU_SECOND_STAGE, 4, ALL);
	map(0, 0, K4, EMU_TABLE_READ);
	map(K4, 0, K4, EMU_TABLE_WRITE);
	cr_expect(walk(0).read && !walk(0).write);
	cr_expect(!walk(K4).read && walk(K4).write);
	finish();

	make(EMU_FIRST_STAGE, 5, ALL);
	map(0, 0, K4, EMU_TABLE_READ);
	map(M2, M2, M2, EMU_TABLE_READ | EMU_TABLE_WRITE);
	cr_expect(walk(0).read && !walk(0).write);
	cr_expect(walk(M2).read && walk(M2).write);
	finish();
}

Test(emu_table, a_table_goes_when_its_last_map_goes)
{
	make(EMU_FIRST_STAGE, 4, ALL);
	map(0, 0x10000, K4, EMU_TABLE_READ);
	map(K4, 0x10000, K4, EMU_TABLE_READ);
	map(M2, M2, M2, EMU_TABLE_READ);
	cr_expect_eq(unmap(0, K4), 0);
	cr_expect_eq(walk(K4).addr, 0x10000);
	cr_expect_eq(unmap(K4, K4), 1, "the last level alone: the one above has a large page");
	cr_expect_eq(walk(M2 + 5).addr, M2 + 5);
	cr_assert_eq(map(0, 4 * M2, M2, EMU_TABLE_READ), 0);
	cr_expect_eq(walk(7).size, M2, "where the table was is room for a large page");
	cr_expect_eq(unmap(0, 2 * M2), 2);
	finish();
}

Test(emu_table, a_page_is_not_written_while_it_waits_for_its_invalidation)
{
	struct emu_page *freed = NULL;
	uint64_t *inner;

	make(EMU_FIRST_STAGE, 4, ALL);
	map(0, 0x10000, K4, EMU_TABLE_READ);
	inner = (uint64_t *)((uint64_t)walk(0).leaf & ~(K4 - 1));
	emu_table_unmap(&table, 0, K4, &freed);
	for (unsigned int i = 0; i < 512; i++)
		cr_assert_eq(inner[i], 0, "hardware may still read it: nothing is there");
	for (unsigned int i = 0; i < 100; i++)
		cr_assert_neq(emu_arena_get(&arena), inner, "nor is it used for anything else");
	emu_arena_put(&arena, freed);
	finish();
}

Test(emu_table, addresses_beyond_the_width_are_refused)
{
	make(EMU_FIRST_STAGE, 4, ALL);
	cr_expect_eq(map(UINT64_C(1) << 47, 0, K4, EMU_TABLE_READ), -ERANGE);
	cr_expect_eq(map((UINT64_C(1) << 47) - K4, 0, 2 * K4, EMU_TABLE_READ), -ERANGE);
	cr_expect_eq(map(-K4, 0, 2 * K4, EMU_TABLE_READ), -ERANGE);
	cr_expect_eq(map((UINT64_C(1) << 47) - K4, 0, K4, EMU_TABLE_READ), 0);
	cr_expect_eq(map(5, 0, K4, EMU_TABLE_READ), -ERANGE);
	cr_expect_eq(map(0, 0, 0, EMU_TABLE_READ), -ERANGE);
	finish();
}

Test(emu_table, what_fails_half_way_can_be_taken_back)
{
	chunks_max = 1;
	make(EMU_FIRST_STAGE, 4, K4);
	cr_assert_eq(map(0, 0, 4 * G1, EMU_TABLE_READ), -ENOMEM, "510 pages don't reach");
	unmap(0, 4 * G1);
	cr_expect_eq(walk(0).size, 0);
	cr_expect_eq(free_pages(), 509, "all but the root");
	cr_expect_eq(map(0, 0, M2, EMU_TABLE_READ), 0);
	finish();
}

Test(emu_table, dirty_pages_are_told_once)
{
	uint64_t bitmap[16] = {0};

	make(EMU_SECOND_STAGE, 4, ALL);
	map(0, 0, 4 * K4, EMU_TABLE_READ | EMU_TABLE_WRITE);
	map(M2, M2, M2, EMU_TABLE_READ | EMU_TABLE_WRITE);
	*walk(2 * K4).leaf |= 1 << 9;
	cr_expect(!emu_table_dirty(&table, 0, 4 * K4, K4, bitmap, true));
	cr_expect_eq(bitmap[0], 4);
	cr_expect(emu_table_dirty(&table, K4, 3 * K4, K4, bitmap, false));
	cr_expect_eq(bitmap[0], 4 | 2, "counted from where the range starts");
	bitmap[0] = 0;
	cr_expect(!emu_table_dirty(&table, 0, 2 * M2, K4, bitmap, false));
	cr_expect_eq(bitmap[0], 0);

	*walk(M2).leaf |= 1 << 9;
	cr_expect(emu_table_dirty(&table, M2, M2, K4, bitmap, false));
	for (unsigned int i = 0; i < 8; i++)
		cr_expect_eq(bitmap[i], UINT64_MAX, "a large page is written as a whole");
	cr_expect_eq(bitmap[8], 0);
	finish();
}

/* Maps of all kinds, come and go at random; a plain array knows what must be there. */
#define SPAN 4096u

static unsigned int seed = 1;

static unsigned int random_below(unsigned int n)
{
	seed = seed * 1103515245 + 12345;

	return (seed >> 8) % n;
}

static uint64_t pages[SPAN]; /* target + 1, or 0 */
static unsigned int first_of[SPAN];

static void add_random(void)
{
	unsigned int at = random_below(SPAN);
	unsigned int count = 1 + random_below(random_below(2) ? 8 : 1100);
	uint64_t pa = (random_below(2) ? at : random_below(SPAN)) * K4 + 0x40000000;

	if (random_below(2))
		at &= ~511u;
	for (unsigned int i = 0; i < count; i++)
		if (at + count > SPAN || pages[at + i])
			return;
	cr_assert_eq(map(G1 + at * K4, pa, count * K4, EMU_TABLE_READ | EMU_TABLE_WRITE), 0);
	for (unsigned int i = 0; i < count; i++) {
		pages[at + i] = pa + i * K4 + 1;
		first_of[at + i] = at;
	}
}

static void remove_random(void)
{
	unsigned int at = random_below(SPAN);
	unsigned int count = 0;

	if (!pages[at])
		return;
	at = first_of[at];
	while (at + count < SPAN && pages[at + count] && first_of[at + count] == at)
		pages[at + count++] = 0;
	unmap(G1 + at * K4, count * K4);
}

Test(emu_table, many_maps_come_and_go)
{
	for (unsigned int stage = 0; stage < 2; stage++) {
		make(stage, 4 - stage, ALL);
		for (unsigned int turn = 0; turn < 3000; turn++) {
			random_below(3) ? add_random() : remove_random();
			for (unsigned int i = turn % 61; i < SPAN; i += 61)
				cr_assert_eq(walk(G1 + i * K4).size ? walk(G1 + i * K4).addr + 1
								    : 0,
					     pages[i], "turn %u, page %u", turn, i);
		}
		for (unsigned int i = 0; i < SPAN; i++)
			if (pages[i] && (!i || first_of[i] != first_of[i - 1] || !pages[i - 1])) {
				unsigned int n = 0;

				while (i + n < SPAN && pages[i + n] && first_of[i + n] == i)
					pages[i + n++] = 0;
				unmap(G1 + i * K4, n * K4);
			}
		cr_expect_eq(free_pages(), 510 * arena.chunks - 1, "all but the root");
		finish();
	}
}
