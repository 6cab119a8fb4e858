/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VTD_TABLE_H
#define VTD_TABLE_H

#include "vtd_walk.h"

/* A page table, first stage (9.7) or second stage (9.8). */
struct vtd_table {
	const struct vtd_table *under; /* second stage below a first one, or NULL */
	uint64_t root;
	unsigned int levels; /* 3, 4 or 5 */
	bool first;
	bool mark; /* set the accessed and dirty bits */
};

/* What a page table says of an access. */
enum vtd_fault vtd_table_walk(const struct vtd_unit *unit, const struct vtd_table *table,
			      uint64_t addr, bool write, uint64_t *pa);

/* A 64-bit word of the guest's memory, in one load. */
enum vtd_fault vtd_load(const struct vtd_unit *unit, uint64_t pa, uint64_t *value);

#endif /* VTD_TABLE_H */
