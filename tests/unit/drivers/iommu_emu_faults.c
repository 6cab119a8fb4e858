// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "emu_asker.h"

/* Page requests and IOMMU faults of an emulated machine, through the public calls. */

#define IOVA  UINT64_C(0x40000000)
#define PASID 7u
#define MANY  4096u /* more than any queue holds */

static struct asker_world w;
static struct uvdk_ioas *ioas;
static struct uvdk_faultq *queue;
static struct uvdk_hwpt *table;
static struct asker *a;
static struct uvdk_fault got[MANY];

static struct uvdk_hwpt *table_for(struct uvdk_ioas *of, struct uvdk_faultq *q)
{
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = UVDK_HWPT_PASID, .faultq = q};
	struct uvdk_hwpt *made = NULL;

	cr_assert_eq(uvdk_hwpt_create(of, a->dev, &opts, &made), 0, "%s", uvdk_last_error());

	return made;
}

static void attach(struct uvdk_hwpt *hwpt, struct asker *to, uint32_t pasid)
{
	cr_assert_eq(uvdk_hwpt_attach(hwpt, to->dev, pasid), 0, "%s", uvdk_last_error());
}

static void open_world(const struct uvdk_emu_opts *emu)
{
	struct uvdk_faultq_opts opts = {.size = sizeof(opts), .groups_max = MANY};

	asker_world_open(&w, emu);
	a = asker_open(w.iommu, "emu:asker");
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_faultq_create(w.iommu, &opts, &queue), 0, "%s", uvdk_last_error());
	table = table_for(ioas, queue);
	attach(table, a, PASID);
}

static void setup(void)
{
	open_world(NULL);
}

static void finish(void)
{
	uvdk_hwpt_destroy(table);
	uvdk_faultq_destroy(queue);
	uvdk_ioas_destroy(ioas);
	asker_close(a);
	asker_world_close(&w);
}

TestSuite(emu_faults, .init = setup);

