// SPDX-License-Identifier: BSD-3-Clause
#include "emu_virtio_priv.h"

/* What a doorbell got wrong; kept without the lock until step looks. */
enum {
	BAD_WIDTH = 1,
	BAD_VALUE,
	BAD_TIME,
	BAD_QUEUE,
};

static const char *const bad_text[] = {
	[BAD_WIDTH] = "not 16 bits wide, or between two doorbells (4.1.5.2)",
	[BAD_VALUE] = "the value is not the queue's index (4.1.5.2)",
	[BAD_TIME] = "before DRIVER_OK (3.1.1)",
	[BAD_QUEUE] = "no such queue, or not enabled",
};

/* The selected queue, or NULL if there is none with that index (4.1.4.3.1). */
static struct uvdk_emu_virtio_queue *selected(struct uvdk_emu_virtio *v)
{
	unsigned int count = v->max_queues;

	if (__atomic_load_n(&v->status, __ATOMIC_SEQ_CST) & UVDK_EMU_VIRTIO_S_FEATURES_OK)
		count = (unsigned int)__atomic_load_n(&v->queues, __ATOMIC_SEQ_CST);

	return v->queue_select < count ? &v->queue[v->queue_select] : NULL;
}

uint64_t virtio_queue_read(struct uvdk_emu_virtio *v, uint64_t off)
{
	const struct uvdk_emu_virtio_queue *q = selected(v);

	if (!q)
		return off == VIRTIO_C_QUEUE_VECTOR ? UVDK_EMU_VIRTIO_NO_VECTOR : 0;

	switch (off) {
	case VIRTIO_C_QUEUE_SIZE:
		return q->size;
	case VIRTIO_C_QUEUE_VECTOR:
		return q->vector;
	case VIRTIO_C_QUEUE_ENABLE:
		return q->enabled;
	case VIRTIO_C_QUEUE_NOTIFY_OFF:
		return uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_NOTIFY_RANGE) ? 0xfff0u
									     : v->queue_select;
	case VIRTIO_C_QUEUE_DESC:
		return (uint32_t)q->desc;
	case VIRTIO_C_QUEUE_DESC + 4:
		return q->desc >> 32;
	case VIRTIO_C_QUEUE_DRIVER:
		return (uint32_t)q->driver;
	case VIRTIO_C_QUEUE_DRIVER + 4:
		return q->driver >> 32;
	case VIRTIO_C_QUEUE_DEVICE:
		return (uint32_t)q->device;
	case VIRTIO_C_QUEUE_DEVICE + 4:
		return q->device >> 32;
	default:
		return 0;
	}
}

static void enable(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q, uint64_t value)
{
	struct uvdk_emu_virtq_conf conf = {
		.size = q->size,
		.desc = q->desc,
		.driver = q->driver,
		.device = q->device,
		.indirect = uvdk_emu_virtio_has(v, UVDK_EMU_VIRTIO_F_INDIRECT),
		.event_idx = uvdk_emu_virtio_has(v, UVDK_EMU_VIRTIO_F_EVENT_IDX),
		.in_order = uvdk_emu_virtio_has(v, UVDK_EMU_VIRTIO_F_IN_ORDER),
		.batch = q->batch,
	};

	if (value != 1)
		uvdk_emu_virtio_violate(v, "%u written to queue_enable of queue %u (4.1.4.3.2)",
					(unsigned int)value, v->queue_select);
	else if (uvdk_emu_virtq_start(&q->vq, &conf))
		uvdk_emu_virtio_broken(v, q);
	else
		q->enabled = true;
}

static void set_size(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q, uint64_t value)
{
	if (value == 0 || value > v->max_size || (value & (value - 1)))
		uvdk_emu_virtio_violate(v, "queue %u: size %u, the greatest is %u (4.1.4.3.2)",
					v->queue_select, (unsigned int)value, v->max_size);
	else
		q->size = (uint16_t)value;
}

static void set_half(uint64_t *address, bool high, uint64_t value)
{
	unsigned int shift = high ? 32 : 0;

	*address = (*address & ~(UINT64_C(0xffffffff) << shift)) | value << shift;
}

static const char *too_late_or_early(struct uvdk_emu_virtio *v,
				     const struct uvdk_emu_virtio_queue *q)
{
	unsigned int status = __atomic_load_n(&v->status, __ATOMIC_SEQ_CST);

	if (!q)
		return "there is no such queue";
	if (!(status & UVDK_EMU_VIRTIO_S_FEATURES_OK))
		return "before FEATURES_OK (3.1.1)";
	if (status & UVDK_EMU_VIRTIO_S_DRIVER_OK)
		return "after DRIVER_OK (3.1.1)";
	if (q->enabled)
		return "while it is enabled (4.1.4.3.2)";

	return NULL;
}

void virtio_queue_write(struct uvdk_emu_virtio *v, uint64_t off, uint64_t value)
{
	struct uvdk_emu_virtio_queue *q = selected(v);
	const char *why = too_late_or_early(v, q);

	if (why) {
		uvdk_emu_virtio_violate(v, "queue %u set up (0x%x written): %s", v->queue_select,
					(unsigned int)off, why);
		return;
	}

	switch (off) {
	case VIRTIO_C_QUEUE_SIZE:
		set_size(v, q, value);
		break;
	case VIRTIO_C_QUEUE_VECTOR:
		q->vector = (uint16_t)value;
		break;
	case VIRTIO_C_QUEUE_ENABLE:
		enable(v, q, value);
		break;
	case VIRTIO_C_QUEUE_DESC:
	case VIRTIO_C_QUEUE_DESC + 4:
		set_half(&q->desc, off != VIRTIO_C_QUEUE_DESC, value);
		break;
	case VIRTIO_C_QUEUE_DRIVER:
	case VIRTIO_C_QUEUE_DRIVER + 4:
		set_half(&q->driver, off != VIRTIO_C_QUEUE_DRIVER, value);
		break;
	case VIRTIO_C_QUEUE_DEVICE:
	case VIRTIO_C_QUEUE_DEVICE + 4:
		set_half(&q->device, off != VIRTIO_C_QUEUE_DEVICE, value);
		break;
	default:
		break;
	}
}

