/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_NEST_HOLD_DRIVER_H
#define UVDK_NEST_HOLD_DRIVER_H

#include <uvdk_viommu_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

struct uvdk_invalq;
struct uvdk_invalq_opts;

/**
 * DOC: A hold on a nested table, for what invalidates it
 *
 * A queue of invalidations (lib/inval) needs a nested table where it is
 * attached, the vIOMMU below it, and the virtual IDs there. A hold keeps the
 * vIOMMU, and tells when the rest goes.
 */

/**
 * struct uvdk_nest_hold - a hold
 * @gone: called once, when the table is detached there or replaced, its device
 *	closed, or IDs change that uvdk_nest_hold_fix() has told; with locks of the iommu's, so
 *	that nothing may be called from it that takes them. When it has returned,
 *	@hwpt and @dev are not to be used any more. Set by the caller
 * @fixed_ids: private
 * @hwpt: the table
 * @viommu: its vIOMMU
 * @info: what that is; constant until the hold is dropped
 * @dev: device that the table is attached to
 * @pasid: and under which PASID
 * @binding: private
 * @iommu: private
 * @queue: private
 * @next: private
 * @ended: private
 */
struct uvdk_nest_hold {
	void (*gone)(struct uvdk_nest_hold *hold);
	bool fixed_ids;
	struct uvdk_hwpt *hwpt;
	struct uvdk_viommu *viommu;
	const struct uvdk_viommu_info *info;
	struct uvdk_device *dev;
	uint32_t pasid;
	struct uvdk_iommu_binding *binding;
	struct uvdk_iommu *iommu;
	struct uvdk_hw_queue *queue;
	struct uvdk_nest_hold *next;
	bool ended;
};

/**
 * uvdk_nest_hold_take() - hold a nested table
 * @hwpt: nested table
 * @dev: device that it is attached to
 * @pasid: there
 * @hold: with @gone set; the caller's memory, until it is dropped
 *
 * Return: 0; -EINVAL (not a nested table, or not attached there); -ENODEV (the
 * device is gone).
 */
int uvdk_nest_hold_take(struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid,
			struct uvdk_nest_hold *hold);

/**
 * uvdk_nest_hold_drop() - let go; never fails
 * @hold: hold that was taken. @gone does not run then, nor later.
 */
void uvdk_nest_hold_drop(struct uvdk_nest_hold *hold);

/**
 * uvdk_nest_hold_queue() - have a hardware queue of the vIOMMU for oneself
 * @hold: hold; it has the queue until it is dropped
 * @queue: queue
 * @ring: where its memory is in this process
 * @len: bytes of it
 *
 * Return: its index, from 0 on; -EINVAL (another vIOMMU's; @ring is not that memory);
 * -EBUSY (another hold has it).
 */
int uvdk_nest_hold_queue(struct uvdk_nest_hold *hold, struct uvdk_hw_queue *queue, const void *ring,
			 size_t len);

/**
 * uvdk_nest_ids_generation() - has something changed about the devices?
 * @hold: hold that is not gone
 *
 * Return: another number than before if what uvdk_nest_ids() writes may have
 * changed.
 */
unsigned int uvdk_nest_ids_generation(const struct uvdk_nest_hold *hold);

/**
 * uvdk_nest_ids() - IDs of the vIOMMU whose devices cache translations
 * @hold: hold that is not gone
 * @ids: room for @max
 * @max: how many are wanted at most
 *
 * Those with ATS enabled that have a nested table of the vIOMMU attached.
 *
 * Return: how many there are, maybe more than @max.
 */
unsigned int uvdk_nest_ids(const struct uvdk_nest_hold *hold, uint32_t *ids, unsigned int max);

/**
 * uvdk_nest_hold_fix() - as uvdk_nest_ids(), for good
 * @hold: hold; it is gone when this would tell something else
 * @ids: room for @max
 * @max: how many are wanted at most
 *
 * Return: as uvdk_nest_ids().
 */
unsigned int uvdk_nest_hold_fix(struct uvdk_nest_hold *hold, uint32_t *ids, unsigned int max);

/**
 * uvdk_nest_invalidate() - as uvdk_viommu_invalidate(), of commands made by a queue
 * @hold: hold that is not gone
 * @entries: array, in the form that uvdk_viommu_invalidate() takes
 * @count: how many
 * @out: filled in, on failure, too
 *
 * They are not looked at: the caller makes none that uvdk_viommu_invalidate() would
 * refuse, but for IDs that may have gone.
 *
 * Return: as uvdk_viommu_invalidate().
 */
int uvdk_nest_invalidate(const struct uvdk_nest_hold *hold, const void *entries, unsigned int count,
			 struct uvdk_inval_result *out);

/**
 * uvdk_nest_invalq_create() - a queue of the iommu driver's own
 * @hold: hold
 * @opts: options, or NULL
 * @out: the queue
 *
 * Return: as &struct uvdk_viommu_ops.invalq_create; -ENOSYS (the driver has none;
 * no sentence).
 */
int uvdk_nest_invalq_create(struct uvdk_nest_hold *hold, const struct uvdk_invalq_opts *opts,
			    struct uvdk_invalq **out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_NEST_HOLD_DRIVER_H */
