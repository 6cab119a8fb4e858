// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "vio_priv.h"

/* Bytes that the driver writes; with which feature; what is left must be 4, or probe_size more. */
static const struct {
	const char *name;
	uint8_t len;
	uint64_t feature;
	uint8_t reserved; /* where its own reserved bytes are, and how many */
	uint8_t nr_reserved;
} shape[VIO_TYPES] = {
	[VIO_T_ATTACH] = {"ATTACH", sizeof(struct vio_attach), 0, 16, 4},
	[VIO_T_DETACH] = {"DETACH", sizeof(struct vio_detach), 0, 12, 8},
	[VIO_T_MAP] = {"MAP", sizeof(struct vio_map_req), VIO_F_MAP_UNMAP, 0, 0},
	[VIO_T_UNMAP] = {"UNMAP", sizeof(struct vio_unmap), VIO_F_MAP_UNMAP, 24, 4},
	[VIO_T_PROBE] = {"PROBE", sizeof(struct vio_probe), VIO_F_PROBE, 8, 64},
};

static bool all_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;

	return true;
}

bool vio_own_reserved(const struct vio_request *r)
{
	return !all_zero(r->in + shape[r->in[0]].reserved, shape[r->in[0]].nr_reserved);
}

void vio_advise(struct vio *m, const char *what)
{
	m->stats.advice++;
	uvdk_log(UVDK_LOG_DEBUG, VIO_LOG, "%s: the driver should not do that: %s",
		 uvdk_emu_fn_name(m->v.fn), what);
}

/* Section 5.13.6: what can't be parsed goes back unwritten. */
bool vio_check_shape(struct vio *m, struct vio_request *r)
{
	uint8_t type = r->in[0];
	uint64_t len = r->chain.read_len;
	uint64_t written = sizeof(struct vio_tail);

	if (len < sizeof(struct vio_head) || !type || type >= VIO_TYPES) {
		m->stats.requests[0]++;
		uvdk_emu_virtio_note(&m->v, "request of type %u in %llu bytes (5.13.6)", type,
				     (unsigned long long)len);
		return false;
	}
	m->stats.requests[type]++;
	if (shape[type].feature & ~m->v.features) {
		uvdk_emu_virtio_note(&m->v, "%s without the feature for it (5.13.6)",
				     shape[type].name);
		return false;
	}
	if (type == VIO_T_PROBE)
		written += m->config.probe_size;
	if (type == VIO_T_PROBE && len == shape[type].len && r->chain.write_len < written &&
	    r->chain.write_len >= sizeof(struct vio_tail))
		return true; /* there is a status for that */
	if (len == shape[type].len && r->chain.write_len == written)
		return true;
	uvdk_emu_virtio_note(
		&m->v, "%s of %llu bytes to read and %llu to write: it has %u and %llu (5.13.6)",
		shape[type].name, (unsigned long long)len, (unsigned long long)r->chain.write_len,
		shape[type].len, (unsigned long long)written);

	return false;
}

bool vio_domain_in_range(struct vio *m, uint32_t id)
{
	if (!(m->conf.features & VIO_F_DOMAIN_RANGE) ||
	    (id >= m->config.domain_start && id <= m->config.domain_end))
		return true;
	if (uvdk_emu_virtio_has(&m->v, VIO_F_DOMAIN_RANGE))
		uvdk_emu_virtio_note(&m->v, "domain %u: the range is %u to %u (5.13.6.1)", id,
				     m->config.domain_start, m->config.domain_end);

	return false;
}

/* Under m->lock. */
static uint8_t move(struct vio *m, struct vio_endpoint *ep, uint32_t id, bool bypass,
		    struct vio_request *r)
{
	struct vio_domain *domain = vio_domain_find(m, id);

