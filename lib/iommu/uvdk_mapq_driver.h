/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_MAPQ_DRIVER_H
#define UVDK_MAPQ_DRIVER_H

#include <uvdk_base_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: What an iommu driver does for map queues (uvdk_mapq.h)
 *
 * The library checks, merges and orders; it hands over requests whose ranges do not
 * touch those that are under way. The driver puts them into its ring.
 */

/* In &struct uvdk_mapq_request.status: not over yet. */
#define UVDK_MAPQ_PENDING 1

/**
 * struct uvdk_mapq_request - one request to the I/O MMU
 * @first: first byte
 * @last: last byte, inclusive
 * @phys: map: physical address of @first
 * @flags: map: enum uvdk_map_flags
 * @map: a map, else an unmap
 * @status: UVDK_MAPQ_PENDING; 0 or a negative errno once it is over, stored with
 *	release order by whoever looks at the ring
 *
 * It stays where it is until it is over.
 */
struct uvdk_mapq_request {
	uint64_t first;
	uint64_t last;
	uint64_t phys;
	uint32_t flags;
	bool map;
	int status;
};

/**
 * struct uvdk_mapq_ops - map queues of an iommu driver
 * @open: Begin for an address space with devices of one I/O MMU. Nothing else is
 *	mapped there by the driver from @iova on for @len bytes.
 * @close: Undo @open; nothing is under way.
 * @submit: Put requests into the ring; returns how many it took, from the first on
 *	(0: no room now), or a negative errno after which nothing works any more.
 *	Makes no system call, and does not wait.
 * @kick: Tell the I/O MMU of what was submitted. No system call.
 * @poll: Look which are over. 0, or a negative errno after which nothing works any
 *	more: requests that are not over then never will be, and nothing is reached
 *	through them. No system call.
 * @pin: Lock memory and write the physical address of each page of the address
 *	space's page size to @phys. 0 or -errno with a sentence.
 * @unpin: Undo @pin.
 *
 * The calls for one queue come from one thread at a time.
 */
struct uvdk_mapq_ops {
	int (*open)(void *ioas_priv, uvdk_iova_t iova, uint64_t len, void **mapq_priv);
	void (*close)(void *mapq_priv);
	int (*submit)(void *mapq_priv, struct uvdk_mapq_request *const *requests,
		      unsigned int count);
	void (*kick)(void *mapq_priv);
	int (*poll)(void *mapq_priv);
	int (*pin)(void *mapq_priv, void *va, size_t len, unsigned int flags, uint64_t *phys);
	void (*unpin)(void *mapq_priv, void *va, size_t len);
};

#ifdef __cplusplus
}
#endif

#endif /* UVDK_MAPQ_DRIVER_H */
