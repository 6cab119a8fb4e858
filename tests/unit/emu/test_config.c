// SPDX-License-Identifier: BSD-3-Clause
#include "emu_testing.h"

static struct uvdk_emu *emu;
static struct uvdk_emu_function *fn;

static void setup(void)
{
	emu = machine(true);
	fn = plug(emu);
}

static void teardown(void)
{
	uvdk_emu_unplug_fn(fn);
	uvdk_emu_destroy(emu);
}

TestSuite(config, .init = setup, .fini = teardown);

Test(config, header_tells_what_the_model_said)
{
	cr_expect_eq(cfg_read(fn, 0x00, 4), 0xbeef1234u);
	cr_expect_eq(cfg_read(fn, 0x08, 4), 0x02000007u);
	cr_expect_eq(cfg_read(fn, 0x2c, 4), 0x9abc5678u);
	cr_expect_eq(cfg_read(fn, 0x0e, 1), 0); /* type 0, one function */
	cr_expect_eq(cfg_read(fn, 0x3d, 1), 1); /* INTA */
	cr_expect_eq(cfg_read(fn, 0x04, 2), 0); /* nothing enabled at power-on */
}

Test(config, bars_can_be_sized_and_moved)
{
	uint32_t before = cfg_read(fn, 0x10, 4);

	cr_expect_eq(before & 0xf, 0x4); /* 64-bit memory */
	cr_expect_neq(cfg_read(fn, 0x14, 4), 0, "firmware gave it an address");
	cfg_write(fn, 0x10, 0xffffffff, 4);
	cfg_write(fn, 0x14, 0xffffffff, 4);
	cr_expect_eq(cfg_read(fn, 0x10, 4), 0xffff0004u);
	cr_expect_eq(cfg_read(fn, 0x14, 4), 0xffffffffu);
	cfg_write(fn, 0x10, 0x12345678, 4);
	cr_expect_eq(cfg_read(fn, 0x10, 4), 0x12340004u);

	cfg_write(fn, 0x18, 0xffffffff, 4);
	cr_expect_eq(cfg_read(fn, 0x18, 4), 0xfffff000u);
	cfg_write(fn, 0x1c, 0xffffffff, 4);
	cr_expect_eq(cfg_read(fn, 0x1c, 4), 0, "an unimplemented BAR reads 0");
	cr_expect_eq(uvdk_emu_bar_size(fn, 0), 0x10000);
	cr_expect_eq(uvdk_emu_bar_size(fn, 1), 0);
	cr_expect_eq(uvdk_emu_bar_size(fn, 9), 0);
}

Test(config, read_only_bits_keep_their_value)
{
	cfg_write(fn, 0x00, 0, 4);
	cr_expect_eq(cfg_read(fn, 0x00, 4), 0xbeef1234u);
	cfg_write(fn, 0x04, 0xffff, 2);
	cr_expect_eq(cfg_read(fn, 0x04, 2), 0x0546u);
	cfg_write(fn, 0x06, 0, 2);
	cr_expect_eq(cfg_read(fn, 0x06, 2) & 0x10, 0x10u, "capability list bit");
}

Test(config, every_capability_is_in_the_list_once)
{
	unsigned int seen[256] = {0};
	uint32_t off = cfg_read(fn, 0x34, 1);

	for (int guard = 0; off && guard < 64; guard++) {
		cr_expect_eq(off & 3, 0);
		seen[cfg_read(fn, off, 1)]++;
		off = cfg_read(fn, off + 1, 1);
	}
	cr_expect_eq(off, 0);
	cr_expect_eq(seen[0x05], 1);
	cr_expect_eq(seen[0x10], 1);
	cr_expect_eq(seen[0x11], 1);
}

