/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NOIOMMU_PRIV_H
#define NOIOMMU_PRIV_H

#include <pthread.h>

#include <uvdk_base_driver.h>
#include <uvdk_explain_driver.h>
#include <uvdk_iommu_driver.h>
#include <uvdk_phys_driver.h>

#define NOIOMMU "iommu.noiommu"

struct noiommu {
	pthread_mutex_t lock; /* guards groups and their users */
	struct noiommu_group *groups;
	char *dev_root;
	struct uvdk_phys phys;
};

/* A group needs a container before the kernel gives out its device. */
struct noiommu_group {
	struct noiommu_group *next;
	int number;
	int fd;
	int container;
	unsigned int users;
};

/* Nothing translates: an address space is a list of what is locked in memory. */
struct noiommu_ioas {
	struct noiommu *noiommu;
	void *maps; /* tree of struct noiommu_map by IOVA; guarded by the ioas lock */
};

struct noiommu_map {
	uvdk_iova_t iova;
	unsigned char *va;
	size_t len;
	int pin; /* of uvdk_phys_lock() */
};

/* group.c */
int noiommu_bind(void *priv, const struct uvdk_iommu_bind_args *args,
		 struct uvdk_iommu_binding *binding);
void noiommu_unbind(void *priv, struct uvdk_iommu_binding *binding);

/* map.c */
int noiommu_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags);
int noiommu_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len);

#endif /* NOIOMMU_PRIV_H */
