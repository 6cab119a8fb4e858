// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_model_bench.h"

/* Pages that are not there: what is told of them, and how they are asked for. */

#define SRC  (BASE + 100)
#define DST  (BASE + UINT64_C(40) * PAGE + 100)
#define LEN  (4 * PAGE)
#define HOLE (BASE + UINT64_C(2) * PAGE) /* in the source, its third page */

static struct bench b;

static void setup(void)
{
	bench_open(&b, NULL);
	bench_start(&b, 1);
	scribble(b.mem, (size_t)30 * PAGE, 3);
}

static void teardown(void)
{
	bench_close(&b);
}

TestSuite(dsa_model_faults, .init = setup, .fini = teardown);

static void set_absent(uint64_t addr, bool absent)
{
	b.absent[(addr - BASE) / PAGE] = absent;
}

static struct desc blocking(unsigned int op, unsigned int n)
{
	struct desc d = describe(op, SRC, DST, LEN, n);

	d.flags |= BLOCK;
	return d;
}

Test(dsa_model_faults, a_fault_tells_where_and_how_much_was_done)
{
	struct desc d = describe(MOVE, SRC, DST, LEN, 0);

	set_absent(HOLE, true);
	cr_assert_eq(do_one(&b, &d), 3);
	cr_assert_eq(record(&b, 0)->fault, HOLE);
	cr_assert_eq(record(&b, 0)->bytes, HOLE - SRC);
	cr_assert_arr_eq(at(&b, DST), at(&b, SRC), HOLE - SRC);
	cr_assert_eq(*at(&b, DST + HOLE - SRC), 0);
	cr_assert_eq(b.asked, 0);
}

Test(dsa_model_faults, a_fault_of_a_write_says_so)
{
	struct desc d = describe(MOVE, SRC, DST, LEN, 0);
	uint64_t page = DST + PAGE - DST % PAGE;

	b.readonly[(page - BASE) / PAGE] = true;
	cr_assert_eq(do_one(&b, &d), 0x83);
	cr_assert_eq(record(&b, 0)->fault, page);
	cr_assert_eq(record(&b, 0)->bytes, page - DST);
}

Test(dsa_model_faults, a_move_from_the_end_counts_from_there)
{
	struct desc d = describe(MOVE, SRC, SRC + 50, LEN, 0);

	set_absent(HOLE, true);
	cr_assert_eq(do_one(&b, &d), 3);
	cr_assert_eq(record(&b, 0)->result, 1);
	cr_assert_eq(record(&b, 0)->fault / PAGE, HOLE / PAGE);
	cr_assert_eq(record(&b, 0)->bytes, SRC + LEN - HOLE - PAGE);
}

Test(dsa_model_faults, what_was_not_done_can_be_submitted_again)
{
	struct desc d = describe(MOVE, SRC, DST, LEN, 0);

	set_absent(HOLE, true);
	cr_assert_eq(do_one(&b, &d), 3);
	d.src += record(&b, 0)->bytes;
	d.dst += record(&b, 0)->bytes;
	d.size -= record(&b, 0)->bytes;
	set_absent(HOLE, false);
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_arr_eq(at(&b, DST), at(&b, SRC), LEN);
}

Test(dsa_model_faults, each_operation_reports_its_faults)
{
	static const unsigned int ops[] = {COMPARE, PATTERN, CREATE, DUALCAST, CRC, COPY_CRC};

	set_absent(HOLE, true);
	memset(b.mem, 0, (size_t)60 * PAGE);
	for (unsigned int i = 0; i < 6; i++) {
		struct desc d = describe(
			ops[i], BASE, ops[i] == CRC || ops[i] == PATTERN ? 0 : DST - 100, LEN, 0);

		if (ops[i] == CREATE || ops[i] == DUALCAST)
			d.more[0] = BASE + UINT64_C(80) * PAGE;
		if (ops[i] == CREATE)
			d.words[2] = 800;
		cr_assert_eq(do_one(&b, &d), 3, "operation 0x%x", ops[i]);
		cr_assert_eq(record(&b, 0)->fault, HOLE);
		cr_assert_eq(record(&b, 0)->bytes, HOLE - BASE);
	}
}

