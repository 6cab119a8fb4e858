// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_model_bench.h"

/* What waits for what, who is next, and what a command does to what is under way. */

#define SRC (BASE)
#define DST (BASE + UINT64_C(40) * PAGE)

static struct bench b;

static void setup(void)
{
	bench_open(&b, NULL);
}

static void teardown(void)
{
	bench_close(&b);
}

TestSuite(dsa_model_order, .init = setup, .fini = teardown);

static void reopen(const struct dsa_opts *opts)
{
	bench_close(&b);
	bench_open(&b, opts);
}

/* Two queues in one group, with one engine. */
static void two_queues(unsigned int priority0, unsigned int priority1)
{
	set_wq(&b, 0, 64, priority0);
	set_wq(&b, 1, 64, priority1);
	set_group(&b, 0, 3, 1);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
	cr_assert_eq(command(&b, ENABLE_WQ, 1), 0);
}

static unsigned int occupancy(unsigned int wq)
{
	return get(&b, wqcfg(&b, wq, 6)) & 0xffff;
}

/* As often as the queue has room for; its sources and destinations are noise. */
static void check_bound(const struct desc *d, unsigned int accesses)
{
	unsigned int step = 0;

	bench_start(&b, 1);
	for (unsigned int i = 0; i < 16; i++)
		submit(&b, 0, d);
	while (dsa_step(b.dsa)) {
		cr_assert_lt(b.accesses, accesses, "step %u of operation %u", step, d->op);
		cr_assert_lt(++step, 1000);
		b.accesses = 0;
	}
	cr_assert_gt(step, 2, "it was to take more than one");
	cr_assert_geq(b.records, 16);
	cr_assert_eq(record(&b, 0)->status, 1);
	reopen(NULL);
}

/* Whatever an operation does: what it does in a step is worth as much as a copy. */
Test(dsa_model_order, a_step_is_bounded)
{
	struct desc move = describe(MOVE, SRC, DST, 30 * PAGE, 0);
	struct desc flush = describe(FLUSH, 0, SRC, 190 * PAGE, 0);
	struct desc create = describe(CREATE, SRC, DST, 8 * 3000, 0);
	struct desc apply = describe(APPLY, SRC, DST, 8 * 3000, 0);

	create.more[0] = BASE + UINT64_C(100) * PAGE;
	create.more[1] = 10 * 3000;
	apply.words[0] = 10 * 3000;
	check_bound(&move, 500);
	check_bound(&flush, 1200);
	for (unsigned int i = 0; i < 8 * 3000; i++)
		*at(&b, SRC + i) = 1;
	check_bound(&create, 1200);
	for (unsigned int i = 0; i < 3000; i++) {
		*at(&b, SRC + 10 * i) = (uint8_t)i;
		*at(&b, SRC + 10 * i + 1) = (uint8_t)(i >> 8);
	}
	check_bound(&apply, 1200);
}

Test(dsa_model_order, a_tenant_that_floods_does_not_starve_another)
{
	struct desc large = describe(MOVE, SRC, DST, 30 * PAGE, 0), small;
	unsigned int steps = 0;

	two_queues(1, 1);
	small = describe(MOVE, SRC, DST, 64, 1);
	large.flags = VALID;
	for (unsigned int i = 0; i < 64; i++)
		submit(&b, 0, &large);
	dsa_step(b.dsa);
	submit(&b, 1, &small);
	while (!record(&b, 1)->status) {
		dsa_step(b.dsa);
		cr_assert_lt(++steps, 3, "it waits for its turn");
	}
	cr_assert_gt(occupancy(0), 40);
}

Test(dsa_model_order, a_tenant_whose_pages_are_missing_does_not_block_another)
{
	struct desc lost = describe(MOVE, SRC, DST, PAGE, 0), other = describe(NOOP, 0, 0, 0, 1);

	two_queues(15, 1);
	lost.flags |= BLOCK;
	b.absent[0] = true;
	for (unsigned int i = 0; i < 64; i++)
		submit(&b, 0, &lost);
	run(&b);
	for (unsigned int i = 0; i < 20; i++) {
		record(&b, 1)->status = 0;
		submit(&b, 1, &other);
		run(&b);
		cr_assert_eq(record(&b, 1)->status, 1);
	}
	cr_assert_eq(occupancy(0), 62, "two of it are under way");
}

