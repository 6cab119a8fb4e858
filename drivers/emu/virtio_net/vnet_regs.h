/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VNET_REGS_H
#define VNET_REGS_H

/*
 * virtio 1.2 as the device sees it. Numbers in parentheses are sections.
 */

#include <uvdk_base_driver.h>

/* Identity (4.1.2): device ID is 0x1040 + device type 1 (5.1.1). */
#define VNET_VENDOR    0x1af4
#define VNET_DEVICE    0x1041
#define VNET_SUBDEVICE 0x1100 /* 0x40 or above */
#define VNET_REVISION  1
#define VNET_CLASS     0x020000

/* Capability, behind ID and next pointer (4.1.4) */
#define VNET_CAP_ID 0x09

struct vnet_cap {
	uint8_t cap_len;
	uint8_t cfg_type;
	uint8_t bar;
	uint8_t id;
	uint8_t padding[2];
	struct uvdk_le32 offset;
	struct uvdk_le32 length;
	struct uvdk_le32 extra; /* notify: multiplier; PCI access: data window */
} __attribute__((packed));

_Static_assert(sizeof(struct vnet_cap) == 18, "virtio 1.2, 4.1.4.4");

#define VNET_CAP_LEN	   16 /* with ID and next pointer */
#define VNET_CAP_LEN_EXTRA 20

enum vnet_cap_type {
	VNET_CAP_COMMON = 1,
	VNET_CAP_NOTIFY = 2,
	VNET_CAP_ISR = 3,
	VNET_CAP_DEVICE = 4,
	VNET_CAP_PCI = 5,
};

/* Common configuration (4.1.4.3) */
#define VNET_C_DEVICE_FEATURE_SELECT 0x00
#define VNET_C_DEVICE_FEATURE	     0x04
#define VNET_C_DRIVER_FEATURE_SELECT 0x08
#define VNET_C_DRIVER_FEATURE	     0x0c
#define VNET_C_CONFIG_VECTOR	     0x10
#define VNET_C_NUM_QUEUES	     0x12
#define VNET_C_STATUS		     0x14
#define VNET_C_GENERATION	     0x15
#define VNET_C_QUEUE_SELECT	     0x16
#define VNET_C_QUEUE_SIZE	     0x18
#define VNET_C_QUEUE_VECTOR	     0x1a
#define VNET_C_QUEUE_ENABLE	     0x1c
#define VNET_C_QUEUE_NOTIFY_OFF	     0x1e
#define VNET_C_QUEUE_DESC	     0x20
#define VNET_C_QUEUE_DRIVER	     0x28
#define VNET_C_QUEUE_DEVICE	     0x30
#define VNET_C_NOTIFY_DATA	     0x38
#define VNET_C_QUEUE_RESET	     0x3a
#define VNET_C_LENGTH		     0x3c

#define VNET_NO_VECTOR		     0xffff

/* Device status (2.1) */
#define VNET_S_ACKNOWLEDGE 0x01
#define VNET_S_DRIVER	   0x02
#define VNET_S_DRIVER_OK   0x04
#define VNET_S_FEATURES_OK 0x08
#define VNET_S_NEEDS_RESET 0x40
#define VNET_S_FAILED	   0x80
#define VNET_S_KNOWN	   0xcf

/* ISR (4.1.4.5) */
#define VNET_ISR_QUEUE	0x1
#define VNET_ISR_CONFIG 0x2

/* Feature bits (5.1.3, 6) */
#define VNET_F_CSUM	       (UINT64_C(1) << 0)
#define VNET_F_GUEST_CSUM      (UINT64_C(1) << 1)
#define VNET_F_MTU	       (UINT64_C(1) << 3)
#define VNET_F_MAC	       (UINT64_C(1) << 5)
#define VNET_F_MRG_RXBUF       (UINT64_C(1) << 15)
#define VNET_F_STATUS	       (UINT64_C(1) << 16)
#define VNET_F_CTRL_VQ	       (UINT64_C(1) << 17)
#define VNET_F_CTRL_RX	       (UINT64_C(1) << 18)
#define VNET_F_MQ	       (UINT64_C(1) << 22)
#define VNET_F_CTRL_MAC_ADDR   (UINT64_C(1) << 23)
#define VNET_F_INDIRECT_DESC   (UINT64_C(1) << 28)
#define VNET_F_EVENT_IDX       (UINT64_C(1) << 29)
#define VNET_F_VERSION_1       (UINT64_C(1) << 32)
#define VNET_F_ACCESS_PLATFORM (UINT64_C(1) << 33)
#define VNET_F_IN_ORDER	       (UINT64_C(1) << 35)

/* Device configuration (5.1.4) */
#define VNET_D_MAC	      0x00
#define VNET_D_STATUS	      0x06
#define VNET_D_MAX_PAIRS      0x08
#define VNET_D_MTU	      0x0a
#define VNET_D_LENGTH	      0x0c

#define VNET_D_STATUS_LINK_UP 0x1

/* Header before every frame (5.1.6) */
struct vnet_hdr {
	uint8_t flags;
	uint8_t gso_type;
	struct uvdk_le16 hdr_len;
	struct uvdk_le16 gso_size;
	struct uvdk_le16 csum_start;
	struct uvdk_le16 csum_offset;
	struct uvdk_le16 num_buffers;
};

_Static_assert(sizeof(struct vnet_hdr) == 12, "virtio 1.2, 5.1.6");

#define VNET_HDR_LEN	    12
#define VNET_HDR_NEEDS_CSUM 0x1
#define VNET_HDR_DATA_VALID 0x2
#define VNET_HDR_RSC_INFO   0x4

/* Control queue (5.1.6.5) */
#define VNET_CTRL_RX	      0
#define VNET_CTRL_RX_PROMISC  0
#define VNET_CTRL_RX_ALLMULTI 1
#define VNET_CTRL_MAC	      1
#define VNET_CTRL_MAC_TABLE   0
#define VNET_CTRL_MAC_ADDR    1
#define VNET_CTRL_MQ	      4
#define VNET_CTRL_MQ_PAIRS    0
#define VNET_CTRL_OK	      0
#define VNET_CTRL_ERR	      1

/* Where this device puts them: BAR 1 for MSI-X, BAR 4 for the rest. */
#define VNET_BAR_MSIX	  1
#define VNET_MSIX_PBA	  0x800
#define VNET_BAR	  4
#define VNET_BAR_SIZE	  0x4000
#define VNET_AT_COMMON	  0x0000
#define VNET_AT_ISR	  0x1000
#define VNET_AT_DEVICE	  0x2000
#define VNET_AT_NOTIFY	  0x3000
#define VNET_NOTIFY_SPACE 0x1000

#endif /* VNET_REGS_H */
