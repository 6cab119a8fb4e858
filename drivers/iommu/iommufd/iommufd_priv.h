/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOMMUFD_PRIV_H
#define IOMMUFD_PRIV_H

#include <uvdk_base_driver.h>
#include <uvdk_explain_driver.h>
#include <uvdk_iommu_driver.h>
#include <uvdk_viommu_driver.h>

#include "iommufd_uapi.h"

#define IOFD "iommu.iommufd"

/* One open /dev/iommu. Constant after open, so no lock. */
struct iofd {
	int fd;
	char *sysfs_root;
};

/* An I/O address space of the kernel's; guarded by the ioas lock. */
struct iofd_ioas {
	struct iofd *iofd;
	struct uvdk_ioas *ioas;
	uint32_t id;
	uint64_t alignment;    /* of IOVAs and lengths, as the latest query of ranges had it */
	unsigned int attached; /* devices and hwpts: with one, what is mapped is pinned at once */
};

/* A hardware page table of the kernel's that serves an ioas. */
struct iofd_hwpt {
	struct iofd_ioas *own;
	uint32_t id;
	char *unit; /* nest parent: the I/O MMU it was made for, as sysfs calls it; or NULL */
};

/* 0 or negative errno */
int iofd_ioctl(int fd, unsigned long request, void *arg);

/* iommufd.c */
int iofd_group_of(const struct iofd *iofd, const char *name);

/* bind.c */
int iofd_bind(void *priv, const struct uvdk_iommu_bind_args *args,
	      struct uvdk_iommu_binding *binding);
void iofd_unbind(void *priv, struct uvdk_iommu_binding *binding);

/* hw_info.c */
union iofd_hw {
	struct iofd_hw_info_vtd vtd;
	struct iofd_hw_info_smmuv3 smmuv3;
	struct iofd_hw_info_amd amd;
};

/* @info as the kernel filled it in, its data in @hw; adds to @out. */
void iofd_decode(const struct iofd_hw_info *info, const union iofd_hw *hw,
		 struct uvdk_iommu_info *out);
int iofd_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out);

/* ioas.c */
int iofd_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv);
void iofd_ioas_destroy(void *ioas_priv);
uint64_t iofd_page_sizes(void *ioas_priv);
int iofd_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max);
void iofd_limits(void *ioas_priv, struct uvdk_iommu_limits *out);
int iofd_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags);
int iofd_copy(void *ioas_priv, void *from_priv, uvdk_iova_t iova, void *va, size_t len,
	      unsigned int flags);
int iofd_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len);

/* file.c */
int iofd_map_file(void *ioas_priv, uvdk_iova_t iova, int fd, uint64_t offset, size_t len,
		  unsigned int flags);

/* attach.c */
int iofd_attach(void *ioas_priv, struct uvdk_iommu_binding *binding);
void iofd_detach(void *ioas_priv, struct uvdk_iommu_binding *binding);
int iofd_explain_attach(struct iofd_ioas *own, const char *name, int err);

/* hwpt.c */
int iofd_hwpt_create(void *ioas_priv, struct uvdk_iommu_binding *binding, unsigned int flags,
		     void **hwpt_priv);
void iofd_hwpt_destroy(void *hwpt_priv);
int iofd_hwpt_attach(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid,
		     void *from);
int iofd_rid_restore(void *ioas_priv, struct uvdk_iommu_binding *binding);
void iofd_pasid_detach(void *ioas_priv, struct uvdk_iommu_binding *binding, uint32_t pasid);

int iofd_hwpt_create_faulting(void *ioas_priv, struct uvdk_iommu_binding *binding,
			      unsigned int flags, void *faultq_priv, void **hwpt_priv);

/* viommu.c */
/* What /sys calls the I/O MMU in front of a device, to be freed; or NULL. */
char *iofd_unit_of(const struct iofd *iofd, const char *name);

struct iofd_viommu {
	struct iofd *iofd;
	struct iofd_hwpt *parent;
	enum uvdk_nest_type type;
	uint32_t id;	 /* of the vIOMMU, or of the parent where the kernel has no such object */
	bool has_object; /* the kernel has one */
	bool repeat;	 /* what invalidates must be given twice */
	void *page;	 /* mapped registers, or NULL */
	size_t page_len;
};

extern const struct uvdk_viommu_ops iofd_viommu_ops;
void iofd_object_destroy(const struct iofd *iofd, uint32_t id, const char *what);

/* hw_info.c: what a vIOMMU has to know of SMMUv3; true: commands are to be repeated */
int iofd_smmuv3_info(const struct iofd *iofd, struct uvdk_iommu_binding *binding,
		     struct uvdk_viommu_info *out, bool *repeat);

/* nested.c */
int iofd_nested_create(void *viommu_priv, struct uvdk_iommu_binding *binding,
		       const struct uvdk_nested *nested, void *faultq_priv, void **hwpt_priv);
int iofd_hwpt_invalidate(void *hwpt_priv, const struct uvdk_inval_batch *batch,
			 struct uvdk_inval_result *out);
int iofd_invalidate(void *viommu_priv, const struct uvdk_inval_batch *batch,
		    struct uvdk_inval_result *out);

/* veventq.c */
int iofd_veventq_create(void *viommu_priv, enum uvdk_veventq_type type, unsigned int depth,
			void **queue_priv);
void iofd_veventq_destroy(void *queue_priv);
int iofd_veventq_fd(void *queue_priv);
int iofd_veventq_read(void *queue_priv, struct uvdk_vevent_record *out, unsigned int max);

/* fault.c */
extern const struct uvdk_fault_ops iofd_fault_ops;
uint32_t iofd_faultq_id(const void *faultq_priv);

/* dirty.c */
int iofd_dirty_set(void *hwpt_priv, bool on);
int iofd_dirty_read(void *hwpt_priv, uvdk_iova_t iova, size_t len, size_t page_size,
		    uint64_t *bitmap, bool keep);

#endif /* IOMMUFD_PRIV_H */
