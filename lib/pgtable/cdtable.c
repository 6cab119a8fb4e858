// SPDX-License-Identifier: BSD-3-Clause
#include <endian.h>
#include <string.h>

#include "pgtable_priv.h"
#include "uvdk_cdtable.h"

/*
 * Arm IHI 0070: 5.2 stream table entry, 5.3 first level of context descriptors,
 * 5.4 context descriptor, 4.3 to 4.5 commands. Numbers are bits of 64-bit words.
 */
#define BIT(n)	  (UINT64_C(1) << (n))
#define CD_WORDS  8
#define LEAF_BITS UVDK_CDTABLE_BITS_PER_PAGE
#define LEAF_CDS  (1u << LEAF_BITS)

/* Word 0. Upper half of the addresses: no walk. */
#define CD_T0SZ(n) ((uint64_t)(n))
#define CD_IR0_WB  BIT(8)
#define CD_OR0_WB  BIT(10)
#define CD_SH0_IN  (UINT64_C(3) << 12)
#define CD_TG1_4K  (UINT64_C(2) << 22)
#define CD_EPD1	   BIT(30)
#define CD_V	   BIT(31)
#define CD_IPS(n)  ((uint64_t)(n) << 32)
#define CD_AA64	   BIT(41)
#define CD_HD	   BIT(42)
#define CD_HA	   BIT(43)
#define CD_R	   BIT(45) /* faults are recorded */
#define CD_A	   BIT(46) /* and abort */
#define CD_ASET	   BIT(47) /* the ASID is none of the CPU's */
#define CD_ASID(n) ((uint64_t)(n) << 48)
/* Word 1: the table's address in place. Word 2: */
#define CD_DS BIT(58)
/* Word 3: MAIR */
#define MAIR_WB	   UINT64_C(0xff)

#define L1_V	   BIT(0)
#define L1_ADDR	   (BIT(52) - BIT(12))

#define STE_V	   BIT(0)
#define STE_S1	   (UINT64_C(5) << 1)
#define STE_FMT_4K BIT(4)
#define STE_MAX(n) ((uint64_t)(n) << 59)
#define STE_DSS_0  UINT64_C(2) /* without a substream: entry 0 */
#define STE_S1CIR  (UINT64_C(1) << 2)
#define STE_S1COR  (UINT64_C(1) << 4)
#define STE_S1CSH  (UINT64_C(3) << 6)

#define CFGI_CD	   UINT64_C(0x05)
#define TLBI_ASID  UINT64_C(0x11)
#define ATC_INV	   UINT64_C(0x40)
#define ATC_SSV	   BIT(11)
#define ATC_ALL	   UINT64_C(52) /* log2 of pages */

struct uvdk_cdtable {
	struct uvdk_cdtable_opts at;
	struct pages leaves; /* all that were taken; given back together */
	uint32_t *leaf_page; /* of two levels: by entry of the first; or PAGE_NONE */
};

UVDK_EXPORT uint64_t uvdk_cdtable_length(unsigned int ssid_bits, bool two_level)
{
	if (ssid_bits > UVDK_CDTABLE_BITS_MAX || (two_level && ssid_bits <= LEAF_BITS))
		return 0;

	return two_level ? sizeof(uint64_t) << (ssid_bits - LEAF_BITS)
			 : UINT64_C(8) * CD_WORDS << ssid_bits;
}

static int check(const struct uvdk_cdtable_opts *o)
{
	uint64_t len = uvdk_cdtable_length(o->ssid_bits, o->two_level);

	if (!len)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "context descriptors for substreams of %u bits in %s: linear "
				 "tables have 0 to 20, two levels 7 to 20",
				 o->ssid_bits, o->two_level ? "two levels" : "one piece");
	if (o->two_level && !o->arena)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "two levels of context descriptors need an arena for the second");
	/* 5.2: the address is taken as aligned to the table's length, and to 64 bytes. */
	if (len < 64)
		len = 64;
	if (!o->va || ((uintptr_t)o->va & 63) || o->address & (len - 1))
		return uvdk_fail(-EINVAL, PGTABLE,
				 "context descriptors at %p, seen at %#" PRIx64
				 ": give memory that is seen at a multiple of %#" PRIx64,
				 o->va, o->address, len);
	if (o->address >> 52)
		return uvdk_fail(-ERANGE, PGTABLE,
				 "context descriptors seen at %#" PRIx64
				 ": beyond 52 bits of address",
				 o->address);

	return 0;
}

