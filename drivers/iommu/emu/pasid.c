// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_emu_domain.h"

/*
 * PASID table entries, 9.6. What a word holds:
 *
 *	0	P, translation type, second-stage pointer and width, SSADE
 *	1	domain ID, snooping
 *	2	first-stage pointer and width; SRE, WPE and EAFE of a nested table
 *
 * Hardware may read an entry in pieces while it is written. It is written such
 * that each mixture of old and new pieces is one that may be seen.
 */

/* What an entry looks like. */
struct image {
	uint64_t w[3];
};

static uint64_t second_word(const struct emu_domain *dom)
{
	return VTD_P | VTD_PASID_AW(dom->table.levels - 2) | vtd_addr(dom->table.root) |
	       (dom->tracked ? VTD_PASID_SSADE : 0);
}

static struct image image_of(const struct emu_unit *unit, const struct emu_domain *dom)
{
	bool second = emu_domain_is_second(dom);
	struct image image = {0};

	/* A second stage says in each leaf what is to be snooped (9.8). */
	image.w[1] = emu_domain_did(dom, unit) |
		     (dom->kind.enforced && !second ? VTD_PASID_PGSNP : 0) |
		     (VTD_ECAP_SMPWC(unit->ecap) ? VTD_PASID_PWSNP : 0);
	if (dom->parent) {
		image.w[0] = VTD_PASID_NESTED | second_word(dom->parent);
		image.w[2] = dom->first;
	} else if (second) {
		image.w[0] = VTD_PASID_SECOND | second_word(dom);
	} else {
		image.w[0] = VTD_P | VTD_PASID_FIRST;
		image.w[2] =
			vtd_addr(dom->table.root) | (dom->table.levels == 5 ? VTD_PASID_5LEVEL : 0);
	}

	return image;
}

static struct vtd_pasid *entry_of(const struct emu_device *dev, uint32_t pasid)
{
	const struct emu_slot *slot = &dev->unit->slots[dev->slot];
	uint64_t leaf = vtd_get(&slot->dir[pasid >> VTD_LEAF_BITS]);
	struct vtd_pasid *table = vtd_memory(leaf & VTD_ADDR);

	return leaf & VTD_P ? &table[pasid & ((1u << VTD_LEAF_BITS) - 1)] : NULL;
}

/* A table in the directory stays there: so nothing of it is ever stale. */
static struct vtd_pasid *make_entry(struct emu_device *dev, uint32_t pasid)
{
	struct emu_slot *slot = &dev->unit->slots[dev->slot];
	struct vtd_pasid *entry = entry_of(dev, pasid);
	void *page;

	if (entry)
		return entry;
	page = emu_arena_get(&dev->unit->machine->arena);
	if (!page)
		return NULL;
	vtd_set(&slot->dir[pasid >> VTD_LEAF_BITS], vtd_addr(page) | VTD_P);

	return entry_of(dev, pasid);
}

/* Of a nested table all of the domain: what is cached of its second stage has no PASID. */
void emu_inval_table(struct emu_batch *batch, enum emu_site site, const struct emu_domain *dom,
		     uint32_t pasid)
{
	uint16_t did = emu_domain_did(dom, batch->unit);

	if (emu_domain_is_second(dom))
		emu_inval_iotlb(batch, site, VTD_G_DOMAIN, did, NULL);
	else
		emu_inval_piotlb(batch, site, did, pasid, NULL);
}

/* Table 25 of 6.5.3.3: PASID cache, IOTLB, device TLB; @site is the first of three. */
static void inval_entry(struct emu_batch *batch, enum emu_site site, uint32_t pasid,
			const struct emu_domain *dom)
{
	uint16_t did = emu_domain_did(dom, batch->unit);

	emu_inval_pasidc(batch, site, VTD_G_PASIDC_PASID, did, pasid);
	emu_inval_fence(batch);
	emu_inval_table(batch, site + 1, dom, pasid);
}

static void inval_device(struct emu_batch *batch, enum emu_site site, const struct emu_device *dev,
			 uint32_t pasid)
{
	if (!emu_device_caches(dev))
		return;
	emu_inval_fence(batch);
	emu_inval_devtlb(batch, site, &dev->asker, pasid, NULL);
}

/* 6.1: where CAP.CM is set, that nothing was there may be cached, under ID 0. */
static void inval_absence(const struct emu_device *dev, uint32_t pasid)
{
	struct emu_batch batch;

	emu_inval_start(&batch, dev->unit);
	if (!VTD_CAP_CM(dev->unit->cap))
		return;
	emu_inval_pasidc(&batch, EMU_SITE_ATTACH_PASIDC, VTD_G_PASIDC_PASID, 0, pasid);
	emu_inval_run(&batch);
}

int emu_pasid_set(struct emu_device *dev, uint32_t pasid, const struct emu_domain *dom)
{
	struct vtd_pasid *entry = make_entry(dev, pasid);
	struct image image = image_of(dev->unit, dom);

	if (!entry)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for PASID %u of %s", pasid,
				 uvdk_emu_fn_name(dev->fn));
	for (unsigned int i = 3; i--;)
		vtd_set(&entry->w[i], image.w[i]);
	inval_absence(dev, pasid);

	return 0;
}

static void take_down(struct emu_device *dev, uint32_t pasid, const struct emu_domain *dom,
		      enum emu_site site)
{
	struct emu_batch batch;

	emu_inval_start(&batch, dev->unit);
	vtd_clear_bits(&entry_of(dev, pasid)->w[0], VTD_P);
	inval_entry(&batch, site, pasid, dom);
	inval_device(&batch, site + 2, dev, pasid);
	emu_inval_run(&batch);
}

