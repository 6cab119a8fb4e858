// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "vio_priv.h"

void vio_fault_put(struct vio *m, const struct vio_fault *fault)
{
	if (m->fault_count == VIO_FAULTS) {
		m->faults_lost++;
		return;
	}
	m->fault[(m->fault_first + m->fault_count++) % VIO_FAULTS] = *fault;
}

static bool peek(struct vio *m, struct vio_fault *fault)
{
	bool there;

	pthread_mutex_lock(&m->lock);
	there = m->fault_count;
	if (there)
		*fault = m->fault[m->fault_first];
	pthread_mutex_unlock(&m->lock);

	return there;
}

static void take(struct vio *m, bool lost)
{
	pthread_mutex_lock(&m->lock);
	m->fault_first = (m->fault_first + 1) % VIO_FAULTS;
	m->fault_count--;
	m->faults_lost += lost;
	pthread_mutex_unlock(&m->lock);
}

/* What a driver would find in no specification. */
static void garbage(struct vio *m, struct vio_fault *fault)
{
	uint8_t *byte = (uint8_t *)fault;

	for (unsigned int i = 0; i < sizeof(*fault); i++) {
		vio_chance(&m->random, 2);
		byte[i] = (uint8_t)(m->random >> 24);
	}
}

/* 1: written; 0: no buffer; negative: the queue is broken. */
static int write_event(struct vio *m, struct uvdk_emu_virtio_queue *q,
		       const struct vio_fault *fault)
{
	struct uvdk_emu_virtq_chain *chain = &m->event;
	uint32_t len = sizeof(*fault);
	int ret = uvdk_emu_virtq_pop(&q->vq, chain);

	if (ret <= 0)
		return ret;
	if (chain->readable)
		uvdk_emu_virtio_note(&m->v, "event buffer with a readable part (5.13.6.9)");
	if (chain->write_len < len) {
		uvdk_emu_virtio_note(&m->v,
				     "event buffer of %llu bytes, an event has %u (5.13.6.9)",
				     (unsigned long long)chain->write_len, len);
		len = 0;
	} else {
		ret = uvdk_emu_virtq_write(&q->vq, chain, fault, len);
		if (ret)
			return ret;
	}
	if (uvdk_emu_virtio_evil(&m->v, VIO_EVIL_EVENT_SHORT))
		len = 5;
	uvdk_emu_virtq_push(&q->vq, chain, len);
	m->stats.events++;

	return 1;
}

static unsigned int write_all(struct vio *m, struct uvdk_emu_virtio_queue *q, int *ret)
{
	bool flood = uvdk_emu_virtio_evil(&m->v, VIO_EVIL_EVENT_FLOOD);
	struct vio_fault fault;
	unsigned int done = 0;

	for (*ret = 1; *ret > 0 && done < VIO_BATCH;) {
		bool real = peek(m, &fault);

		if (!real && !flood)
			break;
		if (!real)
			garbage(m, &fault);
		*ret = write_event(m, q, &fault);
		if (*ret > 0 && real)
			take(m, false);
		done += *ret > 0;
	}

	return done;
}

static void drop_all(struct vio *m)
{
	struct vio_fault fault;

	while (peek(m, &fault))
		take(m, true);
}

bool vio_events_work(struct vio *m)
{
	struct uvdk_emu_virtio_queue *q = &m->v.queue[VIO_EVENTQ];
	unsigned int done;
	int ret;

	if (!uvdk_emu_virtio_looking(&m->v, q)) {
		if (m->conf.drop && m->v.live)
			drop_all(m);
		return false;
	}
	done = write_all(m, q, &ret);
	if (ret < 0) {
		uvdk_emu_virtio_broken(&m->v, q);
		return true;
	}
	uvdk_emu_virtio_flush(&m->v, q, true);
	if (ret == 0 && m->v.live && !uvdk_emu_virtio_rest(&m->v, q) && m->conf.drop)
		drop_all(m);

	return done > 0;
}
