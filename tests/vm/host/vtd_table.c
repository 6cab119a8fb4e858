// SPDX-License-Identifier: BSD-3-Clause
/* One page table: first stage as x86-64 has it, or second stage. */
#include <stddef.h>

#include "vtd_table.h"

#define BIT(n)	   (UINT64_C(1) << (n))
#define PAGE_SHIFT 12
#define LEVEL_BITS 9
#define ADDR_MASK  UINT64_C(0x000ffffffffff000)

/* First stage, 9.7. */
#define FS_PRESENT  BIT(0)
#define FS_WRITE    BIT(1)
#define FS_USER	    BIT(2)
#define FS_ACCESSED BIT(5)
#define FS_DIRTY    BIT(6)

/* Second stage, 9.8. */
#define SS_READ	    BIT(0)
#define SS_WRITE    BIT(1)
#define SS_ACCESSED BIT(8)
#define SS_DIRTY    BIT(9)

#define LARGE	    BIT(7) /* both: this entry is a leaf above level 1 */

#define TRIES	    1000

void *vtd_ram(const struct vtd_unit *unit, uint64_t pa, uint64_t len)
{
	if (pa > unit->ram_size || len > unit->ram_size - pa)
		return NULL;

	return (uint8_t *)unit->ram + pa;
}

enum vtd_fault vtd_load(const struct vtd_unit *unit, uint64_t pa, uint64_t *value)
{
	uint64_t *word = vtd_ram(unit, pa, sizeof(*word));

	if (!word)
		return VTD_OUTSIDE_RAM;

	*value = __atomic_load_n(word, __ATOMIC_ACQUIRE);

	return VTD_OK;
}

static unsigned int level_shift(unsigned int level)
{
	return PAGE_SHIFT + (level - 1) * LEVEL_BITS;
}

static bool is_leaf(uint64_t entry, unsigned int level)
{
	return level == 1 || entry & LARGE;
}

/*
 * Bits that must be 0 in a present entry. Bit 63 may be set in a first stage: VT-d has given up
 * requests to execute, and with them NXE of the PASID table entry, and Linux sets it no more,
 * not even for the CPU's own tables, which are full of no-execute bits.
 */
static uint64_t reserved_bits(const struct vtd_table *table, uint64_t entry, unsigned int level)
{
	uint64_t bits = 0;

	if (level > 3)
		return LARGE;
	if (level > 1 && entry & LARGE) {
		bits |= (BIT(level_shift(level)) - 1) & ADDR_MASK;
		if (table->first)
			bits &= ~BIT(12); /* memory type (PAT) */
	}

	return bits;
}

static enum vtd_fault check_permission(const struct vtd_table *table, uint64_t entry, bool write)
{
	if (!table->first && !(entry & (write ? SS_WRITE : SS_READ)))
		return write ? VTD_SS_WRITE : VTD_SS_READ;
	if (!table->first)
		return VTD_OK;
	if (!(entry & FS_PRESENT))
		return VTD_FS_NOT_PRESENT;
	if (!(entry & FS_USER))
		return VTD_FS_USER;
	if (write && !(entry & FS_WRITE))
		return VTD_FS_WRITE;

	return VTD_OK;
}

static enum vtd_fault check_entry(const struct vtd_table *table, uint64_t entry, unsigned int level,
				  bool write)
{
	bool present = entry & (table->first ? FS_PRESENT : SS_READ | SS_WRITE);

	/* Bits of an entry that is not present mean nothing. */
	if (present && entry & reserved_bits(table, entry, level))
		return VTD_RESERVED;

	return check_permission(table, entry, write);
}

/* Bits that the hardware sets in an entry it has used. */
static uint64_t used_bits(const struct vtd_table *table, bool leaf, bool write)
{
	uint64_t bits;

	if (!table->mark)
		return 0;
	bits = table->first ? FS_ACCESSED : SS_ACCESSED;
	if (leaf && write)
		bits |= table->first ? FS_DIRTY : SS_DIRTY;

	return bits;
}

/* Where an entry of the table lies: through the second stage, if there is one below. */
static enum vtd_fault locate(const struct vtd_unit *unit, const struct vtd_table *table,
			     uint64_t at, bool write, uint64_t *pa)
{
	if (table->under)
		return vtd_table_walk(unit, table->under, at, write, pa);
	*pa = at;

	return VTD_OK;
}

/*
 * Set bits in an entry that still is what was checked. VTD_UNSTABLE: it is not,
 * look again.
 */
static enum vtd_fault mark(const struct vtd_unit *unit, const struct vtd_table *table, uint64_t at,
			   uint64_t entry, uint64_t bits)
{
	enum vtd_fault fault;
	uint64_t *word;
	uint64_t pa;

	if ((entry & bits) == bits)
		return VTD_OK;
	fault = locate(unit, table, at, true, &pa);
	if (fault)
		return fault;
	word = vtd_ram(unit, pa, sizeof(*word));
	if (!word)
		return VTD_OUTSIDE_RAM;
	if (!__atomic_compare_exchange_n(word, &entry, entry | bits, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return VTD_UNSTABLE;

	return VTD_OK;
}

static enum vtd_fault use_once(const struct vtd_unit *unit, const struct vtd_table *table,
			       uint64_t at, unsigned int level, bool write, uint64_t *entry)
{
	enum vtd_fault fault;
	uint64_t pa;

	fault = locate(unit, table, at, false, &pa);
	if (!fault)
		fault = vtd_load(unit, pa, entry);
	if (!fault)
		fault = check_entry(table, *entry, level, write);
	if (fault)
		return fault;

	return mark(unit, table, at, *entry, used_bits(table, is_leaf(*entry, level), write));
}

/* Read, check and mark one entry. */
static enum vtd_fault use_entry(const struct vtd_unit *unit, const struct vtd_table *table,
				uint64_t at, unsigned int level, bool write, uint64_t *entry)
{
	enum vtd_fault fault = VTD_UNSTABLE;

	for (unsigned int i = 0; i < TRIES && fault == VTD_UNSTABLE; i++)
		fault = use_once(unit, table, at, level, write, entry);

	return fault;
}

static bool fits(const struct vtd_table *table, uint64_t addr)
{
	unsigned int bits = level_shift(table->levels) + LEVEL_BITS;

	if (!table->first)
		return !(addr >> bits);

	/* Canonical: all bits above are as the highest one translated. */
	return (uint64_t)((int64_t)(addr << (64 - bits)) >> (64 - bits)) == addr;
}

enum vtd_fault vtd_table_walk(const struct vtd_unit *unit, const struct vtd_table *table,
			      uint64_t addr, bool write, uint64_t *pa)
{
	unsigned int level = table->levels;
	uint64_t entry = table->root;
	enum vtd_fault fault;
	uint64_t below;

	if (!fits(table, addr))
		return VTD_ADDRESS_WIDTH;
	for (;; level--) {
		uint64_t slot = addr >> level_shift(level) & (BIT(LEVEL_BITS) - 1);

		fault = use_entry(unit, table, (entry & ADDR_MASK) + slot * sizeof(entry), level,
				  write, &entry);
		if (fault)
			return fault;
		if (is_leaf(entry, level))
			break;
	}

	below = BIT(level_shift(level)) - 1;
	return locate(unit, table, (entry & ADDR_MASK & ~below) | (addr & below), write, pa);
}
