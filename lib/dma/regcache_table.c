// SPDX-License-Identifier: BSD-3-Clause
/*
 * The maps of a cache. What is found is an array by address in which nothing overlaps;
 * what is not found any more and is held is a list. Both count against the limits.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <uvdk_ioas_gone_driver.h>

#include "regcache_priv.h"

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
int regcache_release(struct uvdk_regcache *cache, struct regcache_entry *entry)
{
	int err =
		cache->dead ? 0 : uvdk_ioas_unmap(cache->ioas, entry->iova, regcache_length(entry));

	if (err) {
		linger(cache, entry);
		return err;
	}
	regcache_slots_clear(cache, entry);
	cache->stats.bytes -= regcache_length(entry);
	cache->stats.entries -= entry->maps;
	free(entry);

	return 0;
}

static void take_out(struct uvdk_regcache *cache, size_t i)
{
	cache->count--;
	memmove(&cache->at[i], &cache->at[i + 1], (cache->count - i) * sizeof(cache->at[0]));
	if (cache->hand > i)
		cache->hand--;
}

/* Nobody finds it from now on; who has it already keeps it. */
int regcache_retire_at(struct uvdk_regcache *cache, size_t i)
{
	struct regcache_entry *entry = cache->at[i];

	take_out(cache, i);
	regcache_slots_kill(cache, entry);
	if (!regcache_holds(cache, entry))
		return regcache_release(cache, entry);
	linger(cache, entry);

	return 0;
}

int regcache_retire(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last, uint64_t *retired)
{
	size_t i = regcache_find(cache, first);
	int ret = 0;

	for (; i < cache->count && cache->at[i]->first <= last; ++*retired) {
		int err = regcache_retire_at(cache, i);

		ret = ret ? ret : err;
	}

	return ret;
}

unsigned int regcache_retire_idle(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last)
{
	size_t i = regcache_find(cache, first);
	unsigned int held = 0;

	while (i < cache->count && cache->at[i]->first <= last) {
		/* Whoever finds it after this has to ask, and waits for the lock. */
		regcache_slots_kill(cache, cache->at[i]);
		if (regcache_holds(cache, cache->at[i])) {
			held++;
			i++;
		} else {
			regcache_retire_at(cache, i);
		}
	}

	return held;
}

/* ---- what lingers ---- */

static struct regcache_entry **link_of(struct uvdk_regcache *cache,
				       const struct regcache_entry *entry)
{
	struct regcache_entry **at = &cache->lingering;

	while (*at && *at != entry)
		at = &(*at)->next;

	return at;
}

static int reap_at(struct uvdk_regcache *cache, struct regcache_entry **at)
{
	struct regcache_entry *entry = *at;

	*at = entry->next;
	cache->stats.lingering--;

	return regcache_release(cache, entry);
}

void regcache_reap(struct uvdk_regcache *cache, const struct regcache_entry *entry)
{
	struct regcache_entry **at = link_of(cache, entry);

	if (*at && !regcache_holds(cache, *at))
		reap_at(cache, at);
}

/* What fails again is put in front, where this does not come by any more. */
int regcache_retry(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last)
{
	struct regcache_entry *entry = cache->lingering, *next;
	int ret = 0, err;

	for (; entry; entry = next) {
		next = entry->next;
		if (entry->first > last || entry->last < first || regcache_holds(cache, entry))
			continue;
		err = reap_at(cache, link_of(cache, entry));
		ret = ret ? ret : err;
	}

	return ret;
}

static void mark(struct uvdk_regcache *cache, const struct regcache_entry *entry, uintptr_t first,
		 uintptr_t last, bool sure)
{
	uintptr_t from = entry->first > first ? entry->first : first;
	uintptr_t to = entry->last < last ? entry->last : last;

	if (from <= to)
		uvdk_ioas_gone(cache->ioas, entry->iova + (from - entry->first), to - from + 1,
			       sure);
}

/* Marked first: an unmap that fails half way puts back what it has unmapped, but nothing gone. */
int regcache_gone(struct uvdk_regcache *cache, uintptr_t first, uintptr_t last, bool sure)
{
	const struct regcache_entry *entry;

	for (size_t i = regcache_find(cache, first); i < cache->count; i++) {
		if (cache->at[i]->first > last)
			break;
		mark(cache, cache->at[i], first, last, sure);
	}
	for (entry = cache->lingering; entry; entry = entry->next)
		mark(cache, entry, first, last, sure);

	return regcache_retire(cache, first, last, &cache->stats.invalidations);
}

void regcache_empty(struct uvdk_regcache *cache)
{
	struct regcache_entry *entry, *next;
	uint64_t retired = 0;

	regcache_retire(cache, 0, UINTPTR_MAX, &retired);
	entry = cache->lingering;
	cache->lingering = NULL;
	cache->stats.lingering = 0;
	for (; entry; entry = next) {
		next = entry->next;
		regcache_release(cache, entry);
	}
	/* What could not be unmapped goes with the address space. */
	while ((entry = cache->lingering)) {
		cache->lingering = entry->next;
		free(entry);
	}
}
