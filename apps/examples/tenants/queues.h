/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TENANTS_QUEUES_H
#define TENANTS_QUEUES_H

#include <uvdk_device.h>

struct machine;

/*
 * Tenants of a DMA engine: each has a queue of the engine, and the queue has the PASID. So no
 * tenant can write another number into its descriptors, and one of them may try: attack.c.
 *
 * @count: how many, 0: as many as there is room for, but at most 16. @machine: that the device is
 * emulated by, or NULL. 0, or -1.
 */
int engine_run(struct uvdk_iommu *iommu, struct uvdk_device *dev, struct machine *machine,
	       unsigned int count, unsigned int bits);

#endif /* TENANTS_QUEUES_H */
