/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SVA_KERNEL_H
#define SVA_KERNEL_H

#include <sva_priv.h>

#include "pasid_copy.h"

/* The function with PASIDs, under uio_pci_sva. */
static inline void sva_open(struct copier *c, const char *bdf)
{
	const char *name = uvdk_iommu_choose(bdf, NULL);

	memset(c, 0, sizeof(*c));
	CHECK(name && !strcmp(name, "kernel"), "iommu %s", name ? name : "none");
	CHECK_EQ(uvdk_iommu_open(name, NULL, &c->iommu), 0);
	CHECK_EQ(uvdk_device_open(c->iommu, bdf, NULL, &c->dev), 0);
	CHECK_EQ(uvdk_device_set_command(c->dev, 6, 0), 0);
	CHECK_EQ(uvdk_device_region(c->dev, 0, &c->bar), 0);
	CHECK_EQ(copier_read(c, 0, 4), COPY_MAGIC);
}

static inline struct uvdk_sva *sva_join(struct copier *c)
{
	struct uvdk_sva *sva = calloc(1, sizeof(*sva));

	CHECK(sva, "memory");
	sva->dev = c->dev;
	CHECK_EQ(sva_kernel.probe(c->dev, &sva->opts), 0);
	CHECK_EQ(sva_kernel.bind(sva), 0);
	return sva;
}

static inline void sva_part(struct uvdk_sva *sva)
{
	sva_kernel.unbind(sva);
	free(sva);
}

static inline uint32_t sva_tag(const struct uvdk_sva *sva)
{
	return sva->pasid | COPY_TAGGED;
}

static inline struct copy_result sva_copy(struct copier *c, uint32_t tag, void *dst,
					  const void *src, size_t len)
{
	return copier_copy(c, tag, (uintptr_t)dst, (uintptr_t)src, len);
}

#endif /* SVA_KERNEL_H */