static bool readable(struct uvdk_faultq *q)
{
	struct pollfd p = {.fd = uvdk_faultq_fd(q), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static int answer(uint64_t group, enum uvdk_fault_code code)
{
	struct uvdk_fault_answer one = {.group = group, .code = code};

	return uvdk_faultq_answer(queue, &one, 1);
}

static void map(uint64_t iova)
{
	cr_assert_eq(uvdk_ioas_map(ioas, w.memory + (iova - IOVA), ASKER_PAGE,
				   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		     0, "%s", uvdk_last_error());
}

static struct uvdk_faultq_stats stats(void)
{
	struct uvdk_faultq_stats s;

	uvdk_faultq_get_stats(queue, &s);

	return s;
}

Test(emu_faults, what_a_device_asks_for_arrives_and_is_had_after_the_answer)
{
	cr_expect_not(asker_writes(a, PASID, IOVA), "nothing is there");
	cr_expect_not(readable(queue), "which is no fault of a function that asks");
	cr_assert_eq(asker_asks(a, PASID, IOVA + ASKER_PAGE + 8, 17, false), 0);
	cr_assert_eq(asker_asks(a, PASID, IOVA, 17, true), 0);
	cr_expect(readable(queue));
	cr_assert_eq(uvdk_faultq_read(queue, got, MANY), 2);
	for (unsigned int i = 0; i < 2; i++) {
		cr_expect_eq(got[i].type, UVDK_FAULT_PAGE_REQUEST);
		cr_expect_eq(got[i].dev, a->dev);
		cr_expect_eq(got[i].pasid, PASID);
		cr_expect_eq(got[i].index, 17);
		cr_expect_eq(got[i].access, UVDK_FAULT_READ | UVDK_FAULT_WRITE);
		cr_expect_eq(got[i].last, i == 1);
		cr_expect_eq(got[i].group, got[0].group);
	}
	cr_expect_eq(got[0].addr, IOVA + ASKER_PAGE);
	cr_expect_eq(got[1].addr, IOVA);
	cr_expect_not(readable(queue));
	cr_expect_eq(uvdk_faultq_read(queue, got + 2, MANY - 2), 0);
	map(IOVA);
	cr_expect_eq(a->answers, 0);
	cr_expect_eq(answer(got[0].group, UVDK_FAULT_SUCCESS), 0);
	cr_expect_eq(a->answers, 1);
	cr_expect_eq(asker_answers(a, PASID, 17, UVDK_EMU_PAGE_SUCCESS), 1);
	cr_expect(asker_writes(a, PASID, IOVA));
	cr_expect_eq(answer(got[0].group, UVDK_FAULT_SUCCESS), -ENOENT, "once");
	cr_expect_eq(a->answers, 1);
	finish();
}

Test(emu_faults, each_answer_reaches_its_group)
{
	static const enum uvdk_fault_code code[] = {UVDK_FAULT_SUCCESS, UVDK_FAULT_INVALID,
						    UVDK_FAULT_FAILURE};
	struct uvdk_fault_answer answers[3];

	attach(table, a, 0);
	attach(table, a, 0xfffff);
	cr_assert_eq(asker_asks(a, 0, IOVA, 511, true), 0, "without a PASID");
	cr_assert_eq(asker_asks(a, 0xfffff, IOVA, 511, true), 0);
	cr_assert_eq(asker_asks(a, PASID, IOVA, 0, true), 0);
	cr_assert_eq(uvdk_faultq_read(queue, got, MANY), 3);
	cr_expect_eq(got[0].pasid, UVDK_PASID_RID);
	for (unsigned int i = 0; i < 3; i++)
		answers[i] = (struct uvdk_fault_answer){.group = got[i].group, .code = code[i]};
	cr_expect_eq(uvdk_faultq_answer(queue, answers, 3), 0);
	cr_expect_eq(asker_answers(a, 0, 511, UVDK_EMU_PAGE_SUCCESS), 1);
	cr_expect_eq(asker_answers(a, 0xfffff, 511, UVDK_EMU_PAGE_INVALID), 1);
	cr_expect_eq(asker_answers(a, PASID, 0, UVDK_EMU_PAGE_FAILURE), 1);
	cr_expect_eq(a->answers, 3);
	finish();
}

Test(emu_faults, a_function_without_pasids_may_ask_too)
{
	struct asker *b = asker_open(w.iommu, "emu:asker,nopasid");
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .faultq = queue};
	struct uvdk_hwpt *simple;

	cr_assert_eq(uvdk_hwpt_create(ioas, b->dev, &opts, &simple), 0, "%s", uvdk_last_error());
	attach(simple, b, 0);
	cr_assert_eq(asker_asks(b, 0, IOVA, 3, true), 0);
	cr_assert_eq(uvdk_faultq_read(queue, got, MANY), 1);
	cr_expect_eq(got[0].dev, b->dev);
	map(IOVA);
	cr_expect_eq(answer(got[0].group, UVDK_FAULT_SUCCESS), 0);
	cr_expect_eq(asker_answers(b, 0, 3, UVDK_EMU_PAGE_SUCCESS), 1);
	cr_expect(asker_writes(b, 0, IOVA));
	uvdk_hwpt_destroy(simple);
	cr_expect_eq(asker_asks(b, 0, IOVA, 3, true), -EPERM, "no longer");
	asker_close(b);
	finish();
}

Test(emu_faults, a_function_without_page_requests_is_told_apart)
{
	struct asker *b = asker_open(w.iommu, "emu:asker,plain");

	cr_expect_eq(uvdk_hwpt_attach(table, b->dev, PASID), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "PRI"), "%s", uvdk_last_error());
	cr_expect_not(asker_reads(b, PASID, IOVA));
	cr_assert_eq(uvdk_ioas_attach_pasid(ioas, b->dev, PASID), 0, "%s", uvdk_last_error());
	map(IOVA);
	cr_expect(asker_reads(b, PASID, IOVA));
	asker_close(b);
	finish();
}

Test(emu_faults, whoever_is_not_attached_is_refused_and_nobody_bothered)
{
	cr_assert_eq(asker_asks(a, PASID + 1, IOVA, 5, false), 0);
	cr_assert_eq(asker_asks(a, PASID + 1, IOVA, 5, true), 0);
	cr_expect(readable(queue));
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 0);
	cr_expect_eq(a->answers, 1);
	cr_expect_eq(asker_answers(a, PASID + 1, 5, UVDK_EMU_PAGE_INVALID), 1);
	cr_expect_not(readable(queue));
	finish();
}

