// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "vio_priv.h"

#define RIGHTS (VIO_MAP_F_READ | VIO_MAP_F_WRITE)

/* xorshift64: the same seed, the same choices */
bool vio_chance(uint64_t *state, unsigned int one_in)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;

	return (*state >> 20) % one_in == 0;
}

/* Where an access goes, as far as @last. */
struct path {
	uint64_t pa;
	uint64_t first, last;
	uint32_t right;
};

/* Section 5.13.6: is an endpoint without a domain in bypass mode? */
static bool unattached_bypass(const struct vio *m)
{
	if (m->conf.features & VIO_F_BYPASS_CONFIG)
		return m->bypass;

	return m->old_bypass;
}

static int walk(struct vio *m, const struct vio_endpoint *ep, uint64_t iova, struct path *path)
{
	const struct vio_domain *domain = ep->domain;
	const struct vio_map *map;

	if (!domain && !unattached_bypass(m))
		return UVDK_EMU_FAULT_NO_DOMAIN;
	if (!domain || domain->bypass) {
		*path = (struct path){.pa = iova, .last = UINT64_MAX, .right = RIGHTS};
		return -1;
	}
	if ((m->conf.features & VIO_F_INPUT_RANGE) &&
	    (iova < m->config.input_start || iova > m->config.input_end))
		return UVDK_EMU_FAULT_RANGE;
	map = vio_maps_find(domain, iova, iova);
	if (!map)
		return UVDK_EMU_FAULT_NOT_MAPPED;
	*path = (struct path){.pa = map->phys + (iova - map->first),
			      .first = map->first,
			      .last = map->last,
			      .right = map->flags & RIGHTS};

	return -1;
}

static struct vio_cached *slot_of(struct vio_endpoint *ep, uint64_t iova)
{
	uint64_t page = iova / VIO_PAGE;

	return &ep->cache[(page ^ page >> 8) % VIO_CACHE];
}

static struct vio_cached *cached(struct vio *m, struct vio_endpoint *ep, uint64_t iova)
{
	struct vio_cached *c = slot_of(ep, iova);

	if (!c->valid || c->page != iova / VIO_PAGE)
		return NULL;
	if (uvdk_emu_forgets(uvdk_emu_fn_emu(m->v.fn)) && vio_chance(&m->chance, 4)) {
		ep->doomed -= c->doomed != 0;
		*c = (struct vio_cached){0};
		return NULL;
	}

	return c;
}

/* Whole pages only. What is doomed makes way for nothing: it is to be used while it may be. */
static void remember(struct vio_endpoint *ep, uint64_t iova, const struct path *path)
{
	struct vio_cached *c = slot_of(ep, iova);
	uint64_t at = iova & ~(VIO_PAGE - 1);

	if (path->first > at || path->last < at + (VIO_PAGE - 1) || (c->valid && c->doomed))
		return;
	*c = (struct vio_cached){.valid = true,
				 .right = (uint8_t)path->right,
				 .page = iova / VIO_PAGE,
				 .pa = path->pa - (iova - at)};
}

static int look_up(struct vio *m, struct vio_endpoint *ep, uint64_t iova, struct path *path)
{
	struct vio_cached *c = cached(m, ep, iova);
	int why;

	if (c) {
		*path = (struct path){.pa = c->pa + iova % VIO_PAGE,
				      .last = iova | (VIO_PAGE - 1),
				      .right = c->right};
		m->hits++;
		return -1;
	}
	why = walk(m, ep, iova, path);
	if (why < 0) {
		remember(ep, iova, path);
		m->walks++;
	}

	return why;
}

static void report(struct vio *m, const struct uvdk_emu_function *fn, uint64_t iova, bool write,
		   int why)
{
	const struct vio_fault fault = {
		.reason =
			why == UVDK_EMU_FAULT_NO_DOMAIN ? VIO_FAULT_R_DOMAIN : VIO_FAULT_R_MAPPING,
		.flags = uvdk_to_le32(VIO_FAULT_F_ADDRESS |
				      (write ? VIO_FAULT_F_WRITE : VIO_FAULT_F_READ)),
		.endpoint = uvdk_to_le32(uvdk_emu_fn_endpoint(fn)),
		.address = uvdk_to_le64(iova),
	};

	m->refused++;
	vio_fault_put(m, &fault);
	uvdk_emu_kick(m->v.fn);
}

