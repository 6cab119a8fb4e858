// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <sys/mman.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include <uvdk_eal.h>

#include "../iommu/fake.h"

/*
 * An iommu that decides by itself where each page goes, as noiommu does: DPDK's
 * memory has no window there. EAL is played: static memory of a few pages.
 */

TestSuite(eal_scattered, .timeout = 60);

#define HUGE_PAGE ((size_t)64 << 10)
#define PAGES	  8

static struct rte_memseg_list list;

unsigned int rte_lcore_count(void)
{
	return 1;
}

struct rte_memseg_list *rte_mem_virt2memseg_list(const void *va)
{
	(void)va;
	return &list;
}

int rte_mem_event_callback_register(const char *name, rte_mem_event_callback_t cb, void *arg)
{
	(void)name;
	(void)cb;
	(void)arg;
	rte_errno = ENOTSUP;
	return -1;
}

int rte_memseg_contig_walk(rte_memseg_contig_walk_t fn, void *arg)
{
	struct rte_memseg ms = {.addr = list.base_va, .len = HUGE_PAGE};

	return fn(&list, &ms, list.len, arg);
}

static struct uvdk_iommu_ops picks;
const struct uvdk_iommu_ops *const uvdk_builtin_iommus[] = {&picks, NULL};
const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {&fake_bus, NULL};

/* Backwards, so that no two pages are in a row. */
static int map_somewhere(void *priv, uvdk_iova_t *at, void *va, size_t len, unsigned int flags)
{
	fake.picked -= 2 * HUGE_PAGE;
	return fake_picks_ops.map(priv, at, va, len, flags);
}

static char *start(void)
{
	char *va = mmap(NULL, (PAGES + 1) * HUGE_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(va, MAP_FAILED);
	va += (HUGE_PAGE - (uintptr_t)va % HUGE_PAGE) % HUGE_PAGE;
	list.base_va = va;
	list.len = PAGES * HUGE_PAGE;
	list.page_sz = HUGE_PAGE;
	picks = fake_picks_ops;
	picks.map = map_somewhere;
	fake_reset();
	fake.picked = UINT64_C(1) << 32;
	cr_assert_eq(uvdk_iommu_open("fake-picks", NULL, &iommu), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0, "%s", uvdk_last_error());

	return va;
}

static unsigned int looks;

const struct uvdk_xlate *__real_uvdk_ioas_xlate(const struct uvdk_ioas *of);
const struct uvdk_xlate *__wrap_uvdk_ioas_xlate(const struct uvdk_ioas *of);

/* Whoever wants to know what is mapped comes by here, for each page. */
const struct uvdk_xlate *__wrap_uvdk_ioas_xlate(const struct uvdk_ioas *of)
{
	looks++;
	return __real_uvdk_ioas_xlate(of);
}

static uvdk_iova_t find(const char *va)
{
	return uvdk_translate(uvdk_ioas_xlate(ioas), va);
}

Test(eal_scattered, each_page_is_mapped_and_only_ours_is_unmapped)
{
	struct uvdk_eal_map_stats stats;
	struct uvdk_eal_map *map;
	uvdk_iova_t own[2];
	char *va = start();

	/* Part of a page, and a page like any of ours. */
	cr_assert_eq(uvdk_ioas_map(ioas, va + 4096, 8192, UVDK_MAP_RW, &own[0]), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, va + 5 * HUGE_PAGE, HUGE_PAGE, UVDK_MAP_RW, &own[1]), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uvdk_eal_map_create(ioas, &map), 0, "%s", uvdk_last_error());
		cr_assert_eq(uvdk_eal_map_sync(map), 0, "%s", uvdk_last_error());
		for (size_t at = 0; at < list.len; at += 4096)
			cr_assert_neq(find(va + at), UVDK_IOVA_NONE, "at %zu", at);
		uvdk_eal_map_get_stats(map, &stats);
		cr_expect_eq(stats.maps, PAGES);
		cr_expect_eq(stats.bytes, list.len - HUGE_PAGE - 8192);
		cr_expect_eq(fake.maps, PAGES + 2);
		uvdk_eal_map_destroy(map);
		cr_expect_eq(fake.maps, 2);
		cr_expect_eq(find(va + 4096), own[0]);
		cr_expect_eq(find(va + 5 * HUGE_PAGE), own[1]);
		cr_expect_eq(find(va), UVDK_IOVA_NONE);
	}
	cr_assert_eq(uvdk_ioas_unmap(ioas, own[0], 8192), 0);
	cr_assert_eq(uvdk_ioas_unmap(ioas, own[1], HUGE_PAGE), 0);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	munmap(va, list.len);
}

Test(eal_scattered, a_sync_looks_once_at_each_map_of_ours)
{
	struct uvdk_eal_map *map;
	char *va = start();

	cr_assert_eq(uvdk_eal_map_create(ioas, &map), 0, "%s", uvdk_last_error());
	looks = 0;
	cr_assert_eq(uvdk_eal_map_sync(map), 0, "%s", uvdk_last_error());
	cr_expect_eq(looks, PAGES);
	cr_expect_eq(fake.maps, PAGES);
	uvdk_eal_map_destroy(map);
	cr_expect_eq(fake.maps, 0);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	munmap(va, list.len);
}