Test(dsa_model_faults, blocked_it_asks_for_the_page_and_goes_on_when_it_is_there)
{
	struct desc d = blocking(MOVE, 0);

	set_absent(HOLE, true);
	cr_assert_eq(do_one(&b, &d), 0, "it waits");
	cr_assert_eq(b.asked, 1);
	cr_assert_eq(b.asked_for[0] / PAGE, HOLE / PAGE);
	run(&b);
	cr_assert_eq(b.asked, 1, "once is enough");
	set_absent(HOLE, false);
	dsa_answer(b.dsa, b.groups[0], 0);
	run(&b);
	cr_assert_eq(record(&b, 0)->status, 1);
	cr_assert_arr_eq(at(&b, DST), at(&b, SRC), LEN);
}

Test(dsa_model_faults, answered_and_still_not_there_it_asks_again)
{
	struct desc d = blocking(MOVE, 0);

	set_absent(HOLE, true);
	do_one(&b, &d);
	dsa_answer(b.dsa, b.groups[0], 0);
	run(&b);
	cr_assert_eq(b.asked, 2);
	cr_assert_eq(record(&b, 0)->status, 0);
}

Test(dsa_model_faults, refused_it_ends_with_the_fault)
{
	static const unsigned int codes[] = {1, 15}; /* invalid, failure */

	set_absent(HOLE, true);
	for (unsigned int i = 0; i < 2; i++) {
		struct desc d = blocking(MOVE, 0);

		do_one(&b, &d);
		dsa_answer(b.dsa, b.groups[i], codes[i]);
		run(&b);
		cr_assert_eq(record(&b, 0)->status, 4);
		cr_assert_eq(record(&b, 0)->fault, HOLE);
		cr_assert_eq(record(&b, 0)->bytes, HOLE - SRC);
	}
	cr_assert_eq(b.asked, 2);
}

/* All that comes before it is accessed once more, and is there. */
Test(dsa_model_faults, refused_it_ends_wherever_the_operand_is)
{
	const uint64_t there = BASE + UINT64_C(40) * PAGE;
	static const unsigned int ops[] = {MOVE, COMPARE, COPY_CRC, DUALCAST, CREATE};

	set_absent(there, true);
	for (unsigned int i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		struct desc d = describe(ops[i], BASE, there, 64, 0);

		d.flags |= BLOCK;
		if (ops[i] == DUALCAST || ops[i] == CREATE)
			d.more[0] = there + 20 * PAGE;
		if (ops[i] == CREATE)
			d.more[1] = 80;
		do_one(&b, &d);
		cr_assert_eq(b.asked, i + 1, "operation %u: 0x%02x", ops[i], record(&b, 0)->status);
		dsa_answer(b.dsa, b.groups[i], 1);
		run(&b);
		cr_assert_eq(record(&b, 0)->status & 0x7f, 4, "operation %u: 0x%02x", ops[i],
			     record(&b, 0)->status);
		cr_assert_eq(record(&b, 0)->fault, there);
	}
	cr_assert_eq(b.asked, 5);
}

Test(dsa_model_faults, who_cannot_ask_ends_with_the_fault)
{
	struct desc d = blocking(MOVE, 0);

	b.ask = -EPERM;
	set_absent(HOLE, true);
	cr_assert_eq(do_one(&b, &d), 4);
}

Test(dsa_model_faults, who_is_told_to_try_again_does_so_without_an_answer)
{
	struct desc d = blocking(MOVE, 0);

	b.ask = -EAGAIN;
	set_absent(HOLE, true);
	cr_assert_eq(do_one(&b, &d), 0);
	set_absent(HOLE, false);
	run(&b);
	cr_assert_eq(record(&b, 0)->status, 1);
}

Test(dsa_model_faults, one_that_waits_holds_up_nobody)
{
	struct desc d = blocking(MOVE, 0), other = describe(NOOP, 0, 0, 0, 1);

	set_absent(HOLE, true);
	submit(&b, 0, &d);
	submit(&b, 0, &other);
	run(&b);
	cr_assert_eq(record(&b, 0)->status, 0);
	cr_assert_eq(record(&b, 1)->status, 1);
}

