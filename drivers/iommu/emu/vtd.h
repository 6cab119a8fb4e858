/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_VTD_H
#define UVDK_DRV_IOMMU_EMU_VTD_H

#include <assert.h>

#include <uvdk_base_driver.h>

/*
 * Intel Virtualization Technology for Directed I/O, architecture specification,
 * revision 4.1: what this driver uses of it. Numbers below are its sections.
 */

#define VTD_PAGE_SHIFT	     12
#define VTD_PAGE	     (UINT64_C(1) << VTD_PAGE_SHIFT)
#define VTD_ADDR	     UINT64_C(0x000ffffffffff000)
#define VTD_INDEX_BITS	     9
#define VTD_ENTRIES	     512u

#define VTD_BIT(n)	     (UINT64_C(1) << (n))
#define VTD_FIELD(v, hi, lo) ((uint64_t)(v) >> (lo) & ((UINT64_C(2) << ((hi) - (lo))) - 1))

/* ---- registers, 11.4 ---- */

enum vtd_reg {
	VTD_CAP = 0x08,
	VTD_ECAP = 0x10,
	VTD_GCMD = 0x18,
	VTD_GSTS = 0x1c,
	VTD_RTADDR = 0x20,
	VTD_FSTS = 0x34,
	VTD_FECTL = 0x38,
	VTD_IQH = 0x80,
	VTD_IQT = 0x88,
	VTD_IQA = 0x90,
	VTD_IQER = 0xb0,
	VTD_PQH = 0xc0,
	VTD_PQT = 0xc8,
	VTD_PQA = 0xd0,
	VTD_PRS = 0xdc,
	VTD_PECTL = 0xe0,
};

/* Capabilities, 11.4.2 */
#define VTD_CAP_ND(c)	 VTD_FIELD(c, 2, 0)
#define VTD_CAP_CM(c)	 VTD_FIELD(c, 7, 7)
#define VTD_CAP_SAGAW(c) VTD_FIELD(c, 12, 8)
#define VTD_CAP_MGAW(c)	 VTD_FIELD(c, 21, 16)
#define VTD_CAP_FRO(c)	 VTD_FIELD(c, 33, 24)
#define VTD_CAP_SSLPS(c) VTD_FIELD(c, 37, 34)
#define VTD_CAP_PSI(c)	 VTD_FIELD(c, 39, 39)
#define VTD_CAP_NFR(c)	 VTD_FIELD(c, 47, 40)
#define VTD_CAP_MAMV(c)	 VTD_FIELD(c, 53, 48)
#define VTD_CAP_DWD(c)	 VTD_FIELD(c, 54, 54)
#define VTD_CAP_DRD(c)	 VTD_FIELD(c, 55, 55)
#define VTD_CAP_FS1GP(c) VTD_FIELD(c, 56, 56)
#define VTD_CAP_FS5LP(c) VTD_FIELD(c, 60, 60)

/* Extended capabilities, 11.4.3 */
#define VTD_ECAP_C(e)	  VTD_FIELD(e, 0, 0)
#define VTD_ECAP_QI(e)	  VTD_FIELD(e, 1, 1)
#define VTD_ECAP_DT(e)	  VTD_FIELD(e, 2, 2)
#define VTD_ECAP_SC(e)	  VTD_FIELD(e, 7, 7)
#define VTD_ECAP_NEST(e)  VTD_FIELD(e, 26, 26)
#define VTD_ECAP_PRS(e)	  VTD_FIELD(e, 29, 29)
#define VTD_ECAP_ERS(e)	  VTD_FIELD(e, 30, 30)
#define VTD_ECAP_SRS(e)	  VTD_FIELD(e, 31, 31)
#define VTD_ECAP_PSS(e)	  VTD_FIELD(e, 39, 35)
#define VTD_ECAP_PASID(e) VTD_FIELD(e, 40, 40)
#define VTD_ECAP_DIT(e)	  VTD_FIELD(e, 41, 41)
#define VTD_ECAP_PDS(e)	  VTD_FIELD(e, 42, 42)
#define VTD_ECAP_SMTS(e)  VTD_FIELD(e, 43, 43)
#define VTD_ECAP_SSADS(e) VTD_FIELD(e, 45, 45)
#define VTD_ECAP_SSTS(e)  VTD_FIELD(e, 46, 46)
#define VTD_ECAP_FSTS(e)  VTD_FIELD(e, 47, 47)
#define VTD_ECAP_SMPWC(e) VTD_FIELD(e, 48, 48)
#define VTD_ECAP_EAFS(e)  VTD_FIELD(e, 50, 50)

