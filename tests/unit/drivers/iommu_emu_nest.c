// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "emu_nest.h"

/* Nested tables on emulated I/O MMUs, through the public calls. */

#define PASID 7u
#define ADDR  UINT64_C(0x7f1234560000) /* in first stages */
#define PAGE  ASKER_PAGE

static struct nest n;
static struct asker *a;
static struct uvdk_viommu *viommu;
static struct stage1 s;

static void attach(struct uvdk_hwpt *hwpt, struct asker *to, uint32_t pasid)
{
	cr_assert_eq(uvdk_hwpt_attach(hwpt, to->dev, pasid), 0, "%s", uvdk_last_error());
}

static void replace(struct uvdk_hwpt *hwpt, struct asker *to, uint32_t pasid)
{
	cr_assert_eq(uvdk_hwpt_replace(hwpt, to->dev, pasid), 0, "%s", uvdk_last_error());
}

/* One function with a first stage of its own, not attached yet. */
static void open_as(const char *spec, const struct uvdk_emu_opts *opts)
{
	nest_open(&n, opts);
	a = asker_open(n.w.iommu, spec);
	nest_viommu(&n, a->dev, &viommu);
	stage1_open(&s, &n, 48);
	stage1_nest(&s, viommu, a->dev, NULL);
}

static void open_one(void)
{
	open_as("emu:asker", NULL);
}

static void close_one(void)
{
	stage1_close(&s);
	uvdk_viommu_destroy(viommu);
	asker_close(a);
	nest_close(&n);
}

/* What an access brings, whole: it is the first word of the page. */
static uint64_t fetch(struct asker *from, uint32_t pasid, uint64_t addr)
{
	uint64_t value = UINT64_MAX;

	uvdk_emu_dma_read_pasid(from->fn, pasid ? pasid : UVDK_EMU_NO_PASID, addr, &value, 8);

	return value;
}

static void number_pages(void)
{
	for (uint64_t i = 0; i < NEST_PAGES; i++)
		memcpy(nest_page(&n, (unsigned int)i), &i, sizeof(i));
}

static unsigned int stales(void)
{
	struct uvdk_emu_stale stale[64];

	return uvdk_emu_stales(n.w.emu, stale, 64);
}

TestSuite(emu_nest, .timeout = 100);

/* ---- what it is for ---- */

static void expect_reach(const char *spec, uint32_t pasid, unsigned int bits)
{
	const struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true, .iova_bits = bits};
	const uint64_t addr = bits == 57 ? ADDR << 8 : ADDR;

	nest_open(&n, &opts);
	a = asker_open(n.w.iommu, spec);
	nest_viommu(&n, a->dev, &viommu);
	stage1_open(&s, &n, bits);
	stage1_nest(&s, viommu, a->dev, NULL);
	number_pages();
	stage1_map(&s, addr, 3);
	attach(s.hwpt, a, pasid);
	cr_expect_eq(fetch(a, pasid, addr), 3);
	cr_expect(asker_writes(a, pasid, addr + 8));
	cr_expect_eq(((uint64_t *)nest_page(&n, 3))[1], 0x5a5a5a5a);
	cr_expect_not(asker_reads(a, pasid, addr + PAGE), "nothing is there");
	cr_expect_not(asker_reads(a, pasid, NEST_MEMORY), "that is an address of the second stage");
	stage1_map(&s, addr + PAGE, 4);
	cr_expect_eq(fetch(a, pasid, addr + PAGE), 4, "mapping is a store");
	uvdk_hwpt_detach(s.hwpt, a->dev, pasid);
	cr_expect_not(asker_reads(a, pasid, addr));
	close_one();
}

Test(emu_nest, a_device_reaches_what_the_first_stage_says_by_pasid_and_by_rid)
{
	for (unsigned int bits = 48; bits <= 57; bits += 9) {
		expect_reach("emu:asker", PASID, bits);
		expect_reach("emu:asker,plain", PASID, bits);
		expect_reach("emu:asker", UVDK_PASID_RID, bits);
		expect_reach("emu:asker,nopasid", UVDK_PASID_RID, bits);
	}
}

