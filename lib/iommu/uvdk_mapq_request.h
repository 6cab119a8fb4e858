/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_MAPQ_REQUEST_H
#define UVDK_MAPQ_REQUEST_H

#include <uvdk_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Requests of map queues
 *
 * What a queue (uvdk_mapq.h) fills in and an iommu driver (uvdk_mapq_driver.h) puts
 * into its ring: one struct, so that nothing is copied between them.
 */

/* In &struct uvdk_mapq_request.status: not over yet. */
#define UVDK_MAPQ_PENDING 1

/**
 * struct uvdk_mapq_request - one request to the I/O MMU
 * @first: first byte
 * @last: last byte, inclusive
 * @phys: map: physical address of @first
 * @flags: map: enum uvdk_map_flags; 0: an unmap
 * @status: UVDK_MAPQ_PENDING; 0 or a negative errno once it is over, stored with
 *	release order by whoever looks at the ring
 * @cookie: the queue's: last one that it stands for
 * @after: the queue's: not before this one has completed: their ranges touch; 0: none
 * @spare: fills the line
 *
 * It stays where it is until it is over.
 */
struct uvdk_mapq_request {
	uint64_t first;
	uint64_t last;
	uint64_t phys;
	uint32_t flags;
	int status;
	uint64_t cookie;
	uint64_t after;
	uint64_t spare[2];
};

#ifdef __cplusplus
}
#endif

#endif /* UVDK_MAPQ_REQUEST_H */
