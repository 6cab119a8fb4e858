// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "emu_virtio_priv.h"

UVDK_EXPORT void uvdk_emu_virtio_config_changed(struct uvdk_emu_virtio *v)
{
	v->generation++;
	if (__atomic_load_n(&v->status, __ATOMIC_SEQ_CST) & UVDK_EMU_VIRTIO_S_DRIVER_OK) {
		v->config_irq = true;
		uvdk_emu_kick(v->fn);
	}
}

/* Section 2.1.2: nothing moves any more, and a running driver is told. */
UVDK_EXPORT void uvdk_emu_virtio_needs_reset(struct uvdk_emu_virtio *v)
{
	unsigned int status = __atomic_load_n(&v->status, __ATOMIC_SEQ_CST);

	v->live = false;
	v->ops->running(v, false);
	if (status & UVDK_EMU_VIRTIO_S_NEEDS_RESET)
		return;
	__atomic_store_n(&v->status, status | UVDK_EMU_VIRTIO_S_NEEDS_RESET, __ATOMIC_SEQ_CST);
	uvdk_emu_virtio_config_changed(v);
}

static void keep(struct uvdk_emu_virtio *v, const char *fmt, va_list ap)
{
	char text[sizeof(v->violation[0])];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (v->violations < UVDK_EMU_VIRTIO_VIOLATIONS)
		memcpy(v->violation[v->violations], text, sizeof(text));
	v->violations++;
	uvdk_log(UVDK_LOG_WARN, v->ops->log, "%s: the driver broke a rule: %s",
		 uvdk_emu_fn_name(v->fn), text);
}

UVDK_EXPORT void uvdk_emu_virtio_note(struct uvdk_emu_virtio *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	keep(v, fmt, ap);
	va_end(ap);
}

UVDK_EXPORT void uvdk_emu_virtio_violate(struct uvdk_emu_virtio *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	keep(v, fmt, ap);
	va_end(ap);
	uvdk_emu_virtio_needs_reset(v);
}

static uint16_t offered_size(const struct uvdk_emu_virtio *v)
{
	if (uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_QUEUE_SIZE_0))
		return 0;
	if (uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_QUEUE_SIZE_HUGE))
		return 65535;
	if (uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_QUEUE_SIZE_ODD))
		return 100;

	return v->max_size;
}

static void reset_queue(struct uvdk_emu_virtio *v, struct uvdk_emu_virtio_queue *q)
{
	q->size = offered_size(v);
	q->vector = UVDK_EMU_VIRTIO_NO_VECTOR;
	q->enabled = false;
	q->desc = q->driver = q->device = 0;
	q->more = false;
	__atomic_store_n(&q->kicked, false, __ATOMIC_SEQ_CST);
}

UVDK_EXPORT void uvdk_emu_virtio_reset(struct uvdk_emu_virtio *v)
{
	__atomic_store_n(&v->status, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->queues, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->bad_notify, 0, __ATOMIC_SEQ_CST);
	v->offered = v->device_features;
	if (uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_NO_VERSION1))
		v->offered &= ~UVDK_EMU_VIRTIO_F_VERSION_1;
	v->features = 0;
	v->device_select = v->driver_select = 0;
	v->config_vector = UVDK_EMU_VIRTIO_NO_VECTOR;
	v->queue_select = 0;
	v->isr = 0;
	v->config_irq = false;
	v->live = false;
	for (unsigned int i = 0; i < v->max_queues; i++)
		reset_queue(v, &v->queue[i]);
	v->ops->reset(v);
	v->ops->running(v, false);
}

UVDK_EXPORT int uvdk_emu_virtio_init(struct uvdk_emu_virtio *v)
{
	int ret = 0;

	pthread_mutex_init(&v->lock, NULL);
	v->queue = calloc(v->max_queues, sizeof(*v->queue));
	if (!v->queue)
		return -ENOMEM;
	for (unsigned int i = 0; i < v->max_queues && !ret; i++)
		ret = uvdk_emu_virtq_init(&v->queue[i].vq, v->fn, v->max_size);

	return ret;
}

UVDK_EXPORT void uvdk_emu_virtio_fini(struct uvdk_emu_virtio *v)
{
	for (unsigned int i = 0; v->queue && i < v->max_queues; i++)
		uvdk_emu_virtq_fini(&v->queue[i].vq);
	free(v->queue);
	pthread_mutex_destroy(&v->lock);
}
