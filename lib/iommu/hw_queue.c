// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "viommu_priv.h"

static int check(const struct uvdk_viommu *viommu, uvdk_iova_t iova, size_t len)
{
	struct uvdk_ioas *ioas = viommu->info.parent->ioas;
	bool tegra241 = viommu->info.type == UVDK_NEST_TEGRA241;
	bool mapped;

	if (!tegra241 && viommu->info.type != UVDK_NEST_SELFTEST)
		return uvdk_fail(-EOPNOTSUPP, IOAS_COMPONENT,
				 "%s has no hardware queues that a process could own: Tegra241 has",
				 viommu_type_name(viommu->info.type));
	if (!len || len - 1 > UINT64_MAX - iova)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "a hardware queue at IOVA 0x%" PRIx64
				 " of 0x%zx bytes: none, or they wrap around",
				 iova, len);
	if (tegra241 && (len < 32 || len & (len - 1) || iova & (len - 1)))
		return uvdk_fail(
			-EINVAL, IOAS_COMPONENT,
			"a hardware queue at IOVA 0x%" PRIx64
			" of 0x%zx bytes: must be a power of two from 32 on, aligned to its "
			"length",
			iova, len);
	uvdk_lock_acquire(&ioas->lock);
	mapped = ioas_mapped(ioas, iova, len);
	uvdk_lock_release(&ioas->lock);
	if (!mapped)
		return uvdk_fail(-EFAULT, IOAS_COMPONENT,
				 "a hardware queue at IOVA 0x%" PRIx64
				 " of 0x%zx bytes: not all of it is mapped in the address space",
				 iova, len);

	return 0;
}

UVDK_EXPORT int uvdk_hw_queue_create(struct uvdk_viommu *viommu, uvdk_iova_t iova, size_t len,
				     struct uvdk_hw_queue **out)
{
	struct uvdk_iommu *iommu = viommu_iommu(viommu);
	int err = uvdk_ioas_check_own(viommu->info.parent->ioas);
	const struct uvdk_hw_queue *latest;
	struct uvdk_hw_queue *queue;

	if (err)
		return err;
	queue = calloc(1, sizeof(*queue));
	if (!queue)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for a hardware queue");

	pthread_mutex_lock(&iommu->lock);
	latest = LIST_FIRST(&viommu->queues);
	queue->viommu = viommu;
	queue->index = latest ? latest->index + 1 : 0;
	queue->iova = iova;
	queue->len = len;
	err = check(viommu, iova, len);
	if (!err)
		err = viommu_ops(viommu)->hw_queue_create(viommu->priv, queue->index, iova, len,
							  &queue->priv);
	if (!err) {
		LIST_INSERT_HEAD(&viommu->queues, queue, entry);
		viommu->users++;
		*out = queue;
	}
	pthread_mutex_unlock(&iommu->lock);
	if (err)
		free(queue);

	return err;
}

UVDK_EXPORT unsigned int uvdk_hw_queue_index(const struct uvdk_hw_queue *queue)
{
	return queue->index;
}

void viommu_sweep_queues(struct uvdk_viommu *viommu)
{
	struct uvdk_hw_queue *queue;

	while ((queue = LIST_FIRST(&viommu->queues)) && queue->given_back && !queue->held) {
		viommu_ops(viommu)->hw_queue_destroy(queue->priv);
		LIST_REMOVE(queue, entry);
		viommu->users--;
		free(queue);
	}
}

UVDK_EXPORT void uvdk_hw_queue_destroy(struct uvdk_hw_queue *queue)
{
	struct uvdk_viommu *viommu = queue ? queue->viommu : NULL;
	struct uvdk_iommu *iommu = queue ? viommu_iommu(viommu) : NULL;

	if (!queue || !viommu_is_ours(viommu))
		return;

	pthread_mutex_lock(&iommu->lock);
	queue->given_back = true;
	if (queue->held)
		uvdk_log(UVDK_LOG_ERR, IOAS_COMPONENT,
			 "hardware queue %u stays, and reads its memory: invalidations go through "
			 "it; uvdk_invalq_destroy() first",
			 queue->index);
	viommu_sweep_queues(viommu);
	pthread_mutex_unlock(&iommu->lock);
}
