/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VTD_FAKE_H
#define VTD_FAKE_H

#include <uvdk_emu_vtd_driver.h>

#include "vtd_walk.h"

/*
 * Registers and a queue that does what it is told and writes it down: enough
 * of two remapping units to see what a driver does to them. It caches nothing.
 */
#define FAKE_UNITS 2
#define FAKE_DESCS 4096

struct fake_unit {
	uint64_t cap;
	uint64_t ecap;
	uint32_t gsts;
	uint32_t fsts;
	uint64_t rtaddr;
	uint64_t iqh, iqt, iqa, iqer;
	uint64_t frcd[4][2];
	int changing;
};

/* What a test may ask of it. */
struct fake {
	struct fake_unit unit[FAKE_UNITS];
	uint64_t desc[FAKE_DESCS][4];
	unsigned int count;
	unsigned int outside;	  /* descriptors while nothing was said to change */
	unsigned int refuse_type; /* descriptors of this type are none */
	unsigned int refuse_left;
	int late_sid; /* this function does not answer; -1: all do */
	bool deaf;    /* it does nothing at all */
	void (*on_desc)(const uint64_t *desc);
};

extern struct fake fake;

void fake_init(void);

/* A descriptor of this type, with these bits of its first word; how many. */
unsigned int fake_seen(unsigned int type, uint64_t mask, uint64_t value);
void fake_forget(void);

/* An access; @pasid: -1 for none. @did: of the PASID entry, or NULL. */
struct walked fake_access(unsigned int unit, unsigned int slot, int pasid, uint64_t iova,
			  uint16_t *did);

/* The same from a PASID table entry on, eight words. */
struct walked fake_access_by(const uint64_t *entry, uint64_t iova);

/* The PASID table entry, or NULL. */
uint64_t *fake_pasid_entry(unsigned int unit, unsigned int slot, int pasid);
uint64_t *fake_context(unsigned int unit, unsigned int slot);

#endif /* VTD_FAKE_H */
