// SPDX-License-Identifier: BSD-3-Clause
/*
 * A get that the calling thread's slots have no answer to. First all is waited for that
 * may have happened to the memory: what is in the table then is right, and what is
 * told meanwhile is of frees that nobody can know to have returned.
 */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "reg_priv.h"
#include "regcache_priv.h"

struct range {
	uintptr_t first, last;
};

static int refuse_range(const void *va, size_t len)
{
	return uvdk_fail(-EINVAL, REGCACHE_COMPONENT,
			 "0x%zx bytes at %p: none, or past the end of the address space", len, va);
}

static int dead(void)
{
	return uvdk_fail(-EPERM, REGCACHE_COMPONENT,
			 "a child of fork() can't use the cache of its parent: make one in an "
			 "address space of an iommu opened after fork()");
}

static void settle(const struct uvdk_regcache *cache)
{
	if (regcache_follows(cache))
		uvdk_follow_settle();
}

static uint64_t count_now(const struct uvdk_regcache *cache)
{
	return __atomic_load_n(cache->fast.count, __ATOMIC_SEQ_CST);
}

static int follow_quietly(const struct range *r)
{
	int err;

	uvdk_log_hush(true);
	err = uvdk_follow_add(r->first, r->last - r->first + 1);
	uvdk_log_hush(false);

	return err;
}

/* Part of a hugepage, where the kernel has not told the size of pages: a larger range, or none. */
static bool follow_huge(struct range *r)
{
	static const size_t huge[] = {(size_t)2 << 20, (size_t)1 << 30};

	for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
		struct range wide = {r->first & ~(huge[i] - 1), r->last | (huge[i] - 1)};

		if (!follow_quietly(&wide)) {
			*r = wide;
			return true;
		}
	}

	return false;
}

static int cant_follow(const struct range *r)
{
	return uvdk_fail(-EOPNOTSUPP, REGCACHE_COMPONENT,
			 "0x%" PRIxPTR "-0x%" PRIxPTR
			 " is of a kind that the kernel does not follow: transfer from other "
			 "memory, or make a cache with UVDK_REGCACHE_NO_FOLLOW",
			 r->first, r->last);
}

static int follow(const struct uvdk_regcache *cache, struct range *r)
{
	int err;

	if (!regcache_follows(cache))
		return 0;
	err = follow_quietly(r);
	/* Before Linux 6.7 part of a hugepage is refused like a file. */
	if ((err == -EINVAL || err == -EOPNOTSUPP) && follow_huge(r))
		err = 0;
	if (err == -EINVAL)
		return cant_follow(r);
	if (err) /* once more, aloud */
		err = uvdk_follow_add(r->first, r->last - r->first + 1);
	if (!err)
		uvdk_follow_settle();

	return err == -ENOMEM ? -EFAULT : err;
}

/* The range and all that it overlaps, if that is not too much. */
static struct range joined(const struct uvdk_regcache *cache, const struct range *r)
{
	struct range all = *r;
	size_t i = regcache_find(cache, r->first);

	for (; i < cache->count && cache->at[i]->first <= r->last; i++) {
		if (cache->at[i]->first < all.first)
			all.first = cache->at[i]->first;
		if (cache->at[i]->last > all.last)
			all.last = cache->at[i]->last;
	}

	return all.last - all.first < cache->opts.max_bytes / 2 ? all : *r;
}

/*
 * Where IOVAs are fixed a second map of pages can't be had as long as the first is held: then
 * that one gets the rest.
 */
static int put_in(struct uvdk_regcache *cache, const struct range *r, bool held,
		  struct regcache_entry **out)
{
	int err = regcache_add(cache, r->first, r->last, out);

	return err == -EEXIST && held ? regcache_extend(cache, r->first, r->last, out) : err;
}

