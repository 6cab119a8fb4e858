/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_EVENTS_H
#define VIOMMU_EVENTS_H

#include <uvdk_dma.h>
#include <uvdk_fault_driver.h>

#include "viommu.h"
#include "wire.h"

/*
 * Faults: from a unit's event queue to all fault queues of the iommu. Whoever reads one of them
 * empties all event queues. All is guarded by viommu->events_lock, a leaf.
 */

#define EVENTS_BUFFERS 64  /* that a device may have: they and the ring fit one page */
#define FAULTQ_RECORDS 256 /* that wait for their reader */

/* Of one unit. */
struct viommu_events {
	LIST_ENTRY(viommu_events) entry; /* in viommu->events */
	struct viommu_unit *unit;
	struct uvdk_virtq vq;
	struct uvdk_dma_buf memory;
	struct wire_fault *buffer; /* [vq.size] */
	uvdk_iova_t iova;	   /* of @buffer */
	int wake;		   /* eventfd of the interrupt; without one a timer */
	bool irq;
	bool running;
};

struct faultq_record {
	struct wire_fault fault;
	const struct viommu_unit *unit; /* compared, never followed; NULL: @lost were lost */
	uint64_t lost;
};

struct viommu_faultq {
	LIST_ENTRY(viommu_faultq) entry; /* in viommu->faultqs */
	struct viommu *viommu;
	int fd;	   /* epoll: @ready, and each unit's @wake */
	int ready; /* eventfd: there are records */
	bool is_ready;
	struct faultq_record record[FAULTQ_RECORDS];
	unsigned int first, count;
	bool has_lost; /* and how many, as far as that is known */
	uint64_t lost;
};

/* events.c */
void events_drain(struct viommu_events *events);
void events_set_timer(const struct viommu_events *events, bool on);

/* faultq.c */
void faultq_put(struct viommu_faultq *q, const struct faultq_record *record);
int faultq_listen(const struct viommu_faultq *q, const struct viommu_events *events);

#endif /* VIOMMU_EVENTS_H */
