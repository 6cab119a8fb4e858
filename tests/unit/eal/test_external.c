// SPDX-License-Identifier: BSD-3-Clause
#include <sys/mman.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include <uvdk_dma_reg.h>

#include "eal_world.h"

/*
 * Memory that EAL tells nobody of: it is static here (--no-huge), and what is
 * registered only never is told of.
 */

TestSuite(eal_external, .timeout = 60);

#define LEN   ((size_t)1 << 20)
#define SMALL ((size_t)64 << 10)

static struct world w;

static void *own_memory(void)
{
	void *va = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(va, MAP_FAILED);
	return va;
}

static struct uvdk_eal_map *new_map(struct uvdk_ioas *ioas, unsigned int flags)
{
	struct uvdk_eal_map *map;

	cr_assert_eq(uvdk_eal_map_create_flags(ioas, flags, &map), 0, "%s", uvdk_last_error());
	return map;
}

static struct uvdk_eal_map_stats stats_of(struct uvdk_eal_map *map)
{
	struct uvdk_eal_map_stats stats;

	uvdk_eal_map_get_stats(map, &stats);
	return stats;
}

static bool reached(void *va)
{
	return world_reaches(&w, w.ioas, RID, va, LEN);
}

Test(eal_external, what_is_registered_is_reached_until_it_is_not)
{
	uvdk_iova_t iova, here;
	struct uvdk_eal_map *map;
	void *mem, *va;

	eal_start();
	world_open(&w, 0);
	map = new_map(w.ioas, UVDK_EAL_MAP_EXTERNAL);
	mem = rte_malloc(NULL, 4096, 4096);
	cr_assert(mem);
	here = uvdk_translate(uvdk_ioas_xlate(w.ioas), mem);
	va = own_memory();
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uvdk_eal_extmem_register(va, LEN, 4096), 0, "%s", uvdk_last_error());
		cr_expect(reached(va));
		cr_expect_eq(stats_of(map).external, LEN);
		cr_expect_eq(stats_of(map).pages, ((64 << 20) + LEN) / 4096);
		iova = uvdk_translate(uvdk_ioas_xlate(w.ioas), va);
		cr_expect_eq(uvdk_eal_extmem_register(va, LEN, 4096), -EEXIST);
		cr_expect(reached(va), "a refusal has changed something");
		cr_assert_eq(uvdk_eal_extmem_unregister(va, LEN), 0, "%s", uvdk_last_error());
		cr_expect_eq(world_copy(&w, RID, here, iova, 1), READ_FAULT);
		cr_expect_eq(world_copy(&w, RID, iova, here, 1), WRITE_FAULT);
		cr_expect_eq(uvdk_eal_extmem_unregister(va, LEN), -ENOENT);
		cr_expect_eq(stats_of(map).external, 0);
	}
	uvdk_eal_map_destroy(map);
	world_close(&w);
	munmap(va, LEN);
}

Test(eal_external, only_maps_that_ask_get_it)
{
	struct uvdk_eal_map *map[2];
	struct uvdk_ioas *second;
	void *va;

	eal_start();
	world_open(&w, 0);
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &second), 0);
	map[0] = new_map(w.ioas, 0);
	map[1] = new_map(second, UVDK_EAL_MAP_EXTERNAL);
	va = own_memory();
	cr_assert_eq(uvdk_eal_extmem_register(va, LEN, 4096), 0);
	cr_expect_not(reached(va));
	cr_expect_neq(uvdk_translate(uvdk_ioas_xlate(second), va), UVDK_IOVA_NONE);
	/* Whoever comes later gets what is there. */
	uvdk_eal_map_destroy(map[0]);
	map[0] = new_map(w.ioas, UVDK_EAL_MAP_EXTERNAL);
	cr_expect(reached(va));
	cr_assert_eq(uvdk_eal_extmem_unregister(va, LEN), 0);
	cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(second), va), UVDK_IOVA_NONE);
	uvdk_eal_map_destroy(map[0]);
	uvdk_eal_map_destroy(map[1]);
	uvdk_ioas_destroy(second);
	world_close(&w);
	munmap(va, LEN);
}

