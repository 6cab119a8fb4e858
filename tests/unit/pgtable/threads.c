// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uvdk_pgtable.h>

#include "../../expect.h"
#include "../../random.h"
#include "pgt_walk.h"

/*
 * Threads on one table, each with addresses of its own, some in the same table
 * pages. Plain, and under ThreadSanitizer, which sees a table page that is used
 * too early.
 */
#define KB4	UINT64_C(0x1000)
#define MB2	UINT64_C(0x200000)
#define GB1	UINT64_C(0x40000000)
#define RWU	(UVDK_PGTABLE_READ | UVDK_PGTABLE_WRITE | UVDK_PGTABLE_USER)
#define THREADS 3
#define ARENA	2048
#define SEEN_AT UINT64_C(0x123456000)
#define SECONDS 20 /* to wait for another thread */

static struct uvdk_pgtable_arena *arena;
static struct uvdk_pgtable *pt;
static struct walker hw;
static pthread_barrier_t line;
static uint64_t cookies; /* atomic */
static uint64_t waits;	 /* atomic: callbacks that let others run */

static int on_invalidate(void *arg, uint64_t first, uint64_t last)
{
	(void)arg;
	EXPECT(first < last);
	__atomic_add_fetch(&waits, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++)
		sched_yield();
	return 0;
}

static void start(enum uvdk_pgtable_format format)
{
	struct uvdk_pgtable_arena_opts a = {.size = sizeof(a), .address = SEEN_AT};
	struct uvdk_pgtable_opts o = {
		.size = sizeof(o), .format = format, .input_bits = 48, .invalidate = on_invalidate};
	struct uvdk_pgtable_info info;

	a.length = ARENA * KB4;
	a.va = aligned_alloc(KB4, a.length);
	EXPECT(!uvdk_pgtable_arena_create(&a, &arena));
	o.arena = arena;
	EXPECT(!uvdk_pgtable_create(&o, &pt));
	uvdk_pgtable_get_info(pt, &info);
	hw = (struct walker){.memory = a.va,
			     .address = a.address,
			     .length = a.length,
			     .root = info.root,
			     .bits = 48,
			     .arm = format == UVDK_PGTABLE_ARM};
}

static void stop(void)
{
	struct uvdk_pgtable_arena_stats s;

	uvdk_pgtable_release(arena, UINT64_MAX - 1);
	uvdk_pgtable_arena_get_stats(arena, &s);
	EXPECT(s.tables == hw_all_tables(&hw));
	EXPECT(s.quarantined == 0);
	uvdk_pgtable_destroy(pt);
	uvdk_pgtable_arena_get_stats(arena, &s);
	EXPECT(s.free == s.total);
	uvdk_pgtable_arena_destroy(arena);
	free(hw.memory);
}

static void in_threads(void *(*one)(void *), uintptr_t count)
{
	pthread_t thread[THREADS];

	pthread_barrier_init(&line, NULL, (unsigned int)count);
	for (uintptr_t i = 0; i < count; i++)
		EXPECT(!pthread_create(&thread[i], NULL, one, (void *)i));
	for (uintptr_t i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&line);
}

static void let_go(struct uvdk_pgtable_gather *gather)
{
	uint64_t cookie = __atomic_add_fetch(&cookies, 1, __ATOMIC_RELAXED);

	uvdk_pgtable_quarantine(arena, gather, cookie);
	/* Nothing walks here but the threads, each where it may. */
	uvdk_pgtable_release(arena, cookie);
}

static bool leads_to(uint64_t iova, uint64_t out)
{
	struct seen s = hw_walk(&hw, iova);

	return s.ok && s.out == out;
}

/* ---- every third page is one thread's ---- */

static uint64_t out_for(uintptr_t me, uint64_t iova)
{
	return (uint64_t)(me + 1) * 1024 * GB1 + iova + KB4;
}

static void *pages_of_mine(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	for (uint64_t round = 0; round < 60; round++) {
		uint64_t base = round % 4 * GB1 + GB1 - MB2;

		for (uint64_t p = me; p < 1024; p += THREADS)
			EXPECT(!uvdk_pgtable_map_page(pt, base + p * KB4,
						      out_for(me, base + p * KB4), RWU));
		for (uint64_t p = me; p < 1024; p += THREADS)
			EXPECT(leads_to(base + p * KB4, out_for(me, base + p * KB4)));
		for (uint64_t p = me; p < 1024; p += THREADS)
			EXPECT(!uvdk_pgtable_unmap_page(pt, base + p * KB4));
		for (uint64_t p = me; p < 1024; p += THREADS)
			EXPECT(!hw_walk(&hw, base + p * KB4).ok);
	}
	return NULL;
}

/* ---- ranges of one's own, tables that come and go ---- */

static void *ranges_of_mine(void *arg)
{
	uintptr_t me = (uintptr_t)arg;
	uint64_t seed = 88172645463325252 + me;

	for (int round = 0; round < 4000; round++) {
		struct uvdk_pgtable_gather gather = {0};
		uint64_t slot, iova, length;

		random_next(&seed);
		/* Neighbours share the tables above, and at odd lengths those of the edges. */
		slot = (seed >> 8) % 64 * THREADS + me;
		iova = GB1 - 96 * 3 * MB2 + slot * 3 * MB2 + (seed >> 20) % 700 * KB4;
		length = KB4 * (1 + (seed >> 32) % 800);
		EXPECT(!uvdk_pgtable_map(pt, iova, out_for(me, iova), length, RWU));
		EXPECT(leads_to(iova, out_for(me, iova)));
		EXPECT(leads_to(iova + length - KB4, out_for(me, iova + length - KB4)));
		EXPECT(uvdk_pgtable_unmap(pt, iova, length, &gather) == (int64_t)length);
		EXPECT(!hw_walk(&hw, iova).ok && !hw_walk(&hw, iova + length - KB4).ok);
		let_go(&gather);
	}
	return NULL;
}