/* With the lock held; @r is followed. */
static int add(struct uvdk_regcache *cache, const struct range *r, struct regcache_entry **out)
{
	struct range all = joined(cache, r);
	bool held;
	int err = -EAGAIN;

	/* What can't be had at all costs nobody what is there. */
	if (r->last - r->first >= cache->opts.max_bytes)
		return regcache_add(cache, r->first, r->last, out);
	held = regcache_retire_idle(cache, r->first, r->last);
	if (all.last - all.first > r->last - r->first) {
		uvdk_log_hush(true);
		err = put_in(cache, &all, held, out);
		uvdk_log_hush(false);
	}

	return err ? put_in(cache, r, held, out) : 0;
}

static int miss(struct uvdk_regcache *cache, const void *va, size_t len, struct range *need,
		struct uvdk_regcache_hold *hold)
{
	struct regcache_entry *entry;
	struct range r;
	int err = reg_pages(va, len, uvdk_ioas_page_size(cache->ioas), &r.first, &r.last);

	if (!err)
		err = follow(cache, &r);
	pthread_mutex_lock(&cache->lock);
	if (!err) {
		/* Another thread may have been here. */
		entry = regcache_lookup(cache, need->first, need->last);
		if (!entry)
			err = add(cache, &r, &entry);
	}
	if (err) {
		cache->stats.refused++;
	} else {
		cache->stats.misses++;
		regcache_hold(cache, entry, need->first, count_now(cache), hold);
	}
	pthread_mutex_unlock(&cache->lock);

	return err;
}

static int refuse(struct uvdk_regcache *cache, const void *va, size_t len)
{
	pthread_mutex_lock(&cache->lock);
	cache->stats.refused++;
	pthread_mutex_unlock(&cache->lock);

	return refuse_range(va, len);
}

/* A slot was held, and turned out to be of no use. */
static void untry(struct uvdk_regcache *cache, struct uvdk_regcache_slot *slot)
{
	const struct uvdk_regcache_hold hold = {.slot = slot};

	__atomic_fetch_sub(&slot->holds, UVDK_REGCACHE_HIT, __ATOMIC_RELAXED);
	uvdk_regcache_put(cache, &hold);
}

UVDK_EXPORT int uvdk_regcache_get_slow(struct uvdk_regcache *cache, const void *va, size_t len,
				       struct uvdk_regcache_slot *tried,
				       struct uvdk_regcache_hold *hold)
{
	struct range need = {(uintptr_t)va, (uintptr_t)va + len - 1};
	struct regcache_entry *entry;

	if (tried)
		untry(cache, tried);
	if (cache->dead)
		return dead();
	if (!len || need.last < need.first)
		return refuse(cache, va, len);
	settle(cache);
	pthread_mutex_lock(&cache->lock);
	entry = regcache_lookup(cache, need.first, need.last);
	if (entry) {
		cache->stats.hits++;
		regcache_hold(cache, entry, need.first, count_now(cache), hold);
	}
	pthread_mutex_unlock(&cache->lock);

	return entry ? 0 : miss(cache, va, len, &need, hold);
}

UVDK_EXPORT void uvdk_regcache_put_slow(struct uvdk_regcache *cache,
					const struct uvdk_regcache_hold *hold)
{
	struct regcache_entry *entry = hold->entry;

	if (cache->dead)
		return;
	pthread_mutex_lock(&cache->lock);
	if (hold->slot)
		entry = hold->slot->entry;
	else
		entry->holds--;
	if (entry)
		regcache_reap(cache, entry);
	pthread_mutex_unlock(&cache->lock);
}

UVDK_EXPORT void uvdk_regcache_settle(struct uvdk_regcache *cache)
{
	if (!cache->dead)
		settle(cache);
}

UVDK_EXPORT int uvdk_regcache_forget(struct uvdk_regcache *cache, const void *va, size_t len)
{
	uintptr_t first = (uintptr_t)va, last = first + len - 1;
	int err, old;

	if (cache->dead)
		return dead();
	if (!len || last < first)
		return refuse_range(va, len);
	pthread_mutex_lock(&cache->lock);
	old = regcache_retry(cache, first, last);
	err = regcache_gone(cache, first, last, false);
	pthread_mutex_unlock(&cache->lock);

	return err ? err : old;
}
