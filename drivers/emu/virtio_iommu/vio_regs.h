/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIO_REGS_H
#define VIO_REGS_H

/*
 * virtio 1.2, section 5.13, as the device sees it. Numbers in parentheses are sections.
 */

#include <uvdk_base_driver.h>

#define VIO_TYPE     23	      /* 5.13.1 */
#define VIO_CLASS    0x080600 /* an I/O MMU */

#define VIO_REQUESTQ 0
#define VIO_EVENTQ   1
#define VIO_QUEUES   2

/* Feature bits (5.13.3) */
#define VIO_F_INPUT_RANGE   (UINT64_C(1) << 0)
#define VIO_F_DOMAIN_RANGE  (UINT64_C(1) << 1)
#define VIO_F_MAP_UNMAP	    (UINT64_C(1) << 2)
#define VIO_F_BYPASS	    (UINT64_C(1) << 3)
#define VIO_F_PROBE	    (UINT64_C(1) << 4)
#define VIO_F_MMIO	    (UINT64_C(1) << 5)
#define VIO_F_BYPASS_CONFIG (UINT64_C(1) << 6)

/* Device configuration (5.13.4) */
struct vio_config {
	struct uvdk_le64 page_size_mask;
	struct uvdk_le64 input_start;
	struct uvdk_le64 input_end;
	struct uvdk_le32 domain_start;
	struct uvdk_le32 domain_end;
	struct uvdk_le32 probe_size;
	uint8_t bypass;
	uint8_t reserved[3];
};

#define VIO_D_BYPASS 0x24

_Static_assert(sizeof(struct vio_config) == 0x28, "virtio 1.2, 5.13.4");
_Static_assert(offsetof(struct vio_config, bypass) == VIO_D_BYPASS, "virtio 1.2, 5.13.4");

/* Request types and status (5.13.6) */
enum vio_type {
	VIO_T_ATTACH = 1,
	VIO_T_DETACH = 2,
	VIO_T_MAP = 3,
	VIO_T_UNMAP = 4,
	VIO_T_PROBE = 5,
	VIO_TYPES,
};

enum vio_status {
	VIO_S_OK = 0,
	VIO_S_IOERR = 1,
	VIO_S_UNSUPP = 2,
	VIO_S_DEVERR = 3,
	VIO_S_INVAL = 4,
	VIO_S_RANGE = 5,
	VIO_S_NOENT = 6,
	VIO_S_FAULT = 7,
	VIO_S_NOMEM = 8,
	VIO_STATUSES,
};

struct vio_head {
	uint8_t type;
	uint8_t reserved[3];
};

struct vio_tail {
	uint8_t status;
	uint8_t reserved[3];
};

/* What the driver writes of each request, without the tail. */
struct vio_attach { /* 5.13.6.3 */
	struct vio_head head;
	struct uvdk_le32 domain;
	struct uvdk_le32 endpoint;
	struct uvdk_le32 flags;
	uint8_t reserved[4];
};

#define VIO_ATTACH_F_BYPASS 0x1u

struct vio_detach { /* 5.13.6.4 */
	struct vio_head head;
	struct uvdk_le32 domain;
	struct uvdk_le32 endpoint;
	uint8_t reserved[8];
};

struct vio_map_req { /* 5.13.6.5 */
	struct vio_head head;
	struct uvdk_le32 domain;
	struct uvdk_le64 virt_start;
	struct uvdk_le64 virt_end;
	struct uvdk_le64 phys_start;
	struct uvdk_le32 flags;
} __attribute__((packed));

#define VIO_MAP_F_READ	0x1u
#define VIO_MAP_F_WRITE 0x2u
#define VIO_MAP_F_MMIO	0x4u

struct vio_unmap { /* 5.13.6.6 */
	struct vio_head head;
	struct uvdk_le32 domain;
	struct uvdk_le64 virt_start;
	struct uvdk_le64 virt_end;
	uint8_t reserved[4];
} __attribute__((packed));

struct vio_probe { /* 5.13.6.7 */
	struct vio_head head;
	struct uvdk_le32 endpoint;
	uint8_t reserved[64];
};

_Static_assert(sizeof(struct vio_attach) == 20, "virtio 1.2, 5.13.6.3");
_Static_assert(sizeof(struct vio_detach) == 20, "virtio 1.2, 5.13.6.4");
_Static_assert(sizeof(struct vio_map_req) == 36, "virtio 1.2, 5.13.6.5");
_Static_assert(sizeof(struct vio_unmap) == 28, "virtio 1.2, 5.13.6.6");
_Static_assert(sizeof(struct vio_probe) == 72, "virtio 1.2, 5.13.6.7");

#define VIO_READ_MAX 72

/* Properties (5.13.6.8) */
#define VIO_PROBE_T_RESV_MEM 1

struct vio_resv_mem {
	struct uvdk_le16 type; /* 12 bits; 4 reserved */
	struct uvdk_le16 length;
	uint8_t subtype;
	uint8_t reserved[3];
	struct uvdk_le64 start;
	struct uvdk_le64 end;
};

_Static_assert(sizeof(struct vio_resv_mem) == 24, "virtio 1.2, 5.13.6.8.1");

#define VIO_PROPERTY_HEAD 4
#define VIO_RESV_RESERVED 0
#define VIO_RESV_MSI	  1

/* Fault report (5.13.6.9) */
struct vio_fault {
	uint8_t reason;
	uint8_t reserved[3];
	struct uvdk_le32 flags;
	struct uvdk_le32 endpoint;
	struct uvdk_le32 reserved1;
	struct uvdk_le64 address;
};

_Static_assert(sizeof(struct vio_fault) == 24, "virtio 1.2, 5.13.6.9");

#define VIO_FAULT_R_UNKNOWN 0
#define VIO_FAULT_R_DOMAIN  1
#define VIO_FAULT_R_MAPPING 2
#define VIO_FAULT_F_READ    0x001u
#define VIO_FAULT_F_WRITE   0x002u
#define VIO_FAULT_F_ADDRESS 0x100u

#endif /* VIO_REGS_H */
