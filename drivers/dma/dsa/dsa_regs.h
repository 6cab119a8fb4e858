/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DSA_REGS_H
#define UVDK_DSA_REGS_H

#include <uvdk_base_driver.h>

/*
 * Intel Data Streaming Accelerator Architecture Specification (341204): registers of BAR 0
 * (section 9.2), portals of BAR 2 (3.2), descriptors (8.1) and completion records (8.2).
 */
#define DSA_VENDOR	      0x8086
#define DSA_REGS_BAR	      0
#define DSA_PORTAL_BAR	      2

#define DSA_VERSION	      0x00 /* major in bits 15:8, minor in 7:0 */

#define DSA_GENCAP	      0x10
#define DSA_GENCAP_BOF	      (1u << 0) /* block on fault */
#define DSA_GENCAP_OVERLAP    (1u << 1) /* overlapping copies */
#define DSA_GENCAP_CACHE      (1u << 2) /* cache control of memory writes */
#define DSA_GENCAP_CMDCAP     (1u << 4) /* DSA_CMDCAP tells which commands there are */
#define DSA_GENCAP_XFER(v)    ((unsigned int)((v) >> 16) & 0x1f) /* log2 of bytes */
#define DSA_GENCAP_BATCH(v)   ((unsigned int)((v) >> 21) & 0xf)	 /* log2 of descriptors */
#define DSA_GENCAP_CONFIG     (1u << 31)			 /* can be configured */

#define DSA_WQCAP	      0x20
#define DSA_WQCAP_SIZE(v)     ((unsigned int)((v)&0xffff)) /* entries of all queues */
#define DSA_WQCAP_WQS(v)      ((unsigned int)((v) >> 16) & 0xff)
#define DSA_WQCAP_CFG(v)      (5 + ((unsigned int)((v) >> 24) & 0xf)) /* log2 of a WQCFG */
#define DSA_WQCAP_DEDICATED   (UINT64_C(1) << 49)
#define DSA_WQCAP_PRIORITY    (UINT64_C(1) << 51)
#define DSA_WQCAP_OPCFG	      (UINT64_C(1) << 54)

#define DSA_GRPCAP	      0x30
#define DSA_GRPCAP_GROUPS(v)  ((unsigned int)((v)&0xff))
#define DSA_GRPCAP_RDBUFS(v)  ((unsigned int)((v) >> 8) & 0xff)

#define DSA_ENGCAP	      0x38
#define DSA_ENGCAP_ENGINES(v) ((unsigned int)((v)&0xff))

#define DSA_OPCAP	      0x40 /* 256 bits: opcodes */

#define DSA_OFFSETS	      0x60 /* where the tables are, in units of 256 bytes */
#define DSA_OFFSETS_GRPCFG(v) (((v)&0xffff) * 0x100)
#define DSA_OFFSETS_WQCFG(v)  (((v) >> 16 & 0xffff) * 0x100)
#define DSA_OFFSETS_PERM(v)   (((v) >> 32 & 0xffff) * 0x100)
#define DSA_TABLES_FIRST      0x100

#define DSA_GENCTRL	      0x88
#define DSA_GENSTS	      0x90
#define DSA_GENSTS_STATE      0x3
enum dsa_state {
	DSA_DISABLED = 0,
	DSA_ENABLED = 1,
	DSA_DRAINING = 2,
	DSA_HALTED = 3,
};

#define DSA_INTCAUSE	     0x98

#define DSA_CMD		     0xa0
#define DSA_CMD_SHIFT	     20
#define DSA_CMDSTS	     0xa8
#define DSA_CMDSTS_ACTIVE    (1u << 31)
#define DSA_CMDSTS_ERROR(v)  ((unsigned int)((v)&0xff))
#define DSA_CMDSTS_RESULT(v) ((unsigned int)((v) >> 8) & 0xffff)
#define DSA_CMDCAP	     0xb0 /* bit n: command n */
enum dsa_cmd {
	DSA_CMD_ENABLE_DEVICE = 1,
	DSA_CMD_DISABLE_DEVICE = 2,
	DSA_CMD_ABORT_ALL = 4,
	DSA_CMD_RESET_DEVICE = 5,
	DSA_CMD_ENABLE_WQ = 6,
	DSA_CMD_DISABLE_WQ = 7,
	DSA_CMD_DRAIN_WQ = 8,
	DSA_CMD_ABORT_WQ = 9,
	DSA_CMD_REQUEST_INT_HANDLE = 13,
	DSA_CMD_RELEASE_INT_HANDLE = 14,
};

/* Commands on queues name them by bits of a group of 16, but for ENABLE_WQ, which has a number. */
#define DSA_WQ_OPERAND(wq) (1u << ((wq) % 16) | (wq) / 16 << 16)

#define DSA_SWERR	   0xc0 /* 32 bytes */
#define DSA_SWERR_VALID	   (1u << 0)
#define DSA_SWERR_OVERFLOW (1u << 1)
#define DSA_SWERR_WQ_VALID (1u << 3)
#define DSA_SWERR_BATCH	   (1u << 4)
#define DSA_SWERR_CODE(v)  ((unsigned int)((v) >> 8) & 0xff)
#define DSA_SWERR_WQ(v)	   ((unsigned int)((v) >> 16) & 0xff)
#define DSA_SWERR_OP(v)	   ((unsigned int)((v) >> 32) & 0xff)
#define DSA_SWERR_PASID(v) ((unsigned int)((v) >> 40) & 0xfffff)
#define DSA_SWERR_ADDR	   (DSA_SWERR + 16)

