// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "eal_priv.h"

/*
 * Locking: EAL holds its memory hotplug lock around event callbacks (writing)
 * and around a walk (reading), so a walk and a callback never meet, and a map
 * needs no lock of its own. Order: EAL's lock, then the ioas's. The ioas never
 * calls EAL.
 */
struct uvdk_eal_map {
	struct uvdk_ioas *ioas;
	struct window *windows;
	bool external;
	int error;     /* of a walk */
	char name[40]; /* of the callback: EAL wants it unique */
	struct uvdk_eal_map *next;
};

/*
 * All maps there are: two in one address space would each take the other's
 * pages for mapped, until one of them goes and takes them along.
 */
static pthread_mutex_t maps_lock = PTHREAD_MUTEX_INITIALIZER; /* innermost */
static struct uvdk_eal_map *maps;

static int join_maps(struct uvdk_eal_map *map)
{
	const struct uvdk_eal_map *other;

	pthread_mutex_lock(&maps_lock);
	for (other = maps; other && other->ioas != map->ioas; other = other->next)
		;
	if (!other) {
		map->next = maps;
		maps = map;
	}
	pthread_mutex_unlock(&maps_lock);
	if (!other)
		return 0;

	return uvdk_fail(-EEXIST, COMPONENT,
			 "DPDK memory is mapped into this address space already: one map serves "
			 "all its devices");
}

static void leave_maps(struct uvdk_eal_map *map)
{
	struct uvdk_eal_map **link = &maps;

	pthread_mutex_lock(&maps_lock);
	while (*link != map)
		link = &(*link)->next;
	*link = map->next;
	pthread_mutex_unlock(&maps_lock);
}

static struct window *find_window(const struct uvdk_eal_map *map, const char *va)
{
	for (struct window *w = map->windows; w; w = w->next)
		if (va >= w->va && (size_t)(va - w->va) < w->len)
			return w;

	return NULL;
}

static int add_window(struct uvdk_eal_map *map, const struct rte_memseg_list *msl)
{
	struct window *w = calloc(1, sizeof(*w));
	int ret;

	if (!w)
		return uvdk_fail(-ENOMEM, COMPONENT, "out of memory");
	w->va = msl->base_va;
	w->len = msl->len;
	w->page = msl->page_sz;
	w->external = msl->external;
	/* Without huge pages EAL never gives memory back: one map, not thousands. */
	w->keeps = msl->external || !rte_eal_has_hugepages();

	ret = window_create(map->ioas, w);
	if (ret) {
		free(w);
		return ret;
	}
	w->next = map->windows;
	map->windows = w;

	return 0;
}

static void remove_window(struct uvdk_eal_map *map, struct window *w)
{
	struct window **link = &map->windows;

	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
	window_destroy(map->ioas, w);
	free(w);
}

/* Maps memory of a list, giving the list a window when it is first seen. */
static int map_memory(struct uvdk_eal_map *map, const struct rte_memseg_list *msl, char *va,
		      size_t len)
{
	struct window *w;

	if (msl->external && !map->external)
		return 0;
	if (!find_window(map, va)) {
		int ret = add_window(map, msl);

		if (ret)
			return ret;
	}
	w = find_window(map, va);
	if (!w || len > w->len - (size_t)(va - w->va))
		return uvdk_fail(-EINVAL, COMPONENT, "%zu bytes at %p exceed their segment list",
				 len, (void *)va);

	return window_map(map->ioas, w, va, len);
}

static int visit(const struct rte_memseg_list *msl, const struct rte_memseg *ms, size_t len,
		 void *arg)
{
	struct uvdk_eal_map *map = arg;

	map->error = map_memory(map, msl, ms->addr, len);

	return map->error ? -1 : 0;
}

static void on_alloc(struct uvdk_eal_map *map, char *va, size_t len)
{
	const struct rte_memseg_list *msl = rte_mem_virt2memseg_list(va);
	int ret = msl ? map_memory(map, msl, va, len) : -ENOENT;

	if (ret)
		uvdk_log(UVDK_LOG_ERR, COMPONENT,
			 "%zu bytes at %p that DPDK just allocated can't be mapped (%d): devices "
			 "will refuse packets in them",
			 len, (void *)va, ret);
}

static void on_free(struct uvdk_eal_map *map, char *va, size_t len)
{
	struct window *w = find_window(map, va);

	if (!w)
		return;
	window_unmap(map->ioas, w, va, len);
	/* An external list vanishes with its memory, and its addresses may return. */
	if (w->external)
		remove_window(map, w);
}

static void on_event(enum rte_mem_event event, const void *addr, size_t len, void *arg)
{
	char *va = (char *)(uintptr_t)addr;

	if (event == RTE_MEM_EVENT_ALLOC)
		on_alloc(arg, va, len);
	else if (event == RTE_MEM_EVENT_FREE)
		on_free(arg, va, len);
}

/* True where EAL never allocates or frees pages after its start. */
static bool memory_is_static(void)
{
	return !rte_eal_has_hugepages();
}

static int listen_to_events(struct uvdk_eal_map *map)
{
	snprintf(map->name, sizeof(map->name), "uvdk-%p", (void *)map);
	if (!rte_mem_event_callback_register(map->name, on_event, map))
		return 0;
	if (rte_errno == ENOTSUP && memory_is_static())
		return 0;

	return uvdk_fail(-EOPNOTSUPP, COMPONENT, "DPDK tells no memory events (errno %d)",
			 rte_errno);
}

UVDK_EXPORT int uvdk_eal_map_create_flags(struct uvdk_ioas *ioas, unsigned int flags,
					  struct uvdk_eal_map **out)
{
	struct uvdk_eal_map *map;
	int ret;

	if (!ioas)
		return uvdk_fail(-EINVAL, COMPONENT,
				 "mapping DPDK's memory needs an address space: has creating it "
				 "failed?");
	if (flags & ~(unsigned int)UVDK_EAL_MAP_EXTERNAL)
		return uvdk_fail(-EINVAL, COMPONENT, "unknown flags 0x%x", flags);
	if (!rte_lcore_count())
		return uvdk_fail(-ENODEV, COMPONENT, "call rte_eal_init() first");

	map = calloc(1, sizeof(*map));
	if (!map)
		return uvdk_fail(-ENOMEM, COMPONENT, "out of memory");
	map->ioas = ioas;
	map->external = flags & UVDK_EAL_MAP_EXTERNAL;

	ret = join_maps(map);
	if (ret)
		goto free_map;
	/* Listen first: what comes during the walk must not be missed. */
	ret = listen_to_events(map);
	if (ret)
		goto leave;
	if (rte_memseg_contig_walk(visit, map) < 0) {
		ret = map->error;
		uvdk_eal_map_destroy(map);
		return ret;
	}
	*out = map;

	return 0;
leave:
	leave_maps(map);
free_map:
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

	rte_mem_event_callback_unregister(map->name, map);
	while (map->windows)
		remove_window(map, map->windows);
	leave_maps(map);
	free(map);
}
