/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DSA_GUEST_H
#define DSA_GUEST_H

#include <sys/mman.h>
#include <time.h>

#include <uvdk_dmadev.h>
#include <uvdk_pasid_attach.h>

#include "dev_common.h"

/* A DSA by its driver, a channel a tenant. */
#define DSA_PATIENCE 60 /* seconds */

struct dsa_guest {
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_dmadev *dma;
	const struct uvdk_dmadev_info *info;
	struct uvdk_pasid_space *space;
	struct uvdk_pasid_owner *owner;
};

/* The device and numbers; the engine comes after. */
static inline void dsa_guest_open(struct dsa_guest *g, const char *bdf, unsigned int pasids)
{
	struct uvdk_pasid_space_opts opts = {.size = sizeof(opts)};
	struct uvdk_iommu_info info;

	memset(g, 0, sizeof(*g));
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &g->iommu), 0);
	CHECK_EQ(uvdk_device_open(g->iommu, bdf, NULL, &g->dev), 0);
	CHECK_EQ(uvdk_iommu_get_info(g->dev, &info), 0);
	CHECK(info.pasid_bits, "no PASIDs");
	opts.width = info.pasid_bits;
	CHECK_EQ(uvdk_pasid_space_create(&opts, &g->space), 0);
	CHECK_EQ(uvdk_pasid_owner_create(g->space, pasids, &g->owner), 0);
}

static inline void dsa_guest_start(struct dsa_guest *g, unsigned int channels)
{
	struct uvdk_dmadev_opts opts = {.size = sizeof(opts), .channels = channels};

	CHECK_EQ(uvdk_dmadev_open(g->dev, &opts, &g->dma), 0);
	g->info = uvdk_dmadev_get_info(g->dma);
}

static inline void dsa_guest_close(struct dsa_guest *g)
{
	uvdk_dmadev_close(g->dma);
	uvdk_pasid_owner_destroy(g->owner);
	uvdk_pasid_space_destroy(g->space);
	uvdk_device_close(g->dev);
	uvdk_iommu_close(g->iommu);
}

/* What ends next. */
static inline struct uvdk_dmadev_result dsa_guest_wait(struct uvdk_dmadev_chan *chan)
{
	time_t give_up = time(NULL) + DSA_PATIENCE;
	struct uvdk_dmadev_result r;

	while (!uvdk_dmadev_completed_status(chan, &r, 1))
		CHECK(time(NULL) <= give_up, "no end in %d s", DSA_PATIENCE);

	return r;
}

static inline void *dsa_guest_pages(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(mem != MAP_FAILED, "memory");

	return mem;
}

#endif /* DSA_GUEST_H */