Test(dsa_model_order, turns_go_by_priority)
{
	struct desc d = describe(NOOP, 0, 0, 0, 0);
	unsigned int left0, left1;

	two_queues(12, 4);
	for (unsigned int i = 0; i < 64; i++) {
		submit(&b, 0, &d);
		submit(&b, 1, &d);
	}
	dsa_step(b.dsa);
	left0 = occupancy(0);
	left1 = occupancy(1);
	cr_assert_eq(128 - left0 - left1, 64, "turns of a step");
	cr_assert_eq(64 - left0, 48);
	cr_assert_eq(64 - left1, 16);
}

Test(dsa_model_order, groups_do_not_share_engines)
{
	struct desc d = describe(MOVE, SRC, DST, PAGE, 0), other = describe(NOOP, 0, 0, 0, 1);

	set_wq(&b, 0, 64, 1);
	set_wq(&b, 1, 64, 1);
	set_group(&b, 0, 1, 1);
	set_group(&b, 1, 2, 2);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
	cr_assert_eq(command(&b, ENABLE_WQ, 1), 0);
	submit(&b, 0, &d);
	submit(&b, 1, &other);
	dsa_step(b.dsa);
	cr_assert_eq(record(&b, 0)->status, 1);
	cr_assert_eq(record(&b, 1)->status, 1);
}

Test(dsa_model_order, one_engine_takes_a_queue_in_order)
{
	bench_start(&b, 1);
	for (unsigned int i = 0; i < 16; i++) {
		struct desc d = describe(FILL, i, DST, i % 2 ? 8 : 20 * PAGE, i);

		submit(&b, 0, &d);
	}
	run(&b);
	for (unsigned int i = 0; i < 16; i++)
		cr_assert_eq(record(&b, i)->status, 1);
	cr_assert_eq(*at(&b, DST), 15);
}

Test(dsa_model_order, reordered_the_last_is_not_always_last)
{
	const struct dsa_opts opts = {.reorder = true, .seed = 3};
	bool overtook = false;

	reopen(&opts);
	bench_start(&b, 1);
	for (unsigned int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < 16; i++) {
			struct desc d = describe(FILL, i, DST, 8, i);

			record(&b, i)->status = 0;
			submit(&b, 0, &d);
		}
		run(&b);
		for (unsigned int i = 0; i < 16; i++)
			cr_assert_eq(record(&b, i)->status, 1);
		overtook |= *at(&b, DST) != 15;
	}
	cr_assert(overtook);
}

Test(dsa_model_order, a_drain_ends_after_all_before_it_even_reordered)
{
	const struct dsa_opts opts = {.reorder = true, .seed = 5};

	reopen(&opts);
	bench_start(&b, 4);
	for (unsigned int round = 0; round < 50; round++) {
		unsigned int steps = 0;

		for (unsigned int i = 0; i < 16; i++) {
			struct desc d = describe(i == 7 ? DRAIN : FILL, i == 7 ? 0 : i,
						 i == 7 ? 0 : DST, i == 7 ? 0 : 20 * PAGE, i);

			record(&b, i)->status = 0;
			submit(&b, 0, &d);
		}
		while (!record(&b, 7)->status) {
			dsa_step(b.dsa);
			cr_assert_lt(++steps, LIMIT);
		}
		for (unsigned int i = 0; i < 7; i++)
			cr_assert_eq(record(&b, i)->status, 1, "%u was drained", i);
		run(&b);
		cr_assert_eq(record(&b, 15)->status, 1);
	}
}

Test(dsa_model_order, disabling_waits_for_what_was_submitted_and_takes_no_more)
{
	struct desc d = describe(MOVE, SRC, DST, 20 * PAGE, 0);

	bench_start(&b, 1);
	for (unsigned int i = 0; i < 16; i++)
		submit(&b, 0, &d);
	set(&b, CMD, DISABLE_WQ << 20 | 1);
	dsa_step(b.dsa);
	cr_assert_eq(wq_state(&b, 0), 2);
	cr_assert_eq(get(&b, CMDSTS) >> 31, 1);
	submit(&b, 0, &d);
	cr_assert_eq(swerr(&b), 0x51);
	run(&b);
	cr_assert_eq(get(&b, CMDSTS), 0);
	cr_assert_eq(wq_state(&b, 0), 0);
	cr_assert_eq(b.records, 16);
}