/* Global command and status, 11.4.4: the same bits in both */
#define VTD_GCMD_TE	 (1u << 31)
#define VTD_GCMD_SRTP	 (1u << 30)
#define VTD_GCMD_QIE	 (1u << 26)
#define VTD_GSTS_LASTING 0x96ffffffu /* without the one-shot commands */

/* Root table address, 11.4.5 */
#define VTD_RTADDR_SCALABLE VTD_BIT(10)

/* Fault status and control, 11.4.7; the errors are cleared by writing ones */
#define VTD_FSTS_PFO	(1u << 0)
#define VTD_FSTS_PPF	(1u << 1)
#define VTD_FSTS_IQE	(1u << 4)
#define VTD_FSTS_ICE	(1u << 5)
#define VTD_FSTS_ITE	(1u << 6)
#define VTD_FSTS_QUEUE	(VTD_FSTS_IQE | VTD_FSTS_ICE | VTD_FSTS_ITE)
#define VTD_FSTS_FRI(f) VTD_FIELD(f, 15, 8)

/* Fault record, 11.4.7: 16 bytes each, this is the upper half */
#define VTD_FRCD_SIZE	 16u
#define VTD_FRCD_SID(r)	 VTD_FIELD(r, 15, 0)
#define VTD_FRCD_T2(r)	 VTD_FIELD(r, 28, 28)
#define VTD_FRCD_PRIV(r) VTD_FIELD(r, 29, 29)
#define VTD_FRCD_EXE(r)	 VTD_FIELD(r, 30, 30)
#define VTD_FRCD_PP(r)	 VTD_FIELD(r, 31, 31)
#define VTD_FRCD_FR(r)	 VTD_FIELD(r, 39, 32)
#define VTD_FRCD_PV(r)	 VTD_FIELD(r, 59, 40)
#define VTD_FRCD_T1(r)	 VTD_FIELD(r, 62, 62)
#define VTD_FRCD_F	 VTD_BIT(63)
#define VTD_FRCD_F_HIGH	 (1u << 31) /* the same, in the fourth word of 32 bits */

/* Invalidation queue, 11.4.9 */
#define VTD_IQA_WIDE	   VTD_BIT(11)
#define VTD_IQ_SHIFT	   5
#define VTD_IQER_IQEI(r)   VTD_FIELD(r, 3, 0)
#define VTD_IQER_ITESID(r) VTD_FIELD(r, 47, 32)
#define VTD_IQER_ICESID(r) VTD_FIELD(r, 63, 48)

/* Page request queue, 11.4.11: status bits are cleared by writing ones */
#define VTD_PQ_SHIFT 5
#define VTD_PRS_PPR  (1u << 0)
#define VTD_PRS_PRO  (1u << 1)

/* Page request, 7.4.1 */
#define VTD_REQ_TYPE(w)	 VTD_FIELD(w, 7, 0)
#define VTD_REQ_PAGE	 1u
#define VTD_REQ_PP(w)	 VTD_FIELD(w, 8, 8)
#define VTD_REQ_SID(w)	 VTD_FIELD(w, 31, 16)
#define VTD_REQ_PASID(w) VTD_FIELD(w, 51, 32)
#define VTD_REQ_EXEC(w)	 VTD_FIELD(w, 52, 52)
#define VTD_REQ_PRIV(w)	 VTD_FIELD(w, 53, 53)
#define VTD_REQ_READ(w)	 VTD_FIELD(w, 0, 0) /* second word */
#define VTD_REQ_WRITE(w) VTD_FIELD(w, 1, 1)
#define VTD_REQ_LAST(w)	 VTD_FIELD(w, 2, 2)
#define VTD_REQ_GROUP(w) VTD_FIELD(w, 11, 3)

