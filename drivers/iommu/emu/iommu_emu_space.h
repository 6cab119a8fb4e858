/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_SPACE_H
#define UVDK_DRV_IOMMU_EMU_SPACE_H

#include <uvdk_iommu_driver.h>

#include "iommu_emu_domain.h"

/**
 * struct emu_space - an address space; guarded by the library's lock of it
 * @machine: whose
 * @ioas: the library's
 * @domains: page tables, each of which has all its maps
 */
struct emu_space {
	struct emu_machine *machine;
	struct uvdk_ioas *ioas;
	struct emu_domains domains;
};

/**
 * struct emu_hwpt - a page table of the library's
 * @space: whose maps it has
 * @dom: where they are
 * @faults: where requests for missing pages go, or NULL
 */
struct emu_hwpt {
	struct emu_space *space;
	struct emu_domain *dom;
	struct emu_faultq *faults;
};

/* The operations of struct uvdk_iommu_ops, where the library calls us. */
int emu_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out);
int emu_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv);
void emu_ioas_destroy(void *ioas_priv);
uint64_t emu_page_sizes(void *ioas_priv);
int emu_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max);
void emu_limits(void *ioas_priv, struct uvdk_iommu_limits *out);
int emu_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags);
int emu_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len);
int emu_copy(void *ioas_priv, void *from_priv, uvdk_iova_t iova, void *va, size_t len,
	     unsigned int flags);
int emu_attach(void *ioas_priv, struct uvdk_iommu_binding *binding);
void emu_detach(void *ioas_priv, struct uvdk_iommu_binding *binding);
int emu_rid_restore(void *ioas_priv, struct uvdk_iommu_binding *binding);
int emu_hwpt_create(void *ioas_priv, struct uvdk_iommu_binding *binding, unsigned int flags,
		    void **hwpt_priv);
void emu_hwpt_destroy(void *hwpt_priv);
int emu_hwpt_attach(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid,
		    void *from);
void emu_pasid_detach(void *ioas_priv, struct uvdk_iommu_binding *binding, uint32_t pasid);
int emu_hwpt_dirty_set(void *hwpt_priv, bool on);
int emu_hwpt_dirty_read(void *hwpt_priv, uvdk_iova_t iova, size_t len, size_t page_size,
			uint64_t *bitmap, bool keep);

/*
 * A table of a kind for a unit, with all maps of the address space: one that is
 * there if it fits, unless the kind is special. A unit without this stage gets
 * the other.
 */
int emu_space_table(struct emu_space *space, struct emu_unit *unit, struct emu_kind kind,
		    struct emu_domain **out);

/* Is all of it memory that a device may reach so? 0, -EFAULT or -EPERM with a sentence. */
int emu_memory_check(uint8_t *va, size_t len, bool write);

#endif /* UVDK_DRV_IOMMU_EMU_SPACE_H */
