// SPDX-License-Identifier: BSD-3-Clause
#include "../../random.h"
#include "vtd_testing.h"

static struct kern k;
static uint64_t *first;
static uint64_t *second;
static uint8_t *mem;

static void setup(void)
{
	kern_start(&k, NULL, "emu:probe");
	first = new_page(&k);
	second = new_page(&k);
	mem = new_page(&k);
	new_page(&k);
	set_context(&k, k.fn, CTX_PASIDE);
}

static void teardown(void)
{
	kern_stop(&k);
}

TestSuite(vtd_walk, .init = setup, .fini = teardown);

Test(vtd_walk, a_first_stage_table_serves_one_pasid)
{
	fs_map(&k, first, 0x7000, mem);
	set_pasid(&k, 5, FIRST, 1, first, NULL);
	mem[0x10] = 0x42;
	cr_expect_eq(peek(&k, 5, 0x7010), 0x42);
	cr_assert(poke(&k, 5, 0x7011, 0x43));
	cr_expect_eq(mem[0x11], 0x43);
	cr_expect_eq(fault_reason(&k), 0);
	cr_expect_eq(peek(&k, 6, 0x7010), -1);
	cr_expect_eq(fault_reason(&k), 0x59, "PASID 6 is not present");
	cr_expect_eq(peek(&k, NO_PASID, 0x7010), -1);
	cr_expect_eq(fault_reason(&k), 0x59, "nor is RID_PASID 0");
	expect_no_stale(&k);
}

