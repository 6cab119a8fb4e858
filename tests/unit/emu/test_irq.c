// SPDX-License-Identifier: BSD-3-Clause
#include "emu_testing.h"

enum { INTX, MSI, MSIX };

static struct uvdk_emu *emu;
static struct uvdk_emu_function *fn;
static int fds[PROBE_VECTORS];

static void setup(void)
{
	emu = machine(true);
	fn = plug(emu);
	enable(fn);
	for (int i = 0; i < PROBE_VECTORS; i++)
		fds[i] = new_eventfd();
}

static void teardown(void)
{
	uvdk_emu_unplug_fn(fn);
	uvdk_emu_destroy(emu);
	for (int i = 0; i < PROBE_VECTORS; i++)
		close(fds[i]);
}

TestSuite(irq, .init = setup, .fini = teardown);

static void expect_only(int vector)
{
	for (int i = 0; i < PROBE_VECTORS; i++)
		cr_expect_eq(events(fds[i]), i == vector, "vector %d", i);
}

Test(irq, counts_tell_what_there_is)
{
	cr_expect_eq(uvdk_emu_irq_count(fn, INTX), 1);
	cr_expect_eq(uvdk_emu_irq_count(fn, MSI), 4);
	cr_expect_eq(uvdk_emu_irq_count(fn, MSIX), PROBE_VECTORS);
	cr_expect_eq(uvdk_emu_irq_count(fn, 3), 0);
}

Test(irq, each_msix_vector_has_its_own_eventfd)
{
	cr_assert_eq(uvdk_emu_irq_route(fn, MSIX, 0, PROBE_VECTORS, fds), 0);
	expect_only(-1);
	for (int i = 0; i < PROBE_VECTORS; i++) {
		uvdk_emu_irq(fn, i);
		expect_only(i);
	}
	uvdk_emu_irq(fn, PROBE_VECTORS); /* a model's mistake reaches nobody */
	expect_only(-1);
}

Test(irq, masked_vector_is_pending_and_sent_once_unmasked)
{
	cr_assert_eq(uvdk_emu_irq_route(fn, MSIX, 0, PROBE_VECTORS, fds), 0);
	cr_assert_eq(uvdk_emu_irq_mask(fn, MSIX, 70, true), 0);
	uvdk_emu_irq(fn, 70);
	uvdk_emu_irq(fn, 70);
	expect_only(-1);
	cr_expect_eq(bar_read(fn, PROBE_PBA + 8, 8), 1u << 6);
	cr_expect_eq(bar_read(fn, PROBE_PBA + 8, 1), 1u << 6);
	cr_expect_eq(bar_read(fn, PROBE_PBA, 8), 0);
	cr_assert_eq(uvdk_emu_irq_mask(fn, MSIX, 70, false), 0);
	expect_only(70);
	cr_expect_eq(bar_read(fn, PROBE_PBA + 8, 8), 0);
}

Test(irq, msix_table_is_the_cores_and_its_mask_bit_works)
{
	uint64_t entry = PROBE_TABLE + 16 * 5;
	struct probe *p = uvdk_emu_fn_priv(fn);

	cr_expect_eq(bar_read(fn, entry + 12, 4), 1, "masked at power-on");
	cr_assert_eq(uvdk_emu_irq_route(fn, MSIX, 0, PROBE_VECTORS, fds), 0);
	cr_expect_eq(bar_read(fn, entry + 12, 4), 0, "routing unmasks");
	bar_write(fn, entry + 12, 4, 1);
	uvdk_emu_irq(fn, 5);
	expect_only(-1);
	bar_write(fn, entry, 8, UINT64_C(0x1122334455667788));
	cr_expect_eq(bar_read(fn, entry + 4, 4), 0x11223344u);
	bar_write(fn, PROBE_PBA, 8, UINT64_MAX);
	cr_expect_eq(bar_read(fn, PROBE_PBA, 8), 1u << 5, "pending bits are read-only");
	bar_write(fn, entry + 12, 4, 0);
	expect_only(5);
	for (int i = 0; i < 64; i++)
		cr_expect_eq(p->reg[i], 0, "no access to the table reached the model");
}

Test(irq, function_mask_holds_everything_back)
{
	uint32_t ctrl = find_cap(fn, 0x11) + 2;

	cr_assert_eq(uvdk_emu_irq_route(fn, MSIX, 0, PROBE_VECTORS, fds), 0);
	cfg_write(fn, ctrl, 0xc000, 2);
	uvdk_emu_irq(fn, 3);
	expect_only(-1);
	cfg_write(fn, ctrl, 0x8000, 2);
	expect_only(3);
}

Test(irq, without_bus_master_a_message_gets_nowhere)
{
	cr_assert_eq(uvdk_emu_irq_route(fn, MSIX, 0, PROBE_VECTORS, fds), 0);
	cfg_write(fn, 0x04, 0x0002, 2);
	uvdk_emu_irq(fn, 3);
	expect_only(-1);
}

