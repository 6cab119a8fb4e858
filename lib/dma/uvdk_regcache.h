/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_REGCACHE_H
#define UVDK_REGCACHE_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Registration cache
 *
 * Any buffer of the process's, where a device finds it, without a call that says what
 * is a buffer: uvdk_regcache_get() maps whole pages around the bytes the first time, and
 * knows them the next time. The buffer is *held* from there to uvdk_regcache_put():
 * what is held is never evicted. What is not held is, when the cache is full.
 *
 * The process may free and map memory as it likes: uvdk_follow.h tells the cache of
 * munmap(), mremap(), mmap() over it, brk(), MADV_DONTNEED, MADV_REMOVE and MADV_FREE,
 * also those of malloc(), free() and realloc(). When such a call has returned, what was
 * at these addresses is not found any more, by no thread that knows of the return.
 *
 * Memory that is freed while it is held stays where the kernel has pinned it: a device
 * reaches the same pages at the same IOVA until the last put. That is so with iommufd and
 * type1, for devices that were attached before it was freed, and as long as one is; what is
 * attached later may not reach it (what is freed while a device is being attached is not
 * waited for: do not). With virtio and noiommu it is so where io_uring pins
 * (uvdk_phys_driver.h); elsewhere the pages are the kernel's again, and a device that is
 * late reaches whatever they are used for: put first, then free. Emulated devices (emu,
 * virtio-emu) find memory by its virtual address: all of a map that has gone is a fault
 * for them from the moment on that the cache is told, part of one is what is there now, or
 * the end of the process: put first.
 *
 * Three things the kernel does not tell, so that the application has to:
 *
 * Addresses are free for another mapping while munmap() is still under way. A
 * thread that maps memory at addresses that *it* has got from the cache before,
 * while *another* thread is unmapping what was there, calls uvdk_regcache_settle()
 * before the first get; or the cache is made with UVDK_REGCACHE_STRICT.
 *
 * Pages that madvise() is giving up can't be told from those that stay: no get of such
 * memory until madvise() has returned.
 *
 * Files that are truncated, holes punched into them, mprotect(), shmdt() and
 * remap_file_pages(): uvdk_regcache_forget() after it, or before with nothing got in between.
 *
 * What is followed is a mapping of its own for the kernel: mremap() of a range of which
 * only part was got may fail (-EFAULT), as that of several mappings does; realloc() copies
 * then.
 *
 * Memory that is registered or mapped otherwise is mapped once more (UVDK_MAP_ALIAS), so
 * that its owner may unmap it; where each map is charged to RLIMIT_MEMLOCK it is charged
 * twice. In an address space with UVDK_IOVA_VA, and with noiommu, a page can be in one map
 * only: the cache can only take memory that is not mapped there otherwise, nor held since
 * it was freed (-EEXIST). Buffers that share pages can be held there at the same time as
 * long as each get touches at most one of the cache's maps that is held: that one is made
 * larger, by one more map at each end. If it touches two, put one of them first (-EBUSY).
 *
 * In a child of fork() each call but uvdk_regcache_destroy() fails with -EPERM, and what
 * the parent has mapped stays as it is. (One made by clone() or _Fork(), which run no
 * pthread_atfork() handlers, must make none at all.)
 *
 * All calls are thread-safe but uvdk_regcache_destroy(). A hit takes no lock, makes no
 * system call, and writes nothing but one cache line of the calling thread's. The reasons
 * for all of this: doc/adr/0026-registration-cache.md.
 */

struct uvdk_regcache;

/**
 * enum uvdk_regcache_flags - how a cache behaves
 * @UVDK_REGCACHE_NO_FOLLOW: nothing is told: uvdk_regcache_forget() before memory is freed
 * @UVDK_REGCACHE_STRICT: each get waits, in a system call, for unmappings that are under
 *	way: nothing has to be settled
 */
enum uvdk_regcache_flags {
	UVDK_REGCACHE_NO_FOLLOW = 1 << 0,
	UVDK_REGCACHE_STRICT = 1 << 1,
};

/**
 * struct uvdk_regcache_opts - how to make a cache
 * @size: sizeof(struct uvdk_regcache_opts)
 * @max_bytes: bytes that may be mapped, whole pages; 0: 1 GiB
 * @max_entries: maps that there may be; 0: 4096
 * @access: UVDK_MAP_READ, UVDK_MAP_WRITE or both; 0: both. Memory that the process itself can't
 *	write to takes a cache with UVDK_MAP_READ
 * @flags: enum uvdk_regcache_flags
 */
struct uvdk_regcache_opts {
	size_t size;
	uint64_t max_bytes;
	unsigned int max_entries;
	unsigned int access;
	unsigned int flags;
};

