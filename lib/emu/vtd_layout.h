/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_VTD_LAYOUT_H
#define UVDK_EMU_VTD_LAYOUT_H

#include <stdint.h>

/*
 * Registers, tables and descriptors of a remapping unit: Intel Virtualization
 * Technology for Directed I/O, Architecture Specification, revision 4.1. For
 * the model alone: whoever drives it brings a description of their own.
 */
#define BIT(n)		    (UINT64_C(1) << (n))
#define BITS(value, hi, lo) (((value) >> (lo)) & (BIT((hi) - (lo) + 1) - 1))
#define FIELD(value, lo)    ((uint64_t)(value) << (lo))
#define SPAN(hi, lo)	    ((BIT((hi) - (lo) + 1) - 1) << (lo))

/* Host address width: what is above is reserved in all tables. */
#define HAW	   48
#define BEYOND_HAW SPAN(63, HAW)

/* Registers, 11.4. */
enum {
	REG_VER = 0x00,
	REG_CAP = 0x08,
	REG_ECAP = 0x10,
	REG_GCMD = 0x18,
	REG_GSTS = 0x1c,
	REG_RTADDR = 0x20,
	REG_FSTS = 0x34,
	REG_FECTL = 0x38,
	REG_FEDATA = 0x3c,
	REG_FEADDR = 0x40,
	REG_FEUADDR = 0x44,
	REG_IQH = 0x80,
	REG_IQT = 0x88,
	REG_IQA = 0x90,
	REG_ICS = 0x9c,
	REG_IECTL = 0xa0,
	REG_IEUADDR = 0xac,
	REG_IQERCD = 0xb0,
	REG_PQH = 0xc0,
	REG_PQT = 0xc8,
	REG_PQA = 0xd0,
	REG_PRS = 0xdc,
	REG_PECTL = 0xe0,
	REG_PEUADDR = 0xec,
	REG_FRCD = 0x400, /* where CAP.FRO says */
	REG_END = 0x500,
};

#define VTD_FRCD_COUNT 16

/* CAP, 11.4.2 */
#define CAP_ND_64K   FIELD(6, 0)
#define CAP_CM	     BIT(7)
#define CAP_SAGAW_39 BIT(9)
#define CAP_SAGAW_48 BIT(10)
#define CAP_SAGAW_57 BIT(11)
#define CAP_MGAW(w)  FIELD((w)-1, 16)
#define CAP_FRO	     FIELD(REG_FRCD / 16, 24)
#define CAP_SSLPS    FIELD(3, 34) /* 2 MiB and 1 GiB */
#define CAP_PSI	     BIT(39)
#define CAP_NFR	     FIELD(VTD_FRCD_COUNT - 1, 40)
#define CAP_MAMV     FIELD(18, 48)
#define CAP_DRAIN    (BIT(54) | BIT(55))
#define CAP_FS1GP    BIT(56)
#define CAP_FS5LP    BIT(60)

/* ECAP, 11.4.3 */
#define ECAP_C	   BIT(0)
#define ECAP_QI	   BIT(1)
#define ECAP_DT	   BIT(2)
#define ECAP_PT	   BIT(6)
#define ECAP_SC	   BIT(7)
#define ECAP_NEST  BIT(26)
#define ECAP_PRS   BIT(29)
#define ECAP_ERS   BIT(30)
#define ECAP_SRS   BIT(31)
#define ECAP_PSS   FIELD(19, 35) /* 20 bits of PASID */
#define ECAP_PASID BIT(40)
#define ECAP_PDS   BIT(42) /* requests are in the queue before their function goes on */
#define ECAP_SMTS  BIT(43)
#define ECAP_SSADS BIT(45)
#define ECAP_SSTS  BIT(46)
#define ECAP_FSTS  BIT(47)
#define ECAP_SMPWC BIT(48)
#define ECAP_RPS   BIT(49)

/* GCMD and GSTS, 11.4.4: the same bits */
#define GCMD_TE		    BIT(31)
#define GCMD_SRTP	    BIT(30)
#define GCMD_QIE	    BIT(26)

#define RTADDR_TTM(r)	    BITS(r, 11, 10)
#define RTADDR_TTM_SCALABLE 1

/* FSTS, 11.4.9 */
#define FSTS_PFO    BIT(0)
#define FSTS_PPF    BIT(1)
#define FSTS_IQE    BIT(4)
#define FSTS_ICE    BIT(5)
#define FSTS_ITE    BIT(6)
#define FSTS_W1C    (FSTS_PFO | FSTS_IQE | FSTS_ICE | FSTS_ITE)
#define FSTS_EVENTS (FSTS_W1C | FSTS_PPF)

/* FRCD, 11.4.14, upper half */
#define FRCD_T2	   BIT(28) /* with T1: 0 write, 1 page request, 2 read */
#define FRCD_PRIV  BIT(29)
#define FRCD_EXE   BIT(30)
#define FRCD_PP	   BIT(31)
#define FRCD_FR(r) FIELD(r, 32)
#define FRCD_PV(p) FIELD(p, 40)
#define FRCD_T1	   BIT(62)
#define FRCD_F	   BIT(63)

/* IQA, 11.4.16.3; IQERCD.IQEI, 11.4.16.9 */
#define IQA_DW		BIT(11)
#define IQA_QS(r)	BITS(r, 2, 0)
#define IQEI_TAIL	1
#define IQEI_FETCH	2
#define IQEI_TYPE	3
#define IQEI_RESERVED	4
#define IQEI_WIDTH	5
#define IQEI_TAIL_ALIGN 6

/* FECTL, 11.4.7, and PECTL, 11.4.11 */
#define EVENT_IM BIT(31)
#define EVENT_IP BIT(30)

