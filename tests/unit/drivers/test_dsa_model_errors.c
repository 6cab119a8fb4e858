// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_model_bench.h"

/* What is wrong with a descriptor, or with how it came. */

#define SRC (BASE)
#define DST (BASE + UINT64_C(40) * PAGE)

static struct bench b;

static void setup(void)
{
	bench_open(&b, NULL);
	bench_start(&b, 1);
}

static void teardown(void)
{
	bench_close(&b);
}

TestSuite(dsa_model_errors, .init = setup, .fini = teardown);

/* A valid descriptor of each operation. */
static struct desc valid(unsigned int op)
{
	struct desc d = describe(op, SRC, DST, 4096, 0);

	switch (op) {
	case NOOP:
	case DRAIN:
		d.src = d.dst = d.size = 0;
		break;
	case BATCH:
		d.src = LISTS;
		d.dst = 0;
		d.size = 2;
		break;
	case CREATE:
		d.more[0] = BASE + UINT64_C(80) * PAGE;
		d.words[2] = 8000;
		break;
	case APPLY:
		d.words[0] = 10;
		break;
	case DUALCAST:
		d.more[0] = BASE + UINT64_C(80) * PAGE;
		break;
	case CRC:
		d.dst = 0;
		break;
	case FLUSH:
		d.src = 0;
		break;
	default:
		break;
	}
	return d;
}

static const unsigned int all[] = {NOOP,   BATCH, DRAIN,    MOVE, FILL,	    COMPARE, PATTERN,
				   CREATE, APPLY, DUALCAST, CRC,  COPY_CRC, FLUSH};
#define NR_ALL (sizeof(all) / sizeof(all[0]))

Test(dsa_model_errors, each_operation_is_fine_as_it_is)
{
	for (unsigned int i = 0; i < NR_ALL; i++) {
		struct desc d = valid(all[i]);

		cr_assert_lt(do_one(&b, &d), 0x10, "operation 0x%x", all[i]);
	}
}

Test(dsa_model_errors, operations_that_are_not_there)
{
	static const unsigned int none[] = {0x0a, 0x0f, 0x12, 0x15, 0x1f, 0x21, 0x7f, 0xff};

	for (unsigned int i = 0; i < 8; i++) {
		struct desc d = describe(none[i], 0, 0, 0, 0);

		cr_assert_eq(do_one(&b, &d), 0x10, "0x%x", none[i]);
	}
}

Test(dsa_model_errors, flags_that_an_operation_has_not)
{
	for (unsigned int i = 0; i < NR_ALL; i++) {
		struct desc d = valid(all[i]);

		d.flags |= 0xf80040; /* reserved in all */
		cr_assert_eq(do_one(&b, &d), 0x11, "operation 0x%x", all[i]);
		cr_assert_eq(record(&b, 0)->more[0], 0xf80040);
	}
}

Test(dsa_model_errors, a_fence_is_for_batches)
{
	for (unsigned int i = 0; i < NR_ALL; i++) {
		struct desc d = valid(all[i]);

		d.flags |= FENCE;
		cr_assert_eq(do_one(&b, &d), 0x11);
		cr_assert_eq(record(&b, 0)->more[0], FENCE);
	}
}

Test(dsa_model_errors, blocking_is_for_queues_that_may)
{
	struct desc d = valid(MOVE);

	d.flags |= BLOCK;
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(command(&b, DISABLE_WQ, 1), 0);
	set(&b, wqcfg(&b, 0, 2), 0x11);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
	cr_assert_eq(do_one(&b, &d), 0x11);
	cr_assert_eq(record(&b, 0)->more[0], BLOCK);
}

Test(dsa_model_errors, bytes_that_are_reserved)
{
	/* For each operation, where its first reserved byte is. */
	static const struct {
		unsigned int op, byte;
	} holes[] = {{NOOP, 16},    {NOOP, 32},	   {NOOP, 63},	   {BATCH, 24},	   {BATCH, 40},
		     {DRAIN, 16},   {DRAIN, 63},   {MOVE, 40},	   {MOVE, 63},	   {FILL, 40},
		     {COMPARE, 41}, {COMPARE, 48}, {PATTERN, 41},  {CREATE, 52},   {CREATE, 57},
		     {APPLY, 44},   {APPLY, 63},   {DUALCAST, 48}, {CRC, 24},	   {CRC, 44},
		     {CRC, 48},	    {CRC, 56},	   {COPY_CRC, 44}, {COPY_CRC, 63}, {FLUSH, 16},
		     {FLUSH, 40}};

	for (unsigned int i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
		struct desc d = valid(holes[i].op);

		((uint8_t *)&d)[holes[i].byte] = 0x80;
		cr_assert_eq(do_one(&b, &d), 0x12, "operation 0x%x, byte %u", holes[i].op,
			     holes[i].byte);
	}
	for (unsigned int i = 0; i < NR_ALL; i++) {
		struct desc d = valid(all[i]);

		d.reserved = 1;
		cr_assert_eq(do_one(&b, &d), 0x12);
		d.reserved = 0;
		d.pasid = 1 << 30;
		cr_assert_eq(do_one(&b, &d), 0x12);
	}
}

