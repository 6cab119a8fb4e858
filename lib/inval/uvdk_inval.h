/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_INVAL_H
#define UVDK_INVAL_H

#include <string.h>

#include <uvdk_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Invalidation: what hardware has cached of a first stage is forgotten
 *
 * A page table that the application keeps itself is changed by stores; I/O MMU
 * and devices may have cached what was there before. An *invalidation queue*
 * tells them to forget it, and tells when they have. It comes from the iommu
 * driver or the backend that the table belongs to::
 *
 *   unmap in the table
 *   uvdk_inval_post(q, &req, &cookie)      as often as needed; cheap
 *   uvdk_inval_defer(q, &node, cookie)     what must not be reused before
 *   uvdk_inval_kick(q)                     once
 *   uvdk_inval_poll(q, cookie)             until it is not -EINPROGRESS
 *
 * Each request has a *cookie*: 1, 2, 3 and so on. Cookies complete in their
 * order. What is posted between two kicks is one batch: neighbouring ranges
 * become one, and what would take too many entries becomes an invalidation of
 * the whole PASID.
 *
 * *Quarantine*: memory, table pages and IOVAs that the device may still reach
 * wait in the queue, and are released by completion, in the order of cookies,
 * from within uvdk_inval_poll() or uvdk_inval_completed().
 *
 * *Errors*: what the hardware refuses fails the request that it was part of,
 * with all cookies that were coalesced into it; other requests go on. What is
 * in quarantine for a failed cookie stays there, because hardware may still
 * know it, until uvdk_inval_settle(). When the device or the I/O MMU's object
 * is gone, every outstanding cookie completes with -ENODEV and the same holds.
 *
 * A queue is used by one thread at a time, but for uvdk_inval_gone().
 */

struct uvdk_invalq;
struct uvdk_hwpt;
struct uvdk_device;
struct uvdk_hw_queue;

/**
 * enum uvdk_inval_scope - what is forgotten
 * @UVDK_INVAL_ALL: everything of the domain (vIOMMU, or nested table)
 * @UVDK_INVAL_PASID: everything of one PASID; on SMMUv3 of one ASID
 * @UVDK_INVAL_RANGE: addresses of one PASID or ASID
 */
enum uvdk_inval_scope {
	UVDK_INVAL_ALL,
	UVDK_INVAL_PASID,
	UVDK_INVAL_RANGE,
};

/**
 * enum uvdk_inval_flags - what may be left out; 0 forgets the most
 * @UVDK_INVAL_LEAF: only leaf entries have changed: no table was taken away
 * @UVDK_INVAL_KEEP_DEVTLB: leave the TLBs of devices alone: none can have asked
 * @UVDK_INVAL_NO_DRAIN: accesses that are under way need not be over when it
 *	completes: nothing will be reused
 *
 * A backend may do more than asked, see &struct uvdk_inval_caps.honours.
 */
enum uvdk_inval_flags {
	UVDK_INVAL_LEAF = 1 << 0,
	UVDK_INVAL_KEEP_DEVTLB = 1 << 1,
	UVDK_INVAL_NO_DRAIN = 1 << 2,
};

/**
 * struct uvdk_inval_req - one request
 * @first: range: first byte, a multiple of the granule; else not looked at
 * @last: range: last byte, inclusive, the last one of a granule; likewise
 * @pasid: PASID, as devices send it; 0: accesses without one
 * @asid: ASID, where the architecture tags by it (SMMUv3), else 0
 * @granule: log2 of the table's smallest page; 0: 12
 * @scope: enum uvdk_inval_scope
 * @flags: enum uvdk_inval_flags
 */
struct uvdk_inval_req {
	uint64_t first;
	uint64_t last;
	uint32_t pasid;
	uint16_t asid;
	uint8_t granule;
	uint8_t scope : 2;
	uint8_t flags : 6;
};

/**
 * struct uvdk_inval_node - something in quarantine
 * @release: called when it may be reused; may post, defer and kick. Set by the
 *	caller
 * @cookie: private
 * @next: private
 * @prev: private
 *
 * The caller's memory; it is the queue's from uvdk_inval_defer() to @release.
 */
struct uvdk_inval_node {
	void (*release)(struct uvdk_inval_node *node);
	uint64_t cookie;
	struct uvdk_inval_node *next;
	struct uvdk_inval_node *prev;
};

/**
 * enum uvdk_inval_rule - how a range becomes entries
 * @UVDK_INVAL_EXACT: any range is one entry
 * @UVDK_INVAL_POW2: an aligned power of two of pages is one entry (VT-d)
 * @UVDK_INVAL_SCALED: up to 32 times a power of two of pages is one entry
 *	(SMMUv3 with range invalidation, TG, SCALE and NUM)
 * @UVDK_INVAL_COVER: one entry for the aligned power of two that holds it all
 *	(TLBs of devices)
 */
