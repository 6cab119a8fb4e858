/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAPQ_H
#define VIOMMU_MAPQ_H

#include "viommu.h"

/*
 * A map queue of an address space that is in one unit. Its thread tries @lock, others, and the
 * thread itself when the queue is over, take it, under unit->lock.
 */
struct viommu_mapq {
	struct viommu_mapq *next; /* in viommu_ioas.mapq */
	struct viommu_ioas *own;
	struct viommu_unit *unit;
	uint32_t domain;      /* number */
	uint64_t first, last; /* IOVAs of the window, inclusive */
	uint64_t page_size;

	/* Of the thread. */
	uint32_t life; /* of the ring, as the library knows it */
	bool kick;     /* the device has not been told yet */
	unsigned int polls;

	struct uvdk_lock lock; /* guards the rest */
	bool ended;	       /* there is no domain any more */
	uint32_t restored;     /* life of the ring for which all but our maps is put back */
};

/* mapq_pin.c */
int viommu_mapq_pin(void *mapq_priv, void *va, size_t len, unsigned int flags, uint64_t *phys,
		    int *pin);
void viommu_mapq_unpin(void *mapq_priv, void *va, size_t len, int pin);

#endif /* VIOMMU_MAPQ_H */
