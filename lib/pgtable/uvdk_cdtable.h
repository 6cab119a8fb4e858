/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_CDTABLE_H
#define UVDK_CDTABLE_H

#include <uvdk_pgtable.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Context descriptors of SMMUv3: which PASID has which first stage
 *
 * An SMMUv3 finds the first stage of an access in a table of context descriptors
 * in memory (Arm IHI 0070, 5.3 and 5.4), by the substream ID, which is PCIe's
 * PASID. Entry 0 is of accesses without one. The table's place and form are in
 * the stream table entry, whose first two words uvdk_cdtable_get_ste() makes for
 * &struct uvdk_nested_smmuv3::
 *
 *	uvdk_cdtable_create(&opts, &cdt);
 *	uvdk_cdtable_get_ste(cdt, nested.smmuv3.ste);
 *	uvdk_cdtable_set(cdt, pasid, pt, asid, 0);
 *	(carry out the commands of uvdk_cdtable_commands())
 *	...
 *	uvdk_cdtable_clear(cdt, pasid);
 *	(the same again)
 *
 * *After every change* the SMMU has to forget what it has cached of the entry,
 * also of one that was not valid: uvdk_cdtable_commands() says how. Only then is
 * a new entry sure to be seen; only then may the table that an old entry pointed
 * to, and its ASID, be used for something else.
 *
 * Accesses that fail are aborted and reported as events; nothing stalls.
 *
 * A table is used by one thread at a time.
 */

struct uvdk_cdtable;

/* Widest substream ID, and widest of a linear table that a page of 4 KiB holds. */
#define UVDK_CDTABLE_BITS_MAX	   20
#define UVDK_CDTABLE_BITS_PER_PAGE 6

/**
 * struct uvdk_cdtable_opts - a table of context descriptors
 * @size: sizeof(struct uvdk_cdtable_opts)
 * @ssid_bits: width of substream IDs (S1CDMax), 0 to 20; 0: entry 0 only
 * @two_level: from 7 bits on: the descriptors come in pages of 64, made when
 *	needed and kept; otherwise all are in one piece
 * @va: where the first level (or all of it) is in this process, a multiple of
 *	its length: see uvdk_cdtable_length(). The caller's, for as long as the
 *	table lives; cleared by uvdk_cdtable_create()
 * @address: where the SMMU sees it; likewise a multiple
 * @arena: two levels: where pages of descriptors come from; borrowed
 */
struct uvdk_cdtable_opts {
	size_t size;
	unsigned int ssid_bits;
	bool two_level;
	void *va;
	uint64_t address;
	struct uvdk_pgtable_arena *arena;
};

/**
 * enum uvdk_cdtable_flags - of an entry
 * @UVDK_CDTABLE_ACCESSED: hardware keeps accessed marks (HA; SMMU_IDR0.HTTU from
 *	1 on)
 * @UVDK_CDTABLE_DIRTY: dirty marks, too (HD; SMMU_IDR0.HTTU from 2 on); only with
 *	UVDK_CDTABLE_ACCESSED
 */
enum uvdk_cdtable_flags {
	UVDK_CDTABLE_ACCESSED = 1 << 0,
	UVDK_CDTABLE_DIRTY = 1 << 1,
};

/**
 * uvdk_cdtable_length() - memory for the first level, or for all of a linear table
 * @ssid_bits: as in &struct uvdk_cdtable_opts
 * @two_level: likewise
 *
 * Return: bytes, a power of two, from 64 on; 0: no such table.
 */
uint64_t uvdk_cdtable_length(unsigned int ssid_bits, bool two_level);

/**
 * uvdk_cdtable_create() - an empty table
 * @opts: what it is to be
 * @out: the table
 *
 * Return: 0; -EINVAL (widths, two levels without an arena or for fewer than 7
 * bits, misaligned, no memory given); -ERANGE (beyond 52 bits of address); -ENOMEM.
 */
int uvdk_cdtable_create(const struct uvdk_cdtable_opts *opts, struct uvdk_cdtable **out);

/**
 * uvdk_cdtable_destroy() - give its pages back to the arena
 * @cdt: table, or NULL. No stream table entry points to it any more, and that
 *	has been invalidated: its pages are free at once.
 */
void uvdk_cdtable_destroy(struct uvdk_cdtable *cdt);

/**
 * uvdk_cdtable_get_ste() - what points to the table
 * @cdt: table
 * @ste: filled in: the first two words of a stream table entry (5.2): valid,
 *	first stage, accesses without a substream use entry 0 (S1DSS), reading
 *	through caches, no ATS. In the CPU's byte order, as &struct
 *	uvdk_nested_smmuv3 has them
 */
void uvdk_cdtable_get_ste(const struct uvdk_cdtable *cdt, uint64_t ste[2]);

/**
 * uvdk_cdtable_set() - give a substream a first stage
 * @cdt: table
 * @ssid: substream ID; 0: accesses without one
 * @pt: page table of Arm's format, that is not destroyed before the entry is
 *	cleared, and forgotten
 * @asid: tag of its translations; of this first stage alone. At most 255 where
 *	SMMU_IDR0.ASID16 is 0
 * @flags: enum uvdk_cdtable_flags; as @pt was told to track
 *
 * Return: 0; -ERANGE (@ssid is too wide); -EEXIST (it has one); -EINVAL (@pt is
 * not Arm's; flags; its index in MAIR is none); -ENOMEM (the arena is used up).
 */
int uvdk_cdtable_set(struct uvdk_cdtable *cdt, uint32_t ssid, const struct uvdk_pgtable *pt,
		     uint16_t asid, unsigned int flags);

/**
 * uvdk_cdtable_clear() - take it back
 * @cdt: table
 * @ssid: substream ID
 *
 * Return: 0; -ERANGE; -ENOENT (it has none).
 */
int uvdk_cdtable_clear(struct uvdk_cdtable *cdt, uint32_t ssid);

/**
 * struct uvdk_cdtable_command - a command, as &struct uvdk_inval_smmuv3
 * @cmd: little-endian
 */
struct uvdk_cdtable_command {
	uint64_t cmd[2];
};

/* Most commands of uvdk_cdtable_commands(). */
#define UVDK_CDTABLE_COMMANDS 3

/**
 * uvdk_cdtable_commands() - what makes the SMMU forget an entry
 * @sid: StreamID, or virtual ID of the device; for each that uses the table
 * @ssid: substream ID that was set or cleared
 * @asid: as it was given
 * @ats: the device may have a TLB: ATC_INV of everything, too
 * @out: room for UVDK_CDTABLE_COMMANDS; filled in: CFGI_CD (4.3.5), TLBI_NH_ASID (4.4.2) and
 *	ATC_INV (4.5.1). CMD_SYNC has to follow, and before ATC_INV, too; the
 *	kernel does it for a vIOMMU.
 *
 * Return: how many.
 */
unsigned int uvdk_cdtable_commands(uint32_t sid, uint32_t ssid, uint16_t asid, bool ats,
				   struct uvdk_cdtable_command *out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_CDTABLE_H */
