// SPDX-License-Identifier: BSD-3-Clause
/*
 * The maps of a cache. What is found is an array by address in which nothing overlaps;
 * what is not found any more and is held is a list. Both count against the limits.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "regcache_priv.h"

static uint64_t length(const struct regcache_entry *entry)
{
	return entry->last - entry->first + 1;
}

size_t regcache_find(const struct uvdk_regcache *cache, uintptr_t at)
{
	size_t low = 0, high = cache->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (cache->at[mid]->last < at)
			low = mid + 1;
		else
			high = mid;
	}

	return low;
}

struct regcache_entry *regcache_lookup(const struct uvdk_regcache *cache, uintptr_t first,
				       uintptr_t last)
{
	size_t i = regcache_find(cache, first);

	if (i == cache->count || cache->at[i]->first > first || cache->at[i]->last < last)
		return NULL;

	return cache->at[i];
}

/* ---- going ---- */

static void linger(struct uvdk_regcache *cache, struct regcache_entry *entry)
{
	entry->next = cache->lingering;
	cache->lingering = entry;
	cache->stats.lingering++;
}

/* It is in neither table nor list. What can't be unmapped stays, and is tried again. */
static void release(struct uvdk_regcache *cache, struct regcache_entry *entry)
{
	if (!cache->dead && uvdk_ioas_unmap(cache->ioas, entry->iova, length(entry))) {
		linger(cache, entry);
		return;
	}
	regcache_slots_clear(cache, entry);
	cache->stats.bytes -= length(entry);
	cache->stats.entries--;
	free(entry);
}

static void take_out(struct uvdk_regcache *cache, size_t i)
{
	cache->count--;
	memmove(&cache->at[i], &cache->at[i + 1], (cache->count - i) * sizeof(cache->at[0]));
	if (cache->hand > i)
		cache->hand--;
}

/* Nobody finds it from now on; who has it already keeps it. */
static void retire_at(struct uvdk_regcache *cache, size_t i)
{
	struct regcache_entry *entry = cache->at[i];

	take_out(cache, i);
	regcache_slots_kill(cache, entry);
	if (regcache_holds(cache, entry))
		linger(cache, entry);
	else
		release(cache, entry);
}

unsigned int regcache_retire(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last)
{
	size_t i = regcache_find(cache, first);
	unsigned int n = 0;

	for (; i < cache->count && cache->at[i]->first <= last; n++)
		retire_at(cache, i);

	return n;
}

void regcache_reap(struct uvdk_regcache *cache, const struct regcache_entry *entry)
{
	struct regcache_entry **at = &cache->lingering, *found;

	while (*at && *at != entry)
		at = &(*at)->next;
	found = *at;
	if (!found || regcache_holds(cache, found))
		return;
	*at = found->next;
	cache->stats.lingering--;
	release(cache, found);
}

void regcache_empty(struct uvdk_regcache *cache)
{
	struct regcache_entry *entry, *next;

	regcache_retire(cache, 0, UINTPTR_MAX);
	entry = cache->lingering;
	cache->lingering = NULL;
	cache->stats.lingering = 0;
	for (; entry; entry = next) {
		next = entry->next;
		release(cache, entry);
	}
	/* What could not be unmapped goes with the address space. */
	while ((entry = cache->lingering)) {
		cache->lingering = entry->next;
		free(entry);
	}
}

/* ---- making room ---- */

/*
 * What was used since the last time gets another chance: threads forget it, so that who uses it
 * next has to ask, and is seen.
 */
static bool spare(struct uvdk_regcache *cache, struct regcache_entry *entry)
{
	bool used = entry->used;

	entry->used = false;
	regcache_slots_kill(cache, entry);

	return used || regcache_holds(cache, entry);
}

static bool evict_one(struct uvdk_regcache *cache)
{
	for (size_t tries = 2 * cache->count; tries; tries--) {
		if (cache->hand >= cache->count)
			cache->hand = 0;
		if (!spare(cache, cache->at[cache->hand])) {
			retire_at(cache, cache->hand);
			cache->stats.evictions++;
			return true;
		}
		cache->hand++;
	}

	return false;
}

static int full(const struct uvdk_regcache *cache, uint64_t len)
{
	return uvdk_fail(-ENOSPC, REGCACHE_COMPONENT,
			 "no room for 0x%" PRIx64 " bytes: 0x%" PRIx64 " of 0x%" PRIx64
			 " bytes and %u of %u maps are taken, all of them held: put some back, or "
			 "make a larger cache",
			 len, cache->stats.bytes, cache->opts.max_bytes, cache->stats.entries,
			 cache->opts.max_entries);
}

static int make_room(struct uvdk_regcache *cache, uint64_t len)
{
	const struct uvdk_regcache_stats *stats = &cache->stats;

	while (len > cache->opts.max_bytes || stats->bytes > cache->opts.max_bytes - len ||
	       stats->entries >= cache->opts.max_entries)
		if (len > cache->opts.max_bytes || !evict_one(cache))
			return full(cache, len);

	return 0;
}

/* ---- coming ---- */

static int grow(struct uvdk_regcache *cache)
{
	size_t cap = cache->cap ? 2 * cache->cap : 64;
	struct regcache_entry **at = cache->at;

	if (cache->count < cache->cap)
		return 0;
	at = realloc(at, cap * sizeof(at[0]));
	if (!at)
		return uvdk_fail(-ENOMEM, REGCACHE_COMPONENT, "no memory for %zu maps", cap);
	cache->at = at;
	cache->cap = cap;

	return 0;
}

static void insert(struct uvdk_regcache *cache, struct regcache_entry *entry)
{
	size_t i = regcache_find(cache, entry->first);

	memmove(&cache->at[i + 1], &cache->at[i], (cache->count - i) * sizeof(cache->at[0]));
	cache->at[i] = entry;
	cache->count++;
	if (cache->hand > i)
		cache->hand++;
	cache->stats.bytes += length(entry);
	cache->stats.entries++;
}

int regcache_add(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last,
		 struct regcache_entry **out)
{
	struct regcache_entry *entry;
	int err = make_room(cache, last - first + 1);

	if (!err)
		err = grow(cache);
	if (err)
		return err;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return uvdk_fail(-ENOMEM, REGCACHE_COMPONENT, "no memory to note a map");
	entry->first = first;
	entry->last = last;
	err = uvdk_ioas_map(cache->ioas, (void *)first, length(entry),
			    cache->opts.access | UVDK_MAP_ALIAS, &entry->iova);
	if (err) {
		free(entry);
		return err;
	}
	insert(cache, entry);
	*out = entry;

	return 0;
}
