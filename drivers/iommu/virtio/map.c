// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>

#include "viommu_space.h"

/*
 * Maps of an address space, in all its domains. What is known of them changes with the locks of
 * all the units held, so that whoever puts a unit back has its lock and sees them as they are.
 */

static int compare(const void *a, const void *b)
{
	const struct viommu_map *x = a;
	const struct viommu_map *y = b;

	return x->iova < y->iova ? -1 : x->iova > y->iova;
}

struct visit {
	int (*fn)(const struct viommu_map *map, void *arg);
	void *arg;
	int ret;
};

static void visit_one(const void *node, VISIT which, void *arg)
{
	const struct viommu_map *const *map = node;
	struct visit *visit = arg;

	if (!visit->ret && (which == postorder || which == leaf))
		visit->ret = visit->fn(*map, visit->arg);
}

int viommu_map_each(struct viommu_ioas *own, int (*fn)(const struct viommu_map *map, void *arg),
		    void *arg)
{
	struct visit visit = {.fn = fn, .arg = arg};

	twalk_r(own->maps, visit_one, &visit);

	return visit.ret;
}

/* ---- requests; under unit->lock ---- */

int viommu_ask(struct viommu_unit *unit, const struct viommu_request *request)
{
	int err = viommu_call(unit, request);

	for (unsigned int i = 0; err == -ECANCELED && i < VIOMMU_RESTORES_MAX; i++) {
		err = viommu_unit_check(unit);
		if (!err)
			err = viommu_call(unit, request);
	}

	return err;
}

static uint32_t flags_of(const struct viommu_map *map)
{
	return (map->flags & UVDK_MAP_READ ? VIOMMU_MAP_READ : 0) |
	       (map->flags & UVDK_MAP_WRITE ? VIOMMU_MAP_WRITE : 0) |
	       (map->locked ? 0 : VIOMMU_MAP_MMIO);
}

/* One request for each run; what was mapped of them stays. */
static int map_runs(struct viommu_domain *domain, const struct viommu_map *map)
{
	struct viommu_request request = {
		.op = VIOMMU_MAP, .domain = domain->id, .first = map->iova, .flags = flags_of(map)};
	int err = 0;

	for (unsigned int i = 0; i < map->nr_runs && !err; i++) {
		request.phys = map->runs[i].phys;
		request.last = request.first + map->runs[i].len - 1;
		err = viommu_call(domain->unit, &request);
		request.first = request.last + 1;
	}

	return err;
}

static int unmap_request(const struct viommu_domain *domain, const struct viommu_map *map)
{
	struct viommu_request request = {.op = VIOMMU_UNMAP,
					 .domain = domain->id,
					 .first = map->iova,
					 .last = map->iova + map->len - 1};

	return viommu_call(domain->unit, &request);
}

int viommu_map_restore(struct viommu_domain *domain, const struct viommu_map *map)
{
	return map_runs(domain, map);
}

/* The unit was reset, or is about to be: what is not settled is gone then. */
static int put_back(struct viommu_domain *domain, int err)
{
	return err == -ECANCELED ? viommu_unit_check(domain->unit) : err;
}

int viommu_map_send(struct viommu_domain *domain, const struct viommu_map *map)
{
	int err = map_runs(domain, map);

	for (unsigned int i = 0; err == -ECANCELED && i < VIOMMU_RESTORES_MAX; i++) {
		err = viommu_unit_check(domain->unit);
		if (!err && map->settled)
			return 1;
		if (!err)
			err = map_runs(domain, map);
	}
	if (!err)
		return 0;
	if (put_back(domain, unmap_request(domain, map)) && !uvdk_device_gone(domain->unit->dev))
		viommu_ioas_lose(domain->ioas, "part of a map could not be undone");

	return err;
}

/* Its memory must not be used for anything else before this has come back with 0. */
static int forget(struct viommu_domain *domain, const struct viommu_map *map)
{
	return put_back(domain, unmap_request(domain, map));
}

/* ---- may it be mapped? ---- */

static int check_runs(const struct viommu_unit *unit, const struct viommu_map *map)
{
	uint64_t granule = unit->config.page_sizes & -unit->config.page_sizes;

	for (unsigned int i = 0; i < map->nr_runs; i++) {
		if (!((map->runs[i].phys | map->runs[i].len) & (granule - 1)))
			continue;
		return uvdk_fail(-EDOM, VIOMMU,
				 "%s has pages of %" PRIu64 " bytes, and the memory at %p is in "
				 "smaller pieces: use huge pages",
				 uvdk_device_get_info(unit->dev)->name, granule, (void *)map->va);
	}

	return 0;
}

