// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "viommu_priv.h"

/*
 * Events carry numbers that count lost ones, too. What is missing in front of an event, and what
 * the kernel says is missing at the end, becomes an entry of its own.
 */
#define RECORDS	  256u
#define DEPTH_MAX (1u << 19) /* the kernel's limit */

struct uvdk_veventq {
	struct uvdk_viommu *viommu;
	void *priv;

	pthread_mutex_t lock; /* guards the rest */
	uint32_t expected;    /* number of the next event */
	struct uvdk_vevent_record records[RECORDS];
	unsigned int at, count; /* of them, those that the caller had no room for */
};

static const struct {
	const char *name;
	enum uvdk_nest_type viommu, or_viommu;
} types[] = {
	[UVDK_VEVENTQ_SMMUV3] = {"SMMUv3 events", UVDK_NEST_SMMUV3, UVDK_NEST_TEGRA241},
	[UVDK_VEVENTQ_TEGRA241] = {"Tegra241 queue errors", UVDK_NEST_TEGRA241, UVDK_NEST_TEGRA241},
	[UVDK_VEVENTQ_SELFTEST] = {"selftest", UVDK_NEST_SELFTEST, UVDK_NEST_SELFTEST},
};

static int check(const struct uvdk_viommu *viommu, enum uvdk_veventq_type type, unsigned int depth)
{
	if (type >= sizeof(types) / sizeof(types[0]) ||
	    (types[type].viommu != viommu->info.type && types[type].or_viommu != viommu->info.type))
		return uvdk_fail(
			-EINVAL, IOAS_COMPONENT,
			"an event queue of type %d (%s) does not go with a vIOMMU of %s", type,
			type < sizeof(types) / sizeof(types[0]) ? types[type].name : "unknown",
			viommu_type_name(viommu->info.type));
	if (!depth || depth > DEPTH_MAX)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT,
				 "an event queue for %u events: may be 1 to %u", depth, DEPTH_MAX);

	return 0;
}

UVDK_EXPORT int uvdk_veventq_create(struct uvdk_viommu *viommu, enum uvdk_veventq_type type,
				    unsigned int depth, struct uvdk_veventq **out)
{
	struct uvdk_iommu *iommu = viommu_iommu(viommu);
	int err = check(viommu, type, depth);
	struct uvdk_veventq *queue;

	if (!err)
		err = uvdk_ioas_check_own(viommu->info.parent->ioas);
	if (err)
		return err;
	queue = calloc(1, sizeof(*queue));
	if (!queue)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for an event queue");

	queue->viommu = viommu;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_mutex_lock(&iommu->lock);
	err = viommu_ops(viommu)->veventq_create(viommu->priv, type, depth, &queue->priv);
	if (!err)
		viommu->users++;
	pthread_mutex_unlock(&iommu->lock);
	if (err) {
		pthread_mutex_destroy(&queue->lock);
		free(queue);
		return err;
	}
	*out = queue;

	return 0;
}

UVDK_EXPORT int uvdk_veventq_fd(const struct uvdk_veventq *queue)
{
	return viommu_ops(queue->viommu)->veventq_fd(queue->priv);
}

static int refill(struct uvdk_veventq *queue)
{
	int n = viommu_ops(queue->viommu)->veventq_read(queue->priv, queue->records, RECORDS);

	queue->at = 0;
	queue->count = n > 0 ? (unsigned int)n : 0;

	return n < 0 ? n : 0;
}

/* The next entry; a record stays until nothing in front of it is missing any more. */
static void take(struct uvdk_veventq *queue, struct uvdk_vevent *out)
{
	const struct uvdk_vevent_record *record = &queue->records[queue->at];
	uint32_t missing = (record->sequence - queue->expected) & INT_MAX;

	if (record->tail)
		missing++;
	*out = (struct uvdk_vevent){.lost = missing, .sequence = record->sequence};
	queue->expected = record->sequence;
	if (!missing)
		memcpy(out->data, record->data, sizeof(out->data));
	if (!missing || record->tail) {
		queue->expected = record->sequence + 1;
		queue->at++;
	}
}

UVDK_EXPORT int uvdk_veventq_read(struct uvdk_veventq *queue, struct uvdk_vevent *out,
				  unsigned int max)
{
	unsigned int n = 0;
	int err = 0;

	if (!max || !out)
		return uvdk_fail(-EINVAL, IOAS_COMPONENT, "reading events without room for one");
	if (max > INT_MAX)
		max = INT_MAX;

	pthread_mutex_lock(&queue->lock);
	while (n < max) {
		if (queue->at == queue->count)
			err = refill(queue);
		if (queue->at == queue->count)
			break;
		take(queue, &out[n++]);
	}
	pthread_mutex_unlock(&queue->lock);

	return n ? (int)n : err;
}

UVDK_EXPORT void uvdk_veventq_destroy(struct uvdk_veventq *queue)
{
	struct uvdk_iommu *iommu = queue ? viommu_iommu(queue->viommu) : NULL;

	if (!queue || !viommu_is_ours(queue->viommu))
		return;

	pthread_mutex_lock(&iommu->lock);
	viommu_ops(queue->viommu)->veventq_destroy(queue->priv);
	queue->viommu->users--;
	pthread_mutex_unlock(&iommu->lock);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}
