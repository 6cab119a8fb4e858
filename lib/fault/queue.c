// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "fault_priv.h"

#define GROUPS_DEFAULT 1024
#define GROUPS_LIMIT   (1u << 20)

static struct fault_queue *queue_alloc(struct uvdk_iommu *iommu, unsigned int groups_max)
{
	struct fault_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->groups_max = groups_max ? groups_max : GROUPS_DEFAULT;
	q->slot = calloc(q->groups_max, sizeof(*q->slot));
	if (!q->slot) {
		free(q);
		return NULL;
	}

	q->ops = uvdk_iommu_fault_ops(iommu);
	q->pub.iommu = iommu;
	q->pub.abandon = fault_abandon;
	pthread_mutex_init(&q->pub.lock, NULL);
	TAILQ_INIT(&q->free);
	TAILQ_INIT(&q->open);
	TAILQ_INIT(&q->ready);
	for (unsigned int i = 0; i < FAULT_BUCKETS; i++)
		LIST_INIT(&q->by_cookie[i]);

	return q;
}

static void queue_free(struct fault_queue *q)
{
	pthread_mutex_destroy(&q->pub.lock);
	fault_groups_free(q);
	free(q);
}

UVDK_EXPORT int uvdk_faultq_create(struct uvdk_iommu *iommu, const struct uvdk_faultq_opts *opts,
				   struct uvdk_faultq **out)
{
	struct uvdk_faultq_opts o = {.size = sizeof(o)};
	struct fault_queue *q;
	int err;

	if (!iommu)
		return uvdk_fail(-EINVAL, FAULT_COMPONENT,
				 "a fault queue needs an iommu: has opening it failed?");
	err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_faultq_opts");
	if (err)
		return err;
	if (!uvdk_iommu_fault_ops(iommu))
		return uvdk_fail(-EOPNOTSUPP, FAULT_COMPONENT,
				 "%s has no fault queues: iommufd, emu and virtio have",
				 uvdk_iommu_name(iommu));
	if (o.groups_max > GROUPS_LIMIT)
		return uvdk_fail(-EINVAL, FAULT_COMPONENT, "%u groups are more than %u",
				 o.groups_max, GROUPS_LIMIT);
	q = queue_alloc(iommu, o.groups_max);
	if (!q)
		return uvdk_fail(-ENOMEM, FAULT_COMPONENT, "no memory for a fault queue");

	err = q->ops->create(uvdk_iommu_priv(iommu), &q->pub.priv);
	if (err) {
		queue_free(q);
		return err;
	}
	uvdk_iommu_add_faultq(&q->pub);
	*out = &q->pub;

	return 0;
}

UVDK_EXPORT void uvdk_faultq_destroy(struct uvdk_faultq *pub)
{
	struct fault_queue *q = fault_queue_of(pub);

	if (!pub || uvdk_iommu_remove_faultq(pub))
		return;

	q->ops->destroy(pub->priv);
	queue_free(q);
}

UVDK_EXPORT int uvdk_faultq_fd(const struct uvdk_faultq *pub)
{
	return uvdk_iommu_fault_ops(pub->iommu)->fd(pub->priv);
}

UVDK_EXPORT void uvdk_faultq_get_stats(struct uvdk_faultq *pub, struct uvdk_faultq_stats *out)
{
	pthread_mutex_lock(&pub->lock);
	*out = fault_queue_of(pub)->stats;
	pthread_mutex_unlock(&pub->lock);
}