/**
 * uvdk_regcache_create() - new, empty cache
 * @ioas: address space; must outlive it
 * @opts: options, or NULL
 * @out: new cache, owned by the caller
 *
 * Return: 0; -EINVAL (no ioas, bad options); -ENOMEM; -EPERM (the ioas is the parent's, who
 * called fork()); or, without UVDK_REGCACHE_NO_FOLLOW, as uvdk_follow_start(): memory can't be
 * followed here.
 */
int uvdk_regcache_create(struct uvdk_ioas *ioas, const struct uvdk_regcache_opts *opts,
			 struct uvdk_regcache **out);

/**
 * uvdk_regcache_destroy() - unmap all, and free
 * @cache: cache, or NULL; nothing is held, and no other thread uses it
 *
 * In a child of fork() what the parent has mapped stays.
 */
void uvdk_regcache_destroy(struct uvdk_regcache *cache);

/* ---- the fast path ---- */

/* Places of a thread's own; caches beyond UVDK_REGCACHE_FRONTS have none, and are slower. */
#define UVDK_REGCACHE_SLOTS  256
#define UVDK_REGCACHE_FRONTS 16

/* One buffer held, and one hit, in @holds of a slot. */
#define UVDK_REGCACHE_HOLD UINT64_C(1)
#define UVDK_REGCACHE_HIT  (UINT64_C(1) << 24)

/**
 * struct uvdk_regcache_slot - what a thread remembers of one map; a cache line
 * @valid: uvdk_follow_counter() for which it is right; 0: for none
 * @first: first byte of the map
 * @len: bytes of it
 * @delta: IOVA less virtual address
 * @holds: low 24 bits: buffers held; above: hits
 * @entry: private
 * @unused: none
 */
struct uvdk_regcache_slot {
	uint64_t valid;
	uintptr_t first;
	size_t len;
	uint64_t delta;
	uint64_t holds;
	void *entry;
	uint64_t unused[2];
};

/**
 * struct uvdk_regcache_front - what a thread remembers of one cache
 * @slot: by address; written by the thread alone, but for @valid and @holds
 */
struct uvdk_regcache_front {
	struct uvdk_regcache_slot slot[UVDK_REGCACHE_SLOTS];
};

/**
 * struct uvdk_regcache_fast - how each cache begins
 * @count: number that changes when something may have gone
 * @index: place in uvdk_regcache_fronts
 */
struct uvdk_regcache_fast {
	const uint64_t *count;
	size_t index;
};

/* Of the calling thread, by the cache's index; an empty one: none yet. The last stays empty. */
extern __thread struct uvdk_regcache_front *uvdk_regcache_fronts[UVDK_REGCACHE_FRONTS + 1]
	__attribute__((tls_model("initial-exec")));

/**
 * struct uvdk_regcache_hold - a buffer that is held
 * @iova: where the device finds its first byte, and in order all others
 * @slot: private
 * @entry: private
 */
struct uvdk_regcache_hold {
	uvdk_iova_t iova;
	struct uvdk_regcache_slot *slot;
	void *entry;
};

/**
 * uvdk_regcache_get_slow() - the rest of uvdk_regcache_get(), which is to be called
 * @cache: cache
 * @va: first byte
 * @len: bytes
 * @tried: a slot that is held and turned out to be out of date, or NULL
 * @hold: filled in
 *
 * Return: as uvdk_regcache_get().
 */
int uvdk_regcache_get_slow(struct uvdk_regcache *cache, const void *va, size_t len,
			   struct uvdk_regcache_slot *tried, struct uvdk_regcache_hold *hold);

/**
 * uvdk_regcache_put_slow() - the rest of uvdk_regcache_put(), which is to be called
 * @cache: cache
 * @hold: what is put
 */
void uvdk_regcache_put_slow(struct uvdk_regcache *cache, const struct uvdk_regcache_hold *hold);

/**
 * uvdk_regcache_slot_of() - the slot for an address
 * @front: a thread's
 * @at: address
 *
 * Neighbouring pages have different ones, multiples of 1 MiB not all the same.
 *
 * Return: slot.
 */
static inline struct uvdk_regcache_slot *uvdk_regcache_slot_of(struct uvdk_regcache_front *front,
							       uintptr_t at)
{
	uintptr_t off = (at >> 6 ^ at >> 14) & (UVDK_REGCACHE_SLOTS - 1) * sizeof(front->slot[0]);

	return (struct uvdk_regcache_slot *)(void *)((char *)front + off);
}