UVDK_EXPORT int uvdk_cdtable_create(const struct uvdk_cdtable_opts *opts, struct uvdk_cdtable **out)
{
	struct uvdk_cdtable_opts o = {.size = sizeof(o)};
	struct uvdk_cdtable *cdt;
	uint64_t len;
	int err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_cdtable_opts");

	if (!err)
		err = check(&o);
	if (err)
		return err;
	len = uvdk_cdtable_length(o.ssid_bits, o.two_level);
	cdt = calloc(1, sizeof(*cdt));
	if (cdt && o.two_level)
		cdt->leaf_page = calloc(len / sizeof(uint64_t), sizeof(*cdt->leaf_page));
	if (!cdt || (o.two_level && !cdt->leaf_page)) {
		free(cdt);
		return uvdk_fail(-ENOMEM, PGTABLE, "no memory for a table of descriptors");
	}
	cdt->at = o;
	memset(o.va, 0, len);
	*out = cdt;

	return 0;
}

UVDK_EXPORT void uvdk_cdtable_destroy(struct uvdk_cdtable *cdt)
{
	uint64_t count;

	if (!cdt)
		return;
	count = cdt->leaf_page ? uvdk_cdtable_length(cdt->at.ssid_bits, true) / 8 : 0;
	for (uint64_t i = 0; i < count; i++)
		if (cdt->leaf_page[i] != PAGE_NONE)
			pgtable_arena_push(cdt->at.arena, &cdt->leaves, cdt->leaf_page[i]);
	if (cdt->at.arena)
		pgtable_arena_give(cdt->at.arena, &cdt->leaves);
	free(cdt->leaf_page);
	free(cdt);
}

UVDK_EXPORT void uvdk_cdtable_get_ste(const struct uvdk_cdtable *cdt, uint64_t ste[2])
{
	ste[0] = STE_V | STE_S1 | cdt->at.address | STE_MAX(cdt->at.ssid_bits);
	if (cdt->at.two_level)
		ste[0] |= STE_FMT_4K;
	ste[1] = STE_S1CIR | STE_S1COR | STE_S1CSH;
	/* Without substreams there is nothing to say about those without one. */
	if (cdt->at.ssid_bits)
		ste[1] |= STE_DSS_0;
}

/* ---- entries ---- */

static int check_ssid(const struct uvdk_cdtable *cdt, uint32_t ssid)
{
	if (!(ssid >> cdt->at.ssid_bits))
		return 0;

	return uvdk_fail(-ERANGE, PGTABLE,
			 "substream %" PRIu32 " in a table for substreams of %u bits", ssid,
			 cdt->at.ssid_bits);
}

/* NULL: two levels, and there is no second one yet. */
static uint64_t *find(const struct uvdk_cdtable *cdt, uint32_t ssid)
{
	uint32_t page;

	if (!cdt->at.two_level)
		return (uint64_t *)cdt->at.va + (size_t)ssid * CD_WORDS;
	page = cdt->leaf_page[ssid >> LEAF_BITS];

	return page == PAGE_NONE ? NULL
				 : pgtable_arena_va(cdt->at.arena, page) +
					   (size_t)(ssid & (LEAF_CDS - 1)) * CD_WORDS;
}

static int add_leaf(struct uvdk_cdtable *cdt, uint32_t ssid)
{
	struct uvdk_pgtable_arena *arena = cdt->at.arena;
	uint64_t *l1 = (uint64_t *)cdt->at.va + (ssid >> LEAF_BITS);
	struct pages taken = {0};
	uint32_t page;
	int err = pgtable_arena_take(arena, 1, &taken);

	if (err)
		return err;
	page = pgtable_arena_pop(arena, &taken); /* zeroed: no entry of it is valid */
	cdt->leaf_page[ssid >> LEAF_BITS] = page;
	uvdk_io_wmb();
	__atomic_store_n(l1, htole64(pgtable_arena_address(arena, page) | L1_V), __ATOMIC_RELEASE);

	return 0;
}

/* 5.4, IPS */
static unsigned int ips_of(unsigned int output_bits)
{
	static const unsigned int widths[] = {32, 36, 40, 42, 44, 48, 52};
	unsigned int ips = 0;

	while (widths[ips] < output_bits)
		ips++;

	return ips;
}

