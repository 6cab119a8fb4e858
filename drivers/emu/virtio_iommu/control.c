// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "vio_priv.h"

/* The virtio-iommu, locked; or NULL. */
static struct vio *hold(struct uvdk_emu *emu, const char *name)
{
	struct uvdk_emu_virtio *v = uvdk_emu_virtio_hold(emu, VIO_TYPE, name);

	if (!v)
		uvdk_fail(-ENOENT, VIO_LOG, "there is no virtio-iommu %s on this machine", name);

	return (struct vio *)v;
}

static void release(struct vio *m)
{
	uvdk_emu_kick(m->v.fn);
	uvdk_emu_virtio_release(&m->v);
}

static void count_tables(struct vio *m, struct uvdk_emu_virtio_iommu_stats *out)
{
	const struct vio_domain *domain;

	pthread_mutex_lock(&m->lock);
	LIST_FOREACH(domain, &m->domains, entry)
	{
		out->domains++;
		out->maps += domain->nr_maps;
		out->attached += domain->endpoints;
	}
	out->bypass = m->bypass;
	out->hits = m->hits;
	out->walks = m->walks;
	out->refused = m->refused;
	out->events_lost = m->faults_lost;
	pthread_mutex_unlock(&m->lock);
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_get_stats(struct uvdk_emu *emu, const char *name,
						struct uvdk_emu_virtio_iommu_stats *out)
{
	struct vio *m = hold(emu, name);

	if (!m)
		return -ENOENT;
	*out = m->stats;
	out->pending = m->nr_pending;
	out->interrupts = m->v.interrupts;
	out->violations = m->v.violations;
	out->notifications = uvdk_emu_virtio_notifications(&m->v);
	count_tables(m, out);
	release(m);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_violation(struct uvdk_emu *emu, const char *name,
						unsigned int index, char *text, size_t len)
{
	struct vio *m = hold(emu, name);
	int ret;

	if (!m)
		return -ENOENT;
	ret = uvdk_emu_virtio_violation(&m->v, index, text, len);
	release(m);

	return ret;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_misbehave(struct uvdk_emu *emu, const char *name,
						const char *evil)
{
	struct vio *m;
	uint64_t mask;
	int ret;

	ret = vio_parse_evil(evil, &mask);
	if (ret)
		return ret;
	m = hold(emu, name);
	if (!m)
		return -ENOENT;
	m->v.evil = mask;
	release(m);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_answer(struct uvdk_emu *emu, const char *name,
					     unsigned int type, int status, unsigned int count)
{
	struct vio *m;

	if (type >= VIO_TYPES || status < UVDK_EMU_VIRTIO_IOMMU_UNWRITTEN || status > 255)
		return uvdk_fail(-EINVAL, VIO_LOG,
				 "status %d for requests of type %u: statuses are -2 to 255, types "
				 "0 to %d",
				 status, type, VIO_TYPES - 1);
	m = hold(emu, name);
	if (!m)
		return -ENOENT;
	m->answer[type] = (struct vio_answer){status, count};
	release(m);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_event(struct uvdk_emu *emu, const char *name,
					    const void *event, unsigned int count)
{
	struct vio_fault fault;
	struct vio *m = hold(emu, name);

	if (!m)
		return -ENOENT;
	memcpy(&fault, event, sizeof(fault));
	pthread_mutex_lock(&m->lock);
	while (count--)
		vio_fault_put(m, &fault);
	pthread_mutex_unlock(&m->lock);
	release(m);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_get_config(struct uvdk_emu *emu, const char *name,
						 struct uvdk_emu_virtio_iommu_config *config)
{
	struct vio *m = hold(emu, name);

	if (!m)
		return -ENOENT;
	*config = m->config;
	release(m);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_set_config(struct uvdk_emu *emu, const char *name,
						 const struct uvdk_emu_virtio_iommu_config *config)
{
	struct vio *m;

	if (config->probe_size > VIO_PROBE_MAX)
		return uvdk_fail(-EINVAL, VIO_LOG, "probe_size %u: %d at most", config->probe_size,
				 VIO_PROBE_MAX);
	m = hold(emu, name);
	if (!m)
		return -ENOENT;
	vio_config_set(m, config);
	release(m);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_needs_reset(struct uvdk_emu *emu, const char *name)
{
	struct vio *m = hold(emu, name);

	if (!m)
		return -ENOENT;
	uvdk_emu_virtio_needs_reset(&m->v);
	release(m);

	return 0;
}
