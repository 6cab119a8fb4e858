// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_device.h>

#include "emu_nest.h"

/* A DMA engine moves data by addresses of first stages; registers: tests/vm/README.md. */

#define PAGE   ASKER_PAGE
#define PASID  100u
#define COUNT  24 /* tenants, more than there are queues */
#define SRC    UINT64_C(0x555500000000)
#define DST    UINT64_C(0x7fff00000000)
#define LEN    (3 * PAGE - 100)
#define TAGGED (UINT64_C(1) << 31)
#define COPY   (UINT64_C(1) << 32)
#define OK     1u
#define FAULT  3u /* the write was refused */

static struct nest n;
static struct uvdk_device *dev;
static struct uvdk_region bar;
static struct uvdk_viommu *viommu;
static struct stage1 tenant[COUNT];

static void setup(void)
{
	nest_open(&n, NULL);
	cr_assert_eq(uvdk_device_open(n.w.iommu, "emu:copier", NULL, &dev), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	cr_assert_eq(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	nest_viommu(&n, dev, &viommu);
}

static void finish(void)
{
	uvdk_viommu_destroy(viommu);
	uvdk_device_close(dev);
	nest_close(&n);
}

TestSuite(emu_nest_copier, .init = setup);

/* Six pages each, scattered: those at even places are the source, the others the target. */
static uint8_t *page_of(unsigned int i, unsigned int page)
{
	return nest_page(&n, page * COUNT + i);
}

static void open_tenant(unsigned int i, uint32_t pasid)
{
	stage1_open(&tenant[i], &n, 48);
	for (unsigned int p = 0; p < 3; p++) {
		stage1_map(&tenant[i], SRC + p * PAGE, 2 * p * COUNT + i);
		stage1_map(&tenant[i], DST + p * PAGE, (2 * p + 1) * COUNT + i);
		memset(page_of(i, 2 * p), (int)(i + p + 1), PAGE);
		memset(page_of(i, 2 * p + 1), 0, PAGE);
	}
	stage1_nest(&tenant[i], viommu, dev, NULL);
	cr_assert_eq(uvdk_hwpt_attach(tenant[i].hwpt, dev, pasid), 0, "%s", uvdk_last_error());
}

static void write_reg(uint64_t off, unsigned int width, uint64_t value)
{
	cr_assert_eq(uvdk_region_write(&bar, off, width, value), 0);
}

static void submit(unsigned int queue, unsigned int slot, uint32_t pasid)
{
	uint64_t at = 0x10000 + queue * 4096 + slot * 64;

	write_reg(at, 8, COPY | (pasid ? TAGGED | pasid : 0));
	write_reg(at + 8, 8, SRC);
	write_reg(at + 16, 8, DST);
	write_reg(at + 24, 8, LEN);
	write_reg(0x100 + queue * 16, 4, slot + 1);
}

static uint32_t run(unsigned int queue, unsigned int slot)
{
	uint64_t status = 0;

	while (uvdk_emu_step(n.w.emu))
		;
	cr_assert_eq(uvdk_region_read(&bar, 0x10000 + queue * 4096 + slot * 64 + 32, 4, &status),
		     0);

	return (uint32_t)status;
}

static bool arrived(unsigned int i)
{
	for (unsigned int p = 0; p < 3; p++)
		if (memcmp(page_of(i, 2 * p), page_of(i, 2 * p + 1), p < 2 ? PAGE : LEN % PAGE))
			return false;

	return !page_of(i, 5)[LEN % PAGE];
}

static bool untouched(unsigned int i)
{
	for (unsigned int p = 0; p < 3; p++)
		for (unsigned int at = 0; at < PAGE; at++)
			if (page_of(i, 2 * p + 1)[at])
				return false;

	return true;
}

/* Tenant 0 has no PASID. */
static uint32_t pasid_of(unsigned int i)
{
	return i ? PASID + i : UVDK_PASID_RID;
}

Test(emu_nest_copier, data_of_each_tenant_moves_by_the_same_addresses)
{
	for (unsigned int i = 0; i < COUNT; i++)
		open_tenant(i, pasid_of(i));
	for (unsigned int i = 0; i < COUNT; i += 2) {
		submit(i % 16, i / 16, pasid_of(i));
		cr_expect_eq(run(i % 16, i / 16), OK, "tenant %u", i);
		cr_expect(arrived(i), "tenant %u", i);
		cr_expect(untouched(i + 1), "tenant %u", i + 1);
	}
	for (unsigned int i = 0; i < COUNT; i++)
		stage1_close(&tenant[i]);
	finish();
}

static void expect_cut_short(uint32_t pasid)
{
	struct uvdk_emu_fault fault;

	open_tenant(0, pasid);
	submit(0, 0, pasid);
	cr_expect_eq(run(0, 0), OK);
	for (unsigned int p = 0; p < 3; p++)
		memset(page_of(0, 2 * p + 1), 0, PAGE);
	stage1_unmap(&tenant[0], DST);
	stage1_invalidate(&tenant[0]);
	submit(0, 1, pasid);
	cr_expect_eq(run(0, 1), FAULT);
	cr_expect(untouched(0));
	cr_assert_eq(uvdk_emu_faults(n.w.emu, &fault, 1, NULL), 1);
	cr_expect_eq(fault.iova, DST);
	cr_expect_eq(fault.pasid, pasid ? pasid : UVDK_EMU_NO_PASID);
	stage1_close(&tenant[0]);
	finish();
}

Test(emu_nest_copier, what_a_tenant_has_unmapped_is_not_written_any_more)
{
	expect_cut_short(PASID);
}

Test(emu_nest_copier, nor_without_a_pasid)
{
	expect_cut_short(UVDK_PASID_RID);
}
