// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uvdk_device.h>
#include <uvdk_emu.h>
#include <uvdk_pasid_attach.h>

#include "../../sanitizer.h"
#include "dsa_random.h"

/*
 * A million operations of all kinds against the CPU: any size and alignment, overlaps, bursts,
 * fences, and faults wherever they may come. Operations that touch the same memory have a fence
 * between them; all others may run in any order.
 */

#define SHARE	 (SANITIZED ? 50 : 1) /* of the operations: one in so many */
#define RING	 64u
#define PATIENCE 60 /* seconds without a completion */

struct world w;

static bool needs_fence(const struct op *op)
{
	for (uint32_t i = w.group; i < w.enqueued; i++)
		if (op_conflicts(&w.ops[i - w.first], op))
			return true;

	return dice(30) == 0;
}

/* What is no operation is refused, and has no number. */
static void try_nonsense(void)
{
	cr_assert_eq(uvdk_dmadev_copy(w.chan, ARENA_IOVA, ARENA_IOVA + 64, 0, 0), -EINVAL);
	cr_assert_eq(uvdk_dmadev_fill(w.chan, ARENA_IOVA, 1, MAX_LEN + 1, 0), -EINVAL);
}

static bool add(struct op *op)
{
	int number;

	op->fence = needs_fence(op);
	number = enqueue(op);
	if (number == -ENOSPC)
		return false;
	cr_assert_eq(number, (int)(w.enqueued & 0xffff), "operation %u: %d", w.enqueued, number);
	if (op->fence)
		w.group = w.enqueued;
	w.fences += op->fence;
	w.kinds[op->kind]++;
	w.ops[w.enqueued - w.first] = *op;
	w.enqueued++;

	return true;
}

static void poll_some(void)
{
	if (w.told == w.enqueued)
		return;
	if (dice(2))
		take_results();
	else
		take_successes();
}

static void drain(void)
{
	time_t give_up = time(NULL) + PATIENCE;
	uint32_t before = w.told;

	cr_assert_eq(uvdk_dmadev_submit(w.chan), 0);
	while (w.told != w.enqueued) {
		poll_some();
		if (w.told != before) {
			give_up = time(NULL) + PATIENCE;
			before = w.told;
			continue;
		}
		sched_yield(); /* the device is a thread, too */
		cr_assert(time(NULL) < give_up, "operation %u of %u does not end", w.told,
			  w.enqueued);
	}
}

/* ---- the run ---- */

/* Rests of what failed are as they are; everything else is right. */
static void compare_all(void)
{
	for (uint32_t i = w.first; i < w.enqueued && w.failure; i++)
		if (w.partly[i - w.first])
			op_accept_rest(&w.arena, &w.ops[i - w.first], w.done[i - w.first]);
	arena_check(&w.arena);
	w.first = w.group = w.enqueued;
	w.group_failed = w.cancelled = w.failure = false;
	memset(w.partly, 0, sizeof(w.partly));
}

static void epoch(unsigned int count)
{
	struct op op;

	make_op(&op);
	while (w.enqueued - w.first < count && !w.failure) {
		if (add(&op)) {
			make_op(&op);
		} else {
			uint32_t before = w.told;

			cr_assert_eq(uvdk_dmadev_submit(w.chan), 0);
			poll_some();
			if (w.told == before)
				sched_yield();
		}
		if (dice(20) == 0)
			cr_assert_eq(uvdk_dmadev_submit(w.chan), 0);
		if (dice(10) == 0)
			poll_some();
	}
	if (dice(10) == 0)
		try_nonsense();
	drain();
	compare_all();
	if (dice(3) == 0)
		arena_remap(&w.arena, dice(ARENA_CHUNKS), dice(ARENA_SPARES));
	for (unsigned int i = 0; w.plan->waits && i < ARENA_CHUNKS; i++)
		if (dice(2))
			arena_take_out(&w.arena, i);
}

