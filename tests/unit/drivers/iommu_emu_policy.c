// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>

#include <uvdk_base_driver.h>
#include <uvdk_emu_driver.h>
#include <uvdk_iommu_driver.h>

#include "../../random.h"
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
	return (random_next(state) >> 11) % sides;
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

/* ---- what the driver makes of it, called as the library calls it ---- */

struct world {
	struct policy p;
	struct uvdk_iommu_binding *binding[POLICY_DEVICES];
	void *space;
};

static void world_open(struct world *w)
{
	policy_open(&w->p, UVDK_COHERENCY_SEPARATE, UVDK_EMU_CACHE_KEEPS, false);
	for (unsigned int i = 0; i < POLICY_DEVICES; i++)
		w->binding[i] = uvdk_device_binding(w->p.asker[i]->dev);
	cr_assert_eq(uvdk_iommu_emu.ioas_create(w->p.world.emu, w->p.ioas, &w->space), 0);
}

static void world_close(struct world *w)
{
	struct uvdk_emu_stale stale;

	for (unsigned int i = 0; i < POLICY_DEVICES; i++)
		uvdk_iommu_emu.detach(w->space, w->binding[i]);
	uvdk_iommu_emu.ioas_destroy(w->space);
	cr_expect_eq(uvdk_emu_stales(w->p.world.emu, &stale, 1), 0, "%s", stale.missing);
	policy_close(&w->p);
}

static void *make(struct world *w, unsigned int device, unsigned int flags)
{
	void *hwpt = NULL;

	cr_assert_eq(uvdk_iommu_emu.hwpt_create(w->space, w->binding[device], flags, &hwpt), 0);

	return hwpt;
}

static int use(struct world *w, void *hwpt, unsigned int device, uint32_t pasid)
{
	return uvdk_iommu_emu.hwpt_attach(hwpt, w->binding[device], pasid, NULL);
}

/* 1: coherent though it asks not to be, 0: not, -1: refused */
static int coherent(struct world *w, unsigned int device, uint32_t pasid)
{
	struct uvdk_emu_function *fn = w->p.asker[device]->fn;
	uint64_t before = uvdk_emu_fn_incoherent(fn);
	uint8_t b = 0;

	if (uvdk_emu_dma_no_snoop(fn, pasid ? pasid : UVDK_EMU_NO_PASID, POLICY_IOVA, &b, 1, true))
		return -1;

	return uvdk_emu_fn_incoherent(fn) == before;
}

/* Of both stages, by RID and by PASID. */
static void a_table_goes(unsigned int flags, uint32_t pasid)
{
	static struct world w;
	void *strict, *open;

	world_open(&w);
	strict = make(&w, 0, flags);
	open = make(&w, 2, flags);
	cr_expect_eq(use(&w, strict, 2, pasid), -EINVAL);
	cr_expect_eq(coherent(&w, 2, pasid), -1, "and nothing has changed");
	cr_expect_eq(use(&w, strict, 1, pasid), 0);
	cr_expect_eq(coherent(&w, 1, pasid), 1);
	for (unsigned int i = 0; i < POLICY_DEVICES; i++) {
		cr_expect_eq(use(&w, open, i, pasid), 0, "%s", uvdk_last_error());
		cr_expect_eq(coherent(&w, i, pasid), 0);
	}
	cr_expect_eq(use(&w, strict, 3, pasid), -EINVAL);
	cr_expect_eq(coherent(&w, 3, pasid), 0, "and nothing has changed");
	cr_expect_eq(use(&w, strict, 0, pasid), 0);
	cr_expect_eq(coherent(&w, 0, pasid), 1);
	for (unsigned int i = 0; pasid && i < POLICY_DEVICES; i++)
		uvdk_iommu_emu.pasid_detach(w.space, w.binding[i], pasid);
	for (unsigned int i = 0; !pasid && i < POLICY_DEVICES; i++)
		uvdk_iommu_emu.detach(w.space, w.binding[i]);
	uvdk_iommu_emu.hwpt_destroy(strict);
	uvdk_iommu_emu.hwpt_destroy(open);
	world_close(&w);
}

Test(emu_policy, a_table_that_enforces_is_refused_where_that_can_not_be)
{
	a_table_goes(0, 0);
	a_table_goes(UVDK_HWPT_PASID, 0);
	a_table_goes(UVDK_HWPT_PASID, 7);
	a_table_goes(UVDK_HWPT_PASID | UVDK_HWPT_DIRTY, 7);
}

Test(emu_policy, the_first_table_that_fits_serves_who_chooses_none)
{
	static struct world w;

	world_open(&w);
	cr_assert_eq(uvdk_iommu_emu.attach(w.space, w.binding[2]), 0);
	cr_assert_eq(uvdk_iommu_emu.attach(w.space, w.binding[0]), 0);
	cr_expect_eq(coherent(&w, 0, 0), 0, "the other can't");
	uvdk_iommu_emu.detach(w.space, w.binding[2]);
	uvdk_iommu_emu.detach(w.space, w.binding[0]);
	cr_assert_eq(uvdk_iommu_emu.attach(w.space, w.binding[1]), 0);
	cr_assert_eq(uvdk_iommu_emu.attach(w.space, w.binding[3]), 0, "%s", uvdk_last_error());
	cr_expect_eq(coherent(&w, 1, 0), 1, "it was first");
	cr_expect_eq(coherent(&w, 3, 0), 0);
	world_close(&w);
}

Test(emu_policy, a_table_that_was_chosen_serves_nobody_else)
{
	static struct world w;
	void *open;

	world_open(&w);
	open = make(&w, 2, 0);
	cr_assert_eq(use(&w, open, 0, 0), 0);
	cr_assert_eq(use(&w, open, 2, 0), 0);
	cr_expect_eq(coherent(&w, 0, 0), 0);
	cr_assert_eq(uvdk_iommu_emu.attach(w.space, w.binding[1]), 0);
	cr_expect_eq(coherent(&w, 1, 0), 1);
	cr_assert_eq(uvdk_iommu_emu.rid_restore(w.space, w.binding[0]), 0);
	cr_expect_eq(coherent(&w, 0, 0), 1);
	uvdk_iommu_emu.detach(w.space, w.binding[2]);
	uvdk_iommu_emu.hwpt_destroy(open);
	world_close(&w);
}