enum uvdk_inval_rule {
	UVDK_INVAL_EXACT,
	UVDK_INVAL_POW2,
	UVDK_INVAL_SCALED,
	UVDK_INVAL_COVER,
};

/**
 * struct uvdk_inval_caps - what a queue is and what it costs
 * @backend: "emu", "ioctl", "thread", "hwqueue" or "virtio" (uvdk_mapq.h)
 * @kick_calls: system calls of a kick whose entries fit into @batch
 * @poll_calls: system calls of a poll, unless entries had to wait for room
 * @batch: most entries at once; more take further steps of the same cost
 * @rule: how a range becomes entries
 * @rule_order: UVDK_INVAL_POW2: log2 of most pages of an entry
 * @devtlb_rule: the same for TLBs of devices
 * @devtlb: they are told separately, after the I/O MMU
 * @flush_entries: a request, or neighbouring requests of one batch for the same
 *	PASID, that would take more entries become one for the whole PASID
 * @honours: of enum uvdk_inval_flags those that make a difference
 * @scopes: bit n: enum uvdk_inval_scope n can be had
 * @granules: bit n: pages of 1 << n bytes
 * @depth: requests that can be outstanding
 */
struct uvdk_inval_caps {
	const char *backend;
	unsigned int kick_calls;
	unsigned int poll_calls;
	unsigned int batch;
	enum uvdk_inval_rule rule;
	unsigned int rule_order;
	enum uvdk_inval_rule devtlb_rule;
	bool devtlb;
	unsigned int flush_entries;
	unsigned int honours;
	unsigned int scopes;
	uint64_t granules;
	unsigned int depth;
};

/**
 * struct uvdk_inval_stats - what has happened to a queue
 * @posted: requests, which is the latest cookie
 * @coalesced: of them those that were added to a neighbour
 * @flushes: requests for a whole PASID made of ranges
 * @entries: entries given to the hardware or the kernel, but for those that
 *	only keep order; what is told to several devices counts once
 * @kicks: batches
 * @errors: requests failed, coalesced ones counted once
 * @released: things that have left quarantine
 * @quarantined: things that are in it
 */
struct uvdk_inval_stats {
	uint64_t posted;
	uint64_t coalesced;
	uint64_t flushes;
	uint64_t entries;
	uint64_t kicks;
	uint64_t errors;
	uint64_t released;
	uint64_t quarantined;
};

/**
 * struct uvdk_inval_error - a request that failed
 * @req: the request, with its neighbours
 * @first: first cookie that it stands for
 * @last: last one, inclusive
 * @err: why; -ENODEV: the device is gone, and @req is all zeroes
 */
struct uvdk_inval_error {
	struct uvdk_inval_req req;
	uint64_t first;
	uint64_t last;
	int err;
};

/**
 * struct uvdk_invalq_opts - how to make a queue
 * @size: sizeof(struct uvdk_invalq_opts)
 * @depth: most outstanding requests, a power of two up to 65,536; 0: 1,024
 * @flush_entries: &struct uvdk_inval_caps.flush_entries; 0: what suits the
 *	backend; up to 65,536
 * @thread: system calls are made by a thread of the queue's, off the caller's core
 * @hw_queue: have invalidations read by the hardware from this queue
 *	(uvdk_hw_queue_create()), which is this one's until it is destroyed; or NULL
 * @ring: where the memory of @hw_queue is in this process
 * @ring_len: its bytes
 */
struct uvdk_invalq_opts {
	size_t size;
	unsigned int depth;
	unsigned int flush_entries;
	bool thread;
	struct uvdk_hw_queue *hw_queue;
	void *ring;
	size_t ring_len;
};

