// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "emu_nest.h"

/*
 * First stages that lead out of the second at any depth. Only the top table is looked at
 * when one is made; what is below it is the caller's to write at any time.
 */

#define PASID	7u
#define ADDR	UINT64_C(0x7f1234560000)
#define PAGE	ASKER_PAGE
#define OUTSIDE (NEST_MEMORY + ASKER_MEMORY) /* where what is mapped ends */
/* Present, writable, user; and marked already, as hardware would (VT-d 9.7). */
#define LEADS UINT64_C(0x67)
#define LARGE (UINT64_C(1) << 7)
#define WHERE UINT64_C(0xffffffffff000)

static struct nest n;
static struct asker *a;
static struct uvdk_viommu *viommu;
static struct stage1 s;
static uint8_t before[ASKER_MEMORY];

static void open_one(void)
{
	nest_open(&n, NULL);
	a = asker_open(n.w.iommu, "emu:asker");
	nest_viommu(&n, a->dev, &viommu);
	stage1_open(&s, &n, 48);
	stage1_nest(&s, viommu, a->dev, NULL);
	stage1_map(&s, ADDR, 3);
	cr_assert_eq(uvdk_hwpt_attach(s.hwpt, a->dev, PASID), 0, "%s", uvdk_last_error());
}

static void close_one(void)
{
	stage1_close(&s);
	uvdk_viommu_destroy(viommu);
	asker_close(a);
	nest_close(&n);
}

/* The entry of ADDR in the table of a level: 4 is the top one, 1 that of pages. */
static uint64_t *entry_at(unsigned int level)
{
	uint64_t table = stage1_describe(&s).vtd.pgtbl, *entry = NULL;

	for (unsigned int at = 4; at >= level; at--) {
		entry = (uint64_t *)(n.w.memory + (table - NEST_MEMORY)) +
			(ADDR >> (12 + 9 * (at - 1)) & 511);
		table = *entry & WHERE;
	}

	return entry;
}

static void forget(void)
{
	const struct uvdk_inval_vtd all = {.npages = UINT64_MAX};

	cr_assert_eq(uvdk_hwpt_invalidate(s.hwpt, &all, sizeof(all), 1, NULL), 0, "%s",
		     uvdk_last_error());
}

/* An access is refused, told once, and has changed nothing. */
static void expect_fault(uint64_t addr, enum uvdk_emu_fault_reason reason, const char *what)
{
	struct uvdk_emu_fault fault[2];

	memcpy(before, n.w.memory, ASKER_MEMORY);
	cr_expect_not(asker_writes(a, PASID, addr), "%s", what);
	cr_expect_not(memcmp(before, n.w.memory, ASKER_MEMORY), "%s", what);
	cr_assert_eq(uvdk_emu_faults(n.w.emu, fault, 2, NULL), 1, "%s", what);
	cr_expect_eq(fault[0].iova, addr, "%s", what);
	cr_expect_eq(fault[0].pasid, PASID, "%s", what);
	cr_expect(fault[0].write, "%s", what);
	cr_expect_eq(fault[0].reason, reason, "%s: %d", what, (int)fault[0].reason);
}

/* With @value in the entry of a level; then as before. */
static void try_entry(unsigned int level, uint64_t value, enum uvdk_emu_fault_reason reason,
		      const char *what)
{
	uint64_t *entry = entry_at(level), good = *entry;

	*entry = value;
	forget();
	expect_fault(ADDR, reason, what);
	*entry = good;
	forget();
	cr_expect(asker_writes(a, PASID, ADDR), "%s: and is good again", what);
}

TestSuite(emu_nest_evil, .timeout = 60);

Test(emu_nest_evil, a_table_outside_the_second_stage_faults_at_every_level)
{
	static const char *const names[] = {"", "page", "table", "directory", "upper directory"};

	open_one();
	for (unsigned int level = 1; level <= 4; level++) {
		try_entry(level, OUTSIDE | LEADS, UVDK_EMU_FAULT_NOT_MAPPED, names[level]);
		try_entry(level, (uintptr_t)n.w.memory | LEADS, UVDK_EMU_FAULT_NOT_MAPPED,
			  "an address of this process");
		try_entry(level, 0, UVDK_EMU_FAULT_NOT_MAPPED, "nothing");
	}
	close_one();
}

/* A large page, the first part of which is in the second stage. */
Test(emu_nest_evil, a_large_page_that_leads_out_is_good_as_far_as_it_is_inside)
{
	const uint64_t base = ADDR & ~((UINT64_C(1) << 30) - 1);
	uint64_t *entry, good;

	open_one();
	entry = entry_at(3);
	good = *entry;
	*entry = NEST_MEMORY | LARGE | LEADS;
	forget();
	cr_expect(asker_writes(a, PASID, base + 5 * PAGE));
	cr_expect_eq(*(uint64_t *)nest_page(&n, 5), 0x5a5a5a5a);
	expect_fault(base + ASKER_MEMORY, UVDK_EMU_FAULT_NOT_MAPPED, "the page behind the end");
	expect_fault(base + (UINT64_C(1) << 30) - PAGE, UVDK_EMU_FAULT_NOT_MAPPED, "the last one");
	*entry = good;
	forget();
	close_one();
}

Test(emu_nest_evil, a_table_that_leads_to_itself_ends)
{
	open_one();
	try_entry(4, stage1_describe(&s).vtd.pgtbl | LEADS, UVDK_EMU_FAULT_NOT_MAPPED, "itself");
	close_one();
}

/* What is taken out of the second stage while a first stage has its tables there. */
Test(emu_nest_evil, a_second_stage_that_is_taken_away_takes_the_tables_along)
{
	uvdk_iova_t iova = NEST_MEMORY;

	open_one();
	cr_expect(asker_writes(a, PASID, ADDR));
	cr_assert_eq(uvdk_ioas_unmap(n.ioas, NEST_MEMORY, ASKER_MEMORY), 0);
	expect_fault(ADDR, UVDK_EMU_FAULT_NOT_MAPPED, "no tables");
	cr_assert_eq(uvdk_ioas_map(n.ioas, n.w.memory, ASKER_MEMORY, UVDK_MAP_RW | UVDK_MAP_FIXED,
				   &iova),
		     0);
	cr_expect(asker_writes(a, PASID, ADDR));
	close_one();
}
