// SPDX-License-Identifier: BSD-3-Clause
#include "format.h"
#include "inval_priv.h"

/*
 * Entries of a nested VT-d table, as iommufd takes them. The kernel rounds each
 * up to an aligned power of two of pages, waits for each, and tells devices.
 */

#define LEAF	      (1u << 0) /* IOMMU_VTD_INV_FLAGS_LEAF */
#define ORDER_MAX     18	/* CAP.MAMV: what units have had so far */
#define FLUSH_ENTRIES 32	/* each is waited for */
#define PASID_MAX     ((1u << 20) - 1)

void inval_vtd_props(struct uvdk_inval_props *props)
{
	props->caps.rule = UVDK_INVAL_POW2;
	props->caps.rule_order = ORDER_MAX;
	props->caps.devtlb_rule = UVDK_INVAL_COVER;
	props->caps.devtlb = false;
	props->caps.flush_entries = FLUSH_ENTRIES;
	props->caps.honours = UVDK_INVAL_LEAF;
	props->caps.granules = UINT64_C(1) << INVAL_PAGE_SHIFT;
	props->pasid_max = PASID_MAX;
}

void inval_vtd_encode(const struct uvdk_inval_piece *piece, struct inval_vtd *to)
{
	const struct uvdk_inval_req *req = &piece->req;

	*to = (struct inval_vtd){.pages = UINT64_MAX};
	if (req->scope != UVDK_INVAL_RANGE)
		return;
	to->addr = req->first;
	to->pages = ((req->last - req->first) >> INVAL_PAGE_SHIFT) + 1;
	to->flags = req->flags & UVDK_INVAL_LEAF ? LEAF : 0;
}

void inval_mock_props(struct uvdk_inval_props *props)
{
	inval_vtd_props(props);
	props->caps.rule_order = 0;
	props->caps.honours = 0;
}

void inval_mock_encode(const struct uvdk_inval_piece *piece, struct inval_mock *to)
{
	const struct uvdk_inval_req *req = &piece->req;
	bool all = req->scope != UVDK_INVAL_RANGE;

	*to = (struct inval_mock){.flags = all,
				  .iotlb = all ? 0 : (uint32_t)(req->first >> INVAL_PAGE_SHIFT)};
}
