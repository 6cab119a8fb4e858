/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_INVAL_H
#define UVDK_DRV_IOMMU_EMU_INVAL_H

#include "iommu_emu_unit.h"

/* The places that invalidate. Tests build the driver without one of them. */
enum emu_site {
#define EMU_SITE(name) EMU_SITE_##name,
#include "sites.def"
#undef EMU_SITE
	EMU_SITE_COUNT,
};

#ifndef EMU_SKIP_SITE
#define EMU_SKIP_SITE EMU_SITE_COUNT
#endif

/* Is this place left out of the build? */
static inline bool emu_inval_skips(enum emu_site site)
{
	return site == EMU_SKIP_SITE;
}

/**
 * struct emu_batch - descriptors that are submitted together
 * @unit: for whom
 * @locked: the caller holds the unit's lock
 * @err: what went wrong with those that had to be submitted before
 * @count: descriptors
 * @desc: descriptors
 */
struct emu_batch {
	struct emu_unit *unit;
	bool locked;
	int err;
	unsigned int count;
	struct vtd_desc desc[EMU_QUEUE_MAX];
};

/* An empty batch. Its descriptors are not written in advance: they are many. */
static inline void emu_inval_start(struct emu_batch *batch, struct emu_unit *unit)
{
	batch->unit = unit;
	batch->locked = false;
	batch->err = 0;
	batch->count = 0;
}

/**
 * struct emu_reach - which addresses are invalidated
 * @iova: first
 * @len: bytes
 * @paging: also entries above the leaves: a table was freed
 */
struct emu_reach {
	uint64_t iova;
	uint64_t len;
	bool paging;
};

/**
 * struct emu_asker - a function that caches translations itself (ATS)
 * @sid: requester ID
 * @depth: invalidations it takes at once, 0: 32
 */
struct emu_asker {
	uint16_t sid;
	uint8_t depth;
};

/* 6.5.2.1: VTD_G_GLOBAL or VTD_G_DEVICE */
void emu_inval_context(struct emu_batch *batch, enum emu_site site, unsigned int granularity,
		       uint16_t sid);

/* 6.5.2.2: VTD_G_PASIDC_* */
void emu_inval_pasidc(struct emu_batch *batch, enum emu_site site, unsigned int granularity,
		      uint16_t did, uint32_t pasid);

/* 6.5.2.3: VTD_G_GLOBAL or VTD_G_DOMAIN; @reach: pages of the domain */
void emu_inval_iotlb(struct emu_batch *batch, enum emu_site site, unsigned int granularity,
		     uint16_t did, const struct emu_reach *reach);

/* 6.5.2.4: of one PASID; @reach: NULL for all its pages */
void emu_inval_piotlb(struct emu_batch *batch, enum emu_site site, uint16_t did, uint32_t pasid,
		      const struct emu_reach *reach);

/* 6.5.2.5 and, for other PASIDs than 0, 6.5.2.6; @reach: NULL for all pages */
void emu_inval_devtlb(struct emu_batch *batch, enum emu_site site, const struct emu_asker *asker,
		      uint32_t pasid, const struct emu_reach *reach);

/* What comes later is not begun before what came earlier is done. */
void emu_inval_fence(struct emu_batch *batch);

/* The same, and page requests that were under way have arrived. */
void emu_inval_drain_requests(struct emu_batch *batch);

/**
 * struct emu_response - answer to a group of page requests
 * @sid: who asked
 * @has_pasid: with a PASID
 * @pasid: it
 * @index: number of the group
 * @code: VTD_RESP_*
 */
struct emu_response {
	uint16_t sid;
	bool has_pasid;
	uint32_t pasid;
	unsigned int index;
	unsigned int code;
};

/* 7.7.1; it goes the way of invalidations. */
void emu_inval_response(struct emu_batch *batch, const struct emu_response *r);

/* Submit and wait. 0 or a negative errno, logged. */
int emu_inval_run(struct emu_batch *batch);

#endif /* UVDK_DRV_IOMMU_EMU_INVAL_H */
