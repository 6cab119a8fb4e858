// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_dma_pool_cache.h>

#include "../../random.h"

/*
 * Threads that take and give objects at random, through caches, in bulk and
 * straight from the pool, and hand them to each other. Whoever has an object has
 * written its name into it, so an object that two have is found out; under
 * ThreadSanitizer those who do not take turns are, too.
 */
#define THREADS 4
#define OBJECTS 600
#define HELD	64
#define ROUNDS	300000

static const unsigned int entries[THREADS] = {1, 16, 64, 100};

static struct uvdk_dma_pool *pool;
static int failed;
static void *passed_on; /* from one thread to whoever comes */

#define EXPECT(cond)                                                                   \
	do {                                                                           \
		if (!(cond) && !__atomic_exchange_n(&failed, 1, __ATOMIC_RELAXED))     \
			fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #cond); \
	} while (0)

/* The pool's memory, without an address space. */
int uvdk_dma_alloc(struct uvdk_ioas *ioas, size_t len, const struct uvdk_dma_opts *opts,
		   struct uvdk_dma_buf *out)
{
	(void)opts;
	len = (len + 4095) & ~(size_t)4095;
	*out = (struct uvdk_dma_buf){.ioas = ioas,
				     .va = aligned_alloc(4096, len),
				     .iova = 0x1000000,
				     .len = len,
				     .page_size = 4096,
				     .memfd = -1};
	if (!out->va)
		return -ENOMEM;
	memset(out->va, 0, len);

	return 0;
}

void uvdk_dma_free(struct uvdk_dma_buf *buf)
{
	free(buf->va);
	memset(buf, 0, sizeof(*buf));
}

struct worker {
	pthread_t thread;
	uint64_t id; /* not 0 */
	unsigned int entries;
	uint64_t seed;
	struct uvdk_dma_pool_cache *cache;
	uint64_t *held[HELD];
	unsigned int count;
	uint64_t gets, puts;
};

static void got(struct worker *w, void *object)
{
	uint64_t *o = object;

	EXPECT(*o == 0);
	*o = w->id;
	EXPECT(uvdk_dma_pool_cache_iova(w->cache, o) >= 0x1000000);
	w->held[w->count++] = o;
	w->gets++;
}

static uint64_t *lose(struct worker *w)
{
	unsigned int i = (unsigned int)(random_next(&w->seed) % w->count);
	uint64_t *o = w->held[i];

	w->held[i] = w->held[--w->count];
	EXPECT(*o == w->id);
	*o = 0;
	w->puts++;

	return o;
}

static void take(struct worker *w, unsigned int n)
{
	void *object[HELD];

	n = n < HELD - w->count ? n : HELD - w->count;
	if (n == 1) {
		object[0] = uvdk_dma_pool_cache_get(w->cache);
		n = object[0] ? 1 : 0;
	} else if (uvdk_dma_pool_cache_get_bulk(w->cache, object, n)) {
		n = 0;
	}
	for (unsigned int i = 0; i < n; i++)
		got(w, object[i]);
}

static void give(struct worker *w, unsigned int n)
{
	void *object[HELD];

	n = n < w->count ? n : w->count;
	for (unsigned int i = 0; i < n; i++)
		object[i] = lose(w);
	if (n == 1)
		uvdk_dma_pool_cache_put(w->cache, object[0]);
	else
		uvdk_dma_pool_cache_put_bulk(w->cache, object, n);
}

static void use_pool(struct worker *w, bool take_one)
{
	uvdk_iova_t iova = 0;
	void *object;

	if (take_one && w->count < HELD) {
		object = uvdk_dma_pool_get(pool, &iova);
		if (object) {
			EXPECT(uvdk_dma_pool_cache_iova(w->cache, object) == iova);
			got(w, object);
		}
	} else if (w->count) {
		EXPECT(!uvdk_dma_pool_put(pool, lose(w)));
	}
}

/* What one thread took another gives back. */
static void pass_on(struct worker *w)
{
	void *object = w->count ? lose(w) : NULL;

	if (object)
		w->puts--;
	object = __atomic_exchange_n(&passed_on, object, __ATOMIC_ACQ_REL);
	if (!object)
		return;
	got(w, object);
	w->gets--;
}

static void look(void)
{
	struct uvdk_dma_pool_stats stats;

	uvdk_dma_pool_get_stats(pool, &stats);
	EXPECT(stats.objects == OBJECTS);
	EXPECT(stats.free <= OBJECTS && stats.caches <= THREADS);
	EXPECT(stats.refused == 0);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	EXPECT(!uvdk_dma_pool_cache_create(pool, w->entries, 0, &w->cache));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t dice = random_next(&w->seed) >> 8;
		unsigned int n = dice % 7 ? 1 : 1 + (unsigned int)(dice / 7 % HELD);

		if (dice % 101 == 0)
			use_pool(w, dice & 1024);
		else if (dice % 103 == 0)
			pass_on(w);
		else if (dice % 997 == 0)
			uvdk_dma_pool_cache_flush(w->cache);
		else if (dice % 1999 == 0)
			look();
		else if (dice & 4096)
			take(w, n);
		else
			give(w, n);
	}
	while (w->count)
		give(w, 1);
	uvdk_dma_pool_cache_destroy(w->cache);

	return NULL;
}

int main(void)
{
	static struct worker worker[THREADS];
	struct uvdk_dma_pool_stats stats;
	uint64_t gets = 0, puts = 0;

	if (uvdk_dma_pool_create(NULL, 200, 0, OBJECTS, NULL, &pool))
		return 1;
	for (unsigned int i = 0; i < THREADS; i++) {
		worker[i].id = i + 1;
		worker[i].entries = entries[i];
		worker[i].seed = 0x9e3779b97f4a7c15 * (i + 1);
		if (pthread_create(&worker[i].thread, NULL, work, &worker[i]))
			return 1;
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(worker[i].thread, NULL);
		gets += worker[i].gets;
		puts += worker[i].puts;
	}
	if (passed_on) {
		EXPECT(!uvdk_dma_pool_put(pool, passed_on));
		puts++;
	}

	uvdk_dma_pool_get_stats(pool, &stats);
	EXPECT(stats.free == OBJECTS && stats.cached == 0 && stats.caches == 0);
	EXPECT(stats.gets == gets && stats.puts == puts && gets == puts);
	EXPECT(stats.refills && stats.flushes && stats.refused == 0);
	for (unsigned int i = 0; i < OBJECTS; i++) {
		uint64_t *o = uvdk_dma_pool_get(pool, NULL);

		EXPECT(o && *o == 0);
		if (o)
			*o = 1;
	}
	EXPECT(!uvdk_dma_pool_get(pool, NULL));
	uvdk_log_set_sink(NULL, NULL);
	uvdk_dma_pool_destroy(pool);

	return failed;
}
