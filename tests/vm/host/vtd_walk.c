// SPDX-License-Identifier: BSD-3-Clause
/* From a request to its page table: root, context, PASID directory, PASID table. */
#include <string.h>

#include "vtd_table.h"
#include "vtd_walk.h"

#define BIT(n)	  (UINT64_C(1) << (n))
#define PRESENT	  BIT(0)
#define TABLE	  (~UINT64_C(0xfff)) /* address of a table */
#define TRIES	  1000
#define INTERRUPT UINT64_C(0xfee) /* bits 31..20 of an interrupt request */

/* Root table address register, 11.4.5: 01 in bits 11..10 means scalable mode. */
#define TTM_SCALABLE (UINT64_C(1) << 10)
#define TTM_MASK     (UINT64_C(3) << 10)

/* Scalable-mode context entry, 9.4. */
#define CONTEXT_WORDS	  4
#define CONTEXT_PASID	  BIT(3)
#define CONTEXT_PDTS(w)	  ((unsigned int)((w) >> 9 & 7))
#define CONTEXT_RID_PASID UINT32_C(0xfffff)

/* PASID directory, 9.5: a page of 64 entries each. */
#define DIRECTORY_SHIFT 6

/* Scalable-mode PASID table entry, 9.6. */
#define PASID_WORDS	8
#define PASID_AW(w)	((unsigned int)((w) >> 2 & 7))
#define PASID_PGTT(w)	((unsigned int)((w) >> 6 & 7))
#define PASID_SSADE	BIT(9)
#define PASID_FSPM(w)	((unsigned int)((w) >> 2 & 3))
#define PASID_RESERVED0 (UINT64_C(3) << 10)
#define PASID_RESERVED2 (UINT64_C(0xf) << 8)

enum pgtt { PGTT_FIRST = 1, PGTT_SECOND, PGTT_NESTED, PGTT_PASS };

static bool load_once(const struct vtd_unit *unit, uint64_t pa, unsigned int words, uint64_t *out)
{
	for (unsigned int i = 0; i < words; i++)
		if (vtd_load(unit, pa + i * sizeof(*out), &out[i]))
			return false;

	return true;
}

/* An entry of several words, of which the kernel may just be writing some. */
static enum vtd_fault load_words(const struct vtd_unit *unit, uint64_t pa, unsigned int words,
				 uint64_t *out)
{
	uint64_t again[PASID_WORDS];

	for (unsigned int i = 0; i < TRIES; i++) {
		if (!load_once(unit, pa, words, out) || !load_once(unit, pa, words, again))
			return VTD_OUTSIDE_RAM;
		if (!memcmp(out, again, words * sizeof(*out)))
			return VTD_OK;
	}

	return VTD_UNSTABLE;
}

static enum vtd_fault find_context(const struct vtd_unit *unit, uint16_t rid, uint64_t *context)
{
	unsigned int devfn = rid & 0xff;
	enum vtd_fault fault;
	uint64_t root;

	if ((unit->rtaddr & TTM_MASK) != TTM_SCALABLE)
		return VTD_NOT_SCALABLE;
	/* 16 bytes a bus: the first half for devices 0 to 15, the second for the rest. */
	fault = vtd_load(unit, (unit->rtaddr & TABLE) + (rid >> 8) * 16 + (devfn >> 7) * 8, &root);
	if (fault)
		return fault;
	if (!(root & PRESENT))
		return VTD_NO_ROOT;
	if (root & ~(TABLE | PRESENT))
		return VTD_RESERVED;
	fault = load_words(unit, (root & TABLE) + (devfn & 0x7f) * CONTEXT_WORDS * 8, CONTEXT_WORDS,
			   context);
	if (fault)
		return fault;

	return context[0] & PRESENT ? VTD_OK : VTD_NO_CONTEXT;
}

static enum vtd_fault find_pasid(const struct vtd_unit *unit, const uint64_t *context,
				 uint32_t pasid, uint64_t *entry)
{
	enum vtd_fault fault;
	uint64_t directory;

	if (pasid >> (CONTEXT_PDTS(context[0]) + 7 + DIRECTORY_SHIFT))
		return VTD_PASID_RANGE;
	fault = vtd_load(unit, (context[0] & TABLE) + (pasid >> DIRECTORY_SHIFT) * 8, &directory);
	if (fault)
		return fault;
	if (!(directory & PRESENT))
		return VTD_NO_DIRECTORY;
	fault = load_words(
		unit, (directory & TABLE) + (pasid & (BIT(DIRECTORY_SHIFT) - 1)) * PASID_WORDS * 8,
		PASID_WORDS, entry);
	if (fault)
		return fault;
	if (!(entry[0] & PRESENT))
		return VTD_NO_PASID;

	return entry[0] & PASID_RESERVED0 || entry[2] & PASID_RESERVED2 ? VTD_RESERVED : VTD_OK;
}

static enum vtd_fault find_entry(const struct vtd_unit *unit, const struct vtd_request *req,
				 uint64_t *entry)
{
	uint64_t context[CONTEXT_WORDS];
	enum vtd_fault fault;

	fault = find_context(unit, req->rid, context);
	if (fault)
		return fault;
	if (req->tagged && !(context[0] & CONTEXT_PASID))
		return VTD_CONTEXT_NO_PASID;

	return find_pasid(unit, context,
			  req->tagged ? req->pasid : (uint32_t)context[1] & CONTEXT_RID_PASID,
			  entry);
}

static bool second_stage(const uint64_t *entry, struct vtd_table *table)
{
	*table = (struct vtd_table){
		.root = entry[0] & TABLE,
		.levels = PASID_AW(entry[0]) + 2,
		.mark = entry[0] & PASID_SSADE,
	};

	return table->levels >= 3 && table->levels <= 5;
}

static bool first_stage(const uint64_t *entry, const struct vtd_table *under,
			struct vtd_table *table)
{
	*table = (struct vtd_table){
		.under = under,
		.root = entry[2] & TABLE,
		.levels = PASID_FSPM(entry[2]) + 4,
		.first = true,
		.mark = true,
	};

	return table->levels <= 5;
}

static enum vtd_fault walk(const struct vtd_unit *unit, const uint64_t *entry,
			   const struct vtd_request *req, uint64_t *pa)
{
	enum pgtt type = (enum pgtt)PASID_PGTT(entry[0]);
	struct vtd_table first, second;

	if (type == PGTT_PASS) {
		*pa = req->addr;
		return VTD_OK;
	}
	if ((type == PGTT_SECOND || type == PGTT_NESTED) && !second_stage(entry, &second))
		return VTD_PASID_INVALID;
	if (type == PGTT_SECOND)
		return vtd_table_walk(unit, &second, req->addr, req->write, pa);
	if (type != PGTT_FIRST && type != PGTT_NESTED)
		return VTD_PASID_INVALID;
	if (!first_stage(entry, type == PGTT_NESTED ? &second : NULL, &first))
		return VTD_PASID_INVALID;

	return vtd_table_walk(unit, &first, req->addr, req->write, pa);
}

enum vtd_fault vtd_translate(const struct vtd_unit *unit, const struct vtd_request *req,
			     uint64_t *pa)
{
	uint64_t entry[PASID_WORDS];
	enum vtd_fault fault;
	uint64_t found;

	if (req->addr >> 20 == INTERRUPT)
		return VTD_INTERRUPT_RANGE;
	fault = find_entry(unit, req, entry);
	if (!fault)
		fault = walk(unit, entry, req, &found);
	if (!fault)
		*pa = found;

	return fault;
}
