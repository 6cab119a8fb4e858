// SPDX-License-Identifier: BSD-3-Clause
#include "vnet_priv.h"

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
static struct vnet_queue *selected(struct vnet *m)
{
	unsigned int count = 2 * m->conf.pairs + !!(m->offered & VNET_F_CTRL_VQ);

	if (atomic_load(&m->status) & VNET_S_FEATURES_OK)
		count = (unsigned int)atomic_load(&m->queues);

	return m->queue_select < count ? &m->queue[m->queue_select] : NULL;
}

uint64_t vnet_queue_read(struct vnet *m, uint64_t off)
{
	const struct vnet_queue *q = selected(m);

	if (!q)
		return off == VNET_C_QUEUE_VECTOR ? VNET_NO_VECTOR : 0;

	switch (off) {
	case VNET_C_QUEUE_SIZE:
		return q->size;
	case VNET_C_QUEUE_VECTOR:
		return q->vector;
	case VNET_C_QUEUE_ENABLE:
		return q->enabled;
	case VNET_C_QUEUE_NOTIFY_OFF:
		return vnet_evil(m, VNET_EVIL_NOTIFY_RANGE) ? 0xfff0u : m->queue_select;
	case VNET_C_QUEUE_DESC:
		return (uint32_t)q->desc;
	case VNET_C_QUEUE_DESC + 4:
		return q->desc >> 32;
	case VNET_C_QUEUE_DRIVER:
		return (uint32_t)q->driver;
	case VNET_C_QUEUE_DRIVER + 4:
		return q->driver >> 32;
	case VNET_C_QUEUE_DEVICE:
		return (uint32_t)q->device;
	case VNET_C_QUEUE_DEVICE + 4:
		return q->device >> 32;
	default:
		return 0;
	}
}

static void enable(struct vnet *m, struct vnet_queue *q, uint64_t value)
{
	struct uvdk_emu_virtq_conf conf = {
		.size = q->size,
		.desc = q->desc,
		.driver = q->driver,
		.device = q->device,
		.indirect = vnet_has(m, VNET_F_INDIRECT_DESC),
		.event_idx = vnet_has(m, VNET_F_EVENT_IDX),
		.in_order = vnet_has(m, VNET_F_IN_ORDER),
		.batch = m->conf.batch && (m->queue_select & 1),
	};

	if (value != 1)
		vnet_violate(m, "%u written to queue_enable of queue %u (4.1.4.3.2)",
			     (unsigned int)value, m->queue_select);
	else if (uvdk_emu_virtq_start(&q->vq, &conf))
		vnet_queue_broken(m, q);
	else
		q->enabled = true;
}

static void set_size(struct vnet *m, struct vnet_queue *q, uint64_t value)
{
	if (value == 0 || value > m->conf.size || (value & (value - 1)))
		vnet_violate(m, "queue %u: size %u, the greatest is %u (4.1.4.3.2)",
			     m->queue_select, (unsigned int)value, m->conf.size);
	else
		q->size = (uint16_t)value;
}

static void set_half(uint64_t *address, bool high, uint64_t value)
{
	unsigned int shift = high ? 32 : 0;

	*address = (*address & ~(UINT64_C(0xffffffff) << shift)) | value << shift;
}

static const char *too_late_or_early(struct vnet *m, const struct vnet_queue *q)
{
	unsigned int status = atomic_load(&m->status);

	if (!q)
		return "there is no such queue";
	if (!(status & VNET_S_FEATURES_OK))
		return "before FEATURES_OK (3.1.1)";
	if (status & VNET_S_DRIVER_OK)
		return "after DRIVER_OK (3.1.1)";
	if (q->enabled)
		return "while it is enabled (4.1.4.3.2)";

	return NULL;
}

void vnet_queue_write(struct vnet *m, uint64_t off, uint64_t value)
{
	struct vnet_queue *q = selected(m);
	const char *why = too_late_or_early(m, q);

	if (why) {
		vnet_violate(m, "queue %u set up (0x%x written): %s", m->queue_select,
			     (unsigned int)off, why);
		return;
	}

	switch (off) {
	case VNET_C_QUEUE_SIZE:
		set_size(m, q, value);
		break;
	case VNET_C_QUEUE_VECTOR:
		q->vector = (uint16_t)value;
		break;
	case VNET_C_QUEUE_ENABLE:
		enable(m, q, value);
		break;
	case VNET_C_QUEUE_DESC:
	case VNET_C_QUEUE_DESC + 4:
		set_half(&q->desc, off != VNET_C_QUEUE_DESC, value);
		break;
	case VNET_C_QUEUE_DRIVER:
	case VNET_C_QUEUE_DRIVER + 4:
		set_half(&q->driver, off != VNET_C_QUEUE_DRIVER, value);
		break;
	case VNET_C_QUEUE_DEVICE:
	case VNET_C_QUEUE_DEVICE + 4:
		set_half(&q->device, off != VNET_C_QUEUE_DEVICE, value);
		break;
	default:
		break;
	}
}