/* One asked and read, one half asked and read, one asked and not read. */
static uint64_t ask_three(uint32_t pasid)
{
	cr_assert_eq(asker_asks(a, pasid, IOVA, 1, true), 0);
	cr_assert_eq(asker_asks(a, pasid, IOVA, 2, false), 0);
	cr_assert_eq(uvdk_faultq_read(queue, got, MANY), 1);
	cr_assert_eq(asker_asks(a, pasid, IOVA, 3, true), 0);

	return got[0].group;
}

static void expect_refused(uint32_t pasid, uint64_t group)
{
	cr_expect_eq(asker_answers(a, pasid, 1, UVDK_EMU_PAGE_INVALID), 1);
	cr_expect_eq(asker_answers(a, pasid, 2, UVDK_EMU_PAGE_INVALID), 0);
	cr_expect_eq(asker_answers(a, pasid, 3, UVDK_EMU_PAGE_INVALID), 1);
	cr_expect_eq(a->answers, 2);
	cr_expect_eq(answer(group, UVDK_FAULT_SUCCESS), -ENOENT, "too late");
	cr_expect_eq(a->answers, 2);
	cr_expect_eq(stats().waiting, 0);
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 0);
}

Test(emu_faults, who_is_detached_while_asking_is_refused)
{
	uint64_t group;

	attach(table, a, PASID + 1);
	group = ask_three(PASID);
	uvdk_hwpt_detach(table, a->dev, PASID);
	expect_refused(PASID, group);
	cr_assert_eq(asker_asks(a, PASID, IOVA, 2, true), 0, "the rest of a group");
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 0);
	cr_expect_eq(asker_answers(a, PASID, 2, UVDK_EMU_PAGE_INVALID), 1);
	cr_assert_eq(asker_asks(a, PASID + 1, IOVA, 9, true), 0, "others go on");
	cr_assert_eq(uvdk_faultq_read(queue, got, MANY), 1);
	cr_expect_eq(got[0].pasid, PASID + 1);
	finish();
}

Test(emu_faults, the_last_to_be_detached_asks_no_more)
{
	uint64_t group = ask_three(PASID);

	uvdk_hwpt_detach(table, a->dev, PASID);
	expect_refused(PASID, group);
	cr_expect_eq(asker_asks(a, PASID, IOVA, 2, true), -EPERM, "its PRI is off");
	cr_expect_eq(uvdk_emu_page_request(a->fn, PASID, IOVA, true, 2, true), -EPERM,
		     "and the unit's");
	attach(table, a, PASID);
	cr_assert_eq(asker_asks(a, PASID, IOVA, 2, true), 0, "and does again");
	cr_assert_eq(uvdk_faultq_read(queue, got, MANY), 1);
	finish();
}

/* What others see does not change, nor is it in doubt, when it may ask or no longer. */
Test(emu_faults, other_pasids_go_on_while_one_begins_and_ends_to_ask)
{
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts),
				      .flags = UVDK_HWPT_PASID | UVDK_HWPT_DIRTY};
	struct uvdk_hwpt *second_stage;

	cr_assert_eq(uvdk_hwpt_create(ioas, a->dev, &opts, &second_stage), 0);
	attach(second_stage, a, PASID + 1);
	attach(second_stage, a, PASID + 2);
	cr_assert_eq(uvdk_ioas_attach_pasid(ioas, a->dev, PASID + 3), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, a->dev), 0);
	for (unsigned int i = 0; i < 12; i++) {
		uvdk_iova_t page = IOVA + i * ASKER_PAGE; /* that it has not seen yet */

		map(page);
		cr_expect(asker_reads(a, PASID + 1, page));
		if (i % 2)
			attach(table, a, PASID);
		else
			uvdk_hwpt_detach(table, a->dev, PASID);
		cr_expect(asker_reads(a, PASID + 2, page), "of the same table, %u", i);
		cr_expect(asker_reads(a, PASID + 3, page), "%u", i);
		cr_expect(asker_reads(a, 0, page), "%u", i);
	}
	cr_expect(asker_writes(a, PASID, IOVA));
	uvdk_hwpt_destroy(second_stage);
	finish();
}

