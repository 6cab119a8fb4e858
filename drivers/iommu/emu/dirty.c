// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <unistd.h>

#include "iommu_emu_space.h"

/* Dirty pages of a second stage: 3.7.2, bits of an entry in 9.8. */

static void rewrite(const struct emu_domain *dom)
{
	const struct emu_attachment *at;

	TAILQ_FOREACH(at, &dom->attached, entry)
	emu_pasid_track(at->dev, at->pasid, dom);
}

static void track(struct emu_domain *dom, bool on)
{
	const struct emu_domain *nested;

	dom->tracked = on;
	rewrite(dom);
	LIST_FOREACH(nested, &dom->nested, sibling)
	rewrite(nested);
}

/* What is cached as dirty is not marked again: it must go. */
static void forget(struct emu_domain *dom, uvdk_iova_t iova, uint64_t len)
{
	struct emu_reach reach = {.iova = iova, .len = len};

	emu_domain_inval(dom, EMU_SITE_DIRTY_READ_IOTLB, EMU_SITE_DIRTY_READ_DEVTLB, &reach);
}

/*
 * Marks of an earlier time go before the hardware sets new ones. Where it sets
 * them already, what it remembers to have set must go, too.
 */
int emu_dirty_start(struct emu_domain *dom)
{
	if (!(dom->kind.special & UVDK_HWPT_DIRTY))
		return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT,
				 "this page table can't tell which pages were written: make it "
				 "with UVDK_HWPT_DIRTY");
	emu_domain_begin(dom);
	emu_table_dirty(&dom->table, 0, VTD_BIT(dom->table.bits), VTD_PAGE, NULL, false);
	if (dom->tracked)
		forget(dom, 0, VTD_BIT(dom->table.bits));
	else
		track(dom, true);
	emu_domain_end(dom);

	return 0;
}

void emu_dirty_stop(struct emu_domain *dom)
{
	if (!dom->tracked)
		return;
	emu_domain_begin(dom);
	track(dom, false);
	emu_domain_end(dom);
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
	emu_domain_begin(dom);
	if (emu_table_dirty(&dom->table, iova, len, page, bitmap, keep))
		forget(dom, iova, len);
	emu_domain_end(dom);

	return 0;
}

/* ---- for the library ---- */

int emu_hwpt_dirty_set(void *hwpt_priv, bool on)
{
	struct emu_hwpt *hwpt = hwpt_priv;

	if (on)
		return emu_dirty_start(hwpt->dom);
	emu_dirty_stop(hwpt->dom);

	return 0;
}

/* A kernel would refuse to write there; we would die of it. */
static int check_bitmap(uint64_t *bitmap, size_t bits)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t first = (uintptr_t)bitmap & ~(page - 1);
	uintptr_t end = ((uintptr_t)(bitmap + (bits + 63) / 64) + page - 1) & ~(page - 1);

	if (!emu_memory_check(vtd_memory(first), end - first, true))
		return 0;

	return uvdk_fail(-EFAULT, EMU_COMPONENT,
			 "there is no memory at %p to write %zu bits for dirty pages to",
			 (void *)bitmap, bits);
}

int emu_hwpt_dirty_read(void *hwpt_priv, uvdk_iova_t iova, size_t len, size_t page_size,
			uint64_t *bitmap, bool keep)
{
	struct emu_hwpt *hwpt = hwpt_priv;
	int err = check_bitmap(bitmap, len / page_size);

	return err ? err : emu_dirty_read(hwpt->dom, iova, len, page_size, bitmap, keep);
}
