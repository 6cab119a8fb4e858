// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <rte_memory.h>

#include "eal_priv.h"

/* What of DPDK's memory is mapped in one address space, and how it follows. */

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
	/* Where EAL never gives memory back: one map, not thousands. */
	w->keeps = msl->external || !map->listens;
	w->seen = true;

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

/*
 * Maps memory of a list, giving the list a window when it is first seen. What
 * can't be mapped is remembered.
 */
static int map_memory(struct uvdk_eal_map *map, const struct rte_memseg_list *msl, char *va,
		      size_t len)
{
	struct window *w;
	size_t done = 0;
	int ret = 0;

	if (msl->external && !map->external)
		return 0;
	if (!find_window(map, va))
		ret = add_window(map, msl);
	w = find_window(map, va);
	if (w && len > w->len - (size_t)(va - w->va))
		ret = uvdk_fail(-EINVAL, COMPONENT, "%zu bytes at %p exceed their segment list",
				len, (void *)va);
	else if (w)
		ret = window_map(map->ioas, w, va, len, &done);
	missed_cut(&map->missed, va, len);
	if (ret) {
		map->failures++;
		missed_add(&map->missed, va + done, len - done);
	}

	return ret;
}

/* Room may be there now for what had none. */
static void retry(struct uvdk_eal_map *map)
{
	struct missed *list = map->missed;

	map->missed = NULL;
	uvdk_log_hush(true); /* the first failure has been told */
	for (const struct missed *m = list; m; m = m->next) {
		const struct rte_memseg_list *msl = rte_mem_virt2memseg_list(m->va);

		if (msl && !map_memory(map, msl, m->va, m->len))
			map->retried++;
	}
	uvdk_log_hush(false);
	if (!map->missed)
		uvdk_log(UVDK_LOG_INFO, COMPONENT,
			 "DPDK memory that could not be mapped before is mapped now");
	missed_free(&list);
}

static void on_alloc(struct uvdk_eal_map *map, char *va, size_t len)
{
	const struct rte_memseg_list *msl = rte_mem_virt2memseg_list(va);
	int ret = msl ? map_memory(map, msl, va, len) : -ENOENT;

	map->allocs++;
	if (ret)
		uvdk_log(UVDK_LOG_ERR, COMPONENT,
			 "%zu bytes at %p that DPDK just allocated can't all be mapped (%d): "
			 "devices will refuse packets in them until a retry succeeds, with the "
			 "next memory event or uvdk_eal_map_sync()",
			 len, (void *)va, ret);
}

static void on_free(struct uvdk_eal_map *map, char *va, size_t len)
{
	struct window *w = find_window(map, va);

	map->frees++;
	missed_cut(&map->missed, va, len);
	if (!w)
		return;
	window_unmap(map->ioas, w, va, len);
	/* An external list vanishes with its memory, and its addresses may return. */
	if (w->external)
		remove_window(map, w);
}

void eal_map_event(enum rte_mem_event event, const void *addr, size_t len, void *arg)
{
	char *va = (char *)(uintptr_t)addr;
	struct uvdk_eal_map *map = arg;

	pthread_mutex_lock(&map->lock);
	if (!map->closing && event == RTE_MEM_EVENT_FREE)
		on_free(map, va, len);
	if (!map->closing && map->missed)
		retry(map);
	if (!map->closing && event == RTE_MEM_EVENT_ALLOC)
		on_alloc(map, va, len);
	pthread_mutex_unlock(&map->lock);
}

static int visit(const struct rte_memseg_list *msl, const struct rte_memseg *ms, size_t len,
		 void *arg)
{
	struct uvdk_eal_map *map = arg;
	struct window *w;
	int ret;

	pthread_mutex_lock(&map->lock);
	ret = map_memory(map, msl, ms->addr, len);
	if (ret && !map->error)
		map->error = ret;
	w = find_window(map, ms->addr);
	if (w)
		w->seen = true;
	pthread_mutex_unlock(&map->lock);

	return 0;
}

static void remove_unseen(struct uvdk_eal_map *map)
{
	struct window *next;

	for (struct window *w = map->windows; w; w = next) {
		next = w->next;
		if (!w->external || w->seen)
			continue;
		missed_cut(&map->missed, w->va, w->len);
		remove_window(map, w);
	}
}

int eal_map_sync(struct uvdk_eal_map *map)
{
	uint64_t before;
	int ret;

	pthread_mutex_lock(&map->lock);
	before = missed_bytes(map->missed);
	map->error = 0;
	for (struct window *w = map->windows; w; w = w->next)
		w->seen = false;
	pthread_mutex_unlock(&map->lock);

	rte_memseg_contig_walk(visit, map);

	pthread_mutex_lock(&map->lock);
	remove_unseen(map);
	if (before && !map->missed)
		map->retried++;
	ret = map->error;
	pthread_mutex_unlock(&map->lock);

	return ret;
}

void eal_map_forget(struct uvdk_eal_map *map, const char *va, size_t len)
{
	struct window *w;

	pthread_mutex_lock(&map->lock);
	missed_cut(&map->missed, va, len);
	w = find_window(map, va);
	if (w && w->external)
		remove_window(map, w);
	pthread_mutex_unlock(&map->lock);
}

void eal_map_clear(struct uvdk_eal_map *map)
{
	pthread_mutex_lock(&map->lock);
	map->closing = true;
	while (map->windows)
		remove_window(map, map->windows);
	missed_free(&map->missed);
	pthread_mutex_unlock(&map->lock);
}