Test(emu_faults, a_replacement_refuses_what_waits_and_goes_on)
{
	struct uvdk_faultq *second;
	struct uvdk_hwpt *other;
	uint64_t group = ask_three(PASID);

	cr_assert_eq(uvdk_faultq_create(w.iommu, NULL, &second), 0);
	other = table_for(ioas, second);
	cr_assert_eq(uvdk_hwpt_replace(other, a->dev, PASID), 0, "%s", uvdk_last_error());
	expect_refused(PASID, group);
	cr_assert_eq(asker_asks(a, PASID, IOVA, 8, true), 0);
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 0);
	cr_expect(readable(second), "though it was another that looked");
	cr_expect_eq(uvdk_faultq_read(second, got, MANY), 1);
	cr_expect_eq(got[0].index, 8);
	cr_assert_eq(uvdk_ioas_replace_pasid(ioas, a->dev, PASID), 0, "%s", uvdk_last_error());
	cr_expect_eq(asker_answers(a, PASID, 8, UVDK_EMU_PAGE_INVALID), 1);
	cr_expect_eq(asker_asks(a, PASID, IOVA, 8, true), -EPERM, "this one has no queue");
	uvdk_hwpt_destroy(other);
	uvdk_faultq_destroy(second);
	finish();
}

/* Also of what another reader has taken from the unit already. */
Test(emu_faults, a_replacement_within_one_queue_refuses_what_waits)
{
	struct uvdk_hwpt *other = table_for(ioas, queue);
	struct uvdk_faultq *second;

	cr_assert_eq(uvdk_faultq_create(w.iommu, NULL, &second), 0);
	cr_assert_eq(asker_asks(a, PASID, IOVA, 8, true), 0);
	cr_assert_eq(uvdk_faultq_read(second, got, MANY), 0);
	cr_assert_eq(uvdk_hwpt_replace(other, a->dev, PASID), 0, "%s", uvdk_last_error());
	cr_expect_eq(asker_answers(a, PASID, 8, UVDK_EMU_PAGE_INVALID), 1);
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 0);
	cr_assert_eq(asker_asks(a, PASID, IOVA, 8, true), 0);
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 1);
	uvdk_faultq_destroy(second);
	uvdk_hwpt_destroy(other);
	finish();
}

Test(emu_faults, what_the_queue_of_the_unit_drops_is_told)
{
	unsigned int asked = 0, lost = 0, n;

	while (asked < MANY && !asker_asks(a, PASID, IOVA + asked * ASKER_PAGE, asked % 512, true))
		asked++;
	cr_assert_lt(asked, MANY, "hardware has an end");
	cr_expect_gt(asked, 50);
	cr_expect_eq(asker_answers(a, PASID, asked % 512, UVDK_EMU_PAGE_SUCCESS), 1,
		     "it answers that itself: ask again");
	n = (unsigned int)uvdk_faultq_read(queue, got, MANY);
	for (unsigned int i = 0; i < n; i++)
		lost += got[i].type == UVDK_FAULT_LOST;
	cr_expect_eq(lost, 1);
	cr_expect_eq(n, asked + 1, "whatever it took");
	cr_expect_gt(stats().lost, 0);
	cr_expect_eq(stats().overflows, 1);
	cr_assert_eq(asker_asks(a, PASID, IOVA, 0, true), 0, "and takes more");
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 1);
	finish();
}

