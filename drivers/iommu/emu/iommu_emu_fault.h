/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_FAULT_H
#define UVDK_DRV_IOMMU_EMU_FAULT_H

#include "iommu_emu_unit.h"

/**
 * struct emu_fault - an access that a unit refused (7.2, 11.4.7)
 * @unit: number of the unit
 * @sid: who
 * @has_pasid: with a PASID
 * @pasid: it
 * @iova: page
 * @reason: fault reason, 7.1.3
 * @write: it was a write (or an atomic operation)
 * @page_request: it was no access but a page request
 * @exec: to execute
 * @priv: privileged
 */
struct emu_fault {
	unsigned int unit;
	uint16_t sid;
	bool has_pasid;
	uint32_t pasid;
	uvdk_iova_t iova;
	uint8_t reason;
	bool write;
	bool page_request;
	bool exec;
	bool priv;
};

/*
 * Take up to @max fault records from the units, oldest first; what is not taken
 * stays. *@lost is set where a unit had no record left for a fault.
 */
unsigned int emu_faults_drain(struct emu_machine *machine, struct emu_fault *out, unsigned int max,
			      bool *lost);

#endif /* UVDK_DRV_IOMMU_EMU_FAULT_H */
