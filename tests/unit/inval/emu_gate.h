/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_GATE_H
#define EMU_GATE_H

/* For a driver compiled with this: its registers are reached through backend_emu.c. */
#include <uvdk_emu_vtd_driver.h>

void gate_iommu_write(struct uvdk_emu *machine, unsigned int unit, uint32_t off, unsigned int width,
		      uint64_t value);

#define uvdk_emu_iommu_write gate_iommu_write
#define uvdk_iommu_emu	     gated_uvdk_iommu_emu

#endif /* EMU_GATE_H */