/* ---- the same table is missing to all ---- */

static void *where_no_table_is(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	for (uint64_t round = 1; round < 2000; round++) {
		uint64_t iova = round * 7 * GB1 + me * KB4;
		struct uvdk_pgtable_gather gather = {0};

		pthread_barrier_wait(&line);
		if (round % 2)
			EXPECT(!uvdk_pgtable_map_page(pt, iova, out_for(me, iova), RWU));
		else
			EXPECT(!uvdk_pgtable_map(pt, iova, out_for(me, iova), KB4, RWU));
		EXPECT(leads_to(iova, out_for(me, iova)));
		pthread_barrier_wait(&line);
		if (me)
			continue;
		EXPECT(uvdk_pgtable_unmap(pt, round * 7 * GB1, GB1, &gather) ==
		       (int64_t)(THREADS * KB4));
		let_go(&gather);
	}
	return NULL;
}

/* ---- each takes its pages out of one large one ---- */

static void *out_of_a_large_one(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	for (uint64_t round = 0; round < 1000; round++) {
		uint64_t base = GB1 + round % 2 * MB2;
		struct uvdk_pgtable_gather gather = {0};

		if (!me)
			EXPECT(!uvdk_pgtable_map(pt, base, 5 * GB1 + base, MB2, RWU));
		pthread_barrier_wait(&line);
		for (uint64_t p = me; p < 512; p += 61 * THREADS) {
			if (round % 3)
				EXPECT(!uvdk_pgtable_unmap_page(pt, base + p * KB4));
			else
				EXPECT(uvdk_pgtable_unmap(pt, base + p * KB4, KB4, &gather) ==
				       (int64_t)KB4);
			EXPECT(!hw_walk(&hw, base + p * KB4).ok);
		}
		pthread_barrier_wait(&line);
		EXPECT(leads_to(base + (me + THREADS) * KB4,
				5 * GB1 + base + (me + THREADS) * KB4));
		pthread_barrier_wait(&line);
		if (me)
			continue;
		EXPECT(uvdk_pgtable_unmap(pt, base, MB2, &gather) == (int64_t)((512 - 9) * KB4));
		let_go(&gather);
	}
	return NULL;
}

/* ---- hardware walks all the while ---- */

static uint64_t walked; /* atomic: how often it has forgotten all it knew */
static bool enough;	/* atomic */

static void *hardware(void *arg)
{
	uint64_t i = 0;

	(void)arg;
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
		for (int n = 0; n < 20; n++, i++) {
			struct seen s = hw_walk(&hw, 2 * GB1 + i * 37 % 2048 * KB4);

			EXPECT(!s.ok || s.out == 9 * GB1 + KB4 + i * 37 % 2048 * KB4);
		}
		__atomic_add_fetch(&walked, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* An invalidation: it has begun anew since. */
static void until_it_forgets(void)
{
	uint64_t now = __atomic_load_n(&walked, __ATOMIC_ACQUIRE);
	time_t deadline = time(NULL) + SECONDS;

	while (__atomic_load_n(&walked, __ATOMIC_ACQUIRE) < now + 2 && time(NULL) < deadline)
		sched_yield();
	EXPECT(__atomic_load_n(&walked, __ATOMIC_ACQUIRE) >= now + 2);
}

static void *under_hardware(void *arg)
{
	if (arg)
		return hardware(NULL);
	for (uint64_t round = 0; round < 400; round++) {
		struct uvdk_pgtable_gather gather = {0};
		uint64_t cookie = __atomic_add_fetch(&cookies, 1, __ATOMIC_RELAXED);

		EXPECT(!uvdk_pgtable_map(pt, 2 * GB1, 9 * GB1 + KB4, 4 * MB2, RWU));
		EXPECT(uvdk_pgtable_unmap(pt, 2 * GB1, 4 * MB2, &gather) == (int64_t)(4 * MB2));
		uvdk_pgtable_quarantine(arena, &gather, cookie);
		/* Other pages are taken for this one: those in quarantine must not be. */
		EXPECT(!uvdk_pgtable_map(pt, 7 * GB1, 9 * GB1 + KB4, 8 * MB2, RWU));
		until_it_forgets();
		uvdk_pgtable_release(arena, cookie);
		EXPECT(uvdk_pgtable_unmap(pt, 7 * GB1, 8 * MB2, &gather) == (int64_t)(8 * MB2));
		let_go(&gather);
	}
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	return NULL;
}

int main(void)
{
	for (int format = UVDK_PGTABLE_ARM; format <= UVDK_PGTABLE_X86; format++) {
		start((enum uvdk_pgtable_format)format);
		in_threads(pages_of_mine, THREADS);
		in_threads(ranges_of_mine, THREADS);
		in_threads(where_no_table_is, THREADS);
		in_threads(out_of_a_large_one, THREADS);
		enough = false;
		in_threads(under_hardware, 2);
		stop();
	}
	EXPECT(waits > 0);

	return wrong != 0;
}
