/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_MAPQ_H
#define UVDK_MAPQ_H

#include <uvdk_inval.h>
#include <uvdk_iommu.h>
#include <uvdk_mapq_request.h>

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
 * Cookies are 1, 2, 3 and so on, and complete in their order. Requests take effect
 * in the order in which they were posted, as far as their ranges touch.
 *
 * Of what is posted between two kicks, unmaps of ascending neighbours become one
 * request. So do maps with UVDK_MAPQ_JOIN that are contiguous in both spaces and
 * have the same access. They are one map then, which is unmapped as a whole: the I/O
 * MMU can't cut it (virtio 1.2, 5.13.6.6), which is why the caller has to ask.
 *
 * A map can be used when its cookie has completed. Memory and IOVAs of an unmap
 * may be reused when its cookie has, not before: that is what quarantine is for.
 *
 * *Errors*: what is wrong with a call is said by it. What the I/O MMU refuses
 * fails the request with all cookies in it, see uvdk_mapq_get_error(); what is in
 * quarantine for it waits for uvdk_mapq_settle(). Each page of it, of a map as of an
 * unmap, counts as a map until it is unmapped (once more). When the I/O MMU is gone,
 * every outstanding cookie completes with -ENODEV. When it was reset, the library
 * puts back what is mapped.
 *
 * One thread at a time uses a queue; different queues are independent.
 */

struct uvdk_mapq;
struct uvdk_mapq_mem;

/**
 * enum uvdk_mapq_flags - flags of uvdk_mapq_map(), with UVDK_MAP_READ and UVDK_MAP_WRITE
 * @UVDK_MAPQ_JOIN: may become one map with the one posted before
 */
enum uvdk_mapq_flags {
	UVDK_MAPQ_JOIN = 1 << 8,
};

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
 * Return: 0; -EINVAL (options, no device attached, devices of several I/O MMUs, beyond 48
 * bits); -EDOM (misaligned); -ENOENT (not reserved); -ERANGE (what is attached can't reach
 * all of the window); -EBUSY (something is mapped in the window, or another queue has part
 * of it); -EOPNOTSUPP (this iommu maps by system calls: use uvdk_ioas_map()); -ENOMEM.
 */
int uvdk_mapq_open(struct uvdk_ioas *ioas, const struct uvdk_mapq_opts *opts,
		   struct uvdk_mapq **out);

/**
 * uvdk_mapq_close() - unmap the window, wait for that, free the queue
 * @q: queue, or NULL
 *
 * What is in quarantine is released once the window is unmapped. Memory that is
 * still pinned is unpinned. Where the I/O MMU refuses to unmap it, or does not answer
 * for 10 seconds, all of that stays as it is until the process ends, and an error is
 * logged.
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
 * Return: 0; -ENODEV; -ERANGE (a physical address beyond 51 bits); -ENOMEM (a million
 * pieces are pinned); or as uvdk_ioas_map().
 */
int uvdk_mapq_pin(struct uvdk_mapq *q, void *va, size_t len, unsigned int flags,
		  struct uvdk_mapq_mem **out);

/**
 * uvdk_mapq_unpin() - undo uvdk_mapq_pin()
 * @q: queue
 * @mem: handle
 *
 * Return: 0 (@mem is gone), or -EBUSY: some of it is mapped, or its unmap has not
 * completed, or a request failed and uvdk_mapq_settle() was not called since. After
 * -ENODEV, which means that nothing is mapped any more, only the latter.
 */
int uvdk_mapq_unpin(struct uvdk_mapq *q, struct uvdk_mapq_mem *mem);

/* ---- the fast path ---- */

/* Of a page in &struct uvdk_mapq.shadow: see there. */
#define UVDK_MAPQ_FIRST	   4u
#define UVDK_MAPQ_LAST	   8u
#define UVDK_MAPQ_MAPPED   (UINT64_C(1) << 63)
#define UVDK_MAPQ_MEM_MASK 0xfffffu

/**
 * struct uvdk_mapq_mem - pinned memory, as the inline calls see it; private
 * @page: by page: UVDK_MAPQ_MAPPED | physical page number << 24 | number of the
 *	memory << 4
 * @pages: how many
 * @mapped: pages that are mapped
 * @unmapped: cookie of the latest unmap
 * @denied: flags that it can't be mapped with; UVDK_MAPQ_JOIN is, too: not inline
 */
