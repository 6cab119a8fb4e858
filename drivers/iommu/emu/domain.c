// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_emu_domain.h"

static struct emu_unit *unit_of(const struct emu_domain *dom, unsigned int number)
{
	return &dom->machine->units[number];
}

/* Does a unit use it, be it below a nested table? */
static bool is_in(const struct emu_domain *dom, unsigned int number)
{
	const struct emu_domain *nested;

	if (dom->tag[number].attached)
		return true;
	LIST_FOREACH(nested, &dom->nested, sibling)
	{
		if (nested->tag[number].attached)
			return true;
	}

	return false;
}

void emu_domain_begin(const struct emu_domain *dom)
{
	for (unsigned int i = 0; i < dom->machine->count; i++)
		if (is_in(dom, i))
			uvdk_emu_iommu_begin(dom->machine->emu, i);
}

void emu_domain_end(const struct emu_domain *dom)
{
	for (unsigned int i = 0; i < dom->machine->count; i++)
		if (is_in(dom, i))
			uvdk_emu_iommu_end(dom->machine->emu, i);
}

static struct emu_domain *alloc(struct emu_machine *machine)
{
	struct emu_domain *dom = calloc(1, sizeof(*dom));

	if (!dom)
		return NULL;
	dom->machine = machine;
	dom->refs = 1;
	TAILQ_INIT(&dom->attached);
	LIST_INIT(&dom->nested);

	return dom;
}

int emu_domain_create(struct emu_unit *unit, const struct emu_kind *kind, struct emu_domain **out)
{
	struct emu_domain *dom = alloc(unit->machine);
	int err;

	if (!dom)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for a page table");
	dom->kind = *kind;
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

int emu_domain_nest(struct emu_unit *unit, struct emu_domain *parent, uint64_t first,
		    struct emu_domain **out)
{
	struct emu_domain *dom = alloc(unit->machine);

	if (!dom)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for a nested table");
	dom->kind = (struct emu_kind){.stage = EMU_SECOND_STAGE, .enforced = parent->kind.enforced};
	dom->parent = parent;
	dom->unit = unit;
	dom->first = first;
	emu_domain_get(parent);
	LIST_INSERT_HEAD(&parent->nested, dom, sibling);
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
	if (dom->parent) {
		LIST_REMOVE(dom, sibling);
		emu_domain_put(dom->parent);
		free(dom);
		return;
	}
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

/*
 * By pages of the second stage goes all that has a first one above it (6.5.2.3).
 * What functions know of it they know by other addresses.
 */
static void inval_nested(const struct emu_domain *dom, const struct emu_reach *reach)
{
	const struct emu_attachment *at;
	struct emu_batch batch;

	emu_inval_start(&batch, dom->unit);
	inval_tags(&batch, dom, EMU_SITE_NEST_BELOW_IOTLB, reach);
	emu_inval_fence(&batch);
	TAILQ_FOREACH(at, &dom->attached, entry)
	{
		if (emu_device_caches(at->dev))
			emu_inval_devtlb(&batch, EMU_SITE_NEST_BELOW_DEVTLB, &at->dev->asker,
					 at->pasid, NULL);
	}
	emu_inval_run(&batch);
}

void emu_domain_inval(const struct emu_domain *dom, enum emu_site iotlb, enum emu_site devtlb,
		      const struct emu_reach *reach)
{
	const struct emu_domain *nested;

	for (unsigned int i = 0; i < dom->machine->count; i++)
		if (dom->tag[i].attached)
			inval_unit(unit_of(dom, i), dom, iotlb, devtlb, reach);
	LIST_FOREACH(nested, &dom->nested, sibling)
	{
		if (!TAILQ_EMPTY(&nested->attached))
			inval_nested(nested, reach);
	}
}

/* What a first stage's owner has changed, for each attachment. Under the domain's lock. */
int emu_domain_inval_first(const struct emu_domain *dom, const struct emu_reach *reach)
{
	const struct emu_attachment *at;
	struct emu_batch batch;
	uint32_t last = UINT32_MAX;

	emu_inval_start(&batch, dom->unit);
	TAILQ_FOREACH(at, &dom->attached, entry)
	{
		if (at->pasid != last)
			emu_inval_piotlb(&batch, EMU_SITE_NEST_INVAL_IOTLB,
					 emu_domain_did(dom, dom->unit), at->pasid, reach);
		last = at->pasid;
	}
	emu_inval_fence(&batch);
	TAILQ_FOREACH(at, &dom->attached, entry)
	{
		if (emu_device_caches(at->dev))
			emu_inval_devtlb(&batch, EMU_SITE_NEST_INVAL_DEVTLB, &at->dev->asker,
					 at->pasid, reach);
	}

	return emu_inval_run(&batch);
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

static void inval_absence_of(const struct emu_domain *dom, enum emu_site site,
			     const struct emu_reach *reach)
{
	struct emu_batch batch;

	for (unsigned int i = 0; i < dom->machine->count; i++) {
		if (!dom->tag[i].attached || !VTD_CAP_CM(unit_of(dom, i)->cap))
			continue;
		emu_inval_start(&batch, unit_of(dom, i));
		inval_tags(&batch, dom, site, reach);
		emu_inval_run(&batch);
	}
}

/* 6.1: where CAP.CM is set, that nothing was there may be cached; functions don't. */
static void inval_absence(const struct emu_domain *dom, uvdk_iova_t iova, uint64_t len)
{
	const struct emu_reach reach = {.iova = iova, .len = len, .paging = true};
	const struct emu_domain *nested;

	inval_absence_of(dom, EMU_SITE_MAP_IOTLB, &reach);
	LIST_FOREACH(nested, &dom->nested, sibling)
	inval_absence_of(nested, EMU_SITE_NEST_MAP_IOTLB, &reach);
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
