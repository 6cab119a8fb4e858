/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PRIV_H
#define VIOMMU_PRIV_H

#include <uvdk_viommu_driver.h>

#include <uvdk_nest_hold_driver.h>

#include "iommu_priv.h"

struct uvdk_viommu {
	struct uvdk_viommu_info info; /* constant, as is @priv */
	void *priv;

	/* Guarded by iommu->lock. */
	unsigned int users;		   /* what has been made on it and is left */
	LIST_HEAD(, uvdk_hw_queue) queues; /* by descending index */
	struct uvdk_nest_hold *holds;

	/* Taken last; guards what follows, which iommu->lock is needed to change. */
	struct uvdk_lock lock;
	void *ids; /* tsearch(3): vDEVICEs by virt_id */
	LIST_HEAD(, uvdk_vdevice) vdevices;
	unsigned int generation; /* of them; also read without the lock */
};

/* Its device may have been closed: then @binding is NULL and nothing else is left. */
struct uvdk_vdevice {
	struct uvdk_viommu *viommu;
	uint64_t virt_id;
	struct ioas_binding *binding;
	void *priv;
	bool caches; /* translations of the vIOMMU's tables: guarded as the list */
	LIST_ENTRY(uvdk_vdevice) entry;
};

/*
 * The kernel makes queues by ascending index and frees them by descending one: one that is given
 * back below others waits for them.
 */
struct uvdk_hw_queue {
	struct uvdk_viommu *viommu;
	void *priv;
	unsigned int index;
	uvdk_iova_t iova;
	size_t len;
	bool given_back;
	bool held;			 /* by a uvdk_nest_hold, for which it waits, too */
	LIST_ENTRY(uvdk_hw_queue) entry; /* in viommu->queues */
};

/* hw_queue.c: under iommu->lock: free those that nothing waits for */
void viommu_sweep_queues(struct uvdk_viommu *viommu);

/* nest_hold.c: under iommu->lock */
void viommu_ids_changed(struct uvdk_viommu *viommu);

static inline struct uvdk_iommu *viommu_iommu(const struct uvdk_viommu *viommu)
{
	return viommu->info.parent->ioas->iommu;
}

static inline bool viommu_is_ours(const struct uvdk_viommu *viommu)
{
	return ioas_is_ours(viommu->info.parent->ioas);
}

static inline const struct uvdk_viommu_ops *viommu_ops(const struct uvdk_viommu *viommu)
{
	return viommu_iommu(viommu)->ops->viommus;
}

/* "SMMUv3" and so on, for messages */
const char *viommu_type_name(enum uvdk_nest_type type);

/* SMMUv3 or the same with queues of its own: tables and commands are alike. */
static inline bool viommu_is_smmuv3(const struct uvdk_viommu *viommu)
{
	return viommu->info.type == UVDK_NEST_SMMUV3 || viommu->info.type == UVDK_NEST_TEGRA241;
}

/* vdevice.c: under viommu->lock */
bool viommu_has_id(const struct uvdk_viommu *viommu, uint64_t virt_id);

/* nest_check.c: under the ioas lock */
bool ioas_mapped(const struct uvdk_ioas *ioas, uvdk_iova_t iova, uint64_t len);
int nest_check(const struct uvdk_viommu *viommu, const struct uvdk_nested *nested);

/*
 * smmuv3_cmd.c: under viommu->lock; what is wrong with a command, or NULL. -ENOENT in @err if it
 * is the ID.
 */
const char *smmuv3_cmd_wrong(const struct uvdk_viommu *viommu, const uint64_t cmd[2], int *err);

#endif /* VIOMMU_PRIV_H */