/**
 * uvdk_invalq_open() - a queue for a nested table
 * @hwpt: nested table (uvdk_hwpt_create_nested()), attached
 * @dev: a device that it is attached to
 * @pasid: under this PASID, or UVDK_PASID_RID
 * @opts: options, or NULL
 * @out: new queue, owned by the caller; to be destroyed before @hwpt is detached
 *	there: on the software I/O MMU what is outstanding fails with -ENODEV else
 *
 * On SMMUv3 a queue serves every table of the vIOMMU, by ASID, and the device
 * TLBs of its vDEVICEs: of those with ATS, once uvdk_hwpt_attach() of a table there
 * has returned, and until it is detached. Devices may come and go meanwhile; with
 * @hw_queue the queue is over when one with ATS does. On VT-d it serves @hwpt
 * wherever it is attached, on the software I/O MMU where it was said.
 *
 * When @hwpt is detached there or replaced, @dev loses its ID or is closed, the
 * queue is over: an error is logged, and it is as after uvdk_inval_gone(). The
 * vIOMMU and the hardware queue stay until it is destroyed. No system call is made
 * between kicks; a kick whose entries fit into a batch makes one, and one more where
 * devices with ATS are to be told. With @thread the caller makes none but to wake the
 * thread and for its lock (futex).
 *
 * Return: 0; -EINVAL (not a nested table, not attached there, options, @ring is not
 * the memory of @hw_queue); -EBUSY (@hw_queue is another's); -EOPNOTSUPP (no
 * invalidation here: AMD); -ENODEV; -ENOMEM; -EAGAIN (no thread); -ETIMEDOUT
 * (@hw_queue does not switch on).
 */
int uvdk_invalq_open(struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid,
		     const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out);

/* ---- the fast path ---- */

/**
 * struct uvdk_inval_slot - a request in a queue; private
 * @req: it, with its neighbours
 * @cookie: last one that it stands for
 * @from: its pieces, by target: number of the first
 * @to: number after the last, 32 bits of it
 * @err: what went wrong
 * @pushed: all of it is pushed
 * @spare: fills the line
 */
struct uvdk_inval_slot {
	struct uvdk_inval_req req;
	uint64_t cookie;
	uint32_t from[2];
	uint32_t to[2];
	int32_t err;
	bool pushed;
	uint8_t spare[11];
};

/**
 * struct uvdk_invalq - a queue, as the inline calls see it; private
 * @slots: ring of requests
 * @next: its next free place
 * @limit: end of the free places from there on
 * @grows: where a range has to begin to be added to the latest one; odd: nowhere
 * @key: pasid to flags of the latest request: what was checked once
 * @page_mask: bits of an address below the granule of @key
 * @cookie: latest
 * @safe: all cookies up to this have completed without an error
 * @lap: requests that were in the ring before it began anew at @slots
 * @depth: places
 */
struct uvdk_invalq {
	struct uvdk_inval_slot *slots;
	struct uvdk_inval_slot *next;
	struct uvdk_inval_slot *limit;
	uint64_t grows;
	uint64_t key;
	uint64_t page_mask;
	uint64_t cookie;
	uint64_t safe;
	uint64_t lap;
	uint32_t depth;
};

/**
 * uvdk_inval_post_slow() - what uvdk_inval_post() does not do inline
 * @q: queue
 * @req: request
 * @cookie: its cookie
 *
 * Return: as uvdk_inval_post().
 */
int uvdk_inval_post_slow(struct uvdk_invalq *q, const struct uvdk_inval_req *req, uint64_t *cookie);

/**
 * uvdk_inval_post() - add a request to the batch
 * @q: queue
 * @req: request
 * @cookie: its cookie
 *
 * Nothing is told to the hardware before uvdk_inval_kick(). No system call.
 *
 * Return: 0; -EAGAIN (full: kick, poll, and try again; no sentence);
 * -EINVAL (a range that is empty or not aligned, an unknown scope, flag or
 * granule, a PASID or ASID that is not the queue's); -EOPNOTSUPP (the backend
 * has no such scope); -ENODEV. Nothing is posted then.
 */
static inline int uvdk_inval_post(struct uvdk_invalq *q, const struct uvdk_inval_req *req,
				  uint64_t *cookie)
{
	struct uvdk_inval_slot *slot = q->next;
	const uint64_t first = req->first, last = req->last, end = last + 1;
	uint64_t key;

	/* Alike but for the addresses: the rest was checked then. */
	memcpy(&key, (const char *)req + 2 * sizeof(key), sizeof(key));
	if (__builtin_expect(key != q->key || ((first | end) & q->page_mask) || first >= end, 0))
		return uvdk_inval_post_slow(q, req, cookie);

	if (first == q->grows) {
		slot--;
	} else {
		if (__builtin_expect(slot == q->limit, 0))
			return uvdk_inval_post_slow(q, req, cookie);
		q->next = slot + 1;
		slot->req.first = first;
		memcpy((char *)slot + 2 * sizeof(key), &key, sizeof(key));
	}
	slot->req.last = last;
	q->grows = end;
	slot->cookie = *cookie = ++q->cookie;

	return 0;
}

/**
 * uvdk_inval_post_pages() - uvdk_inval_post() for an array of pages
 * @q: queue
 * @like: what they have in common; addresses and scope are not looked at
 * @page: addresses of pages of the granule, in any order
 * @count: how many
 * @cookie: cookie of the last one that was posted; those before have the ones
 *	before it. Not written if there is none
 *
 * The same as a call for each, for fewer instructions.
 *
 * Return: how many were posted; where that is less, uvdk_inval_post() of the next
 * one says why.
 */
