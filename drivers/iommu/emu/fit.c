// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_emu_domain.h"

/*
 * A page table in memory serves devices behind several units, if each can read
 * it: then it has a domain ID in each. Entries must have no bit that is
 * reserved there, and no level or size that is not known.
 */

const char *emu_kind_lacks(const struct emu_kind *kind, const struct emu_unit *unit)
{
	if (!emu_unit_levels(unit, kind->stage))
		return kind->stage == EMU_FIRST_STAGE ? "first stage (ECAP.FSTS)"
						      : "second stage (ECAP.SSTS)";
	if (kind->special & UVDK_HWPT_NEST_PARENT && !VTD_ECAP_NEST(unit->ecap))
		return "nested tables (ECAP.NEST)";
	if (kind->special & UVDK_HWPT_DIRTY && !VTD_ECAP_SSADS(unit->ecap))
		return "marks for dirty pages (ECAP.SSADS)";
	if (kind->enforced && !VTD_ECAP_SC(unit->ecap))
		return "snoop control (ECAP.SC)";

	return NULL;
}

static bool knows_levels(const struct emu_table *table, const struct emu_unit *unit)
{
	if (table->stage == EMU_SECOND_STAGE)
		return VTD_CAP_SAGAW(unit->cap) & 1u << (table->levels - 2);

	return table->levels == 4 || VTD_CAP_FS5LP(unit->cap);
}

static const char *lacks(const struct emu_domain *dom, const struct emu_unit *unit)
{
	const struct emu_table *table = &dom->table;
	const char *what = emu_kind_lacks(&dom->kind, unit);

	if (dom->parent)
		return dom->unit == unit ? NULL : "the vIOMMU that it stands on";
	if (what)
		return what;
	if (!knows_levels(table, unit))
		return "tables of so many levels (CAP.SAGAW, CAP.FS5LP)";
	if (emu_unit_bits(unit, table->stage) < table->bits)
		return "addresses of so many bits (CAP.MGAW)";
	if (table->leaf_sizes & ~emu_unit_leaf_sizes(unit, table->stage))
		return "pages of such sizes (CAP.SSLPS, CAP.FS1GP)";

	return NULL;
}

bool emu_domain_fits(const struct emu_domain *dom, const struct emu_unit *unit)
{
	return !lacks(dom, unit);
}

int emu_domain_enter(struct emu_domain *dom, struct emu_unit *unit)
{
	struct emu_tag *tag = &dom->tag[unit->number];
	const char *what = lacks(dom, unit);
	int err;

	if (what)
		return uvdk_fail(-EINVAL, EMU_COMPONENT,
				 "this page table is for I/O MMUs with %s, which I/O MMU %u lacks: "
				 "make one for a device behind that, and use it for both",
				 what, unit->number);
	err = tag->attached ? 0 : emu_unit_did_get(unit, &tag->did);
	if (err)
		return err;
	tag->attached++;
	tag->seen = true;
	if (dom->parent)
		dom->parent->tag[unit->number].seen = true;

	return 0;
}

void emu_domain_leave(struct emu_domain *dom, struct emu_unit *unit)
{
	struct emu_tag *tag = &dom->tag[unit->number];

	if (!--tag->attached)
		emu_unit_did_put(unit, tag->did);
}