Test(dsa_model_faults, the_record_itself_may_have_to_be_asked_for)
{
	struct desc d = blocking(MOVE, 0);

	set_absent(RECORDS, true);
	submit(&b, 0, &d);
	run(&b);
	cr_assert_eq(b.asked_for[0], RECORDS);
	set_absent(RECORDS, false);
	dsa_answer(b.dsa, b.groups[0], 0);
	run(&b);
	cr_assert_eq(record(&b, 0)->status, 1);
	cr_assert_eq(record(&b, 0)->bytes, LEN);
	cr_assert_eq(swerr(&b), -1);
}

Test(dsa_model_faults, the_list_of_a_batch_may_have_to_be_asked_for)
{
	struct desc d = blocking(BATCH, 2);

	for (unsigned int i = 0; i < 2; i++) {
		struct desc sub = describe(NOOP, 0, 0, 0, i);

		memcpy(at(&b, LISTS + UINT64_C(64) * i), &sub, sizeof(sub));
	}
	d.src = LISTS;
	d.dst = 0;
	d.size = 2;
	set_absent(LISTS, true);
	submit(&b, 0, &d);
	run(&b);
	cr_assert_eq(b.asked, 1);
	set_absent(LISTS, false);
	dsa_answer(b.dsa, b.groups[0], 0);
	run(&b);
	cr_assert_eq(record(&b, 2)->status, 1);
	cr_assert_eq(record(&b, 1)->status, 1);
}

Test(dsa_model_faults, an_abort_ends_what_waits_and_its_answer_reaches_nobody)
{
	struct desc d = blocking(MOVE, 0), next = blocking(MOVE, 1);

	set_absent(HOLE, true);
	do_one(&b, &d);
	cr_assert_eq(command(&b, ABORT_WQ, 1), 0);
	cr_assert_eq(record(&b, 0)->status, 0);
	submit(&b, 0, &next);
	run(&b);
	cr_assert_neq(b.groups[1], b.groups[0]);
	set_absent(HOLE, false);
	dsa_answer(b.dsa, b.groups[0], 0);
	run(&b);
	cr_assert_eq(record(&b, 1)->status, 0, "that was not its answer");
	dsa_answer(b.dsa, b.groups[1], 0);
	run(&b);
	cr_assert_eq(record(&b, 1)->status, 1);
	cr_assert_eq(record(&b, 0)->status, 0);
}

Test(dsa_model_faults, a_group_is_not_used_again_before_it_was_answered)
{
	struct desc d = blocking(MOVE, 0);
	unsigned int lost;

	set_absent(HOLE, true);
	do_one(&b, &d);
	lost = b.groups[0];
	cr_assert_eq(command(&b, ABORT_WQ, 1), 0);
	for (unsigned int i = 0; i < 2 * DSA_GROUPS_ASKED; i++) {
		b.asked = 0;
		do_one(&b, &d);
		cr_assert_neq(b.groups[0], lost);
		dsa_answer(b.dsa, b.groups[0], 1);
		run(&b);
		cr_assert_eq(record(&b, 0)->status, 4);
	}
}

Test(dsa_model_faults, a_drain_waits_for_what_waits_and_an_abort_does_not)
{
	struct desc d = blocking(MOVE, 0);

	set_absent(HOLE, true);
	do_one(&b, &d);
	set(&b, CMD, DRAIN_WQ << 20 | 1);
	run(&b);
	cr_assert_eq(get(&b, CMDSTS) >> 31, 1);
	set_absent(HOLE, false);
	dsa_answer(b.dsa, b.groups[0], 0);
	run(&b);
	cr_assert_eq(get(&b, CMDSTS), 0);
	cr_assert_eq(record(&b, 0)->status, 1);
}

