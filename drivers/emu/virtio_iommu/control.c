// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vio_priv.h"

#define PORTS_KEY "virtio_iommu.instances"
#define PORTS	  32

/* Instances of one machine by name; all zero is an unlocked mutex here. */
struct ports {
	pthread_mutex_t lock;
	struct vio *port[PORTS];
};

static struct ports *ports_of(struct uvdk_emu *emu)
{
	return uvdk_emu_shared(emu, PORTS_KEY, sizeof(struct ports));
}

int vio_ports_add(struct vio *m)
{
	struct ports *ports = ports_of(uvdk_emu_fn_emu(m->v.fn));
	int ret = -ENOSPC;

	if (!ports)
		return -ENOMEM;
	pthread_mutex_lock(&ports->lock);
	for (unsigned int i = 0; i < PORTS && ret; i++) {
		if (!ports->port[i]) {
			ports->port[i] = m;
			ret = 0;
		}
	}
	pthread_mutex_unlock(&ports->lock);

	return ret;
}

void vio_ports_remove(struct vio *m)
{
	struct ports *ports = ports_of(uvdk_emu_fn_emu(m->v.fn));

	if (!ports)
		return;
	pthread_mutex_lock(&ports->lock);
	for (unsigned int i = 0; i < PORTS; i++)
		if (ports->port[i] == m)
			ports->port[i] = NULL;
	pthread_mutex_unlock(&ports->lock);
}

/* The instance, locked together with the table it is in; or NULL. */
static struct vio *hold(struct uvdk_emu *emu, const char *name, struct ports **ports)
{
	*ports = ports_of(emu);
	if (!*ports)
		return NULL;
	pthread_mutex_lock(&(*ports)->lock);
	for (unsigned int i = 0; i < PORTS; i++) {
		struct vio *m = (*ports)->port[i];

		if (m && !strcmp(uvdk_emu_fn_name(m->v.fn), name)) {
			uvdk_emu_virtio_lock(&m->v);
			return m;
		}
	}
	pthread_mutex_unlock(&(*ports)->lock);
	uvdk_fail(-ENOENT, VIO_LOG, "there is no virtio-iommu %s on this machine", name);

	return NULL;
}

static void release(struct vio *m, struct ports *ports)
{
	uvdk_emu_kick(m->v.fn);
	uvdk_emu_virtio_unlock(&m->v);
	pthread_mutex_unlock(&ports->lock);
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
	struct ports *ports;
	struct vio *m = hold(emu, name, &ports);

	if (!m)
		return -ENOENT;
	*out = m->stats;
	out->pending = m->nr_pending;
	out->interrupts = m->v.interrupts;
	out->violations = m->v.violations;
	for (unsigned int i = 0; i < VIO_QUEUES; i++)
		out->notifications +=
			__atomic_load_n(&m->v.queue[i].notifications, __ATOMIC_SEQ_CST);
	count_tables(m, out);
	release(m, ports);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_violation(struct uvdk_emu *emu, const char *name,
						unsigned int index, char *text, size_t len)
{
	struct ports *ports;
	struct vio *m = hold(emu, name, &ports);
	int ret = -ENOENT;

	if (!m)
		return ret;
	if (index < UVDK_EMU_VIRTIO_VIOLATIONS && index < m->v.violations) {
		snprintf(text, len, "%s", m->v.violation[index]);
		ret = 0;
	}
	release(m, ports);

	return ret;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_misbehave(struct uvdk_emu *emu, const char *name,
						const char *evil)
{
	struct ports *ports;
	struct vio *m;
	uint64_t mask;
	int ret;

	ret = vio_parse_evil(evil, &mask);
	if (ret)
		return ret;
	m = hold(emu, name, &ports);
	if (!m)
		return -ENOENT;
	m->v.evil = mask;
	release(m, ports);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_answer(struct uvdk_emu *emu, const char *name,
					     unsigned int type, int status, unsigned int count)
{
	struct ports *ports;
	struct vio *m;

	if (type >= VIO_TYPES || status < UVDK_EMU_VIRTIO_IOMMU_UNWRITTEN || status > 255)
		return uvdk_fail(-EINVAL, VIO_LOG,
				 "status %d for requests of type %u: statuses are -2 to 255, types "
				 "0 to %d",
				 status, type, VIO_TYPES - 1);
	m = hold(emu, name, &ports);
	if (!m)
		return -ENOENT;
	m->answer[type] = (struct vio_answer){status, count};
	release(m, ports);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_event(struct uvdk_emu *emu, const char *name,
					    const void *event, unsigned int count)
{
	struct vio_fault fault;
	struct ports *ports;
	struct vio *m = hold(emu, name, &ports);

	if (!m)
		return -ENOENT;
	memcpy(&fault, event, sizeof(fault));
	pthread_mutex_lock(&m->lock);
	while (count--)
		vio_fault_put(m, &fault);
	pthread_mutex_unlock(&m->lock);
	release(m, ports);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_get_config(struct uvdk_emu *emu, const char *name,
						 struct uvdk_emu_virtio_iommu_config *config)
{
	struct ports *ports;
	struct vio *m = hold(emu, name, &ports);

	if (!m)
		return -ENOENT;
	*config = m->config;
	release(m, ports);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_set_config(struct uvdk_emu *emu, const char *name,
						 const struct uvdk_emu_virtio_iommu_config *config)
{
	struct ports *ports;
	struct vio *m;

	if (config->probe_size > VIO_PROBE_MAX)
		return uvdk_fail(-EINVAL, VIO_LOG, "probe_size %u: %d at most", config->probe_size,
				 VIO_PROBE_MAX);
	m = hold(emu, name, &ports);
	if (!m)
		return -ENOENT;
	vio_config_set(m, config);
	release(m, ports);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_iommu_needs_reset(struct uvdk_emu *emu, const char *name)
{
	struct ports *ports;
	struct vio *m = hold(emu, name, &ports);

	if (!m)
		return -ENOENT;
	uvdk_emu_virtio_needs_reset(&m->v);
	release(m, ports);

	return 0;
}
