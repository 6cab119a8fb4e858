/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EAL_H
#define UVDK_EAL_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: DPDK memory in our address spaces
 *
 * Every page of EAL memory (static, dynamic, --no-huge, --in-memory) is mapped
 * into an address space while the *map* exists: what is there now at once,
 * what EAL allocates later before the allocation returns, what it frees before
 * it is given back. IOVA = VA where the device's aperture allows, else each
 * memory segment list keeps one contiguous IOVA window, so that an object that
 * is contiguous in VA is contiguous in IOVA.
 *
 * Maps may be made and destroyed by any thread, each map by one.
 */

struct uvdk_eal_map;

/**
 * enum uvdk_eal_map_flags - what is mapped besides EAL's own memory
 * @UVDK_EAL_MAP_EXTERNAL: memory of others that was added to EAL, too
 *	(rte_extmem_register(), rte_malloc_heap_memory_add()); without this it
 *	is left to whoever added it, as DPDK's rules say. What
 *	rte_extmem_register() adds later is not seen: EAL tells nobody.
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
 * are attached. Memory events may come from any EAL thread; what can't be mapped
 * then is logged, and drivers refuse packets in it. Several maps may exist, also
 * of one process and several address spaces; one per address space.
 *
 * Must not be called from inside a memory event callback.
 *
 * Return: 0, -EINVAL (no address space), -EEXIST (the address space has a map already), -ENODEV
 * (EAL not initialised), -EOPNOTSUPP (EAL has no memory events, and memory that may come and go),
 * or as uvdk_ioas_map().
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
 * uvdk_eal_log() - a log sink (uvdk_log_set_sink()) that writes to DPDK's log
 * @priv: unused
 * @level: severity
 * @component: module that speaks
 * @msg: the sentence
 */
void uvdk_eal_log(void *priv, enum uvdk_log_level level, const char *component, const char *msg);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EAL_H */
