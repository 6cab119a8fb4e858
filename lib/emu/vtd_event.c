// SPDX-License-Identifier: BSD-3-Clause
#include <unistd.h>

#include "vtd_priv.h"

/*
 * Interrupts of a unit: FECTL (7.3, 11.4.7) and PECTL (7.9, 11.4.11). Where a
 * message would go to an address, an eventfd is written. Message data and
 * address registers hold what is written to them, and that is all.
 */

void vtd_event_init(struct vtd *vtd)
{
	pthread_mutex_init(&vtd->event_lock, NULL);
	for (unsigned int i = 0; i < VTD_EVENTS; i++)
		vtd->event[i] = (struct vtd_event){.control = (uint32_t)EVENT_IM, .fd = -1};
}

void vtd_event_fini(struct vtd *vtd)
{
	pthread_mutex_destroy(&vtd->event_lock);
}

/* Under event_lock. */
static void send(struct vtd_event *event)
{
	const uint64_t one = 1;

	event->control &= ~(uint32_t)EVENT_IP;
	if (event->fd >= 0 && write(event->fd, &one, sizeof(one)) < 0)
		uvdk_log(UVDK_LOG_DEBUG, "emu", "an interrupt of an IOMMU reaches nobody");
}

void vtd_event_raise(struct vtd *vtd, enum uvdk_emu_iommu_irq kind)
{
	struct vtd_event *event = &vtd->event[kind];

	pthread_mutex_lock(&vtd->event_lock);
	if (event->control & EVENT_IM)
		event->control |= (uint32_t)EVENT_IP;
	else
		send(event);
	pthread_mutex_unlock(&vtd->event_lock);
}

/* All that an interrupt would tell of has been looked after. */
void vtd_event_clear(struct vtd *vtd, enum uvdk_emu_iommu_irq kind)
{
	pthread_mutex_lock(&vtd->event_lock);
	vtd->event[kind].control &= ~(uint32_t)EVENT_IP;
	pthread_mutex_unlock(&vtd->event_lock);
}

uint32_t vtd_event_read(struct vtd *vtd, enum uvdk_emu_iommu_irq kind)
{
	uint32_t control;

	pthread_mutex_lock(&vtd->event_lock);
	control = vtd->event[kind].control;
	pthread_mutex_unlock(&vtd->event_lock);

	return control;
}

/* What is pending goes out when it is unmasked. */
void vtd_event_write(struct vtd *vtd, enum uvdk_emu_iommu_irq kind, uint32_t value)
{
	struct vtd_event *event = &vtd->event[kind];

	pthread_mutex_lock(&vtd->event_lock);
	event->control = (value & (uint32_t)EVENT_IM) | (event->control & (uint32_t)EVENT_IP);
	if (event->control == (uint32_t)EVENT_IP)
		send(event);
	pthread_mutex_unlock(&vtd->event_lock);
}

UVDK_EXPORT void uvdk_emu_iommu_irq_route(struct uvdk_emu *emu, unsigned int unit,
					  enum uvdk_emu_iommu_irq kind, int fd)
{
	struct vtd *vtd = vtd_of(emu, unit);

	if (!vtd)
		return;
	pthread_mutex_lock(&vtd->event_lock);
	vtd->event[kind].fd = fd;
	pthread_mutex_unlock(&vtd->event_lock);
}
