// SPDX-License-Identifier: BSD-3-Clause
#include "edu_testing.h"

/* The emulated edu against the text of its specification (QEMU, docs/specs/edu.rst). */

static struct bench b;

static void setup(void)
{
	bench_open(&b, "emu:edu", true);
}

static void teardown(void)
{
	bench_close(&b);
}

TestSuite(edu_model, .init = setup, .fini = teardown);

Test(edu_model, identity)
{
	const struct uvdk_device_info *info = uvdk_device_get_info(b.dev);

	cr_expect_eq(info->vendor, 0x1234);
	cr_expect_eq(info->device, 0x11e8);
	cr_expect_eq(b.bar.size, 1u << 20);
	cr_expect_eq(reg_read(&b, 0x00, 4), 0x010000ed);
	reg_write(&b, 0x00, 4, 0);
	cr_expect_eq(reg_read(&b, 0x00, 4), 0x010000ed);
}

Test(edu_model, liveness_inverts)
{
	reg_write(&b, 0x04, 4, 0x12345678);
	cr_expect_eq(reg_read(&b, 0x04, 4), 0xedcba987u);
}

Test(edu_model, factorial_takes_a_while)
{
	static const struct {
		uint32_t n, result;
	} cases[] = {{0, 1}, {1, 1}, {5, 120}, {12, 479001600}, {13, 1932053504}, {0xffffffff, 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		reg_write(&b, 0x08, 4, cases[i].n);
		cr_expect_eq(reg_read(&b, 0x20, 4), 1, "busy");
		reg_write(&b, 0x08, 4, 3); /* too early: ignored */
		cr_expect_eq(uvdk_emu_step(b.emu), 1);
		cr_expect_eq(reg_read(&b, 0x20, 4), 0);
		cr_expect_eq(reg_read(&b, 0x08, 4), cases[i].result);
	}
}

Test(edu_model, low_registers_are_four_bytes_wide)
{
	uint64_t value;

	cr_expect_eq(reg_read(&b, 0x00, 8), UINT64_MAX);
	cr_expect_eq(reg_read(&b, 0x00, 2), 0xffffu);
	reg_write(&b, 0x04, 2, 1);
	cr_expect_eq(reg_read(&b, 0x04, 4), 0);
	reg_write(&b, 0x80, 8, 0x123456789abcull);
	cr_expect_eq(reg_read(&b, 0x80, 8), 0x123456789abcull);
	cr_expect_eq(reg_read(&b, 0x80, 4), 0x56789abcu);
	cr_expect_eq(uvdk_region_read(&b.bar, 0x02, 4, &value), -EINVAL);
}

Test(edu_model, moves_data_both_ways)
{
	for (int i = 0; i < 4096; i++)
		b.mem[i] = (uint8_t)(i * 31);
	dma_start(&b, b.iova + 16, 0x40000 + 8, 1000, 0);
	cr_expect_eq(reg_read(&b, 0x98, 8) & 1, 1, "under way");
	reg_write(&b, 0x80, 8, 0); /* too late: ignored */
	cr_expect_eq(uvdk_emu_step(b.emu), 1);
	cr_expect_eq(reg_read(&b, 0x98, 8) & 1, 0);
	dma_start(&b, 0x40000 + 8, b.iova + 8192, 1000, 2);
	cr_expect_eq(uvdk_emu_step(b.emu), 1);
	cr_expect_eq(memcmp(b.mem + 8192, b.mem + 16, 1000), 0);
	cr_expect_eq(b.mem[8192 + 1000], 0);
	cr_expect_eq(b.mem[8191], 0);
}

Test(edu_model, transfers_stay_in_its_buffer)
{
	static const struct {
		uint64_t at, count;
	} bad[] = {{0x40000, 4097}, {0x40ff8, 16},	   {0x3fff8, 8},
		   {0x41000, 1},    {0x40000, UINT64_MAX}, {UINT64_MAX, 1}};

	memset(b.mem, 0x5a, MEM_LEN);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		dma_start(&b, bad[i].at, b.iova, bad[i].count, 2);
		uvdk_emu_step(b.emu);
		cr_expect_eq(reg_read(&b, 0x98, 8) & 1, 0, "it ends, nevertheless");
	}
	for (int i = 0; i < MEM_LEN; i++)
		cr_assert_eq(b.mem[i], 0x5a);
}

