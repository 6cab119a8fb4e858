/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_EVENTS_H
#define UVDK_DRV_IOMMU_EMU_EVENTS_H

#include <uvdk_fault_driver.h>

#include "iommu_emu_device.h"

/**
 * DOC: Page requests and IOMMU faults, on their way to fault queues
 *
 * Units have one queue of page requests and some fault records each, whoever
 * asked. They are emptied by whoever reads any fault queue of the machine, and
 * what was in them goes to the fault queues that it is for: a page request to
 * that of the *route* of its function and PASID, an IOMMU fault to each. What
 * nobody takes stays with the units, and they say what they had to drop.
 *
 * All of it is guarded by the lock of the machine's struct emu_events.
 */

/* Records that one fault queue keeps for its reader. */
#define EMU_FAULTQ_RECORDS 1024u

/**
 * struct emu_faultq - a fault queue of the library's
 * @machine: whose
 * @fd: epoll of @ready and of the units' interrupts
 * @ready: eventfd: there are records
 * @is_ready: it has been written
 * @first: oldest record
 * @count: records
 * @lost: how many had no room after the youngest
 * @record: records, in a circle
 * @entry: in the machine's list
 */
struct emu_faultq {
	struct emu_machine *machine;
	int fd;
	int ready;
	bool is_ready;
	unsigned int first;
	unsigned int count;
	uint64_t lost;
	struct uvdk_fault_record record[EMU_FAULTQ_RECORDS];
	LIST_ENTRY(emu_faultq) entry;
};

extern const struct uvdk_fault_ops emu_fault_ops;

int emu_hwpt_create_faulting(void *ioas_priv, struct uvdk_iommu_binding *binding,
			     unsigned int flags, void *faultq_priv, void **hwpt_priv);

/* ---- record.c: under the lock ---- */

/* Whether there was room; if not, it counts as lost. */
bool emu_faultq_put(struct emu_faultq *q, const struct uvdk_fault_record *record);

/* So many could not be kept, by us or by the hardware. */
void emu_faultq_lose(struct emu_faultq *q, uint64_t count);

/* Page requests of a PASID, or all that is known of a function, are nobody's business. */
void emu_faultq_forget(struct emu_faultq *q, uint32_t dev_id, uint32_t pasid);

/* Take up to @max records, without page requests that nobody waits for any more. */
unsigned int emu_faultq_take(struct emu_faultq *q, struct uvdk_fault_record *out, unsigned int max);

/* ---- faultq.c ---- */

/* The function goes: faults of it, too. */
void emu_events_forget(struct emu_device *dev);

/* A fault may have come that no interrupt told of. */
void emu_events_kick(struct emu_machine *machine);

/* fault.c: fault records to fault queues. Under the lock. */
void emu_faults_tell(struct emu_machine *machine);

/* ---- prq.c: page requests ---- */

/*
 * Requests of a function with a PASID (0: without) go to a fault queue from now
 * on. 0 or a negative errno with a sentence.
 */
int emu_prq_watch(struct emu_device *dev, uint32_t pasid, struct emu_faultq *q);

/* They go to another one; those that wait are refused. */
void emu_prq_move(struct emu_device *dev, uint32_t pasid, struct emu_faultq *q);

/* They go nowhere; those that wait are refused. */
void emu_prq_unwatch(struct emu_device *dev, uint32_t pasid);

/* From the units to the fault queues. Under the lock. */
void emu_prq_drain(struct emu_machine *machine);

/* As in struct uvdk_fault_ops. Under the lock. */
void emu_prq_reply(struct emu_faultq *q, struct uvdk_fault_reply *replies, unsigned int count);

/* Does anybody still wait for what a record tells? Under the lock. */
bool emu_prq_waits(struct emu_faultq *q, const struct uvdk_fault_record *record);

#endif /* UVDK_DRV_IOMMU_EMU_EVENTS_H */
