/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FUZZ_DEVICE_H
#define FUZZ_DEVICE_H

#include <uvdk_emu_driver.h>

#include "fuzz.h"
#include "viommu.h"

/*
 * A virtio-iommu on an emulated machine that does what the input says; where the input has ended
 * it is honest. Registers and rings are from virtio 1.2, not from the driver. Waiting costs no
 * time: the driver's clock is here (see meson.build).
 */

#define FUZZ_CAPS      0x40 /* of configuration space, from here on: capabilities */
#define FUZZ_VERSION_1 (UINT64_C(1) << 32)
#define FUZZ_PLATFORM  (UINT64_C(1) << 33)
#define FUZZ_INDIRECT  (UINT64_C(1) << 28)
#define FUZZ_EVENT_IDX (UINT64_C(1) << 29)

struct fuzz_queue {
	uint16_t max; /* entries that it offers */
	uint16_t size, enable, vector;
	uint64_t desc, avail, used;
	uint16_t next; /* in avail */
	uint16_t used_idx;
};

struct fuzz_device {
	const uint8_t *data; /* what is left of the input */
	size_t left;
	bool lies;	      /* what registers read is taken from the input */
	bool scripted;	      /* what it does to rings is */
	unsigned int patches; /* bytes of configuration space taken from the input */

	uint64_t offered;
	uint8_t config[40]; /* 5.13.4 */
	unsigned int vectors;

	struct uvdk_emu_function *fn;
	uint64_t features;
	uint8_t status;
	uint8_t generation;
	uint32_t select[2];
	uint16_t queue_select;
	struct fuzz_queue queue[2];
};

extern struct fuzz_device fuzz_device;

/* The next bytes of the input, or zeros. */
uint8_t fuzz_byte(void);
uint64_t fuzz_value(unsigned int width);

/* ---- device.c ---- */

/* Forget the last input; an honest device that offers all features. */
void fuzz_device_reset(const uint8_t *data, size_t size);
/* Opens the unit on it: 0 or what the driver says. */
int fuzz_unit_open(struct viommu_unit **out);
/* Closes it; nothing may be left of it. */
void fuzz_unit_close(struct viommu_unit *unit);
struct viommu *fuzz_viommu(void);
struct uvdk_emu *fuzz_emu(void);

/* ---- device_ring.c ---- */

/* Some work on rings; false: nothing to do. */
bool fuzz_device_work(void);

#endif /* FUZZ_DEVICE_H */
