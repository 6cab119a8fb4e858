// SPDX-License-Identifier: BSD-3-Clause
#include "pgtable_priv.h"

/*
 * VMSAv8-64 stage 1 with a granule of 4 KiB: Arm ARM (DDI 0487), D8.3.1 for
 * descriptors, D8.4 for permissions, D8.5 for hardware's marks. An SMMUv3 walks
 * the same (IHI 0070, 3.4).
 */
#define BIT(n)	 (UINT64_C(1) << (n))
#define VALID	 BIT(0)
#define PAGE	 BIT(1) /* of level 3, and of what leads to a table */
#define ATTR(i)	 ((uint64_t)(i) << 2)
#define AP_USER	 BIT(6)
#define AP_RO	 BIT(7)
#define SH_INNER (UINT64_C(3) << 8) /* with DS = 1 it comes from TCR, and these are OA[51:50] */
#define AF	 BIT(10)
#define NG	 BIT(11) /* belongs to an ASID */
#define DBM	 BIT(51)
#define PXN	 BIT(53)
#define UXN	 BIT(54)
#define ADDR	 (BIT(48) - BIT(12))
#define ADDR_DS	 (BIT(50) - BIT(12))

/* DBM: writing clears AP_RO, which is how dirty is said. */
static uint64_t attr_of(const struct uvdk_pgtable_opts *o, unsigned int prot, bool ds)
{
	uint64_t attr = VALID | ATTR(o->attr_index) | NG | PXN | UXN;

	if (!(prot & UVDK_PGTABLE_READ))
		return 0;
	if (!ds)
		attr |= SH_INNER;
	if (!o->track)
		attr |= AF;
	if (!(prot & UVDK_PGTABLE_WRITE))
		attr |= AP_RO;
	else if (o->track)
		attr |= AP_RO | DBM;
	if (prot & UVDK_PGTABLE_USER)
		attr |= AP_USER;
	if (prot & UVDK_PGTABLE_EXEC)
		attr &= prot & UVDK_PGTABLE_USER ? ~UXN : ~PXN;

	return attr;
}

static int check(struct uvdk_pgtable_opts *o, bool ds)
{
	unsigned int most = ds ? 52 : 48;

	if (o->input_bits != 39 && o->input_bits != 48 && o->input_bits != 52)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "Arm tables of %u bits: granule 4 KiB has 39, 48 and 52",
				 o->input_bits);
	if (!o->output_bits)
		o->output_bits = most;
	if (o->output_bits < 32 || o->output_bits > most)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "Arm tables of %u bits lead to addresses of 32 to %u bits, not %u",
				 o->input_bits, most, o->output_bits);
	if (o->attr_index > 7)
		return uvdk_fail(-EINVAL, PGTABLE, "MAIR has indices 0 to 7, not %u",
				 o->attr_index);
	if (o->no_exec)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "no_exec is an option of x86 tables: Arm's always can");

	return 0;
}

static int setup(struct uvdk_pgtable_opts *o, unsigned int *levels, struct pgtable_bits *bits)
{
	bool ds = o->input_bits == 52;
	int err = check(o, ds);

	if (err)
		return err;
	*levels = ds ? 5 : o->input_bits == 48 ? 4 : 3;
	*bits = (struct pgtable_bits){
		.table = VALID | PAGE,
		.page = PAGE,
		.addr = ds ? ADDR_DS : ADDR,
		.high = ds ? SH_INNER : 0,
		.accessed = AF,
		.dirty_mask = DBM | AP_RO,
		.dirty = DBM,
		.clean = DBM | AP_RO,
	};
	for (unsigned int prot = 0; prot < 16; prot++)
		bits->attr[prot] = attr_of(o, prot, ds);

	return 0;
}

static unsigned int prot(uint64_t entry)
{
	unsigned int p = UVDK_PGTABLE_READ;

	if (!(entry & AP_RO) || (entry & DBM))
		p |= UVDK_PGTABLE_WRITE;
	if (entry & AP_USER)
		p |= UVDK_PGTABLE_USER;
	if (!(entry & (entry & AP_USER ? UXN : PXN)))
		p |= UVDK_PGTABLE_EXEC;

	return p;
}

const struct pgtable_format pgtable_arm = {
	.name = "Arm",
	.setup = setup,
	.prot = prot,
};