/* Whose reader sleeps holds up nobody. */
Test(emu_faults, a_queue_that_nobody_reads_loses_its_own_alone)
{
	struct uvdk_faultq *second;
	struct uvdk_hwpt *other;
	unsigned int asked = 0;
	int n, lost = 0;

	cr_assert_eq(uvdk_faultq_create(w.iommu, NULL, &second), 0);
	other = table_for(ioas, second);
	attach(other, a, PASID + 1);
	for (; asked < MANY && !a->answers; asked++) {
		cr_assert_eq(asker_asks(a, PASID, IOVA, asked % 512, true), 0);
		cr_assert_eq(uvdk_faultq_read(second, got, MANY), 0);
	}
	cr_assert_lt(asked, MANY, "it is asked again to ask again");
	cr_expect_eq(a->answer[0].code, UVDK_EMU_PAGE_SUCCESS);
	cr_assert_eq(asker_asks(a, PASID + 1, IOVA, 0, true), 0);
	cr_expect_eq(uvdk_faultq_read(second, got, MANY), 1);
	cr_expect(readable(queue));
	n = uvdk_faultq_read(queue, got, MANY);
	for (int i = 0; i < n; i++)
		lost += got[i].type == UVDK_FAULT_LOST;
	cr_expect_eq(lost, 1);
	cr_expect_eq(n, asked);
	uvdk_hwpt_destroy(other);
	uvdk_faultq_destroy(second);
	finish();
}

Test(emu_faults_units, one_queue_serves_functions_behind_several_units)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true, .iommus = 3};
	struct uvdk_fault_answer answers[2];
	struct uvdk_hwpt *other;
	struct asker *first, *b;

	open_world(&opts);
	first = a;
	b = asker_open(w.iommu, "emu:asker,iommu=2");
	a = b;
	other = table_for(ioas, queue);
	a = first;
	attach(other, b, PASID);
	cr_assert_eq(asker_asks(b, PASID, IOVA, 4, true), 0);
	cr_expect(readable(queue));
	cr_assert_eq(asker_asks(a, PASID, IOVA, 4, true), 0);
	cr_assert_eq(uvdk_faultq_read(queue, got, MANY), 2);
	for (unsigned int i = 0; i < 2; i++)
		answers[i] = (struct uvdk_fault_answer){
			.group = got[i].group,
			.code = got[i].dev == a->dev ? UVDK_FAULT_SUCCESS : UVDK_FAULT_INVALID};
	cr_expect_eq(uvdk_faultq_answer(queue, answers, 2), 0);
	cr_expect_eq(asker_answers(a, PASID, 4, UVDK_EMU_PAGE_SUCCESS), 1);
	cr_expect_eq(asker_answers(b, PASID, 4, UVDK_EMU_PAGE_INVALID), 1);
	cr_expect_eq(a->answers + b->answers, 2);
	uvdk_hwpt_destroy(other);
	asker_close(b);
	finish();
}

/* ---- threads ---- */

#define TURNS 300

/* What a device does: try, ask, wait for the answer, try again. */
static void *device(void *arg)
{
	unsigned int *had = arg;
	unsigned int before;

	for (unsigned int i = 0; i < TURNS; i++) {
		before = __atomic_load_n(&a->answers, __ATOMIC_ACQUIRE);
		if (asker_writes(a, PASID, IOVA + i * ASKER_PAGE) ||
		    asker_asks(a, PASID, IOVA + i * ASKER_PAGE, i % 512, true))
			break;
		while (__atomic_load_n(&a->answers, __ATOMIC_ACQUIRE) == before)
			sched_yield(); /* the other thread has a deadline */
		*had += asker_writes(a, PASID, IOVA + i * ASKER_PAGE);
	}

	return NULL;
}

Test(emu_faults, no_request_goes_unheard_while_others_come_and_go)
{
	struct pollfd p = {.fd = uvdk_faultq_fd(queue), .events = POLLIN};
	unsigned int had = 0;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, device, &had), 0);
	for (unsigned int i = 0; i < TURNS; i++) {
		if (i % 2)
			uvdk_hwpt_detach(table, a->dev, PASID + 1);
		else
			attach(table, a, PASID + 1);
		cr_assert_eq(poll(&p, 1, 20000), 1, "request %u", i);
		cr_assert_eq(uvdk_faultq_read(queue, got, MANY), 1);
		map(got[0].addr);
		cr_assert_eq(answer(got[0].group, UVDK_FAULT_SUCCESS), 0);
	}
	pthread_join(thread, NULL);
	cr_expect_eq(had, TURNS);
	finish();
}

/* ---- the device goes ---- */

