// SPDX-License-Identifier: BSD-3-Clause
#include "vtd_testing.h"

static struct kern k;
static uint64_t *first;
static uint8_t *mem;

static void setup(void)
{
	kern_start(&k, NULL, "emu:probe,ats");
	first = new_page(&k);
	mem = new_page(&k);
	new_page(&k);
	mem[0] = 1;
	mem[KB4] = 2;
	set_context(&k, k.fn, CTX_PASIDE | CTX_DTE | CTX_PRE);
	fs_map(&k, first, 0x7000, mem);
	set_pasid(&k, 5, FIRST, 1, first, NULL);
}

static void teardown(void)
{
	kern_stop(&k);
}

TestSuite(vtd_inval, .init = setup, .fini = teardown);

static void enable_ats(bool on)
{
	cfg_write(k.fn, 0x108 + 6, on ? 0x8000 : 0, 2);
}

/* ---- what is invalidated is gone, and nothing else is ---- */

Test(vtd_inval, a_translation_stays_until_it_is_invalidated)
{
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	fs_map(&k, first, 0x7000, mem + KB4);
	cr_expect_eq(peek(&k, 5, 0x7000), 1, "while tables change, the old one is in use");
	inval_pages(&k, 1, 5, 0x7000, 0, true);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), 2);
	expect_no_stale(&k);
}

Test(vtd_inval, only_what_is_in_the_range_goes)
{
	fs_map(&k, first, 0x8000, mem);
	fs_map(&k, first, 0xc000, mem);
	for (uint64_t a = 0x7000; a <= 0xc000; a += 0x1000)
		peek(&k, 5, a);
	begin(&k);
	fs_map(&k, first, 0x7000, mem + KB4);
	fs_map(&k, first, 0x8000, mem + KB4);
	fs_map(&k, first, 0xc000, mem + KB4);
	inval_pages(&k, 1, 5, 0x8000, 2, true); /* 0x8000 to 0xbfff */
	cr_assert(wait_queue(&k));
	cr_expect_eq(peek(&k, 5, 0x7000), 1);
	cr_expect_eq(peek(&k, 5, 0x8000), 2);
	cr_expect_eq(peek(&k, 5, 0xc000), 1);
	inval_pages(&k, 1, 6, 0x7000, 0, true);
	inval_pages(&k, 2, 5, 0x7000, 0, true);
	cr_assert(wait_queue(&k));
	cr_expect_eq(peek(&k, 5, 0x7000), 1, "another PASID, another domain");
	inval_domain(&k, 2);
	inval_second(&k, 2, 0x7000, 0, true);
	cr_assert(wait_queue(&k));
	cr_expect_eq(peek(&k, 5, 0x7000), 1, "all of another domain");
	inval_all_pages(&k, 1, 5);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), 2);
	cr_expect_eq(peek(&k, 5, 0xc000), 2);
	expect_no_stale(&k);
}

/* 6.5.2.3: of a first stage, whatever the PASID, and whatever the pages. */
Test(vtd_inval, an_invalidation_without_pasid_is_of_a_whole_first_stage)
{
	for (unsigned int i = 0; i < 2; i++) {
		cr_assert_eq(peek(&k, 5, 0x7000), 1 + i % 2);
		begin(&k);
		fs_map(&k, first, 0x7000, mem + (1 - i) * KB4);
		if (i)
			inval_domain(&k, 1);
		else
			inval_second(&k, 1, 0x100000, 0, true);
		cr_assert(wait_queue(&k));
		end(&k);
	}
	cr_expect_eq(peek(&k, 5, 0x7000), 1);
	expect_no_stale(&k);
}

Test(vtd_inval, a_large_page_goes_with_any_of_its_addresses)
{
	uint8_t *raw =
		mmap(NULL, 3 * MB2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *big = (uint8_t *)(uintptr_t)((pa(raw) + MB2 - 1) & ~(MB2 - 1));

	big[0x5000] = 3;
	*fs_entry(&k, first, MB2, 2) = pa(big) | FS_BITS | PAGE_SIZE_BIT;
	cr_assert_eq(peek(&k, 5, MB2 + 0x5000), 3);
	begin(&k);
	*fs_entry(&k, first, MB2, 2) = 0;
	inval_pages(&k, 1, 5, MB2 + 0x9000, 0, true);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 5, MB2 + 0x5000), -1);
	expect_no_stale(&k);
	munmap(raw, 3 * MB2);
}

