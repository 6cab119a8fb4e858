/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VNET_REGS_H
#define VNET_REGS_H

/*
 * virtio 1.2 as the device sees it. Numbers in parentheses are sections.
 */

#include <uvdk_base_driver.h>

#define VNET_TYPE  1 /* 5.1.1 */
#define VNET_CLASS 0x020000

/* Feature bits (5.1.3, 6) */
#define VNET_F_CSUM	     (UINT64_C(1) << 0)
#define VNET_F_GUEST_CSUM    (UINT64_C(1) << 1)
#define VNET_F_MTU	     (UINT64_C(1) << 3)
#define VNET_F_MAC	     (UINT64_C(1) << 5)
#define VNET_F_MRG_RXBUF     (UINT64_C(1) << 15)
#define VNET_F_STATUS	     (UINT64_C(1) << 16)
#define VNET_F_CTRL_VQ	     (UINT64_C(1) << 17)
#define VNET_F_CTRL_RX	     (UINT64_C(1) << 18)
#define VNET_F_MQ	     (UINT64_C(1) << 22)
#define VNET_F_CTRL_MAC_ADDR (UINT64_C(1) << 23)

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

#endif /* VNET_REGS_H */
