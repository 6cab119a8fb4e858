// SPDX-License-Identifier: BSD-3-Clause
/*
 * Threads get, put and forget the same few pages as fast as they can, over an address space
 * of the test's: what is held must be mapped, and be what was asked for. Some is put
 * by other threads; threads come and go. A plain program, for ThreadSanitizer, too.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <uvdk_ioas_gone_driver.h>
#include <uvdk_iommu_driver.h>
#include <uvdk_regcache.h>

#define PAGE	((size_t)4096)
#define PAGES	48ul
#define THREADS 4
#define ROUNDS	3
#define STEPS	6000
#define FORGETS 150
#define MAPS	(1ul << 22)
#define SHIFT	24 /* of the number of a map in an IOVA */

static _Alignas(4096) uint8_t area[PAGES * PAGE];
static _Atomic(uintptr_t) map_at[MAPS]; /* where map n is; 0: it is not */
static atomic_ulong maps, unmaps;
static atomic_bool failed;
static struct uvdk_regcache *cache;
static _Atomic(struct uvdk_regcache_hold *) passed[8];

size_t uvdk_ioas_page_size(const struct uvdk_ioas *ioas)
{
	(void)ioas;
	return PAGE;
}

int uvdk_ioas_check_own(const struct uvdk_ioas *ioas)
{
	(void)ioas;
	return 0;
}

int uvdk_ioas_map(struct uvdk_ioas *ioas, void *va, size_t len, unsigned int flags,
		  uvdk_iova_t *iova)
{
	unsigned long n = atomic_fetch_add(&maps, 1) + 1;

	(void)ioas;
	(void)len;
	if (n >= MAPS || !(flags & UVDK_MAP_ALIAS))
		abort();
	atomic_store(&map_at[n], (uintptr_t)va);
	*iova = (uint64_t)n << SHIFT;

	return 0;
}

void uvdk_ioas_gone(struct uvdk_ioas *ioas, uvdk_iova_t iova, size_t len, bool sure)
{
	(void)ioas;
	(void)iova;
	(void)len;
	(void)sure;
}

int uvdk_ioas_unmap(struct uvdk_ioas *ioas, uvdk_iova_t iova, size_t len)
{
	(void)ioas;
	(void)len;
	atomic_fetch_add(&unmaps, 1);
	if (!atomic_exchange(&map_at[iova >> SHIFT], 0))
		abort();

	return 0;
}

static void check(const struct uvdk_regcache_hold *hold, uintptr_t va, const char *when)
{
	uintptr_t at = atomic_load(&map_at[hold->iova >> SHIFT]);

	if (va ? at + hold->iova % (1u << SHIFT) == va : at != 0)
		return;
	fprintf(stderr, "%s: IOVA 0x%zx is not what it should be\n", when, (size_t)hold->iova);
	atomic_store(&failed, true);
}

/* Another thread puts it. */
static void pass(struct uvdk_regcache_hold *hold, uint64_t r)
{
	hold = atomic_exchange(&passed[r % 8], hold);
	if (!hold)
		return;
	check(hold, 0, "passed on");
	uvdk_regcache_put(cache, hold);
	free(hold);
}

static void step(uint64_t r)
{
	size_t first = r % (PAGES * PAGE - 1), room = PAGES * PAGE - first;
	size_t len = 1 + (r >> 20) % (room < 3 * PAGE ? room : 3 * PAGE);
	struct uvdk_regcache_hold *hold = malloc(sizeof(*hold));
	uintptr_t va = (uintptr_t)area + first;

	if (!hold || uvdk_regcache_get(cache, (void *)va, len, hold)) {
		free(hold);
		pass(NULL, r); /* may make room */
		return;
	}
	check(hold, va, "just got");
	if ((r >> 40) % 64 == 0)
		uvdk_regcache_forget(cache, (void *)va, len);
	if ((r >> 46) % 16 == 0)
		sched_yield();
	check(hold, va, "held");
	if ((r >> 50) % 8 == 0) {
		pass(hold, r >> 53);
		return;
	}
	uvdk_regcache_put(cache, hold);
	free(hold);
}

static void *work(void *arg)
{
	uint64_t r = 88172645463325252u + (uintptr_t)arg * 7919;

	for (int i = 0; i < STEPS && !atomic_load(&failed); i++) {
		r ^= r << 13;
		r ^= r >> 7;
		r ^= r << 17;
		step(r);
	}

	return NULL;
}

/* Hits and nothing else, while another thread takes away what is hit. */
static atomic_bool enough;
static atomic_ulong progress;

static void *hit(void *arg)
{
	uintptr_t va = (uintptr_t)area + ((uintptr_t)arg % 2) * 8 * PAGE;
	struct uvdk_regcache_hold hold;

	while (!atomic_load(&enough) && !atomic_load(&failed)) {
		if (uvdk_regcache_get(cache, (void *)va, PAGE, &hold))
			continue;
		check(&hold, va, "hit");
		uvdk_regcache_put(cache, &hold);
		atomic_fetch_add_explicit(&progress, 1, memory_order_relaxed);
	}

	return NULL;
}

static void *forget(void *arg)
{
	unsigned long seen;

	for (unsigned long i = 0; i < FORGETS && !atomic_load(&failed); i++) {
		seen = atomic_load(&progress);
		for (int spins = 1; atomic_load(&progress) - seen <= i % 64; spins++) {
			if (atomic_load(&failed))
				return arg;
			if (spins % 4096 == 0)
				sched_yield();
		}
		uvdk_regcache_forget(cache, area, 16 * PAGE);
	}
	atomic_store(&enough, true);

	return arg;
}

static void run(uintptr_t seed, void *(*first)(void *), void *(*others)(void *))
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, i ? others : first, (void *)(seed + i)))
			abort();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	struct uvdk_regcache_opts opts = {.size = sizeof(opts),
					  .max_entries = 24,
					  .max_bytes = 40 * PAGE,
					  .flags = UVDK_REGCACHE_NO_FOLLOW};
	struct uvdk_regcache_stats stats;

	if (uvdk_regcache_create((struct uvdk_ioas *)(void *)area, &opts, &cache))
		return 1;
	for (uintptr_t i = 0; i < ROUNDS; i++)
		run(1 + i * THREADS, work, work);
	run(0, forget, hit);
	for (int i = 0; i < 8; i++)
		pass(NULL, (uint64_t)i);
	uvdk_regcache_get_stats(cache, &stats);
	printf("%zu hits, %zu misses, %zu evictions, %zu invalidations, %zu refused, %zu held\n",
	       (size_t)stats.hits, (size_t)stats.misses, (size_t)stats.evictions,
	       (size_t)stats.invalidations, (size_t)stats.refused, (size_t)stats.held);
	uvdk_regcache_destroy(cache);
	if (stats.held || stats.lingering || !stats.hits || !stats.evictions ||
	    atomic_load(&maps) != atomic_load(&unmaps))
		return 1;

	return atomic_load(&failed);
}
