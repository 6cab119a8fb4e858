// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_iommu_walk_driver.h>

#include "inspect_priv.h"

/* Most RIDs and PASIDs of an address space that are shown: 1 MiB, for a moment. */
#define ATTACHED_MAX 65536u

bool inspect_next_ioas(struct uvdk_inspect *inspect, uint64_t place, struct uvdk_seen_ioas *ioas)
{
	struct inspect_source *source = inspect_hold(inspect, place);
	int err;

	if (!source)
		return false;
	err = uvdk_iommu_see_ioas(source->iommu, ioas->id, ioas);
	inspect_let(inspect);

	return !err;
}

static void put_ranges(struct uvdk_json *json, const struct uvdk_seen_ioas *ioas)
{
	uvdk_json_number(json, "aperture_count", ioas->ranges);
	uvdk_json_key(json, "apertures");
	uvdk_json_open(json, '[');
	for (unsigned int i = 0; i < ioas->ranges && i < UVDK_SEEN_RANGES; i++) {
		uvdk_json_open(json, '{');
		uvdk_json_address(json, "first", ioas->range[i].first);
		uvdk_json_address(json, "last", ioas->range[i].last);
		uvdk_json_close(json, '}');
	}
	uvdk_json_close(json, ']');
}

static void put_stats(struct uvdk_json *json, const struct uvdk_ioas_stats *stats)
{
	uvdk_json_number(json, "maps", stats->maps);
	uvdk_json_number(json, "bytes", stats->bytes);
	uvdk_json_limit(json, "maps_max", stats->entries_max, 0);
	uvdk_json_limit(json, "memlock_max", stats->memlock_max, UINT64_MAX);
	uvdk_json_address(json, "iova_last", stats->iova_last);
	uvdk_json_number(json, "buffers", stats->dma.buffers);
	uvdk_json_number(json, "buffer_bytes", stats->dma.buffer_bytes);
	uvdk_json_number(json, "registrations", stats->dma.registrations);
	uvdk_json_number(json, "registered_bytes", stats->dma.registered_bytes);
	uvdk_json_number(json, "registrations_refused", stats->dma.refused);
}

static int compare(const void *a, const void *b)
{
	const struct uvdk_seen_attached *x = a;
	const struct uvdk_seen_attached *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;

	return x->pasid < y->pasid ? -1 : x->pasid > y->pasid;
}

/* Those of one device; returns how many it were. A device may have gone meanwhile. */
static unsigned int put_one(struct uvdk_inspect *inspect, uint64_t place, struct uvdk_json *json,
			    const struct uvdk_seen_attached *at, unsigned int count)
{
	struct inspect_source *source = inspect_hold(inspect, place);
	struct uvdk_seen_device dev = {0};
	unsigned int i;
	int err = -ENOENT;

	if (source) {
		err = uvdk_iommu_see_device(source->iommu, at->device - 1, &dev);
		inspect_let(inspect);
	}
	uvdk_json_open(json, '{');
	uvdk_json_string(json, "device", !err && dev.id == at->device ? dev.name : NULL);
	uvdk_json_bool(json, "rid", !at->pasid);
	uvdk_json_bool(json, "nested", at->nested);
	uvdk_json_key(json, "pasids");
	uvdk_json_open(json, '[');
	for (i = 0; i < count && at[i].device == at->device; i++)
		if (at[i].pasid)
			uvdk_json_number(json, NULL, at[i].pasid);
	uvdk_json_close(json, ']');
	uvdk_json_close(json, '}');

	return i;
}

static unsigned int get_attached(struct uvdk_inspect *inspect, uint64_t place, uint64_t ioas,
				 struct uvdk_seen_attached *at, unsigned int max)
{
	struct inspect_source *source = at ? inspect_hold(inspect, place) : NULL;
	unsigned int count = 0;

	if (!source)
		return 0;
	if (uvdk_iommu_see_attached(source->iommu, ioas, at, max, &count))
		count = 0;
	inspect_let(inspect);

	return count < max ? count : max;
}

static void put_attached(struct uvdk_inspect *inspect, uint64_t place, struct uvdk_json *json,
			 const struct uvdk_seen_ioas *ioas)
{
	unsigned int room = ioas->attached < ATTACHED_MAX ? ioas->attached : ATTACHED_MAX;
	struct uvdk_seen_attached *at = calloc(room ? room : 1, sizeof(*at));
	unsigned int count = get_attached(inspect, place, ioas->id, at, room);

	if (count)
		qsort(at, count, sizeof(*at), compare);
	uvdk_json_number(json, "attached_count", ioas->attached);
	uvdk_json_key(json, "attached");
	uvdk_json_open(json, '[');
	for (unsigned int i = 0; i < count && !ferror(json->to);)
		i += put_one(inspect, place, json, &at[i], count - i);
	uvdk_json_close(json, ']');
	free(at);
}

static bool next_window(struct uvdk_inspect *inspect, uint64_t place, uint64_t ioas,
			uvdk_iova_t from, struct uvdk_seen_window *window)
{
	struct inspect_source *source = inspect_hold(inspect, place);
	int err;

	if (!source)
		return false;
	err = uvdk_iommu_see_window(source->iommu, ioas, from, window);
	inspect_let(inspect);

	return !err;
}

static void put_windows(struct uvdk_inspect *inspect, uint64_t place, struct uvdk_json *json,
			uint64_t ioas)
{
	struct uvdk_seen_window window = {0};

	uvdk_json_key(json, "map_queues");
	uvdk_json_open(json, '[');
	while (!ferror(json->to) &&
	       next_window(inspect, place, ioas, window.iova + window.len, &window)) {
		uvdk_json_open(json, '{');
		uvdk_json_address(json, "iova", window.iova);
		uvdk_json_number(json, "len", window.len);
		uvdk_json_number(json, "mapped", window.mapped);
		uvdk_json_close(json, '}');
	}
	uvdk_json_close(json, ']');
}

static const char *const policies[] = {
	[UVDK_IOVA_LOW] = "low",
	[UVDK_IOVA_VA] = "va",
	[UVDK_IOVA_HUGE] = "huge",
};

static void put_ioas(struct uvdk_inspect *inspect, const struct inspect_place *place,
		     struct uvdk_json *json, const struct uvdk_seen_ioas *ioas)
{
	uvdk_json_open(json, '{');
	uvdk_json_number(json, "ioas", ioas->id);
	uvdk_json_string(json, "iommu", place->name);
	uvdk_json_string(json, "policy", policies[ioas->policy]);
	uvdk_json_string(json, "coherency",
			 ioas->coherency == UVDK_COHERENCY_SEPARATE ? "separate" : "share");
	uvdk_json_number(json, "page_size", ioas->page_size);
	put_stats(json, &ioas->stats);
	put_ranges(json, ioas);
	put_windows(inspect, place->id, json, ioas->id);
	put_attached(inspect, place->id, json, ioas);
	uvdk_json_close(json, '}');
}

void inspect_ioas(struct uvdk_inspect *inspect, struct uvdk_json *json)
{
	struct inspect_place place = {0};

	while (inspect_next(inspect, true, &place)) {
		struct uvdk_seen_ioas ioas = {0};

		while (!ferror(json->to) && inspect_next_ioas(inspect, place.id, &ioas))
			put_ioas(inspect, &place, json, &ioas);
	}
}
