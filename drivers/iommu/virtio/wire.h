/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_WIRE_H
#define VIOMMU_WIRE_H

#include <stddef.h>

#include <uvdk_base_driver.h>

/* What goes over the queues: virtio 1.2, 5.13.6. */

/* Bytes that the device reads: all of the request but its tail. */
#define WIRE_ATTACH_LEN 20
#define WIRE_DETACH_LEN 20
#define WIRE_MAP_LEN	36
#define WIRE_UNMAP_LEN	28
#define WIRE_PROBE_LEN	72

/* @type: one byte, and three reserved ones (5.13.6: head) */
struct wire_attach {
	struct uvdk_le32 type;
	struct uvdk_le32 domain;
	struct uvdk_le32 endpoint;
	struct uvdk_le32 flags;
	uint8_t reserved[4];
};

struct wire_detach {
	struct uvdk_le32 type;
	struct uvdk_le32 domain;
	struct uvdk_le32 endpoint;
	uint8_t reserved[8];
};

struct wire_map {
	struct uvdk_le32 type;
	struct uvdk_le32 domain;
	struct uvdk_le64 first;
	struct uvdk_le64 last;
	struct uvdk_le64 phys;
	struct uvdk_le32 flags;
};

struct wire_unmap {
	struct uvdk_le32 type;
	struct uvdk_le32 domain;
	struct uvdk_le64 first;
	struct uvdk_le64 last;
	uint8_t reserved[4];
};

struct wire_probe {
	struct uvdk_le32 type;
	struct uvdk_le32 endpoint;
	uint8_t reserved[64];
};

/* In memory of its own: the device writes it. */
struct wire_tail {
	uint8_t status;
	uint8_t reserved[3];
};

_Static_assert(sizeof(struct wire_attach) == WIRE_ATTACH_LEN, "virtio 1.2, 5.13.6.3");
_Static_assert(offsetof(struct wire_attach, flags) == 12, "virtio 1.2, 5.13.6.3");
_Static_assert(sizeof(struct wire_detach) == WIRE_DETACH_LEN, "virtio 1.2, 5.13.6.4");
_Static_assert(offsetof(struct wire_map, first) == 8, "virtio 1.2, 5.13.6.5");
_Static_assert(offsetof(struct wire_map, phys) == 24, "virtio 1.2, 5.13.6.5");
_Static_assert(offsetof(struct wire_map, flags) + 4 == WIRE_MAP_LEN, "virtio 1.2, 5.13.6.5");
_Static_assert(offsetof(struct wire_unmap, last) == 16, "virtio 1.2, 5.13.6.6");
_Static_assert(offsetof(struct wire_unmap, reserved) + 4 == WIRE_UNMAP_LEN, "virtio 1.2, 5.13.6.6");
_Static_assert(sizeof(struct wire_probe) == WIRE_PROBE_LEN, "virtio 1.2, 5.13.6.7");
_Static_assert(sizeof(struct wire_tail) == 4, "virtio 1.2, 5.13.6");

/* Of the event queue (5.13.6.8). */
struct wire_fault {
	uint8_t reason;
	uint8_t reserved[3];
	struct uvdk_le32 flags;
	struct uvdk_le32 endpoint;
	uint8_t reserved2[4];
	struct uvdk_le64 address;
};

_Static_assert(sizeof(struct wire_fault) == 24, "virtio 1.2, 5.13.6.8");
_Static_assert(offsetof(struct wire_fault, address) == 16, "virtio 1.2, 5.13.6.8");

/* The kernel's header, where it is there, says the same. */
#if defined(__has_include)
#if __has_include(<linux/virtio_iommu.h>)
#include <linux/virtio_iommu.h>
#define WIRE_TAIL_AT(type) offsetof(struct virtio_iommu_req_##type, tail)
_Static_assert(WIRE_TAIL_AT(attach) == WIRE_ATTACH_LEN, "attach");
_Static_assert(WIRE_TAIL_AT(detach) == WIRE_DETACH_LEN, "detach");
_Static_assert(WIRE_TAIL_AT(map) == WIRE_MAP_LEN, "map");
_Static_assert(WIRE_TAIL_AT(unmap) == WIRE_UNMAP_LEN, "unmap");
_Static_assert(offsetof(struct virtio_iommu_req_probe, properties) == WIRE_PROBE_LEN, "probe");
_Static_assert(sizeof(struct virtio_iommu_fault) == sizeof(struct wire_fault), "fault");
#endif
#endif

#endif /* VIOMMU_WIRE_H */
