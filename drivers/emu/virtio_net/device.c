// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vnet_priv.h"

/* Section 5.1.2: without MQ there is one pair, whatever the device could do. */
unsigned int vnet_pairs_possible(const struct vnet *m)
{
	return vnet_has(m, VNET_F_MQ) ? m->conf.pairs : 1;
}

unsigned int vnet_ctrl_index(const struct vnet *m)
{
	return 2 * vnet_pairs_possible(m);
}

void vnet_config_changed(struct vnet *m)
{
	m->generation++;
	if (atomic_load(&m->status) & VNET_S_DRIVER_OK) {
		m->config_irq = true;
		uvdk_emu_kick(m->fn);
	}
}

/* Section 2.1.2: nothing moves any more, and a running driver is told. */
void vnet_needs_reset(struct vnet *m)
{
	unsigned int status = atomic_load(&m->status);

	m->live = false;
	vnet_link_running(m, false);
	if (status & VNET_S_NEEDS_RESET)
		return;
	atomic_store(&m->status, status | VNET_S_NEEDS_RESET);
	vnet_config_changed(m);
}

void vnet_violate(struct vnet *m, const char *fmt, ...)
{
	char text[sizeof(m->violation[0])];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	if (m->stats.violations < VNET_VIOLATIONS)
		memcpy(m->violation[m->stats.violations], text, sizeof(text));
	m->stats.violations++;
	uvdk_log(UVDK_LOG_WARN, VNET_LOG, "%s: the driver broke a rule: %s",
		 uvdk_emu_fn_name(m->fn), text);
	vnet_needs_reset(m);
}

static uint16_t offered_size(const struct vnet *m)
{
	if (vnet_evil(m, VNET_EVIL_QUEUE_SIZE_0))
		return 0;
	if (vnet_evil(m, VNET_EVIL_QUEUE_SIZE_HUGE))
		return 65535;
	if (vnet_evil(m, VNET_EVIL_QUEUE_SIZE_ODD))
		return 100;

	return m->conf.size;
}

static void reset_queue(struct vnet *m, struct vnet_queue *q)
{
	q->size = offered_size(m);
	q->vector = VNET_NO_VECTOR;
	q->enabled = false;
	q->desc = q->driver = q->device = 0;
	q->more = false;
	atomic_store(&q->kicked, false);
}

void vnet_reset(struct vnet *m)
{
	atomic_store(&m->status, 0);
	atomic_store(&m->queues, 0);
	atomic_store(&m->bad_notify, 0);
	m->offered = m->conf.features;
	if (vnet_evil(m, VNET_EVIL_NO_VERSION1))
		m->offered &= ~VNET_F_VERSION_1;
	m->features = 0;
	m->device_select = m->driver_select = 0;
	m->config_vector = VNET_NO_VECTOR;
	m->queue_select = 0;
	m->isr = 0;
	m->config_irq = false;
	m->live = false;
	for (unsigned int i = 0; i < VNET_MAX_QUEUES; i++)
		reset_queue(m, &m->queue[i]);
	m->pairs = 1;

	memcpy(m->mac, m->conf.mac, sizeof(m->mac));
	m->promisc = m->allmulti = false;
	m->macs = 0;
	m->source.started_ns = 0;
	vnet_link_running(m, false);
}

void vnet_set_carrier(struct vnet *m)
{
	bool carrier = m->cable && vnet_link_carrier(m);

	if (carrier == m->carrier)
		return;
	m->carrier = carrier;
	vnet_config_changed(m);
}
