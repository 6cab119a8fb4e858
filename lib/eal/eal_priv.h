/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EAL_PRIV_H
#define UVDK_EAL_PRIV_H

#include <pthread.h>

#include <rte_memory.h>

#include <uvdk_base_driver.h>
#include <uvdk_eal.h>

#define COMPONENT "eal"

/*
 * One memory segment list: a range of virtual addresses, some pages of which
 * are there. Changed only under the lock of its map.
 */
struct window {
	struct window *next;
	char *va;
	size_t len;
	size_t page;
	uvdk_iova_t iova; /* of @va */
	bool scattered;	  /* the iommu decides where each page goes: no window */
	bool keeps;	  /* pages never leave: map whole runs at once */
	bool external;
	bool shared;   /* somebody else has mapped some of it, which was told */
	bool seen;     /* by the walk under way */
	uint8_t *ours; /* a bit a page of 4 KiB: what we mapped, not somebody else */
	uint64_t maps;
	uint64_t bytes;
	uint64_t stuck; /* unmaps that were refused */
};

/* Memory that DPDK has and that could not be mapped yet. */
struct missed {
	struct missed *next;
	char *va;
	size_t len;
};

/*
 * Locking: maps_lock, then EAL's memory hotplug lock, which EAL holds around
 * event callbacks (writing) and around a walk (reading), then the map's, then
 * the ioas's. The ioas never calls EAL; a callback never takes maps_lock.
 */
struct uvdk_eal_map {
	struct uvdk_eal_map *next;
	struct uvdk_ioas *ioas;
	uint64_t id;
	char name[40]; /* of the callback: EAL wants it unique */
	bool external;
	bool listens; /* EAL tells what comes and goes */

	pthread_mutex_t lock; /* guards the rest */
	bool closing;
	struct window *windows;
	struct missed *missed;
	int error; /* of a walk */
	uint64_t allocs;
	uint64_t frees;
	uint64_t failures;
	uint64_t retried;
};

/* ---- window.c ---- */

/* Reserve IOVAs for [va, va + len); on error nothing is left. */
int window_create(struct uvdk_ioas *ioas, struct window *w);
/* Unmap what we mapped of it and give the IOVAs back. */
void window_destroy(struct uvdk_ioas *ioas, struct window *w);
/* Map what is not mapped of [va, va + len), which lies inside; *done: up to where. */
int window_map(struct uvdk_ioas *ioas, struct window *w, char *va, size_t len, size_t *done);
/* Unmap what we mapped of [va, va + len). */
void window_unmap(struct uvdk_ioas *ioas, struct window *w, char *va, size_t len);

/* ---- missed.c: lists of what could not be mapped ---- */

/* Remember [va, va + len); without memory for that it is forgotten until a sync. */
void missed_add(struct missed **list, char *va, size_t len);
/* [va, va + len) is no longer there, or is mapped. */
void missed_cut(struct missed **list, const char *va, size_t len);
uint64_t missed_bytes(const struct missed *list);
void missed_free(struct missed **list);

/* ---- map.c ---- */

/* All maps, for as long as it runs; may not create or destroy one. */
void eal_maps_visit(void (*fn)(struct uvdk_eal_map *map, void *arg), void *arg);

/* ---- memory.c ---- */

/* For rte_mem_event_callback_register(); @arg: the map. */
void eal_map_event(enum rte_mem_event event, const void *addr, size_t len, void *arg);
/* As uvdk_eal_map_sync(), which lets one in at a time. */
int eal_map_sync(struct uvdk_eal_map *map);
/* External memory is about to go. */
void eal_map_forget(struct uvdk_eal_map *map, const char *va, size_t len);
/* Nothing is mapped any more, and nothing will be. */
void eal_map_clear(struct uvdk_eal_map *map);

/* ---- log.c ---- */

/* DPDK's log type "uvdk". */
extern int eal_log_type;

#endif /* UVDK_EAL_PRIV_H */
