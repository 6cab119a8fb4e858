// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

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
	case UVDK_EMU_FAULT_TABLES:
		return "the tables of the IOMMU are malformed";
	case UVDK_EMU_FAULT_STALE:
		return "what is cached for it should have been invalidated";
	}

	return "?";
}

/*
 * Like hardware, a full log drops what comes later: the first fault is the one
 * that explains. What is dropped is not logged either, so a device that runs
 * wild floods nobody.
 */
void emu_fault_record(struct uvdk_emu_function *fn, const struct uvdk_emu_fault *fault)
{
	struct uvdk_emu *emu = fn->emu;
	uint32_t pasid = fault->pasid == UVDK_EMU_NO_PASID ? 0 : fault->pasid;
	struct uvdk_emu_fault *f = NULL;

	pthread_mutex_lock(&emu->fault_lock);
	if (emu->fault_count < EMU_FAULTS) {
		f = &emu->fault[(emu->fault_first + emu->fault_count++) % EMU_FAULTS];
		*f = *fault;
		snprintf(f->function, sizeof(f->function), "%s", fn->name);
	} else {
		emu->fault_lost++;
	}
	pthread_mutex_unlock(&emu->fault_lock);

	if (f)
		uvdk_log(UVDK_LOG_DEBUG, "emu.iommu", "%s of %s at IOVA 0x%llx%s%.0u refused: %s",
			 fault->write ? "write" : "read", fn->name, (unsigned long long)fault->iova,
			 pasid ? ", PASID " : "", pasid, reason_text(fault->reason));
}

void emu_stale_record(struct uvdk_emu *emu, const struct uvdk_emu_stale *stale)
{
	pthread_mutex_lock(&emu->fault_lock);
	if (emu->stale_count < EMU_STALES)
		emu->stale[emu->stale_count++] = *stale;
	pthread_mutex_unlock(&emu->fault_lock);
}

UVDK_EXPORT unsigned int uvdk_emu_stales(struct uvdk_emu *emu, struct uvdk_emu_stale *out,
					 unsigned int max)
{
	unsigned int n;

	pthread_mutex_lock(&emu->fault_lock);
	n = emu->stale_count < max ? emu->stale_count : max;
	if (n) { /* else there may be no array yet */
		memcpy(out, emu->stale, n * sizeof(*out));
		emu->stale_count -= n;
		memmove(emu->stale, emu->stale + n, emu->stale_count * sizeof(*out));
	}
	pthread_mutex_unlock(&emu->fault_lock);

	return n;
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