Test(emu_nest, tenants_have_the_same_addresses_and_each_its_memory)
{
	struct stage1 tenant[20];

	open_one();
	number_pages();
	for (unsigned int i = 0; i < 20; i++) {
		stage1_open(&tenant[i], &n, 48);
		stage1_nest(&tenant[i], viommu, a->dev, NULL);
		stage1_map(&tenant[i], ADDR, 100 + i);
		attach(tenant[i].hwpt, a, i);
	}
	for (unsigned int round = 0; round < 2; round++)
		for (unsigned int i = 0; i < 20; i++)
			cr_expect_eq(fetch(a, i, ADDR), 100 + i, "PASID %u", i);
	stage1_unmap(&tenant[5], ADDR);
	stage1_invalidate(&tenant[5]);
	for (unsigned int i = 0; i < 20; i++)
		cr_expect_eq(fetch(a, i, ADDR), i == 5 ? UINT64_MAX : 100 + i, "PASID %u", i);
	for (unsigned int i = 0; i < 20; i++)
		stage1_close(&tenant[i]);
	close_one();
}

/* The same PASID on two functions behind one unit: tags must not be shared. */
Test(emu_nest, one_pasid_of_two_functions_leads_to_two_places)
{
	struct asker *b;
	struct stage1 other;

	open_one();
	number_pages();
	b = asker_open(n.w.iommu, "emu:asker");
	stage1_open(&other, &n, 48);
	stage1_nest(&other, viommu, b->dev, NULL);
	stage1_map(&s, ADDR, 1);
	stage1_map(&other, ADDR, 2);
	attach(s.hwpt, a, PASID);
	attach(other.hwpt, b, PASID);
	for (unsigned int round = 0; round < 2; round++) {
		cr_expect_eq(fetch(a, PASID, ADDR), 1);
		cr_expect_eq(fetch(b, PASID, ADDR), 2);
	}
	stage1_close(&other);
	asker_close(b);
	close_one();
}

Test(emu_nest, a_table_serves_several_and_is_invalidated_for_all)
{
	const char *const spec[] = {"emu:asker", "emu:asker,plain", "emu:asker"};
	struct asker *more[3];

	open_one();
	stage1_map(&s, ADDR, 1);
	attach(s.hwpt, a, UVDK_PASID_RID);
	attach(s.hwpt, a, PASID);
	for (unsigned int i = 0; i < 3; i++) {
		more[i] = asker_open(n.w.iommu, spec[i]);
		attach(s.hwpt, more[i], PASID + i);
		cr_expect(asker_writes(more[i], PASID + i, ADDR));
	}
	cr_expect(asker_writes(a, UVDK_PASID_RID, ADDR));
	cr_expect(asker_writes(a, PASID, ADDR));
	stage1_unmap(&s, ADDR);
	stage1_invalidate(&s);
	cr_expect_not(asker_writes(a, UVDK_PASID_RID, ADDR));
	cr_expect_not(asker_writes(a, PASID, ADDR));
	for (unsigned int i = 0; i < 3; i++) {
		cr_expect_not(asker_writes(more[i], PASID + i, ADDR), "device %u", i);
		asker_close(more[i]);
	}
	close_one();
}

/* ---- the second stage below ---- */

