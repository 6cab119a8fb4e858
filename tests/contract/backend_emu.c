// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>

#include <uvdk_emu.h>
#include <uvdk_emu_virtio_iommu.h>

#include "backend.h"

/*
 * The emulated machine: edu devices copy between memory and their buffer of
 * 4 KiB (QEMU's documentation of edu has the registers).
 */
#define EDU_SRC	   0x80
#define EDU_DST	   0x88
#define EDU_COUNT  0x90
#define EDU_CMD	   0x98
#define EDU_START  1
#define EDU_TO_RAM 2
#define EDU_BUFFER 0x40000
#define EDU_SIZE   4096

static struct uvdk_emu *emu;

static struct uvdk_iommu *open_named(const char *name)
{
	struct uvdk_emu_opts emu_opts = {.size = sizeof(emu_opts), .manual = true};
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};
	struct uvdk_iommu *iommu = NULL;

	cr_assert_eq(uvdk_emu_create(&emu_opts, &emu), 0);
	opts.emu = emu;
	cr_assert_eq(uvdk_iommu_open(name, &opts, &iommu), 0, "%s", uvdk_last_error());
	return iommu;
}

static struct uvdk_iommu *open_emu(void)
{
	return open_named("emu");
}

/* Functions behind a virtio-iommu of the machine, which our driver drives. */
static struct uvdk_iommu *open_virtio(void)
{
	return open_named("virtio-emu");
}

static void close_emu(struct uvdk_iommu *iommu)
{
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
}

static struct uvdk_device *device_emu(struct uvdk_iommu *iommu)
{
	struct uvdk_device *dev = NULL;

	cr_assert_eq(uvdk_device_open(iommu, "emu:edu,dma_mask=0xffffffffffff", NULL, &dev), 0,
		     "%s", uvdk_last_error());
	cr_assert_eq(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	return dev;
}

/* One transfer; -EFAULT if the software IOMMU recorded a fault. */
static int transfer(struct uvdk_device *dev, uint64_t src, uint64_t dst, size_t len, uint64_t cmd)
{
	struct uvdk_emu_fault fault;
	struct uvdk_region bar;

	cr_assert_leq(len, EDU_SIZE);
	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	cr_assert_eq(uvdk_region_write(&bar, EDU_SRC, 8, src), 0);
	cr_assert_eq(uvdk_region_write(&bar, EDU_DST, 8, dst), 0);
	cr_assert_eq(uvdk_region_write(&bar, EDU_COUNT, 8, len), 0);
	cr_assert_eq(uvdk_region_write(&bar, EDU_CMD, 8, cmd | EDU_START), 0);
	uvdk_emu_step(emu);

	return uvdk_emu_faults(emu, &fault, 1, NULL) ? -EFAULT : 0;
}

static int copy_emu(struct uvdk_device *dev, uvdk_iova_t dst, uvdk_iova_t src, size_t len)
{
	int err = transfer(dev, src, EDU_BUFFER, len, 0);

	return err ? err : transfer(dev, EDU_BUFFER, dst, len, EDU_TO_RAM);
}

const struct backend backend_emu = {
	.name = "emu",
	.open = open_emu,
	.close = close_emu,
	.device = device_emu,
	.copy = copy_emu,
};

/* The model has seen nothing that the specification forbids. */
static void close_virtio(struct uvdk_iommu *iommu)
{
	struct uvdk_emu_virtio_iommu_stats stats;

	cr_assert_eq(uvdk_emu_virtio_iommu_get_stats(emu, "emu:virtio_iommu#0", &stats), 0);
	cr_assert_eq(stats.violations, 0);
	close_emu(iommu);
}

const struct backend backend_virtio_emu = {
	.name = "virtio-emu",
	.open = open_virtio,
	.close = close_virtio,
	.device = device_emu,
	.copy = copy_emu,
};