unsigned int uvdk_inval_post_pages(struct uvdk_invalq *q, const struct uvdk_inval_req *like,
				   const uint64_t *page, unsigned int count, uint64_t *cookie);

/**
 * uvdk_inval_kick() - start what was posted
 * @q: queue
 *
 * Nothing happens if nothing was posted. What does not fit into the hardware's
 * queue follows in later polls and kicks.
 *
 * Return: 0, or the error after which nothing works any more: -ENODEV, or what
 * the backend said.
 */
int uvdk_inval_kick(struct uvdk_invalq *q);

/**
 * uvdk_inval_poll_slow() - what uvdk_inval_poll() does not do inline
 * @q: queue
 * @cookie: cookie
 *
 * Return: as uvdk_inval_poll().
 */
int uvdk_inval_poll_slow(struct uvdk_invalq *q, uint64_t cookie);

/**
 * uvdk_inval_poll() - has a request completed? Does not wait
 * @q: queue
 * @cookie: its cookie
 *
 * A request that was not kicked does not complete.
 *
 * Return: 0: it has; -EINPROGRESS: not yet (no sentence); -EINVAL: no such
 * cookie; else its error, see uvdk_inval_get_error().
 */
static inline int uvdk_inval_poll(struct uvdk_invalq *q, uint64_t cookie)
{
	if (cookie - 1 < q->safe)
		return 0;

	return uvdk_inval_poll_slow(q, cookie);
}

/**
 * uvdk_inval_completed() - how far it is
 * @q: queue
 *
 * For those who keep their own quarantine, as uvdk_pgtable_release() does.
 *
 * Return: the last cookie of which is known that it and all before it have
 * completed without an error; 0: none.
 */
uint64_t uvdk_inval_completed(struct uvdk_invalq *q);

/**
 * uvdk_inval_defer() - put something in quarantine
 * @q: queue
 * @node: node with its @release set; the queue's until that is called
 * @cookie: the request after which it may be reused
 *
 * @release is not called from here, even if the request has completed.
 *
 * Return: 0; -EINVAL (no such cookie, no @release): the node is not taken.
 */
int uvdk_inval_defer(struct uvdk_invalq *q, struct uvdk_inval_node *node, uint64_t cookie);

/**
 * uvdk_inval_get_error() - what went wrong with a request
 * @q: queue
 * @cookie: a cookie whose poll returned an error
 * @out: filled in
 *
 * The latest 64 are remembered, until uvdk_inval_settle(). When there are more,
 * two of the oldest become one that stands for all between them.
 *
 * Return: 0, or -ENOENT: nothing went wrong with it, or that was settled.
 */
int uvdk_inval_get_error(const struct uvdk_invalq *q, uint64_t cookie,
			 struct uvdk_inval_error *out);

/**
 * uvdk_inval_settle() - nothing can be reached through what failed
 * @q: queue
 *
 * The caller's word, after it has detached or reset the device, destroyed the
 * table, or seen a later UVDK_INVAL_ALL complete: errors are forgotten (their
 * cookies count as complete) and what is in quarantine for them is released.
 */
void uvdk_inval_settle(struct uvdk_invalq *q);

/**
 * uvdk_inval_gone() - the device or the I/O MMU's object is gone
 * @q: queue
 *
 * From any thread, a signal handler, too. The next call that looks completes
 * all outstanding requests with -ENODEV, and nothing can be posted any more.
 * Quarantine waits for uvdk_inval_settle().
 */
void uvdk_inval_gone(struct uvdk_invalq *q);

/**
 * uvdk_inval_get_caps() - what a queue is and what it costs
 * @q: queue
 * @out: filled in
 */
void uvdk_inval_get_caps(const struct uvdk_invalq *q, struct uvdk_inval_caps *out);

/**
 * uvdk_inval_get_stats() - what has happened to a queue so far
 * @q: queue
 * @out: filled in
 */
void uvdk_inval_get_stats(const struct uvdk_invalq *q, struct uvdk_inval_stats *out);

/**
 * uvdk_invalq_destroy() - free a queue
 * @q: queue, or NULL
 *
 * The backend stops first: nothing is read or written any more for this queue.
 * What is in quarantine then is not released, and an error says how much that
 * is: detach, call uvdk_inval_gone() and uvdk_inval_settle() before.
 */
void uvdk_invalq_destroy(struct uvdk_invalq *q);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_INVAL_H */
