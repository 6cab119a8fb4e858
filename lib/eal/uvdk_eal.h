/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EAL_H
#define UVDK_EAL_H

#include <uvdk_eal_mbuf.h>
#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: DPDK memory in our address spaces
 *
 * Every page of EAL memory is mapped into an address space while the *map*
 * exists: what is there now at once, what EAL allocates later before the
 * allocation returns. What EAL frees is unmapped, and no device can reach it any
 * more, before EAL gives it back. IOVA = VA where the device's aperture allows,
 * else each memory segment list keeps one contiguous IOVA window, so that an
 * object that is contiguous in VA is contiguous in IOVA.
 *
 * ====================== =====================================================
 * EAL memory             what happens
 * ====================== =====================================================
 * dynamic, --in-memory   pages come and go with EAL's memory events
 * --legacy-mem,          all is there at EAL's start: mapped once; EAL tells no
 * --no-huge              events
 * external, on a heap    with UVDK_EAL_MAP_EXTERNAL, by events; where EAL tells
 *                        none, uvdk_eal_heap_add() and uvdk_eal_heap_remove()
 * external, registered   with UVDK_EAL_MAP_EXTERNAL; EAL tells nobody, so use
 *                        uvdk_eal_extmem_register() and _unregister(), or
 *                        uvdk_eal_map_sync() afterwards
 * ====================== =====================================================
 *
 * Pages that somebody else has mapped in the address space already
 * (uvdk_dma_register(), uvdk_ioas_map()) stay theirs, and the rest is mapped around
 * them, which is logged: what crosses their edges is not contiguous for devices
 * (uvdk_eal_pool_check() tells). They go when their owner unmaps them, and are ours
 * from the next uvdk_eal_map_sync() on. A map that is there first has none of this.
 *
 * Several address spaces, of RIDs or PASIDs, may each have a map: what is mapped
 * in one says nothing of the others. What can't be mapped when it comes is logged
 * and tried again with each event; drivers refuse packets in it until then.
 *
 * Maps may be made and destroyed by any thread, each map by one; every other call
 * here is thread-safe. None may be made from inside a memory event callback.
 */

struct uvdk_eal_map;

/**
 * enum uvdk_eal_map_flags - what is mapped besides EAL's own memory
 * @UVDK_EAL_MAP_EXTERNAL: memory of others that was added to EAL, too
 *	(rte_extmem_register(), rte_malloc_heap_memory_add()); without this it
 *	is left to whoever added it, as DPDK's rules say. What
 *	rte_extmem_register() adds later is not seen before uvdk_eal_map_sync():
 *	EAL tells nobody.
 */
enum uvdk_eal_map_flags {
	UVDK_EAL_MAP_EXTERNAL = 1 << 0,
};

/**
 * uvdk_eal_map_create() - map EAL memory into an address space and keep it so
 * @ioas: address space; must outlive the map
 * @out: new map, owned by the caller
 *
 * Call after rte_eal_init(), and after the devices that narrow the aperture
 * are attached. Memory events may come from any EAL thread. One map per address
 * space.
 *
 * Must not be called from inside a memory event callback.
 *
 * Return: 0, -EINVAL (no address space), -EEXIST (the address space has a map already), -ENODEV
 * (EAL not initialised), -EOPNOTSUPP (EAL refuses to tell of memory that comes and goes), or as
 * uvdk_ioas_map(): then nothing is mapped.
 */
int uvdk_eal_map_create(struct uvdk_ioas *ioas, struct uvdk_eal_map **out);

/**
 * uvdk_eal_map_create_flags() - uvdk_eal_map_create() with options
 * @ioas: address space; must outlive the map
 * @flags: enum uvdk_eal_map_flags
 * @out: new map, owned by the caller
 *
 * Return: as uvdk_eal_map_create(), or -EINVAL (unknown flag).
 */
int uvdk_eal_map_create_flags(struct uvdk_ioas *ioas, unsigned int flags,
			      struct uvdk_eal_map **out);

/**
 * uvdk_eal_map_destroy() - unmap EAL memory from the address space
 * @map: map, or NULL
 */
void uvdk_eal_map_destroy(struct uvdk_eal_map *map);

