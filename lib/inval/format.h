/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef INVAL_FORMAT_H
#define INVAL_FORMAT_H

#include <assert.h>

#include <uvdk_base_driver.h>
#include <uvdk_inval_backend_driver.h>

#include "inval_priv.h"

/* Entries as kernel and hardware take them. */

#define INVAL_SIDS 64

/* struct iommu_hwpt_vtd_s1_invalidate of linux/iommufd.h */
struct inval_vtd {
	uint64_t addr;
	uint64_t pages; /* of 4 KiB; UINT64_MAX with @addr 0: all */
	uint32_t flags;
	uint32_t reserved;
};

static_assert(sizeof(struct inval_vtd) == 24, "iommufd.h");

/* struct iommu_hwpt_invalidate_selftest, of the kernel's mock */
struct inval_mock {
	uint32_t flags; /* 1: all */
	uint32_t iotlb;
};

static_assert(sizeof(struct inval_mock) == 8, "iommufd_test.h");

/* A command of an SMMUv3, 4.1 */
struct inval_cmd {
	struct uvdk_le64 w[2];
};

static_assert(sizeof(struct inval_cmd) == 16, "SMMUv3 4.1.1");

/* struct uvdk_inval_smmu, checked and copied */
struct inval_smmu {
	uint32_t sid[INVAL_SIDS];
	unsigned int sids;
	unsigned int granule;
	bool range;
	unsigned int asid_bits;
};

/* 0 or -EINVAL with a sentence. */
int inval_smmu_init(struct inval_smmu *smmu, const struct uvdk_inval_smmu *how);

/* What a queue of commands is; the backend adds its name and costs. */
void inval_smmu_props(const struct inval_smmu *smmu, struct uvdk_inval_props *props);

/* Commands of a piece; UVDK_INVAL_FENCE has none here. */
static inline unsigned int inval_smmu_count(const struct inval_smmu *smmu,
					    const struct uvdk_inval_piece *piece)
{
	return piece->target == UVDK_INVAL_DEVTLB ? smmu->sids : 1;
}

void inval_smmu_encode(const struct inval_smmu *smmu, const struct uvdk_inval_piece *piece,
		       struct inval_cmd *to, unsigned int index);
struct inval_cmd inval_smmu_sync(void);

/*
 * Slots as &inval_burst_fn takes them become commands, one each. false: they are others; what is
 * at @to is of no use then.
 */
bool inval_smmu_burst(const struct inval_span span[2], struct inval_cmd *to);

void inval_vtd_props(struct uvdk_inval_props *props);
void inval_vtd_encode(const struct uvdk_inval_piece *piece, struct inval_vtd *to);

/* As VT-d, but that a page is an entry. */
void inval_mock_props(struct uvdk_inval_props *props);
void inval_mock_encode(const struct uvdk_inval_piece *piece, struct inval_mock *to);

#endif /* INVAL_FORMAT_H */