static int translate_locked(struct vio *m, struct uvdk_emu_function *fn, uint64_t iova, bool write,
			    struct path *path)
{
	struct vio_endpoint *ep = &m->endpoint[uvdk_emu_fn_endpoint(fn) >> 3];
	int why;

	/* Reserved regions reach nothing, mapped or not (5.13.6.8.1). */
	if (vio_resv_overlaps(m, iova, iova))
		return UVDK_EMU_FAULT_NOT_MAPPED;
	why = look_up(m, ep, iova, path);
	if (why < 0 && !(path->right & (write ? VIO_MAP_F_WRITE : VIO_MAP_F_READ)))
		return UVDK_EMU_FAULT_PERMISSION;

	return why;
}

static int translate(struct uvdk_emu_function *iommu, struct uvdk_emu_function *fn,
		     uvdk_iova_t iova, bool write, uint64_t *pa, size_t *len,
		     enum uvdk_emu_fault_reason *reason)
{
	struct vio *m = uvdk_emu_fn_priv(iommu);
	struct path path;
	int why;

	pthread_mutex_lock(&m->lock);
	why = translate_locked(m, fn, iova, write, &path);
	if (why >= 0)
		report(m, fn, iova, write, why);
	pthread_mutex_unlock(&m->lock);
	if (why >= 0) {
		*reason = (enum uvdk_emu_fault_reason)why;
		return -EFAULT;
	}

	*pa = path.pa;
	if (*len - 1 > path.last - iova)
		*len = (size_t)(path.last - iova) + 1;

	return 0;
}

/* Asked for twice, it goes at once: whichever request is reported first, it is gone then. */
static void doom(struct vio_endpoint *ep, struct vio_cached *c, uint64_t number)
{
	if (c->doomed) {
		*c = (struct vio_cached){0};
		ep->doomed--;
	} else if (c->valid) {
		c->doomed = number;
		ep->doomed++;
	}
}

/* Translations of @ep in the range end when request @number is reported. Under m->lock. */
void vio_doom(struct vio_endpoint *ep, uint64_t first, uint64_t last, uint64_t number)
{
	uint64_t from = first / VIO_PAGE, to = last / VIO_PAGE;

	if (to - from < VIO_CACHE / 4) {
		for (uint64_t page = from; page <= to; page++) {
			struct vio_cached *c = slot_of(ep, page * VIO_PAGE);

			if (c->page == page)
				doom(ep, c, number);
		}
		return;
	}
	for (unsigned int i = 0; i < VIO_CACHE; i++)
		if (ep->cache[i].page >= from && ep->cache[i].page <= to)
			doom(ep, &ep->cache[i], number);
}

static void forget(struct vio_endpoint *ep, uint64_t number)
{
	for (unsigned int i = 0; i < VIO_CACHE && ep->doomed; i++) {
		if (ep->cache[i].doomed != number)
			continue;
		ep->cache[i] = (struct vio_cached){0};
		ep->doomed--;
	}
}

void vio_forget(struct vio *m, uint64_t number)
{
	pthread_mutex_lock(&m->lock);
	for (unsigned int i = 0; i < VIO_SLOTS; i++)
		forget(&m->endpoint[i], number);
	pthread_mutex_unlock(&m->lock);
}

static void forget_endpoint(struct vio_endpoint *ep)
{
	memset(ep->cache, 0, sizeof(ep->cache));
	ep->doomed = 0;
}

void vio_forget_all(struct vio *m)
{
	pthread_mutex_lock(&m->lock);
	for (unsigned int i = 0; i < VIO_SLOTS; i++)
		forget_endpoint(&m->endpoint[i]);
	pthread_mutex_unlock(&m->lock);
}

static void left(struct uvdk_emu_function *iommu, struct uvdk_emu_function *fn)
{
	struct vio *m = uvdk_emu_fn_priv(iommu);
	struct vio_endpoint *ep = &m->endpoint[uvdk_emu_fn_endpoint(fn) >> 3];

	pthread_mutex_lock(&m->lock);
	vio_leave(m, ep);
	memset(ep, 0, sizeof(*ep));
	pthread_mutex_unlock(&m->lock);
}

const struct uvdk_emu_translator vio_translator = {.translate = translate, .left = left};
