// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "vtd_testing.h"

/* Software that makes mistakes, or means harm; and tables that change at the worst moment. */

static struct kern k;
static uint64_t *first;
static uint64_t *second;
static uint8_t *mem;

static void setup(void)
{
	kern_start(&k, NULL, "emu:probe,ats");
	first = new_page(&k);
	second = new_page(&k);
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

TestSuite(vtd_hostile, .init = setup, .fini = teardown, .timeout = 30);

static struct probe *probe(void)
{
	return uvdk_emu_fn_priv(k.fn);
}

/* ---- queues ---- */

Test(vtd_hostile, a_tail_that_the_head_never_meets_is_an_error_each_time)
{
	for (unsigned int i = 0; i < 128; i++)
		k.queue[4 * i] = 0x5; /* harmless, all of them */
	for (unsigned int i = 0; i < 2; i++) {
		set_reg(&k, IQT, 8, i ? 0x2000 : 0x10);
		for (unsigned int turn = 0; turn < 3; turn++) {
			cr_expect_eq(reg(&k, FSTS, 4) & 1 << 4, 1 << 4);
			cr_expect_eq(reg(&k, IQERCD, 8) & 0xf, i ? 1 : 6);
			set_reg(&k, FSTS, 4, 1 << 4); /* and nothing is done about it */
		}
	}
	set_reg(&k, IQT, 8, 0);
	set_reg(&k, FSTS, 4, 1 << 4);
	k.tail = 0;
	cr_expect(wait_queue(&k));
}

static uint64_t *prq_setup(void)
{
	uint64_t *prq = new_page(&k);

	set_reg(&k, PQA, 8, pa(prq));
	set_reg(&k, PQH, 8, 0);

	return prq;
}

Test(vtd_hostile, page_requests_stay_in_their_queue)
{
	uint64_t *prq = prq_setup();

	set_reg(&k, PQT, 8, 0x7ffe0 & ~UINT64_C(0xfff));
	k.used += 128; /* what is behind the queue */
	cr_assert_eq(uvdk_emu_page_request(k.fn, 5, 0x7000, true, 17, true), 0);
	cr_expect_neq(prq[0], 0);
	for (unsigned int i = 512; i < 128 * 512; i++)
		cr_assert_eq(prq[i], 0, "word %u behind the queue", i - 512);
}

Test(vtd_hostile, an_answer_reaches_only_whom_it_is_for)
{
	uint16_t sid = sid_of(k.fn);

	prq_setup();
	cr_assert_eq(uvdk_emu_page_request(k.fn, 5, 0x7000, true, 17, true), 0);
	post(&k, 0x9 | 1 << 4 | (uint64_t)(sid + 1) << 16 | UINT64_C(5) << 32, 17 << 3);
	post(&k, 0x9 | 1 << 4 | (uint64_t)(sid + 0x100) << 16 | UINT64_C(5) << 32, 17 << 3);
	cr_assert(wait_queue(&k));
	cr_expect_eq(probe()->answers, 0, "another function, another bus");
	post(&k, 0x9 | 1 << 4 | (uint64_t)sid << 16 | UINT64_C(5) << 32, 17 << 3);
	cr_assert(wait_queue(&k));
	cr_expect_eq(probe()->answers, 1);
}

Test(vtd_hostile, a_page_request_is_of_a_pasid_and_of_somebody_who_is_there)
{
	uint64_t *prq = prq_setup();

	cr_assert_eq(uvdk_emu_page_request(k.fn, 0x300005, 0x7000, true, 17, true), 0);
	cr_expect_eq(prq[0] >> 32, 5, "20 bits: neither execution nor privilege");
	cr_assert_eq(uvdk_emu_unplug(k.emu, uvdk_emu_fn_name(k.fn), true), 0);
	cr_expect_eq(uvdk_emu_page_request(k.fn, 5, 0x7000, true, 18, true), -EPERM);
	cr_expect_eq(reg(&k, PQT, 8), 32);
	cr_expect_eq(probe()->answers, 0);
}

Test(vtd_hostile, who_does_not_answer_an_invalidation_is_named)
{
	struct uvdk_emu_function *other;

	cr_assert_eq(uvdk_emu_plug(k.emu, "emu:probe,ats", &other), 0);
	cr_assert_eq(uvdk_emu_unplug(k.emu, uvdk_emu_fn_name(other), true), 0);
	inval_device(&k, sid_of(other), 5, 0x7000);
	cr_expect_eq(reg(&k, FSTS, 4) & 1 << 6, 1 << 6);
	cr_expect_eq(reg(&k, IQERCD, 8) >> 32 & 0xffff, sid_of(other));
	set_reg(&k, FSTS, 4, 1 << 6);
	cr_expect(wait_queue(&k));
	uvdk_emu_unplug_fn(other);
}

static atomic_bool over;

static void *fault_on_and_on(void *arg)
{
	(void)arg;
	while (!atomic_load(&over))
		peek(&k, 6, 0x9000);

	return NULL;
}

static void *look_on_and_on(void *arg)
{
	(void)arg;
	while (!atomic_load(&over))
		reg(&k, FSTS, 4);

	return NULL;
}

/* Commands, descriptors and faults wait for one another in one order. */
Test(vtd_hostile, the_queue_may_be_switched_while_it_works)
{
	pthread_t thread[3];

	for (unsigned int i = 0; i < 128; i++)
		k.queue[4 * i] = 0x2 | 1 << 4;
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, i ? fault_on_and_on : look_on_and_on,
					    NULL),
			     0);
	for (unsigned int i = 0; i < 2000; i++) {
		set_reg(&k, IQT, 8, i % 2 ? 0 : 127 << 5);
		for (unsigned int turn = i / 2 % 8; turn; turn--)
			sched_yield(); /* somebody is at it, or not */
		set_reg(&k, GCMD, 4, 1u << 31 | (i % 2) << 26);
	}
	atomic_store(&over, true);
	for (unsigned int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	set_reg(&k, IQT, 8, 0);
	set_reg(&k, GCMD, 4, 1u << 31);
	set_reg(&k, FSTS, 4, 0x71);
	set_reg(&k, GCMD, 4, 1u << 31 | 1u << 26);
	k.tail = 0;
	cr_expect(wait_queue(&k));
}