Test(dsa_model_errors, sizes_beyond_what_the_queue_allows)
{
	cr_assert_eq(command(&b, DISABLE_WQ, 1), 0);
	set(&b, wqcfg(&b, 0, 3), 12 | 3 << 5); /* 4096 bytes, batches of 8 */
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
	for (unsigned int i = 3; i < NR_ALL; i++) {
		struct desc d = valid(all[i]);

		cr_assert_lt(do_one(&b, &d), 0x10);
		d.size = 4096 + 8;
		cr_assert_eq(do_one(&b, &d), 0x13);
		d.size = 0;
		cr_assert_eq(do_one(&b, &d), 0x13);
	}
}

Test(dsa_model_errors, batches_of_one_or_of_too_many)
{
	static const uint32_t wrong[] = {0, 1, 257, UINT32_MAX};

	for (unsigned int i = 0; i < 4; i++) {
		struct desc d = valid(BATCH);

		d.size = wrong[i];
		cr_assert_eq(do_one(&b, &d), 0x14, "%u descriptors", wrong[i]);
	}
}

Test(dsa_model_errors, delta_records_of_wrong_sizes)
{
	static const uint32_t wrong[] = {0, 70, 85};
	struct desc d = valid(CREATE), apply = valid(APPLY);

	for (unsigned int i = 0; i < 3; i++) {
		d.words[2] = wrong[i];
		cr_assert_eq(do_one(&b, &d), 0x15);
	}
	apply.words[0] = 0;
	cr_assert_eq(do_one(&b, &apply), 0x15);
	apply.words[0] = 11;
	cr_assert_eq(do_one(&b, &apply), 0x15);
	d = valid(CREATE);
	d.size = 4095;
	cr_assert_eq(do_one(&b, &d), 0x13);
	d.size = 0x80008;
	cr_assert_eq(do_one(&b, &d), 0x13);
}

Test(dsa_model_errors, buffers_that_overlap_where_they_may_not)
{
	struct desc d = valid(COPY_CRC);

	d.dst = d.src + 4095;
	cr_assert_eq(do_one(&b, &d), 0x16);
	d.dst = d.src + 4096;
	cr_assert_eq(do_one(&b, &d), 1);
	d = valid(DUALCAST);
	d.size = 3 * PAGE;
	d.more[0] = d.dst + 2 * PAGE;
	cr_assert_eq(do_one(&b, &d), 0x16);
	d = valid(CREATE);
	d.more[0] = d.dst + 4088;
	cr_assert_eq(do_one(&b, &d), 0x16);
	d = valid(APPLY);
	d.src = d.dst + 8;
	cr_assert_eq(do_one(&b, &d), 0x16);
}

Test(dsa_model_errors, a_move_may_not_overlap_where_that_is_no_capability)
{
	const struct dsa_opts opts = {.no_overlap = true};
	struct desc d = valid(MOVE);

	bench_close(&b);
	bench_open(&b, &opts);
	bench_start(&b, 1);
	cr_assert_eq(get_wide(&b, GENCAP) & 2, 0);
	d.dst = d.src + 1;
	cr_assert_eq(do_one(&b, &d), 0x16);
}

Test(dsa_model_errors, addresses_that_are_not_aligned)
{
	struct desc d = valid(DUALCAST);

	d.more[0] += 8;
	cr_assert_eq(do_one(&b, &d), 0x17);
	d = valid(BATCH);
	d.src += 32;
	cr_assert_eq(do_one(&b, &d), 0x18);
	for (unsigned int i = 0; i < 3; i++) {
		d = valid(CREATE);
		*(i == 0 ? &d.src : i == 1 ? &d.dst : &d.more[0]) += 4;
		cr_assert_eq(do_one(&b, &d), 0x1c);
	}
	d = valid(APPLY);
	d.dst += 4;
	cr_assert_eq(do_one(&b, &d), 0x1c);
}

Test(dsa_model_errors, interrupts_that_the_descriptor_may_not_have)
{
	struct desc d = valid(NOOP);

	d.flags |= IRQ;
	d.handle = 9;
	cr_assert_eq(do_one(&b, &d), 0x19, "no such vector");
	d.handle = 2;
	set(&b, perm(&b, 2), 0x8 | 5 << 12);
	cr_assert_eq(do_one(&b, &d), 0x19, "for a PASID");
	cr_assert_eq(b.irqs[2], 0);
	set(&b, perm(&b, 2), 0x4);
	cr_assert_eq(do_one(&b, &d), 1, "for all");
	cr_assert_eq(b.irqs[2], 1);
}

