// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_model_bench.h"

/* Registers, commands and every error that a command can end with. */

static struct bench b;

static void setup(void)
{
	bench_open(&b, NULL);
}

static void teardown(void)
{
	bench_close(&b);
}

TestSuite(dsa_model_commands, .init = setup, .fini = teardown);

/* As setup(), with other options. */
static void reopen(const struct dsa_opts *opts)
{
	bench_close(&b);
	bench_open(&b, opts);
}

/* One queue of 16 entries and one engine, in group 0, not enabled. */
static void prepare(void)
{
	set_wq(&b, 0, 16, 1);
	set_group(&b, 0, 1, 1);
}

static unsigned int state(void)
{
	return get(&b, GENSTS) & 3;
}

Test(dsa_model_commands, tells_what_it_has)
{
	uint64_t gencap = get_wide(&b, GENCAP), wqcap = get_wide(&b, WQCAP);

	cr_assert_eq(get(&b, 0), 0x100);
	cr_assert_eq(gencap & 3, 3); /* blocks on faults, overlapping copies */
	cr_assert_eq(gencap >> 16 & 0x1f, 31);
	cr_assert_eq(gencap >> 21 & 0xf, 10);
	cr_assert_eq(gencap >> 31 & 1, 1);
	cr_assert_eq(wqcap & 0xffff, 128);
	cr_assert_eq(wqcap >> 16 & 0xff, 8);
	cr_assert_eq(wqcap >> 24 & 0xf, 0);
	cr_assert_eq(get_wide(&b, 0x30) & 0xff, 4);
	cr_assert_eq(get_wide(&b, 0x38) & 0xff, 4);
	cr_assert_eq(get_wide(&b, OPCAP), 0x1000303ff);
	cr_assert_eq(get_wide(&b, CMDCAP), 0x1ffe);
	cr_assert_eq(get(&b, GENSTS), 1 << 2, "disabled, after a function reset");
}

Test(dsa_model_commands, version_2_has_wider_queue_configuration)
{
	const struct dsa_opts opts = {.version = 0x200};

	reopen(&opts);
	cr_assert_eq(get(&b, 0), 0x200);
	cr_assert_eq(get_wide(&b, WQCAP) >> 24 & 0xf, 1);
	cr_assert_eq(wqcfg(&b, 1, 0) - wqcfg(&b, 0, 0), 64);
	cr_assert_eq(get_wide(&b, wqcfg(&b, 3, 8)), 0x1000303ff);
}

Test(dsa_model_commands, there_may_be_sixteen_queues)
{
	const struct dsa_opts opts = {.wqs = 16};
	struct desc d = describe(NOOP, 0, 0, 0, 0);

	set_wq(&b, 8, 8, 1);
	cr_assert_eq(get(&b, wqcfg(&b, 8, 0)), 0, "there are eight");
	reopen(&opts);
	cr_assert_eq(get_wide(&b, WQCAP) >> 16 & 0xff, 16);
	for (unsigned int i = 0; i < 16; i++)
		set_wq(&b, i, 8, 1);
	set_group(&b, 0, 0xffff, 1);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	cr_assert_eq(command(&b, ENABLE_WQ, 16), 0x02);
	for (unsigned int i = 0; i < 16; i++) {
		cr_assert_eq(command(&b, ENABLE_WQ, i), 0);
		d.record = RECORDS + UINT64_C(32) * i;
		submit(&b, i, &d);
	}
	run(&b);
	for (unsigned int i = 0; i < 16; i++)
		cr_assert_eq(record(&b, i)->status, 1);
	cr_assert_eq(command(&b, DISABLE_WQ, 0xffff), 0);
}

Test(dsa_model_commands, enables_and_disables)
{
	prepare();
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	cr_assert_eq(state(), 1);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
	cr_assert_eq(wq_state(&b, 0), 1);
	cr_assert_eq(command(&b, DISABLE_WQ, 1), 0);
	cr_assert_eq(wq_state(&b, 0), 0);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
	cr_assert_eq(command(&b, DISABLE_DEV, 0), 0);
	cr_assert_eq(wq_state(&b, 0), 0);
	cr_assert_eq(state(), 0);
}

Test(dsa_model_commands, a_command_signals_its_end_if_asked)
{
	prepare();
	set(&b, CMD, UINT32_C(1) << 31 | ENABLE_DEV << 20);
	cr_assert_eq(get(&b, CMDSTS), UINT32_C(1) << 31);
	run(&b);
	cr_assert_eq(b.irqs[0], 1);
	cr_assert_eq(get(&b, INTCAUSE), 2);
	set(&b, INTCAUSE, 2);
	cr_assert_eq(get(&b, INTCAUSE), 0);
	cr_assert_eq(command(&b, DRAIN_ALL, 0), 0);
	cr_assert_eq(b.irqs[0], 1);
}