/* ---- tables ---- */

Test(vtd_hostile, address_bits_that_the_host_lacks_are_reserved_in_all_tables)
{
	struct {
		uint64_t *word;
		unsigned int reason;
	} const t[] = {
		{k.root, 0x3a},		 {context_of(&k, k.fn), 0x42}, {k.directory, 0x52},
		{pasid_of(&k, 5), 0x5a}, {pasid_of(&k, 5) + 2, 0x5a},
	};

	begin(&k);
	for (unsigned int i = 0; i < sizeof(t) / sizeof(*t); i++) {
		*t[i].word |= UINT64_C(1) << 48;
		post(&k, 0x1 | 1 << 4, 0);
		post(&k, 0x7 | 3 << 4, 0);
		cr_assert(wait_queue(&k));
		cr_expect_eq(peek(&k, 5, 0x7000), -1);
		cr_expect_eq(fault_reason(&k), t[i].reason, "%u", i);
		*t[i].word &= ~(UINT64_C(1) << 48);
	}
	cr_expect_eq(peek(&k, 5, 0x7000), 1);
	end(&k);
}

Test(vtd_hostile, nothing_leads_to_where_interrupts_are)
{
	set_pasid(&k, 6, PASS, 2, NULL, NULL);
	cr_expect_not(poke(&k, 6, 0xfee00000, 1));
	cr_expect_eq(fault_reason(&k), 0x87);
	fs_map(&k, first, 0x9000, (void *)(uintptr_t)0xfee01000);
	cr_expect_not(poke(&k, 5, 0x9000, 1));
	cr_expect_eq(fault_reason(&k), 0x87);
	expect_no_stale(&k);
}