/* ---- descriptors, 6.5.2 ---- */

struct vtd_desc {
	struct uvdk_le64 w[4];
};

enum vtd_desc_type {
	VTD_DESC_CONTEXT = 1,
	VTD_DESC_IOTLB = 2,
	VTD_DESC_DEVTLB = 3,
	VTD_DESC_WAIT = 5,
	VTD_DESC_PIOTLB = 6,
	VTD_DESC_PASIDC = 7,
	VTD_DESC_PDEVTLB = 8,
	VTD_DESC_RESPONSE = 9,
};

#define VTD_DESC_TYPE(w)  VTD_FIELD(w, 3, 0)
#define VTD_DESC_G(g)	  ((uint64_t)(g) << 4)
#define VTD_DESC_DID(did) ((uint64_t)(did) << 16)
#define VTD_DESC_PASID(p) ((uint64_t)(p) << 32)

/* Granularities: of contexts and IOTLB, of the PASID-based IOTLB, of the PASID cache */
#define VTD_G_GLOBAL	    1u
#define VTD_G_DOMAIN	    2u
#define VTD_G_DEVICE	    3u
#define VTD_G_PAGE	    3u
#define VTD_G_PASID	    2u
#define VTD_G_PASIDC_DOMAIN 0u
#define VTD_G_PASIDC_PASID  1u
#define VTD_G_PASIDC_GLOBAL 3u

#define VTD_CONTEXT_SID(s)  ((uint64_t)(s) << 32)
#define VTD_IOTLB_DW	    VTD_BIT(6)
#define VTD_IOTLB_DR	    VTD_BIT(7)
#define VTD_IOTLB_IH	    VTD_BIT(6) /* second word */
#define VTD_DEVTLB_MIP(n)   ((uint64_t)(n) << 16)
#define VTD_DEVTLB_SID(s)   ((uint64_t)(s) << 32)
#define VTD_DEVTLB_S	    VTD_BIT(0) /* second word */
#define VTD_PDEVTLB_MIP(n)  ((uint64_t)(n) << 4)
#define VTD_PDEVTLB_SID(s)  ((uint64_t)(s) << 16)
#define VTD_PDEVTLB_S	    VTD_BIT(11) /* second word */
#define VTD_DEVTLB_PFSID(s) (((uint64_t)(s)&0xf) << 12 | (uint64_t)(s) >> 4 << 52)
#define VTD_DEVTLB_ALL	    UINT64_C(0x7ffffffffffff000)
#define VTD_WAIT_SW	    VTD_BIT(5)
#define VTD_WAIT_FN	    VTD_BIT(6)
#define VTD_WAIT_PD	    VTD_BIT(7)
#define VTD_WAIT_DATA(d)    ((uint64_t)(d) << 32)

/* Page group response, 7.7.1 */
#define VTD_RESP_PP	  VTD_BIT(4)
#define VTD_RESP_CODE(c)  ((uint64_t)(c) << 12)
#define VTD_RESP_SID(s)	  ((uint64_t)(s) << 16)
#define VTD_RESP_LAST	  VTD_BIT(2) /* second word */
#define VTD_RESP_GROUP(g) ((uint64_t)(g) << 3)
#define VTD_RESP_SUCCESS  0u
#define VTD_RESP_INVALID  1u
#define VTD_RESP_FAILURE  15u

/* ---- tables, chapter 9 ---- */

#define VTD_P VTD_BIT(0)

/* Scalable-mode root entry, 9.2: devices 0-15 of a bus, and 16-31 */
struct vtd_root {
	struct uvdk_le64 half[2];
};

/* Scalable-mode context entry, 9.4; 128 of them in a table */
struct vtd_context {
	struct uvdk_le64 w[4];
};

#define VTD_CONTEXT_DTE	    VTD_BIT(2)
#define VTD_CONTEXT_PASIDE  VTD_BIT(3)
#define VTD_CONTEXT_PRE	    VTD_BIT(4)
#define VTD_CONTEXT_PDTS(n) ((uint64_t)(n) << 9)

