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
 */

struct uvdk_eal_map;

/**
 * uvdk_eal_map_create() - map EAL memory into an address space and keep it so
 * @ioas: address space; must outlive the map
 * @out: new map, owned by the caller
 *
 * Call after rte_eal_init(), and after the devices that narrow the aperture
 * are attached. Memory events may come from any EAL thread.
 *
 * Return: 0, -ENODEV (EAL not initialised), or as uvdk_ioas_map().
 */
int uvdk_eal_map_create(struct uvdk_ioas *ioas, struct uvdk_eal_map **out);

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
void uvdk_eal_log(void *priv, enum uvdk_log_level level, const char *component,
		  const char *msg);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EAL_H */