static void describe(uint64_t cd[4], const struct pgtable *pt, uint16_t asid, unsigned int flags)
{
	struct uvdk_pgtable_info info;

	uvdk_pgtable_get_info(&pt->fast, &info);
	cd[0] = CD_T0SZ(64 - info.input_bits) | CD_IR0_WB | CD_OR0_WB | CD_SH0_IN | CD_TG1_4K |
		CD_EPD1 | CD_IPS(ips_of(info.output_bits)) | CD_AA64 | CD_R | CD_A | CD_ASET |
		CD_ASID(asid);
	if (flags & UVDK_CDTABLE_ACCESSED)
		cd[0] |= CD_HA;
	if (flags & UVDK_CDTABLE_DIRTY)
		cd[0] |= CD_HD;
	cd[1] = info.root;
	cd[2] = info.ds ? CD_DS : 0;
	cd[3] = MAIR_WB << (8 * pt->opts.attr_index);
}

static int check_entry(uint32_t ssid, const struct uvdk_pgtable *pt, unsigned int flags)
{
	const unsigned int all = UVDK_CDTABLE_ACCESSED | UVDK_CDTABLE_DIRTY;

	if (!pt || pgtable_of(pt)->format != &pgtable_arm)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "substream %" PRIu32 " needs a page table of Arm's format", ssid);
	if (flags & ~all || flags == UVDK_CDTABLE_DIRTY)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "substream %" PRIu32
				 ": flags 0x%x: ACCESSED, or both it and DIRTY",
				 ssid, flags);
	/* Pages without marks fault where hardware does not set them: 5.4, AFFD. */
	if (pgtable_of(pt)->opts.track && flags != all)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "substream %" PRIu32 ": its page table has hardware keep marks, "
				 "which wants ACCESSED and DIRTY",
				 ssid);

	return 0;
}

UVDK_EXPORT int uvdk_cdtable_set(struct uvdk_cdtable *cdt, uint32_t ssid,
				 const struct uvdk_pgtable *pt, uint16_t asid, unsigned int flags)
{
	uint64_t cd[4];
	uint64_t *entry;
	int err = check_ssid(cdt, ssid);

	if (!err)
		err = check_entry(ssid, pt, flags);
	if (!err && !find(cdt, ssid))
		err = add_leaf(cdt, ssid);
	if (err)
		return err;
	entry = find(cdt, ssid);
	if (entry[0])
		return uvdk_fail(-EEXIST, PGTABLE,
				 "substream %" PRIu32 " has a first stage: clear it first", ssid);
	describe(cd, pgtable_of(pt), asid, flags);
	for (unsigned int i = 1; i < 4; i++)
		entry[i] = htole64(cd[i]);
	/* 3.21.3: all else is there before V is; the word with V has the rest of itself. */
	uvdk_io_wmb();
	__atomic_store_n(entry, htole64(cd[0] | CD_V), __ATOMIC_RELEASE);
	uvdk_io_wmb();

	return 0;
}

UVDK_EXPORT int uvdk_cdtable_clear(struct uvdk_cdtable *cdt, uint32_t ssid)
{
	int err = check_ssid(cdt, ssid);
	uint64_t *entry;

	if (err)
		return err;
	entry = find(cdt, ssid);
	if (!entry || !entry[0])
		return uvdk_fail(-ENOENT, PGTABLE, "substream %" PRIu32 " has no first stage",
				 ssid);
	/* The rest may still be read together with a word that was read before. */
	__atomic_store_n(entry, UINT64_C(0), __ATOMIC_RELEASE);
	uvdk_io_wmb();

	return 0;
}

UVDK_EXPORT unsigned int uvdk_cdtable_commands(uint32_t sid, uint32_t ssid, uint16_t asid, bool ats,
					       struct uvdk_cdtable_command *out)
{
	/* Not only the leaf: the first level may have got an entry. */
	out[0].cmd[0] = htole64(CFGI_CD | (uint64_t)ssid << 12 | (uint64_t)sid << 32);
	out[0].cmd[1] = 0;
	out[1].cmd[0] = htole64(TLBI_ASID | (uint64_t)asid << 48);
	out[1].cmd[1] = 0;
	out[2].cmd[0] = htole64(ATC_INV | (ssid ? ATC_SSV | (uint64_t)ssid << 12 : 0) |
				(uint64_t)sid << 32);
	out[2].cmd[1] = htole64(ATC_ALL);

	return ats ? 3 : 2;
}