/* The rest of an entry is left alone until nobody reads it. */
void emu_pasid_clear(struct emu_device *dev, uint32_t pasid, const struct emu_domain *dom)
{
	enum emu_site site = dom->parent ? EMU_SITE_NEST_DETACH_PASIDC
			     : pasid	 ? EMU_SITE_PASID_DETACH_PASIDC
					 : EMU_SITE_RID_DETACH_PASIDC;
	struct vtd_pasid *entry = entry_of(dev, pasid);

	take_down(dev, pasid, dom, site);
	for (unsigned int i = 0; i < 3; i++)
		vtd_set(&entry->w[i], 0);
}

static void set_did(struct vtd_pasid *entry, uint16_t did)
{
	vtd_set(&entry->w[1], (vtd_get(&entry->w[1]) & ~VTD_PASID_DID) | did);
}

/* No reading that began before this is still going on, or kept. */
static void settle(struct emu_device *dev, enum emu_site site, uint16_t did, uint32_t pasid)
{
	struct emu_batch batch;

	emu_inval_start(&batch, dev->unit);
	emu_inval_pasidc(&batch, site, VTD_G_PASIDC_PASID, did, pasid);
	emu_inval_run(&batch);
}

/*
 * Pointer and domain ID are in different words, and a pair of one table's
 * pointer with the other's ID would put translations under a tag that other
 * functions use. So, each time waiting until nobody holds what was before:
 *
 *	1. an ID that nobody else has; the new first-stage pointer, where there
 *	   is none yet and nobody looks at it
 *	2. in one store, the new table: the pointer of a first stage, or the
 *	   word with type and pointer of a second
 *	3. the new ID
 *
 * At each moment a whole old or a whole new table is found, under the old ID
 * (old table), the spare ID (either), or the new ID (new table). What is
 * snooped changes with the ID, too.
 */
static void replace_whole(struct emu_device *dev, uint32_t pasid, const struct emu_domain *from,
			  const struct image *image, enum emu_site site)
{
	struct emu_batch batch;
	struct vtd_pasid *entry = entry_of(dev, pasid);

	emu_inval_start(&batch, dev->unit);
	uvdk_lock_acquire(&dev->unit->replacing);
	if (!emu_domain_has_first(from))
		vtd_set(&entry->w[2], image->w[2]);
	set_did(entry, EMU_DID_REPLACE);
	settle(dev, site, emu_domain_did(from, dev->unit), pasid);

	if (vtd_get(&entry->w[0]) != image->w[0])
		vtd_set(&entry->w[0], image->w[0]);
	else
		vtd_set(&entry->w[2], image->w[2]);
	settle(dev, site, EMU_DID_REPLACE, pasid);

	vtd_set(&entry->w[2], image->w[2]); /* drops the pointer of a first stage before */
	vtd_set(&entry->w[1], image->w[1]);
	inval_entry(&batch, site, pasid, from);
	emu_inval_pasidc(&batch, site, VTD_G_PASIDC_PASID, EMU_DID_REPLACE, pasid);
	emu_inval_fence(&batch);
	emu_inval_iotlb(&batch, site + 1, VTD_G_DOMAIN, EMU_DID_REPLACE, NULL);
	emu_inval_piotlb(&batch, site + 1, EMU_DID_REPLACE, pasid, NULL);
	inval_device(&batch, site + 2, dev, pasid);
	emu_inval_run(&batch);
	uvdk_lock_release(&dev->unit->replacing);
}

/*
 * Where both have a first stage and the word with the type changes as well, two
 * words would have to change at once: no table is there for a moment instead.
 */
static void replace_torn(struct emu_device *dev, uint32_t pasid, const struct emu_domain *from,
			 const struct image *image, enum emu_site site)
{
	struct vtd_pasid *entry = entry_of(dev, pasid);

	take_down(dev, pasid, from, site);
	vtd_set(&entry->w[2], image->w[2]);
	vtd_set(&entry->w[1], image->w[1]);
	settle(dev, site, emu_domain_did(from, dev->unit), pasid);
	vtd_set(&entry->w[0], image->w[0]);
	inval_absence(dev, pasid);
}

void emu_pasid_replace(struct emu_device *dev, uint32_t pasid, const struct emu_domain *from,
		       const struct emu_domain *to)
{
	const struct image image = image_of(dev->unit, to);
	enum emu_site site = from->parent ? EMU_SITE_NEST_REPLACE_PASIDC
			     : pasid	  ? EMU_SITE_PASID_REPLACE_PASIDC
					  : EMU_SITE_RID_REPLACE_PASIDC;

	if (emu_domain_has_first(from) && emu_domain_has_first(to) &&
	    vtd_get(&entry_of(dev, pasid)->w[0]) != image.w[0])
		replace_torn(dev, pasid, from, &image, site);
	else
		replace_whole(dev, pasid, from, &image, site);
}

/* 6.5.3.3: SSADE alone changes. */
void emu_pasid_track(struct emu_device *dev, uint32_t pasid, const struct emu_domain *dom)
{
	struct emu_batch batch;

	emu_inval_start(&batch, dev->unit);
	vtd_set(&entry_of(dev, pasid)->w[0], image_of(dev->unit, dom).w[0]);
	inval_entry(&batch, EMU_SITE_DIRTY_SET_PASIDC, pasid, dom);
	inval_device(&batch, EMU_SITE_DIRTY_SET_DEVTLB, dev, pasid);
	emu_inval_run(&batch);
}
