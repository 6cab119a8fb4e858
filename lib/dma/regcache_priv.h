/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef REGCACHE_PRIV_H
#define REGCACHE_PRIV_H

#include <pthread.h>
#include <stdlib.h>

#include <uvdk_follow.h>
#include <uvdk_regcache.h>

#include "dma_priv.h"

#define REGCACHE_COMPONENT "regcache"

/**
 * struct regcache_entry - one map
 * @first: first byte
 * @last: last byte
 * @iova: of @first
 * @holds: buffers held that are in no slot
 * @slots: slots whose @entry it is
 * @maps: of the address space, one behind the other
 * @used: was found since the clock's hand came by
 * @next: of those that linger
 */
struct regcache_entry {
	uintptr_t first, last;
	uvdk_iova_t iova;
	uint64_t holds;
	unsigned int slots, maps;
	bool used;
	struct regcache_entry *next;
};

/**
 * struct regcache_front - a thread's slots
 * @pub: what the inline part sees
 * @cache: whose; NULL when that is destroyed
 * @owned: the thread lives
 * @next: of the cache
 *
 * @cache and @owned are guarded by the lock in regcache_front.c. Freed by whoever finds
 * neither.
 */
struct regcache_front {
	struct uvdk_regcache_front pub;
	struct uvdk_regcache *cache;
	bool owned;
	struct regcache_front *next;
};

/**
 * struct uvdk_regcache - a cache
 * @fast: what the inline part sees; constant
 * @own_count: what @fast.count is where nothing is followed
 * @ioas: address space
 * @opts: as it was made
 * @follower: tells it
 * @lock: guards all below; taken before the ioas's; never held while somebody waits to
 *	be told
 * @at: what is found, by address; no two overlap
 * @count: of them
 * @cap: room in @at
 * @hand: of the clock
 * @lingering: what is not found any more, and is held
 * @fronts: of all threads
 * @stats: but for hits in slots, and what is held
 * @dead: in a child of fork()
 * @next: of all caches
 */
struct uvdk_regcache {
	struct uvdk_regcache_fast fast;
	uint64_t own_count;
	struct uvdk_ioas *ioas;
	struct uvdk_regcache_opts opts;
	struct uvdk_follower follower;
	pthread_mutex_t lock;
	struct regcache_entry **at;
	size_t count, cap, hand;
	struct regcache_entry *lingering;
	struct regcache_front *fronts;
	struct uvdk_regcache_stats stats;
	bool dead;
	struct uvdk_regcache *next;
};

static inline uint64_t regcache_length(const struct regcache_entry *entry)
{
	return entry->last - entry->first + 1;
}

static inline bool regcache_follows(const struct uvdk_regcache *cache)
{
	return !(cache->opts.flags & UVDK_REGCACHE_NO_FOLLOW);
}

/* ---- regcache_front.c; with the cache's lock held, but for the first two ---- */

/* A place for the fronts of a new cache, and its return. */
size_t regcache_index_get(void);
void regcache_index_put(size_t index);

/* The calling thread's, made if there is none; NULL if it can have none. */
struct regcache_front *regcache_front(struct uvdk_regcache *cache);

/* Let go of all fronts: the cache is being destroyed. */
void regcache_fronts_drop(struct uvdk_regcache *cache);

/* Nobody finds an entry in a slot any more. */
void regcache_slots_kill(struct uvdk_regcache *cache, struct regcache_entry *entry);

/* No slot speaks of an entry any more; nothing holds it. */
void regcache_slots_clear(struct uvdk_regcache *cache, struct regcache_entry *entry);

/* Buffers held in an entry. */
uint64_t regcache_holds(const struct uvdk_regcache *cache, const struct regcache_entry *entry);

/* Hold an entry that is right for @count; in a slot if one can be had. */
void regcache_hold(struct uvdk_regcache *cache, struct regcache_entry *entry, uintptr_t at,
		   uint64_t count, struct uvdk_regcache_hold *hold);

/* Hits and holds of all slots. */
void regcache_slots_count(const struct uvdk_regcache *cache, struct uvdk_regcache_stats *out);

/* ---- regcache_table.c; with the cache's lock held ---- */

/* Index of the first entry that ends at or above an address. */
size_t regcache_find(const struct uvdk_regcache *cache, uintptr_t at);

/* The entry that holds all of a range, or NULL. */
struct regcache_entry *regcache_lookup(const struct uvdk_regcache *cache, uintptr_t first,
				       uintptr_t last);

/* Unmap what is in neither table nor list, and free it. Where that fails it lingers. */
int regcache_release(struct uvdk_regcache *cache, struct regcache_entry *entry);

/* Nobody finds it from now on; who has it already keeps it. */
int regcache_retire_at(struct uvdk_regcache *cache, size_t i);

/* Entries that a range touches are found no more; counted. Returns why one could not be unmapped.
 */
int regcache_retire(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last,
		    uint64_t *retired);

/* The same for those that nobody holds. Returns how many are held. */
unsigned int regcache_retire_idle(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last);

/*
 * Retire, for the memory of a range has gone, or may go if that is not sure: what is held there
 * is not mapped anywhere else.
 */
int regcache_gone(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last, bool sure);

/* What lingers there and nobody holds could not be unmapped: try again. */
int regcache_retry(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last);

/* If it lingers and is held no more, it goes. */
void regcache_reap(struct uvdk_regcache *cache, const struct regcache_entry *entry);

/* All goes, held or not. */
void regcache_empty(struct uvdk_regcache *cache);

/* ---- regcache_add.c; likewise ---- */

/* Map a range after making room; what is in the table there lingers from then on. */
int regcache_add(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last,
		 struct regcache_entry **out);

/*
 * Let the first entry that a range touches have all of the range, by more maps, as far as the
 * IOVAs of these follow its. -EBUSY with a sentence: they don't, or there is a second one.
 */
int regcache_extend(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last,
		    struct regcache_entry **out);

#endif /* REGCACHE_PRIV_H */