Test(dsa_model_commands, a_command_during_another_is_not_taken)
{
	const struct dsa_opts opts = {.cmd_delay = 3};

	reopen(&opts);
	prepare();
	set(&b, CMD, ENABLE_DEV << 20);
	set(&b, CMD, RESET_DEV << 20);
	cr_assert(dsa_step(b.dsa));
	cr_assert_eq(get(&b, CMDSTS) >> 31, 1);
	run(&b);
	cr_assert_eq(state(), 1);
}

Test(dsa_model_commands, a_command_can_hang)
{
	const struct dsa_opts opts = {.cmd_hang = ENABLE_DEV};

	reopen(&opts);
	prepare();
	set(&b, CMD, ENABLE_DEV << 20);
	run(&b);
	cr_assert_eq(get(&b, CMDSTS), UINT32_C(1) << 31);
	dsa_reset(b.dsa);
	cr_assert_eq(get(&b, CMDSTS), 0);
}

Test(dsa_model_commands, what_is_no_command_is_refused)
{
	cr_assert_eq(command(&b, 0, 0), 0x01);
	cr_assert_eq(command(&b, 31, 0), 0x01);
	cr_assert_eq(command(&b, REQUEST_HANDLE, 0), 0x01); /* CMDCAP has it not */
	set(&b, CMD, ENABLE_DEV << 20 | 1 << 25);
	run(&b);
	cr_assert_eq(get(&b, CMDSTS), 0x04);
}

Test(dsa_model_commands, the_device_is_enabled_only_if_it_can_work)
{
	prepare();
	configure(&b, false, false, true);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x12);
	configure(&b, true, false, true);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x10);
}

Test(dsa_model_commands, page_requests_need_an_allocation)
{
	struct dsa_config config = {.master = true, .prs = true, .prs_alloc = 0};

	prepare();
	dsa_configure(b.dsa, &config);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x13);
	config.prs_alloc = 513;
	dsa_configure(b.dsa, &config);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x13);
	config.prs_alloc = 512;
	dsa_configure(b.dsa, &config);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
}

Test(dsa_model_commands, queues_share_what_entries_there_are)
{
	prepare();
	set_wq(&b, 1, 113, 1);
	set_group(&b, 0, 3, 1);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x14);
	set_wq(&b, 1, 112, 1);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
}

Test(dsa_model_commands, groups_must_make_sense)
{
	prepare();
	set_group(&b, 0, 1, 0);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x15, "no engine");
	set_group(&b, 0, 1, 1);
	set_group(&b, 1, 0, 2);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x15, "no queue");
	set_group(&b, 1, 1, 2);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x16, "a queue in two");
	set_group(&b, 1, 2, 2);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x16, "a queue without entries");
	set_group(&b, 1, 0, 0);
	set_wq(&b, 5, 4, 1);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x16, "a queue in none");
	set_group(&b, 1, 1 << 5, 1);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x17, "an engine in two");
	set_group(&b, 1, 1 << 5, 1 << 4);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x17, "an engine that is not there");
	set_group(&b, 1, 1 << 5, 1 << 3);
	set(&b, grpcfg(&b, 1, 10), 97u << 20);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x18, "more read buffers than there are");
	set(&b, grpcfg(&b, 1, 10), 8u << 20 | 9u << 8);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0x18, "more reserved than allowed");
	set(&b, grpcfg(&b, 1, 10), 8u << 20);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
}

Test(dsa_model_commands, a_queue_is_enabled_only_if_it_can_work)
{
	uint32_t dword2 = wqcfg(&b, 0, 2), dword3 = wqcfg(&b, 0, 3);

	prepare();
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x20);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	cr_assert_eq(command(&b, ENABLE_WQ, 8), 0x02);
	cr_assert_eq(command(&b, ENABLE_WQ, 1), 0x22);
	set(&b, dword2, 0x1);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x23, "priority 0");
	set(&b, dword2, 0x10);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x26, "shared without PASID");
	set(&b, dword2, 0x10000011);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x26, "PASIDs are off");
	set(&b, dword2, 0x20000011);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x2a, "privileged");
	set(&b, dword2, 0x11);
	set(&b, dword3, 11 << 5);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x27);
	set(&b, dword3, 10 << 5 | 31);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x21);
}

Test(dsa_model_commands, a_queue_blocks_on_faults_only_with_page_requests)
{
	prepare();
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	configure(&b, true, false, false);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x25);
	configure(&b, true, false, true);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
}

Test(dsa_model_commands, limits_are_those_that_capabilities_tell)
{
	const struct dsa_opts opts = {.no_block = true, .max_size = 20, .max_batch = 4};

	reopen(&opts);
	prepare();
	cr_assert_eq(get_wide(&b, GENCAP) & 1, 0);
	cr_assert_eq(get_wide(&b, GENCAP) >> 16 & 0x1f, 20);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x25);
	set(&b, wqcfg(&b, 0, 2), 0x11);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x27);
	set(&b, wqcfg(&b, 0, 3), 4 << 5 | 21);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x28);
	set(&b, wqcfg(&b, 0, 3), 4 << 5 | 20);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
}