int viommu_map_fits(const struct viommu_unit *unit, const struct viommu_map *map)
{
	const struct viommu_config *config = &unit->config;
	uvdk_iova_t last = map->iova + map->len - 1;

	if (map->iova < config->input_first || last > config->input_last)
		return uvdk_fail(-EADDRINUSE, VIOMMU,
				 "%s translates IOVA 0x%" PRIx64 "-0x%" PRIx64 ", and 0x%" PRIx64
				 "-0x%" PRIx64 " is mapped: unmap it before attaching",
				 uvdk_device_get_info(unit->dev)->name, config->input_first,
				 config->input_last, map->iova, last);
	if (!map->locked && !config->mmio)
		return uvdk_fail(-EOPNOTSUPP, VIOMMU,
				 "%p is registers of a device, and %s maps memory only (no feature "
				 "MMIO)",
				 (void *)map->va, uvdk_device_get_info(unit->dev)->name);

	return check_runs(unit, map);
}

/* ---- in all domains ---- */

static void lock_units(struct viommu_ioas *own)
{
	struct viommu_domain *domain;

	LIST_FOREACH(domain, &own->domains, entry)
	pthread_mutex_lock(&domain->unit->lock);
}

static void unlock_units(struct viommu_ioas *own)
{
	struct viommu_domain *domain;

	LIST_FOREACH(domain, &own->domains, entry)
	pthread_mutex_unlock(&domain->unit->lock);
}

/* Out of the domains in front of @end; NULL: all. */
static void undo_before(struct viommu_ioas *own, const struct viommu_domain *end,
			const struct viommu_map *map)
{
	struct viommu_domain *domain;

	LIST_FOREACH(domain, &own->domains, entry)
	{
		if (domain == end)
			break;
		if (forget(domain, map) && !uvdk_device_gone(domain->unit->dev))
			viommu_ioas_lose(own, "a map could not be undone");
	}
}

static int send_to_all(struct viommu_ioas *own, struct viommu_map *map)
{
	struct viommu_domain *domain;

	LIST_FOREACH(domain, &own->domains, entry)
	{
		int err = viommu_map_fits(domain->unit, map);

		if (!err)
			err = viommu_map_send(domain, map);
		if (err) {
			undo_before(own, domain, map);
			return err;
		}
	}
	map->settled = true;

	return 0;
}

static void map_free(struct viommu_ioas *own, struct viommu_map *map)
{
	if (!viommu_ioas_lost(own))
		viommu_map_unpin(own->viommu, map);
	free(map->runs);
	free(map);
}

static int insert(struct viommu_ioas *own, struct viommu_map *map)
{
	struct viommu_map **node;
	int err;

	lock_units(own);
	node = tsearch(map, &own->maps, compare);
	if (!node)
		err = uvdk_fail(-ENOMEM, VIOMMU, "no memory for a map");
	else if (*node != map)
		err = uvdk_fail(-EEXIST, VIOMMU, "IOVA 0x%" PRIx64 " is mapped already", map->iova);
	else
		err = send_to_all(own, map);
	if (err && node && *node == map)
		tdelete(map, &own->maps, compare);
	unlock_units(own);

	return err;
}

int viommu_ioas_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags)
{
	struct viommu_map *map = calloc(1, sizeof(*map));
	struct viommu_ioas *own = ioas_priv;
	int err;

	if (!map)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for a map");
	*map = (struct viommu_map){.iova = *iova, .va = va, .len = len, .flags = flags};
	err = viommu_map_pin(own->viommu, map);
	if (err) {
		free(map);
		return err;
	}
	err = insert(own, map);
	if (err)
		map_free(own, map);

	return err;
}

static int forget_everywhere(struct viommu_ioas *own, struct viommu_map *map)
{
	struct viommu_domain *domain, *back;
	int err;

	map->settled = false;
	LIST_FOREACH(domain, &own->domains, entry)
	{
		err = forget(domain, map);
		if (!err)
			continue;
		LIST_FOREACH(back, &own->domains, entry)
		{
			if (back == domain)
				break;
			viommu_map_send(back, map);
		}
		map->settled = true;
		return err;
	}

	return 0;
}

int viommu_ioas_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len)
{
	struct viommu_map key = {.iova = iova};
	struct viommu_ioas *own = ioas_priv;
	struct viommu_map **node = tfind(&key, &own->maps, compare);
	struct viommu_map *map = node ? *node : NULL;
	int err;

	if (!map || map->len != len)
		return uvdk_fail(-ENOENT, VIOMMU, "no map of 0x%zx bytes at IOVA 0x%" PRIx64, len,
				 iova);
	lock_units(own);
	err = forget_everywhere(own, map);
	if (!err)
		tdelete(map, &own->maps, compare);
	unlock_units(own);
	if (!err)
		map_free(own, map);

	return err;
}
