/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_DOMAIN_H
#define UVDK_DRV_IOMMU_EMU_DOMAIN_H

#include <sys/queue.h>

#include <uvdk_hwpt.h>

#include "iommu_emu_device.h"
#include "iommu_emu_table.h"

struct emu_domain;

/**
 * struct emu_attachment - a PASID of a function, and what it sees
 * @dev: function
 * @pasid: PASID, 0: accesses without one
 * @dom: what it sees
 * @faults: where its page requests go, or NULL
 * @plain: nobody chose a page table for it
 * @entry: in the domain's list
 */
struct emu_attachment {
	struct emu_device *dev;
	uint32_t pasid;
	struct emu_domain *dom;
	struct emu_faultq *faults;
	bool plain;
	TAILQ_ENTRY(emu_attachment) entry;
};

TAILQ_HEAD(emu_attachments, emu_attachment);

/**
 * struct emu_kind - what the page tables of an address space differ in
 * @stage: format
 * @enforced: accesses are coherent, whatever a device asks for
 * @special: UVDK_HWPT_NEST_PARENT, UVDK_HWPT_DIRTY; such a table is shared with nobody
 *
 * A nested table counts as one of the second stage.
 */
struct emu_kind {
	enum emu_stage stage;
	bool enforced;
	unsigned int special;
};

#define EMU_SPECIAL (UVDK_HWPT_NEST_PARENT | UVDK_HWPT_DIRTY)

/**
 * struct emu_tag - a page table in one unit
 * @did: domain ID, while there are attachments
 * @attached: attachments of functions behind the unit
 * @seen: there was one: an invalidation that failed may have left something
 */
struct emu_tag {
	uint16_t did;
	unsigned int attached;
	bool seen;
};

LIST_HEAD(emu_domains, emu_domain);

/**
 * struct emu_domain - a page table of an address space, in front of all units it fits
 * @machine: whose
 * @kind: for whom
 * @table: page table
 * @tag: in each unit
 * @tracked: the hardware marks dirty pages
 * @refs: attachments, and page tables of the library's
 * @plain: attachments for which nobody chose a page table
 * @attached: by ascending PASID
 * @entry: in the address space's list
 * @parent: second stage, where the first is somebody else's; then there is no
 *	@table, and it is in no list of an address space
 * @unit: such a table is for this unit alone
 * @first: such a table: word 2 of a PASID entry
 * @nested: tables whose @parent this is
 * @sibling: in the parent's list of them
 * @lock: held while @attached changes, for those who look at it without the
 *	other lock; taken before a unit's
 *
 * Guarded by the lock of the address space.
 */
struct emu_domain {
	struct emu_machine *machine;
	struct emu_kind kind;
	struct emu_table table;
	struct emu_tag tag[EMU_UNITS];
	bool tracked;
	unsigned int refs;
	unsigned int plain;
	struct emu_attachments attached;
	LIST_ENTRY(emu_domain) entry;
	struct emu_domain *parent;
	struct emu_unit *unit;
	uint64_t first;
	struct emu_domains nested;
	LIST_ENTRY(emu_domain) sibling;
	struct uvdk_lock lock;
};

/* Has it a second stage? Then translations are tagged with the domain, at least. */
static inline bool emu_domain_is_second(const struct emu_domain *dom)
{
	return dom->kind.stage == EMU_SECOND_STAGE;
}

/* Has it a first stage? */
static inline bool emu_domain_has_first(const struct emu_domain *dom)
{
	return dom->parent || !emu_domain_is_second(dom);
}

/* Its domain ID in a unit behind which it is attached. */
static inline uint16_t emu_domain_did(const struct emu_domain *dom, const struct emu_unit *unit)
{
	return dom->tag[unit->number].did;
}

/* An empty table as a unit takes it; its reference is the caller's. */
int emu_domain_create(struct emu_unit *unit, const struct emu_kind *kind, struct emu_domain **out);

