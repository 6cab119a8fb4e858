/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_INVALQ_H
#define UVDK_DRV_IOMMU_EMU_INVALQ_H

#include <uvdk_inval_driver.h>

#include "iommu_emu_device.h"

/*
 * A queue for a first-stage table that the application keeps itself: what is
 * attached to a PASID of a function now. It posts to the unit's own queue, for
 * this domain ID, PASID and function alone, and goes before the PASID is
 * detached or replaced. 0, -EINVAL (nothing, or no first stage, is attached
 * there) or -ENOMEM, with a sentence.
 *
 * Not called under a lock of the library's. The table's owner says
 * emu_device_begin() before he changes it and emu_device_end() when the
 * invalidation of that has completed: in between devices may use what was there
 * before, and from then on that is reported as stale.
 */
int emu_invalq_create(struct emu_device *dev, uint32_t pasid, const struct uvdk_invalq_opts *opts,
		      struct uvdk_invalq **out);

#endif /* UVDK_DRV_IOMMU_EMU_INVALQ_H */