Test(vtd_inval, the_second_stage_is_invalidated_by_domain)
{
	uint64_t *second = new_page(&k);

	ss_map(&k, second, 0x7000, mem);
	ss_map(&k, second, 0x9000, mem);
	set_pasid(&k, 0, SECOND, 9, NULL, second);
	cr_assert_eq(peek(&k, NO_PASID, 0x7000), 1);
	cr_assert_eq(peek(&k, NO_PASID, 0x9000), 1);
	begin(&k);
	ss_map(&k, second, 0x7000, mem + KB4);
	inval_second(&k, 9, 0x7000, 0, true);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, NO_PASID, 0x7000), 2);
	begin(&k);
	ss_map(&k, second, 0x9000, mem + KB4);
	inval_domain(&k, 9);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, NO_PASID, 0x9000), 2);
	expect_no_stale(&k);
}

/* ---- a missing invalidation is reported, whatever the cache ---- */

Test(vtd_inval, a_missing_iotlb_invalidation_is_told)
{
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	*fs_entry(&k, first, 0x7000, 1) = 0;
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), -1, "refused: the memory may be someone else's by now");
	EXPECT_STALE(&k, "IOTLB", "PASID-based IOTLB invalidation of domain 1, PASID 5 at 0x7000");
	cr_expect_eq(peek(&k, 5, 0x7000), -1);
	cr_expect_eq(fault_reason(&k), 0x71, "once told, it is gone");
	expect_no_stale(&k);
}

Test(vtd_inval, an_invalidation_of_the_leaf_alone_is_not_enough_for_a_table)
{
	uint64_t *other = new_page(&k);

	other[7] = pa(mem + KB4) | FS_BITS;
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	*fs_entry(&k, first, 0x7000, 2) = pa(other) | FS_BITS;
	inval_pages(&k, 1, 5, 0x7000, 0, true);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), -1);
	EXPECT_STALE(&k, "IOTLB", "PASID-based IOTLB invalidation of domain 1, PASID 5 at 0x7000");

	fs_map(&k, first, 0x9000, mem);
	begin(&k);
	inval_pages(&k, 1, 5, 0x7000, 0, false);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), 2);
}

Test(vtd_inval, a_stale_inner_entry_is_told_on_a_miss)
{
	uint64_t *other = new_page(&k);

	other[8] = pa(mem + KB4) | FS_BITS;
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	*fs_entry(&k, first, 0x7000, 2) = pa(other) | FS_BITS;
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x8000), -1, "never seen before, but through the old table");
	EXPECT_STALE(&k, "paging-structure cache", "PASID-based IOTLB invalidation of domain 1");
	cr_expect_eq(peek(&k, 5, 0x8000), 2);
}

Test(vtd_inval, a_missing_pasid_cache_invalidation_is_told)
{
	uint64_t *other = new_page(&k);

	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	fs_map(&k, other, 0x7000, mem + KB4);
	set_pasid(&k, 5, FIRST, 2, other, NULL);
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), -1);
	EXPECT_STALE(&k, "PASID cache", "PASID-cache invalidation of domain 1, PASID 5");
}

Test(vtd_inval, a_missing_context_cache_invalidation_is_told)
{
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	set_context(&k, k.fn, CTX_PASIDE);
	end(&k);
	set_pasid(&k, 6, FIRST, 1, first, NULL);
	cr_expect_eq(peek(&k, 6, 0x7000), -1);
	EXPECT_STALE(&k, "context cache", "context-cache invalidation of requester");
}

Test(vtd_inval, a_missing_device_tlb_invalidation_is_told)
{
	enable_ats(true);
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	fs_map(&k, first, 0x7000, mem + KB4);
	inval_pages(&k, 1, 5, 0x7000, 0, true);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), -1);
	EXPECT_STALE(&k, "device TLB", "device-TLB invalidation of requester 0x0000, PASID 5");
}

