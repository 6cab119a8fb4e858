// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "vtd_tables.h"

#define IOVA UINT64_C(0x7f1234567000)

static uint64_t pa;

static enum vtd_fault go(uint32_t pasid, uint64_t addr, bool write)
{
	const struct vtd_request req = {
		.rid = RID, .tagged = true, .pasid = pasid, .addr = addr, .write = write};

	pa = 0;
	return vtd_translate(&unit, &req, &pa);
}

Test(vtd_walk, first_stage_leads_to_the_page)
{
	tables_init(5, FIRST_ONLY);
	table_map(FIRST, IOVA, DATA, US | RW | P, 1);
	cr_assert_eq(go(5, IOVA + 0x123, true), VTD_OK);
	cr_assert_eq(pa, DATA + 0x123);
	cr_assert_eq(go(5, IOVA + 0x1000, false), VTD_FS_NOT_PRESENT);
}

Test(vtd_walk, accessed_and_dirty_are_set_where_they_belong)
{
	tables_init(5, FIRST_ONLY);
	table_map(FIRST, IOVA, DATA, US | RW | P, 1);
	cr_assert_eq(go(5, IOVA, false), VTD_OK);
	for (unsigned int level = 1; level <= 4; level++)
		cr_assert_eq(*entry_of(FIRST, IOVA, level) & (FS_A | FS_D), FS_A);
	cr_assert_eq(go(5, IOVA, true), VTD_OK);
	cr_assert_eq(*entry_of(FIRST, IOVA, 1) & FS_D, FS_D);
	cr_assert_eq(*entry_of(FIRST, IOVA, 2) & FS_D, 0);
}

Test(vtd_walk, permissions_of_the_first_stage)
{
	tables_init(5, FIRST_ONLY);
	table_map(FIRST, IOVA, DATA, US | P, 1);
	cr_assert_eq(go(5, IOVA, false), VTD_OK);
	cr_assert_eq(go(5, IOVA, true), VTD_FS_WRITE);
	cr_assert_eq(*entry_of(FIRST, IOVA, 1) & FS_D, 0);
	*entry_of(FIRST, IOVA, 1) |= RW;
	*entry_of(FIRST, IOVA, 3) &= ~(uint64_t)RW;
	cr_assert_eq(go(5, IOVA, true), VTD_FS_WRITE, "read-only higher up");
	*entry_of(FIRST, IOVA, 1) &= ~(uint64_t)US;
	cr_assert_eq(go(5, IOVA, false), VTD_FS_USER);
}

Test(vtd_walk, large_pages)
{
	tables_init(5, FIRST_ONLY);
	table_map(FIRST, IOVA, 0, US | RW | P, 2);
	cr_assert_eq(go(5, IOVA, true), VTD_OK);
	cr_assert_eq(pa, IOVA & 0x1fffff);
	table_map(FIRST, IOVA, 0, US | RW | P, 3);
	cr_assert_eq(go(5, IOVA, true), VTD_OK);
	cr_assert_eq(pa, IOVA & 0x3fffffff);
	*entry_of(FIRST, IOVA, 3) |= 1 << 20;
	cr_assert_eq(go(5, IOVA, true), VTD_RESERVED);
}

Test(vtd_walk, reserved_bits_are_refused)
{
	tables_init(5, FIRST_ONLY);
	table_map(FIRST, IOVA, DATA, US | RW | P, 1);
	*entry_of(FIRST, IOVA, 4) |= LARGE;
	cr_assert_eq(go(5, IOVA, false), VTD_RESERVED);
	*entry_of(FIRST, IOVA, 4) ^= LARGE;
	*entry_of(FIRST, IOVA, 1) |= UINT64_C(1) << 63;
	cr_assert_eq(go(5, IOVA, false), VTD_OK, "no-execute is no business of a device's");
	at(PASIDS + 5 * 64)[2] |= 1 << 8;
	cr_assert_eq(go(5, IOVA, false), VTD_RESERVED);
}

Test(vtd_walk, addresses_have_to_be_canonical)
{
	tables_init(5, FIRST_ONLY);
	table_map(FIRST, UINT64_C(0xffff800000000000), DATA, US | RW | P, 1);
	cr_assert_eq(go(5, UINT64_C(0xffff800000000000), false), VTD_OK);
	cr_assert_eq(go(5, UINT64_C(0x0000800000000000), false), VTD_ADDRESS_WIDTH);
	cr_assert_eq(go(5, 0xfee00000, true), VTD_INTERRUPT_RANGE);
}

Test(vtd_walk, five_levels)
{
	uint64_t iova = UINT64_C(5) << 48 | IOVA;

	tables_init(5, FIRST_ONLY);
	table_map(FIRST, IOVA, DATA, US | RW | P, 1);
	*at(SECOND + 5 * 8) = FIRST | US | RW | P;
	at(PASIDS + 5 * 64)[2] = SECOND | 1 << 2;
	cr_assert_eq(go(5, iova, true), VTD_OK);
	cr_assert_eq(pa, DATA);
	cr_assert_eq(go(5, IOVA, true), VTD_FS_NOT_PRESENT);
}

