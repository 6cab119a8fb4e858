// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "regcache_priv.h"

#define OF_FOLLOWER(f) \
	((struct uvdk_regcache *)((char *)(f)-offsetof(struct uvdk_regcache, follower)))

/* All caches, for fork(). */
static struct {
	pthread_mutex_t lock; /* taken before a cache's */
	struct uvdk_regcache *first;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- fork ---- */

/* Their memory is to be in order in the child. */
static void fork_prepare(void)
{
	pthread_mutex_lock(&all.lock);
	for (struct uvdk_regcache *c = all.first; c; c = c->next)
		pthread_mutex_lock(&c->lock);
}

static void fork_parent(void)
{
	for (struct uvdk_regcache *c = all.first; c; c = c->next)
		pthread_mutex_unlock(&c->lock);
	pthread_mutex_unlock(&all.lock);
}

/* The child's slots are of no use: none is right for a number that is never counted to. */
static void fork_child(void)
{
	for (struct uvdk_regcache *c = all.first; c; c = c->next) {
		c->dead = true;
		__atomic_store_n(&c->own_count, UINT64_MAX, __ATOMIC_SEQ_CST);
		c->fast.count = &c->own_count;
		pthread_mutex_init(&c->lock, NULL);
	}
	all.first = NULL;
	pthread_mutex_init(&all.lock, NULL);
}

static void watch_forks(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

static void enlist(struct uvdk_regcache *cache)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&all.lock);
	cache->next = all.first;
	all.first = cache;
	pthread_mutex_unlock(&all.lock);
}

static void delist(const struct uvdk_regcache *cache)
{
	struct uvdk_regcache **at = &all.first;

	pthread_mutex_lock(&all.lock);
	while (*at && *at != cache)
		at = &(*at)->next;
	if (*at)
		*at = cache->next;
	pthread_mutex_unlock(&all.lock);
}

/* ---- life ---- */

/* In the follower's thread. An empty range comes from mremap() of nothing. */
static void gone(struct uvdk_follower *follower, uintptr_t first, uintptr_t last,
		 enum uvdk_follow_why why)
{
	struct uvdk_regcache *cache = OF_FOLLOWER(follower);

	if (last < first)
		return;
	pthread_mutex_lock(&cache->lock);
	regcache_gone(cache, first, last, why != UVDK_FOLLOW_LOST);
	pthread_mutex_unlock(&cache->lock);
}

static int set_opts(struct uvdk_regcache *cache, const struct uvdk_regcache_opts *from)
{
	struct uvdk_regcache_opts *opts = &cache->opts;
	int err = uvdk_opts_copy(opts, sizeof(*opts), from, "uvdk_regcache_opts");

	if (err)
		return err;
	opts->max_bytes = opts->max_bytes ? opts->max_bytes : (uint64_t)1 << 30;
	opts->max_entries = opts->max_entries ? opts->max_entries : 4096;
	opts->access = opts->access ? opts->access : UVDK_MAP_RW;
	if (opts->access & ~(unsigned int)UVDK_MAP_RW ||
	    opts->flags & ~(unsigned int)(UVDK_REGCACHE_NO_FOLLOW | UVDK_REGCACHE_STRICT))
		return uvdk_fail(-EINVAL, REGCACHE_COMPONENT, "access 0x%x, flags 0x%x: unknown",
				 opts->access, opts->flags);

	return 0;
}

static int start(struct uvdk_regcache *cache)
{
	cache->own_count = 1;
	cache->fast.count = regcache_follows(cache) ? uvdk_follow_counter() : &cache->own_count;
	cache->follower.gone = gone;

	return regcache_follows(cache) ? uvdk_follow_start(&cache->follower) : 0;
}

UVDK_EXPORT int uvdk_regcache_create(struct uvdk_ioas *ioas, const struct uvdk_regcache_opts *opts,
				     struct uvdk_regcache **out)
{
	struct uvdk_regcache *cache;
	int err;

	if (!ioas)
		return uvdk_fail(-EINVAL, REGCACHE_COMPONENT, "a cache needs an address space");
	err = uvdk_ioas_check_own(ioas);
	if (err)
		return err;
	cache = calloc(1, sizeof(*cache));
	if (!cache)
		return uvdk_fail(-ENOMEM, REGCACHE_COMPONENT, "no memory for a cache");
	cache->opts.size = sizeof(cache->opts);
	err = set_opts(cache, opts);
	if (err)
		goto free_cache;
	cache->ioas = ioas;
	cache->fast.index = regcache_index_get();
	pthread_mutex_init(&cache->lock, NULL);
	enlist(cache);
	err = start(cache);
	if (err)
		goto delist;
	*out = cache;

	return 0;

delist:
	delist(cache);
	regcache_index_put(cache->fast.index);
free_cache:
	free(cache);
	return err;
}

UVDK_EXPORT void uvdk_regcache_destroy(struct uvdk_regcache *cache)
{
	struct uvdk_regcache_stats stats;

	if (!cache)
		return;
	if (regcache_follows(cache))
		uvdk_follow_stop(&cache->follower);
	uvdk_regcache_get_stats(cache, &stats);
	if (stats.held && !cache->dead)
		uvdk_log(UVDK_LOG_WARN, REGCACHE_COMPONENT,
			 "a cache is destroyed with %zu buffers held", (size_t)stats.held);
	delist(cache);
	regcache_empty(cache);
	regcache_fronts_drop(cache);
	regcache_index_put(cache->fast.index);
	pthread_mutex_destroy(&cache->lock);
	free(cache->at);
	free(cache);
}

UVDK_EXPORT void uvdk_regcache_get_stats(struct uvdk_regcache *cache,
					 struct uvdk_regcache_stats *out)
{
	pthread_mutex_lock(&cache->lock);
	*out = cache->stats;
	regcache_slots_count(cache, out);
	for (const struct regcache_entry *e = cache->lingering; e; e = e->next)
		out->held += e->holds;
	for (size_t i = 0; i < cache->count; i++)
		out->held += cache->at[i]->holds;
	pthread_mutex_unlock(&cache->lock);
}
