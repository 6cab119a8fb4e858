/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VTD_TABLES_H
#define VTD_TABLES_H

#include <string.h>

#include "vtd_walk.h"

/*
 * A guest's memory in which a test builds tables, each where its name says. The
 * numbers are those of the specification, and written out here again.
 */
#define RAM_SIZE    0x40000u
#define ROOT	    0x1000u
#define CONTEXT	    0x2000u
#define DIRECTORY   0x3000u
#define PASIDS	    0x4000u  /* 0 to 63 */
#define FIRST	    0x10000u /* a first-stage table: level n at FIRST + n pages */
#define SECOND	    0x18000u /* a second-stage table, likewise */
#define DATA	    0x30000u

#define RID	    0x0118 /* bus 1, device 3 */

#define P	    1u
#define RW	    2u
#define US	    4u
#define FS_A	    0x20u
#define FS_D	    0x40u
#define SS_R	    1u
#define SS_W	    2u
#define LARGE	    0x80u
#define FIRST_ONLY  (1u << 6)
#define SECOND_ONLY (2u << 6)
#define NESTED	    (3u << 6)
#define PASS	    (4u << 6)
#define AW48	    (2u << 2)

static _Alignas(4096) uint8_t ram[RAM_SIZE];
static struct vtd_unit unit;

static inline uint64_t *at(uint64_t pa)
{
	return (uint64_t *)(void *)(ram + pa);
}

/* All of it up to the PASID table, where PASID @pasid is of type @type. */
static inline void tables_init(uint32_t pasid, uint64_t type)
{
	memset(ram, 0, sizeof(ram));
	unit = (struct vtd_unit){.ram = ram, .ram_size = RAM_SIZE, .rtaddr = ROOT | 1 << 10};
	*at(ROOT + 1 * 16) = CONTEXT | P;
	at(CONTEXT + 0x18 * 32)[0] = DIRECTORY | 1 << 3 | P; /* 2^7 directory entries */
	*at(DIRECTORY + pasid / 64 * 8) = PASIDS | P;
	at(PASIDS + pasid % 64 * 64)[0] = SECOND | AW48 | type | P;
	at(PASIDS + pasid % 64 * 64)[2] = FIRST;
}

/* Entry of a four-level table for an address, at a level. */
static inline uint64_t *entry_of(uint64_t table, uint64_t iova, unsigned int level)
{
	return at(table + (4 - level) * 0x1000 + (iova >> (3 + level * 9) & 0x1ff) * 8);
}

static inline void table_map(uint64_t table, uint64_t iova, uint64_t pa, uint64_t bits,
			     unsigned int leaf)
{
	for (unsigned int level = 4; level > leaf; level--)
		*entry_of(table, iova, level) = (table + (5 - level) * 0x1000) | US | RW | P;
	*entry_of(table, iova, leaf) = pa | bits | (leaf > 1 ? LARGE : 0);
}

#endif /* VTD_TABLES_H */