Test(dsa_model_commands, without_shared_mode_a_shared_queue_is_not_enabled)
{
	const struct dsa_opts opts = {.no_shared = true};

	cr_assert_eq(get_wide(&b, WQCAP) >> 48 & 3, 3);
	reopen(&opts);
	cr_assert_eq(get_wide(&b, WQCAP) >> 48 & 3, 2, "dedicated ones alone");
	prepare();
	configure(&b, true, true, true);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	set(&b, wqcfg(&b, 0, 2), 0x18);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0x24);
	set(&b, wqcfg(&b, 0, 2), 0x11);
	cr_assert_eq(command(&b, ENABLE_WQ, 0), 0);
}

Test(dsa_model_commands, what_is_off_can_be_neither_drained_nor_disabled)
{
	static const unsigned int of_device[] = {DISABLE_DEV, DRAIN_ALL, ABORT_ALL, DRAIN_PASID,
						 ABORT_PASID};
	static const unsigned int of_wq[] = {DISABLE_WQ, DRAIN_WQ, ABORT_WQ};

	prepare();
	for (unsigned int i = 0; i < 5; i++)
		cr_assert_eq(command(&b, of_device[i], 0), 0x31);
	cr_assert_eq(command(&b, ENABLE_DEV, 0), 0);
	for (unsigned int i = 0; i < 3; i++) {
		cr_assert_eq(command(&b, of_wq[i], 1), 0x32);
		cr_assert_eq(command(&b, of_wq[i], 1 << 8), 0x02);
		cr_assert_eq(command(&b, of_wq[i], 1 << 16 | 1), 0x02);
		cr_assert_eq(command(&b, of_wq[i], 0), 0x02);
	}
}

Test(dsa_model_commands, configuration_is_fixed_while_it_is_in_use)
{
	bench_start(&b, 1);
	set(&b, wqcfg(&b, 0, 3), 5);
	set(&b, wqcfg(&b, 1, 0), 5);
	set(&b, grpcfg(&b, 0, 8), 3);
	cr_assert_eq(get(&b, wqcfg(&b, 0, 3)), 30 | 8 << 5);
	cr_assert_eq(get(&b, wqcfg(&b, 1, 0)), 0, "sizes are for a device that is off");
	cr_assert_eq(get(&b, grpcfg(&b, 0, 8)), 1);
	set(&b, wqcfg(&b, 1, 3), 5);
	cr_assert_eq(get(&b, wqcfg(&b, 1, 3)), 5);
}

Test(dsa_model_commands, a_reset_leaves_nothing_of_the_configuration)
{
	bench_start(&b, 1);
	set(&b, perm(&b, 2), 0x1238);
	set(&b, GENCTRL, 3);
	cr_assert_eq(command(&b, RESET_DEV, 0), 0);
	cr_assert_eq(get(&b, GENSTS), 0);
	cr_assert_eq(get(&b, GENCTRL), 0);
	cr_assert_eq(get(&b, wqcfg(&b, 0, 0)), 0);
	cr_assert_eq(get(&b, wqcfg(&b, 0, 2)), 0);
	cr_assert_eq(wq_state(&b, 0), 0);
	cr_assert_eq(get(&b, grpcfg(&b, 0, 0)), 0);
	cr_assert_eq(get(&b, perm(&b, 2)), 0);
	bench_start(&b, 1);
}

Test(dsa_model_commands, the_reset_of_a_queue_leaves_its_size)
{
	bench_start(&b, 1);
	cr_assert_eq(command(&b, RESET_WQ, 1), 0);
	cr_assert_eq(wq_state(&b, 0), 0);
	cr_assert_eq(get(&b, wqcfg(&b, 0, 0)), 16);
	cr_assert_eq(get(&b, wqcfg(&b, 0, 2)), 0);
}

Test(dsa_model_commands, handles_are_requested_released_and_checked)
{
	const struct dsa_opts opts = {.handles = true};
	struct desc d = describe(NOOP, 0, 0, 0, 0);
	uint16_t handle;

	reopen(&opts);
	bench_start(&b, 1);
	cr_assert_eq(get_wide(&b, CMDCAP), 0x7ffe);
	cr_assert_eq(command(&b, REQUEST_HANDLE, 9), 0x41);
	cr_assert_eq(command(&b, REQUEST_HANDLE, 0x10000), 0x41, "no IMS");
	cr_assert_eq(command(&b, REQUEST_HANDLE, 4), 0);
	handle = get(&b, CMDSTS) >> 8 & 0xffff;
	d.flags |= IRQ;
	d.handle = 4;
	cr_assert_eq(do_one(&b, &d), 0x19);
	d.handle = handle;
	cr_assert_eq(do_one(&b, &d), 1);
	cr_assert_eq(b.irqs[4], 1);
	cr_assert_eq(command(&b, RELEASE_HANDLE, handle), 0);
	cr_assert_eq(command(&b, RELEASE_HANDLE, handle), 0x43);
	cr_assert_eq(do_one(&b, &d), 0x19);
	cr_assert_eq(b.irqs[4], 1);
}
