// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>

#include <uvdk_base_driver.h>
#include <uvdk_emu_driver.h>
#include <uvdk_iommu_driver.h>

#include "emu_policy.h"

/* Coherency and page tables on an emulated machine whose IOMMUs differ: no order matters. */

extern const struct uvdk_iommu_ops uvdk_iommu_emu;

#define EVENTS (2 * POLICY_DEVICES)

static const unsigned int by_rid[POLICY_DEVICES] = {0, 0, 0, 0};
static const unsigned int by_pasid[POLICY_DEVICES] = {1, 1, 1, 1};
static const unsigned int by_pasids[POLICY_DEVICES] = {1, 2, 2, 1};
static const unsigned int by_either[POLICY_DEVICES] = {0, 1, 2, 0};

struct orders {
	struct policy p;
	const unsigned int *way;
	bool too; /* and by RID, before and until after */
	unsigned int event[EVENTS];
	unsigned int count;
};

static void run(struct orders *o)
{
	bool there[POLICY_DEVICES] = {false};

	for (unsigned int i = 0; i < EVENTS; i++) {
		unsigned int d = o->event[i];

		if (o->too && !there[d])
			policy_toggle(&o->p, d, 0);
		policy_toggle(&o->p, d, o->way[d]);
		if (o->too && there[d])
			policy_toggle(&o->p, d, 0);
		there[d] = true;
	}
	o->count++;
}

/* Each device comes once and leaves once, in every order that there is. */
static void all_orders(struct orders *o, unsigned int events, const unsigned int left[])
{
	unsigned int rest[POLICY_DEVICES];

	if (events == EVENTS) {
		run(o);
		return;
	}
	for (unsigned int d = 0; d < POLICY_DEVICES; d++) {
		if (!left[d])
			continue;
		for (unsigned int i = 0; i < POLICY_DEVICES; i++)
			rest[i] = left[i] - (i == d);
		o->event[events] = d;
		all_orders(o, events + 1, rest);
	}
}

static void in_all_orders(enum uvdk_coherency_policy how, const unsigned int *way, bool too)
{
	static const unsigned int twice[POLICY_DEVICES] = {2, 2, 2, 2};
	static struct orders o;

	o = (struct orders){.way = way, .too = too};
	policy_open(&o.p, how, UVDK_EMU_CACHE_KEEPS, false);
	all_orders(&o, 0, twice);
	cr_expect_eq(o.count, 2520, "8! / 2!^4");
	cr_expect_geq(o.p.checks, 2520 * EVENTS);
	policy_close(&o.p);
}

Test(emu_policy, separate_by_rid_in_all_orders)
{
	in_all_orders(UVDK_COHERENCY_SEPARATE, by_rid, false);
}

Test(emu_policy, separate_by_one_pasid_in_all_orders)
{
	in_all_orders(UVDK_COHERENCY_SEPARATE, by_pasid, false);
}

Test(emu_policy, separate_by_rid_or_pasid_in_all_orders)
{
	in_all_orders(UVDK_COHERENCY_SEPARATE, by_either, false);
}

Test(emu_policy, separate_by_rid_and_pasid_in_all_orders)
{
	in_all_orders(UVDK_COHERENCY_SEPARATE, by_pasids, true);
}

Test(emu_policy, share_by_rid_in_all_orders)
{
	in_all_orders(UVDK_COHERENCY_SHARE, by_rid, false);
}

Test(emu_policy, share_by_one_pasid_in_all_orders)
{
	in_all_orders(UVDK_COHERENCY_SHARE, by_pasid, false);
}

Test(emu_policy, share_by_rid_or_pasid_in_all_orders)
{
	in_all_orders(UVDK_COHERENCY_SHARE, by_either, false);
}

Test(emu_policy, share_by_rid_and_pasid_in_all_orders)
{
	in_all_orders(UVDK_COHERENCY_SHARE, by_pasids, true);
}

/* ---- at random, with maps that come and go ---- */

static uint64_t dice(uint64_t *state, uint64_t sides)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;

	return (*state >> 11) % sides;
}

static void wander(enum uvdk_coherency_policy how, enum uvdk_emu_caching caching, bool absence)
{
	static struct policy p;
	uint64_t state = 4711;

	policy_open(&p, how, caching, absence);
	for (unsigned int i = 0; i < 10000; i++) {
		if (!dice(&state, 6))
			policy_remap(&p);
		else
			policy_toggle(&p, (unsigned int)dice(&state, POLICY_DEVICES),
				      (unsigned int)dice(&state, POLICY_WAYS));
	}
	policy_close(&p);
}

Test(emu_policy, separate_at_random)
{
	wander(UVDK_COHERENCY_SEPARATE, UVDK_EMU_CACHE_KEEPS, false);
	wander(UVDK_COHERENCY_SEPARATE, UVDK_EMU_CACHE_KEEPS, true);
	wander(UVDK_COHERENCY_SEPARATE, UVDK_EMU_CACHE_FORGETS, false);
}

Test(emu_policy, share_at_random)
{
	wander(UVDK_COHERENCY_SHARE, UVDK_EMU_CACHE_KEEPS, false);
	wander(UVDK_COHERENCY_SHARE, UVDK_EMU_CACHE_KEEPS, true);
	wander(UVDK_COHERENCY_SHARE, UVDK_EMU_CACHE_FORGETS, false);
}