Test(vtd_walk, large_pages_of_the_first_stage)
{
	uint8_t *big = mmap(NULL, 2 * GB1, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint8_t *at = (uint8_t *)(uintptr_t)((pa(big) + GB1 - 1) & ~(GB1 - 1));

	cr_assert_neq(big, MAP_FAILED);
	*fs_entry(&k, first, GB1, 3) = pa(at) | FS_BITS | PAGE_SIZE_BIT;
	*fs_entry(&k, first, MB2, 2) = pa(at + MB2) | FS_BITS | PAGE_SIZE_BIT;
	set_pasid(&k, 5, FIRST, 1, first, NULL);
	cr_assert(poke(&k, 5, GB1 + 123 * KB4 + 7, 0x11));
	cr_expect_eq(at[123 * KB4 + 7], 0x11);
	cr_assert(poke(&k, 5, 2 * GB1 - 1, 0x12));
	cr_expect_eq(at[GB1 - 1], 0x12);
	cr_assert(poke(&k, 5, MB2 + 511 * KB4, 0x13));
	cr_expect_eq(at[MB2 + 511 * KB4], 0x13);
	cr_expect_not(poke(&k, 5, 2 * MB2, 0));
	cr_expect_eq(fault_reason(&k), 0x71);

	*fs_entry(&k, first, 3 * GB1, 3) = (pa(at) | FS_BITS | PAGE_SIZE_BIT) + MB2;
	cr_expect_not(poke(&k, 5, 3 * GB1, 0));
	cr_expect_eq(fault_reason(&k), 0x72, "a misplaced gigabyte");
	munmap(big, 2 * GB1);
}

Test(vtd_walk, five_levels_where_the_entry_says_so)
{
	uint64_t iova = UINT64_C(1) << 50 | 0x3000;
	uint8_t b = 0;

	*entry_at(&k, first, 5, iova, 1, FS_BITS) = pa(mem) | FS_BITS;
	set_pasid(&k, 5, FIRST, 1, first, NULL);
	pasid_of(&k, 5)[2] |= 1 << 2;
	mem[1] = 0x77;
	cr_expect_eq(uvdk_emu_dma_read_pasid(k.fn, 5, iova + 1, &b, 1), 0);
	cr_expect_eq(b, 0x77);
	cr_expect_eq(peek(&k, 5, UINT64_C(1) << 57), -1);
	cr_expect_eq(fault_reason(&k), 0x80);
}

Test(vtd_walk, addresses_of_the_first_stage_are_canonical)
{
	*fs_entry(&k, first, UINT64_MAX - 0xfff, 1) = pa(mem) | FS_BITS;
	set_pasid(&k, 5, FIRST, 1, first, NULL);
	mem[0xfff] = 9;
	cr_expect_eq(peek(&k, 5, UINT64_MAX), 9);
	cr_expect_eq(peek(&k, 5, (UINT64_C(1) << 48) - 1), -1);
	cr_expect_eq(fault_reason(&k), 0x80);
}

Test(vtd_walk, rights_of_the_first_stage_are_those_of_every_level)
{
	uint64_t *leaf = fs_entry(&k, first, 0x7000, 1);
	uint64_t *above = fs_entry(&k, first, 0x7000, 2);

	set_pasid(&k, 5, FIRST, 1, first, NULL);
	*leaf = pa(mem) | 1 | 4;
	cr_expect_eq(peek(&k, 5, 0x7000), 0);
	cr_expect_not(poke(&k, 5, 0x7000, 1));
	cr_expect_eq(fault_reason(&k), 0x85);

	fs_map(&k, first, 0x8000, mem);
	begin(&k);
	*above &= ~UINT64_C(2);
	inval_pages(&k, 1, 5, 0, 18, false);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_not(poke(&k, 5, 0x8000, 1));
	cr_expect_eq(fault_reason(&k), 0x85);

	*fs_entry(&k, first, 0x9000, 1) = pa(mem) | 1 | 2;
	cr_expect_eq(peek(&k, 5, 0x9000), -1);
	cr_expect_eq(fault_reason(&k), 0x81, "a supervisor's page");
	*fs_entry(&k, first, 0xa000, 1) = pa(mem) | FS_BITS | UINT64_C(1) << 63;
	cr_expect_eq(peek(&k, 5, 0xa000), -1);
	cr_expect_eq(fault_reason(&k), 0x72, "XD is reserved without NXE");
	*fs_entry(&k, first, 0xb000, 1) = pa(mem) | FS_BITS | UINT64_C(1) << 50;
	cr_expect_eq(peek(&k, 5, 0xb000), -1);
	cr_expect_eq(fault_reason(&k), 0x72, "an address wider than the host's");
	expect_no_stale(&k);
}

Test(vtd_walk, accessed_and_dirty_bits_are_set_in_memory)
{
	uint64_t *leaf = fs_entry(&k, first, 0x7000, 1);

	fs_map(&k, first, 0x7000, mem);
	set_pasid(&k, 5, FIRST, 1, first, NULL);
	cr_expect_eq(peek(&k, 5, 0x7000), 0);
	cr_expect_eq(*leaf & 0x60, 0x20);
	cr_expect_eq(*fs_entry(&k, first, 0x7000, 2) & 0x20, 0x20);
	cr_assert(poke(&k, 5, 0x7000, 1));
	cr_expect_eq(*leaf & 0x60, 0x60);
}

Test(vtd_walk, a_second_stage_table_serves_a_requester)
{
	ss_map(&k, second, 0x7000, mem);
	*ss_entry(&k, second, 0x8000, 1) = pa(mem) | 1;
	*ss_entry(&k, second, 0x9000, 1) = pa(mem) | 2;
	set_pasid(&k, 0, SECOND, 1, NULL, second);
	mem[3] = 0x21;
	cr_expect_eq(peek(&k, NO_PASID, 0x7003), 0x21);
	cr_assert(poke(&k, NO_PASID, 0x7004, 0x22));
	cr_expect_eq(mem[4], 0x22);
	cr_expect_not(poke(&k, NO_PASID, 0x8000, 1));
	cr_expect_eq(fault_reason(&k), 0x79);
	cr_expect_eq(peek(&k, NO_PASID, 0x9000), -1);
	cr_expect_eq(fault_reason(&k), 0x79);
	cr_expect(poke(&k, NO_PASID, 0x9000, 1));
	cr_expect_eq(peek(&k, NO_PASID, 0xa000), -1);
	cr_expect_eq(fault_reason(&k), 0x79);
	cr_expect_eq(peek(&k, NO_PASID, UINT64_C(1) << 48), -1);
	cr_expect_eq(fault_reason(&k), 0x84);
	cr_expect_eq(*ss_entry(&k, second, 0x7000, 1) & 0x300, 0, "no A and D without SSADE");
}

Test(vtd_walk, a_second_stage_tells_dirty_pages_when_asked)
{
	ss_map(&k, second, 0x7000, mem);
	set_pasid(&k, 0, SECOND, 1, NULL, second);
	pasid_of(&k, 0)[0] |= 1 << 9;
	cr_expect_eq(peek(&k, NO_PASID, 0x7003), 0);
	cr_expect_eq(*ss_entry(&k, second, 0x7000, 1) & 0x300, 0x100);
	cr_assert(poke(&k, NO_PASID, 0x7003, 1));
	cr_expect_eq(*ss_entry(&k, second, 0x7000, 1) & 0x300, 0x300);
}

/* Tables of the first stage and what they lead to are addresses of the second. */
Test(vtd_walk, nested_translation_goes_through_both)
{
	uint64_t guest = UINT64_C(0x100000000);
	uint64_t *tables[4] = {new_page(&k), new_page(&k), new_page(&k), new_page(&k)};

	for (unsigned int i = 0; i < 4; i++) {
		ss_map(&k, second, guest + i * KB4, tables[i]);
		tables[i][0] = (guest + (i + 1) * KB4) | FS_BITS;
	}
	ss_map(&k, second, guest + 4 * KB4, mem);
	tables[3][7] = tables[3][0];
	*ss_entry(&k, second, guest + 5 * KB4, 1) = pa(mem) | 1;
	tables[3][8] = (guest + 5 * KB4) | FS_BITS;
	tables[3][9] = (guest + 6 * KB4) | FS_BITS;
	set_pasid(&k, 5, NESTED, 1, NULL, second);
	pasid_of(&k, 5)[2] = guest;
	mem[1] = 0x31;
	cr_expect_eq(peek(&k, 5, 0x7001), 0x31);
	cr_assert(poke(&k, 5, 0x7002, 0x32));
	cr_expect_eq(mem[2], 0x32);
	cr_expect_not(poke(&k, 5, 0x8000, 1), "the second stage has the last word");
	cr_expect_eq(fault_reason(&k), 0x79);
	cr_expect_eq(peek(&k, 5, 0x9000), -1);
	cr_expect_eq(fault_reason(&k), 0x79);
	cr_expect_eq(peek(&k, 5, 0x200000), -1);
	cr_expect_eq(fault_reason(&k), 0x71);
	expect_no_stale(&k);
}

Test(vtd_walk, pass_through_is_the_identity)
{
	set_pasid(&k, 0, PASS, 1, NULL, NULL);
	mem[8] = 0x51;
	cr_expect_eq(peek(&k, NO_PASID, pa(mem) + 8), 0x51);
	cr_expect_eq(peek(&k, NO_PASID, UINT64_C(1) << 50), -1);
	cr_expect_eq(fault_reason(&k), 0x83);
}

Test(vtd_walk, interrupts_are_not_translated)
{
	ss_map(&k, second, 0xfee00000, mem);
	fs_map(&k, first, 0xfee00000, mem);
	set_pasid(&k, 0, SECOND, 1, NULL, second);
	set_pasid(&k, 5, FIRST, 2, first, NULL);
	cr_expect_not(poke(&k, NO_PASID, 0xfee00000, 1));
	cr_expect_eq(fault_reason(&k), 0x87);
	cr_expect(poke(&k, 5, 0xfee00000, 1), "with a PASID it is an address like others");
}

/* Each step towards the page table, spoilt one at a time. */
Test(vtd_walk, each_table_on_the_way_is_checked)
{
	uint64_t *c = context_of(&k, k.fn);
	uint64_t *p = pasid_of(&k, 5);
	struct {
		uint64_t *word;
		uint64_t flip;
		unsigned int reason;
	} spoilt[] = {
		{&k.root[0], 1, 0x39},
		{&k.root[0], 1 << 5, 0x3a},
		{&c[0], 1, 0x41},
		{&c[0], 1 << 6, 0x42},
		{&c[1], UINT64_C(1) << 40, 0x42},
		{&c[2], 1, 0x42},
		{&c[0], CTX_PASIDE, 0x45},
		{&k.directory[0], 1, 0x51},
		{&k.directory[0], 1 << 7, 0x52},
		{&p[0], 1, 0x59},
		{&p[0], 1 << 10, 0x5a},
		{&p[1], 1 << 20, 0x5a},
		{&p[2], 1 << 9, 0x5a},
		{&p[5], 1, 0x5a},
		{&p[0], 1 << 8 | 1 << 6, 0x5b},
		{&p[2], 2 << 2, 0x5b},
	};

	fs_map(&k, first, 0x7000, mem);
	set_pasid(&k, 5, FIRST, 1, first, NULL);
	for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		*spoilt[i].word ^= spoilt[i].flip;
		cr_expect_eq(peek(&k, 5, 0x7000), -1);
		cr_expect_eq(fault_reason(&k), spoilt[i].reason, "case %zu", i);
		*spoilt[i].word ^= spoilt[i].flip;
		/* Good entries were cached on the way. */
		begin(&k);
		inval_context(&k, sid_of(k.fn));
		post(&k, 0x7 | 3 << 4, 0);
		post(&k, 0x2 | 1 << 4, 0);
		cr_assert(wait_queue(&k));
		end(&k);
	}
	cr_expect_eq(peek(&k, 5, 0x7000), 0);
	cr_expect_eq(peek(&k, 8192, 0x7000), -1);
	cr_expect_eq(fault_reason(&k), 0x46);
	expect_no_stale(&k);
}

