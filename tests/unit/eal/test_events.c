// SPDX-License-Identifier: BSD-3-Clause
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "eal_world.h"

/*
 * Memory events as EAL sends them in its dynamic mode, which needs huge pages.
 * Here EAL is played: the calls that lib/eal makes are defined in this program,
 * over one segment list of 64 pages.
 */

TestSuite(eal_events, .timeout = 60);

#define PAGE  ((size_t)2 << 20)
#define PAGES 64

static struct rte_memseg_list list;
static bool there[PAGES];
static rte_mem_event_callback_t callbacks[4];
static void *args[4];

int rte_eal_has_hugepages(void)
{
	return 1;
}

unsigned int rte_lcore_count(void)
{
	return 1;
}

struct rte_memseg_list *rte_mem_virt2memseg_list(const void *va)
{
	size_t off = (size_t)((const char *)va - (const char *)list.base_va);

	return off < list.len ? &list : NULL;
}

int rte_mem_event_callback_register(const char *name, rte_mem_event_callback_t cb, void *arg)
{
	cr_assert_leq(strlen(name) + 1, 64);
	for (unsigned int i = 0; i < 4; i++)
		if (!callbacks[i]) {
			callbacks[i] = cb;
			args[i] = arg;
			return 0;
		}
	rte_errno = ENOSPC;
	return -1;
}

int rte_mem_event_callback_unregister(const char *name, void *arg)
{
	(void)name;
	for (unsigned int i = 0; i < 4; i++)
		if (callbacks[i] && args[i] == arg) {
			callbacks[i] = NULL;
			return 0;
		}
	return -1;
}

int rte_memseg_contig_walk(rte_memseg_contig_walk_t fn, void *arg)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		struct rte_memseg ms = {.addr = (char *)list.base_va + i * PAGE, .len = PAGE};
		unsigned int first = i;

		if (!there[i])
			continue;
		while (i + 1 < PAGES && there[i + 1])
			i++;
		if (fn(&list, &ms, (i + 1 - first) * PAGE, arg) < 0)
			return -1;
	}
	return 0;
}

/* Called once every callback has returned, where EAL gives pages back. */
static void (*before_it_goes)(unsigned int first, unsigned int count);

static void event(enum rte_mem_event what, unsigned int first, unsigned int count)
{
	for (unsigned int i = first; i < first + count; i++)
		there[i] = what == RTE_MEM_EVENT_ALLOC;
	for (unsigned int i = 0; i < 4; i++)
		if (callbacks[i])
			callbacks[i](what, (char *)list.base_va + first * PAGE, count * PAGE,
				     args[i]);
	if (what == RTE_MEM_EVENT_FREE && before_it_goes)
		before_it_goes(first, count);
}

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_ioas *ioas[2];

/* Aligned to a page; beyond the reach of 31 address bits. */
static void *reserve(size_t len)
{
	char *va = mmap(NULL, len + PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	cr_assert_neq(va, MAP_FAILED);
	return va + (PAGE - (uintptr_t)va % PAGE) % PAGE;
}

static void make(unsigned int iova_bits, bool external)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true, .iova_bits = iova_bits};
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};

	list.len = PAGE * PAGES;
	list.page_sz = PAGE;
	list.external = external;
	list.base_va = reserve(list.len);
	cr_assert_eq(uvdk_emu_create(&opts, &emu), 0);
	iommu_opts.emu = emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu_opts, &iommu), 0, "%s", uvdk_last_error());
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas[i]), 0);
}

static void drop(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct uvdk_ioas_stats stats;

		uvdk_ioas_get_stats(ioas[i], &stats);
		cr_assert_eq(stats.maps, 0);
		uvdk_ioas_destroy(ioas[i]);
	}
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
}

/* Mapped are exactly the pages that are there, at one distance from their VA. */
static void expect_exact(unsigned int which)
{
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas[which]);
	uint64_t distance = 0;
	bool known = false;

	for (unsigned int i = 0; i < PAGES; i++) {
		char *va = (char *)list.base_va + i * PAGE;
		uvdk_iova_t iova = uvdk_translate(x, va);

		cr_assert_eq(iova != UVDK_IOVA_NONE, there[i], "page %u", i);
		cr_assert_eq(uvdk_translate(x, va + PAGE - 1) != UVDK_IOVA_NONE, there[i]);
		if (!there[i])
			continue;
		if (known)
			cr_assert_eq(iova - (uintptr_t)va, distance, "page %u", i);
		distance = iova - (uintptr_t)va;
		known = true;
	}
}