/* Any thread, no lock: an atomic store, and let step do the work. */
void virtio_notify(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width, uint64_t value)
{
	unsigned int status = __atomic_load_n(&v->status, __ATOMIC_RELAXED);
	unsigned int mult = v->multiplier;
	uint64_t index = mult ? off / mult : value;
	unsigned int bad = 0;

	if (width != 2 || (mult && off % mult) || (!mult && off))
		bad = BAD_WIDTH;
	else if (!(status & UVDK_EMU_VIRTIO_S_DRIVER_OK))
		bad = BAD_TIME;
	else if (index >= __atomic_load_n(&v->queues, __ATOMIC_RELAXED))
		bad = BAD_QUEUE;
	else if (value != index)
		bad = BAD_VALUE;

	if (bad) {
		__atomic_store_n(&v->bad_notify, bad << 16 | (unsigned int)(index & 0xffff),
				 __ATOMIC_SEQ_CST);
	} else {
		__atomic_fetch_add(&v->queue[index].notifications, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&v->queue[index].kicked, true, __ATOMIC_RELEASE);
	}
	uvdk_emu_kick(v->fn);
}

bool virtio_check_notify(struct uvdk_emu_virtio *v)
{
	unsigned int bad;

	if (!__atomic_load_n(&v->bad_notify, __ATOMIC_RELAXED))
		return false;
	bad = __atomic_exchange_n(&v->bad_notify, 0, __ATOMIC_SEQ_CST);
	if (bad)
		uvdk_emu_virtio_violate(v, "doorbell for queue %u: %s", bad & 0xffff,
					bad_text[bad >> 16]);

	return bad;
}

/* Is there reason to look at this queue? Then the driver need not ring. */
UVDK_EXPORT bool uvdk_emu_virtio_looking(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q)
{
	if (__atomic_load_n(&q->kicked, __ATOMIC_RELAXED) &&
	    __atomic_exchange_n(&q->kicked, false, __ATOMIC_ACQ_REL)) {
		if (!q->enabled) {
			uvdk_emu_virtio_violate(v, "doorbell for queue %u: %s",
						(unsigned int)(q - v->queue), bad_text[BAD_QUEUE]);
			return false;
		}
		q->more = true;
	}
	if (q->more && uvdk_emu_virtq_notify_off(&q->vq))
		uvdk_emu_virtio_broken(v, q);

	return v->live && q->more;
}

UVDK_EXPORT void uvdk_emu_virtio_broken(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q)
{
	uvdk_emu_virtio_violate(v, "queue %u: %s", (unsigned int)(q - v->queue), q->vq.why);
}

/* The queue is empty: sleep until the doorbell, unless something came. */
UVDK_EXPORT bool uvdk_emu_virtio_rest(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q)
{
	int more = uvdk_emu_virtq_notify_on(&q->vq);

	q->more = more > 0;
	if (more < 0)
		uvdk_emu_virtio_broken(v, q);

	return q->more;
}

void virtio_irq(struct uvdk_emu_virtio *v, uint16_t vector, uint8_t isr)
{
	if (virtio_msix_on(v)) {
		if (vector != UVDK_EMU_VIRTIO_NO_VECTOR)
			uvdk_emu_irq(v->fn, vector);
		return;
	}
	v->isr |= isr;
	uvdk_emu_irq(v->fn, 0);
}

/* The data path's misbehaviour starts late, if asked to. */
static bool evil_now(const struct uvdk_emu_virtio *v, unsigned int evil)
{
	return uvdk_emu_virtio_evil(v, evil) && v->used_total >= v->evil_after;
}

static void lie(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q, bool written)
{
	struct uvdk_emu_virtq_lie *l = &q->vq.lie;

	if (evil_now(v, UVDK_EMU_VIRTIO_USED_IDX))
		l->idx = 0x4000;
	if (evil_now(v, UVDK_EMU_VIRTIO_USED_ID)) {
		l->set_id = true;
		l->id = q->size + 7u;
	}
	l->twice = evil_now(v, UVDK_EMU_VIRTIO_USED_TWICE);
	if (written && evil_now(v, UVDK_EMU_VIRTIO_USED_LEN)) {
		l->set_len = true;
		l->len = 0x7ffffff0;
	} else if (written && evil_now(v, UVDK_EMU_VIRTIO_USED_SHORT)) {
		l->set_len = true;
		l->len = 3;
	}
}

UVDK_EXPORT void uvdk_emu_virtio_flush(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q,
				       bool written)
{
	unsigned int count = q->vq.pending;
	bool interrupt;

	if (count == 0 || q->vq.broken)
		return;
	if (v->evil)
		lie(v, q, written);
	if (uvdk_emu_virtq_flush(&q->vq, &interrupt)) {
		uvdk_emu_virtio_broken(v, q);
		return;
	}

	v->used_total += count;
	if (interrupt) {
		v->interrupts++;
		virtio_irq(v, q->vector, UVDK_EMU_VIRTIO_ISR_QUEUE);
	}
	if (evil_now(v, UVDK_EMU_VIRTIO_NEEDS_RESET))
		uvdk_emu_virtio_needs_reset(v);
}
