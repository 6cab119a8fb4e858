// SPDX-License-Identifier: BSD-3-Clause
#include "iommu_emu_inval.h"

static void submit(struct emu_batch *batch)
{
	int err;

	if (!batch->count)
		return;
	if (!batch->locked)
		uvdk_lock_acquire(&batch->unit->lock);
	err = emu_queue_run(batch->unit, batch->desc, batch->count);
	if (!batch->locked)
		uvdk_lock_release(&batch->unit->lock);
	if (err)
		__atomic_store_n(&batch->unit->unsure, true, __ATOMIC_RELEASE);
	batch->count = 0;
	batch->err = batch->err ? batch->err : err;
}

static void push(struct emu_batch *batch, uint64_t w0, uint64_t w1)
{
	struct vtd_desc *desc;

	if (batch->count == EMU_QUEUE_MAX)
		submit(batch);
	desc = &batch->desc[batch->count++];
	*desc = (struct vtd_desc){0};
	vtd_set(&desc->w[0], w0);
	vtd_set(&desc->w[1], w1);
}

/* Every invalidation passes here. */
static void add(struct emu_batch *batch, enum emu_site site, uint64_t w0, uint64_t w1)
{
	if (!emu_inval_skips(site))
		push(batch, w0, w1);
}

int emu_inval_run(struct emu_batch *batch)
{
	submit(batch);

	return batch->err;
}

void emu_inval_fence(struct emu_batch *batch)
{
	if (batch->count)
		push(batch, VTD_DESC_WAIT | VTD_WAIT_FN, 0);
}

/* What functions asked before is in the queue of page requests then (6.5.2.9, 7.10). */
void emu_inval_drain_requests(struct emu_batch *batch)
{
	uint64_t pd = VTD_ECAP_PDS(batch->unit->ecap) ? VTD_WAIT_PD : 0;

	push(batch, VTD_DESC_WAIT | VTD_WAIT_FN | pd, 0);
}

void emu_inval_response(struct emu_batch *batch, const struct emu_response *r)
{
	push(batch,
	     VTD_DESC_RESPONSE | VTD_RESP_CODE(r->code) | VTD_RESP_SID(r->sid) |
		     (r->has_pasid ? VTD_RESP_PP | VTD_DESC_PASID(r->pasid) : 0),
	     VTD_RESP_GROUP(r->index) | VTD_RESP_LAST);
}

void emu_inval_context(struct emu_batch *batch, enum emu_site site, unsigned int granularity,
		       uint16_t sid)
{
	add(batch, site, VTD_DESC_CONTEXT | VTD_DESC_G(granularity) | VTD_CONTEXT_SID(sid), 0);
}

void emu_inval_pasidc(struct emu_batch *batch, enum emu_site site, unsigned int granularity,
		      uint16_t did, uint32_t pasid)
{
	add(batch, site,
	    VTD_DESC_PASIDC | VTD_DESC_G(granularity) | VTD_DESC_DID(did) | VTD_DESC_PASID(pasid),
	    0);
}

/* log2 of the pages in the least aligned block that holds all of it */
static unsigned int order_of(const struct emu_reach *reach)
{
	uint64_t differ = reach->iova ^ (reach->iova + (reach->len - 1));
	unsigned int order = 0;

	while (differ >> (VTD_PAGE_SHIFT + order))
		order++;

	return order;
}

static bool by_page(const struct emu_unit *unit, const struct emu_reach *reach)
{
	return reach && VTD_CAP_PSI(unit->cap) && order_of(reach) <= VTD_CAP_MAMV(unit->cap);
}

static uint64_t pages(const struct emu_reach *reach)
{
	unsigned int order = order_of(reach);
	bool paging = reach->paging && !emu_inval_skips(EMU_SITE_UNMAP_PAGING);

	return (reach->iova & ~(VTD_BIT(VTD_PAGE_SHIFT + order) - 1)) |
	       (paging ? 0 : VTD_IOTLB_IH) | order;
}

void emu_inval_iotlb(struct emu_batch *batch, enum emu_site site, unsigned int granularity,
		     uint16_t did, const struct emu_reach *reach)
{
	uint64_t drain = (VTD_CAP_DWD(batch->unit->cap) ? VTD_IOTLB_DW : 0) |
			 (VTD_CAP_DRD(batch->unit->cap) ? VTD_IOTLB_DR : 0);
	bool some = by_page(batch->unit, reach);

	add(batch, site,
	    VTD_DESC_IOTLB | VTD_DESC_G(some ? VTD_G_PAGE : granularity) | VTD_DESC_DID(did) |
		    drain,
	    some ? pages(reach) : 0);
}

void emu_inval_piotlb(struct emu_batch *batch, enum emu_site site, uint16_t did, uint32_t pasid,
		      const struct emu_reach *reach)
{
	bool some = by_page(batch->unit, reach);

	add(batch, site,
	    VTD_DESC_PIOTLB | VTD_DESC_G(some ? VTD_G_PAGE : VTD_G_PASID) | VTD_DESC_DID(did) |
		    VTD_DESC_PASID(pasid),
	    some ? pages(reach) : 0);
}

/* Ones below the size's bit, as in an ATS Invalidate Request (PCIe 10.2.3.2). */
static uint64_t devtlb_pages(const struct emu_reach *reach, uint64_t s)
{
	unsigned int order = reach ? order_of(reach) : 64;
	uint64_t size = VTD_BIT(VTD_PAGE_SHIFT + (order < 52 ? order : 0));

	if (order >= 51)
		return VTD_DEVTLB_ALL | s;
	if (!order)
		return reach->iova & ~(size - 1);

	return (reach->iova & ~(size - 1)) | ((size / 2 - 1) & ~(VTD_PAGE - 1)) | s;
}

void emu_inval_devtlb(struct emu_batch *batch, enum emu_site site, const struct emu_asker *asker,
		      uint32_t pasid, const struct emu_reach *reach)
{
	uint64_t pf = VTD_ECAP_DIT(batch->unit->ecap) ? VTD_DEVTLB_PFSID(asker->sid) : 0;

	if (pasid)
		add(batch, site,
		    VTD_DESC_PDEVTLB | VTD_PDEVTLB_MIP(asker->depth) | VTD_PDEVTLB_SID(asker->sid) |
			    VTD_DESC_PASID(pasid) | pf,
		    devtlb_pages(reach, VTD_PDEVTLB_S));
	else
		add(batch, site,
		    VTD_DESC_DEVTLB | VTD_DEVTLB_MIP(asker->depth) | VTD_DEVTLB_SID(asker->sid) |
			    pf,
		    devtlb_pages(reach, VTD_DEVTLB_S));
}
