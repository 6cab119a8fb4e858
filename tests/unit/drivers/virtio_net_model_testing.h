/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIRTIO_NET_MODEL_TESTING_H
#define VIRTIO_NET_MODEL_TESTING_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <uvdk_base_driver.h>
#include <uvdk_device.h>
#include <uvdk_emu.h>
#include <uvdk_emu_virtio_net.h>
#include <uvdk_iommu.h>

/*
 * A driver as small as can be, by hand, for tests of the model: registers and
 * rings are written here once more, as plain numbers, from virtio 1.2.
 */

#define F_CSUM	     (UINT64_C(1) << 0)
#define F_GUEST_CSUM (UINT64_C(1) << 1)
#define F_MTU	     (UINT64_C(1) << 3)
#define F_MAC	     (UINT64_C(1) << 5)
#define F_MRG	     (UINT64_C(1) << 15)
#define F_STATUS     (UINT64_C(1) << 16)
#define F_CTRL	     (UINT64_C(1) << 17)
#define F_CTRL_RX    (UINT64_C(1) << 18)
#define F_MQ	     (UINT64_C(1) << 22)
#define F_CTRL_MAC   (UINT64_C(1) << 23)
#define F_INDIRECT   (UINT64_C(1) << 28)
#define F_EVENT	     (UINT64_C(1) << 29)
#define F_VERSION    (UINT64_C(1) << 32)
#define F_PLATFORM   (UINT64_C(1) << 33)
#define F_IN_ORDER   (UINT64_C(1) << 35)
#define F_MUST	     (F_VERSION | F_PLATFORM)
#define F_PLAIN	     (F_MUST | F_MAC)

#define NEXT	     1
#define WRITE	     2
#define INDIRECT     4

#define HDR	     12

struct vt_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct vt_queue {
	unsigned int index;
	unsigned int size;
	uint64_t doorbell; /* offset in BAR 4 */
	struct vt_desc *desc;
	volatile uint16_t *avail; /* flags, idx, ring[], used_event */
	volatile uint16_t *used;  /* flags, idx, {id, len}[], avail_event */
	uint16_t avail_idx;
	uint16_t last_used;
	uint16_t next_desc;
};

/* One port on a machine that several may share. */
struct vt {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas;
	struct uvdk_device *dev;
	const char *name;
	struct uvdk_region bar;
	uint64_t common, isr, device, notify;
	uint32_t notify_len, multiplier;
	uint64_t offered, features;
	uint8_t *mem;
	uint64_t iova; /* of mem */
	size_t taken;
	struct vt_queue q[17];
};

#define VT_MEM (8u << 20)

/* vt.c */
void vt_machine(struct vt *t);
void vt_machine_opts(struct vt *t, const struct uvdk_emu_opts *opts);
void vt_open_port(struct vt *t, const char *spec);
void vt_open(struct vt *t, const char *spec);
void vt_open_threaded(struct vt *t, const char *spec);
void vt_open_beside(struct vt *t, const struct vt *other, const char *spec);
void vt_close(struct vt *t);
void vt_machine_end(struct vt *t);
uint64_t vt_read(struct vt *t, uint64_t off, unsigned int width);
void vt_write(struct vt *t, uint64_t off, unsigned int width, uint64_t value);
uint8_t vt_status(struct vt *t);
void vt_set_status(struct vt *t, uint8_t status);
void vt_reset(struct vt *t);
uint64_t vt_offered(struct vt *t);
void vt_accept(struct vt *t, uint64_t features);
void vt_features(struct vt *t, uint64_t features);
void vt_queue(struct vt *t, unsigned int index, unsigned int size);
void vt_start(struct vt *t, uint64_t features, unsigned int queues);
void *vt_alloc(struct vt *t, size_t len, size_t align, uint64_t *iova);
uint64_t vt_iova(struct vt *t, const void *va);
void vt_steps(struct vt *t, unsigned int count);

/* ring.c */
extern const uint8_t vt_broadcast[6];
void vt_avail(struct vt_queue *q, uint16_t head);
void vt_ring(struct vt *t, struct vt_queue *q);
uint16_t vt_put(struct vt *t, struct vt_queue *q, void *va, uint32_t len, uint16_t flags);
bool vt_take(struct vt_queue *q, uint32_t *id, uint32_t *len);
unsigned int vt_used(struct vt_queue *q);
uint8_t *vt_rx_buffers(struct vt *t, struct vt_queue *q, unsigned int count, uint32_t len);
uint8_t *vt_send(struct vt *t, struct vt_queue *q, const void *frame, uint32_t len);
void vt_frame(uint8_t *f, size_t len, const uint8_t dst[6], uint8_t tag);
void vt_send_frame(struct vt *t, struct vt_queue *q, uint32_t len, uint8_t tag);
uint8_t vt_ctrl(struct vt *t, uint8_t class, uint8_t cmd, const void *data, uint32_t len);
struct uvdk_emu_virtio_net_stats vt_stats(struct vt *t);
const char *vt_violation(struct vt *t, unsigned int index);
void vt_expect_clean(struct vt *t);
void vt_end_clean(struct vt *t);

#endif /* VIRTIO_NET_MODEL_TESTING_H */