	if (domain && domain->bypass != bypass) {
		vio_advise(m, "ATTACH with or without BYPASS, unlike the domain (5.13.6.3.1)");
		return VIO_S_INVAL;
	}
	if (domain && ep->domain == domain)
		return VIO_S_OK;
	domain = vio_domain_get(m, id, bypass);
	if (!domain)
		return VIO_S_NOMEM;
	/* Cached are those of the domain before, or of bypass. */
	vio_doom(ep, 0, UINT64_MAX, r->number);
	r->ends = true;
	vio_leave(m, ep);
	vio_join(ep, domain);

	return VIO_S_OK;
}

static uint8_t attach(struct vio *m, struct vio_request *r)
{
	struct vio_attach req;
	uint32_t flags, known = 0;
	uint8_t status;

	memcpy(&req, r->in, sizeof(req));
	flags = uvdk_get32(req.flags);
	if (uvdk_emu_virtio_has(&m->v, VIO_F_BYPASS_CONFIG))
		known = VIO_ATTACH_F_BYPASS;
	if (vio_own_reserved(r) || (flags & ~known))
		return VIO_S_INVAL;
	if (!vio_domain_in_range(m, uvdk_get32(req.domain)))
		return VIO_S_RANGE;
	if (!uvdk_emu_translator_has(m->v.fn, uvdk_get32(req.endpoint)))
		return VIO_S_NOENT;

	pthread_mutex_lock(&m->lock);
	status = move(m, &m->endpoint[uvdk_get32(req.endpoint) >> 3], uvdk_get32(req.domain),
		      flags & VIO_ATTACH_F_BYPASS, r);
	pthread_mutex_unlock(&m->lock);

	return status;
}

static uint8_t detach(struct vio *m, struct vio_request *r)
{
	struct vio_endpoint *ep;
	struct vio_detach req;
	uint8_t status = VIO_S_INVAL;

	memcpy(&req, r->in, sizeof(req));
	if (!vio_domain_in_range(m, uvdk_get32(req.domain)))
		return VIO_S_RANGE;
	if (!uvdk_emu_translator_has(m->v.fn, uvdk_get32(req.endpoint)))
		return VIO_S_NOENT;

	pthread_mutex_lock(&m->lock);
	ep = &m->endpoint[uvdk_get32(req.endpoint) >> 3];
	if (ep->domain && ep->domain->id == uvdk_get32(req.domain)) {
		vio_doom(ep, 0, UINT64_MAX, r->number);
		r->ends = true;
		vio_leave(m, ep);
		status = VIO_S_OK;
	}
	pthread_mutex_unlock(&m->lock);

	return status;
}

/* PROBE changes nothing: its reply is made when it is reported. */
static uint8_t probe(struct vio *m, struct vio_request *r)
{
	return r->chain.write_len == m->config.probe_size + sizeof(struct vio_tail) ? VIO_S_OK
										    : VIO_S_INVAL;
}

static bool by_command(struct vio *m, struct vio_request *r)
{
	struct vio_answer *answer = &m->answer[r->in[0] < VIO_TYPES ? r->in[0] : 0];

	if (!answer->count)
		answer = &m->answer[0];
	if (!answer->count)
		return false;
	answer->count--;
	r->never = answer->status == UVDK_EMU_VIRTIO_IOMMU_NEVER;
	r->mute |= answer->status == UVDK_EMU_VIRTIO_IOMMU_UNWRITTEN;
	r->status = (uint8_t)answer->status;

	return true;
}

void vio_execute(struct vio *m, struct vio_request *r)
{
	static uint8_t (*const execute[VIO_TYPES])(struct vio *, struct vio_request *) = {
		[VIO_T_ATTACH] = attach,      [VIO_T_DETACH] = detach, [VIO_T_MAP] = vio_do_map,
		[VIO_T_UNMAP] = vio_do_unmap, [VIO_T_PROBE] = probe,
	};

	r->done = true;
	if (by_command(m, r) || r->mute)
		return;
	if (!all_zero(r->in + 1, 3) || vio_own_reserved(r))
		vio_advise(m, "reserved bytes of a request are not 0 (5.13.6.1)");
	r->status = execute[r->in[0]](m, r);
}
