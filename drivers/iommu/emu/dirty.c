// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_emu_domain.h"

/* Dirty pages of a second stage: 3.7.2, bits of an entry in 9.8. */

static void begin(const struct emu_domain *dom)
{
	emu_domain_begin(dom);
}

static void end(const struct emu_domain *dom)
{
	emu_domain_end(dom);
}

static void track(struct emu_domain *dom, bool on)
{
	const struct emu_attachment *at;

	dom->tracked = on;
	LIST_FOREACH(at, &dom->attached, entry)
	emu_pasid_track(at->dev, at->pasid, dom);
}

/* What is cached as dirty is not marked again: it must go. */
static void forget(struct emu_domain *dom, uvdk_iova_t iova, uint64_t len)
{
	struct emu_reach reach = {.iova = iova, .len = len};

	emu_domain_inval(dom, EMU_SITE_DIRTY_READ_IOTLB, EMU_SITE_DIRTY_READ_DEVTLB, &reach);
}

/* Marks of an earlier time go before the hardware sets new ones. */
int emu_dirty_start(struct emu_domain *dom)
{
	if (!(dom->kind.special & UVDK_HWPT_DIRTY))
		return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT,
				 "this page table can't tell which pages were written: make it "
				 "with UVDK_HWPT_DIRTY");
	if (dom->tracked)
		return 0;
	begin(dom);
	emu_table_dirty(&dom->table, 0, VTD_BIT(dom->table.bits), VTD_PAGE, NULL, false);
	track(dom, true);
	end(dom);

	return 0;
}

void emu_dirty_stop(struct emu_domain *dom)
{
	if (!dom->tracked)
		return;
	begin(dom);
	track(dom, false);
	end(dom);
}

int emu_dirty_read(struct emu_domain *dom, uvdk_iova_t iova, uint64_t len, uint64_t page,
		   uint64_t *bitmap, bool keep)
{
	uint64_t end_max = VTD_BIT(dom->table.bits);

	if (!dom->tracked)
		return uvdk_fail(-EINVAL, EMU_COMPONENT,
				 "dirty pages were asked for, but nobody keeps track: start first");
	if (!len || (iova | len) & (VTD_PAGE - 1) || len > end_max || iova > end_max - len ||
	    page < VTD_PAGE || page & (page - 1))
		return uvdk_fail(-EINVAL, EMU_COMPONENT,
				 "dirty pages of 0x%llx+0x%llx in units of 0x%llx: not whole pages "
				 "of 4 KiB below %u bits",
				 (unsigned long long)iova, (unsigned long long)len,
				 (unsigned long long)page, dom->table.bits);
	begin(dom);
	if (emu_table_dirty(&dom->table, iova, len, page, bitmap, keep))
		forget(dom, iova, len);
	end(dom);

	return 0;
}
