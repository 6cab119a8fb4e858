// SPDX-License-Identifier: BSD-3-Clause
#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>

#include <rte_malloc.h>
#include <rte_memory.h>

#include "eal_world.h"

/*
 * What other threads do while memory is given back: when the call returns, no
 * device may reach it. The calls of DPDK's that end its use are defined here, so
 * that something can happen just before; what was meant follows.
 */

TestSuite(eal_meanwhile, .timeout = 120);

#define LEN   ((size_t)1 << 20)
#define SMALL ((size_t)64 << 10)

static struct world w;
static struct uvdk_eal_map *map[2];
static unsigned int maps;
static unsigned int looks;

/* Another thread looks at all of EAL's memory: what is going is still there. */
static void look(void)
{
	for (unsigned int i = 0; i < maps; i++)
		uvdk_eal_map_sync(map[i]);
	looks += maps > 0;
}

int rte_extmem_unregister(void *va, size_t len)
{
	int (*real)(void *, size_t) = (int (*)(void *, size_t))dlsym(RTLD_NEXT, __func__);

	look();
	return real(va, len);
}

int rte_malloc_heap_memory_remove(const char *heap, void *va, size_t len)
{
	int (*real)(const char *, void *, size_t) =
		(int (*)(const char *, void *, size_t))dlsym(RTLD_NEXT, __func__);

	look();
	return real(heap, va, len);
}

static void *own_memory(void)
{
	void *va = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(va, MAP_FAILED);
	return va;
}

static struct uvdk_eal_map *new_map(struct uvdk_ioas *ioas)
{
	struct uvdk_eal_map *new;

	cr_assert_eq(uvdk_eal_map_create_flags(ioas, UVDK_EAL_MAP_EXTERNAL, &new), 0, "%s",
		     uvdk_last_error());
	maps++;
	return new;
}

static void drop_maps(void)
{
	while (maps)
		uvdk_eal_map_destroy(map[--maps]);
}

static bool is_mapped(struct uvdk_ioas *ioas, const void *va)
{
	return uvdk_translate(uvdk_ioas_xlate(ioas), va) != UVDK_IOVA_NONE;
}

Test(eal_meanwhile, a_look_does_not_bring_back_what_is_unregistered)
{
	uvdk_iova_t iova, here;
	void *mem, *va;

	eal_start();
	world_open(&w, 0);
	map[0] = new_map(w.ioas);
	mem = rte_malloc(NULL, 4096, 4096);
	here = uvdk_translate(uvdk_ioas_xlate(w.ioas), mem);
	va = own_memory();
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uvdk_eal_extmem_register(va, LEN, 4096), 0, "%s", uvdk_last_error());
		iova = uvdk_translate(uvdk_ioas_xlate(w.ioas), va);
		cr_assert_eq(uvdk_eal_extmem_unregister(va, LEN), 0, "%s", uvdk_last_error());
		cr_expect_not(is_mapped(w.ioas, va));
		cr_expect_eq(world_copy(&w, RID, here, iova, 1), READ_FAULT);
	}
	cr_expect_eq(looks, 3);
	drop_maps();
	rte_free(mem);
	world_close(&w);
	munmap(va, LEN);
}

Test(eal_meanwhile, nor_what_leaves_a_heap)
{
	void *va;

	eal_start();
	world_open(&w, 0);
	map[0] = new_map(w.ioas);
	va = own_memory();
	cr_assert_eq(rte_malloc_heap_create("ours"), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uvdk_eal_heap_add("ours", va, LEN, 4096), 0, "%s", uvdk_last_error());
		cr_assert_eq(uvdk_eal_heap_remove("ours", va, LEN), 0, "%s", uvdk_last_error());
		cr_expect_not(is_mapped(w.ioas, va));
	}
	cr_expect_eq(looks, 3);
	drop_maps();
	world_close(&w);
	munmap(va, LEN);
}

/* One address space has room, the other has none. */
Test(eal_meanwhile, nor_what_was_refused_as_one_map_has_no_room)
{
	uvdk_iova_t taken = 0;
	struct uvdk_ioas *full;
	void *va;

	eal_start();
	world_open(&w, 28);
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &full), 0);
	map[0] = new_map(w.ioas);
	map[1] = new_map(full);
	for (size_t step = (size_t)128 << 20; step >= 4096; step /= 2)
		while (!uvdk_ioas_reserve(full, step, 4096, false, &taken))
			;
	va = own_memory();
	cr_expect_lt(uvdk_eal_extmem_register(va, LEN, 4096), 0);
	cr_expect_not(is_mapped(w.ioas, va));
	cr_assert_eq(rte_malloc_heap_create("ours"), 0);
	cr_expect_lt(uvdk_eal_heap_add("ours", va, LEN, 4096), 0);
	cr_expect_not(is_mapped(w.ioas, va));
	cr_expect_eq(looks, 2);
	drop_maps();
	uvdk_ioas_destroy(full);
	world_close(&w);
	munmap(va, LEN);
}

/* ---- a map that comes and goes ---- */

#define OTHERS 40u
#define ROUNDS 300u

static bool over;

static void *come_and_go(void *arg)
{
	unsigned int *turns = arg;

	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE)) {
		struct uvdk_eal_map *one;

		cr_assert_eq(uvdk_eal_map_create_flags(w.ioas, UVDK_EAL_MAP_EXTERNAL, &one), 0,
			     "%s", uvdk_last_error());
		uvdk_eal_map_destroy(one);
		__atomic_add_fetch(turns, 1, __ATOMIC_RELEASE);
	}

	return NULL;
}

/*
 * The memory is the first that a map gets, and the last that it gives up: a map
 * that is just going must not be passed over.
 */
Test(eal_meanwhile, a_map_that_is_going_does_not_keep_what_is_unregistered)
{
	unsigned int late = 0, turns = 0, rounds = 0;
	pthread_t thread;
	char *va, *others;

	eal_start();
	world_open(&w, 0);
	va = own_memory();
	others = mmap(NULL, OTHERS * SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	cr_assert_eq(uvdk_eal_extmem_register(va, SMALL, 4096), 0);
	for (unsigned int i = 0; i < OTHERS; i++)
		cr_assert_eq(uvdk_eal_extmem_register(others + i * SMALL, SMALL, 4096), 0, "%s",
			     uvdk_last_error());
	cr_assert_eq(pthread_create(&thread, NULL, come_and_go, &turns), 0);
	for (; rounds < ROUNDS || __atomic_load_n(&turns, __ATOMIC_ACQUIRE) < ROUNDS; rounds++) {
		cr_assert_eq(uvdk_eal_extmem_unregister(va, SMALL), 0, "%s", uvdk_last_error());
		late += is_mapped(w.ioas, va);
		cr_assert_eq(uvdk_eal_extmem_register(va, SMALL, 4096), 0, "%s", uvdk_last_error());
	}
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	cr_expect_eq(late, 0, "%u of %u times", late, rounds);
	world_close(&w);
	for (unsigned int i = 0; i < OTHERS; i++)
		cr_assert_eq(uvdk_eal_extmem_unregister(others + i * SMALL, SMALL), 0);
	cr_assert_eq(uvdk_eal_extmem_unregister(va, SMALL), 0);
	munmap(others, OTHERS * SMALL);
	munmap(va, LEN);
}
