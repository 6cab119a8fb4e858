// SPDX-License-Identifier: BSD-3-Clause
/*
 * Slots of threads. A slot is filled by its thread, with the cache's lock; others only
 * make it invalid, and give back what is held through it. So a slot through which
 * something is held speaks of the same entry until that is put.
 *
 * Holding counts up first and looks at @valid then; taking away makes invalid first and
 * looks who holds then. Of the two one sees the other: all four are sequentially
 * consistent.
 */
#include <string.h>

#include "regcache_priv.h"

#define HOLDS (UVDK_REGCACHE_HIT - 1)

_Static_assert(sizeof(struct uvdk_regcache_slot) == 64, "a cache line, as slot_of() takes it");

/* Finds nothing, so that nobody has to ask whether there is one. */
static struct uvdk_regcache_front empty;

#define EMPTY_4 &empty, &empty, &empty, &empty

UVDK_EXPORT __thread struct uvdk_regcache_front *uvdk_regcache_fronts[UVDK_REGCACHE_FRONTS + 1] = {
	EMPTY_4, EMPTY_4, EMPTY_4, EMPTY_4, &empty};

/* Taken after a cache's. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int indices; /* in use */
static pthread_key_t key;    /* its destructor tells that a thread ends */
static bool have_key;

static struct regcache_front *front_at(size_t index)
{
	struct uvdk_regcache_front *front = uvdk_regcache_fronts[index];

	return front == &empty ? NULL : (struct regcache_front *)(void *)front;
}

/* The thread has it no more, or the cache. */
static void let_go(struct regcache_front *front)
{
	if (!front->cache && !front->owned)
		free(front);
}

static void thread_ends(void *unused)
{
	(void)unused;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < UVDK_REGCACHE_FRONTS; i++) {
		struct regcache_front *front = front_at(i);

		if (!front)
			continue;
		uvdk_regcache_fronts[i] = &empty;
		front->owned = false;
		let_go(front);
	}
	pthread_mutex_unlock(&lock);
}