Test(vtd_walk, what_must_not_be_recorded_is_not)
{
	fs_map(&k, first, 0x7000, mem);
	set_pasid(&k, 5, FIRST, 1, first, NULL);
	pasid_of(&k, 5)[0] |= 2; /* FPD */
	cr_expect_eq(peek(&k, 5, 0x9000), -1);
	cr_expect_eq(fault_reason(&k), 0);
}

Test(vtd_walk, a_fault_record_tells_who_and_where)
{
	uint32_t off = (uint32_t)(reg(&k, CAP, 8) >> 24 & 0x3ff) * 16;
	unsigned int count = (reg(&k, CAP, 8) >> 40 & 0xff) + 1;

	set_pasid(&k, 5, FIRST, 1, first, NULL);
	cr_expect_not(poke(&k, 5, 0x123456, 1));
	cr_expect_eq(reg(&k, off, 8), 0x123000);
	cr_expect_eq(reg(&k, off + 8, 8), UINT64_C(1) << 63 | UINT64_C(5) << 40 |
						  UINT64_C(0x71) << 32 | 1u << 31 | sid_of(k.fn));
	cr_expect_eq(peek(&k, NO_PASID, 0x1000), -1);
	cr_expect_eq(reg(&k, off + 24, 8),
		     UINT64_C(1) << 63 | UINT64_C(1) << 62 | UINT64_C(0x59) << 32 | sid_of(k.fn));
	cr_expect_eq(reg(&k, FSTS, 4) & 1, 0);
	for (unsigned int i = 2; i <= count; i++)
		peek(&k, 5, 0x1000 * i);
	cr_expect_eq(reg(&k, FSTS, 4) & 1, 1, "more faults than records: overflow");
	for (unsigned int i = 0; i < count; i++)
		cr_expect_neq(fault_reason(&k), 0);
	cr_expect_eq(fault_reason(&k), 0);
	set_reg(&k, FSTS, 4, 1);
	peek(&k, 5, 0x1000);
	cr_expect_eq(fault_reason(&k), 0x71, "it records again");
}

