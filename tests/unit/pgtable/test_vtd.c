// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_pgtable.h>

#include "../../random.h"
#include "vtd_testing.h"

/* The emulated machine's remapping unit, whose caches are strict, walks our tables. */
#define PASID  5
#define DID    1
#define R      UVDK_PGTABLE_READ
#define W      UVDK_PGTABLE_WRITE
#define U      UVDK_PGTABLE_USER
#define RWU    (R | W | U)
#define TABLES 512
#define GUEST                                                                               \
	UINT64_C(0x100000000) /* where the arena is in the second stage, where there is one \
			       */
#define BEYOND (GUEST + TABLES * KB4) /* and where mem is */

static struct kern k;
static struct uvdk_pgtable_arena *arena;
static struct uvdk_pgtable *pt;
static struct uvdk_pgtable_gather gather;
static uint64_t cookie;
static uint8_t *mem; /* 8 pages */

static void invalidate(uint64_t first, uint64_t last, bool tables)
{
	unsigned int am = 0;

	while (first >> (12 + am) != last >> (12 + am))
		am++;
	if (am > 18)
		inval_all_pages(&k, DID, PASID);
	else
		inval_pages(&k, DID, PASID, first >> (12 + am) << (12 + am), am, !tables);
	cr_assert(wait_queue(&k));
}

/* What was gathered is invalidated, as tightly as the gather says. */
static void settle(void)
{
	if (gather.pending)
		invalidate(gather.first, gather.last, gather.tables);
	uvdk_pgtable_quarantine(arena, &gather, ++cookie);
	uvdk_pgtable_release(arena, cookie);
}

static int on_invalidate(void *arg, uint64_t first, uint64_t last)
{
	(void)arg;
	invalidate(first, last, true);
	return 0;
}

/* Behind a second stage, or alone. */
static void point_to(const struct uvdk_pgtable_info *info, const uint8_t *tables, bool nested)
{
	uint64_t *second = nested ? new_page(&k) : NULL;

	for (uint64_t i = 0; nested && i < TABLES; i++)
		ss_map(&k, second, GUEST + i * KB4, tables + i * KB4);
	for (uint64_t i = 0; nested && i < 8; i++)
		ss_map(&k, second, BEYOND + i * KB4, mem + i * KB4);
	set_context(&k, k.fn, CTX_PASIDE);
	set_pasid(&k, PASID, nested ? NESTED : FIRST, DID, (uint64_t *)(uintptr_t)info->root,
		  second);
	pasid_of(&k, PASID)[2] |= 1 << 5 | (info->levels - 4) << 2; /* NXE, FSPM */
}

static void start_with(unsigned int bits, bool track, bool nested)
{
	struct uvdk_pgtable_arena_opts a = {.size = sizeof(a), .length = TABLES * KB4};
	struct uvdk_pgtable_opts o = {.size = sizeof(o),
				      .format = UVDK_PGTABLE_X86,
				      .input_bits = bits,
				      .output_bits = 48,
				      .track = track,
				      .no_exec = true,
				      .invalidate = on_invalidate};
	struct uvdk_pgtable_info info;

	kern_start(&k, NULL, "emu:probe");
	mem = new_page(&k);
	for (int i = 1; i < 8; i++)
		new_page(&k);
	a.va = new_page(&k);
	for (int i = 1; i < TABLES; i++)
		new_page(&k);
	a.address = nested ? GUEST : pa(a.va);
	cr_assert_eq(uvdk_pgtable_arena_create(&a, &arena), 0);
	o.arena = arena;
	cr_assert_eq(uvdk_pgtable_create(&o, &pt), 0, "%s", uvdk_last_error());
	uvdk_pgtable_get_info(pt, &info);
	point_to(&info, a.va, nested);
}

static void start(unsigned int bits, bool track)
{
	start_with(bits, track, false);
}

static void stop(void)
{
	uvdk_pgtable_destroy(pt);
	uvdk_pgtable_arena_destroy(arena);
	kern_stop(&k);
}

static void map(uint64_t iova, const void *to, uint64_t length, unsigned int prot)
{
	cr_assert_eq(uvdk_pgtable_map(pt, iova, pa(to), length, prot), 0, "%s", uvdk_last_error());
}

