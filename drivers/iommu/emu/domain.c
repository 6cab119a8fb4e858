// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_emu_domain.h"

static void begin(const struct emu_domain *dom)
{
	uvdk_emu_iommu_begin(dom->unit->machine->emu, dom->unit->number);
}

static void end(const struct emu_domain *dom)
{
	uvdk_emu_iommu_end(dom->unit->machine->emu, dom->unit->number);
}

int emu_domain_create(struct emu_unit *unit, enum emu_stage stage, struct emu_domain **out)
{
	struct emu_domain *dom = calloc(1, sizeof(*dom));
	int err;

	if (!dom)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for a page table");
	*dom = (struct emu_domain){.unit = unit, .refs = 1};
	dom->table = (struct emu_table){
		.arena = &unit->machine->arena,
		.stage = stage,
		.levels = emu_unit_levels(unit, stage),
		.bits = emu_unit_bits(unit, stage),
		.leaf_sizes = emu_unit_leaf_sizes(unit, stage),
	};
	err = emu_unit_did_get(unit, &dom->did);
	if (err)
		goto free;
	err = emu_table_init(&dom->table);
	if (err) {
		uvdk_fail(err, EMU_COMPONENT, "no memory for a page table");
		goto put;
	}
	*out = dom;

	return 0;
put:
	emu_unit_did_put(unit, dom->did);
free:
	free(dom);
	return err;
}

void emu_domain_get(struct emu_domain *dom)
{
	dom->refs++;
}

/* It is attached nowhere: detaching has invalidated all that was cached of it. */
void emu_domain_put(struct emu_domain *dom)
{
	struct emu_page *freed = NULL;

	if (--dom->refs)
		return;
	if (dom->entry.le_prev)
		LIST_REMOVE(dom, entry);
	emu_table_fini(&dom->table, &freed);
	emu_unit_give_back(dom->unit, freed);
	emu_unit_did_put(dom->unit, dom->did);
	free(dom);
}

/*
 * A second stage is tagged with the domain alone, a first stage with the PASID
 * as well: one descriptor for each, whatever number of functions has it.
 */
static void inval_tags(struct emu_batch *batch, const struct emu_domain *dom, enum emu_site site,
		       const struct emu_reach *reach)
{
	const struct emu_attachment *at;
	uint32_t last = UINT32_MAX;

	if (emu_domain_is_second(dom)) {
		emu_inval_iotlb(batch, site, VTD_G_DOMAIN, dom->did, reach);
		return;
	}
	LIST_FOREACH(at, &dom->attached, entry)
	{
		if (at->pasid != last)
			emu_inval_piotlb(batch, site, dom->did, at->pasid, reach);
		last = at->pasid;
	}
}

/* A function may ask again at once: the IOTLB it would be answered from comes first. */
void emu_domain_inval(struct emu_batch *batch, const struct emu_domain *dom, enum emu_site iotlb,
		      enum emu_site devtlb, const struct emu_reach *reach)
{
	const struct emu_attachment *at;
	bool fenced = false;

	if (LIST_EMPTY(&dom->attached))
		return;
	inval_tags(batch, dom, iotlb, reach);
	LIST_FOREACH(at, &dom->attached, entry)
	{
		if (!emu_device_caches(at->dev))
			continue;
		if (!fenced)
			emu_inval_fence(batch);
		fenced = true;
		emu_inval_devtlb(batch, devtlb, &at->dev->asker, at->pasid, reach);
	}
}

static void unmap(struct emu_domain *dom, uvdk_iova_t iova, uint64_t len)
{
	struct emu_reach reach = {.iova = iova, .len = len};
	struct emu_batch batch;
	struct emu_page *freed = NULL;

	emu_inval_start(&batch, dom->unit);
	emu_table_unmap(&dom->table, iova, len, &freed);
	reach.paging = freed;
	emu_domain_inval(&batch, dom, EMU_SITE_UNMAP_IOTLB, EMU_SITE_UNMAP_DEVTLB, &reach);
	emu_inval_run(&batch);
	emu_unit_give_back(dom->unit, freed);
}

/* 6.1: where CAP.CM is set, that nothing was there may be cached; functions don't. */
static void inval_absence(struct emu_domain *dom, uvdk_iova_t iova, uint64_t len)
{
	struct emu_reach reach = {.iova = iova, .len = len, .paging = true};
	struct emu_batch batch;

	emu_inval_start(&batch, dom->unit);
	if (!VTD_CAP_CM(dom->unit->cap))
		return;
	inval_tags(&batch, dom, EMU_SITE_MAP_IOTLB, &reach);
	emu_inval_run(&batch);
}

int emu_domain_map(struct emu_domain *dom, uvdk_iova_t iova, const void *va, uint64_t len,
		   unsigned int access)
{
	int err;

	begin(dom);
	err = emu_table_map(&dom->table, iova, va, len, access);
	if (err == -ENOMEM)
		unmap(dom, iova, len);
	else if (!err)
		inval_absence(dom, iova, len);
	end(dom);
	if (err == -ENOMEM)
		return uvdk_fail(err, EMU_COMPONENT,
				 "no memory for the page tables of IOVA 0x%" PRIx64 "+0x%" PRIx64,
				 iova, len);
	if (err)
		return uvdk_fail(err, EMU_COMPONENT,
				 "IOVA 0x%" PRIx64 "+0x%" PRIx64
				 " does not fit a page table of %u address bits",
				 iova, len, dom->table.bits);

	return 0;
}

void emu_domain_unmap(struct emu_domain *dom, uvdk_iova_t iova, uint64_t len)
{
	begin(dom);
	unmap(dom, iova, len);
	end(dom);
}