#define ICS_IWC	 BIT(0)
#define PRS_PPR	 BIT(0)
#define PRS_PRO	 BIT(1)

/* Root and context entries in scalable mode, 9.2 and 9.4 */
#define ROOT_PRESENT  BIT(0)
#define ROOT_RESERVED SPAN(11, 1)
#define CTX_PRESENT   BIT(0)
#define CTX_FPD	      BIT(1)
#define CTX_DTE	      BIT(2)
#define CTX_PASIDE    BIT(3)
#define CTX_PRE	      BIT(4)
#define CTX_PDTS(c)   BITS(c, 11, 9)
#define CTX_RESERVED0 SPAN(8, 5)
#define CTX_RID_PASID SPAN(19, 0)
#define CTX_RID_PRIV  BIT(20)
#define CTX_RESERVED1 SPAN(63, 21)

/* PASID directory and table entries, 9.5 and 9.6 */
#define PDE_PRESENT   BIT(0)
#define PDE_FPD	      BIT(1)
#define PDE_RESERVED  SPAN(11, 2)
#define PTE_WORDS     8
#define PTE_PRESENT   BIT(0)
#define PTE_FPD	      BIT(1)
#define PTE_AW(w)     BITS(w, 4, 2)
#define PTE_SSEE      BIT(5)
#define PTE_PGTT(w)   BITS(w, 8, 6)
#define PTE_SSADE     BIT(9)
#define PTE_RESERVED0 SPAN(11, 10)
#define PTE_DID(w)    BITS(w, 15, 0)
#define PTE_RESERVED1 SPAN(22, 16)
#define PTE_PGSNP     BIT(24)
#define PTE_SRE	      BIT(0)
#define PTE_ERE	      BIT(1)
#define PTE_FSPM(w)   BITS(w, 3, 2)
#define PTE_WPE	      BIT(4)
#define PTE_NXE	      BIT(5)
#define PTE_RESERVED2 (SPAN(11, 8))
#define PGTT_FIRST    1
#define PGTT_SECOND   2
#define PGTT_NESTED   3
#define PGTT_PASS     4

/* First-stage entries, 9.7 */
#define FS_P  BIT(0)
#define FS_RW BIT(1)
#define FS_US BIT(2)
#define FS_A  BIT(5)
#define FS_D  BIT(6)
#define FS_PS BIT(7)
#define FS_XD BIT(63)

/* Second-stage entries, 9.8 */
#define SS_R   BIT(0)
#define SS_W   BIT(1)
#define SS_X   BIT(2)
#define SS_PS  BIT(7)
#define SS_A   BIT(8)
#define SS_D   BIT(9)
#define SS_SNP BIT(11)

/* Invalidation descriptors, 6.5.2 */
#define DESC_TYPE(w)  (BITS(w, 3, 0) | BITS(w, 11, 9) << 4)
#define DESC_G(w)     BITS(w, 5, 4)
#define DESC_DID(w)   BITS(w, 31, 16)
#define DESC_PASID(w) BITS(w, 51, 32)
#define DESC_AM(w)    BITS(w, 5, 0)
#define DESC_IH	      BIT(6)
enum {
	DESC_CONTEXT = 1,
	DESC_IOTLB = 2,
	DESC_DEVTLB = 3,
	DESC_IEC = 4,
	DESC_WAIT = 5,
	DESC_PASID_IOTLB = 6,
	DESC_PASID_CACHE = 7,
	DESC_PASID_DEVTLB = 8,
	DESC_PAGE_RESPONSE = 9,
};
#define WAIT_IF BIT(4)
#define WAIT_SW BIT(5)
#define WAIT_FN BIT(6)
#define WAIT_PD BIT(7)

/* Fault reasons, 7.1.3 */
enum {
	FR_TTM = 0x31,
	FR_ROOT_ACCESS = 0x38,
	FR_ROOT_P = 0x39,
	FR_ROOT_RESERVED = 0x3a,
	FR_CTX_ACCESS = 0x40,
	FR_CTX_P = 0x41,
	FR_CTX_RESERVED = 0x42,
	FR_DTE = 0x44,
	FR_PASIDE = 0x45,
	FR_PASID_LIMIT = 0x46,
	FR_PRE = 0x47,
	FR_PDE_ACCESS = 0x50,
	FR_PDE_P = 0x51,
	FR_PDE_RESERVED = 0x52,
	FR_PTE_ACCESS = 0x58,
	FR_PTE_P = 0x59,
	FR_PTE_RESERVED = 0x5a,
	FR_PTE_INVALID = 0x5b,
	FR_ERE = 0x5c,
	FR_SRE = 0x5d,
	FR_FS_ACCESS = 0x70,
	FR_FS_P = 0x71,
	FR_FS_RESERVED = 0x72,
	FR_FS_TOP_ACCESS = 0x73,
	FR_NEST_BEYOND = 0x74,
	FR_NEST_TOP_READ = 0x75,
	FR_NEST_READ = 0x76,
	FR_NEST_WRITE = 0x77,
	FR_SS_ACCESS = 0x78,
	FR_SS_PERMISSION = 0x79,
	FR_SS_RESERVED = 0x7a,
	FR_SS_POINTER = 0x7b,
	FR_CANONICAL = 0x80,
	FR_US = 0x81,
	FR_EXEC = 0x82,
	FR_MGAW = 0x83,
	FR_SS_MGAW = 0x84,
	FR_WRITE = 0x85,
	FR_READ = 0x86,
	FR_INTERRUPT = 0x87,
};

#endif /* UVDK_EMU_VTD_LAYOUT_H */