static struct uvdk_pasid_space *space;
static struct uvdk_pasid_owner *owner;
static struct uvdk_pasid_attachment attached;

/* By a page table whose requests are heard. */
static void attach_asking(uint32_t pasid)
{
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = UVDK_HWPT_PASID};

	cr_assert_eq(uvdk_faultq_create(w.iommu, NULL, &w.faultq), 0, "%s", uvdk_last_error());
	opts.faultq = w.faultq;
	cr_assert_eq(uvdk_hwpt_create(w.ioas, w.dev, &opts, &w.hwpt), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_attach(w.hwpt, w.dev, pasid), 0, "%s", uvdk_last_error());
}

static uint32_t attach(void)
{
	uint32_t pasid;

	if (!w.plan->pasid) {
		cr_assert_eq(uvdk_ioas_attach(w.ioas, w.dev), 0, "%s", uvdk_last_error());
		return 0;
	}
	cr_assert_eq(uvdk_pasid_space_create(NULL, &space), 0);
	cr_assert_eq(uvdk_pasid_owner_create(space, 1, &owner), 0);
	cr_assert_eq(uvdk_pasid_alloc(owner, 1, UINT32_MAX, &pasid), 0);
	if (w.plan->waits) {
		attach_asking(pasid);
		return pasid;
	}
	cr_assert_eq(uvdk_pasid_attach(owner, pasid, w.ioas, w.dev, &attached), 0, "%s",
		     uvdk_last_error());

	return pasid;
}

static void begin(const struct plan *plan)
{
	struct uvdk_emu_opts emu = {
		.size = sizeof(emu), .seed = plan->seed, .absence = plan->absence};
	struct uvdk_iommu_opts iommu = {.size = sizeof(iommu)};
	struct uvdk_dmadev_chan_opts chan = {
		.size = sizeof(chan), .ring = RING, .flags = plan->flags};
	char spec[128];

	memset(&w, 0, sizeof(w));
	w.plan = plan;
	w.random = plan->seed;
	snprintf(spec, sizeof(spec), "%s,seed=%llu", plan->spec, (unsigned long long)plan->seed);
	cr_assert_eq(uvdk_emu_create(&emu, &w.emu), 0);
	iommu.emu = w.emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu, &w.iommu), 0);
	cr_assert_eq(uvdk_device_open(w.iommu, spec, NULL, &w.dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_open(w.dev, NULL, &w.dma), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_get_info(w.dma)->max_len, MAX_LEN);
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &w.ioas), 0);
	chan.pasid = attach();
	chan.ioas = w.ioas;
	cr_assert_eq(uvdk_dmadev_chan_open(w.dma, &chan, &w.chan), 0, "%s", uvdk_last_error());
	arena_create(&w.arena, w.ioas);
	arena_fill(&w.arena, &w.random);
	if (plan->waits)
		pages_start(&w.pages, w.faultq, &w.arena);
}

static void check_stats(void)
{
	struct uvdk_dmadev_stats stats;

	uvdk_dmadev_chan_get_stats(w.chan, &stats);
	cr_expect_eq(stats.enqueued, w.enqueued);
	cr_expect_eq(stats.submitted, w.enqueued);
	cr_expect_eq(stats.completed, w.enqueued);
	cr_expect_eq(stats.failed, w.failures + w.not_run);
	for (unsigned int kind = 0; kind < OP_KINDS; kind++)
		cr_expect_gt(w.kinds[kind], 0, "nothing of kind %u", kind);
	cr_expect_gt(w.fences, 0);
}

