/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* Registers, descriptors and records as the specification lays them out. */

#define BIT64(n) (UINT64_C(1) << (n))

/* What this device has. */
#define NR_WQS		16u /* at most: struct dsa_opts has how many */
#define NR_GROUPS	4u
#define NR_ENGINES	4u
#define NR_READ_BUFFERS 96u
#define TOTAL_SIZE	128u /* entries of all work queues */
#define PRS_CAPACITY	512u

/* BAR 0 (9.2). */
enum reg {
	REG_VERSION = 0x00,
	REG_GENCAP = 0x10,
	REG_WQCAP = 0x20,
	REG_GRPCAP = 0x30,
	REG_ENGCAP = 0x38,
	REG_OPCAP = 0x40, /* 256 bits */
	REG_OFFSETS = 0x60,
	REG_GENCFG = 0x80,
	REG_GENCTRL = 0x88,
	REG_GENSTS = 0x90,
	REG_INTCAUSE = 0x98,
	REG_CMD = 0xa0,
	REG_CMDSTS = 0xa8,
	REG_CMDCAP = 0xb0,
	REG_SWERR = 0xc0, /* 32 bytes */
	/* Tables; where they are is for REG_OFFSETS to say. */
	TAB_GRPCFG = 0x400,
	TAB_WQCFG = 0x500,
	TAB_MSIXPERM = 0x900,
	TAB_IMS = 0x1000,
	TAB_PERFMON = 0x1000,
};

#define GRPCFG_SIZE	64u
#define GRPCFG_ENGINES	32u
#define GRPCFG_FLAGS	40u
#define WQCFG_SIZE_MAX	64u
#define MSIXPERM_SIZE	8u

#define GENCAP_BLOCK	BIT64(0)
#define GENCAP_OVERLAP	BIT64(1)
#define GENCAP_CACHE	(BIT64(2) | BIT64(3))
#define GENCAP_CMDCAP	BIT64(4)
#define GENCAP_READBACK BIT64(8)
#define GENCAP_SIZE	16
#define GENCAP_BATCH	21
#define GENCAP_CONFIG	BIT64(31)

#define WQCAP_SHARED	BIT64(48)
#define WQCAP_DEDICATED BIT64(49)
#define WQCAP_ATS	BIT64(50)
#define WQCAP_PRIORITY	BIT64(51)
#define WQCAP_OCCUPANCY BIT64(52)
#define WQCAP_OPCFG	BIT64(54)

#define GENCTRL_SWERR	0x1u
#define GENCTRL_HALT	0x2u

enum device_state { DEV_DISABLED, DEV_ENABLED, DEV_DRAIN, DEV_HALT };
enum reset_type { RESET_SOFTWARE, RESET_FLR };

#define CAUSE_SWERR   0x01u
#define CAUSE_CMD     0x02u
#define CAUSE_HALT    0x10u

#define CMD_OPERAND   0xfffffu
#define CMD_CODE(v)   ((v) >> 20 & 0x1f)
#define CMD_RESERVED  0x7e000000u
#define CMD_IRQ	      0x80000000u
#define CMDSTS_ACTIVE 0x80000000u

enum command {
	CMD_ENABLE = 1,
	CMD_DISABLE,
	CMD_DRAIN_ALL,
	CMD_ABORT_ALL,
	CMD_RESET,
	CMD_ENABLE_WQ,
	CMD_DISABLE_WQ,
	CMD_DRAIN_WQ,
	CMD_ABORT_WQ,
	CMD_RESET_WQ,
	CMD_DRAIN_PASID,
	CMD_ABORT_PASID,
	CMD_REQUEST_HANDLE,
	CMD_RELEASE_HANDLE,
};

/* Error codes of CMDSTS (9.2.11). */
enum cmd_error {
	CE_OK = 0x00,
	CE_CODE = 0x01,
	CE_WQ_INDEX = 0x02,
	CE_HARDWARE = 0x03,
	CE_RESERVED = 0x04,
	CE_NOT_DISABLED = 0x10,
	CE_BUS_MASTER = 0x12,
	CE_PRS_ALLOC = 0x13,
	CE_WQ_SIZES = 0x14,
	CE_GROUP_EMPTY = 0x15,	 /* queues without engines, or the reverse */
	CE_GROUP_WQ = 0x16,	 /* a queue in no group, in two, or without size */
	CE_GROUP_ENGINE = 0x17,	 /* an engine in two, or one that is not there */
	CE_GROUP_BUFFERS = 0x18, /* read buffers */
	CE_NOT_ENABLED = 0x20,
	CE_WQ_NOT_DISABLED = 0x21,
	CE_WQ_SIZE = 0x22,
	CE_WQ_PRIORITY = 0x23,
	CE_WQ_MODE = 0x24,
	CE_WQ_BLOCK = 0x25,
	CE_WQ_PASID = 0x26,
	CE_WQ_BATCH = 0x27,
	CE_WQ_TRANSFER = 0x28,
	CE_WQ_PRIV = 0x2a,
	CE_DEV_NOT_ENABLED = 0x31,
	CE_WQ_NOT_ENABLED = 0x32,
	CE_VECTOR = 0x41,
	CE_NOT_A_HANDLE = 0x43,
};

