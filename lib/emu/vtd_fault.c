// SPDX-License-Identifier: BSD-3-Clause
#include "vtd_priv.h"

/* Primary fault logging, 7.2.1. */

/* Of a translation request, only what tables can't bring is a fault: 7.1.3. */
static bool reportable(const struct vtd_req *req, const struct vtd_walk *w)
{
	if (req->purpose != VTD_ACCESS || w->quiet || w->why == UVDK_EMU_FAULT_STALE)
		return false;

	return !req->ats || (w->why != UVDK_EMU_FAULT_NOT_MAPPED &&
			     w->why != UVDK_EMU_FAULT_PERMISSION && w->why != UVDK_EMU_FAULT_RANGE);
}

void vtd_fault_record(struct vtd *vtd, const struct vtd_req *req, uint64_t iova,
		      const struct vtd_walk *w)
{
	uint32_t before;
	uint64_t *frcd;

	if (!reportable(req, w))
		return;
	pthread_mutex_lock(&vtd->reg_lock);
	before = vtd_fault_status(vtd);
	frcd = vtd->frcd[vtd->frcd_next];
	if (frcd[1] & FRCD_F) {
		atomic_fetch_or(&vtd->fsts, (uint32_t)FSTS_PFO);
	} else if (!(atomic_load(&vtd->fsts) & FSTS_PFO)) {
		frcd[0] = iova & SPAN(63, 12);
		frcd[1] = FRCD_F | req->sid | FRCD_FR((uint64_t)w->fault) |
			  (req->write ? 0 : FRCD_T1);
		if (req->pasid != VTD_RID)
			frcd[1] |= FRCD_PP | FRCD_PV((uint64_t)req->pasid) |
				   (req->priv ? FRCD_PRIV : 0) | (req->exec ? FRCD_EXE : 0);
		vtd->frcd_next = (vtd->frcd_next + 1) % VTD_FRCD_COUNT;
	}
	if (!(before & FSTS_EVENTS)) /* else somebody has been told, and has not looked yet */
		vtd_event_raise(vtd, UVDK_EMU_IOMMU_IRQ_FAULT);
	pthread_mutex_unlock(&vtd->reg_lock);
}

/* Under reg_lock. */
uint64_t vtd_frcd_read(struct vtd *vtd, uint32_t off, unsigned int width)
{
	uint64_t word = vtd->frcd[off / 16][off / 8 % 2];

	if (width == 8)
		return word;

	return off & 4 ? word >> 32 : word & UINT32_MAX;
}

/* Under reg_lock: F is cleared by writing 1. */
void vtd_frcd_write(struct vtd *vtd, uint32_t off, uint64_t value, unsigned int width)
{
	uint64_t written = width == 4 && off & 4 ? value << 32 : value;

	if (off / 8 % 2 && (written & FRCD_F))
		vtd->frcd[off / 16][1] &= ~FRCD_F;
}
