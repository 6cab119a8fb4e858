/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_TABLE_H
#define UVDK_DRV_IOMMU_EMU_TABLE_H

#include <uvdk_base.h>

#include "iommu_emu_arena.h"

/**
 * DOC: Page tables, first stage and second stage
 *
 * They differ in the bits of an entry alone (9.7, 9.8). Calls on one table are
 * the caller's to serialise; hardware may read it at any time.
 */

enum emu_stage {
	EMU_FIRST_STAGE,
	EMU_SECOND_STAGE,
};

/* Access, for emu_table_map(). */
#define EMU_TABLE_READ	1u
#define EMU_TABLE_WRITE 2u

/**
 * struct emu_table - a page table
 * @arena: where its pages come from
 * @root: its uppermost page
 * @stage: format
 * @snoop: second stage: accesses are coherent, whatever a device asks for
 * @levels: 3 to 5
 * @bits: width of an address it takes
 * @leaf_sizes: bitmap of leaf sizes, of 4 KiB, 2 MiB and 1 GiB
 */
struct emu_table {
	struct emu_arena *arena;
	struct uvdk_le64 *root;
	enum emu_stage stage;
	bool snoop;
	unsigned int levels;
	unsigned int bits;
	uint64_t leaf_sizes;
};

/* Make its root; everything else of @table is filled in. 0 or -ENOMEM. */
int emu_table_init(struct emu_table *table);

/* Its end: all its pages go in front of @freed. No hardware knows it any more. */
void emu_table_fini(struct emu_table *table, struct emu_page **freed);

/*
 * Map where nothing is mapped; page aligned. 0, -ERANGE or -ENOMEM; then what
 * was mapped of it is for emu_table_unmap().
 */
int emu_table_map(struct emu_table *table, uvdk_iova_t iova, const void *va, uint64_t len,
		  unsigned int access);

/*
 * Unmap whole maps. Tables that are empty now go in front of @freed, to be
 * given back once they are invalidated.
 */
void emu_table_unmap(struct emu_table *table, uvdk_iova_t iova, uint64_t len,
		     struct emu_page **freed);

/*
 * Dirty pages of a second stage: set bit n of @bitmap where page n of @page
 * bytes, counted from @iova, was written; clear the mark unless @keep. @bitmap
 * may be NULL. Returns whether any mark was cleared.
 */
bool emu_table_dirty(struct emu_table *table, uvdk_iova_t iova, uint64_t len, uint64_t page,
		     uint64_t *bitmap, bool keep);

#endif /* UVDK_DRV_IOMMU_EMU_TABLE_H */