/* A first stage of somebody's on a second one; likewise. */
int emu_domain_nest(struct emu_unit *unit, struct emu_domain *parent, uint64_t first,
		    struct emu_domain **out);
void emu_domain_get(struct emu_domain *dom);

/* The last one takes it out of its list and frees it. */
void emu_domain_put(struct emu_domain *dom);

/* As emu_table_map(), with a sentence; on failure nothing has changed. */
int emu_domain_map(struct emu_domain *dom, uvdk_iova_t iova, const void *va, uint64_t len,
		   unsigned int access);
void emu_domain_unmap(struct emu_domain *dom, uvdk_iova_t iova, uint64_t len);

/* Around changes of its table: in each unit behind which it is attached. */
void emu_domain_begin(const struct emu_domain *dom);
void emu_domain_end(const struct emu_domain *dom);

/* Invalidate addresses wherever it is attached. */
void emu_domain_inval(const struct emu_domain *dom, enum emu_site iotlb, enum emu_site devtlb,
		      const struct emu_reach *reach);

/* Of a nested table, whose first stage has changed; NULL: all of it. Under its @lock. */
int emu_domain_inval_first(const struct emu_domain *dom, const struct emu_reach *reach);

/* ---- which unit takes which page table ---- */

/* What a unit would need for such a table and has not, or NULL. */
const char *emu_kind_lacks(const struct emu_kind *kind, const struct emu_unit *unit);

/* Can a unit use this table, which may have been made for another? */
bool emu_domain_fits(const struct emu_domain *dom, const struct emu_unit *unit);

/* One attachment more behind a unit. -EINVAL (it does not fit) or -ENOSPC, with a sentence. */
int emu_domain_enter(struct emu_domain *dom, struct emu_unit *unit);
void emu_domain_leave(struct emu_domain *dom, struct emu_unit *unit);

/* All of it as one PASID sees it, 0: without. */
void emu_inval_table(struct emu_batch *batch, enum emu_site site, const struct emu_domain *dom,
		     uint32_t pasid);

/* ---- attachments ---- */

/* NULL: nothing is attached there. */
struct emu_attachment *emu_attachment_find(const struct emu_device *dev, uint32_t pasid);

/*
 * Attach, or replace without a gap. @plain: nobody chose this table. @faults:
 * where page requests go, or NULL. 0, -EINVAL (the unit can't use it) or another
 * negative errno, with a sentence.
 */
int emu_domain_attach(struct emu_domain *dom, struct emu_device *dev, uint32_t pasid, bool plain,
		      struct emu_faultq *faults);

/* Nothing happens if nothing is attached there. */
void emu_domain_detach(struct emu_device *dev, uint32_t pasid);

/* ---- PASID table entries ---- */

/* 0 or -ENOMEM with a sentence. */
int emu_pasid_set(struct emu_device *dev, uint32_t pasid, const struct emu_domain *dom);
void emu_pasid_clear(struct emu_device *dev, uint32_t pasid, const struct emu_domain *dom);
void emu_pasid_replace(struct emu_device *dev, uint32_t pasid, const struct emu_domain *from,
		       const struct emu_domain *to);

/* The domain's @tracked has changed. */
void emu_pasid_track(struct emu_device *dev, uint32_t pasid, const struct emu_domain *dom);

/* ---- dirty pages ---- */

/* 0, or -EOPNOTSUPP with a sentence. Pages written before count as clean. */
int emu_dirty_start(struct emu_domain *dom);
void emu_dirty_stop(struct emu_domain *dom);

/*
 * Set bit n of @bitmap where page n of @page bytes, counted from @iova, was
 * written; from now on it counts as clean, unless @keep. 0 or -EINVAL.
 */
int emu_dirty_read(struct emu_domain *dom, uvdk_iova_t iova, uint64_t len, uint64_t page,
		   uint64_t *bitmap, bool keep);

#endif /* UVDK_DRV_IOMMU_EMU_DOMAIN_H */