/* FPD of a context entry, also for what goes by a cached PASID entry. */
Test(vtd_hostile, faults_are_not_recorded_where_any_entry_says_so)
{
	set_context(&k, k.fn, CTX_PASIDE | 2);
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	cr_expect_eq(peek(&k, 5, 0x9000), -1);
	cr_expect_eq(fault_reason(&k), 0);
	begin(&k);
	set_context(&k, k.fn, CTX_PASIDE);
	k.directory[0] |= 2;
	inval_context(&k, sid_of(k.fn));
	inval_pasid(&k, 1, 5);
	inval_all_pages(&k, 1, 5);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	cr_expect_eq(peek(&k, 5, 0x9000), -1);
	cr_expect_eq(fault_reason(&k), 0);
	expect_no_stale(&k);
}

/* ---- nested ---- */

#define GUEST UINT64_C(0x100000000)

/* Four tables at GUEST, then a page, at 0x7000 of PASID 6. */
static void nest(uint64_t *tables[4])
{
	for (unsigned int i = 0; i < 4; i++) {
		tables[i] = new_page(&k);
		ss_map(&k, second, GUEST + i * KB4, tables[i]);
		tables[i][i == 3 ? 7 : 0] = (GUEST + (i + 1) * KB4) | FS_BITS;
	}
	ss_map(&k, second, GUEST + 4 * KB4, mem);
	set_pasid(&k, 6, NESTED, 2, NULL, second);
	pasid_of(&k, 6)[2] = GUEST;
}

/* 6.5.2.3: whatever a page of the second stage serves, and nobody knows what that is. */
Test(vtd_hostile, a_page_of_the_second_stage_takes_along_what_is_nested_on_it)
{
	uint64_t *tables[4];
	uint64_t *other = new_page(&k);

	nest(tables);
	cr_assert_eq(peek(&k, 6, 0x7000), 1);
	begin(&k);
	ss_map(&k, second, GUEST + 4 * KB4, mem + KB4);
	inval_second(&k, 2, GUEST + 4 * KB4, 0, true);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 6, 0x7000), 2);
	expect_no_stale(&k);

	other[7] = (GUEST + 4 * KB4) | 1; /* not for writing, not for users */
	begin(&k);
	ss_map(&k, second, GUEST + 3 * KB4, other);
	inval_second(&k, 2, GUEST + 3 * KB4, 0, false);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 6, 0x7000), -1, "another table of the first stage");
	cr_expect_eq(fault_reason(&k), 0x81);
	expect_no_stale(&k);
}

Test(vtd_hostile, tables_are_marked_only_where_the_second_stage_lets_them_be_written)
{
	uint64_t *tables[4];
	uint64_t *leaf;

	nest(tables);
	pasid_of(&k, 6)[0] |= 1 << 9; /* SSADE */
	leaf = ss_entry(&k, second, GUEST + 3 * KB4, 1);
	*leaf &= ~UINT64_C(2);
	cr_expect_eq(peek(&k, 6, 0x7000), -1);
	cr_expect_eq(fault_reason(&k), 0x77);
	cr_expect_eq(tables[3][7] & 0x20, 0);
	begin(&k);
	*leaf |= 2;
	inval_domain(&k, 2);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(peek(&k, 6, 0x7000), 1);
	cr_expect_eq(tables[3][7] & 0x20, 0x20);
	cr_expect_eq(*leaf & 0x200, 0x200, "the table was written");
	cr_expect_eq(*ss_entry(&k, second, GUEST + 4 * KB4, 1) & 0x200, 0, "the page was not");
	expect_no_stale(&k);
}

/* ---- changes at the worst moment ---- */

static uint64_t trigger;
static unsigned int countdown;
static void (*surprise)(void);

static void *watched(void *arg, uint64_t addr)
{
	(void)arg;
	if (addr < pa(k.arena) || addr - pa(k.arena) >= ARENA_PAGES * KB4)
		return NULL;
	if (surprise && (addr & ~(KB4 - 1)) == trigger && !--countdown) {
		surprise();
		surprise = NULL;
	}

	return (void *)(uintptr_t)addr;
}