Test(emu_nest, a_first_stage_that_leads_outside_the_second_faults_and_nothing_changes)
{
	const uint64_t outside = UINT64_C(0x9000000000);
	struct uvdk_emu_fault fault;
	uint8_t before[16];

	open_one();
	attach(s.hwpt, a, PASID);
	stage1_map_iova(&s, ADDR, outside);
	memcpy(before, n.w.memory, sizeof(before));
	cr_expect_not(asker_writes(a, PASID, ADDR));
	cr_expect_arr_eq(before, n.w.memory, sizeof(before));
	cr_assert_eq(uvdk_emu_faults(n.w.emu, &fault, 1, NULL), 1);
	cr_expect_eq(fault.iova, ADDR);
	cr_expect_eq(fault.pasid, PASID);
	cr_expect_eq(fault.reason, UVDK_EMU_FAULT_NOT_MAPPED);
	close_one();
}

/* An address of this process is no address of the second stage. */
Test(emu_nest, a_first_stage_that_has_pointers_of_the_process_gets_nowhere)
{
	open_one();
	attach(s.hwpt, a, PASID);
	stage1_map_iova(&s, ADDR, (uintptr_t)n.w.memory);
	cr_expect_not(asker_writes(a, PASID, ADDR));
	close_one();
}

static void expect_late(bool absence)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true, .absence = absence};
	uvdk_iova_t iova = 0x123000;

	open_as("emu:asker", &opts);
	attach(s.hwpt, a, PASID);
	attach(s.hwpt, a, UVDK_PASID_RID);
	stage1_map_iova(&s, ADDR, iova);
	for (unsigned int round = 0; round < 5; round++) {
		cr_expect_not(asker_reads(a, PASID, ADDR));
		cr_expect_not(asker_reads(a, UVDK_PASID_RID, ADDR));
		cr_assert_eq(uvdk_ioas_map(n.ioas, nest_page(&n, round), PAGE,
					   UVDK_MAP_RW | UVDK_MAP_FIXED | UVDK_MAP_ALIAS, &iova),
			     0, "%s", uvdk_last_error());
		cr_expect(asker_writes(a, PASID, ADDR));
		cr_expect(asker_writes(a, UVDK_PASID_RID, ADDR));
		cr_expect_eq(*(uint64_t *)nest_page(&n, round), 0x5a5a5a5a);
		cr_assert_eq(uvdk_ioas_unmap(n.ioas, iova, PAGE), 0);
	}
	close_one();
}

Test(emu_nest, what_is_mapped_in_the_address_space_later_is_seen_and_what_is_unmapped_is_not)
{
	expect_late(false);
	expect_late(true);
}

/* ---- who changes a first stage, and who knows ---- */

/* Some other change of tables, by which cached entries are looked at again. */
static void stir(void)
{
	struct asker *other = asker_open(n.w.iommu, "emu:asker");

	cr_assert_eq(uvdk_ioas_attach(n.ioas, other->dev), 0);
	asker_close(other);
}

Test(emu_nest, an_owner_who_takes_no_part_is_not_told_of_what_he_has_not_invalidated_yet)
{
	open_one();
	stage1_map(&s, ADDR, 1);
	attach(s.hwpt, a, PASID);
	attach(s.hwpt, a, UVDK_PASID_RID);
	cr_expect(asker_writes(a, PASID, ADDR));
	cr_expect(asker_writes(a, UVDK_PASID_RID, ADDR));
	stage1_unmap(&s, ADDR);
	stir();
	cr_expect(asker_writes(a, PASID, ADDR), "it is cached");
	cr_expect(asker_writes(a, UVDK_PASID_RID, ADDR), "it is cached");
	cr_expect_eq(stales(), 0);
	stage1_invalidate(&s);
	cr_expect_not(asker_writes(a, PASID, ADDR));
	cr_expect_not(asker_writes(a, UVDK_PASID_RID, ADDR));
	close_one();
}