Test(emu_faults, a_device_that_vanishes_leaves_nothing)
{
	struct asker *b = asker_open(w.iommu, "emu:asker");
	uint64_t group;

	attach(table, b, PASID);
	group = ask_three(PASID);
	cr_assert_eq(asker_asks(b, PASID, IOVA, 1, true), 0);
	cr_assert_eq(uvdk_emu_unplug(w.emu, "emu:asker#0", true), 0);
	cr_expect_eq(answer(group, UVDK_FAULT_SUCCESS), -ENOENT);
	cr_assert_eq(uvdk_faultq_read(queue, got, MANY), 1, "of those in the unit's queue");
	cr_expect_eq(got[0].dev, b->dev);
	uvdk_device_close(a->dev);
	a = b;
	cr_expect_eq(answer(got[0].group, UVDK_FAULT_SUCCESS), 0);
	cr_expect_eq(stats().waiting, 0);
	finish();
}

Test(emu_faults, nothing_of_a_device_that_is_closed_falls_to_the_next)
{
	struct asker *b = asker_open(w.iommu, "emu:asker,plain");

	ask_three(PASID);
	attach(table, a, PASID + 1);
	cr_assert_eq(asker_asks(a, PASID + 1, IOVA, 3, true), 0);
	cr_assert_not(asker_reads(b, 0, IOVA));
	asker_close(b);
	asker_close(a);
	cr_expect_eq(stats().waiting, 0);
	b = asker_open(w.iommu, "emu:asker,plain");
	a = asker_open(w.iommu, "emu:asker");
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 0);
	attach(table, a, PASID);
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 0);
	cr_assert_eq(asker_asks(a, PASID, IOVA, 1, true), 0);
	cr_assert_eq(uvdk_faultq_read(queue, got, MANY), 1);
	cr_expect_eq(got[0].dev, a->dev);
	asker_close(b);
	finish();
}

/* ---- IOMMU faults ---- */

static struct uvdk_fault fault_of(struct asker *of, uint32_t pasid, uint64_t addr, bool write)
{
	struct uvdk_fault fault = {0};

	cr_assert_not(write ? asker_writes(of, pasid, addr) : asker_reads(of, pasid, addr));
	cr_assert(readable(queue));
	cr_assert_eq(uvdk_faultq_read(queue, &fault, 1), 1);
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 0);
	cr_expect_eq(fault.type, UVDK_FAULT_IOMMU);
	cr_expect_eq(fault.dev, of->dev);
	cr_expect_eq(fault.pasid, pasid);
	cr_expect_eq(fault.addr, addr & ~(ASKER_PAGE - 1));
	cr_expect_eq(fault.access, write ? UVDK_FAULT_WRITE : UVDK_FAULT_READ);

	return fault;
}

Test(emu_faults, refused_accesses_are_told_with_who_where_and_why)
{
	struct asker *b = asker_open(w.iommu, "emu:asker,plain");
	uvdk_iova_t only = IOVA;
	struct uvdk_fault f;

	f = fault_of(b, 0, IOVA, false);
	cr_expect_eq(f.reason, UVDK_FAULT_DETACHED);
	cr_assert_eq(uvdk_ioas_attach_pasid(ioas, b->dev, 0xabcde), 0, "%s", uvdk_last_error());
	f = fault_of(b, 0xabcde, IOVA + 8 * ASKER_PAGE + 24, true);
	cr_expect_eq(f.reason, UVDK_FAULT_UNMAPPED);
	cr_expect_eq(f.code, 0x71, "VT-d 7.1.3");
	f = fault_of(b, 0xabcdf, IOVA, false);
	cr_expect_eq(f.reason, UVDK_FAULT_DETACHED);
	cr_assert_eq(
		uvdk_ioas_map(ioas, w.memory, ASKER_PAGE, UVDK_MAP_READ | UVDK_MAP_FIXED, &only),
		0);
	f = fault_of(b, 0xabcde, IOVA + 16, true);
	cr_expect_eq(f.reason, UVDK_FAULT_PERMISSION);
	f = fault_of(b, 0xabcde, UINT64_C(1) << 52, false);
	cr_expect_eq(f.reason, UVDK_FAULT_ADDRESS);
	cr_expect_eq(stats().faults, 5);
	asker_close(b);
	finish();
}

