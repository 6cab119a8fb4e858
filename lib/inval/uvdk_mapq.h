/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_MAPQ_H
#define UVDK_MAPQ_H

#include <uvdk_inval.h>
#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Maps that are posted and polled
 *
 * Where an I/O MMU takes map and unmap as entries of a ring in memory
 * (virtio-iommu), a *map queue* does both without a system call, in a *window*:
 * a reserved IOVA range of an address space, in which the caller decides what is
 * where::
 *
 *   uvdk_ioas_reserve(ioas, len, ...)            the window
 *   uvdk_mapq_open(ioas, window, ...)
 *   uvdk_mapq_pin(q, va, len, ..., &mem)         once: slow
 *   uvdk_mapq_map(q, iova, mem, off, len, ...)   as often as needed: cheap
 *   uvdk_mapq_kick(q)                            once a batch
 *   uvdk_mapq_poll(q, cookie)                    until it is not -EINPROGRESS
 *   the device works
 *   uvdk_mapq_unmap(q, iova, len, &cookie)
 *   uvdk_mapq_defer(q, &node, cookie)            what must not be reused before
 *   uvdk_mapq_kick(q), uvdk_mapq_poll(q, cookie)
 *
 * Cookies are 1, 2, 3 and so on, and complete in their order. Of what is posted
 * between two kicks, neighbours of a kind that are contiguous (maps: in both
 * spaces, with the same access) become one request. Requests take effect in the
 * order in which they were posted, as far as their ranges touch.
 *
 * A map can be used when its cookie has completed. Memory and IOVAs of an unmap
 * may be reused when its cookie has, not before: that is what quarantine is for.
 *
 * *Errors*: what is wrong with a call is said by it. What the I/O MMU refuses
 * fails the request with all cookies in it, see uvdk_mapq_get_error(); what is in
 * quarantine for it waits for uvdk_mapq_settle(). When the I/O MMU is gone, every
 * outstanding cookie completes with -ENODEV.
 *
 * One thread at a time uses a queue; different queues are independent.
 */

struct uvdk_mapq;
struct uvdk_mapq_mem;

/**
 * struct uvdk_mapq_opts - how to make a map queue
 * @size: sizeof(struct uvdk_mapq_opts)
 * @iova: first address of the window, a multiple of the page size
 * @len: its bytes, a multiple of the page size, up to 1 TiB: 8 bytes of memory a
 *	page are used where it is touched
 * @depth: most outstanding requests, a power of two up to 65,536; 0: 1,024
 */
struct uvdk_mapq_opts {
	size_t size;
	uvdk_iova_t iova;
	uint64_t len;
	unsigned int depth;
};

/**
 * uvdk_mapq_open() - post maps and unmaps of a window
 * @ioas: address space with a device attached; must outlive the queue
 * @opts: options; the window lies in one reservation (uvdk_ioas_reserve()) that
 *	has no map
 * @out: new queue, owned by the caller
 *
 * While it is open the address space takes no device of another I/O MMU. When its
 * last device is detached the queue is over: -ENODEV.
 *
 * Return: 0; -EINVAL (options, no device attached, devices of several I/O MMUs);
 * -EDOM (misaligned); -ENOENT (not reserved); -EBUSY (something is mapped in the
 * window, or another queue has part of it); -EOPNOTSUPP (this iommu maps by system
 * calls: use uvdk_ioas_map()); -ENOMEM.
 */
int uvdk_mapq_open(struct uvdk_ioas *ioas, const struct uvdk_mapq_opts *opts,
		   struct uvdk_mapq **out);

/**
 * uvdk_mapq_close() - unmap the window, wait for that, free the queue
 * @q: queue, or NULL
 *
 * What is in quarantine is released once the window is unmapped. Memory that is
 * still pinned is unpinned.
 */
void uvdk_mapq_close(struct uvdk_mapq *q);

/**
 * uvdk_mapq_pin() - make memory ready to be mapped
 * @q: queue
 * @va: page aligned
 * @len: bytes, whole pages
 * @flags: UVDK_MAP_READ, UVDK_MAP_WRITE: at most what it will be mapped for
 * @out: handle
 *
 * Makes system calls. What is contiguous in physical memory maps best: huge pages.
 *
 * Return: 0 or as uvdk_ioas_map().
 */
int uvdk_mapq_pin(struct uvdk_mapq *q, void *va, size_t len, unsigned int flags,
		  struct uvdk_mapq_mem **out);

/**
 * uvdk_mapq_unpin() - undo uvdk_mapq_pin()
 * @q: queue
 * @mem: handle
 *
 * Return: 0, or -EBUSY: some of it is mapped, or its unmap has not completed.
 */
int uvdk_mapq_unpin(struct uvdk_mapq *q, struct uvdk_mapq_mem *mem);