static void expect_told(const char *spec, uint32_t pasid, bool too_early)
{
	int change;

	open_as(spec, NULL);
	stage1_map(&s, ADDR, 1);
	attach(s.hwpt, a, pasid);
	cr_expect(asker_writes(a, pasid, ADDR));
	change = uvdk_emu_stage1_begin(n.w.emu, uvdk_emu_fn_name(a->fn),
				       pasid ? pasid : UVDK_EMU_NO_PASID);
	cr_assert_geq(change, 0);
	stage1_unmap(&s, ADDR);
	cr_expect(asker_writes(a, pasid, ADDR), "nobody says that it may not be used still");
	if (!too_early)
		stage1_invalidate(&s);
	uvdk_emu_stage1_end(n.w.emu, change);
	cr_expect_not(asker_writes(a, pasid, ADDR));
	cr_expect_eq(stales(), too_early);
	close_one();
}

Test(emu_nest, an_owner_who_says_when_he_changes_it_is_told_what_is_stale)
{
	for (unsigned int pasid = 0; pasid <= PASID; pasid += PASID) {
		for (unsigned int early = 0; early < 2; early++) {
			expect_told("emu:asker", pasid, early);
			expect_told("emu:asker,plain", pasid, early);
		}
	}
}

Test(emu_nest, a_change_may_end_after_its_device_has_gone)
{
	int change;

	open_one();
	attach(s.hwpt, a, PASID);
	cr_expect_eq(uvdk_emu_stage1_begin(n.w.emu, "emu:nobody#0", 1), -ENOENT);
	change = uvdk_emu_stage1_begin(n.w.emu, uvdk_emu_fn_name(a->fn), PASID);
	asker_close(a);
	uvdk_emu_stage1_end(n.w.emu, change);
	a = asker_open(n.w.iommu, "emu:asker");
	stage1_map(&s, ADDR, 1);
	attach(s.hwpt, a, PASID);
	cr_expect(asker_writes(a, PASID, ADDR));
	close_one();
}

/* ---- replace ---- */

enum way { PLAIN, DIRTY, ONE, TWO, FAR, WAYS };

/* Which page an address leads to on each way. */
static const uint64_t leads[WAYS] = {10, 11, 12, 13, 14};

struct ways {
	struct uvdk_ioas *ioas[3];
	struct uvdk_viommu *far;
	struct stage1 stage1[3];
	struct uvdk_hwpt *hwpt[WAYS];
};

