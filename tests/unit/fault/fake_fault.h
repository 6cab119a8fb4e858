/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_FAULT_H
#define FAKE_FAULT_H

#include <uvdk_fault_driver.h>

/*
 * Fault queues for the iommu driver of lib/iommu's tests: records come from
 * what a test puts there, replies are kept for it to look at.
 */
struct fake_faults {
	struct uvdk_fault_record records[4096];
	unsigned int head, tail; /* put at tail, read from head */
	struct uvdk_fault_reply replies[4096];
	unsigned int nr_replies;
	int reply_err; /* of all replies from now on */
	int read_err;
	unsigned int queues;
	void *table_queue; /* that the latest table was made with */
};

extern struct fake_faults fake_faults;

/* A driver "fake-faults", once in a process. */
void fake_faults_register(void);

/* A page request, or another record, waits to be read. */
void put(struct uvdk_device *dev, uint32_t pasid, uint32_t index, uint64_t addr, bool last,
	 uint32_t cookie);
void put_record(const struct uvdk_fault_record *record);

#endif /* FAKE_FAULT_H */
