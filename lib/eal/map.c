// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "eal_priv.h"

/*
 * All maps there are: two in one address space would each take the other's
 * pages for mapped, until one of them goes and takes them along.
 */
static pthread_mutex_t maps_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */
static struct uvdk_eal_map *maps;
static uint64_t last_id;

static int join_maps(struct uvdk_eal_map *map)
{
	struct uvdk_eal_map **link = &maps;
	const struct uvdk_eal_map *other;

	pthread_mutex_lock(&maps_lock);
	while (*link && (*link)->ioas != map->ioas)
		link = &(*link)->next;
	other = *link;
	if (!other) {
		map->id = ++last_id;
		*link = map;
	}
	pthread_mutex_unlock(&maps_lock);
	if (!other)
		return 0;

	return uvdk_fail(-EEXIST, COMPONENT,
			 "DPDK memory is mapped into this address space already: one map serves "
			 "all its devices");
}

/* It is on the list until nothing is mapped: who ends the use of memory must meet it. */
static void leave_maps(struct uvdk_eal_map *map)
{
	struct uvdk_eal_map **link = &maps;

	pthread_mutex_lock(&maps_lock);
	eal_map_clear(map);
	while (*link != map)
		link = &(*link)->next;
	*link = map->next;
	pthread_mutex_unlock(&maps_lock);
}

void eal_maps_visit(void (*fn)(struct uvdk_eal_map *map, void *arg), void *arg)
{
	pthread_mutex_lock(&maps_lock);
	for (struct uvdk_eal_map *map = maps; map; map = map->next)
		fn(map, arg);
	pthread_mutex_unlock(&maps_lock);
}

static int listen_to_events(struct uvdk_eal_map *map)
{
	snprintf(map->name, sizeof(map->name), "uvdk-%p", (void *)map);
	if (!rte_mem_event_callback_register(map->name, eal_map_event, map)) {
		map->listens = true;
		return 0;
	}
	/* Memory as it was at the start: --no-huge, --legacy-mem. */
	if (rte_errno == ENOTSUP)
		return 0;

	return uvdk_fail(-EOPNOTSUPP, COMPONENT, "DPDK tells no memory events (errno %d)",
			 rte_errno);
}

struct sync {
	struct uvdk_eal_map *map;
	int ret;
};

static void sync_if_asked(struct uvdk_eal_map *map, void *arg)
{
	struct sync *sync = arg;

	if (map == sync->map)
		sync->ret = eal_map_sync(map);
}

UVDK_EXPORT int uvdk_eal_map_sync(struct uvdk_eal_map *map)
{
	struct sync sync = {.map = map};

	if (!map)
		return uvdk_fail(-EINVAL, COMPONENT,
				 "there is no map to sync: has creating it failed?");
	/* One at a time: a walk marks what it has seen. */
	eal_maps_visit(sync_if_asked, &sync);

	return sync.ret;
}

static int check(const struct uvdk_ioas *ioas, unsigned int flags)
{
	if (!ioas)
		return uvdk_fail(-EINVAL, COMPONENT,
				 "mapping DPDK's memory needs an address space: has creating it "
				 "failed?");
	if (flags & ~(unsigned int)UVDK_EAL_MAP_EXTERNAL)
		return uvdk_fail(-EINVAL, COMPONENT, "unknown flags 0x%x", flags);
	if (!rte_lcore_count())
		return uvdk_fail(-ENODEV, COMPONENT, "call rte_eal_init() first");

	return 0;
}

UVDK_EXPORT int uvdk_eal_map_create_flags(struct uvdk_ioas *ioas, unsigned int flags,
					  struct uvdk_eal_map **out)
{
	struct uvdk_eal_map *map;
	int ret = check(ioas, flags);

	if (ret)
		return ret;
	map = calloc(1, sizeof(*map));
	if (!map)
		return uvdk_fail(-ENOMEM, COMPONENT, "out of memory");
	map->ioas = ioas;
	map->external = flags & UVDK_EAL_MAP_EXTERNAL;
	pthread_mutex_init(&map->lock, NULL);

	ret = join_maps(map);
	if (ret)
		goto free_map;
	/* Listen first: what comes during the walk must not be missed. */
	ret = listen_to_events(map);
	if (ret)
		goto leave;
	ret = uvdk_eal_map_sync(map);
	if (ret) {
		uvdk_eal_map_destroy(map);
		return ret;
	}
	*out = map;

	return 0;
leave:
	leave_maps(map);
free_map:
	pthread_mutex_destroy(&map->lock);
	free(map);
	return ret;
}

UVDK_EXPORT int uvdk_eal_map_create(struct uvdk_ioas *ioas, struct uvdk_eal_map **out)
{
	return uvdk_eal_map_create_flags(ioas, 0, out);
}

UVDK_EXPORT void uvdk_eal_map_destroy(struct uvdk_eal_map *map)
{
	if (!map)
		return;

	/* First unmap, then stop listening: what is freed meanwhile must not stay reachable. */
	leave_maps(map);
	if (map->listens)
		rte_mem_event_callback_unregister(map->name, map);
	pthread_mutex_destroy(&map->lock);
	free(map);
}

UVDK_EXPORT void uvdk_eal_map_get_stats(struct uvdk_eal_map *map, struct uvdk_eal_map_stats *out)
{
	*out = (struct uvdk_eal_map_stats){.listens = map->listens};
	pthread_mutex_lock(&map->lock);
	for (const struct window *w = map->windows; w; w = w->next) {
		out->windows++;
		out->maps += w->maps;
		out->bytes += w->bytes;
		out->pages += w->bytes / w->page;
		out->external += w->external ? w->bytes : 0;
		out->stuck += w->stuck;
	}
	out->missed = missed_bytes(map->missed);
	out->allocs = map->allocs;
	out->frees = map->frees;
	out->failures = map->failures;
	out->retried = map->retried;
	pthread_mutex_unlock(&map->lock);
}
