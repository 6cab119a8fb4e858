// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>

#include <uvdk_dma_pool_cache.h>

#include "../iommu/fake.h"

TestSuite(pool_cache, .init = fake_setup);

static struct uvdk_dma_pool *pool_of(size_t size, unsigned int count)
{
	struct uvdk_dma_opts opts = {
		.size = sizeof(opts), .source = UVDK_DMA_NORMAL, .numa_node = -1};
	struct uvdk_dma_pool *pool = NULL;

	cr_assert_eq(uvdk_dma_pool_create(ioas, size, 0, count, &opts, &pool), 0, "%s",
		     uvdk_last_error());
	return pool;
}

static struct uvdk_dma_pool_cache *cache_of(struct uvdk_dma_pool *pool, unsigned int entries,
					    unsigned int flags)
{
	struct uvdk_dma_pool_cache *cache = NULL;

	cr_assert_eq(uvdk_dma_pool_cache_create(pool, entries, flags, &cache), 0, "%s",
		     uvdk_last_error());
	return cache;
}

static struct uvdk_dma_pool_stats stats_of(struct uvdk_dma_pool *pool)
{
	struct uvdk_dma_pool_stats stats;

	uvdk_dma_pool_get_stats(pool, &stats);
	return stats;
}

static void finish(struct uvdk_dma_pool *pool, struct uvdk_dma_pool_cache *cache)
{
	uvdk_dma_pool_cache_destroy(cache);
	uvdk_dma_pool_destroy(pool);
	fake_teardown();
}

/* All there are, whatever the cache's size, each one once and where the device finds it. */
static void take_all(unsigned int count, unsigned int entries, unsigned int flags)
{
	struct uvdk_dma_pool *pool = pool_of(1500, count);
	struct uvdk_dma_pool_cache *cache = cache_of(pool, entries, flags);
	char **object = calloc(count, sizeof(*object));

	for (unsigned int i = 0; i < count; i++) {
		object[i] = uvdk_dma_pool_cache_get(cache);
		cr_assert_not_null(object[i], "%u of %u through %u", i, count, entries);
		cr_assert_eq(object[i][0], 0, "handed out twice");
		object[i][0] = 1;
		cr_assert_eq(uvdk_dma_pool_cache_iova(cache, object[i]),
			     uvdk_translate(uvdk_ioas_xlate(ioas), object[i]));
	}
	cr_expect_null(uvdk_dma_pool_cache_get(cache));
	cr_expect_eq(stats_of(pool).empty, 1);
	for (unsigned int i = 0; i < count; i++)
		uvdk_dma_pool_cache_put(cache, object[i]);
	cr_expect_eq(stats_of(pool).gets, count);
	cr_expect_eq(stats_of(pool).puts, count);
	cr_expect_eq(stats_of(pool).free + stats_of(pool).cached, count);
	uvdk_dma_pool_cache_flush(cache);
	cr_expect_eq(stats_of(pool).cached, 0);
	cr_expect_eq(uvdk_dma_pool_free_count(pool), count);
	uvdk_dma_pool_cache_destroy(cache);
	cr_expect_eq(stats_of(pool).gets, count, "what a cache did is known when it is gone");
	cr_expect_eq(stats_of(pool).puts, count);
	cr_expect_eq(stats_of(pool).caches, 0);
	cr_expect_eq(stats_of(pool).refused, 0);
	uvdk_dma_pool_destroy(pool);
	free(object);
}

Test(pool_cache, all_objects_can_be_taken_and_come_back)
{
	static const unsigned int entries[] = {0, 1, 2, 3, 32, 100, UVDK_DMA_POOL_CACHE_MAX};

	for (unsigned int i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		take_all(1, entries[i], 0);
		take_all(100, entries[i], 0);
		take_all(100, entries[i], UVDK_DMA_POOL_CACHE_CHECK);
	}
	fake_teardown();
}

Test(pool_cache, what_was_given_back_last_is_taken_first)
{
	struct uvdk_dma_pool *pool = pool_of(64, 64);
	struct uvdk_dma_pool_cache *cache = cache_of(pool, 8, 0);
	void *object[20];

	cr_assert_eq(uvdk_dma_pool_cache_get_bulk(cache, object, 20), 0);
	for (unsigned int i = 0; i < 20; i++)
		uvdk_dma_pool_cache_put(cache, object[i]);
	for (unsigned int i = 20; i-- > 16;)
		cr_expect_eq(uvdk_dma_pool_cache_get(cache), object[i]);
	for (unsigned int i = 16; i < 20; i++)
		uvdk_dma_pool_cache_put(cache, object[i]);
	finish(pool, cache);
}

Test(pool_cache, bulk_is_all_or_nothing)
{
	struct uvdk_dma_pool *pool = pool_of(64, 100);
	struct uvdk_dma_pool_cache *cache = cache_of(pool, 16, 0);
	void *object[101];

	for (unsigned int n = 0; n <= 100; n++) {
		cr_assert_eq(uvdk_dma_pool_cache_get_bulk(cache, object, n), 0, "%u", n);
		for (unsigned int i = 0; i < n; i++)
			for (unsigned int j = 0; j < i; j++)
				cr_assert_neq(object[i], object[j]);
		cr_expect_eq(uvdk_dma_pool_cache_get_bulk(cache, object + n, 101 - n), -ENOBUFS);
		cr_expect_eq(stats_of(pool).free + stats_of(pool).cached, 100 - n);
		uvdk_dma_pool_cache_put_bulk(cache, object, n);
		cr_expect_eq(stats_of(pool).free + stats_of(pool).cached, 100);
		cr_expect_eq(stats_of(pool).gets, stats_of(pool).puts);
	}
	cr_expect_eq(stats_of(pool).refused, 0);
	finish(pool, cache);
}