struct uvdk_mapq_mem {
	const uint64_t *page;
	uint64_t pages;
	uint64_t mapped;
	uint64_t unmapped;
	unsigned int denied;
};

/**
 * struct uvdk_mapq - a queue, as the inline calls see it; private
 * @slots: ring of requests; those that are free have @after 0
 * @next: its next free place
 * @limit: end of the free places from there on
 * @iova: first address of the window
 * @pages: its pages
 * @shadow: by page of the window: as &struct uvdk_mapq_mem.page, with
 *	UVDK_MAPQ_FIRST and UVDK_MAPQ_LAST of its map | UVDK_MAP_READ and WRITE.
 *	Nothing mapped: cookie of the unmap, which is less
 * @recent: by 64 pages: cookie of the latest map
 * @mem: by number
 * @grows: where an unmap has to begin to be added to the latest request, if that is
 *	one; odd: nowhere
 * @cookie: latest
 * @done: all up to this have completed
 * @safe: without an error
 * @page_size: bytes
 * @page_shift: log2 of that
 */
struct uvdk_mapq {
	struct uvdk_mapq_request *slots;
	struct uvdk_mapq_request *next;
	struct uvdk_mapq_request *limit;
	uvdk_iova_t iova;
	uint64_t pages;
	uint64_t *shadow;
	uint64_t *recent;
	struct uvdk_mapq_mem **mem;
	uint64_t grows;
	uint64_t cookie;
	uint64_t done;
	uint64_t safe;
	uint64_t page_size;
	unsigned int page_shift;
};

/**
 * uvdk_mapq_phys() - physical address of an entry of the shadow; private
 * @entry: entry
 *
 * Return: address.
 */
static inline uint64_t uvdk_mapq_phys(uint64_t entry)
{
	return entry << 1 >> 25 << 12;
}

/**
 * uvdk_mapq_page() - which page; private
 * @q: queue
 * @off: bytes
 *
 * Return: its number, larger than any if @off is not a multiple of the page size.
 */
static inline uint64_t uvdk_mapq_page(const struct uvdk_mapq *q, uint64_t off)
{
	return off >> q->page_shift | off << (-q->page_shift & 63);
}

/**
 * uvdk_mapq_slot_take() - a new slot; private
 * @q: queue with one
 * @iova: first byte
 * @flags: of a map; 0: an unmap
 *
 * Return: slot, the rest of which the caller fills in.
 */
static inline struct uvdk_mapq_request *uvdk_mapq_slot_take(struct uvdk_mapq *q, uvdk_iova_t iova,
							    unsigned int flags)
{
	struct uvdk_mapq_request *slot = q->next;

	q->next = slot + 1;
	slot->first = iova;
	slot->flags = flags;
	slot->status = UVDK_MAPQ_PENDING;

	return slot;
}

/**
 * uvdk_mapq_map_slow() - what uvdk_mapq_map() does not do inline
 * @q: queue
 * @iova: as there
 * @mem: as there
 * @off: as there
 * @len: as there
 * @flags: as there
 * @cookie: as there
 *
 * Return: as there.
 */
int uvdk_mapq_map_slow(struct uvdk_mapq *q, uvdk_iova_t iova, struct uvdk_mapq_mem *mem, size_t off,
		       size_t len, unsigned int flags, uint64_t *cookie);

/**
 * uvdk_mapq_unmap_slow() - what uvdk_mapq_unmap() does not do inline
 * @q: queue
 * @iova: as there
 * @len: as there
 * @cookie: as there
 *
 * Return: as there.
 */
int uvdk_mapq_unmap_slow(struct uvdk_mapq *q, uvdk_iova_t iova, size_t len, uint64_t *cookie);

/**
 * uvdk_mapq_map() - add a map to the batch
 * @q: queue
 * @iova: where, in the window
 * @mem: pinned memory of this queue
 * @off: offset in it
 * @len: bytes; @iova, @off and @len are multiples of the page size
 * @flags: UVDK_MAP_READ, UVDK_MAP_WRITE; enum uvdk_mapq_flags
 * @cookie: its cookie; of several requests (memory that is not contiguous) the last
 *
 * Return: 0; -EAGAIN (full, or being put back after a reset: kick, poll and try again; no
 * sentence); -EINVAL (flags,
 * @len is 0, more requests than the queue is deep); -EDOM (misaligned); -ERANGE
 * (outside the window or @mem); -EEXIST (something is mapped there); -EPERM (@mem was
 * pinned for less); -ENODEV. Nothing is posted then.
 */