Test(vtd_walk, second_stage)
{
	uint64_t gpa = 0x123456000;

	tables_init(5, SECOND_ONLY);
	table_map(SECOND, gpa, DATA, SS_R, 1);
	cr_assert_eq(go(5, gpa + 8, false), VTD_OK);
	cr_assert_eq(pa, DATA + 8);
	cr_assert_eq(go(5, gpa, true), VTD_SS_WRITE);
	cr_assert_eq(go(5, gpa + 0x1000, false), VTD_SS_READ);
	cr_assert_eq(go(5, UINT64_C(1) << 48, false), VTD_ADDRESS_WIDTH);
	cr_assert_eq(*entry_of(SECOND, gpa, 1), DATA | SS_R, "marked without SSADE");
}

/* Second stage under a first: tables and pages of the first lie 0x100000000 higher. */
Test(vtd_walk, nested)
{
	const uint64_t up = UINT64_C(0x100000000);

	tables_init(5, NESTED);
	for (unsigned int page = 0; page < 5; page++)
		table_map(SECOND, up + FIRST + page * 0x1000, FIRST + page * 0x1000, SS_R | SS_W,
			  1);
	table_map(SECOND, up + DATA, DATA, SS_R, 1);
	table_map(FIRST, IOVA, up + DATA, US | RW | P, 1);
	for (unsigned int level = 4; level > 1; level--)
		*entry_of(FIRST, IOVA, level) += up;
	at(PASIDS + 5 * 64)[2] += up;
	cr_assert_eq(go(5, IOVA, false), VTD_OK);
	cr_assert_eq(pa, DATA);
	cr_assert_eq(go(5, IOVA, true), VTD_SS_WRITE);
	*entry_of(SECOND, up + FIRST + 0x1000, 1) = 0;
	cr_assert_eq(go(5, IOVA, false), VTD_SS_READ, "a table that the second stage hides");
}

Test(vtd_walk, pass_through)
{
	tables_init(5, PASS);
	cr_assert_eq(go(5, DATA + 1, true), VTD_OK);
	cr_assert_eq(pa, DATA + 1);
}

Test(vtd_walk, each_missing_step_has_its_fault)
{
	tables_init(130, FIRST_ONLY);
	cr_assert_eq(go(131, IOVA, false), VTD_NO_PASID);
	cr_assert_eq(go(1, IOVA, false), VTD_NO_DIRECTORY);
	cr_assert_eq(go(1 << 13, IOVA, false), VTD_PASID_RANGE);
	at(PASIDS + 2 * 64)[0] = 7 << 6 | P;
	cr_assert_eq(go(130, IOVA, false), VTD_PASID_INVALID);
	at(CONTEXT + 0x18 * 32)[0] &= ~(uint64_t)8;
	cr_assert_eq(go(130, IOVA, false), VTD_CONTEXT_NO_PASID);
	at(CONTEXT + 0x18 * 32)[0] = 0;
	cr_assert_eq(go(130, IOVA, false), VTD_NO_CONTEXT);
	*at(ROOT + 16) = 0;
	cr_assert_eq(go(130, IOVA, false), VTD_NO_ROOT);
	unit.rtaddr = ROOT;
	cr_assert_eq(go(130, IOVA, false), VTD_NOT_SCALABLE);
}

Test(vtd_walk, without_a_pasid_the_context_entry_names_one)
{
	struct vtd_request req = {.rid = RID, .addr = DATA};

	tables_init(9, PASS);
	at(CONTEXT + 0x18 * 32)[1] = 9;
	cr_assert_eq(vtd_translate(&unit, &req, &pa), VTD_OK);
	at(CONTEXT + 0x18 * 32)[1] = 0;
	cr_assert_eq(vtd_translate(&unit, &req, &pa), VTD_NO_PASID);
}

Test(vtd_walk, tables_outside_of_ram_are_not_followed)
{
	tables_init(5, FIRST_ONLY);
	table_map(FIRST, IOVA, DATA, US | RW | P, 1);
	*entry_of(FIRST, IOVA, 3) = UINT64_C(0xffffff000) | US | RW | P;
	cr_assert_eq(go(5, IOVA, false), VTD_OUTSIDE_RAM);
	*at(DIRECTORY) = UINT64_C(0xfffffffffffff000) | P;
	cr_assert_eq(go(5, IOVA, false), VTD_OUTSIDE_RAM);
	cr_assert_null(vtd_ram(&unit, RAM_SIZE - 8, 9));
	cr_assert_not_null(vtd_ram(&unit, RAM_SIZE - 8, 8));
}