Test(vtd_inval, a_device_forgets_what_it_is_told_to)
{
	enable_ats(true);
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	fs_map(&k, first, 0x7000, mem + KB4);
	inval_pages(&k, 1, 5, 0x7000, 0, true);
	inval_device(&k, sid_of(k.fn), 5, 0x7000);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), 2);
	begin(&k);
	fs_map(&k, first, 0x7000, mem);
	inval_pages(&k, 1, 5, 0x7000, 0, true);
	cr_assert(wait_queue(&k));
	enable_ats(false);
	enable_ats(true);
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), 1, "switched off, it forgets everything");
	cr_expect_not(poke(&k, 5, 0x100000, 1));
	cr_expect_eq(fault_reason(&k), 0, "a translation request that fails is no fault");
	set_context(&k, k.fn, CTX_PASIDE);
	begin(&k);
	inval_context(&k, sid_of(k.fn));
	inval_pasid(&k, 1, 5);
	inval_all_pages(&k, 1, 5);
	inval_device(&k, sid_of(k.fn), 5, 0x7000);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), -1);
	cr_expect_eq(fault_reason(&k), 0x44, "translation requests are not allowed");
	expect_no_stale(&k);
}

/* 6.5.3.3: all that was found by way of a context entry goes with what it said. */
Test(vtd_inval, what_a_context_entry_said_is_cached_below_it)
{
	static const char *const missing[] = {"context-cache", "PASID-cache", "IOTLB"};
	struct uvdk_emu_stale s;

	for (unsigned int i = 0; i < 4; i++) {
		cr_assert_eq(peek(&k, 5, 0x7000), 1);
		set_context(&k, k.fn, i % 2 ? CTX_PASIDE | CTX_DTE : CTX_PASIDE);
		begin(&k);
		if (i != 0)
			inval_context(&k, sid_of(k.fn));
		if (i != 1)
			inval_pasid(&k, 1, 5);
		if (i != 2)
			inval_all_pages(&k, 1, 5);
		cr_assert(wait_queue(&k));
		end(&k);
		cr_expect_eq(peek(&k, 5, 0x7000), i == 3 ? 1 : -1);
		cr_expect_eq(uvdk_emu_stales(k.emu, &s, 1), i == 3 ? 0 : 1, "%u", i);
		if (i < 3)
			cr_expect(strstr(s.missing, missing[i]), "%u: %s", i, s.missing);
		begin(&k);
		inval_context(&k, sid_of(k.fn));
		inval_pasid(&k, 1, 5);
		inval_all_pages(&k, 1, 5);
		cr_assert(wait_queue(&k));
		end(&k);
	}
}

/* Sizes of device-TLB invalidations: the lowest clear bit. */
Test(vtd_inval, a_device_forgets_ranges)
{
	enable_ats(true);
	for (uint64_t a = 0x10000; a < 0x20000; a += KB4)
		fs_map(&k, first, a, mem);
	for (uint64_t a = 0x10000; a < 0x20000; a += KB4)
		cr_assert_eq(peek(&k, 5, a), 1);
	begin(&k);
	for (uint64_t a = 0x10000; a < 0x20000; a += KB4)
		fs_map(&k, first, a, mem + KB4);
	inval_all_pages(&k, 1, 5);
	inval_device(&k, sid_of(k.fn), 5, 0x14000 | 1 << 11 | 0x1000); /* 0x14000 to 0x17fff */
	cr_assert(wait_queue(&k));
	for (uint64_t a = 0x10000; a < 0x20000; a += KB4)
		cr_expect_eq(peek(&k, 5, a), a >= 0x14000 && a < 0x18000 ? 2 : 1);
	inval_device(&k, sid_of(k.fn), 5, 0x7ffffffffffff000 | 1 << 11);
	cr_assert(wait_queue(&k));
	end(&k);
	for (uint64_t a = 0x10000; a < 0x20000; a += KB4)
		cr_expect_eq(peek(&k, 5, a), 2);
	expect_no_stale(&k);
}