/* ---- tables full of noise ---- */

static void *noisy_memory(void *arg, uint64_t addr)
{
	(void)arg;
	if (addr < pa(k.arena) || addr > pa(k.arena) + ARENA_PAGES * KB4 - 8)
		return NULL;
	return (void *)(uintptr_t)addr;
}

/* Words that look like entries more often than not. */
static void scribble(uint64_t *state, uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t r = random_next(state);
		uint64_t to = pa(k.arena) + (r >> 32) % ARENA_PAGES * KB4;

		words[i] = (r & 7) ? to | (r & 0xff) | 1 : random_next(state);
	}
}

Test(vtd_walk, noise_for_tables_harms_nobody)
{
	uint64_t state = 42;
	unsigned int reasons[256] = {0};

	uvdk_emu_iommu_memory(k.emu, noisy_memory, NULL);
	for (unsigned int round = 0; round < 20000; round++) {
		uint32_t pasid = random_next(&state) & 1 ? NO_PASID : random_next(&state) & 127;

		begin(&k);
		scribble(&state, first, 512);
		scribble(&state, second, 512);
		pasid_of(&k, 5)[0] = (pa(second) & ~KB4) | (random_next(&state) & 0x3ff);
		if (round % 16 == 0)
			scribble(&state, context_of(&k, k.fn), 1);
		if (round % 16 == 8)
			set_context(&k, k.fn, CTX_PASIDE | CTX_DTE);
		peek(&k, pasid, random_next(&state) >> (16 + random_next(&state) % 40));
		if (round % 3 == 0)
			set_pasid(&k, 5, 1 + (enum pgtt)(random_next(&state) % 3), 1, first,
				  second);
		peek(&k, 5, random_next(&state) >> (16 + random_next(&state) % 40));
		for (unsigned int r; (r = fault_reason(&k));)
			reasons[r]++;
		inval_context(&k, sid_of(k.fn));
		post(&k, 0x7 | 3 << 4, 0);
		post(&k, 0x2 | 1 << 4, 0);
		cr_assert(wait_queue(&k));
		end(&k);
	}
	cr_expect_gt(reasons[0x71] + reasons[0x72], 100);
	cr_expect_gt(reasons[0x79] + reasons[0x7a], 100);
	expect_no_stale(&k);
}
