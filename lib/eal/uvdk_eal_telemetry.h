/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EAL_TELEMETRY_H
#define UVDK_EAL_TELEMETRY_H

#include <uvdk_iommu.h>
#include <uvdk_pasid.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Answers in DPDK's telemetry
 *
 * dpdk-telemetry.py and others ask at the socket that EAL opens (not with
 * --no-telemetry). Once it is started here, the process answers:
 *
 * ================================== ==========================================
 * command                            answer
 * ================================== ==========================================
 * /uvdk/devices[,AFTER]              devices of the iommus that were added
 * /uvdk/ioas[,AFTER]                 their address spaces
 * /uvdk/maps,IOAS[,FROM]             maps of an address space, from an IOVA on
 * /uvdk/pasids[,spaces,AFTER]        PASID spaces
 * /uvdk/pasids,SPACE[,FROM]          PASIDs of one
 * /uvdk/eal[,AFTER]                  DPDK's memory in address spaces, with counts
 * /uvdk/queues                       ports of lib/netdev, and channels of DMA engines
 * /uvdk/queues,ports[,AFTER]         ports alone
 * /uvdk/queues,PORT[,FROM]           counters of a port
 * /uvdk/queues,dma[,AFTER]           channels of DMA engines alone
 * ================================== ==========================================
 *
 * Numbers are decimal, or hexadecimal after 0x. EAL sends at most 16 KiB: of a long
 * list the answer has the first entries, and "next" is the AFTER or FROM to ask for
 * to get on; of /uvdk/queues, "next_port" is that of ports and "next" that of channels.
 * A request that makes no sense is answered with {"error": "..."}.
 *
 * Nothing can be changed through it, and no data path is slower for it. DPDK has no way to
 * take a command back: after a stop they say that it is stopped. Each call is
 * thread-safe. What is removed is not looked at any more when the call returns.
 */

struct rte_tel_data;

/**
 * uvdk_eal_telemetry_start() - answer
 *
 * May be called before rte_eal_init(), and again after a stop.
 *
 * Return: 0, -EALREADY, or what DPDK says (-ENOENT, -ENOMEM: no room for commands).
 */
int uvdk_eal_telemetry_start(void);

/**
 * uvdk_eal_telemetry_stop() - answer no more, and forget iommus and PASID spaces
 *
 * Commands of uvdk_eal_telemetry_add() are kept for the next start. Nothing happens if it
 * is not started.
 */
void uvdk_eal_telemetry_stop(void);

/**
 * uvdk_eal_telemetry_add_iommu() - show an iommu, its devices, address spaces and maps
 * @iommu: iommu; must be removed, or telemetry stopped, before it is closed
 *
 * Return: 0, -EINVAL, -EEXIST or -ENOMEM.
 */
int uvdk_eal_telemetry_add_iommu(struct uvdk_iommu *iommu);

/**
 * uvdk_eal_telemetry_remove_iommu() - undo that
 * @iommu: iommu; nothing happens if it was not added
 */
void uvdk_eal_telemetry_remove_iommu(struct uvdk_iommu *iommu);

/**
 * uvdk_eal_telemetry_add_pasids() - show a PASID space
 * @name: to be shown, at most 63 letters of it
 * @space: space; must be removed, or telemetry stopped, before it is destroyed
 *
 * Return: 0, -EINVAL, -EEXIST or -ENOMEM.
 */
int uvdk_eal_telemetry_add_pasids(const char *name, struct uvdk_pasid_space *space);

/**
 * uvdk_eal_telemetry_remove_pasids() - undo that
 * @space: space; nothing happens if it was not added
 */
void uvdk_eal_telemetry_remove_pasids(struct uvdk_pasid_space *space);

/**
 * typedef uvdk_eal_telemetry_fn - answers a command
 * @priv: as given to uvdk_eal_telemetry_add()
 * @params: what stands behind the first comma, or NULL
 * @out: to be filled in (rte_telemetry.h); at most 16 KiB of JSON
 *
 * Called by a thread of DPDK's, one at a time. May not call uvdk_eal_telemetry_*().
 *
 * Return: 0, or negative errno: then uvdk_last_error() of this thread is the answer.
 */
typedef int (*uvdk_eal_telemetry_fn)(void *priv, const char *params, struct rte_tel_data *out);

/**
 * uvdk_eal_telemetry_add() - a command of a class's or the application's own
 * @name: behind "/uvdk/": letters, digits and '_', at most 31
 * @help: a line of less than 64 letters
 * @fn: answers
 * @priv: passed to @fn
 *
 * Before the start it is kept for that. A name that was removed may be added again.
 *
 * Return: 0, -EINVAL, -EEXIST, -ENOSPC (more than 18 names) or what DPDK says.
 */
int uvdk_eal_telemetry_add(const char *name, const char *help, uvdk_eal_telemetry_fn fn,
			   void *priv);

/**
 * uvdk_eal_telemetry_remove() - undo that; @fn is not running any more afterwards
 * @name: as it was added; nothing happens if it was not
 */
void uvdk_eal_telemetry_remove(const char *name);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EAL_TELEMETRY_H */
