// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vnet_priv.h"

#define PORTS_KEY "virtio-net.ports"
#define PORTS	  32

/* Ports of one machine by name; all zero is an unlocked mutex here. */
struct ports {
	pthread_mutex_t lock;
	struct vnet *port[PORTS];
};

static struct ports *ports_of(struct uvdk_emu *emu)
{
	return uvdk_emu_shared(emu, PORTS_KEY, sizeof(struct ports));
}

int vnet_ports_add(struct vnet *m)
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

void vnet_ports_remove(struct vnet *m)
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

/* The port, locked together with the table it is in; or NULL. */
static struct vnet *hold(struct uvdk_emu *emu, const char *name, struct ports **ports)
{
	*ports = ports_of(emu);
	if (!*ports)
		return NULL;
	pthread_mutex_lock(&(*ports)->lock);
	for (unsigned int i = 0; i < PORTS; i++) {
		struct vnet *m = (*ports)->port[i];

		if (m && !strcmp(uvdk_emu_fn_name(m->v.fn), name)) {
			uvdk_emu_virtio_lock(&m->v);
			return m;
		}
	}
	pthread_mutex_unlock(&(*ports)->lock);
	uvdk_fail(-ENOENT, VNET_LOG, "there is no port %s on this machine", name);

	return NULL;
}

static void release(struct vnet *m, struct ports *ports)
{
	uvdk_emu_virtio_unlock(&m->v);
	pthread_mutex_unlock(&ports->lock);
}

UVDK_EXPORT int uvdk_emu_virtio_net_get_stats(struct uvdk_emu *emu, const char *name,
					      struct uvdk_emu_virtio_net_stats *out)
{
	struct ports *ports;
	struct vnet *m = hold(emu, name, &ports);

	if (!m)
		return -ENOENT;
	*out = m->stats;
	out->interrupts = m->v.interrupts;
	out->violations = m->v.violations;
	out->notifications = 0;
	for (unsigned int i = 0; i < m->v.max_queues; i++)
		out->notifications +=
			__atomic_load_n(&m->v.queue[i].notifications, __ATOMIC_SEQ_CST);
	release(m, ports);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_net_violation(struct uvdk_emu *emu, const char *name,
					      unsigned int index, char *text, size_t len)
{
	struct ports *ports;
	struct vnet *m = hold(emu, name, &ports);
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

UVDK_EXPORT int uvdk_emu_virtio_net_set_carrier(struct uvdk_emu *emu, const char *name, bool up)
{
	struct ports *ports;
	struct vnet *m = hold(emu, name, &ports);

	if (!m)
		return -ENOENT;
	m->cable = up;
	vnet_set_carrier(m);
	release(m, ports);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_net_misbehave(struct uvdk_emu *emu, const char *name,
					      const char *evil)
{
	struct ports *ports;
	struct vnet *m;
	uint64_t mask;
	int ret;

	ret = vnet_parse_evil(evil, &mask);
	if (ret)
		return ret;
	m = hold(emu, name, &ports);
	if (!m)
		return -ENOENT;
	m->v.evil = mask;
	uvdk_emu_kick(m->v.fn);
	release(m, ports);

	return 0;
}

static int inject(struct vnet *m, unsigned int queue, const void *frame, size_t len)
{
	struct vnet_hdr hdr = {.num_buffers = uvdk_to_le16((uint16_t)queue)};
	uint8_t *pkt;

	if (!m->inject)
		m->inject = calloc(1, sizeof(*m->inject));
	if (!m->inject)
		return -ENOMEM;
	pkt = vnet_pipe_reserve(m->inject, (uint32_t)(VNET_HDR_LEN + len));
	if (!pkt)
		return -EAGAIN;
	memcpy(pkt, &hdr, sizeof(hdr));
	memcpy(pkt + VNET_HDR_LEN, frame, len);
	vnet_pipe_commit(m->inject, (uint32_t)(VNET_HDR_LEN + len));
	uvdk_emu_kick(m->v.fn);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_net_inject(struct uvdk_emu *emu, const char *name,
					   unsigned int queue, const void *frame, size_t len)
{
	struct ports *ports;
	struct vnet *m;
	int ret;

	if (len < VNET_FRAME_MIN || len > VNET_FRAME_MAX)
		return uvdk_fail(-EINVAL, VNET_LOG, "frame of %zu bytes: %d to %d are possible",
				 len, VNET_FRAME_MIN, VNET_FRAME_MAX);
	m = hold(emu, name, &ports);
	if (!m)
		return -ENOENT;
	ret = inject(m, queue, frame, len);
	release(m, ports);

	return ret;
}

UVDK_EXPORT int uvdk_emu_virtio_net_capture(struct uvdk_emu *emu, const char *name, void *frame,
					    size_t room)
{
	struct ports *ports;
	struct vnet *m = hold(emu, name, &ports);
	uint8_t *pkt = NULL;
	uint32_t len;
	int ret = 0;

	if (!m)
		return -ENOENT;
	if (m->captured)
		pkt = vnet_pipe_peek(m->captured, &len);
	if (pkt) {
		ret = (int)len - VNET_HDR_LEN;
		memcpy(frame, pkt + VNET_HDR_LEN, (size_t)ret < room ? (size_t)ret : room);
		vnet_pipe_pop(m->captured, len);
	}
	release(m, ports);

	return ret;
}
