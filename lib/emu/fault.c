// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>

#include "emu_priv.h"

static const char *reason_text(enum uvdk_emu_fault_reason reason)
{
	switch (reason) {
	case UVDK_EMU_FAULT_NO_DOMAIN:
		return "it is attached to no address space";
	case UVDK_EMU_FAULT_NOT_MAPPED:
		return "nothing is mapped there";
	case UVDK_EMU_FAULT_PERMISSION:
		return "the map does not allow it";
	case UVDK_EMU_FAULT_BUS_MASTER:
		return "its bus master enable is off";
	case UVDK_EMU_FAULT_RANGE:
		return "it is beyond the address width";
	}

	return "?";
}

/*
 * Like hardware, a full log drops what comes later: the first fault is the one
 * that explains. What is dropped is not logged either, so a device that runs
 * wild floods nobody.
 */
void emu_fault_record(struct uvdk_emu_function *fn, uvdk_iova_t iova, uint64_t len, bool write,
		      enum uvdk_emu_fault_reason reason)
{
	struct uvdk_emu *emu = fn->emu;
	struct uvdk_emu_fault *f = NULL;

	pthread_mutex_lock(&emu->fault_lock);
	if (emu->fault_count < EMU_FAULTS) {
		f = &emu->fault[(emu->fault_first + emu->fault_count++) % EMU_FAULTS];
		*f = (struct uvdk_emu_fault){
			.iova = iova,
			.len = len,
			.write = write,
			.reason = reason,
		};
		snprintf(f->function, sizeof(f->function), "%s", fn->name);
	} else {
		emu->fault_lost++;
	}
	pthread_mutex_unlock(&emu->fault_lock);

	if (f)
		uvdk_log(UVDK_LOG_DEBUG, "emu.iommu", "%s of %s at IOVA 0x%llx refused: %s",
			 write ? "write" : "read", fn->name, (unsigned long long)iova,
			 reason_text(reason));
}

UVDK_EXPORT unsigned int uvdk_emu_faults(struct uvdk_emu *emu, struct uvdk_emu_fault *out,
					 unsigned int max, uint64_t *lost)
{
	unsigned int n = 0;

	pthread_mutex_lock(&emu->fault_lock);
	while (n < max && emu->fault_count) {
		out[n++] = emu->fault[emu->fault_first];
		emu->fault_first = (emu->fault_first + 1) % EMU_FAULTS;
		emu->fault_count--;
	}
	if (lost) {
		*lost = emu->fault_lost;
		emu->fault_lost = 0;
	}
	pthread_mutex_unlock(&emu->fault_lock);

	return n;
}
