// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_emu_table.h"

/* A part of a walk: level 0 is the last. */
struct span {
	uint64_t iova;
	uint64_t len;
	uint64_t target; /* map: memory */
	uint64_t leaf;	 /* map: bits of a leaf */
};

static unsigned int shift_of(unsigned int level)
{
	return VTD_PAGE_SHIFT + VTD_INDEX_BITS * level;
}

static unsigned int index_of(uint64_t iova, unsigned int level)
{
	return (unsigned int)(iova >> shift_of(level)) & (VTD_ENTRIES - 1);
}

static uint64_t present_bits(const struct emu_table *table)
{
	return table->stage == EMU_FIRST_STAGE ? VTD_FS_P : VTD_SS_R | VTD_SS_W;
}

static bool is_leaf(uint64_t entry, unsigned int level)
{
	return !level || entry & VTD_PS;
}

/* Bytes of a span up to the end of the entry it starts in. */
static uint64_t within(const struct span *span, unsigned int level)
{
	uint64_t left = VTD_BIT(shift_of(level)) - (span->iova & (VTD_BIT(shift_of(level)) - 1));

	return span->len < left ? span->len : left;
}

static void advance(struct span *span, uint64_t by)
{
	span->iova += by;
	span->target += by;
	span->len -= by;
}

/*
 * Nobody looks at the accessed and dirty bits of the first stage: set in
 * advance, the hardware need not write them. A first stage can't forbid reads.
 */
static uint64_t leaf_bits(const struct emu_table *table, unsigned int access)
{
	if (table->stage == EMU_SECOND_STAGE)
		return (access & EMU_TABLE_READ ? VTD_SS_R : 0) |
		       (access & EMU_TABLE_WRITE ? VTD_SS_W : 0) | (table->snoop ? VTD_SS_SNP : 0);

	return VTD_FS_P | VTD_FS_US | VTD_FS_A |
	       (access & EMU_TABLE_WRITE ? VTD_FS_RW | VTD_FS_D : 0);
}

static uint64_t inner_bits(const struct emu_table *table)
{
	if (table->stage == EMU_SECOND_STAGE)
		return VTD_SS_R | VTD_SS_W;

	return VTD_FS_P | VTD_FS_RW | VTD_FS_US | VTD_FS_A;
}

int emu_table_init(struct emu_table *table)
{
	table->root = emu_arena_get(table->arena);

	return table->root ? 0 : -ENOMEM;
}

static bool takes_leaf(const struct emu_table *table, const struct span *span, unsigned int level)
{
	uint64_t size = VTD_BIT(shift_of(level));

	return table->leaf_sizes & size && !((span->iova | span->target) & (size - 1)) &&
	       span->len >= size;
}

/* The table that an entry leads to, made if there is none. */
static struct uvdk_le64 *inner(struct emu_table *table, struct uvdk_le64 *entry)
{
	uint64_t value = vtd_get(entry);
	struct uvdk_le64 *below;

	if (value & present_bits(table))
		return vtd_memory(value & VTD_ADDR);
	below = emu_arena_get(table->arena);
	if (below) {
		vtd_set(entry, vtd_addr(below) | inner_bits(table));
		emu_page_of(entry)->used++;
	}

	return below;
}

static int map_level(struct emu_table *table, struct uvdk_le64 *at, unsigned int level,
		     struct span *span)
{
	uint64_t end = span->len - within(span, level + 1);
	struct uvdk_le64 *below;
	int err = 0;

	while (!err && span->len > end) {
		struct uvdk_le64 *entry = &at[index_of(span->iova, level)];

		if (takes_leaf(table, span, level) && !(vtd_get(entry) & present_bits(table))) {
			vtd_set(entry, span->target | span->leaf | (level ? VTD_PS : 0));
			emu_page_of(entry)->used++;
			advance(span, VTD_BIT(shift_of(level)));
			continue;
		}
		below = inner(table, entry);
		err = below ? map_level(table, below, level - 1, span) : -ENOMEM;
	}

	return err;
}

