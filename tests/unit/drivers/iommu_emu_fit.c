// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "iommu_emu_domain.h"

/* Which page table may stand in front of which unit. Bits by number, 11.4.2 and 11.4.3. */

#define CAP  (6 | 0xeull << 8 | 56ull << 16 | 3ull << 34 | 1ull << 56 | 1ull << 60)
#define ECAP (1ull << 7 | 1ull << 26 | 1ull << 45 | 1ull << 46 | 1ull << 47)

const struct uvdk_emu_model *const uvdk_builtin_models[] = {NULL};

/* Domain IDs, which are not what this is about. */
static unsigned int ids;
static int refuse;

int emu_unit_did_get(struct emu_unit *unit, uint16_t *did)
{
	(void)unit;
	ids += !refuse;
	*did = 5;

	return refuse;
}

void emu_unit_did_put(struct emu_unit *unit, uint16_t did)
{
	(void)unit;
	ids -= did == 5;
}

static struct emu_unit other;

/* As a table is made for a unit that has everything. */
static struct emu_domain table_of(struct emu_kind kind)
{
	const struct emu_unit unit = {.cap = CAP, .ecap = ECAP};

	return (struct emu_domain){
		.kind = kind,
		.table = {.stage = kind.stage,
			  .levels = emu_unit_levels(&unit, kind.stage),
			  .bits = emu_unit_bits(&unit, kind.stage),
			  .leaf_sizes = emu_unit_leaf_sizes(&unit, kind.stage)},
	};
}

/* Does it fit a unit without these capabilities? Then it can be attached there, too. */
static bool fits(struct emu_kind kind, uint64_t without_cap, uint64_t without_ecap)
{
	struct emu_domain dom = table_of(kind);
	int err;

	other = (struct emu_unit){
		.number = 1, .cap = CAP & ~without_cap, .ecap = ECAP & ~without_ecap};
	err = emu_domain_enter(&dom, &other);
	cr_expect_eq(!err, emu_domain_fits(&dom, &other));
	cr_expect(!err || err == -EINVAL);
	cr_expect_eq(ids, !err);
	cr_expect_eq(dom.tag[1].attached, !err);
	if (!err)
		emu_domain_leave(&dom, &other);
	cr_expect_eq(ids, 0);

	return !err;
}

#define FIRST(...)  ((struct emu_kind){.stage = EMU_FIRST_STAGE, __VA_ARGS__})
#define SECOND(...) ((struct emu_kind){.stage = EMU_SECOND_STAGE, __VA_ARGS__})

Test(emu_fit, a_unit_like_that_takes_all)
{
	cr_expect(fits(FIRST(.enforced = true), 0, 0));
	cr_expect(fits(SECOND(.enforced = true, .special = EMU_SPECIAL), 0, 0));
}

Test(emu_fit, a_stage_that_is_not_there)
{
	cr_expect_not(fits(FIRST(), 0, 1ull << 47));
	cr_expect_not(fits(SECOND(), 0, 1ull << 46));
	cr_expect(fits(SECOND(), 0, 1ull << 47));
}

Test(emu_fit, snoop_control_is_needed_by_what_enforces)
{
	cr_expect_not(fits(FIRST(.enforced = true), 0, 1 << 7));
	cr_expect_not(fits(SECOND(.enforced = true), 0, 1 << 7));
	cr_expect(fits(FIRST(), 0, 1 << 7));
	cr_expect(fits(SECOND(), 0, 1 << 7));
}

Test(emu_fit, what_is_special_is_needed)
{
	cr_expect_not(fits(SECOND(.special = UVDK_HWPT_DIRTY), 0, 1ull << 45));
	cr_expect_not(fits(SECOND(.special = UVDK_HWPT_NEST_PARENT), 0, 1ull << 26));
	cr_expect(fits(SECOND(), 0, 1ull << 45 | 1ull << 26));
}

Test(emu_fit, levels_widths_and_page_sizes)
{
	cr_expect_not(fits(FIRST(), 1ull << 60, 0), "five levels");
	cr_expect_not(fits(SECOND(), 1ull << 11, 0), "five levels");
	cr_expect_not(fits(SECOND(), 32ull << 16, 0), "24 bits less");
	cr_expect_not(fits(FIRST(), 1ull << 56, 0), "1 GiB");
	cr_expect_not(fits(SECOND(), 1ull << 35, 0), "1 GiB");
	cr_expect_not(fits(SECOND(), 3ull << 34, 0), "2 MiB");
	cr_expect(fits(FIRST(), 3ull << 34 | 1ull << 11, 0));
	cr_expect(fits(SECOND(), 1ull << 56 | 1ull << 60, 0));
}

Test(emu_fit, a_domain_id_is_had_once_a_unit_and_given_back)
{
	struct emu_domain dom = table_of(FIRST());

	other = (struct emu_unit){.number = 1, .cap = CAP, .ecap = ECAP};
	cr_assert_eq(emu_domain_enter(&dom, &other), 0);
	cr_assert_eq(emu_domain_enter(&dom, &other), 0);
	cr_expect_eq(ids, 1);
	cr_expect_eq(emu_domain_did(&dom, &other), 5);
	emu_domain_leave(&dom, &other);
	cr_expect_eq(ids, 1);
	emu_domain_leave(&dom, &other);
	cr_expect_eq(ids, 0);
	refuse = -ENOSPC;
	cr_expect_eq(emu_domain_enter(&dom, &other), -ENOSPC);
	cr_expect_eq(dom.tag[1].attached, 0);
	refuse = 0;
}

Test(emu_fit, who_is_refused_is_told_what_lacks)
{
	cr_expect_not(fits(FIRST(.enforced = true), 0, 1 << 7));
	cr_expect(strstr(uvdk_last_error(), "snoop control"), "%s", uvdk_last_error());
}
