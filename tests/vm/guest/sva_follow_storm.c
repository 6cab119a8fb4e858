// SPDX-License-Identifier: BSD-3-Clause
/*
 * sva_follow_storm arenas|shared ROUNDS [SEED]: four threads change mappings at random, and a
 * model of a device that may use pages until it is told that they are gone. After a flush it must
 * have lost what was freed (else it reads others' memory), and nothing else (else an owner would
 * lose memory that it has just given to the device). With "shared" the kernel chooses the
 * addresses, so that what one thread has unmapped is soon another's.
 */
#include <stdatomic.h>

#include "../../follow_record.h"
#include "dev_common.h"

#define PAGE	((size_t)4096)
#define THREADS 4u
#define PAGES	64u /* of an arena */
#define MOST	8u  /* of one call */

/* What the device may use; one byte a page. */
static uint8_t *region;
static atomic_uchar usable[THREADS * PAGES];
static unsigned int rounds, seed;

struct arena {
	pthread_t thread;
	unsigned int random;
	unsigned int page;    /* first in @region */
	bool mapped[PAGES];   /* and followed */
	bool expected[PAGES]; /* of the device */
};

static void gone(struct uvdk_follower *follower, uintptr_t first, uintptr_t last,
		 enum uvdk_follow_why why)
{
	uintptr_t begin = (uintptr_t)region, end = begin + sizeof(usable) * PAGE - 1;

	(void)follower;
	CHECK(why != UVDK_FOLLOW_LOST, "lost without need");
	if (first > end || last < begin)
		return;
	first = first < begin ? begin : first;
	last = last > end ? end : last;
	for (size_t i = (first - begin) / PAGE; i <= (last - begin) / PAGE; i++)
		atomic_store(&usable[i], 0);
}

static unsigned int below(struct arena *a, unsigned int limit)
{
	a->random = a->random * 1664525u + 1013904223u;
	return (unsigned int)((uint64_t)(a->random >> 8) * limit >> 24);
}

static uint8_t *at(const struct arena *a, unsigned int page)
{
	return region + (a->page + page) * PAGE;
}

static void lose(struct arena *a, unsigned int page, unsigned int count, bool mapping)
{
	for (unsigned int i = page; i < page + count; i++) {
		a->expected[i] = false;
		a->mapped[i] = a->mapped[i] && !mapping;
	}
}

static void check(const struct arena *a, const char *did)
{
	uvdk_follow_flush();
	for (unsigned int i = 0; i < PAGES; i++)
		CHECK(atomic_load(&usable[a->page + i]) == a->expected[i],
		      "page %u of arena %u after %s: expected %d, seed %u", i, a->page / PAGES, did,
		      a->expected[i], seed);
}

/* Given to the device as an owner has to: follow, flush, then use. */
static void map(struct arena *a, unsigned int page, unsigned int count)
{
	void *va = mmap(at(a, page), count * PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	CHECK(va == at(a, page), "mmap");
	lose(a, page, count, true);
	CHECK_EQ(uvdk_follow_add((uintptr_t)va, count * PAGE), 0);
	check(a, "MAP_FIXED");
	for (unsigned int i = page; i < page + count; i++) {
		a->mapped[i] = a->expected[i] = true;
		atomic_store(&usable[a->page + i], 1);
	}
}

/* Where nothing is: a mapping of nobody's, so that no other thread's comes to lie there. */
static void unmap(struct arena *a, unsigned int page, unsigned int count)
{
	CHECK_EQ(mmap(at(a, page), count * PAGE, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0),
		 (intptr_t)at(a, page));
	lose(a, page, count, true);
	check(a, "unmap");
}

static void give_up(struct arena *a, unsigned int page, unsigned int count)
{
	int advice = below(a, 2) ? MADV_DONTNEED : MADV_FREE;

	CHECK_EQ(madvise(at(a, page), count * PAGE, advice), 0);
	for (unsigned int i = page; i < page + count; i++)
		a->expected[i] = false;
	check(a, "madvise");
}

/* One page, so that it is one mapping; the pages do not go with it to the device. */
static void move(struct arena *a, unsigned int from, unsigned int to)
{
	if (from == to || !a->mapped[from])
		return;
	CHECK(mremap(at(a, from), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(a, to)) ==
		      at(a, to),
	      "mremap");
	lose(a, to, 1, true);
	lose(a, from, 1, true);
	a->mapped[to] = true;
	check(a, "mremap");
	CHECK(mmap(at(a, from), PAGE, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == at(a, from),
	      "the hole");
}

static void *arena_run(void *arg)
{
	struct arena *a = arg;

	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int count = 1 + below(a, MOST), page = below(a, PAGES - count);

		switch (below(a, 5)) {
		case 0:
		case 1:
			map(a, page, count);
			break;
		case 2:
			unmap(a, page, count);
			break;
		case 3:
			give_up(a, page, count);
			break;
		case 4:
			move(a, page, below(a, PAGES));
			break;
		}
	}
	return NULL;
}

/* A table of what the device may use, by address: any address may come. */
#define SLOTS 65536u

static _Atomic uintptr_t slot[SLOTS];

static _Atomic uintptr_t *slot_of(uintptr_t va)
{
	return &slot[va / PAGE % SLOTS];
}

static void gone_shared(struct uvdk_follower *follower, uintptr_t first, uintptr_t last,
			enum uvdk_follow_why why)
{
	(void)follower;
	CHECK(why == UVDK_FOLLOW_UNMAP, "%d", why);
	CHECK(last - first < SLOTS * PAGE, "%#zx", last - first);
	for (uintptr_t va = first; va <= last; va += PAGE) {
		uintptr_t was = va;

		atomic_compare_exchange_strong(slot_of(va), &was, 0);
	}
}

/* Memory comes and goes at the same addresses in all threads. */
static void *shared_run(void *arg)
{
	struct arena *a = arg;

	for (unsigned int i = 0; i < rounds; i++) {
		size_t len = (1 + below(a, MOST)) * PAGE;
		uintptr_t va = (uintptr_t)anon(len);

		CHECK_EQ(uvdk_follow_add(va, len), 0);
		uvdk_follow_flush();
		for (size_t o = 0; o < len; o += PAGE)
			CHECK_EQ(atomic_exchange(slot_of(va + o), va + o), 0);
		if (below(a, 2))
			uvdk_follow_flush();
		for (size_t o = 0; o < len; o += PAGE)
			CHECK(atomic_load(slot_of(va + o)) == va + o,
			      "told of what was here before: %#zx", va + o);
		munmap((void *)va, len);
		/* Without a flush: whoever maps here next finds it told. */
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct arena arena[THREADS];
	bool shared = argc > 1 && !strcmp(argv[1], "shared");
	struct uvdk_follower follower = {.gone = shared ? gone_shared : gone};

	if (argc < 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(600);
	rounds = (unsigned int)strtoul(argv[2], NULL, 0);
	seed = argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 0) : (unsigned int)getpid();
	printf("seed %u\n", seed);
	region = mmap(NULL, sizeof(usable) * PAGE, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK_EQ(uvdk_follow_start(&follower), 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		arena[i].page = i * PAGES;
		arena[i].random = seed + i;
		CHECK_EQ(pthread_create(&arena[i].thread, NULL, shared ? shared_run : arena_run,
					&arena[i]),
			 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(arena[i].thread, NULL);
	uvdk_follow_stop(&follower);
	printf("%s: all good\n", argv[1]);
	return 0;
}
