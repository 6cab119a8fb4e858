/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_STORM_H
#define EMU_STORM_H

#include <uvdk_pgtable.h>
#include <uvdk_viommu.h>

#include "emu_asker.h"

/*
 * Random maps, accesses, unmaps, attaches and detaches on emulated devices,
 * each checked against a plain model of what a device must see.
 */
#define STORM_DEVICES 8
#define STORM_PASIDS  32
#define STORM_SPACES  8
#define STORM_SLOTS   24
#define STORM_UNITS   2
#define STORM_ASKING  2 /* address spaces in which devices may ask for pages */
#define STORM_NESTING 4 /* those between the two numbers have nested tables */
#define STORM_FIRSTS  2 /* so many in front of each unit */

struct storm_slot {
	bool mapped;
	bool writable;
	unsigned int first; /* page of the memory */
	unsigned int pages;
};

/* A second stage of ours that can tell which pages were written. */
struct storm_table {
	struct uvdk_hwpt *hwpt;
	bool tracks;
	uint64_t written[STORM_SLOTS][8];
};

/* A first stage of ours, in which each address is that of the second; or, of a slot, nothing. */
struct storm_nested {
	struct uvdk_hwpt *hwpt;
	struct uvdk_pgtable *pt;
	bool hidden[STORM_SLOTS];
};

struct storm_device {
	struct asker *asker;	     /* every second one with ATS */
	int sees[STORM_PASIDS + 1];  /* address space, -1: none; [0]: accesses without a PASID */
	bool ours[STORM_PASIDS + 1]; /* through a table of ours, be it nested: */
	struct storm_nested *nested[STORM_PASIDS + 1];
};

struct storm {
	struct asker_world world;
	struct uvdk_faultq *queue;
	struct storm_device device[STORM_DEVICES];
	struct uvdk_ioas *space[STORM_SPACES];
	struct storm_table table[STORM_SPACES][STORM_UNITS];
	struct uvdk_viommu *viommu[STORM_SPACES][STORM_UNITS];
	struct storm_nested nested[STORM_SPACES][STORM_UNITS][STORM_FIRSTS];
	struct uvdk_pgtable_arena *arena;
	struct uvdk_pgtable_gather gather;
	uint64_t cookie;
	bool silent; /* nobody says when a first stage changes; set after storm_open() */
	struct storm_slot slot[STORM_SPACES][STORM_SLOTS];
	uint64_t random;
	uint64_t accesses; /* that must succeed, and did */
	uint64_t asked;	   /* pages, and was answered */
	uint64_t refusals; /* that must not, and did not */
	uint64_t wrong;	   /* accesses and calls that went otherwise than the model has it */
	char first_wrong[160];
};

/* An even @seed: one of the two IOMMUs has no snoop control. */
void storm_open(struct storm *s, enum uvdk_emu_caching caching, bool absence, uint64_t seed);
void storm_run(struct storm *s, uint64_t ops);
void storm_close(struct storm *s);

#endif /* EMU_STORM_H */
