/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_ROUTE_H
#define UVDK_DRV_IOMMU_EMU_ROUTE_H

#include "iommu_emu_events.h"

/**
 * struct emu_group - a group of page requests that was begun, and not answered
 * @index: number that its function gave it
 * @cookie: number that we gave it
 * @whole: its last request has come
 * @has_pasid: asked with a PASID
 * @entry: in the route's list
 */
struct emu_group {
	unsigned int index;
	uint32_t cookie;
	bool whole;
	bool has_pasid;
	LIST_ENTRY(emu_group) entry;
};

/**
 * struct emu_route - whose page requests go where
 * @dev: function
 * @pasid: its PASID, 0: without
 * @q: fault queue
 * @groups: that wait
 *
 * Guarded by the lock of the machine's events.
 */
struct emu_route {
	struct emu_device *dev;
	uint32_t pasid;
	struct emu_faultq *q;
	LIST_HEAD(, emu_group) groups;
};

/* Slots are of the machine, not of a unit. NULL: none. */
struct emu_route *emu_route_find(const struct emu_machine *machine, uint32_t slot, uint32_t pasid);

/* NULL: out of memory. */
struct emu_route *emu_route_add(struct emu_device *dev, uint32_t pasid, struct emu_faultq *q);

/* It has no groups any more. */
void emu_route_drop(struct emu_route *route);

/* NULL: none with this number. */
struct emu_group *emu_group_find(const struct emu_route *route, unsigned int index);

/*
 * The group that a request belongs to, begun if it is the first. One that is
 * whole already is forgotten: its number names another. NULL: out of memory.
 */
struct emu_group *emu_group_get(struct emu_route *route, unsigned int index, bool has_pasid);
void emu_group_free(struct emu_group *group);

#endif /* UVDK_DRV_IOMMU_EMU_ROUTE_H */