static void fork_prepare(void)
{
	pthread_mutex_lock(&lock);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void fork_child(void)
{
	pthread_mutex_init(&lock, NULL);
}

static void make_key(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
	have_key = !pthread_key_create(&key, thread_ends);
}

size_t regcache_index_get(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	size_t index = 0;

	pthread_once(&once, make_key);
	pthread_mutex_lock(&lock);
	while (index < UVDK_REGCACHE_FRONTS && indices & 1u << index)
		index++;
	if (index < UVDK_REGCACHE_FRONTS)
		indices |= 1u << index;
	pthread_mutex_unlock(&lock);

	return index;
}

void regcache_index_put(size_t index)
{
	pthread_mutex_lock(&lock);
	if (index < UVDK_REGCACHE_FRONTS)
		indices &= ~(1u << index);
	pthread_mutex_unlock(&lock);
}

/* One of a thread that has ended, or a new one. */
static struct regcache_front *take(struct uvdk_regcache *cache)
{
	struct regcache_front *front;

	for (front = cache->fronts; front && front->owned; front = front->next)
		;
	if (front)
		return front;
	front = aligned_alloc(64, (sizeof(*front) + 63) & ~(size_t)63);
	if (!front)
		return NULL;
	memset(front, 0, sizeof(*front));
	front->cache = cache;
	front->next = cache->fronts;
	cache->fronts = front;

	return front;
}

static struct regcache_front *attach(struct uvdk_regcache *cache)
{
	struct regcache_front *old = front_at(cache->fast.index), *front;

	/* Any value that is not NULL has the destructor called. */
	if (!have_key || pthread_setspecific(key, &key))
		return NULL;
	front = take(cache);
	if (!front)
		return NULL;
	front->owned = true;
	uvdk_regcache_fronts[cache->fast.index] = &front->pub;
	if (old) {
		old->owned = false;
		let_go(old);
	}

	return front;
}

struct regcache_front *regcache_front(struct uvdk_regcache *cache)
{
	struct regcache_front *front = front_at(cache->fast.index);

	if (cache->fast.index == UVDK_REGCACHE_FRONTS || cache->opts.flags & UVDK_REGCACHE_STRICT)
		return NULL;
	if (front && front->cache == cache)
		return front;
	pthread_mutex_lock(&lock);
	front = attach(cache);
	pthread_mutex_unlock(&lock);

	return front;
}

/* A thread that lives finds nothing in it, and leaves it for the next cache's there. */
void regcache_fronts_drop(struct uvdk_regcache *cache)
{
	struct regcache_front *front;

	pthread_mutex_lock(&lock);
	while ((front = cache->fronts)) {
		cache->fronts = front->next;
		memset(&front->pub, 0, sizeof(front->pub));
		front->cache = NULL;
		let_go(front);
	}
	pthread_mutex_unlock(&lock);
}

/* ---- slots ---- */

/* The next slot of any front that speaks of an entry; begins with NULL and slot 0. */
struct walk {
	struct regcache_front *front;
	size_t i;
	unsigned int left;
};

static struct walk walk_begin(const struct uvdk_regcache *cache, const struct regcache_entry *entry)
{
	return (struct walk){.front = cache->fronts, .left = entry->slots};
}

static struct uvdk_regcache_slot *walk_next(struct walk *w, const struct regcache_entry *entry)
{
	while (w->left && w->front) {
		struct uvdk_regcache_slot *slot = &w->front->pub.slot[w->i];

		if (++w->i == UVDK_REGCACHE_SLOTS) {
			w->i = 0;
			w->front = w->front->next;
		}
		if (slot->entry == entry) {
			w->left--;
			return slot;
		}
	}

	return NULL;
}

void regcache_slots_kill(struct uvdk_regcache *cache, struct regcache_entry *entry)
{
	struct walk w = walk_begin(cache, entry);
	struct uvdk_regcache_slot *slot;

	while ((slot = walk_next(&w, entry)))
		__atomic_store_n(&slot->valid, 0, __ATOMIC_SEQ_CST);
}

void regcache_slots_clear(struct uvdk_regcache *cache, struct regcache_entry *entry)
{
	struct walk w = walk_begin(cache, entry);
	struct uvdk_regcache_slot *slot;

	while ((slot = walk_next(&w, entry)))
		slot->entry = NULL;
	entry->slots = 0;
}

static uint64_t holds_of(const struct uvdk_regcache_slot *slot)
{
	return __atomic_load_n(&slot->holds, __ATOMIC_SEQ_CST) & HOLDS;
}

uint64_t regcache_holds(const struct uvdk_regcache *cache, const struct regcache_entry *entry)
{
	struct walk w = walk_begin(cache, entry);
	const struct uvdk_regcache_slot *slot;
	uint64_t holds = entry->holds;

	while ((slot = walk_next(&w, entry)))
		holds += holds_of(slot);

	return holds;
}

void regcache_slots_count(const struct uvdk_regcache *cache, struct uvdk_regcache_stats *out)
{
	for (struct regcache_front *f = cache->fronts; f; f = f->next) {
		for (size_t i = 0; i < UVDK_REGCACHE_SLOTS; i++) {
			uint64_t holds = __atomic_load_n(&f->pub.slot[i].holds, __ATOMIC_RELAXED);

			out->hits += holds / UVDK_REGCACHE_HIT;
			out->held += holds % UVDK_REGCACHE_HIT;
		}
	}
}

/* With nothing held through it, a slot may speak of another entry. */
static void fill(struct uvdk_regcache *cache, struct uvdk_regcache_slot *slot,
		 struct regcache_entry *entry)
{
	struct regcache_entry *old = slot->entry;

	if (old != entry) {
		__atomic_store_n(&slot->valid, 0, __ATOMIC_SEQ_CST);
		slot->entry = entry;
		entry->slots++;
		if (old) {
			old->slots--;
			regcache_reap(cache, old);
		}
	}
	slot->first = entry->first;
	slot->len = entry->last - entry->first + 1;
	slot->delta = entry->iova - entry->first;
}

void regcache_hold(struct uvdk_regcache *cache, struct regcache_entry *entry, uintptr_t at,
		   uint64_t count, struct uvdk_regcache_hold *hold)
{
	struct regcache_front *front =
		uvdk_follow_told(count) || !regcache_follows(cache) ? regcache_front(cache) : NULL;
	struct uvdk_regcache_slot *slot = NULL;

	if (front)
		slot = uvdk_regcache_slot_of(&front->pub, at);
	if (slot && slot->entry != entry && holds_of(slot))
		slot = NULL;
	entry->used = true;
	hold->iova = entry->iova + (at - entry->first);
	hold->slot = slot;
	hold->entry = entry;
	if (!slot) {
		entry->holds++;
		return;
	}
	fill(cache, slot, entry);
	__atomic_fetch_add(&slot->holds, UVDK_REGCACHE_HOLD, __ATOMIC_SEQ_CST);
	__atomic_store_n(&slot->valid, count, __ATOMIC_SEQ_CST);
}
