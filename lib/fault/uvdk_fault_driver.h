/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_FAULT_DRIVER_H
#define UVDK_FAULT_DRIVER_H

#include <uvdk_fault.h>
#include <uvdk_iommu_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: What an iommu driver does for fault queues
 *
 * A driver reports what the hardware or the kernel reports, in that order;
 * lib/fault gathers groups, numbers them, and knows which of them wait.
 */

/* No device: the I/O MMU does not say whose access it was. */
#define UVDK_FAULT_NO_DEVICE UINT32_MAX

/**
 * struct uvdk_fault_record - what a driver reports
 * @fault: as for applications, but @dev and @group, which the driver leaves 0
 * @dev_id: &struct uvdk_iommu_binding.id of the device, or UVDK_FAULT_NO_DEVICE;
 *	an IOMMU fault of a device that is not, or no longer, under the queue's
 *	iommu is dropped
 * @cookie: page request: names the group in the reply. All requests of a group
 *	carry the same one; when it comes with another group, the former needs
 *	no reply any more.
 */
struct uvdk_fault_record {
	struct uvdk_fault fault;
	uint32_t dev_id;
	uint32_t cookie;
};

/**
 * struct uvdk_fault_reply - answer to a group
 * @dev_id: as in the records of the group
 * @pasid: likewise
 * @index: likewise
 * @cookie: likewise
 * @code: the answer; checked
 * @err: filled in by the driver: 0; -ENOENT: nobody waits for it any more; else
 *	it can be tried again
 */
struct uvdk_fault_reply {
	uint32_t dev_id;
	uint32_t pasid;
	uint32_t index;
	uint32_t cookie;
	enum uvdk_fault_code code;
	int err;
};

/**
 * struct uvdk_fault_ops - an iommu driver's fault queues
 * @create: New queue; @priv is the iommu's.
 * @destroy: Free it; no table uses it; whoever waits is answered; never fails.
 * @fd: Descriptor that is readable while there is something to read.
 * @read: Take up to @max records without waiting; the count, 0 for none, or
 *	negative errno with a sentence and nothing taken. A record with type
 *	UVDK_FAULT_LOST stands where others were lost.
 * @reply: Answer groups, each for itself: fills in @err of each.
 * @forget: A PASID of a device (UVDK_PASID_ALL: all of it) was detached: what
 *	it asked for before and @read has not reported is never to be reported.
 *	Returns how many groups that is. NULL: @read keeps nothing back.
 *
 * No other is NULL. @read, @reply and @forget are called under the queue's lock.
 */
struct uvdk_fault_ops {
	int (*create)(void *priv, void **faultq_priv);
	void (*destroy)(void *faultq_priv);
	int (*fd)(void *faultq_priv);
	int (*read)(void *faultq_priv, struct uvdk_fault_record *out, unsigned int max);
	void (*reply)(void *faultq_priv, struct uvdk_fault_reply *replies, unsigned int count);
	unsigned int (*forget)(void *faultq_priv, uint32_t dev_id, uint32_t pasid);
};

#ifdef __cplusplus
}
#endif

#endif /* UVDK_FAULT_DRIVER_H */