static void end(void)
{
	struct uvdk_emu_stale stale;

	check_stats();
	uvdk_dmadev_chan_close(w.chan);
	if (w.plan->waits)
		pages_stop(&w.pages);
	arena_destroy(&w.arena);
	uvdk_dmadev_close(w.dma);
	uvdk_hwpt_destroy(w.hwpt);
	uvdk_faultq_destroy(w.faultq);
	uvdk_pasid_owner_destroy(owner);
	uvdk_ioas_destroy(w.ioas);
	uvdk_device_close(w.dev);
	uvdk_pasid_space_destroy(space);
	uvdk_iommu_close(w.iommu);
	cr_expect_eq(uvdk_emu_stales(w.emu, &stale, 1), 0, "a stale translation: %s missed %s",
		     stale.entry, stale.missing);
	uvdk_emu_destroy(w.emu);
}

static void run(const struct plan *plan)
{
	unsigned int count = plan->count / SHARE;
	const char *more = getenv("UVDK_DSA_SEED"); /* others than those of every run */
	struct plan seeded = *plan;

	seeded.seed += more ? strtoull(more, NULL, 0) : 0;
	begin(&seeded);
	while (w.enqueued < count)
		epoch(1 + dice(EPOCH));
	end();
}

Test(dsa_random, every_operation_does_what_the_cpu_does, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17", .count = 300000, .seed = 1});
}

Test(dsa_random, also_where_operations_overtake_each_other, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,reorder,version=2",
			   .count = 200000,
			   .seed = 2,
			   .pasid = true});
}

Test(dsa_random, also_with_small_batches_and_an_io_mmu_that_caches_absence, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,max-batch=1",
			   .count = 100000,
			   .seed = 3,
			   .absence = true});
}

Test(dsa_random, also_with_page_faults_anywhere_which_are_resumed, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,fault-rate=40,spare-records",
			   .count = 200000,
			   .seed = 4,
			   .pasid = true});
}

Test(dsa_random, faults_that_nobody_resumes_are_told_and_later_groups_do_not_run, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,fault-rate=200,spare-records",
			   .count = 100000,
			   .seed = 5,
			   .flags = UVDK_DMADEV_CHAN_NO_RESUME,
			   .pasid = true});
	cr_expect_gt(w.failures, 0);
	cr_expect_gt(w.not_run, 0);
}

Test(dsa_random, what_goes_beyond_memory_ends_with_a_fault_just_there, .timeout = 600)
{
	run(&(struct plan){
		.spec = "emu:dsa,max-size=17", .count = 100000, .seed = 6, .holes = 100});
	cr_expect_gt(w.failures, 0);
}

Test(dsa_random, an_operation_whose_record_is_lost_fails_and_no_other_does, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,fault-rate=100",
			   .count = 50000,
			   .seed = 7,
			   .lost = true,
			   .pasid = true});
	cr_expect_gt(w.lost, 0);
	cr_expect_gt(w.not_run, 0);
}

Test(dsa_random, records_are_lost_among_faults_that_nobody_resumes, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,fault-rate=60,reorder",
			   .count = 50000,
			   .seed = 8,
			   .flags = UVDK_DMADEV_CHAN_NO_RESUME,
			   .lost = true,
			   .pasid = true});
	cr_expect_gt(w.lost, 0);
}

Test(dsa_random, pages_that_the_device_asks_for_are_brought_in_while_it_waits, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,reorder",
			   .count = 20000,
			   .seed = 9,
			   .flags = UVDK_DMADEV_CHAN_BLOCK,
			   .pasid = true,
			   .waits = true});
	cr_expect_gt(w.pages.given, 0);
	cr_expect_eq(w.failures, 0);
}

Test(dsa_random, those_that_are_refused_are_the_end_of_what_needs_them, .timeout = 600)
{
	run(&(struct plan){.spec = "emu:dsa,max-size=17,fault-rate=100,spare-records",
			   .count = 20000,
			   .seed = 10,
			   .flags = UVDK_DMADEV_CHAN_BLOCK,
			   .holes = 50,
			   .pasid = true,
			   .waits = true});
	cr_expect_gt(w.pages.given, 0);
	cr_expect_gt(w.pages.refused, 0);
	cr_expect_gt(w.failures, 0);
}