Test(dsa_model_order, disabling_the_device_drains_all_queues)
{
	struct desc d = describe(MOVE, SRC, DST, 20 * PAGE, 0);

	two_queues(1, 1);
	for (unsigned int i = 0; i < 20; i++)
		submit(&b, i % 2, &d);
	set(&b, CMD, DISABLE_DEV << 20);
	dsa_step(b.dsa);
	cr_assert_eq(get(&b, GENSTS) & 3, 2);
	run(&b);
	cr_assert_eq(get(&b, GENSTS) & 3, 0);
	cr_assert_eq(b.records, 20);
}

Test(dsa_model_order, a_drain_command_does_not_wait_for_what_came_later)
{
	struct desc d = describe(MOVE, SRC, DST, 20 * PAGE, 0);
	unsigned int steps = 0;

	bench_start(&b, 1);
	for (unsigned int i = 0; i < 4; i++)
		submit(&b, 0, &d);
	set(&b, CMD, DRAIN_WQ << 20 | 1);
	dsa_step(b.dsa);
	for (unsigned int i = 0; i < 12; i++)
		submit(&b, 0, &d);
	while (get(&b, CMDSTS) >> 31) {
		dsa_step(b.dsa);
		cr_assert_lt(++steps, LIMIT);
	}
	cr_assert_geq(b.records, 4);
	cr_assert_gt(occupancy(0), 0);
	cr_assert_eq(wq_state(&b, 0), 1);
}

Test(dsa_model_order, an_abort_leaves_no_record_and_the_queue_as_it_was)
{
	struct desc d = describe(MOVE, SRC, DST, 20 * PAGE, 0);

	two_queues(1, 1);
	submit(&b, 1, &d);
	for (unsigned int i = 0; i < 10; i++)
		submit(&b, 0, &d);
	cr_assert_eq(command(&b, ABORT_WQ, 1), 0);
	cr_assert_eq(b.records, 1);
	cr_assert_eq(wq_state(&b, 0), 1);
	submit(&b, 0, &d);
	run(&b);
	cr_assert_eq(b.records, 2);
}

Test(dsa_model_order, aborts_and_drains_of_a_pasid_leave_others_alone)
{
	struct desc d = describe(MOVE, SRC, DST, 20 * PAGE, 0);

	configure(&b, true, true, true);
	set_wq(&b, 0, 64, 1);
	set_wq(&b, 1, 64, 1);
	set(&b, wqcfg(&b, 0, 2), 0x11 | 8 << 8 | 1 << 28);
	set(&b, wqcfg(&b, 1, 2), 0x11 | 9 << 8 | 1 << 28);
	set_group(&b, 0, 3, 1);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
	cr_assert_eq(command(&b, ENABLE_WQ, 1), 0);
	b.pasid = 9;
	for (unsigned int i = 0; i < 10; i++)
		submit(&b, i % 2, &d);
	cr_assert_eq(command(&b, ABORT_PASID, 8), 0);
	cr_assert_eq(swerr(&b), -1, "PASID 8 may not access anything here");
	cr_assert_eq(b.records, 5);
	submit(&b, 1, &d);
	cr_assert_eq(command(&b, DRAIN_PASID, 9), 0);
	cr_assert_eq(b.records, 6);
}

Test(dsa_model_order, the_reset_command_stops_everything)
{
	struct desc d = describe(MOVE, SRC, DST, 30 * PAGE, 0);

	bench_start(&b, 1);
	for (unsigned int i = 0; i < 16; i++)
		submit(&b, 0, &d);
	dsa_step(b.dsa);
	set(&b, CMD, RESET_DEV << 20);
	dsa_step(b.dsa);
	cr_assert_eq(get(&b, CMDSTS), 0);
	b.accesses = 0;
	run(&b);
	cr_assert_eq(b.accesses, 0);
	cr_assert_eq(get(&b, GENSTS) & 3, 0);
}

Test(dsa_model_order, a_million_descriptors_arrive)
{
	struct desc d = describe(MOVE, SRC, DST, 64, 0);
	unsigned int done = 0;

	bench_start(&b, 1);
	while (done < 1000000) {
		for (unsigned int i = 0; i < 16; i++)
			submit(&b, 0, &d);
		run(&b);
		done += 16;
	}
	cr_assert_eq(b.records, done);
	cr_assert_eq(swerr(&b), -1);
}