static void come_and_go(unsigned int iova_bits)
{
	struct uvdk_eal_map *map[2];

	make(iova_bits, false);
	event(RTE_MEM_EVENT_ALLOC, 3, 5);
	event(RTE_MEM_EVENT_ALLOC, 20, 1);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(uvdk_eal_map_create(ioas[i], &map[i]), 0, "%s", uvdk_last_error());
	expect_exact(0);
	/* Part of what was there at once may go. */
	event(RTE_MEM_EVENT_FREE, 4, 2);
	expect_exact(0);
	srand(1);
	for (unsigned int n = 0; n < 3000; n++) {
		unsigned int first = (unsigned int)rand() % PAGES;
		unsigned int count = 1;

		while (first + count < PAGES && there[first + count] == there[first] && rand() % 4)
			count++;
		event(there[first] ? RTE_MEM_EVENT_FREE : RTE_MEM_EVENT_ALLOC, first, count);
		expect_exact(0);
		expect_exact(1);
	}
	uvdk_eal_map_destroy(map[0]);
	event(RTE_MEM_EVENT_FREE, 3, 1);
	event(RTE_MEM_EVENT_ALLOC, 3, 1);
	expect_exact(1);
	uvdk_eal_map_destroy(map[1]);
	drop();
}

Test(eal_events, exactly_the_pages_that_are_there_are_mapped)
{
	come_and_go(48);
}

Test(eal_events, also_in_a_window)
{
	come_and_go(31);
}

Test(eal_events, external_memory_only_when_asked_for)
{
	struct uvdk_eal_map *map[2];

	make(48, true);
	cr_assert_eq(uvdk_eal_map_create(ioas[0], &map[0]), 0);
	cr_assert_eq(uvdk_eal_map_create_flags(ioas[1], UVDK_EAL_MAP_EXTERNAL, &map[1]), 0);
	for (int i = 0; i < 3; i++) {
		event(RTE_MEM_EVENT_ALLOC, 0, PAGES);
		expect_exact(1);
		cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(ioas[0]), list.base_va),
			     UVDK_IOVA_NONE);
		event(RTE_MEM_EVENT_FREE, 0, PAGES);
		expect_exact(1);
	}
	uvdk_eal_map_destroy(map[0]);
	uvdk_eal_map_destroy(map[1]);
	drop();
}

/* ---- what devices reach ---- */

static struct world w;

static void *page(unsigned int i)
{
	return (char *)list.base_va + i * PAGE;
}

static void make_world(unsigned int iova_bits)
{
	list.len = PAGE * PAGES;
	list.page_sz = PAGE;
	list.base_va = reserve(list.len);
	world_open(&w, iova_bits);
}

static unsigned int gone;

static void expect_out_of_reach(unsigned int first, unsigned int count)
{
	uvdk_iova_t safe = uvdk_translate(uvdk_ioas_xlate(w.ioas), page(0));

	for (unsigned int i = first; i < first + count; i++) {
		uvdk_iova_t iova = safe + i * PAGE;

		cr_expect_eq(world_copy(&w, RID, iova, safe, 64), WRITE_FAULT, "page %u", i);
		cr_expect_eq(world_copy(&w, RID, safe, iova, 64), READ_FAULT, "page %u", i);
		cr_expect_eq(*(char *)page(i), 7, "page %u was written", i);
		gone++;
	}
}

/* EAL gives memory back when the callbacks have returned: no DMA may reach it by then. */
static void freed_in_time(unsigned int iova_bits)
{
	struct uvdk_eal_map *map;

	make_world(iova_bits);
	event(RTE_MEM_EVENT_ALLOC, 0, 1);
	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0, "%s", uvdk_last_error());
	before_it_goes = expect_out_of_reach;
	for (unsigned int n = 1; n < 6; n++) {
		event(RTE_MEM_EVENT_ALLOC, 2 * n, n);
		/* At once: the event is all there is. */
		for (unsigned int i = 2 * n; i < 3 * n; i++) {
			cr_expect(world_reaches(&w, w.ioas, RID, page(i), 8192), "page %u", i);
			*(char *)page(i) = 7;
		}
		event(RTE_MEM_EVENT_FREE, 2 * n, n);
	}
	cr_expect_eq(gone, 1 + 2 + 3 + 4 + 5);
	before_it_goes = NULL;
	uvdk_eal_map_destroy(map);
	world_close(&w);
}

Test(eal_events, what_is_freed_is_out_of_reach_before_it_is_given_back)
{
	freed_in_time(48);
}

Test(eal_events, so_it_is_in_a_window)
{
	freed_in_time(31);
}

static struct uvdk_eal_map_stats counts(struct uvdk_eal_map *map)
{
	struct uvdk_eal_map_stats stats;

	uvdk_eal_map_get_stats(map, &stats);
	return stats;
}

Test(eal_events, what_comes_and_goes_is_counted)
{
	struct uvdk_eal_map *map;

	make_world(48);
	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0, "%s", uvdk_last_error());
	event(RTE_MEM_EVENT_ALLOC, 3, 5);
	event(RTE_MEM_EVENT_ALLOC, 10, 1);
	event(RTE_MEM_EVENT_FREE, 4, 2);
	cr_expect(counts(map).listens);
	cr_expect_eq(counts(map).windows, 1);
	cr_expect_eq(counts(map).pages, 4);
	cr_expect_eq(counts(map).maps, 4);
	cr_expect_eq(counts(map).bytes, 4 * PAGE);
	cr_expect_eq(counts(map).allocs, 2);
	cr_expect_eq(counts(map).frees, 1);
	cr_expect_eq(counts(map).external + counts(map).missed + counts(map).failures, 0);
	uvdk_eal_map_destroy(map);
	world_close(&w);
}