/* Objects in a cache of one thread are not another's to take. */
Test(pool_cache, what_a_cache_holds_is_its_own_until_it_is_flushed)
{
	struct uvdk_dma_pool *pool = pool_of(64, 8);
	struct uvdk_dma_pool_cache *mine = cache_of(pool, 16, 0);
	struct uvdk_dma_pool_cache *other = cache_of(pool, 4, 0);
	void *object = uvdk_dma_pool_cache_get(mine);

	cr_expect_eq(stats_of(pool).cached, 7);
	cr_expect_null(uvdk_dma_pool_cache_get(other));
	cr_expect_null(uvdk_dma_pool_get(pool, NULL));
	uvdk_dma_pool_cache_put(other, object);
	cr_expect_eq(uvdk_dma_pool_cache_get(other), object);
	uvdk_dma_pool_cache_flush(mine);
	cr_expect_eq(uvdk_dma_pool_free_count(pool), 7);
	uvdk_dma_pool_cache_put(mine, object);
	uvdk_dma_pool_cache_destroy(other);
	finish(pool, mine);
}

/* As the header promises: handed out again at most, and never by the pool. */
Test(pool_cache, what_is_not_the_pools_never_gets_there)
{
	struct uvdk_dma_pool *pool = pool_of(1500, 8);
	struct uvdk_dma_pool_cache *cache = cache_of(pool, 32, 0);
	char *object = uvdk_dma_pool_cache_get(cache);
	char stranger;

	uvdk_dma_pool_cache_put(cache, &stranger);
	cr_expect_eq(uvdk_dma_pool_cache_get(cache), &stranger);
	uvdk_dma_pool_cache_put(cache, &stranger);
	uvdk_dma_pool_cache_put(cache, object + 1);
	uvdk_dma_pool_cache_put(cache, NULL);
	uvdk_dma_pool_cache_put(cache, object);
	uvdk_dma_pool_cache_put(cache, object);
	uvdk_dma_pool_cache_flush(cache);
	cr_expect_eq(stats_of(pool).refused, 4);
	cr_expect(said("not an object"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_dma_pool_free_count(pool), 8);
	for (unsigned int i = 0; i < 8; i++) {
		char *o = uvdk_dma_pool_get(pool, NULL);

		cr_assert(o && !*o, "%u", i);
		*o = 1;
	}
	cr_expect_null(uvdk_dma_pool_get(pool, NULL));
	finish(pool, cache);
}

Test(pool_cache, with_checks_what_is_wrong_is_told_at_once)
{
	struct uvdk_dma_pool *pool = pool_of(64, 8);
	struct uvdk_dma_pool_cache *cache = cache_of(pool, 32, UVDK_DMA_POOL_CACHE_CHECK);
	void *object = uvdk_dma_pool_cache_get(cache);
	char stranger;
	void *both[2] = {object, &stranger};

	uvdk_dma_pool_cache_put_bulk(cache, both, 2);
	cr_expect(said("not an object"), "%s", uvdk_last_error());
	uvdk_dma_pool_cache_put(cache, object);
	cr_expect(said("already"), "%s", uvdk_last_error());
	cr_expect_eq(stats_of(pool).refused, 2);
	cr_expect_eq(stats_of(pool).gets, 1);
	cr_expect_eq(stats_of(pool).puts, 1);
	cr_expect_eq(stats_of(pool).refills + stats_of(pool).flushes, 0);
	cr_expect_eq(uvdk_dma_pool_free_count(pool), 8);
	finish(pool, cache);
}

static char logged[2000];

static void keep(void *ctx, enum uvdk_log_level level, const char *component, const char *message)
{
	(void)ctx;
	(void)level;
	(void)component;
	strncat(logged, message, sizeof(logged) - strlen(logged) - 1);
}

Test(pool_cache, a_pool_that_goes_before_its_caches_says_so_and_leaves_them_harmless)
{
	struct uvdk_dma_pool *pool = pool_of(64, 8);
	struct uvdk_dma_pool_cache *cache = cache_of(pool, 4, 0);
	void *object = uvdk_dma_pool_cache_get(cache);
	void *some[2];

	uvdk_log_set_sink(keep, NULL);
	uvdk_dma_pool_destroy(pool);
	cr_expect(strstr(logged, "1 of 8 objects out"), "%s", logged);
	cr_expect(strstr(logged, "before its caches, of which there are 1"), "%s", logged);
	cr_expect_null(uvdk_dma_pool_cache_get(cache));
	cr_expect_eq(uvdk_dma_pool_cache_get_bulk(cache, some, 2), -ENOBUFS);
	uvdk_dma_pool_cache_put(cache, object);
	cr_expect(strstr(logged, "after its pool was destroyed"), "%s", logged);
	uvdk_dma_pool_cache_flush(cache);
	cr_expect_null(uvdk_dma_pool_cache_get(cache));
	uvdk_dma_pool_cache_destroy(cache);
	uvdk_log_set_sink(NULL, NULL);
	fake_teardown();
}

Test(pool_cache, bad_requests_are_refused)
{
	struct uvdk_dma_pool_cache *cache = NULL;
	struct uvdk_dma_pool *pool = pool_of(64, 8);

	cr_expect_eq(uvdk_dma_pool_cache_create(NULL, 0, 0, &cache), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_cache_create(pool, 0, 2, &cache), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_cache_create(pool, UVDK_DMA_POOL_CACHE_MAX + 1, 0, &cache),
		     -EINVAL);
	cr_expect_null(cache);
	cr_expect_eq(stats_of(pool).caches, 0);
	uvdk_dma_pool_cache_destroy(NULL);
	finish(pool, NULL);
}