int emu_table_map(struct emu_table *table, uvdk_iova_t iova, const void *va, uint64_t len,
		  unsigned int access)
{
	struct span span = {
		.iova = iova, .len = len, .target = vtd_addr(va), .leaf = leaf_bits(table, access)};

	if (!len || (iova | len | span.target) & (VTD_PAGE - 1) ||
	    (iova + (len - 1)) >> table->bits || iova + (len - 1) < iova)
		return -ERANGE;

	return map_level(table, table->root, table->levels - 1, &span);
}

static void unmap_level(struct emu_table *table, struct uvdk_le64 *at, unsigned int level,
			struct span *span, struct emu_page **freed)
{
	uint64_t end = span->len - within(span, level + 1);

	while (span->len > end) {
		struct uvdk_le64 *entry = &at[index_of(span->iova, level)];
		uint64_t value = vtd_get(entry);
		struct uvdk_le64 *below = vtd_memory(value & VTD_ADDR);

		if (!(value & present_bits(table)) || is_leaf(value, level)) {
			advance(span, within(span, level));
		} else {
			unmap_level(table, below, level - 1, span, freed);
			if (emu_page_of(below)->used)
				continue;
			emu_page_push(freed, emu_page_of(below));
		}
		if (value & present_bits(table)) {
			vtd_exchange(entry, 0);
			emu_page_of(entry)->used--;
		}
	}
}

void emu_table_unmap(struct emu_table *table, uvdk_iova_t iova, uint64_t len,
		     struct emu_page **freed)
{
	struct span span = {.iova = iova, .len = len};

	unmap_level(table, table->root, table->levels - 1, &span, freed);
}

void emu_table_fini(struct emu_table *table, struct emu_page **freed)
{
	if (!table->root)
		return;
	emu_table_unmap(table, 0, VTD_BIT(shift_of(table->levels)), freed);
	emu_page_push(freed, emu_page_of(table->root));
	table->root = NULL;
}

/* ---- dirty pages ---- */

struct dirty {
	uint64_t base;
	uint64_t page;
	uint64_t *bitmap;
	bool keep;
	bool cleared;
};

static void mark(const struct dirty *dirty, uint64_t iova, uint64_t len)
{
	uint64_t first = (iova - dirty->base) / dirty->page;
	uint64_t last = (iova - dirty->base + len - 1) / dirty->page;

	for (uint64_t i = first; dirty->bitmap && i <= last; i++)
		dirty->bitmap[i / 64] |= UINT64_C(1) << i % 64;
}

/* One mark stands for all of a leaf: it stays where not all of that is asked for. */
static void dirty_leaf(struct dirty *dirty, struct uvdk_le64 *entry, uint64_t iova, uint64_t len,
		       unsigned int level)
{
	if (!(vtd_get(entry) & VTD_SS_D))
		return;
	mark(dirty, iova, len);
	if (!dirty->keep && len == VTD_BIT(shift_of(level))) {
		vtd_clear_bits(entry, VTD_SS_D);
		dirty->cleared = true;
	}
}

static void dirty_level(struct emu_table *table, struct uvdk_le64 *at, unsigned int level,
			struct span *span, struct dirty *dirty)
{
	uint64_t end = span->len - within(span, level + 1);

	while (span->len > end) {
		struct uvdk_le64 *entry = &at[index_of(span->iova, level)];
		uint64_t value = vtd_get(entry);
		uint64_t part = within(span, level);

		if (value & present_bits(table) && !is_leaf(value, level)) {
			dirty_level(table, vtd_memory(value & VTD_ADDR), level - 1, span, dirty);
			continue;
		}
		if (value & present_bits(table))
			dirty_leaf(dirty, entry, span->iova, part, level);
		advance(span, part);
	}
}

bool emu_table_dirty(struct emu_table *table, uvdk_iova_t iova, uint64_t len, uint64_t page,
		     uint64_t *bitmap, bool keep)
{
	struct dirty dirty = {.base = iova, .page = page, .bitmap = bitmap, .keep = keep};
	struct span span = {.iova = iova, .len = len};

	if (table->stage == EMU_SECOND_STAGE && len)
		dirty_level(table, table->root, table->levels - 1, &span, &dirty);

	return dirty.cleared;
}
