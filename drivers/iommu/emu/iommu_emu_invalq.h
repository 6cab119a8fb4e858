/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_INVALQ_H
#define UVDK_DRV_IOMMU_EMU_INVALQ_H

#include <uvdk_inval_driver.h>

#include "iommu_emu_device.h"

struct uvdk_iommu_binding;

/*
 * A queue for a first stage that the application keeps itself, in a table of its
 * own or a nested one: what is attached to a PASID of a function now, 0: to
 * accesses without one. It posts to the unit's own queue, for this domain ID,
 * PASID and function alone. When that is detached or replaced, what is
 * outstanding completes with -ENODEV and nothing is posted any more. 0, -EINVAL
 * (nothing, or no first stage, is attached there) or -ENOMEM, with a sentence.
 *
 * Not called under a lock of the library's. Whoever keeps a table that is not
 * nested says emu_device_begin() before he changes it and emu_device_end() when
 * the invalidation of that has completed: in between devices may use what was
 * there before, and from then on that is reported as stale.
 */
int emu_invalq_create(struct emu_device *dev, uint32_t pasid, const struct uvdk_invalq_opts *opts,
		      struct uvdk_invalq **out);

/* invalq_create() of struct uvdk_viommu_ops: attaching and detaching may go on meanwhile. */
int emu_nested_invalq_create(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid,
			     const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out);

#endif /* UVDK_DRV_IOMMU_EMU_INVALQ_H */