Test(edu_model, addresses_are_cut_to_28_bits)
{
	b.mem[0] = 77;
	dma_start(&b, b.iova | 0x70000000, 0x40000, 1, 0);
	uvdk_emu_step(b.emu);
	dma_start(&b, 0x40000, (b.iova + 1) | UINT64_C(0xabc000000000), 1, 2);
	uvdk_emu_step(b.emu);
	cr_expect_eq(b.mem[1], 77);
}

Test(edu_model, a_wider_mask_is_an_argument)
{
	uvdk_iova_t high = UINT64_C(0x123400000000);
	struct uvdk_emu_fault fault;
	struct bench w;

	bench_open(&w, "emu:edu,dma_mask=0xffffffffffff", true);
	dma_start(&w, high, 0x40000, 4, 0);
	uvdk_emu_step(w.emu);
	cr_assert_eq(uvdk_emu_faults(w.emu, &fault, 1, NULL), 1);
	cr_expect_eq(fault.iova, high);
	bench_close(&w);
}

Test(edu_model, bad_arguments_are_refused)
{
	struct uvdk_device *dev = NULL;

	cr_expect_eq(uvdk_device_open(b.iommu, "emu:edu,dma_mask=wide", NULL, &dev), -EINVAL);
	cr_expect_eq(uvdk_device_open(b.iommu, "emu:edu,colour=red", NULL, &dev), -EINVAL);
	cr_expect_null(dev);
}

static uint64_t events(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

Test(edu_model, interrupts_by_msi)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	cr_assert_eq(uvdk_device_irq_count(b.dev, UVDK_IRQ_MSI), 1);
	cr_assert_eq(uvdk_device_irq_set(b.dev, UVDK_IRQ_MSI, 0, 1, &fd), 0);
	reg_write(&b, 0x60, 4, 0x12);
	cr_expect_eq(events(fd), 1);
	cr_expect_eq(reg_read(&b, 0x24, 4), 0x12);
	reg_write(&b, 0x64, 4, 0x10);
	cr_expect_eq(reg_read(&b, 0x24, 4), 0x02);
	reg_write(&b, 0x64, 4, 0x02);

	reg_write(&b, 0x08, 4, 4);
	uvdk_emu_step(b.emu);
	cr_expect_eq(events(fd), 0, "not asked for");
	reg_write(&b, 0x20, 4, 0x80);
	reg_write(&b, 0x08, 4, 4);
	uvdk_emu_step(b.emu);
	cr_expect_eq(events(fd), 1);
	cr_expect_eq(reg_read(&b, 0x24, 4), 0x01);
	dma_start(&b, b.iova, 0x40000, 4, 4);
	uvdk_emu_step(b.emu);
	cr_expect_eq(events(fd), 1);
	cr_expect_eq(reg_read(&b, 0x24, 4), 0x101);
	cr_assert_eq(uvdk_device_irq_disable(b.dev, UVDK_IRQ_MSI), 0);
	close(fd);
}

Test(edu_model, intx_stays_until_acknowledged)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	cr_assert_eq(uvdk_device_irq_set(b.dev, UVDK_IRQ_INTX, 0, 1, &fd), 0);
	reg_write(&b, 0x60, 4, 0x3);
	cr_expect_eq(events(fd), 1);
	cr_assert_eq(uvdk_device_irq_mask(b.dev, UVDK_IRQ_INTX, 0, false), 0);
	cr_expect_eq(events(fd), 1, "still asserted");
	reg_write(&b, 0x64, 4, 0x1);
	cr_assert_eq(uvdk_device_irq_mask(b.dev, UVDK_IRQ_INTX, 0, false), 0);
	cr_expect_eq(events(fd), 1, "one cause is left");
	reg_write(&b, 0x64, 4, 0x2);
	cr_assert_eq(uvdk_device_irq_mask(b.dev, UVDK_IRQ_INTX, 0, false), 0);
	cr_expect_eq(events(fd), 0);
	cr_assert_eq(uvdk_device_irq_disable(b.dev, UVDK_IRQ_INTX), 0);
	close(fd);
}

Test(edu_model, reset_stops_and_clears)
{
	memset(b.mem, 0x5a, 4096);
	reg_write(&b, 0x04, 4, 1);
	dma_start(&b, 0x40000, b.iova, 16, 2);
	cr_assert_eq(uvdk_device_reset(b.dev), 0);
	cr_expect_eq(uvdk_emu_step(b.emu), 0);
	cr_expect_eq(b.mem[0], 0x5a);
	cr_expect_eq(reg_read(&b, 0x04, 4), 0);
	cr_expect_eq(reg_read(&b, 0x98, 8), 0);
}
