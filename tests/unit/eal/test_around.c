// SPDX-License-Identifier: BSD-3-Clause
#include <sys/mman.h>

#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_mempool.h>

#include <uvdk_dma_reg.h>

#include "eal_world.h"

/* Pages of DPDK's memory that somebody else has mapped: the rest is mapped around them. */

TestSuite(eal_around, .timeout = 60);

#define LEN ((size_t)1 << 20)

static struct world w;

static struct uvdk_eal_map_stats stats_of(struct uvdk_eal_map *map)
{
	struct uvdk_eal_map_stats stats;

	uvdk_eal_map_get_stats(map, &stats);
	return stats;
}

static void *own_memory(void)
{
	void *va = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(va, MAP_FAILED);
	return va;
}

static bool reached(void *va, size_t len)
{
	return world_reaches(&w, w.ioas, RID, va, len);
}

static bool is_mapped(const void *va)
{
	return uvdk_translate(uvdk_ioas_xlate(w.ioas), va) != UVDK_IOVA_NONE;
}

/* Of the memory that was there at EAL's start: the first page, some in the middle, the last. */
Test(eal_around, a_page_that_was_registered_first_hides_nothing)
{
	struct uvdk_dma_reg *reg[3];
	struct uvdk_eal_map *map;
	uvdk_iova_t own;
	char *mem, *start;

	eal_start();
	world_open(&w, 0);
	mem = rte_malloc(NULL, 64 * 4096, 4096);
	cr_assert(mem);
	start = rte_mem_virt2memseg_list(mem)->base_va;
	cr_assert_eq(uvdk_dma_register(w.ioas, start, 4096, UVDK_MAP_RW, &reg[0]), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(uvdk_dma_register(w.ioas, mem + 2 * 4096, 8192, UVDK_MAP_RW, &reg[1]), 0);
	cr_assert_eq(
		uvdk_dma_register(w.ioas, start + (64 << 20) - 4096, 4096, UVDK_MAP_RW, &reg[2]),
		0);
	own = uvdk_translate(uvdk_ioas_xlate(w.ioas), mem + 2 * 4096);
	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0, "%s", uvdk_last_error());
	for (size_t off = 0; off < 64 << 20; off += 4096)
		cr_assert(is_mapped(start + off), "page %zu", off / 4096);
	cr_expect(reached(mem, (size_t)64 * 4096));
	cr_expect_eq(stats_of(map).bytes, (64 << 20) - 4 * 4096);
	cr_expect_eq(stats_of(map).maps, 2);
	cr_expect_eq(stats_of(map).missed + stats_of(map).failures, 0);
	cr_assert_eq(uvdk_eal_map_sync(map), 0);
	cr_expect_eq(stats_of(map).maps, 2);

	/* Theirs stays theirs, and ours ours. */
	uvdk_eal_map_destroy(map);
	cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(w.ioas), mem + 2 * 4096), own);
	cr_expect(reached(mem + 2 * 4096, 8192));
	cr_expect(reached(start + (64 << 20) - 4096, 4096));
	cr_expect_not(is_mapped(mem));
	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0, "%s", uvdk_last_error());
	for (unsigned int i = 0; i < 3; i++)
		uvdk_dma_unregister(reg[i]);
	cr_expect_not(is_mapped(mem + 2 * 4096), "it went with its owner's");
	cr_expect(reached(mem, 8192));
	/* Nobody tells; who looks finds it. */
	cr_assert_eq(uvdk_eal_map_sync(map), 0, "%s", uvdk_last_error());
	cr_expect(reached(mem, (size_t)64 * 4096));
	cr_expect_eq(stats_of(map).bytes, 64 << 20);
	uvdk_eal_map_destroy(map);
	rte_free(mem);
	world_close(&w);
}

/* An mbuf of which a part is somebody else's is not in a row, and that is told. */
Test(eal_around, an_mbuf_that_is_torn_is_found)
{
	struct rte_mempool *pool;
	struct uvdk_eal_map *map;
	struct uvdk_dma_reg *reg;
	char *data;
	struct rte_mbuf *m;

	eal_start();
	world_open(&w, 0);
	pool = rte_pktmbuf_pool_create("p", 63, 0, 0, 9000, SOCKET_ID_ANY);
	cr_assert(pool);
	m = rte_pktmbuf_alloc(pool);
	data = (char *)((uintptr_t)((char *)m->buf_addr + 4095) & ~(uintptr_t)4095);
	cr_assert_eq(uvdk_dma_register(w.ioas, data, 4096, UVDK_MAP_RW, &reg), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0, "%s", uvdk_last_error());
	cr_expect_eq(uvdk_eal_pool_check(w.ioas, pool), -EFAULT);
	cr_expect(strstr(uvdk_last_error(), "not in a row"), "%s", uvdk_last_error());
	uvdk_eal_map_destroy(map);
	uvdk_dma_unregister(reg);
	/* The other order: one map. */
	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dma_register(w.ioas, data, 4096, UVDK_MAP_RW, &reg), 0);
	cr_expect_eq(uvdk_eal_pool_check(w.ioas, pool), 0, "%s", uvdk_last_error());
	uvdk_dma_unregister(reg);
	cr_expect_eq(uvdk_eal_pool_check(w.ioas, pool), 0, "%s", uvdk_last_error());
	uvdk_eal_map_destroy(map);
	rte_pktmbuf_free(m);
	rte_mempool_free(pool);
	world_close(&w);
}