Test(dsa_model_faults, a_reset_stops_all_from_any_state)
{
	struct desc d = blocking(MOVE, 0), more = describe(MOVE, SRC, DST, LEN, 1);

	set_absent(HOLE, true);
	for (unsigned int i = 0; i < 8; i++)
		submit(&b, 0, &d);
	submit(&b, 0, &more);
	dsa_step(b.dsa);
	set(&b, CMD, DISABLE_DEV << 20);
	dsa_step(b.dsa);
	dsa_reset(b.dsa);
	cr_assert_eq(get(&b, CMDSTS), 0);
	cr_assert_eq(get(&b, GENSTS), 1 << 2);
	b.accesses = 0;
	dsa_answer(b.dsa, b.groups[0], 0);
	configure(&b, true, false, true);
	run(&b);
	cr_assert_eq(b.accesses, 0);
	set_absent(HOLE, false);
	bench_start(&b, 1);
	cr_assert_eq(do_one(&b, &more), 0);
	cr_assert_eq(record(&b, 1)->status, 1);
}

Test(dsa_model_faults, resets_without_answers_do_not_use_up_the_groups)
{
	struct desc d = blocking(MOVE, 0);

	set_absent(HOLE, true);
	for (unsigned int i = 0; i < 3 * DSA_GROUPS_ASKED; i++) {
		b.asked = 0;
		do_one(&b, &d);
		cr_assert_eq(b.asked, 1);
		dsa_reset(b.dsa);
		configure(&b, true, false, true);
		bench_start(&b, 1);
	}
}

Test(dsa_model_faults, without_bus_master_nothing_is_accessed)
{
	struct desc d = describe(MOVE, SRC, DST, LEN, 0);

	configure(&b, false, false, true);
	b.accesses = 0;
	cr_assert_eq(do_one(&b, &d), 0);
	cr_assert_eq(b.accesses, 0);
	configure(&b, true, false, true);
	run(&b);
	cr_assert_eq(record(&b, 0)->status, 1);
}

Test(dsa_model_faults, accesses_carry_the_pasid_of_their_queue)
{
	struct desc d = describe(MOVE, SRC, DST, LEN, 0);

	cr_assert_eq(command(&b, DISABLE_WQ, 1), 0);
	configure(&b, true, true, true);
	set(&b, wqcfg(&b, 0, 2), 0x11 | 0xabcde << 8 | 1 << 28);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
	b.pasid = 0xabcde;
	d.pasid = 5; /* is for shared queues */
	cr_assert_eq(do_one(&b, &d), 1);
	b.pasid = 0xabcdf;
	cr_assert_eq(do_one(&b, &d), 0);
	cr_assert_eq(get_wide(&b, SWERR) >> 40 & 0xfffff, 0xabcde);
	cr_assert_eq(swerr(&b), 0x1a);
}

Test(dsa_model_faults, an_interrupt_is_for_the_pasid_that_it_is_permitted_to)
{
	struct desc d = describe(NOOP, 0, 0, 0, 0);

	cr_assert_eq(command(&b, DISABLE_WQ, 1), 0);
	configure(&b, true, true, true);
	set(&b, wqcfg(&b, 0, 2), 0x11 | 7 << 8 | 1 << 28);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
	b.pasid = 7;
	d.flags |= IRQ;
	d.handle = 1;
	cr_assert_eq(do_one(&b, &d), 0x19, "for those without PASID");
	set(&b, perm(&b, 1), 0x8 | 6 << 12);
	cr_assert_eq(do_one(&b, &d), 0x19, "for another");
	set(&b, perm(&b, 1), 0x8 | 7 << 12);
	cr_assert_eq(do_one(&b, &d), 1);
}

Test(dsa_model_faults, injected_faults_come_at_their_rate_and_the_same_for_a_seed)
{
	unsigned int faults[2] = {0};

	for (unsigned int round = 0; round < 2; round++) {
		const struct dsa_opts opts = {.fault_rate = 20, .seed = 11};

		bench_close(&b);
		bench_open(&b, &opts);
		bench_start(&b, 1);
		for (unsigned int i = 0; i < 500; i++) {
			struct desc d = describe(MOVE, SRC, DST, LEN, 0);

			faults[round] = faults[round] * 3 + ((do_one(&b, &d) & 0x7f) == 3);
		}
	}
	cr_assert_neq(faults[0], 0);
	cr_assert_eq(faults[0], faults[1]);
}