/* ---- too early, too late ---- */

Test(vtd_inval, an_invalidation_before_the_change_is_worth_nothing)
{
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	inval_pages(&k, 1, 5, 0x7000, 0, true);
	cr_assert(wait_queue(&k));
	*fs_entry(&k, first, 0x7000, 1) = 0;
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), -1);
	EXPECT_STALE(&k, "IOTLB", "PASID-based IOTLB invalidation");
}

Test(vtd_inval, an_invalidation_that_is_not_waited_for_comes_too_late)
{
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	*fs_entry(&k, first, 0x7000, 1) = 0;
	inval_pages(&k, 1, 5, 0x7000, 0, true);
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), -1);
	EXPECT_STALE(&k, "IOTLB", "PASID-based IOTLB invalidation");
}

Test(vtd_inval, while_another_change_is_under_way_nothing_is_told)
{
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	*fs_entry(&k, first, 0x7000, 1) = 0;
	begin(&k);
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), 1);
	inval_pages(&k, 1, 5, 0x7000, 0, true);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 5, 0x7000), -1);
	expect_no_stale(&k);
}

/* Cleared in memory, but cached as set: writes would go by unnoticed. */
Test(vtd_inval, a_dirty_bit_is_cached_too)
{
	uint64_t *leaf = fs_entry(&k, first, 0x7000, 1);

	cr_assert(poke(&k, 5, 0x7000, 1));
	begin(&k);
	*leaf &= ~UINT64_C(0x40);
	inval_pages(&k, 1, 5, 0x7000, 0, true);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_assert(poke(&k, 5, 0x7000, 1));
	cr_expect(*leaf & 0x40);
	expect_no_stale(&k);
	begin(&k);
	*leaf &= ~UINT64_C(0x40);
	end(&k);
	cr_expect_not(poke(&k, 5, 0x7000, 1));
	EXPECT_STALE(&k, "IOTLB", "PASID-based IOTLB invalidation");
}

Test(vtd_inval, a_unit_may_forget_at_any_time)
{
	struct uvdk_emu_opts opts = {
		.size = sizeof(opts), .manual = true, .caching = UVDK_EMU_CACHE_FORGETS, .seed = 7};
	unsigned int old = 0;
	struct kern f;
	uint64_t *top;
	uint8_t *m;

	kern_start(&f, &opts, "emu:probe");
	top = new_page(&f);
	m = new_page(&f);
	new_page(&f);
	m[0] = 1;
	m[KB4] = 2;
	set_context(&f, f.fn, CTX_PASIDE);
	set_pasid(&f, 5, FIRST, 1, top, NULL);
	begin(&f);
	for (unsigned int i = 0; i < 1000; i++) {
		fs_map(&f, top, 0x7000 + i * KB4, m);
		cr_assert_eq(peek(&f, 5, 0x7000 + i * KB4), 1);
		fs_map(&f, top, 0x7000 + i * KB4, m + KB4);
		old += peek(&f, 5, 0x7000 + i * KB4) == 1;
	}
	cr_expect(old > 100 && old < 900, "%u of 1000 were still cached", old);
	end(&f);
	kern_stop(&f);
}

/* ---- the queue ---- */

static unsigned int queue_error(uint64_t lo, uint64_t hi)
{
	unsigned int info = 0;

	post(&k, lo, hi);
	if (reg(&k, FSTS, 4) & 1 << 4) {
		info = (unsigned int)reg(&k, IQERCD, 8) & 0xf;
		/* The head stays there: make it something harmless, and go on. */
		cr_expect_eq(reg(&k, IQH, 8) >> 5, (k.tail + 127) % 128);
		k.queue[4 * ((k.tail + 127) % 128)] = 0x5;
		k.queue[4 * ((k.tail + 127) % 128) + 1] = 0;
		set_reg(&k, FSTS, 4, 1 << 4);
	}
	cr_assert(wait_queue(&k), "the queue goes on");

	return info;
}