Test(irq, unrouted_vectors_are_silent)
{
	int none = -1;

	cr_assert_eq(uvdk_emu_irq_route(fn, MSIX, 0, PROBE_VECTORS, fds), 0);
	cr_assert_eq(uvdk_emu_irq_route(fn, MSIX, 4, 1, &none), 0);
	uvdk_emu_irq(fn, 4);
	expect_only(-1);
	uvdk_emu_irq(fn, 5);
	expect_only(5);
	cr_assert_eq(uvdk_emu_irq_route(fn, MSIX, 0, PROBE_VECTORS, NULL), 0);
	uvdk_emu_irq(fn, 5);
	expect_only(-1);
	cr_expect_eq(cfg_read(fn, find_cap(fn, 0x11) + 2, 2) & 0x8000, 0);
}

Test(irq, msi_vectors_are_masked_in_the_capability)
{
	uint32_t cap = find_cap(fn, 0x05);

	cr_assert_eq(uvdk_emu_irq_route(fn, MSI, 0, 4, fds), 0);
	cr_expect_eq(cfg_read(fn, cap + 2, 2), 0x01a5u); /* 4 of 4, 64-bit, maskable, on */
	uvdk_emu_irq(fn, 2);
	expect_only(2);
	cr_assert_eq(uvdk_emu_irq_mask(fn, MSI, 2, true), 0);
	uvdk_emu_irq(fn, 2);
	expect_only(-1);
	cr_expect_eq(cfg_read(fn, cap + 0x14, 4), 1u << 2);
	cfg_write(fn, cap + 0x10, 0, 4);
	expect_only(2);
	cr_expect_eq(cfg_read(fn, cap + 0x14, 4), 0);
}

Test(irq, intx_is_a_level_that_masks_itself)
{
	cr_assert_eq(uvdk_emu_irq_route(fn, INTX, 0, 1, fds), 0);
	uvdk_emu_irq(fn, 0);
	uvdk_emu_irq(fn, 0);
	expect_only(0);
	cr_expect(cfg_read(fn, 0x06, 2) & 0x8);
	cr_assert_eq(uvdk_emu_irq_mask(fn, INTX, 0, false), 0);
	expect_only(0); /* nobody acknowledged: it comes again */
	uvdk_emu_irq_lower(fn);
	cr_expect_eq(cfg_read(fn, 0x06, 2) & 0x8, 0);
	cr_assert_eq(uvdk_emu_irq_mask(fn, INTX, 0, false), 0);
	expect_only(-1);
	uvdk_emu_irq(fn, 1); /* only vector 0 is a line */
	expect_only(-1);
}

Test(irq, intx_disable_holds_the_line_back)
{
	cr_assert_eq(uvdk_emu_irq_route(fn, INTX, 0, 1, fds), 0);
	cfg_write(fn, 0x04, 0x0406, 2);
	uvdk_emu_irq(fn, 0);
	expect_only(-1);
	cfg_write(fn, 0x04, 0x0006, 2);
	expect_only(0);
}

Test(irq, one_kind_at_a_time)
{
	cr_assert_eq(uvdk_emu_irq_route(fn, MSI, 0, 4, fds), 0);
	cr_expect_eq(uvdk_emu_irq_route(fn, MSIX, 0, 1, fds), -EBUSY);
	cr_assert_eq(uvdk_emu_irq_route(fn, MSI, 0, 4, NULL), 0);
	cr_expect_eq(uvdk_emu_irq_route(fn, MSIX, 0, 1, fds), 0);
}

Test(irq, vectors_out_of_range_are_refused)
{
	cr_expect_eq(uvdk_emu_irq_route(fn, MSIX, PROBE_VECTORS, 1, fds), -EINVAL);
	cr_expect_eq(uvdk_emu_irq_route(fn, MSIX, 1, UINT32_MAX, fds), -EINVAL);
	cr_expect_eq(uvdk_emu_irq_route(fn, 3, 0, 1, fds), -EINVAL);
	cr_expect_eq(uvdk_emu_irq_mask(fn, MSI, 4, true), -EINVAL);
	cr_expect_eq(uvdk_emu_irq_trigger(fn, MSI, 4), -EINVAL);
}

Test(irq, trigger_fires_what_is_routed)
{
	cr_expect_eq(uvdk_emu_irq_trigger(fn, MSIX, 9), -EINVAL);
	cr_assert_eq(uvdk_emu_irq_route(fn, MSIX, 0, 10, fds), 0);
	cr_expect_eq(uvdk_emu_irq_trigger(fn, MSIX, 9), 0);
	expect_only(9);
}

Test(irq, routes_outlive_a_reset)
{
	cr_assert_eq(uvdk_emu_irq_route(fn, MSIX, 0, PROBE_VECTORS, fds), 0);
	cr_assert_eq(uvdk_emu_irq_mask(fn, MSIX, 2, true), 0);
	uvdk_emu_irq(fn, 2);
	uvdk_emu_fn_reset(fn);
	expect_only(-1); /* what was pending is forgotten */
	enable(fn);
	uvdk_emu_irq(fn, 2);
	expect_only(2);
}
