/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SVA_KERNEL_H
#define SVA_KERNEL_H

#include <uvdk_sva.h>

#include "pasid_copy.h"

/* enum vtd_fault of ../host/vtd_walk.h: a PASID's entry or a page that is not there, a page
 * that may not be written */
#define NO_PASID    8u
#define NOT_PRESENT 12u
#define READ_ONLY   14u

/* The function with PASIDs, under uio_pci_sva. */
extern struct copier copier;
extern const char *bdf;

static inline void sva_open(struct copier *c, const char *name)
{
	const char *iommu = uvdk_iommu_choose(name, NULL);

	memset(c, 0, sizeof(*c));
	CHECK(iommu && !strcmp(iommu, "kernel"), "iommu %s", iommu ? iommu : "none");
	CHECK_EQ(uvdk_iommu_open(iommu, NULL, &c->iommu), 0);
	CHECK_EQ(uvdk_device_open(c->iommu, name, NULL, &c->dev), 0);
	CHECK_EQ(uvdk_device_set_command(c->dev, 6, 0), 0);
	CHECK_EQ(uvdk_device_region(c->dev, 0, &c->bar), 0);
	CHECK_EQ(copier_read(c, 0, 4), COPY_MAGIC);
}

static inline struct uvdk_sva *sva_join(struct copier *c)
{
	struct uvdk_sva_opts opts = {.size = sizeof(opts), .backend = UVDK_SVA_KERNEL};
	struct uvdk_sva *sva;

	CHECK_EQ(uvdk_sva_bind(c->dev, &opts, &sva), 0);
	return sva;
}

static inline uint32_t sva_tag(const struct uvdk_sva *sva)
{
	return uvdk_sva_pasid(sva) | COPY_TAGGED;
}

static inline struct copy_result sva_copy(uint32_t tag, void *dst, const void *src, size_t len)
{
	return copier_copy(&copier, tag, (uintptr_t)dst, (uintptr_t)src, len);
}

#define CHECK_COPY(what, result, want_status, want_fault)                                 \
	do {                                                                              \
		struct copy_result r_ = (result);                                         \
		CHECK(r_.status == (want_status) &&                                       \
			      ((want_status) == COPY_DONE || r_.fault == (want_fault)),   \
		      "%s: status %u, fault %u at 0x%" PRIx64, what, r_.status, r_.fault, \
		      r_.addr);                                                           \
	} while (0)

static inline void fill(unsigned char *mem, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		mem[i] = (unsigned char)(i * 7 + i / 251 + seed);
}

static inline void expect_filled(const unsigned char *mem, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		CHECK(mem[i] == (unsigned char)(i * 7 + i / 251 + seed), "byte %zu is 0x%x", i,
		      mem[i]);
}

/* sva_kernel_life.c */
void scene_cycles(void);
void scene_fork(void);
void scene_hold(void);
void scene_refuse(void);

#endif /* SVA_KERNEL_H */
