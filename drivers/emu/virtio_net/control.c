// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "vnet_priv.h"

/* The port, locked; or NULL. */
static struct vnet *hold(struct uvdk_emu *emu, const char *name)
{
	struct uvdk_emu_virtio *v = uvdk_emu_virtio_hold(emu, VNET_TYPE, name);

	if (!v)
		uvdk_fail(-ENOENT, VNET_LOG, "there is no port %s on this machine", name);

	return (struct vnet *)v;
}

static void release(struct vnet *m)
{
	uvdk_emu_virtio_release(&m->v);
}

UVDK_EXPORT int uvdk_emu_virtio_net_get_stats(struct uvdk_emu *emu, const char *name,
					      struct uvdk_emu_virtio_net_stats *out)
{
	struct vnet *m = hold(emu, name);

	if (!m)
		return -ENOENT;
	*out = m->stats;
	out->interrupts = m->v.interrupts;
	out->violations = m->v.violations;
	out->notifications = uvdk_emu_virtio_notifications(&m->v);
	release(m);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_net_violation(struct uvdk_emu *emu, const char *name,
					      unsigned int index, char *text, size_t len)
{
	struct vnet *m = hold(emu, name);
	int ret;

	if (!m)
		return -ENOENT;
	ret = uvdk_emu_virtio_violation(&m->v, index, text, len);
	release(m);

	return ret;
}

UVDK_EXPORT int uvdk_emu_virtio_net_set_carrier(struct uvdk_emu *emu, const char *name, bool up)
{
	struct vnet *m = hold(emu, name);

	if (!m)
		return -ENOENT;
	m->cable = up;
	vnet_set_carrier(m);
	release(m);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtio_net_misbehave(struct uvdk_emu *emu, const char *name,
					      const char *evil)
{
	struct vnet *m;
	uint64_t mask;
	int ret;

	ret = vnet_parse_evil(evil, &mask);
	if (ret)
		return ret;
	m = hold(emu, name);
	if (!m)
		return -ENOENT;
	m->v.evil = mask;
	uvdk_emu_kick(m->v.fn);
	release(m);

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
	struct vnet *m;
	int ret;

	if (len < VNET_FRAME_MIN || len > VNET_FRAME_MAX)
		return uvdk_fail(-EINVAL, VNET_LOG, "frame of %zu bytes: %d to %d are possible",
				 len, VNET_FRAME_MIN, VNET_FRAME_MAX);
	m = hold(emu, name);
	if (!m)
		return -ENOENT;
	ret = inject(m, queue, frame, len);
	release(m);

	return ret;
}

UVDK_EXPORT int uvdk_emu_virtio_net_capture(struct uvdk_emu *emu, const char *name, void *frame,
					    size_t room)
{
	struct vnet *m = hold(emu, name);
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
	release(m);

	return ret;
}