Test(vtd_inval, a_descriptor_that_makes_no_sense_stops_the_queue)
{
	cr_expect_eq(queue_error(0xc, 0), 3, "an unknown type");
	cr_expect_eq(queue_error(0x1, 0), 4, "no granularity");
	cr_expect_eq(queue_error(0x1 | 1 << 4, 5), 4);
	cr_expect_eq(queue_error(0x7 | 2 << 4, 0), 4);
	cr_expect_eq(queue_error(0x6 | 1 << 4, 0), 4);
	cr_expect_eq(queue_error(0x6 | 3 << 4, 19), 4, "an address mask beyond MAMV");
	cr_expect_eq(queue_error(0x2 | 3 << 4, 1 << 8), 4);
	cr_expect_eq(queue_error(0x3, 2), 4);
	cr_expect_eq(queue_error(0x8, 2), 4);
	cr_expect_eq(queue_error(0x5 | 1 << 5, 2), 4, "a misaligned status address");
	cr_expect_eq(queue_error(0x9, 1), 4);
	cr_expect_eq(queue_error(0x2 | 1 << 4, 0), 0);
}

Test(vtd_inval, the_tail_must_be_in_the_queue)
{
	set_reg(&k, IQT, 8, 0x2000);
	cr_expect_eq(reg(&k, FSTS, 4) & 1 << 4, 1 << 4);
	cr_expect_eq(reg(&k, IQERCD, 8) & 0xf, 1);
	set_reg(&k, IQT, 8, 0);
	set_reg(&k, FSTS, 4, 1 << 4);
	set_reg(&k, IQT, 8, 1 << 4);
	cr_expect_eq(reg(&k, IQERCD, 8) & 0xf, 6);
	set_reg(&k, IQT, 8, 0);
	set_reg(&k, FSTS, 4, 1 << 4);
	cr_expect(wait_queue(&k));
}

Test(vtd_inval, scalable_mode_wants_wide_descriptors)
{
	set_reg(&k, GCMD, 4, 1u << 31);
	set_reg(&k, IQA, 8, pa(k.queue));
	set_reg(&k, GCMD, 4, 1u << 31 | 1u << 26);
	k.tail = 0;
	cr_expect_not(wait_queue(&k));
	cr_expect_eq(reg(&k, IQERCD, 8) & 0xf, 5);
}

Test(vtd_inval, the_queue_wraps)
{
	for (unsigned int i = 0; i < 1000; i++) {
		inval_all_pages(&k, 1, 5);
		cr_assert(wait_queue(&k));
	}
	cr_expect_eq(reg(&k, IQH, 8) >> 5, k.tail);
}

Test(vtd_inval, a_device_that_is_gone_does_not_answer)
{
	enable_ats(true);
	cr_assert_eq(uvdk_emu_unplug(k.emu, "emu:probe#0", true), 0);
	inval_device(&k, sid_of(k.fn), 5, 0x7000);
	cr_expect_eq(reg(&k, FSTS, 4) & 1 << 6, 1 << 6, "invalidation time-out");
	set_reg(&k, FSTS, 4, 1 << 6);
	cr_expect(wait_queue(&k), "and it goes on behind it");
}

/* ---- page requests ---- */

static uint64_t *prq_setup(void)
{
	uint64_t *prq = new_page(&k);

	set_reg(&k, PQA, 8, pa(prq));
	return prq;
}

static struct probe *probe(void)
{
	return uvdk_emu_fn_priv(k.fn);
}