/* WQCFG (9.2.18): dword and bits. */
#define WQ_SIZE(c)	((c)[0] & 0xffff)
#define WQ_DEDICATED(c) ((c)[2] & 0x1)
#define WQ_BLOCK(c)	((c)[2] & 0x2)
#define WQ_PRIORITY(c)	((c)[2] >> 4 & 0xf)
#define WQ_PASID(c)	((c)[2] >> 8 & 0xfffff)
#define WQ_PASID_ON(c)	((c)[2] >> 28 & 0x1)
#define WQ_PRIV(c)	((c)[2] >> 29 & 0x1)
#define WQ_TRANSFER(c)	((c)[3] & 0x1f)
#define WQ_BATCH(c)	((c)[3] >> 5 & 0xf)
#define WQCFG_STATUS	6u /* dword that tells: occupancy, mode support, state */
#define WQCFG_OPCFG	8u
enum wq_state { WQ_DISABLED, WQ_ENABLED, WQ_BUSY };

/* MSIXPERM (9.2.19). */
#define PERM_IGNORE   0x4u
#define PERM_PASID_ON 0x8u
#define PERM_PASID(v) ((v) >> 12)

/* SWERR (9.2.14), first word. */
#define SWERR_VALID    BIT64(0)
#define SWERR_OVERFLOW BIT64(1)
#define SWERR_DESC     BIT64(2)
#define SWERR_WQ       BIT64(3)
#define SWERR_BATCH    BIT64(4)
#define SWERR_WRITE    BIT64(5)

/* Error codes of what was submitted in a wrong way. */
enum submit_error {
	SE_WQ_DISABLED = 0x51,
	SE_SHARED = 0x52,
	SE_FULL = 0x54,
};

/* Descriptors (8.1). */
enum opcode {
	OP_NOOP = 0x00,
	OP_BATCH = 0x01,
	OP_DRAIN = 0x02,
	OP_MOVE = 0x03,
	OP_FILL = 0x04,
	OP_COMPARE = 0x05,
	OP_COMPARE_PATTERN = 0x06,
	OP_CREATE_DELTA = 0x07,
	OP_APPLY_DELTA = 0x08,
	OP_DUALCAST = 0x09,
	OP_CRC = 0x10,
	OP_COPY_CRC = 0x11,
	OP_FLUSH = 0x20,
	NR_OPS = 0x21,
};

#define DESC_SIZE	  64u
#define DESC_PASID	  0xfffffu
#define DESC_RESERVED	  0x7ff00000u
#define DESC_PRIV	  0x80000000u

#define FLAG_FENCE	  0x000001u
#define FLAG_BLOCK	  0x000002u
#define FLAG_RECORD_VALID 0x000004u
#define FLAG_RECORD	  0x000008u
#define FLAG_IRQ	  0x000010u
#define FLAG_RECORD_STEER 0x000020u
#define FLAG_CHECK	  0x000080u
#define FLAG_CACHE	  0x000100u
#define FLAG_TC1	  0x000200u
#define FLAG_TC2	  0x000400u
#define FLAG_TC3	  0x000800u
#define FLAG_RECORD_TC	  0x001000u
#define FLAG_STRICT	  0x002000u
#define FLAG_READBACK	  0x004000u
#define FLAG_DEST_STEER	  0x008000u
#define FLAG_CRC_SEED	  0x010000u /* the seed is in memory */
#define FLAG_CRC_RAW	  0x020000u /* neither inverted nor reflected */
#define FLAG_CRC_DATA	  0x040000u /* bytes are not reflected */

/* Status in a completion record (8.2). */
enum status {
	ST_NONE = 0x00,
	ST_SUCCESS = 0x01,
	ST_FALSE = 0x02,
	ST_FAULT = 0x03,
	ST_FAULT_REFUSED = 0x04,
	ST_BATCH = 0x05,
	ST_BATCH_FAULT = 0x06,
	ST_DELTA_ORDER = 0x07,
	ST_DELTA_RANGE = 0x08,
	ST_OPCODE = 0x10,
	ST_FLAGS = 0x11,
	ST_RESERVED = 0x12,
	ST_SIZE = 0x13,
	ST_COUNT = 0x14,
	ST_DELTA_SIZE = 0x15,
	ST_OVERLAP = 0x16,
	ST_DUALCAST = 0x17,
	ST_LIST_ALIGN = 0x18,
	ST_HANDLE = 0x19,
	ST_RECORD_FAULT = 0x1a,
	ST_RECORD_ALIGN = 0x1b,
	ST_ALIGN = 0x1c,
	ST_PRIV = 0x1d,
	ST_WRITE = 0x80, /* with a fault: by a write */
};

#define RECORD_SIZE    32u
#define DELTA_ENTRY    10u	/* offset in units of 8 bytes, data */
#define DELTA_MIN      80u	/* bytes of a delta record */
#define DELTA_SIZE_MAX 0x80000u /* what such an offset reaches */

static inline uint16_t get16(const void *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));

	return le16toh(v);
}

static inline uint32_t get32(const void *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));

	return le32toh(v);
}

static inline uint64_t get64(const void *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));

	return le64toh(v);
}

static inline void put16(void *at, uint16_t v)
{
	v = htole16(v);
	memcpy(at, &v, sizeof(v));
}

static inline void put32(void *at, uint32_t v)
{
	v = htole32(v);
	memcpy(at, &v, sizeof(v));
}

static inline void put64(void *at, uint64_t v)
{
	v = htole64(v);
	memcpy(at, &v, sizeof(v));
}

#endif /* LAYOUT_H */