static inline int uvdk_mapq_map(struct uvdk_mapq *q, uvdk_iova_t iova, struct uvdk_mapq_mem *mem,
				size_t off, size_t len, unsigned int flags, uint64_t *cookie)
{
	const uint64_t page = uvdk_mapq_page(q, iova - q->iova), from = uvdk_mapq_page(q, off);
	const uint64_t next = q->cookie + 1;
	struct uvdk_mapq_request *slot;
	uint64_t entry;

	if (__builtin_expect(len != q->page_size || page >= q->pages || from >= mem->pages ||
				     !flags || flags & mem->denied || q->next == q->limit,
			     0))
		return uvdk_mapq_map_slow(q, iova, mem, off, len, flags, cookie);
	/* Mapped, or to be unmapped first. */
	if (__builtin_expect(q->shadow[page] > q->done, 0))
		return uvdk_mapq_map_slow(q, iova, mem, off, len, flags, cookie);

	entry = mem->page[from] | flags;
	q->shadow[page] = entry | UVDK_MAPQ_FIRST | UVDK_MAPQ_LAST;
	q->recent[page >> 6] = next;
	mem->mapped++;
	slot = uvdk_mapq_slot_take(q, iova, flags);
	slot->last = iova + len - 1;
	slot->phys = uvdk_mapq_phys(entry);
	slot->cookie = next;
	q->cookie = next;
	*cookie = next;

	return 0;
}

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
static inline int uvdk_mapq_unmap(struct uvdk_mapq *q, uvdk_iova_t iova, size_t len,
				  uint64_t *cookie)
{
	const uint64_t page = uvdk_mapq_page(q, iova - q->iova), next = q->cookie + 1;
	struct uvdk_mapq_request *slot = q->next;
	struct uvdk_mapq_mem *mem;
	uint64_t entry;

	if (__builtin_expect(len != q->page_size || page >= q->pages || slot == q->limit ||
				     q->recent[page >> 6] > q->done,
			     0))
		return uvdk_mapq_unmap_slow(q, iova, len, cookie);
	entry = q->shadow[page];
	if (__builtin_expect(~entry & (UVDK_MAPQ_FIRST | UVDK_MAPQ_LAST), 0))
		return uvdk_mapq_unmap_slow(q, iova, len, cookie);

	mem = q->mem[entry >> 4 & UVDK_MAPQ_MEM_MASK];
	mem->mapped--;
	mem->unmapped = next;
	q->shadow[page] = next;
	if (iova == q->grows && !slot[-1].flags)
		slot--;
	else
		slot = uvdk_mapq_slot_take(q, iova, 0);
	slot->last = iova + len - 1;
	slot->cookie = next;
	q->grows = iova + len;
	q->cookie = next;
	*cookie = next;

	return 0;
}

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
 * uvdk_mapq_poll_slow() - what uvdk_mapq_poll() does not do inline
 * @q: queue
 * @cookie: its cookie
 *
 * Return: as uvdk_mapq_poll().
 */
int uvdk_mapq_poll_slow(struct uvdk_mapq *q, uint64_t cookie);

/**
 * uvdk_mapq_poll() - has a request completed? Does not wait
 * @q: queue
 * @cookie: its cookie
 *
 * Return: 0; -EINPROGRESS (no sentence); -EINVAL (no such cookie); else its error.
 */
static inline int uvdk_mapq_poll(struct uvdk_mapq *q, uint64_t cookie)
{
	if (cookie - 1 < q->safe)
		return 0;

	return uvdk_mapq_poll_slow(q, cookie);
}

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
 * @requests: requests given to the I/O MMU, those after a reset, too
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
 * other scope exists. What is wrong with it fails its cookie. It reaches the map queue
 * when the other is kicked: until then its pages count as mapped. Both are used by the
 * same thread.
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
int uvdk_mapq_invalq(struct uvdk_mapq *q, const struct uvdk_invalq_opts *opts,
		     struct uvdk_invalq **out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_MAPQ_H */