Test(dsa_model_errors, a_record_that_cannot_be_written_is_a_software_error)
{
	struct desc d = valid(NOOP);

	d.record += 16;
	cr_assert_eq(do_one(&b, &d), 0);
	cr_assert_eq(swerr(&b), 0x1b);
	d.record = BASE - PAGE;
	cr_assert_eq(do_one(&b, &d), 0);
	cr_assert_eq(get_wide(&b, SWERR + 16), BASE - PAGE);
	cr_assert_eq(get_wide(&b, SWERR) >> 5 & 1, 1, "a write");
	cr_assert_eq(swerr(&b), 0x1a);
}

Test(dsa_model_errors, an_error_without_a_record_is_a_software_error)
{
	struct desc d = valid(MOVE);

	d.flags = 0;
	d.size = 0;
	submit(&b, 0, &d);
	run(&b);
	cr_assert_eq(get_wide(&b, SWERR) >> 32 & 0xff, MOVE);
	cr_assert_eq(swerr(&b), 0x13);
	d.flags = RECORD; /* at no valid address */
	submit(&b, 0, &d);
	run(&b);
	cr_assert_eq(get_wide(&b, SWERR + 8) >> 32, RECORD);
	cr_assert_eq(swerr(&b), 0x11);
}

Test(dsa_model_errors, software_errors_are_kept_until_they_are_seen_and_interrupt_if_told)
{
	struct desc d = valid(MOVE);

	d.flags = 0;
	d.size = 0;
	submit(&b, 0, &d);
	run(&b);
	cr_assert_eq(b.irqs[0], 0);
	cr_assert_eq(get(&b, INTCAUSE), 1);
	d.op = 0xff;
	submit(&b, 0, &d);
	run(&b);
	cr_assert_eq(get_wide(&b, SWERR) & 3, 3, "there were more");
	cr_assert_eq(swerr(&b), 0x13, "the first");
	set(&b, GENCTRL, 1);
	submit(&b, 0, &d);
	run(&b);
	cr_assert_eq(b.irqs[0], 1);
	cr_assert_eq(swerr(&b), 0x10);
}

Test(dsa_model_errors, queues_that_take_nothing)
{
	struct desc d = valid(NOOP);

	submit(&b, 1, &d);
	cr_assert_eq(get_wide(&b, SWERR) >> 16 & 0xff, 1);
	cr_assert_eq(swerr(&b), 0x51, "not enabled");
	for (unsigned int i = 0; i < 16; i++)
		submit(&b, 0, &d);
	cr_assert_eq(get(&b, wqcfg(&b, 0, 6)) & 0xffff, 16);
	cr_assert_eq(swerr(&b), -1);
	submit(&b, 0, &d);
	cr_assert_eq(swerr(&b), 0x54, "full");
	run(&b);
	cr_assert_eq(b.records, 16);
	cr_assert_eq(get(&b, wqcfg(&b, 0, 6)) & 0xffff, 0);
}

Test(dsa_model_errors, shared_queues_take_no_plain_writes)
{
	struct desc d = valid(NOOP);

	cr_assert_eq(command(&b, DISABLE_WQ, 1), 0);
	configure(&b, true, true, true);
	set(&b, wqcfg(&b, 0, 2), 0x10000010);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
	submit(&b, 0, &d);
	cr_assert_eq(swerr(&b), 0x52);
}

Test(dsa_model_errors, a_descriptor_in_pieces_out_of_order_is_dropped)
{
	struct desc d = valid(NOOP);

	dsa_portal(b.dsa, 0, 8, &d);
	dsa_portal(b.dsa, 16, 8, &d);
	cr_assert_eq(swerr(&b), DSA_SWERR_TORN);
	dsa_portal(b.dsa, 56, 8, &d);
	cr_assert_eq(swerr(&b), DSA_SWERR_TORN);
	dsa_portal(b.dsa, 0, 4, &d);
	cr_assert_eq(swerr(&b), DSA_SWERR_TORN);
	run(&b);
	cr_assert_eq(b.records, 0);
	cr_assert_eq(do_one(&b, &d), 1);
}

Test(dsa_model_errors, two_slots_of_a_portal_do_not_mix)
{
	struct desc one = valid(NOOP), two = valid(NOOP);

	two.record += 32;
	for (unsigned int i = 0; i < 8; i++) {
		dsa_portal(b.dsa, 8 * i, 8, (uint8_t *)&one + 8 * i);
		dsa_portal(b.dsa, 64 + 8 * i, 8, (uint8_t *)&two + 8 * i);
	}
	run(&b);
	cr_assert_eq(record(&b, 0)->status, 1);
	cr_assert_eq(record(&b, 1)->status, 1);
	cr_assert_eq(swerr(&b), -1);
}

Test(dsa_model_errors, a_queue_of_version_2_admits_what_it_is_told)
{
	const struct dsa_opts opts = {.version = 0x200};
	struct desc d = valid(MOVE);

	bench_close(&b);
	bench_open(&b, &opts);
	set(&b, wqcfg(&b, 0, 8), 1 << NOOP);
	bench_start(&b, 1);
	cr_assert_eq(do_one(&b, &d), 0x10);
	d = valid(NOOP);
	cr_assert_eq(do_one(&b, &d), 1);
}
