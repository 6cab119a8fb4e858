/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_DEVICE_H
#define UVDK_DRV_IOMMU_EMU_DEVICE_H

#include <uvdk_emu_driver.h>

#include "iommu_emu_inval.h"

/**
 * struct emu_device - a function under an iommu; private data of a binding
 * @unit: the unit it is behind
 * @fn: the function
 * @slot: its slot
 * @sid: its requester ID
 * @pasid_cap: offset of the PASID capability, 0: none
 * @ats_cap: offset of the ATS capability, 0: none
 * @pri_cap: offset of the PRI capability, 0: none, or the unit takes no requests
 * @pasid_bits: width of the PASIDs that function and unit take, 0: none
 * @pasid_modes: capability bits: may execute, may be privileged
 * @asker: for device-TLB invalidations
 * @present: it has a context entry
 * @pasid_on: it may use PASIDs
 * @ats_on: it may cache translations
 * @pri_on: it may ask for pages
 * @watched: PASIDs whose requests go to fault queues
 * @attached: tree of struct emu_attachment by PASID
 * @count: of them
 *
 * Calls for one device are the caller's to serialise (the lock of the iommu).
 */
struct emu_device {
	struct emu_unit *unit;
	struct uvdk_emu_function *fn;
	unsigned int slot;
	uint16_t sid;
	uint16_t pasid_cap;
	uint16_t ats_cap;
	uint16_t pri_cap;
	unsigned int pasid_bits;
	unsigned int pasid_modes;
	struct emu_asker asker;
	bool present;
	bool pasid_on;
	bool ats_on;
	bool pri_on;
	unsigned int watched;
	void *attached;
	unsigned int count;
};

#define EMU_PASID_EXEC (1u << 1)
#define EMU_PASID_PRIV (1u << 2)

/* Fill in what the configuration space of a function tells. */
void emu_caps_read(struct emu_device *dev);

/* Switch PASIDs and ATS on, as @pasid_on and @ats_on say; 0 or -EIO with a sentence. */
int emu_caps_enable(struct emu_device *dev);
void emu_caps_disable(struct emu_device *dev);

/* The same for page requests. */
int emu_caps_enable_requests(struct emu_device *dev);
void emu_caps_disable_requests(struct emu_device *dev);

/* The tables of a function are in place, and nothing is attached; 0 or -ENOMEM. */
int emu_context_set(struct emu_device *dev);

/* From now on it may use PASIDs. 0 or a negative errno with a sentence. */
int emu_context_enable_pasid(struct emu_device *dev);

/* From now on it may ask for pages. 0 or a negative errno with a sentence. */
int emu_context_enable_requests(struct emu_device *dev);

/* It no longer does. */
void emu_context_disable_requests(struct emu_device *dev);

/* Nothing is attached any more. */
void emu_context_clear(struct emu_device *dev);

/* Does it hold translations that must be invalidated? */
static inline bool emu_device_caches(const struct emu_device *dev)
{
	return dev->ats_on && !uvdk_emu_fn_gone(dev->fn);
}

static inline void emu_device_begin(const struct emu_device *dev)
{
	uvdk_emu_iommu_begin(dev->unit->machine->emu, dev->unit->number);
}

static inline void emu_device_end(const struct emu_device *dev)
{
	uvdk_emu_iommu_end(dev->unit->machine->emu, dev->unit->number);
}

#endif /* UVDK_DRV_IOMMU_EMU_DEVICE_H */
