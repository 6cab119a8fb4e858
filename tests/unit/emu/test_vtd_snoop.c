// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>

#include "vtd_testing.h"

/* What becomes of an access that asks not to have caches looked at (No Snoop). */

#define IOVA  UINT64_C(0x40000000)
#define DID   7
#define PGSNP (UINT64_C(1) << 24) /* second word of a PASID table entry */
#define SNP   (UINT64_C(1) << 11) /* leaf of a second stage */

/* Pages that were not coherent of one read and one write; -1: refused. */
static int incoherent(struct kern *k, uint32_t pasid, uint64_t iova)
{
	uint64_t before = uvdk_emu_fn_incoherent(k->fn);
	uint8_t b = 0;

	if (uvdk_emu_dma_no_snoop(k->fn, pasid, iova, &b, 1, false) ||
	    uvdk_emu_dma_no_snoop(k->fn, pasid, iova, &b, 1, true))
		return -1;

	return (int)(uvdk_emu_fn_incoherent(k->fn) - before);
}

static void start(struct kern *k, unsigned int no_snoop, const char *spec, uint64_t context)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true, .no_snoop = no_snoop};

	kern_start(k, &opts, spec);
	set_context(k, k->fn, CTX_PASIDE | context);
}

/* With these bits in the entry of the PASID, and in the leaf of a second stage. */
static void decides(enum pgtt kind, uint64_t entry, uint64_t leaf, int expected)
{
	uint8_t *memory = pages(1);
	uint64_t *first, *second, at;
	size_t begin, end;
	struct kern k;

	start(&k, 0, "emu:probe", 0);
	at = kind == PASS ? pa(memory) : IOVA;
	begin = k.used;
	first = new_page(&k);
	fs_map(&k, first, IOVA, kind == NESTED ? (const void *)(uintptr_t)IOVA : memory);
	end = k.used;
	second = new_page(&k);
	*ss_entry(&k, second, IOVA, 1) = pa(memory) | SS_BITS | leaf;
	for (size_t i = begin; kind == NESTED && i < end; i++)
		ss_map(&k, second, pa(k.arena) + i * KB4, k.arena + i * KB4);
	set_pasid(&k, 3, kind, DID, first, second);
	pasid_of(&k, 3)[1] |= entry;
	cr_expect_eq(incoherent(&k, 3, at), expected);
	cr_expect_eq(incoherent(&k, 3, at), expected, "from a cache");
	expect_no_stale(&k);
	kern_stop(&k);
}

Test(vtd_snoop, the_entry_of_a_pasid_decides_for_a_first_stage)
{
	decides(FIRST, 0, 0, 2);
	decides(FIRST, PGSNP, 0, 0);
}

Test(vtd_snoop, each_leaf_decides_in_a_second_stage)
{
	decides(SECOND, 0, 0, 2);
	decides(SECOND, 0, SNP, 0);
}

Test(vtd_snoop, either_does_where_both_stages_are)
{
	decides(NESTED, 0, 0, 2);
	decides(NESTED, PGSNP, 0, 0);
	decides(NESTED, 0, SNP, 0);
}

Test(vtd_snoop, the_entry_of_a_pasid_decides_where_nothing_is_translated)
{
	decides(PASS, 0, 0, 2);
	decides(PASS, PGSNP, 0, 0);
}

Test(vtd_snoop, only_what_asks_is_counted)
{
	uint8_t *memory = pages(1);
	uint64_t *first;
	struct kern k;

	start(&k, 0, "emu:probe", 0);
	first = new_page(&k);
	fs_map(&k, first, IOVA, memory);
	set_pasid(&k, 3, FIRST, DID, first, NULL);
	cr_expect(poke(&k, 3, IOVA, 5));
	cr_expect_eq(peek(&k, 3, IOVA), 5);
	cr_expect_eq(incoherent(&k, 3, IOVA + KB4), -1);
	cr_expect_eq(uvdk_emu_fn_incoherent(k.fn), 0);
	kern_stop(&k);
}

Test(vtd_snoop, without_snoop_control_the_bits_are_reserved)
{
	uint8_t *memory = pages(1);
	uint64_t *first, *second;
	struct kern k;

	start(&k, 1, "emu:probe", 0);
	first = new_page(&k);
	second = new_page(&k);
	fs_map(&k, first, IOVA, memory);
	ss_map(&k, second, IOVA, memory);
	*ss_entry(&k, second, IOVA + KB4, 1) = pa(memory) | SS_BITS | SNP;
	set_pasid(&k, 3, FIRST, DID, first, NULL);
	set_pasid(&k, 4, FIRST, DID, first, NULL);
	pasid_of(&k, 4)[1] |= PGSNP;
	set_pasid(&k, 5, SECOND, DID + 1, NULL, second);
	cr_expect_eq(incoherent(&k, 3, IOVA), 2);
	cr_expect_eq(incoherent(&k, 4, IOVA), -1);
	cr_expect_eq(fault_reason(&k), 0x5a);
	cr_expect_eq(incoherent(&k, 5, IOVA), 2);
	cr_expect_eq(incoherent(&k, 5, IOVA + KB4), -1);
	cr_expect_eq(fault_reason(&k), 0x7a);
	kern_stop(&k);
}

/* With ATS, the IOTLB is told, and the function is not. */
static void must_be_invalidated(bool ats, const char *cache, const char *missing)
{
	const uint16_t on = 0x8000;
	uint8_t *memory = pages(1);
	uint64_t *second;
	struct kern k;

	start(&k, 0, "emu:probe,ats", ats ? CTX_DTE : 0);
	if (ats)
		uvdk_emu_config_write(k.fn, 0x108 + 6, &on, sizeof(on));
	second = new_page(&k);
	ss_map(&k, second, IOVA, memory);
	set_pasid(&k, 3, SECOND, DID, NULL, second);
	cr_expect_eq(incoherent(&k, 3, IOVA), 2);
	begin(&k);
	*ss_entry(&k, second, IOVA, 1) |= SNP;
	if (ats)
		inval_second(&k, DID, IOVA, 0, true);
	cr_assert(wait_queue(&k));
	end(&k);
	cr_expect_eq(incoherent(&k, 3, IOVA), -1, "it would not be coherent");
	EXPECT_STALE(&k, cache, missing);
	kern_stop(&k);
}

Test(vtd_snoop, what_is_cached_of_it_must_be_invalidated)
{
	must_be_invalidated(false, "IOTLB", "IOTLB invalidation");
	must_be_invalidated(true, "device TLB", "device-TLB invalidation");
}