Test(eal_external, a_heap_of_ours_is_reached)
{
	struct uvdk_eal_map *map;
	void *va, *p;

	eal_start();
	world_open(&w, 0);
	map = new_map(w.ioas, UVDK_EAL_MAP_EXTERNAL);
	cr_expect_not(stats_of(map).listens);
	va = own_memory();
	cr_expect_lt(uvdk_eal_heap_add("ours", va, LEN, 4096), 0, "there is no such heap");
	cr_assert_eq(rte_malloc_heap_create("ours"), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uvdk_eal_heap_add("ours", va, LEN, 4096), 0, "%s", uvdk_last_error());
		p = rte_malloc_socket(NULL, 8192, 4096, rte_malloc_heap_get_socket("ours"));
		cr_assert(p);
		cr_expect(world_reaches(&w, w.ioas, RID, p, 8192));
		cr_expect_lt(uvdk_eal_heap_remove("ours", va, LEN), 0, "something is in use");
		cr_expect(world_reaches(&w, w.ioas, RID, p, 8192));
		rte_free(p);
		cr_assert_eq(uvdk_eal_heap_remove("ours", va, LEN), 0, "%s", uvdk_last_error());
		cr_expect_not(reached(va));
	}
	uvdk_eal_map_destroy(map);
	world_close(&w);
	munmap(va, LEN);
}

static struct uvdk_dma_reg *registered(void *va, size_t len)
{
	struct uvdk_dma_reg *reg;

	cr_assert_eq(uvdk_dma_register(w.ioas, va, len, UVDK_MAP_RW, &reg), 0, "%s",
		     uvdk_last_error());
	cr_expect(world_reaches(&w, w.ioas, RID, va, len));

	return reg;
}

static uint64_t registrations(void)
{
	struct uvdk_ioas_stats stats;

	uvdk_ioas_get_stats(w.ioas, &stats);
	return stats.dma.registrations;
}

Test(eal_external, memory_of_a_heap_and_external_memory_can_be_registered_without_a_map_of_eal)
{
	struct uvdk_dma_reg *of_heap, *of_ext;
	void *p, *va;

	eal_start();
	world_open(&w, 0);
	p = rte_malloc(NULL, 3 * 4096, 4096);
	cr_assert(p);
	va = own_memory();
	cr_assert_eq(rte_extmem_register(va, LEN, NULL, 0, 4096), 0);
	of_heap = registered(p, 3 * 4096);
	of_ext = registered(va, LEN);
	cr_expect_eq(registrations(), 2);
	cr_expect_eq(uvdk_dma_unregister(of_ext), 0);
	cr_expect_not(reached(va));
	cr_expect(world_reaches(&w, w.ioas, RID, p, 3 * 4096));
	cr_expect_eq(uvdk_dma_unregister(of_heap), 0);
	cr_expect_eq(registrations(), 0);
	cr_assert_eq(rte_extmem_unregister(va, LEN), 0);
	rte_free(p);
	world_close(&w);
	munmap(va, LEN);
}

/* What EAL's map has is shared, and stays when the registration goes. */
Test(eal_external, a_registration_of_what_eal_has_mapped_is_shared)
{
	struct uvdk_dma_reg_info info;
	struct uvdk_eal_map *map;
	struct uvdk_dma_reg *reg;
	void *p;

	eal_start();
	world_open(&w, 0);
	map = new_map(w.ioas, UVDK_EAL_MAP_EXTERNAL);
	p = rte_malloc(NULL, 8192, 4096);
	cr_assert(p);
	reg = registered(p, 8192);
	uvdk_dma_reg_get_info(reg, &info);
	cr_expect_eq(info.mapped, 0);
	cr_expect_eq(uvdk_dma_unregister(reg), 0);
	cr_expect(world_reaches(&w, w.ioas, RID, p, 8192));
	rte_free(p);
	uvdk_eal_map_destroy(map);
	world_close(&w);
}

Test(eal_external, a_sync_finds_what_nobody_told)
{
	struct uvdk_eal_map *map;
	void *va;

	eal_start();
	world_open(&w, 0);
	cr_expect_eq(uvdk_eal_map_sync(NULL), -EINVAL);
	map = new_map(w.ioas, UVDK_EAL_MAP_EXTERNAL);
	va = own_memory();
	cr_assert_eq(rte_extmem_register(va, LEN, NULL, 0, 4096), 0);
	cr_expect_not(reached(va));
	cr_assert_eq(uvdk_eal_map_sync(map), 0, "%s", uvdk_last_error());
	cr_expect(reached(va));
	cr_assert_eq(uvdk_eal_map_sync(map), 0, "nothing has changed");
	cr_expect_eq(stats_of(map).maps, 2);
	cr_assert_eq(rte_extmem_unregister(va, LEN), 0);
	cr_assert_eq(uvdk_eal_map_sync(map), 0);
	cr_expect_not(reached(va));
	cr_expect_eq(stats_of(map).maps, 1);
	uvdk_eal_map_destroy(map);
	world_close(&w);
	munmap(va, LEN);
}