Test(vtd_inval, a_page_request_is_queued_and_answered)
{
	uint64_t *prq = prq_setup();

	cr_assert_eq(uvdk_emu_page_request(k.fn, 5, 0x7123, true, 17, true), 0);
	cr_expect_eq(reg(&k, PRS, 4) & 1, 1);
	cr_expect_eq(reg(&k, PQT, 8), 32);
	cr_expect_eq(prq[0], 1 | 1 << 8 | (uint64_t)sid_of(k.fn) << 16 | UINT64_C(5) << 32);
	cr_expect_eq(prq[1], 0x7000 | 17 << 3 | 7);
	cr_expect_eq(probe()->answers, 0);
	post(&k, 0x9 | 1 << 4 | 1 << 12 | (uint64_t)sid_of(k.fn) << 16 | UINT64_C(5) << 32,
	     17 << 3);
	cr_assert(wait_queue(&k));
	cr_expect_eq(probe()->answers, 1);
	cr_expect_eq(probe()->answer_pasid, 5);
	cr_expect_eq(probe()->answer_group, 17);
	cr_expect_eq(probe()->answer, UVDK_EMU_PAGE_INVALID);
	cr_expect_eq(uvdk_emu_page_request(k.fn, 5, 0, false, 512, true), -EINVAL);
}

Test(vtd_inval, a_full_queue_of_page_requests_says_so_and_answers_itself)
{
	unsigned int taken = 0;

	prq_setup();
	while (!uvdk_emu_page_request(k.fn, 5, 0x1000 * taken, false, 1, false))
		taken++;
	cr_expect_eq(taken, 127, "4096 bytes, one place kept free");
	cr_expect_eq(reg(&k, PRS, 4) & 2, 2);
	cr_expect_eq(probe()->answers, 0);
	cr_expect_eq(uvdk_emu_page_request(k.fn, 5, 0, false, 1, true), -EAGAIN);
	cr_expect_eq(probe()->answers, 1);
	cr_expect_eq(probe()->answer, UVDK_EMU_PAGE_SUCCESS);
	set_reg(&k, PQH, 8, reg(&k, PQT, 8));
	set_reg(&k, PRS, 4, 2);
	cr_expect_eq(uvdk_emu_page_request(k.fn, 5, 0, false, 1, true), 0);
}

Test(vtd_inval, who_may_not_ask_is_told_to_stop)
{
	cr_expect_eq(uvdk_emu_page_request(k.fn, 5, 0, false, 1, true), -EPERM, "no queue");
	prq_setup();
	set_context(&k, k.fn, CTX_PASIDE | CTX_DTE);
	cr_expect_eq(uvdk_emu_page_request(k.fn, 5, 0, false, 1, true), 0, "as it is cached");
	set_reg(&k, PQT, 8, 0);
	begin(&k);
	inval_context(&k, sid_of(k.fn));
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(uvdk_emu_page_request(k.fn, 5, 0, false, 1, true), -EPERM, "PRE is clear");
	cr_expect_eq(probe()->answers, 2);
	cr_expect_eq(probe()->answer, UVDK_EMU_PAGE_FAILURE);
	cr_expect_eq(reg(&k, PQT, 8), 0);
}

/* ---- several units ---- */

Test(vtd_inval, each_unit_has_its_own_class_and_tables)
{
	struct uvdk_emu_opts opts = {
		.size = sizeof(opts), .manual = true, .iommus = 2, .no_snoop = 2};
	struct uvdk_emu_function *fn[2];
	struct uvdk_emu *emu;

	cr_assert_eq(uvdk_emu_create(&opts, &emu), 0);
	cr_assert_eq(uvdk_emu_plug(emu, "emu:probe", &fn[0]), 0);
	cr_assert_eq(uvdk_emu_plug(emu, "emu:probe,iommu=1", &fn[1]), 0);
	cr_expect_eq(uvdk_emu_iommu_count(emu), 2);
	cr_expect_eq(uvdk_emu_fn_iommu(fn[0]), 0);
	cr_expect_eq(uvdk_emu_fn_iommu(fn[1]), 1);
	cr_expect_eq(uvdk_emu_iommu_read(emu, 0, ECAP, 8) >> 7 & 1, 1);
	cr_expect_eq(uvdk_emu_iommu_read(emu, 1, ECAP, 8) >> 7 & 1, 0);
	cr_expect_eq(uvdk_emu_iommu_read(emu, 2, ECAP, 8), UINT64_MAX);
	cr_expect_eq(uvdk_emu_iommu_read(emu, 0, 4, 8), UINT64_MAX, "misaligned");
	cr_expect_eq(uvdk_emu_plug(emu, "emu:probe,iommu=2", &fn[1]), -ERANGE);
	uvdk_emu_destroy(emu);
	opts.iommus = 5;
	cr_expect_eq(uvdk_emu_create(&opts, &emu), -EINVAL);
}