Test(vtd, walks_4_and_5_levels_up_to_the_end)
{
	for (unsigned int bits = 48; bits <= 57; bits += 9) {
		uint64_t end = UINT64_C(1) << (bits - 1);

		start(bits, false);
		map(0x7000, mem, KB4, RWU);
		map(end - KB4, mem + KB4, KB4, RWU);
		mem[0x10] = 0x42;
		cr_expect_eq(peek(&k, PASID, 0x7010), 0x42);
		cr_assert(poke(&k, PASID, end - 1, 0x43));
		cr_expect_eq(mem[2 * KB4 - 1], 0x43);
		cr_expect_eq(peek(&k, PASID, 0x8000), -1);
		cr_expect_eq(fault_reason(&k), 0x71);
		expect_no_stale(&k);
		stop();
	}
}

Test(vtd, finds_tables_through_a_second_stage)
{
	start_with(48, true, true);
	cr_assert_eq(uvdk_pgtable_map(pt, 0x7000, BEYOND + KB4, 2 * KB4, RWU), 0);
	cr_assert_eq(uvdk_pgtable_map(pt, 5 * GB1, BEYOND + 8 * KB4, KB4, RWU), 0);
	mem[KB4 + 5] = 0x42;
	cr_expect_eq(peek(&k, PASID, 0x7005), 0x42);
	cr_assert(poke(&k, PASID, 0x8001, 0x43));
	cr_expect_eq(mem[2 * KB4 + 1], 0x43);
	cr_expect_eq(peek(&k, PASID, 0x9000), -1);
	cr_expect_eq(fault_reason(&k), 0x71);
	cr_expect_not(poke(&k, PASID, 5 * GB1, 1), "what it leads to is outside of the second");
	cr_expect_eq(fault_reason(&k), 0x79);
	begin(&k);
	cr_assert_eq(uvdk_pgtable_unmap(pt, 0, GB1, &gather), (int64_t)(2 * KB4));
	cr_expect_eq(gather.dirty, KB4);
	settle();
	end(&k);
	cr_expect_eq(peek(&k, PASID, 0x7005), -1);
	expect_no_stale(&k);
	stop();
}

Test(vtd, finds_the_permissions)
{
	start(48, false);
	map(0x1000, mem, KB4, R | U);
	map(0x2000, mem, KB4, R | W);
	cr_expect_eq(peek(&k, PASID, 0x1000), 0);
	cr_expect_not(poke(&k, PASID, 0x1000, 1));
	cr_expect_eq(fault_reason(&k), 0x85);
	cr_expect_eq(peek(&k, PASID, 0x2000), -1);
	cr_expect_eq(fault_reason(&k), 0x81);
	begin(&k);
	cr_assert_eq(uvdk_pgtable_protect(pt, 0x1000, 2 * KB4, RWU, &gather), (int64_t)(2 * KB4));
	settle();
	end(&k);
	cr_expect(poke(&k, PASID, 0x1000, 1));
	cr_expect_eq(peek(&k, PASID, 0x2000), 1);
	expect_no_stale(&k);
	stop();
}

Test(vtd, misses_an_invalidation_and_says_so)
{
	start(48, false);
	map(0x7000, mem, KB4, RWU);
	cr_assert_eq(peek(&k, PASID, 0x7000), 0);
	begin(&k);
	cr_assert_eq(uvdk_pgtable_unmap_page(pt, 0x7000), 0);
	end(&k);
	cr_expect_eq(peek(&k, PASID, 0x7000), -1);
	EXPECT_STALE(&k, "IOTLB", "PASID-based IOTLB invalidation of domain 1, PASID 5");
	stop();
}

