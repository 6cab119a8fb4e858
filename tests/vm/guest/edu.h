/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EDU_H
#define EDU_H

#include <time.h>

#include "dev_common.h"

/* QEMU's edu device (docs/specs/edu): registers, and where its buffer of 4 KiB lies. */
#define DEADLINE   20
#define EDU_SRC	   0x80
#define EDU_DST	   0x88
#define EDU_COUNT  0x90
#define EDU_CMD	   0x98
#define EDU_START  1u
#define EDU_TO_RAM 2u
#define EDU_BUFFER 0x40000u
#define EDU_BYTES  64u

struct edu {
	struct uvdk_device *dev;
	struct uvdk_region bar;
};

static inline void edu_open(struct edu *e, struct uvdk_iommu *iommu, const char *bdf)
{
	CHECK_EQ(uvdk_device_open(iommu, bdf, NULL, &e->dev), 0);
	CHECK_EQ(uvdk_device_region(e->dev, 0, &e->bar), 0);
	CHECK_EQ(uvdk_device_set_command(e->dev, UVDK_PCI_COMMAND_MASTER | UVDK_PCI_COMMAND_MEMORY,
					 0),
		 0);
}

static inline void edu_start(struct edu *e, uint64_t dst, uint64_t src, uint64_t command)
{
	CHECK_EQ(uvdk_region_write(&e->bar, EDU_SRC, 8, src), 0);
	CHECK_EQ(uvdk_region_write(&e->bar, EDU_DST, 8, dst), 0);
	CHECK_EQ(uvdk_region_write(&e->bar, EDU_COUNT, 8, EDU_BYTES), 0);
	CHECK_EQ(uvdk_region_write(&e->bar, EDU_CMD, 8, command | EDU_START), 0);
}

static inline void edu_wait(struct edu *e)
{
	time_t deadline = time(NULL) + DEADLINE;
	uint64_t value;

	for (;;) {
		CHECK_EQ(uvdk_region_read(&e->bar, EDU_CMD, 8, &value), 0);
		if (!(value & EDU_START))
			return;
		CHECK(time(NULL) <= deadline, "no end in %d s", DEADLINE);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

static inline void edu_dma(struct edu *e, uint64_t dst, uint64_t src, uint64_t command)
{
	edu_start(e, dst, src, command);
	edu_wait(e);
}

/* All of what a transfer moves has this value. */
static inline bool arrived(const volatile uint8_t *at, uint8_t value)
{
	for (unsigned int i = 0; i < EDU_BYTES; i++)
		if (at[i] != value)
			return false;
	return true;
}

#endif /* EDU_H */
