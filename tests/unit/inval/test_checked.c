// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>

#include <uvdk_inval.h>

#include "nest_world.h"

/*
 * Commands that a queue makes are not looked at again on their way to the kernel, where an
 * illegal one stops everybody's: so each has to be one that uvdk_viommu_invalidate() takes.
 */
#define MOST   65536u
#define ROUNDS 300u

static struct nest_world nest;
static struct uvdk_inval_smmuv3 seen[MOST];
static unsigned int count;
static uint64_t seed;

static uint64_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;

	return seed;
}

static int on_invalidate(const struct uvdk_inval_batch *batch, struct uvdk_inval_result *out)
{
	cr_assert_eq(batch->entry_len, sizeof(seen[0]));
	cr_assert_leq(batch->count, MOST - count);
	memcpy(seen + count, batch->entries, batch->count * sizeof(seen[0]));
	count += batch->count;
	*out = (struct uvdk_inval_result){batch->count, batch->count};

	return 0;
}

/* From a page to all there is, anywhere. */
static struct uvdk_inval_req request(unsigned int asid_bits)
{
	const uint64_t pages = (UINT64_C(1) << 52) - 1;
	const uint64_t first = any() >> (12 + any() % 52);
	const uint64_t more = any() % 2 ? 0 : any() >> (12 + any() % 52);
	const uint64_t last = first + more < pages ? first + more : pages;
	const uint64_t scope = any() % 16;

	return (struct uvdk_inval_req){
		.first = first * PAGE,
		.last = last * PAGE + PAGE - 1,
		.asid = (uint16_t)(any() & ((1u << asid_bits) - 1)),
		.pasid = (uint32_t)(any() % 200),
		.scope = scope == 0   ? UVDK_INVAL_ALL
			 : scope == 1 ? UVDK_INVAL_PASID
				      : UVDK_INVAL_RANGE,
		.flags = any() % 2 ? any() % 8 : UVDK_INVAL_LEAF | UVDK_INVAL_KEEP_DEVTLB,
	};
}

/* Now and then several pages that are alike, so that the way for these is taken, too. */
static void post_some(struct uvdk_invalq *q, unsigned int asid_bits)
{
	const bool alike = any() % 2;
	struct uvdk_inval_req req = request(asid_bits);
	uint64_t cookie = 0;

	for (unsigned int i = 0; i < 8; i++) {
		const struct uvdk_inval_req other = request(asid_bits);

		req.first = other.first;
		req.last = other.first + PAGE - 1;
		cr_assert_eq(uvdk_inval_post(q, alike ? &req : &other, &cookie), 0, "%s",
			     uvdk_last_error());
	}
	cr_assert_eq(uvdk_inval_kick(q), 0);
	cr_assert_eq(uvdk_inval_poll(q, cookie), 0);
}

static void expect_checked(bool ats, bool range, unsigned int asid_bits)
{
	const struct uvdk_invalq_opts opts = {.size = sizeof(opts), .flush_entries = 64};
	struct uvdk_invalq *q = NULL;
	unsigned int made;

	seed = 0x9e3779b97f4a7c15;
	count = 0;
	fake_viommu.on_invalidate = on_invalidate;
	nest_open_smmu(&nest, UVDK_NEST_SMMUV3, ats, range, asid_bits);
	nest_add(&nest, 0, NULL, 0x11);
	nest_add(&nest, 1, ats ? "fake:1-ats" : "fake:1", 0x22);
	cr_assert_eq(uvdk_invalq_open(nest.hwpt[0], nest.dev[0], UVDK_PASID_RID, &opts, &q), 0,
		     "%s", uvdk_last_error());
	for (unsigned int i = 0; i < ROUNDS; i++)
		post_some(q, asid_bits);
	made = count;
	cr_assert_gt(made, ROUNDS);
	fake_viommu.on_invalidate = NULL;
	for (unsigned int i = 0; i < made; i++)
		cr_expect_eq(
			uvdk_viommu_invalidate(nest.viommu, &seen[i], sizeof(seen[i]), 1, NULL), 0,
			"0x%lx 0x%lx: %s", (unsigned long)seen[i].cmd[0],
			(unsigned long)seen[i].cmd[1], uvdk_last_error());
	uvdk_hwpt_detach(nest.hwpt[0], nest.dev[0], UVDK_PASID_RID);
	uvdk_invalq_destroy(q);
	nest_close(&nest);
}

Test(inval_checked, of_an_smmu_that_has_everything)
{
	expect_checked(true, true, 16);
}

Test(inval_checked, without_range_invalidation)
{
	expect_checked(true, false, 16);
}

Test(inval_checked, with_asids_of_eight_bits)
{
	expect_checked(false, true, 8);
}

Test(inval_checked, without_anything)
{
	expect_checked(false, false, 8);
}