/* The @nth time that the page at @at is looked at. */
static void surprise_at(const void *at, unsigned int nth, void (*what)(void))
{
	uvdk_emu_iommu_memory(k.emu, watched, NULL);
	trigger = pa(at) & ~(KB4 - 1);
	countdown = nth;
	surprise = what;
}

static void swap_table(void)
{
	static uint64_t *other;

	other = new_page(&k);
	other[7] = pa(mem + KB4) | FS_BITS;
	begin(&k);
	*fs_entry(&k, first, 0x7000, 2) = pa(other) | FS_BITS;
	end(&k);
}

Test(vtd_hostile, what_changes_during_a_walk_is_found_stale_afterwards)
{
	surprise_at(fs_entry(&k, first, 0x7000, 1), 1, swap_table);
	cr_expect_eq(peek(&k, 5, 0x7000), 1, "the walk was past the table that changed");
	cr_expect_eq(peek(&k, 5, 0x7000), -1);
	EXPECT_STALE(&k, "IOTLB", "PASID-based IOTLB invalidation of domain 1, PASID 5 at 0x7000");
}

/* Somebody else's invalidation makes the unit look at it once more. */
Test(vtd_hostile, what_is_stale_stays_until_an_access_meets_it)
{
	uint64_t *other = new_page(&k);

	fs_map(&k, first, 0x8000, mem);
	cr_assert_eq(peek(&k, 5, 0x7000), 1);
	begin(&k);
	fs_map(&k, other, 0x7000, mem + KB4);
	set_pasid(&k, 5, FIRST, 2, other, NULL);
	end(&k);
	inval_pages(&k, 1, 5, 0x7000, 0, true);
	cr_assert(wait_queue(&k));
	cr_expect_eq(peek(&k, 5, 0x7000), -1);
	EXPECT_STALE(&k, "PASID cache", "PASID-cache invalidation of domain 1, PASID 5");
}

/* One domain ID for two tables: who comes second would get what is the first one's. */
Test(vtd_hostile, a_translation_of_one_table_does_not_serve_another)
{
	uint64_t *other = new_page(&k);

	ss_map(&k, second, 0x7000, mem);
	ss_map(&k, other, 0x7000, mem + KB4);
	set_pasid(&k, 6, SECOND, 9, NULL, second);
	set_pasid(&k, 7, SECOND, 9, NULL, other);
	cr_assert_eq(peek(&k, 6, 0x7000), 1);
	cr_expect_eq(peek(&k, 7, 0x7000), -1);
	EXPECT_STALE(&k, "IOTLB", "IOTLB invalidation of domain 9 at 0x7000");
	ss_map(&k, other, 0x8000, mem + KB4);
	cr_expect_eq(peek(&k, 7, 0x8000), -1, "nor do those above it");
	EXPECT_STALE(&k, "paging-structure cache", "IOTLB invalidation of domain 9 at 0x8000");
}

static void spoil_pasid(void)
{
	begin(&k);
	pasid_of(&k, 6)[2] = pa(first);
	pasid_of(&k, 6)[0] = pa(second) | FIRST << 6 | 7 << 2 | 1; /* no such width; ignored */
	end(&k);
}

/* An inner entry of a second stage is compared with what is a first stage by now. */
Test(vtd_hostile, what_is_ignored_in_an_entry_is_not_used_to_compare)
{
	ss_map(&k, second, 0x7000, mem);
	ss_map(&k, second, 0x8000, mem);
	set_pasid(&k, 6, SECOND, 2, NULL, second);
	cr_assert_eq(peek(&k, 6, 0x7000), 1);
	begin(&k);
	end(&k); /* all is to be compared once more: the PASID entry first */
	surprise_at(pasid_of(&k, 6), 2, spoil_pasid);
	cr_expect_eq(peek(&k, 6, 0x8000), -1);
	cr_expect_null(surprise);
	EXPECT_STALE(&k, "paging-structure cache", "IOTLB invalidation of domain 2");
	cr_expect_eq(peek(&k, 6, 0x8000), -1);
	EXPECT_STALE(&k, "PASID cache", "PASID-cache invalidation of domain 2, PASID 6");
}