/* Scalable-mode PASID directory, 9.5: an entry for 64 PASIDs, 128 << PDTS entries */
#define VTD_DIR_MIN_BITS 7u
#define VTD_LEAF_BITS	 6u

/* Scalable-mode PASID table entry, 9.6 */
struct vtd_pasid {
	struct uvdk_le64 w[8];
};

#define VTD_PASID_AW(n)	 ((uint64_t)(n) << 2) /* word 0; n + 2 levels */
#define VTD_PASID_FIRST	 (UINT64_C(1) << 6)
#define VTD_PASID_SECOND (UINT64_C(2) << 6)
#define VTD_PASID_NESTED (UINT64_C(3) << 6)
#define VTD_PASID_PGTT	 (UINT64_C(7) << 6)
#define VTD_PASID_SSADE	 VTD_BIT(9)
#define VTD_PASID_DID	 UINT64_C(0xffff) /* word 1 */
#define VTD_PASID_PWSNP	 VTD_BIT(23)
#define VTD_PASID_PGSNP	 VTD_BIT(24)
#define VTD_PASID_SRE	 VTD_BIT(0) /* word 2 */
#define VTD_PASID_5LEVEL (UINT64_C(1) << 2)
#define VTD_PASID_WPE	 VTD_BIT(4)
#define VTD_PASID_EAFE	 VTD_BIT(7)

/* First-stage paging entries, 9.7 */
#define VTD_FS_P  VTD_BIT(0)
#define VTD_FS_RW VTD_BIT(1)
#define VTD_FS_US VTD_BIT(2)
#define VTD_FS_A  VTD_BIT(5)
#define VTD_FS_D  VTD_BIT(6)

/* Second-stage paging entries, 9.8 */
#define VTD_SS_R   VTD_BIT(0)
#define VTD_SS_W   VTD_BIT(1)
#define VTD_SS_D   VTD_BIT(9)
#define VTD_SS_SNP VTD_BIT(11) /* leaves; reserved without ECAP.SC */

#define VTD_PS	   VTD_BIT(7) /* both: a leaf above the last level */

static_assert(sizeof(struct vtd_desc) == 1 << VTD_IQ_SHIFT, "6.5.2");
static_assert(sizeof(struct vtd_root) == 16, "9.2");
static_assert(sizeof(struct vtd_context) == 32, "9.4");
static_assert(sizeof(struct vtd_pasid) == 64, "9.6");

/* Hardware reads and writes entries at any time, 64 bits at once. */
static inline uint64_t vtd_get(const struct uvdk_le64 *entry)
{
	struct uvdk_le64 v = {__atomic_load_n(&entry->raw, __ATOMIC_ACQUIRE)};

	return uvdk_get64(v);
}

/* What was stored before is seen by whoever sees this. */
static inline void vtd_set(struct uvdk_le64 *entry, uint64_t value)
{
	__atomic_store_n(&entry->raw, uvdk_to_le64(value).raw, __ATOMIC_RELEASE);
}

static inline uint64_t vtd_exchange(struct uvdk_le64 *entry, uint64_t value)
{
	uint64_t was = __atomic_exchange_n(&entry->raw, uvdk_to_le64(value).raw, __ATOMIC_ACQ_REL);

	return uvdk_get64((struct uvdk_le64){was});
}

static inline uint64_t vtd_clear_bits(struct uvdk_le64 *entry, uint64_t bits)
{
	uint64_t was = __atomic_fetch_and(&entry->raw, ~uvdk_to_le64(bits).raw, __ATOMIC_ACQ_REL);

	return uvdk_get64((struct uvdk_le64){was});
}

static inline uint64_t vtd_addr(const void *memory)
{
	return (uint64_t)(uintptr_t)memory;
}

static inline void *vtd_memory(uint64_t addr)
{
	return (void *)(uintptr_t)addr; /* NOLINT: a physical address is one of ours */
}

#endif /* UVDK_DRV_IOMMU_EMU_VTD_H */
