// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <search.h>
#include <string.h>

#include "iommu_emu_domain.h"

/* Context entries: which functions may do what, and where their PASIDs are (9.4). */

static struct vtd_context *entry_of(const struct emu_device *dev)
{
	/* 8 functions a slot, 16 slots a table */
	return &dev->unit->contexts[dev->slot / 16][dev->slot % 16 * 8];
}

/* log2 of directory entries that so many PASIDs need */
static unsigned int dir_bits(unsigned int pasid_bits)
{
	return pasid_bits > VTD_DIR_MIN_BITS + VTD_LEAF_BITS ? pasid_bits - VTD_LEAF_BITS
							     : VTD_DIR_MIN_BITS;
}

static unsigned int dir_pages(unsigned int bits)
{
	return bits > VTD_INDEX_BITS ? 1u << (bits - VTD_INDEX_BITS) : 1;
}

/* A wider function in a slot needs a wider directory: the tables move along. */
static int ready_dir(struct emu_device *dev)
{
	struct emu_slot *slot = &dev->unit->slots[dev->slot];
	struct emu_arena *arena = &dev->unit->machine->arena;
	unsigned int bits = dir_bits(dev->pasid_bits);
	struct uvdk_le64 *dir;

	if (slot->dir && slot->dir_bits >= bits)
		return 0;
	dir = emu_arena_get_run(arena, dir_pages(bits));
	if (!dir)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for the PASIDs of %s",
				 uvdk_emu_fn_name(dev->fn));
	if (slot->dir) {
		memcpy(dir, slot->dir, sizeof(*dir) << slot->dir_bits);
		for (unsigned int i = 0; i < dir_pages(slot->dir_bits); i++) {
			struct emu_page *page = emu_page_of(slot->dir + i * VTD_ENTRIES);

			page->next = NULL;
			emu_arena_put(arena, page);
		}
	}
	slot->dir = dir;
	slot->dir_bits = bits;

	return 0;
}

/* All that may change while the entry is present is in one word. */
static uint64_t word_of(const struct emu_device *dev)
{
	const struct emu_slot *slot = &dev->unit->slots[dev->slot];
	unsigned int pdts = dev->pasid_on ? dir_bits(dev->pasid_bits) - VTD_DIR_MIN_BITS : 0;

	return vtd_addr(slot->dir) | VTD_CONTEXT_PDTS(pdts) | VTD_P |
	       (dev->pasid_on ? VTD_CONTEXT_PASIDE : 0) | (dev->ats_on ? VTD_CONTEXT_DTE : 0) |
	       (dev->pri_on ? VTD_CONTEXT_PRE : 0);
}

/* What has no PASID goes by entry 0: RID_PASID, in the second word, is 0. */
int emu_context_set(struct emu_device *dev)
{
	struct emu_batch batch;
	int err = ready_dir(dev);

	emu_inval_start(&batch, dev->unit);
	if (err || dev->present)
		return err;
	vtd_set(&entry_of(dev)->w[1], 0);
	vtd_set(&entry_of(dev)->w[0], word_of(dev));
	dev->present = true;
	if (VTD_CAP_CM(dev->unit->cap))
		emu_inval_context(&batch, EMU_SITE_CONTEXT_ATTACH, VTD_G_DEVICE, dev->sid);

	return emu_inval_run(&batch);
}

/* tsearch(3): each attachment once. */
static void inval_attached(const void *node, VISIT visit, void *arg)
{
	const struct emu_attachment *at = *(const struct emu_attachment *const *)node;
	struct emu_batch *batch = arg;

	if (visit != postorder && visit != leaf)
		return;
	emu_inval_pasidc(batch, EMU_SITE_CONTEXT_CHANGE_PASIDC, VTD_G_PASIDC_PASID,
			 emu_domain_did(at->dom, batch->unit), at->pasid);
	emu_inval_fence(batch);
	emu_inval_table(batch, EMU_SITE_CONTEXT_CHANGE_IOTLB, at->dom, at->pasid);
}

/* 6.5.3.3: the entry, then what was found by way of it. */
static int change(struct emu_device *dev)
{
	struct emu_batch batch;

	emu_inval_start(&batch, dev->unit);
	vtd_set(&entry_of(dev)->w[0], word_of(dev));
	emu_inval_context(&batch, EMU_SITE_CONTEXT_CHANGE, VTD_G_DEVICE, dev->sid);
	emu_inval_fence(&batch);
	twalk_r(dev->attached, inval_attached, &batch);

	return emu_inval_run(&batch);
}

/* The unit is ready for such requests before the function may send them. */
static int enable(struct emu_device *dev, bool pasid)
{
	int err;

	dev->pasid_on = pasid;
	dev->ats_on = dev->ats_cap;
	err = change(dev);
	emu_queue_set_ats(dev->unit, dev->sid, dev->ats_on);
	if (!err)
		err = emu_caps_enable(dev);
	if (!err)
		return 0;

	dev->pasid_on = false;
	dev->ats_on = false;
	emu_queue_set_ats(dev->unit, dev->sid, false);
	change(dev);
	return err;
}

static bool has_pasids(const struct emu_device *dev)
{
	return dev->pasid_cap && dev->pasid_bits;
}

int emu_context_enable_pasid(struct emu_device *dev)
{
	if (dev->pasid_on)
		return 0;
	if (!has_pasids(dev))
		return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT, "%s has no PASIDs",
				 uvdk_emu_fn_name(dev->fn));

	return enable(dev, true);
}

/* Requests stand on ATS, and PASIDs can't be switched on once that is. */
int emu_context_enable_requests(struct emu_device *dev)
{
	int err = 0;

	if (dev->pri_on)
		return 0;
	if (!dev->pri_cap)
		return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT,
				 "%s can't ask for pages: it, or I/O MMU %u, has no ATS or no PRI",
				 uvdk_emu_fn_name(dev->fn), dev->unit->number);
	if (!dev->ats_on)
		err = enable(dev, has_pasids(dev));
	if (err)
		return err;
	dev->pri_on = true;
	err = change(dev);
	if (!err)
		err = emu_caps_enable_requests(dev);
	if (!err)
		return 0;

	dev->pri_on = false;
	change(dev);
	return err;
}

void emu_context_disable_requests(struct emu_device *dev)
{
	if (!dev->pri_on)
		return;
	emu_caps_disable_requests(dev);
	dev->pri_on = false;
	change(dev);
}

/* Each PASID that was detached took along what was cached of it. */
void emu_context_clear(struct emu_device *dev)
{
	struct emu_batch batch;

	emu_inval_start(&batch, dev->unit);
	if (!dev->present)
		return;
	vtd_clear_bits(&entry_of(dev)->w[0], VTD_P);
	emu_inval_context(&batch, EMU_SITE_CONTEXT_DETACH, VTD_G_DEVICE, dev->sid);
	emu_inval_run(&batch);
	vtd_set(&entry_of(dev)->w[0], 0);
	if (dev->pasid_on || dev->ats_on)
		emu_caps_disable(dev);
	dev->present = false;
	dev->pasid_on = false;
	dev->ats_on = false;
}
