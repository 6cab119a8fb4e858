// SPDX-License-Identifier: BSD-3-Clause
#include "virtio_net_model_testing.h"

const uint8_t vt_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

void vt_avail(struct vt_queue *q, uint16_t head)
{
	q->avail[2 + q->avail_idx % q->size] = head;
	q->avail_idx++;
	__atomic_store_n(&q->avail[1], q->avail_idx, __ATOMIC_RELEASE);
}

void vt_ring(struct vt *t, struct vt_queue *q)
{
	vt_write(t, q->doorbell, 2, q->index);
}

/* Fill in the next descriptor in ring order; with NEXT it points at the one after. */
uint16_t vt_put(struct vt *t, struct vt_queue *q, void *va, uint32_t len, uint16_t flags)
{
	uint16_t i = q->next_desc;

	q->next_desc = (uint16_t)((i + 1) % q->size);
	q->desc[i].addr = vt_iova(t, va);
	q->desc[i].len = len;
	q->desc[i].flags = flags;
	q->desc[i].next = flags & NEXT ? q->next_desc : 0;

	return i;
}

unsigned int vt_used(struct vt_queue *q)
{
	return (uint16_t)(__atomic_load_n(&q->used[1], __ATOMIC_ACQUIRE) - q->last_used);
}

bool vt_take(struct vt_queue *q, uint32_t *id, uint32_t *len)
{
	unsigned int slot = q->last_used % q->size;
	const uint8_t *at = (const uint8_t *)(uintptr_t)q->used + 4 + 8 * slot;

	if (!vt_used(q))
		return false;
	memcpy(id, at, 4);
	memcpy(len, at + 4, 4);
	q->last_used++;

	return true;
}

/* @count buffers of @len bytes, one after the other, offered and rung. */
uint8_t *vt_rx_buffers(struct vt *t, struct vt_queue *q, unsigned int count, uint32_t len)
{
	uint8_t *first = vt_alloc(t, (size_t)count * len, 64, NULL);

	for (unsigned int i = 0; i < count; i++)
		vt_avail(q, vt_put(t, q, first + (size_t)i * len, len, WRITE));
	vt_ring(t, q);

	return first;
}

/* Header and frame in one buffer; not rung. Returns the header. */
uint8_t *vt_send(struct vt *t, struct vt_queue *q, const void *frame, uint32_t len)
{
	uint8_t *pkt = vt_alloc(t, HDR + len, 2, NULL);

	memset(pkt, 0, HDR);
	memcpy(pkt + HDR, frame, len);
	vt_avail(q, vt_put(t, q, pkt, HDR + len, 0));

	return pkt;
}

/* A frame from someone, of a local experimental type, filled with @tag. */
void vt_frame(uint8_t *f, size_t len, const uint8_t dst[6], uint8_t tag)
{
	memset(f, tag, len);
	memcpy(f, dst, 6);
	memcpy(f + 6, "\x02\x00\x00\x00\x00\x09", 6);
	f[12] = 0x88;
	f[13] = 0xb5;
}

/* One of those to everybody; not rung. */
void vt_send_frame(struct vt *t, struct vt_queue *q, uint32_t len, uint8_t tag)
{
	uint8_t *pkt = vt_alloc(t, HDR + len, 2, NULL);

	memset(pkt, 0, HDR);
	vt_frame(pkt + HDR, len, vt_broadcast, tag);
	vt_avail(q, vt_put(t, q, pkt, HDR + len, 0));
}

/* One command, in three descriptors; returns the acknowledgement. */
uint8_t vt_ctrl(struct vt *t, uint8_t class, uint8_t cmd, const void *data, uint32_t len)
{
	struct vt_queue *q = &t->q[t->features & F_MQ ? 2 * vt_read(t, t->device + 8, 2) : 2];
	uint8_t *buf = vt_alloc(t, 2 + len + 1, 2, NULL);
	uint32_t id, used;
	uint16_t head;

	buf[0] = class;
	buf[1] = cmd;
	memcpy(buf + 2, data, len);
	buf[2 + len] = 0xff;
	head = vt_put(t, q, buf, 2, NEXT);
	vt_put(t, q, buf + 2, len, NEXT);
	vt_put(t, q, buf + 2 + len, 1, WRITE);
	vt_avail(q, head);
	vt_ring(t, q);
	vt_steps(t, 2);
	if (!vt_take(q, &id, &used))
		return 0xff;
	cr_expect_eq(id, head);
	cr_expect_eq(used, 1);

	return buf[2 + len];
}

struct uvdk_emu_virtio_net_stats vt_stats(struct vt *t)
{
	struct uvdk_emu_virtio_net_stats stats;

	cr_assert_eq(uvdk_emu_virtio_net_get_stats(t->emu, t->name, &stats), 0);

	return stats;
}

const char *vt_violation(struct vt *t, unsigned int index)
{
	static char text[256];

	text[0] = '\0';
	uvdk_emu_virtio_net_violation(t->emu, t->name, index, text, sizeof(text));

	return text;
}

void vt_expect_clean(struct vt *t)
{
	struct uvdk_emu_fault fault;

	cr_expect_eq(vt_stats(t).violations, 0, "%s", vt_violation(t, 0));
	cr_expect_eq(uvdk_emu_faults(t->emu, &fault, 1, NULL), 0);
	cr_expect_eq(vt_status(t) & 0x40, 0);
}

/* The last of a test that broke no rule. */
void vt_end_clean(struct vt *t)
{
	vt_expect_clean(t);
	vt_machine_end(t);
}