/* ---- what else may be cached ---- */

Test(vtd_inval, what_ran_before_left_its_entries_behind)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true};
	static const uint64_t all[] = {0x1 | 1 << 4, 0x7 | 3 << 4, 0x2 | 1 << 4};
	static const char *const cache[] = {"context cache", "PASID cache",
					    "paging-structure cache"};

	for (unsigned int left_out = 0; left_out < 3; left_out++) {
		struct kern m = {0};
		uint64_t *top;
		uint8_t *page;

		cr_assert_eq(uvdk_emu_create(&opts, &m.emu), 0);
		cr_assert_eq(uvdk_emu_plug(m.emu, "emu:probe", &m.fn), 0);
		enable(m.fn);
		begin(&m);
		kern_tables(&m);
		for (unsigned int i = 0; i < 3; i++)
			if (i != left_out)
				post(&m, all[i], 0);
		cr_assert(wait_queue(&m));
		top = new_page(&m);
		page = new_page(&m);
		fs_map(&m, top, 0x7000, page);
		set_context(&m, m.fn, CTX_PASIDE);
		set_pasid(&m, 0, FIRST, 1, top, NULL);
		set_pasid(&m, 1, FIRST, 1, top, NULL);
		end(&m);
		/* The slot's own leftovers are of PASID 0; others find those of a domain. */
		peek(&m, left_out == 1 ? 0 : 1, 0x7000);
		EXPECT_STALE(&m, cache[left_out], "");
		kern_stop(&m);
	}
}

Test(vtd_inval, in_caching_mode_absence_is_cached)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true, .absence = true};
	struct kern m;
	uint64_t *top;
	uint8_t *page;

	kern_start(&m, &opts, "emu:probe");
	cr_assert(reg(&m, CAP, 8) & 1 << 7);
	top = new_page(&m);
	page = new_page(&m);
	page[0] = 4;
	cr_expect_eq(peek(&m, 5, 0x7000), -1);
	cr_expect_eq(fault_reason(&m), 0x41);
	begin(&m);
	set_context(&m, m.fn, CTX_PASIDE);
	pasid_of(&m, 5);
	cr_expect_eq(peek(&m, 5, 0x7000), -1);
	cr_expect_eq(fault_reason(&m), 0x41, "that there was no context entry is remembered");
	inval_context(&m, sid_of(m.fn));
	cr_assert(wait_queue(&m));
	end(&m);
	cr_expect_eq(peek(&m, 5, 0x7000), -1);
	cr_expect_eq(fault_reason(&m), 0x59);
	begin(&m);
	set_pasid(&m, 5, FIRST, 1, top, NULL);
	cr_expect_eq(peek(&m, 5, 0x7000), -1);
	cr_expect_eq(fault_reason(&m), 0x59);
	inval_pasid(&m, 0, 5);
	cr_assert(wait_queue(&m));
	end(&m);
	cr_expect_eq(peek(&m, 5, 0x7000), -1);
	cr_expect_eq(fault_reason(&m), 0x71);
	begin(&m);
	fs_map(&m, top, 0x7000, page);
	cr_expect_eq(peek(&m, 5, 0x7000), -1);
	cr_expect_eq(fault_reason(&m), 0x71);
	inval_pages(&m, 1, 5, 0x7000, 0, false);
	cr_assert(wait_queue(&m));
	end(&m);
	cr_expect_eq(peek(&m, 5, 0x7000), 4);
	expect_no_stale(&m);

	peek(&m, 5, 0x9000);
	fault_reason(&m);
	begin(&m);
	fs_map(&m, top, 0x9000, page);
	end(&m);
	cr_expect_eq(peek(&m, 5, 0x9000), -1);
	EXPECT_STALE(&m, "IOTLB", "PASID-based IOTLB invalidation of domain 1, PASID 5 at 0x9000");
	kern_stop(&m);
}