/**
 * uvdk_eal_map_sync() - look at all of EAL's memory anew
 * @map: map
 *
 * Maps what is not mapped yet: external memory that EAL told nobody of, and what
 * could not be mapped before. External memory that EAL has no longer is unmapped;
 * memory that was taken away and replaced at the same addresses in between is not
 * noticed.
 *
 * Return: 0, -EINVAL (no map), or the first error of uvdk_ioas_map(): the rest is
 * mapped all the same.
 */
int uvdk_eal_map_sync(struct uvdk_eal_map *map);

/**
 * struct uvdk_eal_map_stats - what a map holds now, and what it has seen
 * @listens: EAL tells what comes and goes
 * @windows: memory segment lists of which something was mapped
 * @maps: maps in the address space
 * @pages: EAL's pages that are mapped
 * @bytes: bytes that are mapped
 * @external: of these, external memory
 * @missed: bytes that EAL has and that could not be mapped yet
 * @allocs: events that told of new memory
 * @frees: events that told of memory to be given back
 * @failures: attempts to map that failed
 * @retried: pieces that failed and were mapped later
 * @stuck: attempts to unmap that were refused
 */
struct uvdk_eal_map_stats {
	bool listens;
	uint64_t windows;
	uint64_t maps;
	uint64_t pages;
	uint64_t bytes;
	uint64_t external;
	uint64_t missed;
	uint64_t allocs;
	uint64_t frees;
	uint64_t failures;
	uint64_t retried;
	uint64_t stuck;
};

/**
 * uvdk_eal_map_get_stats() - counts
 * @map: map
 * @out: filled in
 */
void uvdk_eal_map_get_stats(struct uvdk_eal_map *map, struct uvdk_eal_map_stats *out);

/**
 * uvdk_eal_extmem_register() - rte_extmem_register(), and every map is told
 * @va: memory of the caller's, aligned to @page_size
 * @len: bytes, a multiple of @page_size
 * @page_size: of the memory
 *
 * It is mapped in each map that was made with UVDK_EAL_MAP_EXTERNAL.
 *
 * Return: 0; what DPDK says (-EEXIST: some of it is registered already); or as
 * uvdk_ioas_map(), then it is not registered.
 */
int uvdk_eal_extmem_register(void *va, size_t len, size_t page_size);

/**
 * uvdk_eal_extmem_unregister() - undo that; no device reaches it afterwards
 * @va: as it was registered
 * @len: as it was registered
 *
 * Return: 0, or what DPDK says (-ENOENT): then it is mapped again.
 */
int uvdk_eal_extmem_unregister(void *va, size_t len);

/**
 * uvdk_eal_heap_add() - rte_malloc_heap_memory_add(), and every map is told
 * @heap: name of an external heap (rte_malloc_heap_create())
 * @va: memory of the caller's, aligned to @page_size
 * @len: bytes, a multiple of @page_size
 * @page_size: of the memory
 *
 * Needed where EAL tells no events; does no harm elsewhere.
 *
 * Return: as uvdk_eal_extmem_register().
 */
int uvdk_eal_heap_add(const char *heap, void *va, size_t len, size_t page_size);

/**
 * uvdk_eal_heap_remove() - undo that; no device reaches it afterwards
 * @heap: name of the heap
 * @va: as it was added
 * @len: as it was added
 *
 * Nothing of it may be in use: where EAL tells no events it is unreachable for a
 * moment even if DPDK refuses.
 *
 * Return: 0, or what DPDK says (-EBUSY: something of it is in use).
 */
int uvdk_eal_heap_remove(const char *heap, void *va, size_t len);

/* ---- log ---- */

/**
 * uvdk_eal_log() - a log sink (uvdk_log_set_sink()) that writes to DPDK's log
 * @priv: unused
 * @level: severity
 * @component: module that speaks
 * @msg: the sentence
 *
 * Lines have DPDK's log type "uvdk", which is there before rte_eal_init():
 * --log-level=uvdk:debug works.
 */
void uvdk_eal_log(void *priv, enum uvdk_log_level level, const char *component, const char *msg);

/**
 * uvdk_eal_log_level() - what DPDK lets pass of the log type "uvdk"
 *
 * Return: the least severe of our levels; UVDK_LOG_ERR also for less.
 */
enum uvdk_log_level uvdk_eal_log_level(void);

/**
 * uvdk_eal_log_start() - our log goes to DPDK's, with the level that was set there
 *
 * Sets sink and level (uvdk_log_set_level()). Call it again after
 * rte_log_set_level(). Thread-safe.
 */
void uvdk_eal_log_start(void);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EAL_H */
