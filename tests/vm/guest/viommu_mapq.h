/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAPQ_H
#define VIOMMU_MAPQ_H

#include <sys/mman.h>

#include <uvdk_mapq.h>

#include "edu.h"

/* A device behind a virtio-iommu that this process drives, and a map queue over pinned memory. */
#define PAGE   4096u
#define PAGES  1024u
#define WINDOW ((size_t)2 * PAGES * PAGE)

struct fixture {
	struct uvdk_iommu *iommu;
	struct edu edu;
	struct uvdk_ioas *ioas;
	struct uvdk_mapq *q;
	struct uvdk_mapq_mem *mem;
	uint8_t *va;
	uvdk_iova_t iova;
};

static inline void fixture_open(struct fixture *f, const char *bdf)
{
	struct uvdk_mapq_opts opts = {.size = sizeof(opts), .len = WINDOW};

	CHECK_EQ(uvdk_iommu_open("virtio", NULL, &f->iommu), 0);
	edu_open(&f->edu, f->iommu, bdf);
	CHECK_EQ(uvdk_ioas_create(f->iommu, NULL, &f->ioas), 0);
	CHECK_EQ(uvdk_ioas_attach(f->ioas, f->edu.dev), 0);
	CHECK_EQ(uvdk_ioas_reserve(f->ioas, WINDOW, 0, false, &f->iova), 0);
	opts.iova = f->iova;
	CHECK_EQ(uvdk_mapq_open(f->ioas, &opts, &f->q), 0);
	f->va = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	CHECK(f->va != MAP_FAILED, "huge pages: %s", strerror(errno));
	CHECK_EQ(uvdk_mapq_pin(f->q, f->va, PAGES * PAGE, UVDK_MAP_RW, &f->mem), 0);
}

static inline void fixture_close(struct fixture *f)
{
	CHECK_EQ(uvdk_mapq_unpin(f->q, f->mem), 0);
	uvdk_mapq_close(f->q);
	uvdk_ioas_destroy(f->ioas);
	uvdk_device_close(f->edu.dev);
	uvdk_iommu_close(f->iommu);
}

#endif /* VIOMMU_MAPQ_H */