/* Any thread, no lock: an atomic store, and let step do the work. */
void vnet_notify(struct vnet *m, uint64_t off, unsigned int width, uint64_t value)
{
	unsigned int status = atomic_load_explicit(&m->status, memory_order_relaxed);
	unsigned int mult = m->conf.multiplier;
	uint64_t index = mult ? off / mult : value;
	unsigned int bad = 0;

	if (width != 2 || (mult && off % mult) || (!mult && off))
		bad = BAD_WIDTH;
	else if (!(status & VNET_S_DRIVER_OK))
		bad = BAD_TIME;
	else if (index >= atomic_load_explicit(&m->queues, memory_order_relaxed))
		bad = BAD_QUEUE;
	else if (value != index)
		bad = BAD_VALUE;

	if (bad) {
		atomic_store(&m->bad_notify, bad << 16 | (unsigned int)(index & 0xffff));
	} else {
		atomic_fetch_add_explicit(&m->queue[index].notifications, 1, memory_order_relaxed);
		atomic_store_explicit(&m->queue[index].kicked, true, memory_order_release);
	}
	uvdk_emu_kick(m->fn);
}

bool vnet_check_notify(struct vnet *m)
{
	unsigned int bad;

	if (!atomic_load_explicit(&m->bad_notify, memory_order_relaxed))
		return false;
	bad = atomic_exchange(&m->bad_notify, 0);
	if (bad)
		vnet_violate(m, "doorbell for queue %u: %s", bad & 0xffff, bad_text[bad >> 16]);

	return bad;
}

/* Is there reason to look at this queue? Then the driver need not ring. */
bool vnet_looking(struct vnet *m, struct vnet_queue *q)
{
	if (atomic_load_explicit(&q->kicked, memory_order_relaxed) &&
	    atomic_exchange_explicit(&q->kicked, false, memory_order_acq_rel)) {
		if (!q->enabled) {
			vnet_violate(m, "doorbell for queue %u: %s", (unsigned int)(q - m->queue),
				     bad_text[BAD_QUEUE]);
			return false;
		}
		q->more = true;
	}
	if (q->more && uvdk_emu_virtq_notify_off(&q->vq))
		vnet_queue_broken(m, q);

	return m->live && q->more;
}

void vnet_queue_broken(struct vnet *m, struct vnet_queue *q)
{
	vnet_violate(m, "queue %u: %s", (unsigned int)(q - m->queue), q->vq.why);
}

/* The queue is empty: sleep until the doorbell, unless something came. */
bool vnet_rest(struct vnet *m, struct vnet_queue *q)
{
	int more = uvdk_emu_virtq_notify_on(&q->vq);

	q->more = more > 0;
	if (more < 0)
		vnet_queue_broken(m, q);

	return q->more;
}

void vnet_irq(struct vnet *m, uint16_t vector, uint8_t isr)
{
	if (vnet_msix_on(m)) {
		if (vector != VNET_NO_VECTOR)
			uvdk_emu_irq(m->fn, vector);
		return;
	}
	m->isr |= isr;
	uvdk_emu_irq(m->fn, 0);
}

static void lie(struct vnet *m, struct vnet_queue *q, bool rx)
{
	struct uvdk_emu_virtq_lie *l = &q->vq.lie;

	if (vnet_evil_now(m, VNET_EVIL_USED_IDX))
		l->idx = 0x4000;
	if (vnet_evil_now(m, VNET_EVIL_USED_ID)) {
		l->set_id = true;
		l->id = q->size + 7u;
	}
	l->twice = vnet_evil_now(m, VNET_EVIL_USED_TWICE);
	if (rx && vnet_evil_now(m, VNET_EVIL_USED_LEN)) {
		l->set_len = true;
		l->len = 0x7ffffff0;
	} else if (rx && vnet_evil_now(m, VNET_EVIL_USED_SHORT)) {
		l->set_len = true;
		l->len = 3;
	}
}

void vnet_flush(struct vnet *m, struct vnet_queue *q, bool rx)
{
	unsigned int count = q->vq.pending;
	bool interrupt;

	if (count == 0 || q->vq.broken)
		return;
	if (m->evil)
		lie(m, q, rx);
	if (uvdk_emu_virtq_flush(&q->vq, &interrupt)) {
		vnet_queue_broken(m, q);
		return;
	}

	m->used_total += count;
	if (interrupt) {
		m->stats.interrupts++;
		vnet_irq(m, q->vector, VNET_ISR_QUEUE);
	}
	if (vnet_evil_now(m, VNET_EVIL_NEEDS_RESET))
		vnet_needs_reset(m);
}