/**
 * uvdk_regcache_get() - where a device finds a buffer; hold it there
 * @cache: cache
 * @va: first byte, of any alignment
 * @len: bytes, not 0; that is checked only of memory that is not known yet
 * @hold: filled in, the caller's until uvdk_regcache_put()
 *
 * Return: 0; -EINVAL (no bytes, or past the end); -ENOSPC (all that would have to be
 * evicted is held, or the buffer alone is too large); -EFAULT (not memory of the
 * process); -EPERM (read-only memory; a child of fork()); -EOPNOTSUPP or -EBUSY (memory
 * that can't be followed, see uvdk_follow_add()); -EBUSY also, where a page can be in one
 * map only: it shares pages with two buffers that are held; -ENOMEM; as uvdk_ioas_map(); or,
 * if room is to be made, as uvdk_ioas_unmap().
 */
static inline int uvdk_regcache_get(struct uvdk_regcache *cache, const void *va, size_t len,
				    struct uvdk_regcache_hold *hold)
{
	const struct uvdk_regcache_fast *fast = (const struct uvdk_regcache_fast *)(void *)cache;
	uintptr_t at = (uintptr_t)va;
	struct uvdk_regcache_slot *slot =
		uvdk_regcache_slot_of(uvdk_regcache_fronts[fast->index], at);

	if (__builtin_expect(len > slot->len || at - slot->first > slot->len - len, 0))
		return uvdk_regcache_get_slow(cache, va, len, NULL, hold);
	/* Held first: whoever takes it away marks the slot, and looks then who holds it. */
	__atomic_fetch_add(&slot->holds, UVDK_REGCACHE_HIT + UVDK_REGCACHE_HOLD, __ATOMIC_SEQ_CST);
	if (__builtin_expect(__atomic_load_n(&slot->valid, __ATOMIC_SEQ_CST) !=
				     __atomic_load_n(fast->count, __ATOMIC_ACQUIRE),
			     0))
		return uvdk_regcache_get_slow(cache, va, len, slot, hold);
	hold->iova = at + slot->delta;
	hold->slot = slot;

	return 0;
}

/**
 * uvdk_regcache_put() - the device is done with a buffer
 * @cache: cache
 * @hold: from uvdk_regcache_get(), by whatever thread
 */
static inline void uvdk_regcache_put(struct uvdk_regcache *cache,
				     const struct uvdk_regcache_hold *hold)
{
	struct uvdk_regcache_slot *slot = hold->slot;

	if (__builtin_expect(slot != NULL, 1)) {
		__atomic_fetch_sub(&slot->holds, UVDK_REGCACHE_HOLD, __ATOMIC_SEQ_CST);
		if (__builtin_expect(__atomic_load_n(&slot->valid, __ATOMIC_SEQ_CST) != 0, 1))
			return;
	}
	uvdk_regcache_put_slow(cache, hold);
}

/* ---- the rest ---- */

/**
 * uvdk_regcache_settle() - nothing is found any more of what is being unmapped
 * @cache: cache
 *
 * For memory that was mapped while another thread unmapped what was there: see above.
 * A system call while nobody frees; else it waits until the cache was told. Not from
 * a follower's gone().
 */
void uvdk_regcache_settle(struct uvdk_regcache *cache);

/**
 * uvdk_regcache_forget() - what is at these addresses is not to be found any more
 * @cache: cache
 * @va: first byte
 * @len: bytes
 *
 * When it returns 0, devices can't reach it any more, but for what is held: that they reach
 * until the last put.
 *
 * Return: 0; -EINVAL (no bytes, or past the end); -EPERM (in a child of fork()); or as
 * uvdk_ioas_unmap(): nobody finds it, but devices may still reach it. Calling again tries
 * again, and so does the cache when it needs room.
 */
int uvdk_regcache_forget(struct uvdk_regcache *cache, const void *va, size_t len);

/**
 * struct uvdk_regcache_stats - counts
 * @hits: gets that found something
 * @misses: gets that mapped something
 * @evictions: maps that made room for others
 * @invalidations: maps that went because their memory did, or was forgotten
 * @refused: gets that failed
 * @bytes: bytes mapped now
 * @entries: maps now
 * @held: buffers held now
 * @lingering: buffers whose memory has gone, or which are part of a larger map by now, and which
 *	are held, or could not be unmapped; in @entries, too
 */
struct uvdk_regcache_stats {
	uint64_t hits;
	uint64_t misses;
	uint64_t evictions;
	uint64_t invalidations;
	uint64_t refused;
	uint64_t bytes;
	unsigned int entries;
	uint64_t held;
	unsigned int lingering;
};

/**
 * uvdk_regcache_get_stats() - counts
 * @cache: cache
 * @out: filled in
 */
void uvdk_regcache_get_stats(struct uvdk_regcache *cache, struct uvdk_regcache_stats *out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_REGCACHE_H */
