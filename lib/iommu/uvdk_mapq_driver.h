/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_MAPQ_DRIVER_H
#define UVDK_MAPQ_DRIVER_H

#include <uvdk_base_driver.h>
#include <uvdk_mapq_request.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: What an iommu driver does for map queues (uvdk_mapq.h)
 *
 * The library checks, merges and orders; it hands over requests whose ranges do not
 * touch those that are under way. The driver puts them into its ring.
 */

/* From &struct uvdk_mapq_ops.poll. */
#define UVDK_MAPQ_RESET 1

/**
 * struct uvdk_mapq_ops - map queues of an iommu driver
 * @open: Begin for an address space with devices of one I/O MMU, and take no device
 *	of another one until @close. Nothing else is mapped there by the driver from
 *	@iova on for @len bytes. Under the lock of the address space.
 * @close: Undo @open; nothing is under way. Likewise.
 * @submit: Put an array of requests into the ring; how many it took, from the first on
 *	(0: no room now), or a negative errno after which nothing works any more.
 *	Makes no system call, and does not wait.
 * @kick: Tell the I/O MMU of what was submitted. No system call.
 * @poll: Look which are over. 0; UVDK_MAPQ_RESET, once: the I/O MMU has forgotten all
 *	maps of the window, and requests that are not over, or are with -ECANCELED,
 *	never will be: the library submits what is mapped once more. Or a negative errno after which
 *	nothing works any more: likewise, and nothing is reached through them. No
 *	system call.
 * @stop: The queue is over, once, before anything of it is released: nothing is under
 *	way afterwards, and what was mapped in the window is not reached any more, or
 *	@unpin leaves memory locked. May wait. Not if the queue is closed in good order.
 * @pin: Lock memory and write the physical address of each page of the address
 *	space's page size to @phys, and to @pin what @unpin is to be given: the same
 *	addresses may be pinned twice, and not be the same memory. 0 or -errno with a sentence.
 * @unpin: Undo @pin.
 *
 * The calls for one queue come from one thread at a time.
 */
struct uvdk_mapq_ops {
	int (*open)(void *ioas_priv, uvdk_iova_t iova, uint64_t len, void **mapq_priv);
	void (*close)(void *mapq_priv);
	int (*submit)(void *mapq_priv, struct uvdk_mapq_request *requests, unsigned int count);
	void (*kick)(void *mapq_priv);
	int (*poll)(void *mapq_priv);
	void (*stop)(void *mapq_priv);
	int (*pin)(void *mapq_priv, void *va, size_t len, unsigned int flags, uint64_t *phys,
		   int *pin);
	void (*unpin)(void *mapq_priv, void *va, size_t len, int pin);
};

#ifdef __cplusplus
}
#endif

#endif /* UVDK_MAPQ_DRIVER_H */
