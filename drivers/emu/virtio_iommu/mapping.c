// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "vio_priv.h"

/* MAP and UNMAP (5.13.6.5, 5.13.6.6). */

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
		vio_advise(m, "MAP of what is reserved (5.13.6.8.1)");
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
		vio_advise(m, "MAP in a bypass domain (5.13.6.5.1)");
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

uint8_t vio_do_map(struct vio *m, struct vio_request *r)
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
	if (!vio_domain_in_range(m, uvdk_get32(req.domain)))
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
		vio_advise(m, "UNMAP in a bypass domain (5.13.6.6.1)");
		return VIO_S_INVAL;
	}
	if (would_split(domain, first, last))
		return VIO_S_RANGE;
	if (!vio_maps_find(domain, first, last)) {
		vio_advise(m, "UNMAP of what is not mapped (5.13.6.6.1)");
		return VIO_S_OK;
	}
	for (unsigned int i = 0; i < VIO_SLOTS; i++)
		if (m->endpoint[i].domain == domain)
			vio_doom(&m->endpoint[i], first, last, r->number);
	r->ends = true;
	vio_maps_remove(domain, first, last);

	return VIO_S_OK;
}

uint8_t vio_do_unmap(struct vio *m, struct vio_request *r)
{
	struct vio_unmap req;
	uint64_t first, last;
	uint8_t status;

	memcpy(&req, r->in, sizeof(req));
	first = uvdk_get64(req.virt_start);
	last = uvdk_get64(req.virt_end);
	if (vio_own_reserved(r) || last < first)
		return VIO_S_INVAL;
	if (!vio_domain_in_range(m, uvdk_get32(req.domain)) || !input_in_range(m, first, last))
		return VIO_S_RANGE;

	pthread_mutex_lock(&m->lock);
	status = remove_maps(m, uvdk_get32(req.domain), first, last, r);
	pthread_mutex_unlock(&m->lock);

	return status;
}