/* A group: 256 bits of queues, 64 bits of engines, flags. */
#define DSA_GRPCFG_SIZE	   64
#define DSA_GRPCFG_ENGINES 32
#define DSA_GRPCFG_FLAGS   40
#define DSA_GRP_TC_A(n)	   ((uint64_t)(n))
#define DSA_GRP_TC_B(n)	   ((uint64_t)(n) << 3)
#define DSA_GRP_RDBUFS(n)  ((uint64_t)(n) << 20) /* read buffers allowed */

/* A queue's configuration: 32-bit registers. */
#define DSA_WQCFG_ENTRIES	   0x00
#define DSA_WQCFG_THRESH	   0x04
#define DSA_WQCFG_MODE		   0x08
#define DSA_WQ_DEDICATED	   (1u << 0)
#define DSA_WQ_BOF		   (1u << 1)
#define DSA_WQ_PRIORITY(n)	   ((n) << 4)
#define DSA_WQ_PASID(n)		   ((n) << 8)
#define DSA_WQ_PASID_EN		   (1u << 28)
#define DSA_WQCFG_LIMITS	   0x0c
#define DSA_WQ_LIMITS(xfer, batch) ((xfer) | (batch) << 5)
#define DSA_WQCFG_STATE		   0x18
#define DSA_WQ_STATE(v)		   ((unsigned int)((v) >> 30) & 3)
#define DSA_WQCFG_OPS		   0x20 /* 256 bits: opcodes that the queue takes */

/* Portals: four pages a queue; the first is without limit, interrupts by MSI-X. */
#define DSA_PORTAL_SHIFT 14
#define DSA_WQS_MAX	 256

/* MSI-X permissions: which PASID a vector belongs to; 8 bytes a vector. */
#define DSA_PERM_PASID_EN (1u << 3)
#define DSA_PERM_PASID(n) ((n) << 12)

enum dsa_op {
	DSA_OP_NOOP = 0,
	DSA_OP_BATCH = 1,
	DSA_OP_COPY = 3,
	DSA_OP_FILL = 4,
	DSA_OP_COMPARE = 5,
	DSA_OP_CRC = 0x10,
	DSA_OP_COPY_CRC = 0x11,
};

/*
 * A descriptor as eight little-endian words (8.1):
 *  0: 19:0 PASID, 31 privileged, 55:32 flags, 63:56 opcode
 *  1: address of the completion record
 *  2: source, pattern, or descriptor list
 *  3: destination, or second source
 *  4: 31:0 bytes, or count of descriptors; 47:32 interrupt handle
 *  5: checksum: 31:0 seed
 */
#define DSA_DESC_WORDS	  8
#define DSA_DESC_SIZE	  64
#define DSA_W0(op, flags) ((uint64_t)(op) << 56 | (uint64_t)(flags) << 32)
#define DSA_W0_OP(w)	  ((unsigned int)((w) >> 56))
#define DSA_W4_LEN(w)	  ((uint32_t)(w))
#define DSA_W4_HANDLE(h)  ((uint64_t)(h) << 32)

#define DSA_FLAG_FENCE	  (1u << 0)
#define DSA_FLAG_BOF	  (1u << 1)
#define DSA_FLAG_CRAV	  (1u << 2) /* the record's address is valid */
#define DSA_FLAG_RCR	  (1u << 3) /* write it, whatever the outcome */
#define DSA_FLAG_RCI	  (1u << 4) /* interrupt */
#define DSA_FLAG_CACHE	  (1u << 8)
#define DSA_FLAG_CRC_RAW  (1u << 17) /* seed and result neither inverted nor reversed */
#define DSA_FLAG_CRC_MSB  (1u << 18) /* bytes are not reversed */

/* What a completion record says. */
#define DSA_STATUS_MASK 0x7f
enum dsa_status {
	DSA_OK = 0x01,
	DSA_OK_PREDICATE = 0x02,
	DSA_PAGE_FAULT = 0x03,	       /* without block on fault */
	DSA_PAGE_FAULT_REFUSED = 0x04, /* the page request was answered: no */
	DSA_BATCH_FAILED = 0x05,
	DSA_BATCH_PAGE_FAULT = 0x06, /* while the list was read */
	DSA_INVALID_FIRST = 0x10,
	DSA_RECORD_FAULT = 0x1a,
	DSA_INVALID_LAST = 0x1e,
	DSA_READBACK_FAULT = 0x1f,
	DSA_TRANSLATION_FAILED = 0x22,
};

struct dsa_rec {
	uint8_t status;
	uint8_t result; /* comparison: differs; copy: ran backwards */
	uint8_t reserved[2];
	struct uvdk_le32 done;
	struct uvdk_le64 fault;
	struct uvdk_le64 value; /* checksum */
	struct uvdk_le64 reserved2;
};
_Static_assert(sizeof(struct dsa_rec) == 32, "completion record, 8.2");

#endif /* UVDK_DSA_REGS_H */
