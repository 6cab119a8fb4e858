/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_VIOMMU_DRIVER_H
#define UVDK_VIOMMU_DRIVER_H

#include <uvdk_iommu_driver.h>
#include <uvdk_viommu.h>

#ifdef __cplusplus
extern "C" {
#endif

struct uvdk_invalq;
struct uvdk_invalq_opts;

/**
 * DOC: What an iommu driver does for nested tables
 *
 * lib/iommu has checked the data for what the architecture says, and keeps the
 * order: what is made on a vIOMMU goes before it.
 */

/**
 * struct uvdk_vevent_record - what a driver reads from an event queue
 * @tail: no event: the latest one that was lost
 * @sequence: its number
 * @data: as in &struct uvdk_vevent
 */
struct uvdk_vevent_record {
	bool tail;
	uint32_t sequence;
	uint64_t data[4];
};

/**
 * struct uvdk_inval_batch - a batch of invalidations, checked
 * @type: of the vIOMMU; never UVDK_NEST_AUTO
 * @entries: array
 * @entry_len: size of each
 * @count: up to UVDK_INVAL_BATCH, maybe 0
 */
struct uvdk_inval_batch {
	enum uvdk_nest_type type;
	const void *entries;
	size_t entry_len;
	unsigned int count;
};

/**
 * struct uvdk_viommu_ops - an iommu driver's vIOMMUs
 * @create: New vIOMMU on @parent_priv, a table made with UVDK_HWPT_NEST_PARENT.
 *	@info comes with its type; the driver adds all but @parent. -EXDEV: the
 *	parent is another I/O MMU's than the binding; there is no sentence then.
 * @destroy: Free it; nothing is left on it; never fails.
 * @vdevice_create: Give a device an ID.
 * @vdevice_destroy: Take it back; never fails.
 * @nested_create: A table that hwpt_attach() and hwpt_destroy() of
 *	&struct uvdk_iommu_ops take. @faultq_priv: or NULL.
 * @hwpt_invalidate: Of a nested table. @out is written on failure, too.
 * @invalidate: Of a vIOMMU. Likewise.
 * @hw_queue_create: New queue; @index is one above that of the one before.
 * @hw_queue_destroy: Free it, the latest that is left; never fails.
 * @veventq_create: New event queue.
 * @veventq_destroy: Free it; never fails.
 * @veventq_fd: Descriptor that is readable while there is something to read.
 * @veventq_read: Take up to @max records (8 or more) without waiting; the count, 0 for none,
 *	or negative errno with a sentence and nothing taken.
 *
 * @invalq_create: Queue (lib/inval) for what is cached of a nested table that is
 *	attached to @pasid of the device. NULL: there is none but the two calls
 *	above, which a queue is then put on.
 *
 * No other is NULL. What makes and frees runs under a lock of the iommu's,
 * nested_create() also under that of the ioas, veventq_read() under one of the
 * queue's; invalidations and
 * invalq_create() under none.
 */
struct uvdk_viommu_ops {
	int (*create)(void *parent_priv, struct uvdk_iommu_binding *binding,
		      const struct uvdk_viommu_opts *opts, struct uvdk_viommu_info *info,
		      void **viommu_priv);
	void (*destroy)(void *viommu_priv);
	int (*vdevice_create)(void *viommu_priv, struct uvdk_iommu_binding *binding,
			      uint64_t virt_id, void **vdevice_priv);
	void (*vdevice_destroy)(void *vdevice_priv);
	int (*nested_create)(void *viommu_priv, struct uvdk_iommu_binding *binding,
			     const struct uvdk_nested *nested, void *faultq_priv, void **hwpt_priv);
	int (*hwpt_invalidate)(void *hwpt_priv, const struct uvdk_inval_batch *batch,
			       struct uvdk_inval_result *out);
	int (*invalidate)(void *viommu_priv, const struct uvdk_inval_batch *batch,
			  struct uvdk_inval_result *out);
	int (*invalq_create)(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid,
			     const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out);
	int (*hw_queue_create)(void *viommu_priv, unsigned int index, uvdk_iova_t iova, size_t len,
			       void **queue_priv);
	void (*hw_queue_destroy)(void *queue_priv);
	int (*veventq_create)(void *viommu_priv, enum uvdk_veventq_type type, unsigned int depth,
			      void **queue_priv);
	void (*veventq_destroy)(void *queue_priv);
	int (*veventq_fd)(void *queue_priv);
	int (*veventq_read)(void *queue_priv, struct uvdk_vevent_record *out, unsigned int max);
};

#ifdef __cplusplus
}
#endif

#endif /* UVDK_VIOMMU_DRIVER_H */