Test(eal_around, nor_one_of_external_memory)
{
	uvdk_iova_t iova[2] = {0x10000000, 0x20000000};
	struct uvdk_eal_map *map;
	char *va;

	eal_start();
	world_open(&w, 0);
	cr_assert_eq(uvdk_eal_map_create_flags(w.ioas, UVDK_EAL_MAP_EXTERNAL, &map), 0);
	va = own_memory();
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(uvdk_ioas_map(w.ioas, va + i * LEN / 2, 4096,
					   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova[i]),
			     0, "%s", uvdk_last_error());
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uvdk_eal_extmem_register(va, LEN, 4096), 0, "%s", uvdk_last_error());
		cr_expect(reached(va, LEN));
		cr_expect_eq(stats_of(map).external, LEN - 8192);
		cr_assert_eq(uvdk_eal_extmem_unregister(va, LEN), 0, "%s", uvdk_last_error());
		cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(w.ioas), va), iova[0]);
		cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(w.ioas), va + LEN / 2), iova[1]);
		cr_expect_not(is_mapped(va + 4096));
		cr_expect_not(is_mapped(va + LEN - 4096));
	}
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(uvdk_ioas_unmap(w.ioas, iova[i], 4096), 0);
	uvdk_eal_map_destroy(map);
	world_close(&w);
	munmap(va, LEN);
}

/* ---- 39 bits of address: what many IOMMUs of clients have ---- */

#define REACH (UINT64_C(1) << 39)

static bool all_low(const char *va, size_t len)
{
	for (size_t off = 0; off < len; off += 4096)
		if (uvdk_translate(uvdk_ioas_xlate(w.ioas), va + off) >= REACH)
			return false;
	return true;
}

/* EAL's own addresses may lie below or above the limit; mmap()'s lie above. */
static void narrow(enum uvdk_iova_policy policy)
{
	struct uvdk_ioas_opts opts = {.size = sizeof(opts), .policy = policy};
	struct uvdk_iova_range range[8];
	struct uvdk_eal_map *map;
	struct uvdk_ioas *first;
	unsigned int ranges;
	char *va, *mem;

	eal_start();
	world_open(&w, 39);
	first = w.ioas;
	uvdk_ioas_detach(first, w.dev);
	cr_assert_eq(uvdk_ioas_create(w.iommu, &opts, &w.ioas), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_attach(w.ioas, w.dev), 0, "%s", uvdk_last_error());
	ranges = uvdk_ioas_ranges(w.ioas, range, 8);
	cr_assert(ranges && ranges <= 8);
	cr_assert_lt(range[ranges - 1].last, REACH);
	cr_assert_eq(uvdk_eal_map_create_flags(w.ioas, UVDK_EAL_MAP_EXTERNAL, &map), 0, "%s",
		     uvdk_last_error());
	mem = rte_malloc(NULL, LEN, 4096);
	va = own_memory();
	cr_assert_geq((uintptr_t)va, REACH);
	cr_assert_eq(uvdk_eal_extmem_register(va, LEN, 4096), 0, "%s", uvdk_last_error());
	cr_expect(reached(mem, LEN));
	cr_expect(reached(va, LEN));
	cr_expect(all_low(mem, LEN));
	cr_expect(all_low(va, LEN));
	cr_expect_eq(stats_of(map).failures, 0);
	cr_assert_eq(uvdk_eal_extmem_unregister(va, LEN), 0);
	uvdk_eal_map_destroy(map);
	cr_expect_not(is_mapped(mem));
	rte_free(mem);
	uvdk_ioas_detach(w.ioas, w.dev);
	uvdk_ioas_destroy(w.ioas);
	w.ioas = first;
	world_close(&w);
	munmap(va, LEN);
}

Test(eal_around, a_device_of_39_bits_reaches_all)
{
	narrow(UVDK_IOVA_LOW);
}

Test(eal_around, also_with_iovas_for_huge_pages)
{
	narrow(UVDK_IOVA_HUGE);
}

Test(eal_around, also_where_iovas_are_addresses_if_they_can_be)
{
	narrow(UVDK_IOVA_VA);
}