static void map_at(struct uvdk_ioas *ioas, uint64_t addr, unsigned int page)
{
	uvdk_iova_t iova = addr;

	cr_assert_eq(
		uvdk_ioas_map(ioas, nest_page(&n, page), PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		0, "%s", uvdk_last_error());
}

static void open_ways(struct ways *w)
{
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = UVDK_HWPT_PASID};
	uvdk_iova_t iova = NEST_TABLES;

	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(uvdk_ioas_create(n.w.iommu, NULL, &w->ioas[i]), 0);
	map_at(w->ioas[0], ADDR, 10);
	map_at(w->ioas[1], ADDR, 11);
	map_at(w->ioas[2], NEST_MEMORY + 14 * PAGE, 14);
	cr_assert_eq(uvdk_ioas_map(w->ioas[2], n.w.memory + ASKER_LARGE, ASKER_LARGE,
				   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		     0);
	cr_assert_eq(uvdk_hwpt_create(w->ioas[0], a->dev, &opts, &w->hwpt[PLAIN]), 0);
	opts.flags |= UVDK_HWPT_DIRTY;
	cr_assert_eq(uvdk_hwpt_create(w->ioas[1], a->dev, &opts, &w->hwpt[DIRTY]), 0);
	cr_assert_eq(uvdk_viommu_create(w->ioas[2], a->dev, NULL, &w->far), 0);
	for (unsigned int i = 0; i < 3; i++) {
		stage1_open(&w->stage1[i], &n, 48);
		stage1_map(&w->stage1[i], ADDR, 12 + i);
		stage1_nest(&w->stage1[i], i == 2 ? w->far : viommu, a->dev, NULL);
		w->hwpt[ONE + i] = w->stage1[i].hwpt;
	}
}

static void close_ways(struct ways *w)
{
	uvdk_hwpt_destroy(w->hwpt[PLAIN]);
	uvdk_hwpt_destroy(w->hwpt[DIRTY]);
	for (unsigned int i = 0; i < 3; i++)
		stage1_close(&w->stage1[i]);
	uvdk_viommu_destroy(w->far);
	for (unsigned int i = 0; i < 3; i++)
		uvdk_ioas_destroy(w->ioas[i]);
}

static void walk_ways(const char *spec, uint32_t pasid)
{
	struct ways w;

	open_as(spec, NULL);
	number_pages();
	open_ways(&w);
	attach(w.hwpt[PLAIN], a, pasid);
	for (unsigned int i = 0; i < WAYS * WAYS; i++) {
		replace(w.hwpt[i / WAYS], a, pasid);
		cr_expect_eq(fetch(a, pasid, ADDR), leads[i / WAYS], "%s %u", spec, i);
		replace(w.hwpt[i % WAYS], a, pasid);
		cr_expect_eq(fetch(a, pasid, ADDR), leads[i % WAYS], "%s %u", spec, i);
	}
	close_ways(&w);
	close_one();
}

Test(emu_nest, any_table_is_replaced_by_any_other)
{
	walk_ways("emu:asker", PASID);
	walk_ways("emu:asker", UVDK_PASID_RID);
	walk_ways("emu:asker,plain", PASID);
	walk_ways("emu:asker,plain", UVDK_PASID_RID);
}

/* ---- page requests ---- */

static void expect_asked(uint32_t pasid)
{
	struct uvdk_fault_answer answer = {.code = UVDK_FAULT_SUCCESS};
	struct uvdk_faultq *queue;
	struct uvdk_fault fault;

	nest_open(&n, NULL);
	a = asker_open(n.w.iommu, "emu:asker");
	cr_assert_eq(uvdk_faultq_create(n.w.iommu, NULL, &queue), 0);
	nest_viommu(&n, a->dev, &viommu);
	stage1_open(&s, &n, 48);
	stage1_nest(&s, viommu, a->dev, queue);
	attach(s.hwpt, a, pasid);
	cr_assert_eq(asker_asks(a, pasid, ADDR, 4, true), 0);
	cr_assert_eq(uvdk_faultq_read(queue, &fault, 1), 1);
	cr_expect_eq(fault.type, UVDK_FAULT_PAGE_REQUEST);
	cr_expect_eq(fault.addr, ADDR);
	cr_expect_eq(fault.pasid, pasid);
	cr_expect_eq(fault.dev, a->dev);
	stage1_map(&s, ADDR, 1);
	answer.group = fault.group;
	cr_assert_eq(uvdk_faultq_answer(queue, &answer, 1), 0);
	cr_expect_eq(asker_answers(a, pasid, 4, UVDK_EMU_PAGE_SUCCESS), 1);
	cr_expect(asker_writes(a, pasid, ADDR));

	cr_assert_eq(asker_asks(a, pasid, ADDR + PAGE, 5, true), 0);
	uvdk_hwpt_detach(s.hwpt, a->dev, pasid);
	cr_expect_eq(asker_answers(a, pasid, 5, UVDK_EMU_PAGE_INVALID), 1, "nobody waits");
	stage1_close(&s);
	uvdk_viommu_destroy(viommu);
	uvdk_faultq_destroy(queue);
	asker_close(a);
	nest_close(&n);
}

Test(emu_nest, a_device_may_ask_for_pages_of_a_first_stage)
{
	expect_asked(PASID);
	expect_asked(UVDK_PASID_RID);
}

/* ---- ends ---- */

Test(emu_nest, a_device_that_vanishes_takes_nothing_along)
{
	struct asker *b;

	open_one();
	b = asker_open(n.w.iommu, "emu:asker");
	stage1_map(&s, ADDR, 1);
	attach(s.hwpt, a, PASID);
	attach(s.hwpt, b, PASID);
	cr_expect(asker_writes(a, PASID, ADDR));
	cr_expect(asker_writes(b, PASID, ADDR));
	uvdk_emu_unplug(n.w.emu, uvdk_emu_fn_name(a->fn), true);
	stage1_unmap(&s, ADDR);
	stage1_invalidate(&s);
	cr_expect_not(asker_writes(b, PASID, ADDR));
	stage1_map(&s, ADDR, 2);
	cr_expect(asker_writes(b, PASID, ADDR));
	uvdk_hwpt_detach(s.hwpt, a->dev, PASID);
	asker_close(b);
	close_one();
}

Test(emu_nest, devices_and_tables_go_in_any_order)
{
	open_one(); /* the device first */
	attach(s.hwpt, a, PASID);
	attach(s.hwpt, a, UVDK_PASID_RID);
	asker_close(a);
	stage1_close(&s);
	uvdk_viommu_destroy(viommu);
	nest_close(&n);

	open_one(); /* the vIOMMU too early: it stays */
	attach(s.hwpt, a, PASID);
	uvdk_log_set_level(NULL, UVDK_LOG_ERR);
	uvdk_viommu_destroy(viommu);
	stage1_map(&s, ADDR, 1);
	cr_expect(asker_writes(a, PASID, ADDR));
	close_one();
}

/* The parent is attached, too, and goes with the last vIOMMU on it. */
Test(emu_nest, the_second_stage_serves_plain_devices_beside)
{
	struct uvdk_viommu *second;
	struct asker *b;

	open_one();
	number_pages();
	b = asker_open(n.w.iommu, "emu:asker");
	nest_viommu(&n, b->dev, &second);
	cr_expect_eq(uvdk_viommu_get_info(second)->parent, uvdk_viommu_get_info(viommu)->parent);
	attach(uvdk_viommu_get_info(viommu)->parent, b, UVDK_PASID_RID);
	attach(s.hwpt, a, PASID);
	stage1_map(&s, ADDR, 9);
	cr_expect_eq(fetch(b, UVDK_PASID_RID, NEST_MEMORY + 9 * PAGE), 9);
	cr_expect_eq(fetch(a, PASID, ADDR), 9);
	uvdk_viommu_destroy(second);
	cr_expect_eq(fetch(b, UVDK_PASID_RID, NEST_MEMORY + 9 * PAGE), 9);
	asker_close(b);
	close_one();
}

/* ---- what is refused ---- */

static int try_nest(struct uvdk_nested nested)
{
	struct uvdk_hwpt *none = NULL;
	int err = uvdk_hwpt_create_nested(viommu, a->dev, &nested, &none);

	cr_expect_null(none);

	return err;
}

Test(emu_nest, a_first_stage_that_can_not_be_is_refused)
{
	struct uvdk_nested good, bad;

	open_one();
	good = stage1_describe(&s);
	bad = good, bad.vtd.flags = 1 << 3;
	cr_expect_eq(try_nest(bad), -EINVAL);
	bad = good, bad.vtd.flags = UVDK_NESTED_VTD_EAFE;
	cr_expect_eq(try_nest(bad), -EOPNOTSUPP, "the unit has no ECAP.EAFS");
	bad = good, bad.vtd.addr_width = 47;
	cr_expect_eq(try_nest(bad), -ERANGE);
	bad = good, bad.vtd.addr_width = 57;
	cr_expect_eq(try_nest(bad), -ERANGE, "the unit has 48");
	bad = good, bad.vtd.pgtbl += 8;
	cr_expect_eq(try_nest(bad), -EINVAL);
	bad = good, bad.vtd.pgtbl = 0x1000;
	cr_expect_eq(try_nest(bad), -EFAULT, "nothing is mapped there");
	bad = good, bad.vtd.pgtbl = UINT64_MAX - 4095;
	cr_expect_eq(try_nest(bad), -EFAULT);
	bad = good, bad.type = UVDK_NEST_SMMUV3;
	cr_expect_eq(try_nest(bad), -EINVAL);
	bad = good, bad.flags = UVDK_HWPT_DIRTY;
	cr_expect_eq(try_nest(bad), -EINVAL);
	cr_expect_eq(uvdk_hwpt_create_nested(viommu, a->dev, NULL, &s.hwpt), -EINVAL);
	close_one();
}

Test(emu_nest, a_vIOMMU_of_another_kind_or_on_a_wrong_parent_is_refused)
{
	const struct uvdk_emu_opts two = {.size = sizeof(two), .manual = true, .iommus = 2};
	struct uvdk_viommu_opts opts = {.size = sizeof(opts), .type = UVDK_NEST_SMMUV3};
	struct uvdk_hwpt_opts hwpt = {.size = sizeof(hwpt)};
	struct uvdk_viommu *none = NULL, *there;
	struct uvdk_hwpt *plain, *nested = NULL;
	struct uvdk_nested form;
	struct uvdk_ioas *other;
	struct asker *b;

	open_as("emu:asker", &two);
	b = asker_open(n.w.iommu, "emu:asker,iommu=1");
	cr_assert_eq(uvdk_ioas_create(n.w.iommu, NULL, &other), 0);
	cr_assert_eq(uvdk_hwpt_create(n.ioas, a->dev, &hwpt, &plain), 0);
	cr_expect_eq(uvdk_viommu_create(n.ioas, a->dev, &opts, &none), -EOPNOTSUPP);
	opts.type = UVDK_NEST_VTD;
	opts.parent = plain;
	cr_expect_eq(uvdk_viommu_create(n.ioas, a->dev, &opts, &none), -EINVAL, "no parent");
	opts.parent = uvdk_viommu_get_info(viommu)->parent;
	cr_expect_eq(uvdk_viommu_create(other, a->dev, &opts, &none), -EINVAL, "other space");
	cr_expect_eq(uvdk_viommu_create(n.ioas, b->dev, &opts, &none), -EINVAL, "other unit");
	cr_expect_null(none);

	nest_viommu(&n, b->dev, &there);
	cr_expect_neq(uvdk_viommu_get_info(there)->parent, opts.parent);
	form = stage1_describe(&s);
	cr_expect_eq(uvdk_hwpt_create_nested(viommu, b->dev, &form, &nested), -EINVAL);
	cr_expect_null(nested);
	cr_expect_eq(uvdk_hwpt_attach(s.hwpt, b->dev, PASID), -EINVAL);
	uvdk_viommu_destroy(there);
	uvdk_hwpt_destroy(plain);
	uvdk_ioas_destroy(other);
	asker_close(b);
	close_one();
}

static int try_inval(struct uvdk_inval_vtd inval, size_t len)
{
	struct uvdk_inval_result result;
	int err = uvdk_hwpt_invalidate(s.hwpt, &inval, len, 1, &result);

	cr_expect_eq(result.done, 0);
	cr_expect_eq(result.failed, 0);

	return err;
}

Test(emu_nest, an_invalidation_that_can_not_be_is_refused_and_what_can_is_done)
{
	const struct uvdk_inval_vtd good = {.addr = ADDR, .npages = 1};
	struct uvdk_inval_vtd bad, many[100];
	struct uvdk_inval_result result;

	open_one();
	stage1_map(&s, ADDR, 1);
	attach(s.hwpt, a, PASID);
	bad = good, bad.flags = 2;
	cr_expect_eq(try_inval(bad, sizeof(bad)), -EINVAL);
	bad = good, bad.reserved = 1;
	cr_expect_eq(try_inval(bad, sizeof(bad)), -EINVAL);
	bad = good, bad.addr += 1;
	cr_expect_eq(try_inval(bad, sizeof(bad)), -EINVAL);
	bad = good, bad.npages = UINT64_MAX >> 12;
	cr_expect_eq(try_inval(bad, sizeof(bad)), -EINVAL, "it wraps");
	bad = good, bad.npages = 0;
	cr_expect_eq(try_inval(bad, sizeof(bad)), -EINVAL);
	cr_expect_eq(try_inval(good, sizeof(good) - 8), -EINVAL);
	cr_expect_eq(uvdk_viommu_invalidate(viommu, &good, sizeof(good), 1, NULL), -EOPNOTSUPP);

	/* From one page to all there is, each of which must hold the one that is cached. */
	for (unsigned int order = 0; order <= 53; order++) {
		uint64_t npages = order == 53 ? UINT64_MAX : UINT64_C(1) << order;

		for (unsigned int i = 0; i < 100; i++)
			many[i] = good;
		many[99] = (struct uvdk_inval_vtd){
			.addr = order < 52 ? ADDR & ~((npages << 12) - 1) : 0, .npages = npages};
		cr_expect(asker_writes(a, PASID, ADDR));
		stage1_unmap(&s, ADDR);
		cr_assert_eq(uvdk_hwpt_invalidate(s.hwpt, many + 99 * (order > 0), sizeof(many[0]),
						  order ? 1 : 100, &result),
			     0, "%s", uvdk_last_error());
		cr_expect_eq(result.done, order ? 1 : 100);
		cr_expect_not(asker_writes(a, PASID, ADDR), "order %u", order);
		uvdk_pgtable_quarantine(n.arena, &s.gather, ++n.cookie);
		uvdk_pgtable_release(n.arena, n.cookie);
		stage1_map(&s, ADDR, 1);
	}
	close_one();
}

Test(emu_nest, what_VT_d_has_not_is_refused_in_words)
{
	struct uvdk_vdevice *vdev = NULL;
	struct uvdk_veventq *events = NULL;
	struct uvdk_hw_queue *hw = NULL;

	open_one();
	cr_expect_eq(uvdk_viommu_get_info(viommu)->type, UVDK_NEST_VTD, "of itself");
	cr_expect_eq(uvdk_viommu_get_info(viommu)->va_bits, 48);
	cr_expect_eq(uvdk_vdevice_create(viommu, a->dev, 5, &vdev), -EOPNOTSUPP);
	cr_expect_neq(strstr(uvdk_last_error(), "VT-d"), NULL);
	cr_expect_eq(uvdk_veventq_create(viommu, UVDK_VEVENTQ_SMMUV3, 8, &events), -EINVAL);
	cr_expect_eq(uvdk_hw_queue_create(viommu, NEST_MEMORY, PAGE, &hw), -EOPNOTSUPP);
	cr_expect_null(vdev);
	cr_expect_null(events);
	cr_expect_null(hw);
	close_one();
}

/* ---- at once ---- */

static bool over;

static void *invalidate_on(void *arg)
{
	const struct uvdk_inval_vtd all = {.npages = UINT64_MAX};

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE))
		if (uvdk_hwpt_invalidate(arg, &all, sizeof(all), 1, NULL))
			return arg;

	return NULL;
}

Test(emu_nest, tables_are_invalidated_while_they_are_attached_replaced_and_detached)
{
	struct stage1 other;
	pthread_t thread[2];
	void *bad[2];

	open_one();
	stage1_open(&other, &n, 48);
	stage1_nest(&other, viommu, a->dev, NULL);
	over = false;
	pthread_create(&thread[0], NULL, invalidate_on, s.hwpt);
	pthread_create(&thread[1], NULL, invalidate_on, other.hwpt);
	for (unsigned int i = 0; i < 500; i++) {
		attach(s.hwpt, a, i % 20);
		replace(other.hwpt, a, i % 20);
		uvdk_hwpt_detach(other.hwpt, a->dev, i % 20);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(thread[i], &bad[i]);
		cr_expect_null(bad[i]);
	}
	stage1_close(&other);
	close_one();
}
