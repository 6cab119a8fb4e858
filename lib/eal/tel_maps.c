// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <uvdk_iommu_walk_driver.h>

#include "tel_priv.h"

/* A map takes 100 bytes of an answer at most. */
#define MAPS 96u

static void put_map(struct rte_tel_data *maps, const struct uvdk_map_info *map)
{
	static const char *const access[] = {"", "r", "w", "rw"};
	struct rte_tel_data *d;
	char name[24];

	snprintf(name, sizeof(name), "0x%" PRIx64, map->iova);
	d = uvdk_tel_dict(maps, name);
	if (!d)
		return;
	uvdk_tel_address(d, "va", (uintptr_t)map->va);
	uvdk_tel_number(d, "len", map->len);
	uvdk_tel_string(d, "access", access[map->flags & UVDK_MAP_RW]);
}

static int put_maps(struct rte_tel_data *out, struct uvdk_iommu *iommu, uint64_t ioas,
		    uvdk_iova_t from)
{
	struct uvdk_map_info map[MAPS + 1];
	struct rte_tel_data *maps;
	unsigned int count = 0;

	if (uvdk_iommu_see_maps(iommu, ioas, from, map, MAPS + 1, &count))
		return -ENOENT;
	rte_tel_data_start_dict(out);
	uvdk_tel_number(out, "ioas", ioas);
	maps = uvdk_tel_dict(out, "maps");
	for (unsigned int i = 0; maps && i < count && i < MAPS; i++)
		put_map(maps, &map[i]);
	if (count > MAPS)
		uvdk_tel_address(out, "next", map[MAPS].iova);

	return 0;
}

int tel_maps(void *priv, const char *params, struct rte_tel_data *out)
{
	uint64_t p[2] = {0};
	int ret = uvdk_tel_params(params, "/uvdk/maps,IOAS or /uvdk/maps,IOAS,FROM", 1, 2, p);

	(void)priv;
	if (ret < 0)
		return ret;
	for (const struct tel_source *s = tel_sources(); s; s = s->next)
		if (s->iommu && !put_maps(out, s->iommu, p[0], p[1]))
			return 0;

	return uvdk_fail(-ENOENT, COMPONENT,
			 "there is no address space %" PRIu64 "; see /uvdk/ioas", p[0]);
}

static void put_eal(struct uvdk_eal_map *map, void *arg)
{
	struct rte_tel_data *d = uvdk_tel_dict_of(arg, map->id);
	struct uvdk_eal_map_stats stats;

	if (!d)
		return;
	uvdk_eal_map_get_stats(map, &stats);
	uvdk_tel_number(d, "ioas", uvdk_ioas_see_id(map->ioas));
	uvdk_tel_bool(d, "listens", stats.listens);
	uvdk_tel_number(d, "windows", stats.windows);
	uvdk_tel_number(d, "maps", stats.maps);
	uvdk_tel_number(d, "pages", stats.pages);
	uvdk_tel_number(d, "bytes", stats.bytes);
	uvdk_tel_number(d, "external", stats.external);
	uvdk_tel_number(d, "missed", stats.missed);
	uvdk_tel_number(d, "allocs", stats.allocs);
	uvdk_tel_number(d, "frees", stats.frees);
	uvdk_tel_number(d, "failures", stats.failures);
	uvdk_tel_number(d, "retried", stats.retried);
	uvdk_tel_number(d, "stuck", stats.stuck);
}

struct eal_list {
	struct rte_tel_data *out;
	uint64_t after;
	unsigned int count;
	bool more;
};

/* They come by ascending number. */
static void put_if_room(struct uvdk_eal_map *map, void *arg)
{
	struct eal_list *list = arg;

	if (map->id <= list->after)
		return;
	if (list->count == TEL_ENTRIES) {
		list->more = true;
		return;
	}
	put_eal(map, list->out);
	list->count++;
	list->after = map->id;
}

int tel_eal(void *priv, const char *params, struct rte_tel_data *out)
{
	struct eal_list list = {.out = out};
	int ret = uvdk_tel_params(params, "/uvdk/eal or /uvdk/eal,AFTER", 0, 1, &list.after);

	(void)priv;
	if (ret < 0)
		return ret;
	rte_tel_data_start_dict(out);
	eal_maps_visit(put_if_room, &list);
	if (list.more)
		uvdk_tel_number(out, "next", list.after);

	return 0;
}
