// SPDX-License-Identifier: BSD-3-Clause
#include "pgtable_priv.h"

/*
 * Long mode: VT-d specification 9.7 (first stage), AMD I/O MMU specification
 * 2.2.6 (guest tables), which refers to AMD64's chapter 5.3.
 */
#define BIT(n)	 (UINT64_C(1) << (n))
#define P	 BIT(0)
#define RW	 BIT(1)
#define US	 BIT(2)
#define ACCESSED BIT(5)
#define DIRTY	 BIT(6)
#define PS	 BIT(7)
#define XD	 BIT(63)
#define ADDR	 (BIT(52) - BIT(12))

static uint64_t attr_of(const struct uvdk_pgtable_opts *o, unsigned int prot)
{
	uint64_t attr = P;

	if (!(prot & UVDK_PGTABLE_READ))
		return 0;
	if (prot & UVDK_PGTABLE_WRITE)
		attr |= RW;
	if (prot & UVDK_PGTABLE_USER)
		attr |= US;
	if (o->no_exec && !(prot & UVDK_PGTABLE_EXEC))
		attr |= XD;
	if (!o->track)
		attr |= ACCESSED | DIRTY;

	return attr;
}

static int check(struct uvdk_pgtable_opts *o)
{
	if (o->input_bits != 48 && o->input_bits != 57)
		return uvdk_fail(-EINVAL, PGTABLE, "x86 tables of %u bits: there are 48 and 57",
				 o->input_bits);
	if (!o->output_bits)
		o->output_bits = o->input_bits == 57 ? 52 : 48;
	if (o->output_bits < 32 || o->output_bits > 52)
		return uvdk_fail(-EINVAL, PGTABLE,
				 "x86 tables lead to addresses of 32 to 52 bits, not %u",
				 o->output_bits);
	if (o->attr_index)
		return uvdk_fail(-EINVAL, PGTABLE, "attr_index is an option of Arm tables");

	return 0;
}

/* What leads to a table is marked as accessed, so that hardware never changes it. */
static int setup(struct uvdk_pgtable_opts *o, unsigned int *levels, struct pgtable_bits *bits)
{
	int err = check(o);

	if (err)
		return err;
	o->in_place = true;
	*levels = o->input_bits == 57 ? 5 : 4;
	*bits = (struct pgtable_bits){
		.table = P | RW | US | ACCESSED,
		.block = PS,
		.addr = ADDR,
		.accessed = ACCESSED,
		.dirty_mask = DIRTY,
		.dirty = DIRTY,
	};
	for (unsigned int prot = 0; prot < 16; prot++)
		bits->attr[prot] = attr_of(o, prot);

	return 0;
}

static unsigned int prot(uint64_t entry)
{
	unsigned int p = UVDK_PGTABLE_READ;

	if (entry & RW)
		p |= UVDK_PGTABLE_WRITE;
	if (entry & US)
		p |= UVDK_PGTABLE_USER;
	if (!(entry & XD))
		p |= UVDK_PGTABLE_EXEC;

	return p;
}

const struct pgtable_format pgtable_x86 = {
	.name = "x86",
	.setup = setup,
	.prot = prot,
};
