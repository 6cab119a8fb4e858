// SPDX-License-Identifier: BSD-3-Clause
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
