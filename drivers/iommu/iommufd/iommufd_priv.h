/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IOMMUFD_PRIV_H
#define IOMMUFD_PRIV_H

#include <uvdk_base_driver.h>
#include <uvdk_explain_driver.h>
#include <uvdk_iommu_driver.h>

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
	unsigned int attached;
};

/* 0 or negative errno */
int iofd_ioctl(int fd, unsigned long request, void *arg);

/* iommufd.c */
int iofd_group_of(const struct iofd *iofd, const char *name);

/* bind.c */
int iofd_bind(void *priv, const struct uvdk_iommu_bind_args *args,
	      struct uvdk_iommu_binding *binding);
void iofd_unbind(void *priv, struct uvdk_iommu_binding *binding);
int iofd_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out);

/* ioas.c */
int iofd_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv);
void iofd_ioas_destroy(void *ioas_priv);
uint64_t iofd_page_sizes(void *ioas_priv);
int iofd_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max);
void iofd_limits(void *ioas_priv, struct uvdk_iommu_limits *out);
int iofd_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags);
int iofd_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len);

/* attach.c */
int iofd_attach(void *ioas_priv, struct uvdk_iommu_binding *binding);
void iofd_detach(void *ioas_priv, struct uvdk_iommu_binding *binding);

#endif /* IOMMUFD_PRIV_H */
