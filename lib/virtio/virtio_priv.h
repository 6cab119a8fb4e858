/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_VIRTIO_PRIV_H
#define UVDK_VIRTIO_PRIV_H

#include <stddef.h>

#include <uvdk_virtio_driver.h>

/* virtio 1.2, 4.1.4: vendor-specific PCI capability. */
#define CAP_ID_VENDOR 0x09
#define CAP_COMMON    1
#define CAP_NOTIFY    2
#define CAP_ISR	      3
#define CAP_CONFIG    4

struct cap {
	uint8_t id;
	uint8_t next;
	uint8_t len;
	uint8_t type;
	uint8_t bar;
	uint8_t instance;
	uint8_t pad[2];
	struct uvdk_le32 offset;
	struct uvdk_le32 length;
	struct uvdk_le32 notify_multiplier; /* CAP_NOTIFY only (4.1.4.4) */
};

_Static_assert(sizeof(struct cap) == 20, "virtio 1.2, 4.1.4");
_Static_assert(offsetof(struct cap, bar) == 4, "virtio 1.2, 4.1.4");
_Static_assert(offsetof(struct cap, offset) == 8, "virtio 1.2, 4.1.4");
_Static_assert(offsetof(struct cap, notify_multiplier) == 16, "virtio 1.2, 4.1.4.4");

#define CAP_LEN	       16
#define CAP_NOTIFY_LEN 20

/* virtio 1.2, 4.1.4.3: common configuration. */
struct common {
	struct uvdk_le32 device_feature_select;
	struct uvdk_le32 device_feature;
	struct uvdk_le32 driver_feature_select;
	struct uvdk_le32 driver_feature;
	struct uvdk_le16 config_msix_vector;
	struct uvdk_le16 num_queues;
	uint8_t device_status;
	uint8_t config_generation;
	struct uvdk_le16 queue_select;
	struct uvdk_le16 queue_size;
	struct uvdk_le16 queue_msix_vector;
	struct uvdk_le16 queue_enable;
	struct uvdk_le16 queue_notify_off;
	struct uvdk_le64 queue_desc;
	struct uvdk_le64 queue_driver;
	struct uvdk_le64 queue_device;
};

/* What follows in newer versions (queue_notify_data, queue_reset) is not used. */
_Static_assert(sizeof(struct common) == 56, "virtio 1.2, 4.1.4.3");
_Static_assert(offsetof(struct common, num_queues) == 18, "virtio 1.2, 4.1.4.3");
_Static_assert(offsetof(struct common, device_status) == 20, "virtio 1.2, 4.1.4.3");
_Static_assert(offsetof(struct common, queue_select) == 22, "virtio 1.2, 4.1.4.3");
_Static_assert(offsetof(struct common, queue_notify_off) == 30, "virtio 1.2, 4.1.4.3");
_Static_assert(offsetof(struct common, queue_desc) == 32, "virtio 1.2, 4.1.4.3");
_Static_assert(offsetof(struct common, queue_device) == 48, "virtio 1.2, 4.1.4.3");

#define MSIX_NO_VECTOR 0xffff /* 4.1.5.1.2 */

#define COMPONENT      "virtio"

#endif /* UVDK_VIRTIO_PRIV_H */
