/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CONTRACT_BACKEND_H
#define CONTRACT_BACKEND_H

#include <uvdk_iommu.h>

/*
 * What an iommu backend is asked to do in the contract tests: to provide devices
 * that copy memory. The tests know nothing else of it.
 */
struct backend {
	const char *name;
	/* A machine with one iommu. */
	struct uvdk_iommu *(*open)(void);
	void (*close)(struct uvdk_iommu *iommu);
	/* One more device, not attached, that may do DMA. */
	struct uvdk_device *(*device)(struct uvdk_iommu *iommu);
	/* The device copies memory: 0, or -EFAULT if the iommu refused. */
	int (*copy)(struct uvdk_device *dev, uvdk_iova_t dst, uvdk_iova_t src, size_t len);
};

extern const struct backend backend_fake, backend_emu, backend_virtio_emu;

#endif /* CONTRACT_BACKEND_H */
