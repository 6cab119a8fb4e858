/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_DOMAIN_H
#define UVDK_DRV_IOMMU_EMU_DOMAIN_H

#include <sys/queue.h>

#include "iommu_emu_device.h"
#include "iommu_emu_table.h"

struct emu_domain;

/**
 * struct emu_attachment - a PASID of a function, and what it sees
 * @dev: function
 * @pasid: PASID, 0: accesses without one
 * @dom: what it sees
 * @faults: where its page requests go, or NULL
 * @entry: in the domain's list
 */
struct emu_attachment {
	struct emu_device *dev;
	uint32_t pasid;
	struct emu_domain *dom;
	struct emu_faultq *faults;
	LIST_ENTRY(emu_attachment) entry;
};

LIST_HEAD(emu_attachments, emu_attachment);

/**
 * struct emu_domain - a page table of an address space, and its tag in one unit
 * @unit: unit
 * @table: page table
 * @did: domain ID
 * @shared: for whatever of the address space asks for nothing special
 * @tracked: the hardware marks dirty pages
 * @refs: attachments, and page tables of the library's
 * @attached: by ascending PASID
 * @entry: in the address space's list
 *
 * Guarded by the lock of the address space.
 */
struct emu_domain {
	struct emu_unit *unit;
	struct emu_table table;
	uint16_t did;
	bool shared;
	bool tracked;
	unsigned int refs;
	struct emu_attachments attached;
	LIST_ENTRY(emu_domain) entry;
};

LIST_HEAD(emu_domains, emu_domain);

static inline bool emu_domain_is_second(const struct emu_domain *dom)
{
	return dom->table.stage == EMU_SECOND_STAGE;
}

/* An empty table with a domain ID; its reference is the caller's. */
int emu_domain_create(struct emu_unit *unit, enum emu_stage stage, struct emu_domain **out);
void emu_domain_get(struct emu_domain *dom);

/* The last one takes it out of its list and frees it. */
void emu_domain_put(struct emu_domain *dom);

/* As emu_table_map(), with a sentence; on failure nothing has changed. */
int emu_domain_map(struct emu_domain *dom, uvdk_iova_t iova, const void *va, uint64_t len,
		   unsigned int access);
void emu_domain_unmap(struct emu_domain *dom, uvdk_iova_t iova, uint64_t len);

/* Invalidate addresses wherever it is attached. */
void emu_domain_inval(struct emu_batch *batch, const struct emu_domain *dom, enum emu_site iotlb,
		      enum emu_site devtlb, const struct emu_reach *reach);

/* All of it as one PASID sees it, 0: without. */
void emu_inval_table(struct emu_batch *batch, enum emu_site site, const struct emu_domain *dom,
		     uint32_t pasid);

/* ---- attachments ---- */

/* NULL: nothing is attached there. */
struct emu_attachment *emu_attachment_find(const struct emu_device *dev, uint32_t pasid);

/* Attach, or replace without a gap. 0 or a negative errno with a sentence. */
int emu_domain_attach(struct emu_domain *dom, struct emu_device *dev, uint32_t pasid);

/* The same; page requests go to @faults, if that is not NULL. */
int emu_domain_attach_faulting(struct emu_domain *dom, struct emu_device *dev, uint32_t pasid,
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
