// SPDX-License-Identifier: BSD-3-Clause
/* What comes into the table of a cache: room is made for it, and it is mapped. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "regcache_priv.h"

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

/* One that nobody holds: 1, or 0: there is none; or why it can't be unmapped. */
static int evict_one(struct uvdk_regcache *cache)
{
	for (size_t tries = 2 * cache->count; tries; tries--) {
		int err;

		if (cache->hand >= cache->count)
			cache->hand = 0;
		if (spare(cache, cache->at[cache->hand])) {
			cache->hand++;
			continue;
		}
		err = regcache_retire_at(cache, cache->hand);
		cache->stats.evictions += !err;
		return err ? err : 1;
	}

	return 0;
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

static bool has_room(const struct uvdk_regcache *cache, uint64_t len)
{
	const struct uvdk_regcache_stats *stats = &cache->stats;

	return len <= cache->opts.max_bytes && stats->bytes <= cache->opts.max_bytes - len &&
	       stats->entries < cache->opts.max_entries;
}

/* First what should be unmapped already. Where unmapping fails no more is lost for nothing. */
static int make_room(struct uvdk_regcache *cache, uint64_t len)
{
	int ret;

	if (has_room(cache, len))
		return 0;
	if (len > cache->opts.max_bytes)
		return full(cache, len);
	regcache_retry(cache, 0, UINTPTR_MAX);
	while (!has_room(cache, len)) {
		ret = evict_one(cache);
		if (ret <= 0)
			return ret ? ret : full(cache, len);
	}

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

static void count_in(struct uvdk_regcache *cache, const struct regcache_entry *entry)
{
	cache->stats.bytes += regcache_length(entry);
	cache->stats.entries += entry->maps;
}

static void insert(struct uvdk_regcache *cache, struct regcache_entry *entry)
{
	size_t i = regcache_find(cache, entry->first);

	memmove(&cache->at[i + 1], &cache->at[i], (cache->count - i) * sizeof(cache->at[0]));
	cache->at[i] = entry;
	cache->count++;
	if (cache->hand > i)
		cache->hand++;
	count_in(cache, entry);
}

static struct regcache_entry *make(uintptr_t first, uintptr_t last)
{
	struct regcache_entry *entry = calloc(1, sizeof(*entry));

	if (!entry) {
		uvdk_fail(-ENOMEM, REGCACHE_COMPONENT, "no memory to note a map");
		return NULL;
	}
	entry->first = first;
	entry->last = last;
	entry->maps = 1;

	return entry;
}

static int map(struct uvdk_regcache *cache, struct regcache_entry *entry)
{
	return uvdk_ioas_map(cache->ioas, (void *)entry->first, regcache_length(entry),
			     cache->opts.access | UVDK_MAP_ALIAS, &entry->iova);
}

int regcache_add(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last,
		 struct regcache_entry **out)
{
	struct regcache_entry *entry;
	uint64_t retired = 0;
	int err = make_room(cache, last - first + 1);

	if (!err)
		err = grow(cache);
	if (err)
		return err;
	entry = make(first, last);
	if (!entry)
		return -ENOMEM;
	err = map(cache, entry);
	if (err) {
		free(entry);
		return err;
	}
	/* What is left there was held when it was looked at. */
	regcache_retire(cache, first, last, &retired);
	insert(cache, entry);
	*out = entry;

	return 0;
}

/* ---- growing ---- */

/* Map what is to be next to an entry. -EBUSY: its IOVAs would not be next to the entry's. */
static int map_beside(struct uvdk_regcache *cache, struct regcache_entry *entry, uintptr_t first,
		      uintptr_t last)
{
	int err = make_room(cache, last - first + 1);
	struct regcache_entry *more;

	if (err)
		return err;
	more = make(first, last);
	if (!more)
		return -ENOMEM;
	err = map(cache, more);
	if (err) {
		free(more);
		return err;
	}
	count_in(cache, more);
	if (more->iova - first != entry->iova - entry->first) {
		regcache_release(cache, more);
		return -EBUSY;
	}
	free(more);
	entry->maps++;

	return 0;
}

static int shares(const struct regcache_entry *entry, uintptr_t first, uintptr_t last)
{
	return uvdk_fail(-EBUSY, REGCACHE_COMPONENT,
			 "0x%" PRIxPTR "-0x%" PRIxPTR " shares pages with a buffer in 0x%" PRIxPTR
			 "-0x%" PRIxPTR " that is held, and IOVAs are not ours to choose: put that "
			 "first, or get what holds both at once",
			 first, last, entry->first, entry->last);
}

static int widen(struct uvdk_regcache *cache, struct regcache_entry *entry, uintptr_t first,
		 uintptr_t last)
{
	int err = 0;

	if (first < entry->first) {
		err = map_beside(cache, entry, first, entry->first - 1);
		if (!err) {
			entry->iova -= entry->first - first;
			entry->first = first;
		}
	}
	if (!err && last > entry->last) {
		err = map_beside(cache, entry, entry->last + 1, last);
		if (!err)
			entry->last = last;
	}

	return err;
}

/* Slots that know the smaller one are right still. */
int regcache_extend(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last,
		    struct regcache_entry **out)
{
	size_t i = regcache_find(cache, first);
	struct regcache_entry *entry = i < cache->count ? cache->at[i] : NULL;
	int err;

	/* It may have been put meanwhile, and have made room. */
	if (!entry || entry->first > last)
		return regcache_add(cache, first, last, out);
	if (i + 1 < cache->count && cache->at[i + 1]->first <= last)
		return shares(entry, first, last);
	entry->holds++; /* not to make room for itself */
	err = widen(cache, entry, first, last);
	entry->holds--;
	if (err == -EBUSY)
		return shares(entry, first, last);
	*out = entry;

	return err;
}
