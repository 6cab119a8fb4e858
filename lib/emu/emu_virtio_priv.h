/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_VIRTIO_PRIV_H
#define EMU_VIRTIO_PRIV_H

/*
 * virtio 1.2 as a device on PCI sees it. Numbers in parentheses are sections.
 */

#include <uvdk_base_driver.h>
#include <uvdk_emu_virtio.h>

/* Identity (4.1.2): device ID is 0x1040 + device type. */
#define VIRTIO_VENDOR	 0x1af4
#define VIRTIO_DEVICE	 0x1040
#define VIRTIO_SUBDEVICE 0x1100 /* 0x40 or above */
#define VIRTIO_REVISION	 1

/* Capability, behind ID and next pointer (4.1.4) */
#define VIRTIO_CAP_ID 0x09

struct virtio_cap {
	uint8_t cap_len;
	uint8_t cfg_type;
	uint8_t bar;
	uint8_t id;
	uint8_t padding[2];
	struct uvdk_le32 offset;
	struct uvdk_le32 length;
	struct uvdk_le32 extra; /* notify: multiplier; PCI access: data window */
} __attribute__((packed));

_Static_assert(sizeof(struct virtio_cap) == 18, "virtio 1.2, 4.1.4.4");

#define VIRTIO_CAP_LEN	     16 /* with ID and next pointer */
#define VIRTIO_CAP_LEN_EXTRA 20

enum virtio_cap_type {
	VIRTIO_CAP_COMMON = 1,
	VIRTIO_CAP_NOTIFY = 2,
	VIRTIO_CAP_ISR = 3,
	VIRTIO_CAP_DEVICE = 4,
	VIRTIO_CAP_PCI = 5,
};

/* Common configuration (4.1.4.3) */
#define VIRTIO_C_DEVICE_FEATURE_SELECT 0x00
#define VIRTIO_C_DEVICE_FEATURE	       0x04
#define VIRTIO_C_DRIVER_FEATURE_SELECT 0x08
#define VIRTIO_C_DRIVER_FEATURE	       0x0c
#define VIRTIO_C_CONFIG_VECTOR	       0x10
#define VIRTIO_C_NUM_QUEUES	       0x12
#define VIRTIO_C_STATUS		       0x14
#define VIRTIO_C_GENERATION	       0x15
#define VIRTIO_C_QUEUE_SELECT	       0x16
#define VIRTIO_C_QUEUE_SIZE	       0x18
#define VIRTIO_C_QUEUE_VECTOR	       0x1a
#define VIRTIO_C_QUEUE_ENABLE	       0x1c
#define VIRTIO_C_QUEUE_NOTIFY_OFF      0x1e
#define VIRTIO_C_QUEUE_DESC	       0x20
#define VIRTIO_C_QUEUE_DRIVER	       0x28
#define VIRTIO_C_QUEUE_DEVICE	       0x30
#define VIRTIO_C_NOTIFY_DATA	       0x38
#define VIRTIO_C_QUEUE_RESET	       0x3a
#define VIRTIO_C_LENGTH		       0x3c
/* Device status (2.1) */
#define VIRTIO_S_ACKNOWLEDGE 0x01
#define VIRTIO_S_DRIVER	     0x02
#define VIRTIO_S_FAILED	     0x80
#define VIRTIO_S_KNOWN	     0xcf

/* Where this device puts them: BAR 1 for MSI-X, BAR 4 for the rest. */
#define VIRTIO_MSIX_PBA	    0x800
#define VIRTIO_BAR_SIZE	    0x4000
#define VIRTIO_AT_COMMON    0x0000
#define VIRTIO_AT_ISR	    0x1000
#define VIRTIO_AT_DEVICE    0x2000
#define VIRTIO_AT_NOTIFY    0x3000
#define VIRTIO_NOTIFY_SPACE 0x1000

/* virtio_layout.c */
bool virtio_msix_on(const struct uvdk_emu_virtio *v);

/* virtio_common.c */
uint64_t virtio_common_read(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width);
void virtio_common_write(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width,
			 uint64_t value);

/* virtio_status.c */
void virtio_write_status(struct uvdk_emu_virtio *v, uint8_t value);
void virtio_write_features(struct uvdk_emu_virtio *v, uint32_t value);

/* virtio_queue.c */
uint64_t virtio_queue_read(struct uvdk_emu_virtio *v, uint64_t off);
void virtio_queue_write(struct uvdk_emu_virtio *v, uint64_t off, uint64_t value);
void virtio_notify(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width, uint64_t value);
bool virtio_check_notify(struct uvdk_emu_virtio *v);
void virtio_irq(struct uvdk_emu_virtio *v, uint16_t vector, uint8_t isr);

#endif /* EMU_VIRTIO_PRIV_H */
