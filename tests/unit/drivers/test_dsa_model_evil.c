// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_model_bench.h"

/* The model lies as it is told to. */

#define SRC (BASE)
#define DST (BASE + UINT64_C(40) * PAGE)

static struct bench b;

static void begin(uint64_t evil, uint64_t after)
{
	const struct dsa_opts opts = {.evil = UINT64_C(1) << evil, .evil_after = after};

	bench_open(&b, &opts);
	scribble(b.mem, PAGE, 4);
}

static uint8_t move(void)
{
	struct desc d = describe(MOVE, SRC, DST, 100, 0);

	memset(at(&b, DST), 0, 100);
	return do_one(&b, &d);
}

static bool moved(void)
{
	return !memcmp(at(&b, DST), at(&b, SRC), 100);
}

Test(dsa_model_evil, a_wrong_status)
{
	begin(DSA_EVIL_STATUS, 1);
	bench_start(&b, 1);
	cr_assert_eq(move(), 1, "not yet");
	cr_assert_eq(move(), 0x7e);
	bench_close(&b);
}

Test(dsa_model_evil, no_record)
{
	begin(DSA_EVIL_NO_RECORD, 0);
	bench_start(&b, 1);
	cr_assert_eq(move(), 0);
	cr_assert(moved());
	bench_close(&b);
}

Test(dsa_model_evil, no_data)
{
	begin(DSA_EVIL_NO_DATA, 0);
	bench_start(&b, 1);
	cr_assert_eq(move(), 1);
	cr_assert_not(moved());
	bench_close(&b);
}

Test(dsa_model_evil, a_record_before_the_data)
{
	struct desc d = describe(MOVE, SRC, DST, 190 * PAGE, 0);
	bool lied = false;

	begin(DSA_EVIL_EARLY, 0);
	bench_start(&b, 1);
	d.dst = SRC + 1; /* takes a while */
	submit(&b, 0, &d);
	while (dsa_step(b.dsa))
		lied |= record(&b, 0)->status && *at(&b, SRC + 1) != *at(&b, SRC);
	cr_assert(lied);
	bench_close(&b);
}

Test(dsa_model_evil, a_record_twice)
{
	begin(DSA_EVIL_TWICE, 0);
	bench_start(&b, 1);
	cr_assert_eq(move(), 1);
	cr_assert_eq(b.records, 2);
	bench_close(&b);
}

Test(dsa_model_evil, too_many_bytes_and_faults_elsewhere)
{
	begin(DSA_EVIL_BYTES, 0);
	bench_start(&b, 1);
	cr_assert_eq(move(), 1);
	cr_assert_gt(record(&b, 0)->bytes, 100);
	bench_close(&b);
	begin(DSA_EVIL_FAULT, 0);
	bench_start(&b, 1);
	cr_assert_eq(move(), 3);
	cr_assert_eq(record(&b, 0)->fault, UINT64_C(0xdead000000000123));
	bench_close(&b);
}

Test(dsa_model_evil, capabilities_that_make_no_sense)
{
	begin(DSA_EVIL_GENCAP, 0);
	cr_assert_eq(get_wide(&b, GENCAP) >> 16 & 0x1ff, 0);
	bench_close(&b);
	begin(DSA_EVIL_WQCAP, 0);
	cr_assert_eq(get_wide(&b, WQCAP) & 0xffffff, 0xff0000);
	bench_close(&b);
	begin(DSA_EVIL_OFFSETS, 0);
	cr_assert_eq(get_wide(&b, OFFSETS) & 0xffff, 0xfff0);
	bench_close(&b);
	begin(DSA_EVIL_ONES, 0);
	cr_assert_eq(get_wide(&b, GENCAP), UINT64_MAX);
	cr_assert_eq(get_wide(&b, CMDCAP), UINT64_MAX);
	bench_close(&b);
}

Test(dsa_model_evil, commands_that_hang_fail_or_do_nothing)
{
	begin(DSA_EVIL_CMD_HANG, 0);
	set(&b, CMD, RESET_DEV << 20);
	run(&b);
	cr_assert_eq(get(&b, CMDSTS), UINT32_C(1) << 31);
	bench_close(&b);
	begin(DSA_EVIL_CMD_ERROR, 0);
	cr_assert_eq(command(&b, RESET_DEV, 0), 3);
	bench_close(&b);
	begin(DSA_EVIL_CMD_LIE, 0);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	cr_assert_eq(get(&b, GENSTS) & 3, 0);
	bench_close(&b);
}

Test(dsa_model_evil, it_vanishes)
{
	begin(DSA_EVIL_VANISH, 2);
	bench_start(&b, 1);
	cr_assert_eq(move(), 1);
	cr_assert_eq(move(), 1);
	dsa_step(b.dsa);
	cr_assert(dsa_gone(b.dsa));
	cr_assert_eq(get(&b, GENSTS), UINT32_MAX);
	cr_assert_eq(move(), 0);
	bench_close(&b);
}

Test(dsa_model_evil, it_halts_and_a_reset_brings_it_back)
{
	begin(DSA_EVIL_HALT, 1);
	bench_start(&b, 1);
	set(&b, 0x88, 2);
	cr_assert_eq(move(), 1);
	dsa_step(b.dsa);
	cr_assert_eq(get(&b, GENSTS) & 3, 3);
	cr_assert_eq(get(&b, INTCAUSE), 0x10);
	cr_assert_eq(b.irqs[0], 1);
	cr_assert_eq(move(), 0);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x10);
	cr_assert_eq(command(&b, RESET_DEV, 0), 0);
	cr_assert_eq(get(&b, GENSTS) & 3, 0);
	bench_close(&b);
}

Test(dsa_model_evil, storms)
{
	begin(DSA_EVIL_IRQ_STORM, 0);
	bench_start(&b, 1);
	cr_assert_eq(move(), 1);
	cr_assert_eq(b.irqs[8], 1);
	bench_close(&b);
	begin(DSA_EVIL_SWERR_STORM, 0);
	bench_start(&b, 1);
	cr_assert_eq(move(), 1);
	cr_assert_eq(swerr(&b), 1);
	bench_close(&b);
}