/* A page of 1 GiB is cut and made whole again; the device goes on all the while. */
Test(vtd, split_and_merge_under_it)
{
	size_t size = 2 * GB1;
	uint8_t *big = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *at = (uint8_t *)(uintptr_t)((pa(big) + GB1 - 1) & ~(GB1 - 1));
	struct uvdk_pgtable_page page;

	cr_assert_neq(big, MAP_FAILED);
	start(48, true);
	map(GB1, at, GB1, RWU);
	cr_assert(poke(&k, PASID, GB1 + 5 * MB2 + 7 * KB4, 0x11));
	cr_assert_eq(uvdk_pgtable_split(pt, GB1 + 5 * MB2 + 7 * KB4), 0);
	cr_assert_eq(uvdk_pgtable_lookup(pt, GB1 + 5 * MB2, &page), 0);
	cr_expect_eq(page.size, KB4);
	cr_expect_eq(peek(&k, PASID, GB1 + 5 * MB2 + 7 * KB4), 0x11);
	cr_assert(poke(&k, PASID, GB1 + 5 * MB2 + 8 * KB4, 0x12));
	cr_expect_eq(at[5 * MB2 + 8 * KB4], 0x12);
	expect_no_stale(&k);

	begin(&k);
	cr_assert_eq(uvdk_pgtable_unmap(pt, GB1 + 5 * MB2 + 8 * KB4, KB4, &gather), (int64_t)KB4);
	settle();
	end(&k);
	cr_expect_not(poke(&k, PASID, GB1 + 5 * MB2 + 8 * KB4, 0x13));
	cr_expect_eq(fault_reason(&k), 0x71);
	cr_assert(poke(&k, PASID, GB1 + 5 * MB2 + 9 * KB4, 0x14));
	map(GB1 + 5 * MB2 + 8 * KB4, at + 5 * MB2 + 8 * KB4, KB4, RWU);
	cr_assert(poke(&k, PASID, GB1 + 5 * MB2 + 8 * KB4, 0x15));
	begin(&k);
	cr_expect_eq(uvdk_pgtable_merge(pt, GB1, GB1, &gather), 2);
	settle();
	end(&k);
	cr_expect_eq(peek(&k, PASID, GB1 + 5 * MB2 + 8 * KB4), 0x15);
	cr_assert_eq(uvdk_pgtable_lookup(pt, GB1, &page), 0);
	cr_expect_eq(page.size, GB1);
	cr_expect_eq(page.marks, UVDK_PGTABLE_ACCESSED | UVDK_PGTABLE_DIRTY);
	expect_no_stale(&k);
	stop();
	munmap(big, size);
}

Test(vtd, notes_what_it_writes)
{
	start(48, true);
	map(0x1000, mem, 4 * KB4, RWU);
	cr_assert(poke(&k, PASID, 0x2000, 1));
	cr_assert_eq(peek(&k, PASID, 0x3000), 0);
	for (int i = 0; i < 3; i++) {
		begin(&k);
		cr_expect_eq(uvdk_pgtable_read_marks(pt, 0, GB1, UVDK_PGTABLE_DIRTY, NULL, NULL,
						     &gather),
			     1);
		settle();
		end(&k);
		cr_assert(poke(&k, PASID, 0x4000, 1));
	}
	expect_no_stale(&k);
	stop();
}

static uint64_t rnd(uint64_t below)
{
	static uint64_t seed = 88172645463325252;

	return (random_next(&seed) >> 8) % below;
}

/* Pages of three tables come and go; the model of it is where each leads, or -1. */
#define PAGES	1536
#define SOME	(GB1 - MB2)
#define NOWHERE (-1)

static int model[PAGES];

static void change(uint64_t page, uint64_t count)
{
	int to = (int)rnd(8);

	for (uint64_t i = 0; i < count; i++)
		if (model[page + i] != NOWHERE) {
			begin(&k);
			uvdk_pgtable_unmap(pt, SOME + page * KB4, count * KB4, &gather);
			settle();
			end(&k);
			for (i = 0; i < count; i++)
				model[page + i] = NOWHERE;
			return;
		}
	for (uint64_t i = 0; i < count; i++) {
		cr_assert_eq(uvdk_pgtable_map_page(pt, SOME + (page + i) * KB4,
						   pa(mem + ((to + i) % 8) * KB4), RWU),
			     0);
		model[page + i] = (int)(to + i) % 8;
	}
}

Test(vtd, never_meets_anything_stale, .timeout = 100)
{
	uint64_t live = 0;

	start(48, false);
	for (int i = 0; i < 8; i++)
		mem[i * KB4] = (uint8_t)(i + 1);
	for (int i = 0; i < PAGES; i++)
		model[i] = NOWHERE;
	for (int step = 0; step < 200000; step++) {
		uint64_t page = rnd(PAGES), count = rnd(50) ? 1 + rnd(4) : 512;

		change(page, count < PAGES - page ? count : PAGES - page);
		for (int i = 0; i < 4; i++) {
			page = rnd(PAGES);
			cr_assert_eq(peek(&k, PASID, SOME + page * KB4),
				     model[page] == NOWHERE ? -1 : model[page] + 1, "step %d",
				     step);
			live += model[page] != NOWHERE;
		}
		while (fault_reason(&k))
			;
	}
	cr_expect_gt(live, 10000);
	expect_no_stale(&k);
	stop();
}