Test(emu_faults, more_faults_than_records_are_told_as_lost)
{
	struct asker *b = asker_open(w.iommu, "emu:asker,plain");
	int n, lost = 0;

	for (unsigned int i = 0; i < 40; i++)
		cr_assert_not(asker_reads(b, 0, IOVA + i * ASKER_PAGE));
	n = uvdk_faultq_read(queue, got, MANY);
	cr_assert_gt(n, 2);
	cr_assert_lt(n, 40);
	for (int i = 0, at = 0; i < n; i++) {
		if (got[i].type == UVDK_FAULT_LOST)
			lost++;
		else
			cr_expect_eq(got[i].addr, IOVA + (unsigned int)at++ * ASKER_PAGE);
	}
	cr_expect_eq(lost, 1);
	fault_of(b, 0, IOVA, true);
	asker_close(b);
	finish();
}

/* They share a unit and its records, and no more. */
Test(emu_faults, another_iommu_hears_of_its_own_devices_alone)
{
	struct uvdk_iommu_opts opts = {.size = sizeof(opts), .emu = w.emu};
	struct uvdk_iommu *iommu;
	struct uvdk_faultq *theirs;
	struct asker *b;

	cr_assert_eq(uvdk_iommu_open("emu", &opts, &iommu), 0);
	cr_assert_eq(uvdk_faultq_create(iommu, NULL, &theirs), 0);
	b = asker_open(iommu, "emu:asker,plain");
	cr_assert_not(asker_reads(b, 0, IOVA));
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 0);
	cr_expect(readable(theirs));
	cr_assert_eq(uvdk_faultq_read(theirs, got, MANY), 1);
	cr_expect_eq(got[0].dev, b->dev);
	cr_assert_eq(asker_asks(a, PASID, IOVA, 1, true), 0);
	cr_expect_eq(uvdk_faultq_read(theirs, got, MANY), 0);
	cr_expect(readable(queue));
	cr_expect_eq(uvdk_faultq_read(queue, got, MANY), 1);
	asker_close(b);
	uvdk_faultq_destroy(theirs);
	uvdk_iommu_close(iommu);
	finish();
}

Test(emu_faults, of_what_was_before_it_a_queue_says_nothing)
{
	struct asker *b = asker_open(w.iommu, "emu:asker,plain");
	struct uvdk_faultq *late;

	uvdk_hwpt_destroy(table);
	uvdk_faultq_destroy(queue);
	cr_assert_not(asker_reads(b, 0, IOVA));
	cr_assert_eq(uvdk_faultq_create(w.iommu, NULL, &late), 0);
	cr_expect_not(readable(late));
	cr_expect_eq(uvdk_faultq_read(late, got, MANY), 0);
	cr_assert_not(asker_reads(b, 0, IOVA));
	cr_expect(readable(late));
	cr_expect_eq(uvdk_faultq_read(late, got, MANY), 1);
	asker_close(b);
	queue = late;
	table = table_for(ioas, queue);
	finish();
}

/* Upwards, as they are allocated: what one costs must not grow with those that are there. */
Test(emu_faults, as_many_pasids_as_anyone_asks_for, .timeout = 30)
{
	const uint32_t count = 65536;
	unsigned int wrong = 0;

	uvdk_hwpt_detach(table, a->dev, PASID);
	map(IOVA);
	for (uint32_t pasid = 1; pasid <= count; pasid++)
		wrong += uvdk_ioas_attach_pasid(ioas, a->dev, pasid) != 0;
	cr_expect_eq(wrong, 0, "%s", uvdk_last_error());
	for (uint32_t pasid = 1; pasid <= count; pasid += 2)
		uvdk_ioas_detach_pasid(ioas, a->dev, pasid);
	for (uint32_t pasid = 1; pasid <= count; pasid += 1023)
		wrong += asker_reads(a, pasid, IOVA) == (pasid & 1);
	cr_expect_eq(wrong, 0);
	uvdk_device_close(a->dev);
	a = asker_open(w.iommu, "emu:asker");
	finish();
}
