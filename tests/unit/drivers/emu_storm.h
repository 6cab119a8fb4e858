/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_STORM_H
#define EMU_STORM_H

#include <uvdk_emu.h>
#include <uvdk_hwpt.h>

/*
 * Random maps, accesses, unmaps, attaches and detaches on emulated devices,
 * each checked against a plain model of what a device must see.
 */
#define STORM_DEVICES 8
#define STORM_PASIDS  32
#define STORM_SPACES  8
#define STORM_SLOTS   24

struct storm_slot {
	bool mapped;
	bool writable;
	unsigned int first; /* page of the memory */
	unsigned int pages;
};

struct storm_device {
	struct uvdk_device *dev;
	struct uvdk_emu_function *fn;
	int sees[STORM_PASIDS + 1]; /* address space, -1: none; [0]: accesses without a PASID */
};

struct storm {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct storm_device device[STORM_DEVICES];
	struct uvdk_ioas *space[STORM_SPACES];
	struct storm_slot slot[STORM_SPACES][STORM_SLOTS];
	uint8_t *memory;
	uint64_t random;
	uint64_t accesses; /* that must succeed, and did */
	uint64_t refusals; /* that must not, and did not */
	uint64_t wrong;	   /* accesses and calls that went otherwise than the model has it */
	char first_wrong[160];
};

/* An even @seed: one of the two IOMMUs has no snoop control. */
void storm_open(struct storm *s, enum uvdk_emu_caching caching, bool absence, uint64_t seed);
void storm_run(struct storm *s, uint64_t ops);
void storm_close(struct storm *s);

#endif /* EMU_STORM_H */
