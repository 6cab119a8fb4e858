// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_emu_domain.h"

static struct emu_unit *unit_of(const struct emu_domain *dom, unsigned int number)
{
	return &dom->machine->units[number];
}

void emu_domain_begin(const struct emu_domain *dom)
{
	for (unsigned int i = 0; i < dom->machine->count; i++)
		if (dom->tag[i].attached)
			uvdk_emu_iommu_begin(dom->machine->emu, i);
}

void emu_domain_end(const struct emu_domain *dom)
{
	for (unsigned int i = 0; i < dom->machine->count; i++)
		if (dom->tag[i].attached)
			uvdk_emu_iommu_end(dom->machine->emu, i);
}

int emu_domain_create(struct emu_unit *unit, const struct emu_kind *kind, struct emu_domain **out)
{
	struct emu_domain *dom = calloc(1, sizeof(*dom));
	int err;

	if (!dom)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for a page table");
	*dom = (struct emu_domain){.machine = unit->machine, .kind = *kind, .refs = 1};
	TAILQ_INIT(&dom->attached);
	dom->table = (struct emu_table){
		.arena = &unit->machine->arena,
		.stage = kind->stage,
		.snoop = kind->enforced,
		.levels = emu_unit_levels(unit, kind->stage),
		.bits = emu_unit_bits(unit, kind->stage),
		.leaf_sizes = emu_unit_leaf_sizes(unit, kind->stage),
	};
	err = emu_table_init(&dom->table);
	if (err) {
		free(dom);
		return uvdk_fail(err, EMU_COMPONENT, "no memory for a page table");
	}
	*out = dom;

	return 0;
}

void emu_domain_get(struct emu_domain *dom)
{
	dom->refs++;
}

/* Unless a unit may still know them. */
static void give_back(const struct emu_domain *dom, struct emu_page *list)
{
	for (unsigned int i = 0; i < dom->machine->count; i++)
		if (dom->tag[i].seen && emu_unit_unsure(unit_of(dom, i)))
			return;
	emu_arena_put(&dom->machine->arena, list);
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
	give_back(dom, freed);
	free(dom);
}

/*
 * A second stage is tagged with the domain alone, a first stage with the PASID
 * as well: one descriptor for each, whatever number of functions has it.
 */
static void inval_tags(struct emu_batch *batch, const struct emu_domain *dom, enum emu_site site,
		       const struct emu_reach *reach)
{
	uint16_t did = emu_domain_did(dom, batch->unit);
	const struct emu_attachment *at;
	uint32_t last = UINT32_MAX;

	if (emu_domain_is_second(dom)) {
		emu_inval_iotlb(batch, site, VTD_G_DOMAIN, did, reach);
		return;
	}
	TAILQ_FOREACH(at, &dom->attached, entry)
	{
		if (at->dev->unit != batch->unit)
			continue;
		if (at->pasid != last)
			emu_inval_piotlb(batch, site, did, at->pasid, reach);
		last = at->pasid;
	}
}

/* A function may ask again at once: the IOTLB it would be answered from comes first. */
static void inval_unit(struct emu_unit *unit, const struct emu_domain *dom, enum emu_site iotlb,
		       enum emu_site devtlb, const struct emu_reach *reach)
{
	const struct emu_attachment *at;
	struct emu_batch batch;
	bool fenced = false;

	emu_inval_start(&batch, unit);
	inval_tags(&batch, dom, iotlb, reach);
	TAILQ_FOREACH(at, &dom->attached, entry)
	{
		if (at->dev->unit != unit || !emu_device_caches(at->dev))
			continue;
		if (!fenced)
			emu_inval_fence(&batch);
		fenced = true;
		emu_inval_devtlb(&batch, devtlb, &at->dev->asker, at->pasid, reach);
	}
	emu_inval_run(&batch);
}

void emu_domain_inval(const struct emu_domain *dom, enum emu_site iotlb, enum emu_site devtlb,
		      const struct emu_reach *reach)
{
	for (unsigned int i = 0; i < dom->machine->count; i++)
		if (dom->tag[i].attached)
			inval_unit(unit_of(dom, i), dom, iotlb, devtlb, reach);
}

static void unmap(struct emu_domain *dom, uvdk_iova_t iova, uint64_t len)
{
	struct emu_reach reach = {.iova = iova, .len = len};
	struct emu_page *freed = NULL;

	emu_table_unmap(&dom->table, iova, len, &freed);
	reach.paging = freed;
	emu_domain_inval(dom, EMU_SITE_UNMAP_IOTLB, EMU_SITE_UNMAP_DEVTLB, &reach);
	give_back(dom, freed);
}

/* 6.1: where CAP.CM is set, that nothing was there may be cached; functions don't. */
static void inval_absence(struct emu_domain *dom, uvdk_iova_t iova, uint64_t len)
{
	struct emu_reach reach = {.iova = iova, .len = len, .paging = true};
	struct emu_batch batch;

	for (unsigned int i = 0; i < dom->machine->count; i++) {
		if (!dom->tag[i].attached || !VTD_CAP_CM(unit_of(dom, i)->cap))
			continue;
		emu_inval_start(&batch, unit_of(dom, i));
		inval_tags(&batch, dom, EMU_SITE_MAP_IOTLB, &reach);
		emu_inval_run(&batch);
	}
}

int emu_domain_map(struct emu_domain *dom, uvdk_iova_t iova, const void *va, uint64_t len,
		   unsigned int access)
{
	int err;

	emu_domain_begin(dom);
	err = emu_table_map(&dom->table, iova, va, len, access);
	if (err == -ENOMEM)
		unmap(dom, iova, len);
	else if (!err)
		inval_absence(dom, iova, len);
	emu_domain_end(dom);
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
	emu_domain_begin(dom);
	unmap(dom, iova, len);
	emu_domain_end(dom);
}
