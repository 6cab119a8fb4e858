// SPDX-License-Identifier: BSD-3-Clause
/*
 * Your first driver: QEMU's educational device, driven by hand.
 *
 *   edu [DEVICE]		"emu:edu" (the default) or a PCI address
 *
 * doc/guides/first-driver.md goes through it step by step. The registers are
 * those of QEMU's docs/specs/edu.rst.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <uvdk_device.h>
#include <uvdk_dma.h>
#include <uvdk_iommu.h>

#define REG_ID	      0x00
#define REG_FACTORIAL 0x08
#define REG_STATUS    0x20 /* bit 0: still computing */
#define REG_DMA_SRC   0x80
#define REG_DMA_DST   0x88
#define REG_DMA_COUNT 0x90
#define REG_DMA_CMD   0x98
#define CMD_START     0x01	 /* clears itself when the transfer is over */
#define CMD_TO_RAM    0x02	 /* direction: device to memory */
#define EDU_BUFFER    0x40000	 /* where the device's own 4 KiB are */
#define EDU_LAST      0x0fffffff /* the highest address it can put on the bus */
#define TIMEOUT	      5		 /* seconds; a transfer takes QEMU 0.1 */

struct edu {
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas;
	struct uvdk_device *dev;
	struct uvdk_region bar;
	struct uvdk_dma_buf buf;
};

/* Why a call failed is in the log, and in uvdk_last_error() for whoever has no log. */
static int fail(const char *what)
{
	fprintf(stderr, "edu: %s\n", what);

	return -1;
}

/* Step 1: the I/O MMU first, then the device behind it, then what it may see. */
static int edu_open(struct edu *edu, const char *spec)
{
	/* IOVAs (addresses as the device sees them) that this device can reach. */
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .iova_last = EDU_LAST};
	const char *iommu = uvdk_iommu_choose(spec, NULL);

	if (!iommu || uvdk_iommu_open(iommu, NULL, &edu->iommu))
		return fail("no I/O MMU");
	if (uvdk_device_open(edu->iommu, spec, NULL, &edu->dev))
		return fail("no device");
	if (uvdk_ioas_create(edu->iommu, &opts, &edu->ioas))
		return fail("no address space");
	if (uvdk_ioas_attach(edu->ioas, edu->dev))
		return fail("not attached");
	printf("opened %s through iommu \"%s\"\n", uvdk_device_get_info(edu->dev)->name, iommu);

	return 0;
}

/* Safe after any failure above: each of these takes what was never made. */
static void edu_close(struct edu *edu)
{
	uvdk_dma_free(&edu->buf);
	uvdk_device_close(edu->dev);
	uvdk_ioas_destroy(edu->ioas);
	uvdk_iommu_close(edu->iommu);
}

/* Wait until a bit of a register clears. A device is never trusted to do it. */
static int wait_clear(struct edu *edu, uint64_t reg, uint64_t bit)
{
	time_t give_up = time(NULL) + TIMEOUT;
	uint64_t value;

	do {
		if (uvdk_region_read(&edu->bar, reg, 4, &value))
			return fail("register not readable");
		if (!(value & bit))
			return 0;
	} while (time(NULL) <= give_up);
	fprintf(stderr, "edu: register 0x%llx stays busy\n", (unsigned long long)reg);

	return -1;
}

/* Step 2: registers. BAR 0 of the device is 1 MiB of them. */
static int registers(struct edu *edu)
{
	uint64_t id, result;

	if (uvdk_device_region(edu->dev, 0, &edu->bar) ||
	    uvdk_region_read(&edu->bar, REG_ID, 4, &id))
		return fail("no registers");
	printf("identification 0x%08llx\n", (unsigned long long)id);
	if ((id & 0xff) != 0xed) {
		fprintf(stderr, "edu: that is another device\n");
		return -1;
	}

	if (uvdk_region_write(&edu->bar, REG_FACTORIAL, 4, 10) ||
	    wait_clear(edu, REG_STATUS, 0x01) ||
	    uvdk_region_read(&edu->bar, REG_FACTORIAL, 4, &result))
		return fail("no factorial");
	printf("10! = %llu\n", (unsigned long long)result);

	return 0;
}

static int transfer(struct edu *edu, uint64_t src, uint64_t dst, uint64_t count, uint64_t cmd)
{
	if (uvdk_region_write(&edu->bar, REG_DMA_SRC, 8, src) ||
	    uvdk_region_write(&edu->bar, REG_DMA_DST, 8, dst) ||
	    uvdk_region_write(&edu->bar, REG_DMA_COUNT, 8, count) ||
	    uvdk_region_write(&edu->bar, REG_DMA_CMD, 8, cmd | CMD_START))
		return fail("transfer not started");

	return wait_clear(edu, REG_DMA_CMD, CMD_START);
}

/* Step 3: DMA. The device reads memory, and writes what it read somewhere else. */
static int there_and_back(struct edu *edu)
{
	static const char text[] = "hello from the other side of the bus";
	char *there, *back;

	if (uvdk_dma_alloc(edu->ioas, 4096, NULL, &edu->buf))
		return fail("no memory for DMA");
	there = edu->buf.va; /* buf.va is for us, buf.iova for the device */
	back = there + 2048;
	memcpy(there, text, sizeof(text));

	/* Only now may it access memory at all. */
	if (uvdk_device_set_command(edu->dev, UVDK_PCI_COMMAND_MASTER, 0))
		return fail("no bus master");
	if (transfer(edu, edu->buf.iova, EDU_BUFFER, sizeof(text), 0) ||
	    transfer(edu, EDU_BUFFER, edu->buf.iova + 2048, sizeof(text), CMD_TO_RAM))
		return -1;
	printf("the device brought: \"%s\"\n", back);

	return memcmp(there, back, sizeof(text)) ? -1 : 0;
}

/* Step 4: a wrong address. The I/O MMU stops it; we and the machine live on. */
static int out_of_bounds(struct edu *edu)
{
	uvdk_iova_t wrong = edu->buf.iova + edu->buf.len;

	printf("now it writes to IOVA 0x%llx, where nothing is mapped\n",
	       (unsigned long long)wrong);
	if (transfer(edu, EDU_BUFFER, wrong, 64, CMD_TO_RAM))
		return -1;
	printf("and nothing happened to our memory\n");

	return 0;
}

int main(int argc, char **argv)
{
	const char *spec = argc > 1 ? argv[1] : "emu:edu";
	struct edu edu = {0};
	int ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	uvdk_log_set_level("emu.iommu", UVDK_LOG_DEBUG); /* let the emulated I/O MMU talk */

	ret = edu_open(&edu, spec);
	if (!ret)
		ret = registers(&edu);
	if (!ret)
		ret = there_and_back(&edu);
	if (!ret)
		ret = out_of_bounds(&edu);
	edu_close(&edu);

	return ret ? 1 : 0;
}