/* No room in the device's 27 bits: refused as a whole, and mapped once there is room. */
Test(eal_external, what_does_not_fit_is_refused_and_may_come_later)
{
	uvdk_iova_t taken = UINT64_C(1) << 26, room;
	struct uvdk_eal_map_stats stats;
	struct uvdk_eal_map *map;
	void *va, *small;

	eal_start();
	world_open(&w, 27);
	map = new_map(w.ioas, UVDK_EAL_MAP_EXTERNAL);
	va = own_memory();
	small = own_memory();
	cr_assert_eq(uvdk_ioas_reserve(w.ioas, SMALL, 0, false, &room), 0);
	/* All that is left beside the 64 MiB. */
	for (size_t step = (size_t)32 << 20; step >= 4096; step /= 2)
		while (!uvdk_ioas_reserve(w.ioas, step, 4096, false, &taken))
			;
	cr_expect_lt(uvdk_eal_extmem_register(va, LEN, 4096), 0);
	cr_expect_lt(rte_extmem_unregister(va, LEN), 0, "it is registered, though refused");
	stats = stats_of(map);
	cr_expect_eq(stats.missed, 0);
	cr_expect_eq(stats.failures, 1);

	/* DPDK has it, and we could not. */
	cr_assert_eq(rte_extmem_register(va, LEN, NULL, 0, 4096), 0);
	cr_expect_lt(uvdk_eal_map_sync(map), 0);
	cr_expect_eq(stats_of(map).missed, LEN);
	cr_expect_not(reached(va));
	/* What others could not get is no reason to refuse what fits. */
	cr_assert_eq(uvdk_ioas_unreserve(w.ioas, room), 0);
	cr_expect_eq(uvdk_eal_extmem_register(small, SMALL, 4096), 0, "%s", uvdk_last_error());
	cr_expect(world_reaches(&w, w.ioas, RID, small, SMALL));
	cr_expect_not(reached(va));
	cr_assert_eq(uvdk_eal_extmem_unregister(small, SMALL), 0);
	/* Room again. */
	for (uvdk_iova_t at = 0; at < UINT64_C(1) << 27; at += 4096)
		uvdk_ioas_unreserve(w.ioas, at);
	cr_expect_eq(uvdk_eal_map_sync(map), 0, "%s", uvdk_last_error());
	stats = stats_of(map);
	cr_expect_eq(stats.missed, 0);
	cr_expect_geq(stats.retried, 1);
	cr_expect(reached(va));
	cr_assert_eq(uvdk_eal_extmem_unregister(va, LEN), 0);
	uvdk_eal_map_destroy(map);
	world_close(&w);
	munmap(va, LEN);
	munmap(small, LEN);
}

#define TENANTS 3u

/* DPDK's memory in the address spaces of PASIDs, each on its own. */
Test(eal_external, address_spaces_of_pasids_have_it_each)
{
	struct uvdk_eal_map *map[TENANTS];
	struct uvdk_ioas *ioas[TENANTS];
	void *va, *mem;

	eal_start();
	world_open(&w, 0);
	for (unsigned int i = 0; i < TENANTS; i++) {
		cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &ioas[i]), 0);
		cr_assert_eq(uvdk_ioas_attach_pasid(ioas[i], w.dev, 10 + i), 0, "%s",
			     uvdk_last_error());
		map[i] = new_map(ioas[i], i ? UVDK_EAL_MAP_EXTERNAL : 0);
	}
	mem = rte_malloc(NULL, 8192, 4096);
	va = own_memory();
	cr_assert_eq(uvdk_eal_extmem_register(va, LEN, 4096), 0);
	cr_expect_not(world_reaches(&w, w.ioas, RID, mem, 8192));
	for (unsigned int i = 0; i < TENANTS; i++) {
		cr_expect(world_reaches(&w, ioas[i], 10 + i, mem, 8192), "tenant %u", i);
		cr_expect_eq(world_reaches(&w, ioas[i], 10 + i, va, LEN), i > 0, "tenant %u", i);
	}
	/* One goes: its numbers reach nothing, the others' all. */
	uvdk_eal_map_destroy(map[1]);
	cr_expect_eq(world_copy(&w, 11, (uintptr_t)mem + 8, (uintptr_t)mem, 8), READ_FAULT);
	cr_expect(world_reaches(&w, ioas[2], 12, va, LEN));
	cr_assert_eq(uvdk_eal_extmem_unregister(va, LEN), 0);
	cr_expect_not(world_reaches(&w, ioas[2], 12, va, LEN));
	cr_expect(world_reaches(&w, ioas[2], 12, mem, 8192));
	uvdk_eal_map_destroy(map[0]);
	uvdk_eal_map_destroy(map[2]);
	for (unsigned int i = 0; i < TENANTS; i++)
		uvdk_ioas_destroy(ioas[i]);
	rte_free(mem);
	world_close(&w);
	munmap(va, LEN);
}