Test(config, pcie_capability_offers_function_reset)
{
	uint32_t cap = find_cap(fn, 0x10);
	struct probe *p = uvdk_emu_fn_priv(fn);

	cr_assert_neq(cap, 0);
	cr_expect_eq(cfg_read(fn, cap + 2, 2), 0x0092u); /* version 2, RC integrated endpoint */
	cr_expect(cfg_read(fn, cap + 4, 4) & 1u << 28);
	enable(fn);
	cfg_write(fn, cap + 8, 0x8000, 2);
	cr_expect_eq(p->resets, 1);
	cr_expect_eq(cfg_read(fn, 0x04, 2), 0);
	cr_expect_eq(cfg_read(fn, cap + 8, 2) & 0x8000, 0, "initiate reset reads 0");
}

Test(config, msix_capability_describes_the_table)
{
	uint32_t cap = find_cap(fn, 0x11);

	cr_assert_neq(cap, 0);
	cr_expect_eq(cfg_read(fn, cap + 2, 2), PROBE_VECTORS - 1);
	cr_expect_eq(cfg_read(fn, cap + 4, 4), PROBE_TABLE);
	cr_expect_eq(cfg_read(fn, cap + 8, 4), PROBE_PBA);
}

Test(config, reset_restores_power_on_state_but_not_addresses)
{
	uint32_t bar0 = cfg_read(fn, 0x10, 4);

	enable(fn);
	cfg_write(fn, 0x3c, 11, 1);
	bar_write(fn, 0x40, 8, 77);
	uvdk_emu_fn_reset(fn);
	cr_expect_eq(cfg_read(fn, 0x04, 2), 0);
	cr_expect_eq(cfg_read(fn, 0x3c, 1), 0);
	cr_expect_eq(cfg_read(fn, 0x10, 4), bar0);
	enable(fn);
	cr_expect_eq(bar_read(fn, 0x40, 8), 0);
}

Test(config, past_the_end_is_refused)
{
	uint32_t value;

	cr_expect_eq(uvdk_emu_config_read(fn, 4093, &value, 4), -EINVAL);
	cr_expect_eq(uvdk_emu_config_write(fn, 4096, &value, 1), -EINVAL);
	cr_expect_eq(uvdk_emu_config_read(fn, UINT32_MAX, &value, 4), -EINVAL);
	cr_expect_eq(uvdk_emu_config_read(fn, 4092, &value, 4), 0);
}

Test(config, registers_answer_only_with_memory_enabled)
{
	bar_write(fn, 0x40, 8, 77);
	cr_expect_eq(bar_read(fn, 0x40, 4), UINT32_MAX);
	enable(fn);
	cr_expect_eq(bar_read(fn, 0x40, 8), 0, "a write to a closed BAR is lost");
	bar_write(fn, 0x40, 4, UINT64_C(0x123456789));
	cr_expect_eq(bar_read(fn, 0x40, 8), 0x23456789u, "a register write has its width");
}

Test(config, bar_accesses_are_bounded_and_aligned)
{
	uint64_t value;

	enable(fn);
	cr_expect_eq(uvdk_emu_bar_read(fn, 0, 0x10000, 1, &value), -EINVAL);
	cr_expect_eq(uvdk_emu_bar_read(fn, 0, 0xfffc, 8, &value), -EINVAL);
	cr_expect_eq(uvdk_emu_bar_read(fn, 0, UINT64_MAX - 7, 8, &value), -EINVAL);
	cr_expect_eq(uvdk_emu_bar_read(fn, 0, 2, 4, &value), -EINVAL);
	cr_expect_eq(uvdk_emu_bar_read(fn, 0, 0, 3, &value), -EINVAL);
	cr_expect_eq(uvdk_emu_bar_read(fn, 0, 0, 16, &value), -EINVAL);
	cr_expect_eq(uvdk_emu_bar_read(fn, 1, 0, 4, &value), -EINVAL);
	cr_expect_eq(uvdk_emu_bar_write(fn, 6, 0, 4, 0), -EINVAL);
}

Test(config, a_model_can_make_its_own_registers_writable)
{
	uint8_t *config = uvdk_emu_fn_config(fn);
	uint8_t *mask = uvdk_emu_fn_config_mask(fn);

	config[0x200] = 0xaa;
	mask[0x200] = 0x0f;
	cfg_write(fn, 0x200, 0x55, 1);
	cr_expect_eq(cfg_read(fn, 0x200, 1), 0xa5u);
}