/* Another has the IOVAs of the list; it is mapped once they are free. */
Test(eal_events, what_could_not_be_mapped_is_tried_again)
{
	uvdk_iova_t taken[2] = {0, UINT64_C(1) << 26};
	struct uvdk_eal_map *map;

	make_world(28);
	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0, "%s", uvdk_last_error());
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(uvdk_ioas_reserve(w.ioas, (size_t)64 << 20, 0, false, &taken[i]), 0);
	event(RTE_MEM_EVENT_ALLOC, 0, 4);
	event(RTE_MEM_EVENT_ALLOC, 8, 4);
	cr_expect_eq(counts(map).missed, 8 * PAGE);
	cr_expect_geq(counts(map).failures, 2);
	cr_expect_not(world_reaches(&w, w.ioas, RID, page(0), 64));
	/* What is freed meanwhile must not come back with the rest. */
	event(RTE_MEM_EVENT_FREE, 1, 2);
	cr_expect_eq(counts(map).missed, 6 * PAGE);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(uvdk_ioas_unreserve(w.ioas, taken[i]), 0);
	event(RTE_MEM_EVENT_FREE, 9, 1);
	cr_expect_eq(counts(map).missed, 0);
	cr_expect_gt(counts(map).retried, 0);
	for (unsigned int i = 0; i < 12; i++)
		cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(w.ioas), page(i)) != UVDK_IOVA_NONE,
			     there[i], "page %u", i);
	cr_expect(world_reaches(&w, w.ioas, RID, page(8), 8192));
	uvdk_eal_map_destroy(map);
	world_close(&w);
}

/* As EAL does when the map goes while another thread frees: nothing may stay reachable. */
Test(eal_events, a_map_that_goes_leaves_nothing)
{
	struct uvdk_eal_map *map;
	uvdk_iova_t iova[2];

	make_world(48);
	event(RTE_MEM_EVENT_ALLOC, 0, 8);
	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0);
	for (unsigned int i = 0; i < 2; i++)
		iova[i] = uvdk_translate(uvdk_ioas_xlate(w.ioas), page(i));
	cr_expect_eq(world_copy(&w, RID, iova[0], iova[1], 64), COPIED);
	uvdk_eal_map_destroy(map);
	cr_expect_eq(world_copy(&w, RID, iova[0], iova[1], 64), READ_FAULT);
	event(RTE_MEM_EVENT_FREE, 0, 8);
	event(RTE_MEM_EVENT_ALLOC, 0, 8);
	cr_expect_eq(world_copy(&w, RID, iova[0], iova[1], 64), READ_FAULT);
	world_close(&w);
}

/* Somebody else has mapped some of a huge page, which comes and goes all the same. */
static void around(unsigned int iova_bits)
{
	const size_t at[3] = {0, 4096 * 100, PAGE - 4096};
	uvdk_iova_t own[3] = {UINT64_C(1) << 30, (UINT64_C(1) << 30) + 8192, UINT64_C(3) << 29};
	struct uvdk_eal_map *map;

	make_world(iova_bits);
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(uvdk_ioas_map(w.ioas, (char *)page(4) + at[i], 4096,
					   UVDK_MAP_RW | UVDK_MAP_FIXED, &own[i]),
			     0, "%s", uvdk_last_error());
	event(RTE_MEM_EVENT_ALLOC, 0, 1);
	cr_assert_eq(uvdk_eal_map_create(w.ioas, &map), 0, "%s", uvdk_last_error());
	for (int n = 0; n < 3; n++) {
		event(RTE_MEM_EVENT_ALLOC, 3, 3);
		for (unsigned int i = 3; i < 6; i++)
			cr_expect(world_reaches(&w, w.ioas, RID, page(i), PAGE), "page %u", i);
		cr_expect_eq(counts(map).bytes, 4 * PAGE - 3 * 4096);
		cr_expect_eq(counts(map).missed + counts(map).failures, 0);
		event(RTE_MEM_EVENT_FREE, 3, 3);
		cr_expect_eq(counts(map).bytes, PAGE);
		cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(w.ioas), (char *)page(4) + 4096),
			     UVDK_IOVA_NONE);
		for (unsigned int i = 0; i < 3; i++)
			cr_expect_eq(
				uvdk_translate(uvdk_ioas_xlate(w.ioas), (char *)page(4) + at[i]),
				own[i], "theirs went, too");
	}
	cr_expect_eq(counts(map).stuck, 0);
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(uvdk_ioas_unmap(w.ioas, own[i], 4096), 0);
	uvdk_eal_map_destroy(map);
	world_close(&w);
}

Test(eal_events, huge_pages_are_mapped_around_what_others_have_of_them)
{
	around(48);
}

Test(eal_events, also_around_it_in_a_window)
{
	around(31);
}