/**
 * uvdk_mapq_map() - add a map to the batch
 * @q: queue
 * @iova: where, in the window
 * @mem: pinned memory
 * @off: offset in it
 * @len: bytes; @iova, @off and @len are multiples of the page size
 * @flags: UVDK_MAP_READ, UVDK_MAP_WRITE
 * @cookie: its cookie; of several requests (memory that is not contiguous) the last
 *
 * Return: 0; -EAGAIN (full: kick, poll and try again; no sentence); -EINVAL;
 * -EDOM (misaligned); -ERANGE (outside the window or @mem); -EEXIST (something is
 * mapped there); -EPERM (@mem was pinned for less); -ENODEV. Nothing is posted then.
 */
int uvdk_mapq_map(struct uvdk_mapq *q, uvdk_iova_t iova, struct uvdk_mapq_mem *mem, size_t off,
		  size_t len, unsigned int flags, uint64_t *cookie);

/**
 * uvdk_mapq_unmap() - add an unmap to the batch
 * @q: queue
 * @iova: where
 * @len: bytes: whole maps, one or several
 * @cookie: its cookie
 *
 * Return: 0; -EAGAIN; -EINVAL; -EDOM; -ERANGE; -ENOENT (nothing is mapped in part
 * of it); -EBADE (would cut a map in half); -ENODEV. Nothing is posted then.
 */
int uvdk_mapq_unmap(struct uvdk_mapq *q, uvdk_iova_t iova, size_t len, uint64_t *cookie);

/**
 * uvdk_mapq_kick() - start what was posted
 * @q: queue
 *
 * What does not fit into the ring follows in later polls and kicks.
 *
 * Return: 0, -ENODEV, or the error after which nothing works any more.
 */
int uvdk_mapq_kick(struct uvdk_mapq *q);

/**
 * uvdk_mapq_poll() - has a request completed? Does not wait
 * @q: queue
 * @cookie: its cookie
 *
 * Return: 0; -EINPROGRESS (no sentence); -EINVAL (no such cookie); else its error.
 */
int uvdk_mapq_poll(struct uvdk_mapq *q, uint64_t cookie);

/**
 * uvdk_mapq_completed() - how far it is
 * @q: queue
 *
 * Return: the last cookie of which is known that it and all before it have
 * completed without an error; 0: none.
 */
uint64_t uvdk_mapq_completed(struct uvdk_mapq *q);

/**
 * uvdk_mapq_defer() - put something in quarantine
 * @q: queue
 * @node: node with its @release set; the queue's until that is called
 * @cookie: the request after which it may be reused
 *
 * Return: 0; -EINVAL (no such cookie, no @release).
 */
int uvdk_mapq_defer(struct uvdk_mapq *q, struct uvdk_inval_node *node, uint64_t cookie);

/**
 * struct uvdk_mapq_error - a request that failed
 * @iova: first byte of its range
 * @len: bytes
 * @map: it was a map, else an unmap
 * @first: first cookie that it stands for
 * @last: last one, inclusive
 * @err: why
 */
struct uvdk_mapq_error {
	uvdk_iova_t iova;
	uint64_t len;
	bool map;
	uint64_t first;
	uint64_t last;
	int err;
};

/**
 * uvdk_mapq_get_error() - what went wrong with a request
 * @q: queue
 * @cookie: a cookie whose poll returned an error
 * @out: filled in
 *
 * Return: 0, or -ENOENT.
 */
int uvdk_mapq_get_error(const struct uvdk_mapq *q, uint64_t cookie, struct uvdk_mapq_error *out);

/**
 * uvdk_mapq_settle() - nothing can be reached through what failed
 * @q: queue
 *
 * The caller's word, after it has detached the devices or seen a later unmap of the
 * range complete: errors are forgotten, and what waits for them is released.
 */
void uvdk_mapq_settle(struct uvdk_mapq *q);

/**
 * struct uvdk_mapq_stats - what has happened to a queue
 * @posted: requests, which is the latest cookie
 * @merged: of them those that were added to a neighbour
 * @requests: requests given to the I/O MMU
 * @kicks: batches
 * @errors: requests that failed
 * @mapped: pages that are mapped, or whose unmap has not completed
 * @quarantined: things in quarantine
 */
struct uvdk_mapq_stats {
	uint64_t posted;
	uint64_t merged;
	uint64_t requests;
	uint64_t kicks;
	uint64_t errors;
	uint64_t mapped;
	uint64_t quarantined;
};

/**
 * uvdk_mapq_get_stats() - what has happened to a queue so far
 * @q: queue
 * @out: filled in
 */
void uvdk_mapq_get_stats(const struct uvdk_mapq *q, struct uvdk_mapq_stats *out);

/**
 * uvdk_mapq_invalq() - the same ring behind the calls of uvdk_inval.h
 * @q: map queue; must outlive the other
 * @opts: options of the invalidation queue, or NULL
 * @out: new queue, owned by the caller; backend "virtio"
 *
 * A request of scope UVDK_INVAL_RANGE is an unmap of whole maps of the window; no
 * other scope exists. Both are used by the same thread.
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
int uvdk_mapq_invalq(struct uvdk_mapq *q, const struct uvdk_invalq_opts *opts,
		     struct uvdk_invalq **out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_MAPQ_H */
