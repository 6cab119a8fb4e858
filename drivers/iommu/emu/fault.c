// SPDX-License-Identifier: BSD-3-Clause
#include "iommu_emu_events.h"
#include "iommu_emu_fault.h"

static void decode(const struct emu_unit *unit, uint64_t low, uint64_t high, struct emu_fault *out)
{
	bool t1 = VTD_FRCD_T1(high);
	bool t2 = VTD_FRCD_T2(high);

	*out = (struct emu_fault){
		.unit = unit->number,
		.sid = (uint16_t)VTD_FRCD_SID(high),
		.has_pasid = VTD_FRCD_PP(high),
		.pasid = VTD_FRCD_PP(high) ? (uint32_t)VTD_FRCD_PV(high) : 0,
		.iova = low & ~(VTD_PAGE - 1),
		.reason = (uint8_t)VTD_FRCD_FR(high),
		.write = t1 == t2, /* 00: write, 11: atomic operation */
		.page_request = !t1 && t2,
		.exec = VTD_FRCD_PP(high) && VTD_FRCD_EXE(high),
		.priv = VTD_FRCD_PP(high) && VTD_FRCD_PRIV(high),
	};
}

/* From the oldest record on, in a circle (7.2.1). Under the unit's lock. */
static unsigned int drain(struct emu_unit *unit, uint32_t fsts, struct emu_fault *out,
			  unsigned int max)
{
	unsigned int records = (unsigned int)VTD_CAP_NFR(unit->cap) + 1;
	uint32_t base = (uint32_t)VTD_CAP_FRO(unit->cap) * VTD_FRCD_SIZE;
	unsigned int index = (unsigned int)VTD_FSTS_FRI(fsts) % records;
	unsigned int count = 0;

	for (; count < max && count < records; count++) {
		uint32_t at = base + (index + count) % records * VTD_FRCD_SIZE;
		uint64_t high = emu_unit_read64(unit, at + 8);

		if (!(high & VTD_FRCD_F))
			break;
		decode(unit, emu_unit_read64(unit, at), high, &out[count]);
		emu_unit_write32(unit, at + 12, VTD_FRCD_F_HIGH);
	}

	return count;
}

unsigned int emu_faults_drain(struct emu_machine *machine, struct emu_fault *out, unsigned int max,
			      bool *lost)
{
	unsigned int count = 0;

	*lost = false;
	for (unsigned int i = 0; i < machine->count && count < max; i++) {
		struct emu_unit *unit = &machine->units[i];
		uint32_t fsts;

		uvdk_lock_acquire(&unit->lock);
		fsts = emu_unit_read32(unit, VTD_FSTS);
		if (fsts & VTD_FSTS_PPF)
			count += drain(unit, fsts, out + count, max - count);
		if (fsts & VTD_FSTS_PFO) {
			*lost = true;
			emu_unit_write32(unit, VTD_FSTS, VTD_FSTS_PFO);
		}
		uvdk_lock_release(&unit->lock);
	}

	return count;
}

/* ---- for the library ---- */

#define BATCH 16
#define TURNS 16 /* a function that runs wild holds up nobody */

/*
 * 7.1.3. A second stage says with one number that nothing is mapped, and that
 * what is does not allow it.
 */
static enum uvdk_fault_reason reason_of(uint8_t reason)
{
	switch (reason) {
	case 0x39: /* root, context, directory or PASID entry not present; PASIDs off or too wide */
	case 0x41:
	case 0x45:
	case 0x46:
	case 0x51:
	case 0x59:
		return UVDK_FAULT_DETACHED;
	case 0x71:
		return UVDK_FAULT_UNMAPPED;
	case 0x5c: /* execute or supervisor requests off; user, execute, write, read */
	case 0x5d:
	case 0x81:
	case 0x82:
	case 0x85:
	case 0x86:
		return UVDK_FAULT_PERMISSION;
	case 0x80: /* not canonical; beyond what either stage takes; interrupts' */
	case 0x83:
	case 0x84:
	case 0x87:
		return UVDK_FAULT_ADDRESS;
	default:
		break;
	}

	return reason >= 0x30 && reason < 0x7c && reason != 0x79 ? UVDK_FAULT_MALFORMED
								 : UVDK_FAULT_UNKNOWN;
}

static void tell(struct emu_machine *machine, const struct emu_fault *fault)
{
	const struct uvdk_fault_record record = {
		.fault = {.type = UVDK_FAULT_IOMMU,
			  .access = (fault->write ? UVDK_FAULT_WRITE : UVDK_FAULT_READ) |
				    (fault->exec ? UVDK_FAULT_EXEC : 0u) |
				    (fault->priv ? UVDK_FAULT_PRIV : 0u),
			  .pasid = fault->has_pasid ? fault->pasid : UVDK_PASID_RID,
			  .addr = fault->iova,
			  .reason = reason_of(fault->reason),
			  .code = fault->reason},
		.dev_id = fault->sid < EMU_SLOTS << 3 ? fault->sid >> 3 : UVDK_FAULT_NO_DEVICE,
	};
	struct emu_faultq *q;

	LIST_FOREACH(q, &machine->events.queues, entry)
	emu_faultq_put(q, &record);
}

void emu_faults_tell(struct emu_machine *machine)
{
	struct emu_fault fault[BATCH];
	struct emu_faultq *q;
	bool lost;

	for (unsigned int turn = 0; turn < TURNS; turn++) {
		unsigned int count = emu_faults_drain(machine, fault, BATCH, &lost);

		for (unsigned int i = 0; i < count; i++)
			tell(machine, &fault[i]);
		LIST_FOREACH(q, &machine->events.queues, entry)
		emu_faultq_lose(q, lost);
		if (!count)
			return;
	}
	emu_events_kick(machine);
}
