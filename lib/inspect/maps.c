// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_iommu_walk_driver.h>

#include "inspect_priv.h"

/* Looked at in one go: the application may map between two. */
#define MAPS_AT_ONCE 64u

static unsigned int next_maps(struct uvdk_inspect *inspect, uint64_t place, uint64_t ioas,
			      uvdk_iova_t from, struct uvdk_map_info *map)
{
	struct inspect_source *source = inspect_hold(inspect, place);
	unsigned int count = 0;

	if (!source)
		return 0;
	if (uvdk_iommu_see_maps(source->iommu, ioas, from, map, MAPS_AT_ONCE, &count))
		count = 0;
	inspect_let(inspect);

	return count;
}

static void put_map(struct uvdk_json *json, const struct uvdk_map_info *map)
{
	static const char *const access[] = {"", "r", "w", "rw"};

	uvdk_json_open(json, '{');
	uvdk_json_address(json, "iova", map->iova);
	uvdk_json_address(json, "va", (uint64_t)(uintptr_t)map->va);
	uvdk_json_number(json, "len", map->len);
	uvdk_json_string(json, "access", access[map->flags & UVDK_MAP_RW]);
	uvdk_json_bool(json, "alias", map->flags & UVDK_MAP_ALIAS);
	uvdk_json_close(json, '}');
}

static void put_maps(struct uvdk_inspect *inspect, uint64_t place, struct uvdk_json *json,
		     uint64_t ioas)
{
	struct uvdk_map_info map[MAPS_AT_ONCE];
	unsigned int count = MAPS_AT_ONCE;
	uvdk_iova_t from = 0;

	while (count == MAPS_AT_ONCE && !ferror(json->to)) {
		count = next_maps(inspect, place, ioas, from, map);
		for (unsigned int i = 0; i < count; i++)
			put_map(json, &map[i]);
		if (count)
			from = map[count - 1].iova + map[count - 1].len;
	}
}

void inspect_maps(struct uvdk_inspect *inspect, struct uvdk_json *json)
{
	struct inspect_place place = {0};

	while (inspect_next(inspect, true, &place)) {
		struct uvdk_seen_ioas ioas = {0};

		while (!ferror(json->to) && inspect_next_ioas(inspect, place.id, &ioas)) {
			uvdk_json_open(json, '{');
			uvdk_json_number(json, "ioas", ioas.id);
			uvdk_json_string(json, "iommu", place.name);
			uvdk_json_key(json, "maps");
			uvdk_json_open(json, '[');
			put_maps(inspect, place.id, json, ioas.id);
			uvdk_json_close(json, ']');
			uvdk_json_close(json, '}');
		}
	}
}
