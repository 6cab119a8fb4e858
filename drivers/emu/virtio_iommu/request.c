// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
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

static bool own_reserved(const struct vio_request *r)
{
	return !all_zero(r->in + shape[r->in[0]].reserved, shape[r->in[0]].nr_reserved);
}

static void advise(struct vio *m, const char *what)
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

static bool domain_in_range(struct vio *m, uint32_t id)
{
	if (!(m->conf.features & VIO_F_DOMAIN_RANGE) ||
	    (id >= m->config.domain_start && id <= m->config.domain_end))
		return true;
	if (uvdk_emu_virtio_has(&m->v, VIO_F_DOMAIN_RANGE))
		uvdk_emu_virtio_note(&m->v, "domain %u: the range is %u to %u (5.13.6.1)", id,
				     m->config.domain_start, m->config.domain_end);

	return false;
}

static bool input_in_range(struct vio *m, uint64_t first, uint64_t last)
{
	if (!(m->conf.features & VIO_F_INPUT_RANGE) ||
	    (first >= m->config.input_start && last <= m->config.input_end))
		return true;
	if (uvdk_emu_virtio_has(&m->v, VIO_F_INPUT_RANGE))
		uvdk_emu_virtio_note(
			&m->v, "IOVAs 0x%llx to 0x%llx: the range is 0x%llx to 0x%llx (5.13.6.1)",
			(unsigned long long)first, (unsigned long long)last,
			(unsigned long long)m->config.input_start,
			(unsigned long long)m->config.input_end);

	return false;
}

/* Under m->lock. */
static uint8_t move(struct vio *m, struct vio_endpoint *ep, uint32_t id, bool bypass,
		    struct vio_request *r)
{
	struct vio_domain *domain = vio_domain_find(m, id);

	if (domain && domain->bypass != bypass) {
		advise(m, "ATTACH with or without BYPASS, unlike the domain (5.13.6.3.1)");
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
	if (own_reserved(r) || (flags & ~known))
		return VIO_S_INVAL;
	if (!domain_in_range(m, uvdk_get32(req.domain)))
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
	if (!domain_in_range(m, uvdk_get32(req.domain)))
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

/* Section 5.13.6.5.2: what can be said without the domain. */
static uint8_t check_map(struct vio *m, const struct vio_map *map)
{
	uint64_t page = m->config.page_size_mask & -m->config.page_size_mask;
	uint32_t known = VIO_MAP_F_READ | VIO_MAP_F_WRITE;

	if (uvdk_emu_virtio_has(&m->v, VIO_F_MMIO))
		known |= VIO_MAP_F_MMIO;
	if (map->flags & ~known) {
		if (map->flags & ~known & VIO_MAP_F_MMIO)
			uvdk_emu_virtio_note(&m->v, "MMIO was not negotiated (5.13.6.5.1)");
		return VIO_S_INVAL;
	}
	if (map->last <= map->first) {
		uvdk_emu_virtio_note(&m->v, "MAP from 0x%llx to 0x%llx (5.13.6.5.1)",
				     (unsigned long long)map->first, (unsigned long long)map->last);
		return VIO_S_INVAL;
	}
	if (page && ((map->first | map->phys | (map->last + 1)) & (page - 1)))
		return VIO_S_RANGE;
	if (!input_in_range(m, map->first, map->last))
		return VIO_S_RANGE;
	if (map->last - map->first > UINT64_MAX - map->phys)
		return VIO_S_FAULT;
	if (vio_resv_overlaps(m, map->first, map->last)) {
		advise(m, "MAP of what is reserved (5.13.6.8.1)");
		return VIO_S_INVAL;
	}

	return VIO_S_OK;
}

/* Under m->lock. It may be mapped, or not? */
static uint8_t insert(struct vio *m, uint32_t id, const struct vio_map *wanted)
{
	struct vio_domain *domain = vio_domain_find(m, id);
	struct vio_map *map;

	if (!domain)
		return VIO_S_NOENT;
	if (domain->bypass) {
		advise(m, "MAP in a bypass domain (5.13.6.5.1)");
		return VIO_S_INVAL;
	}
	if (vio_maps_find(domain, wanted->first, wanted->last))
		return VIO_S_INVAL;
	map = malloc(sizeof(*map));
	if (!map)
		return VIO_S_NOMEM;
	*map = *wanted;
	vio_maps_insert(m, domain, map);

	return VIO_S_OK;
}

static uint8_t map(struct vio *m, struct vio_request *r)
{
	struct vio_map_req req;
	struct vio_map wanted = {0};
	uint8_t status;

	memcpy(&req, r->in, sizeof(req));
	wanted.first = uvdk_get64(req.virt_start);
	wanted.last = uvdk_get64(req.virt_end);
	wanted.phys = uvdk_get64(req.phys_start);
	wanted.flags = uvdk_get32(req.flags);
	status = check_map(m, &wanted);
	if (status != VIO_S_OK)
		return status;
	if (!domain_in_range(m, uvdk_get32(req.domain)))
		return VIO_S_RANGE;

	pthread_mutex_lock(&m->lock);
	status = insert(m, uvdk_get32(req.domain), &wanted);
	pthread_mutex_unlock(&m->lock);

	return status;
}

/* Does a map of the domain cross one of the ends? */
static bool would_split(const struct vio_domain *domain, uint64_t first, uint64_t last)
{
	const struct vio_map *a = vio_maps_find(domain, first, first);
	const struct vio_map *b = vio_maps_find(domain, last, last);

	return (a && a->first < first) || (b && b->last > last);
}

/* Under m->lock. */
static uint8_t remove_maps(struct vio *m, uint32_t id, uint64_t first, uint64_t last,
			   struct vio_request *r)
{
	struct vio_domain *domain = vio_domain_find(m, id);

	if (!domain)
		return VIO_S_NOENT;
	if (domain->bypass) {
		advise(m, "UNMAP in a bypass domain (5.13.6.6.1)");
		return VIO_S_INVAL;
	}
	if (would_split(domain, first, last))
		return VIO_S_RANGE;
	if (!vio_maps_find(domain, first, last)) {
		advise(m, "UNMAP of what is not mapped (5.13.6.6.1)");
		return VIO_S_OK;
	}
	for (unsigned int i = 0; i < VIO_SLOTS; i++)
		if (m->endpoint[i].domain == domain)
			vio_doom(&m->endpoint[i], first, last, r->number);
	r->ends = true;
	vio_maps_remove(domain, first, last);

	return VIO_S_OK;
}

static uint8_t unmap(struct vio *m, struct vio_request *r)
{
	struct vio_unmap req;
	uint64_t first, last;
	uint8_t status;

	memcpy(&req, r->in, sizeof(req));
	first = uvdk_get64(req.virt_start);
	last = uvdk_get64(req.virt_end);
	if (own_reserved(r) || last < first)
		return VIO_S_INVAL;
	if (!domain_in_range(m, uvdk_get32(req.domain)) || !input_in_range(m, first, last))
		return VIO_S_RANGE;

	pthread_mutex_lock(&m->lock);
	status = remove_maps(m, uvdk_get32(req.domain), first, last, r);
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
		[VIO_T_ATTACH] = attach, [VIO_T_DETACH] = detach, [VIO_T_MAP] = map,
		[VIO_T_UNMAP] = unmap,	 [VIO_T_PROBE] = probe,
	};

	r->done = true;
	if (by_command(m, r) || r->mute)
		return;
	if (!all_zero(r->in + 1, 3) || own_reserved(r))
		advise(m, "reserved bytes of a request are not 0 (5.13.6.1)");
	r->status = execute[r->in[0]](m, r);
}
