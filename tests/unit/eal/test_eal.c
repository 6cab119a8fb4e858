// SPDX-License-Identifier: BSD-3-Clause
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include <uvdk_base_driver.h>

#include "eal_world.h"

/* Every page of EAL memory is mapped while it is there, and no longer. */

TestSuite(eal, .timeout = 60);

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_ioas *ioas;

static void make_ioas(unsigned int iova_bits)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true, .iova_bits = iova_bits};
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};

	cr_assert_eq(uvdk_emu_create(&opts, &emu), 0);
	iommu_opts.emu = emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu_opts, &iommu), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
}

static void drop_ioas(void)
{
	struct uvdk_ioas_stats stats;

	uvdk_ioas_get_stats(ioas, &stats);
	cr_assert_eq(stats.maps, 0);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
}

static void init_eal(const char *how)
{
	char *no_huge[] = {"test",	  "--no-huge",	     "-m",
			   "64",	  "--no-pci",	     "--no-telemetry",
			   "--no-shconf", "--log-level=*:3", NULL};
	char *debug[] = {"test",	"--no-huge",	   "-m",
			 "64",		"--no-pci",	   "--no-telemetry",
			 "--no-shconf", "--log-level=*:3", "--log-level=uvdk:debug",
			 NULL};
	char *in_memory[] = {"test",	       "--in-memory",	  "--no-pci",
			     "--no-telemetry", "--log-level=*:3", NULL};
	bool huge = !strcmp(how, "--in-memory");

	if (!strcmp(how, "debug")) {
		cr_assert_geq(rte_eal_init(9, debug), 0, "%s", rte_strerror(rte_errno));
		return;
	}
	cr_assert_geq(huge ? rte_eal_init(5, in_memory) : rte_eal_init(8, no_huge), 0, "%s: %s",
		      how, rte_strerror(rte_errno));
}

static int check_mapped(const struct rte_memseg_list *msl, const struct rte_memseg *ms, size_t len,
			void *arg)
{
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas);
	uvdk_iova_t first = uvdk_translate(x, ms->addr);
	bool *same = arg;

	if (msl->external)
		return 0;
	/* What is contiguous in memory is contiguous for devices. */
	for (size_t off = 0; off < len; off += 4096)
		cr_assert_eq(uvdk_translate(x, (char *)ms->addr + off), first + off, "page at %zu",
			     off);
	*same = *same && first == (uintptr_t)ms->addr;

	return 0;
}

/* Asserts that all is mapped; returns whether IOVA = VA. */
static bool all_is_mapped(void)
{
	bool same = true;

	rte_memseg_contig_walk(check_mapped, &same);

	return same;
}

Test(eal, before_init_there_is_nothing_to_map)
{
	struct uvdk_eal_map *map = NULL;

	make_ioas(0);
	cr_expect_eq(uvdk_eal_map_create(ioas, &map), -ENODEV);
	cr_expect_eq(uvdk_eal_map_create(NULL, &map), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "needs an address space"), "%s", uvdk_last_error());
	cr_expect_null(map);
	drop_ioas();
}

Test(eal, memory_is_mapped_at_its_own_addresses)
{
	struct uvdk_ioas_stats stats;
	struct uvdk_eal_map *map;

	init_eal("--no-huge");
	make_ioas(0);
	cr_assert_eq(uvdk_eal_map_create(ioas, &map), 0, "%s", uvdk_last_error());
	cr_expect(all_is_mapped());
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.bytes, 64 << 20);
	cr_expect_eq(stats.maps, 1);
	uvdk_eal_map_destroy(map);
	cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(ioas), rte_malloc(NULL, 64, 0)),
		     UVDK_IOVA_NONE);
	drop_ioas();
}

/* A device of 32 address bits: EAL's addresses are beyond it. */
Test(eal, a_narrow_device_gets_a_window)
{
	struct uvdk_eal_map *map;

	init_eal("--no-huge");
	make_ioas(32);
	cr_assert_eq(uvdk_eal_map_create(ioas, &map), 0, "%s", uvdk_last_error());
	cr_expect_not(all_is_mapped());
	uvdk_eal_map_destroy(map);
	/* The window is given back: it fits again. */
	for (int i = 0; i < 200; i++) {
		cr_assert_eq(uvdk_eal_map_create(ioas, &map), 0, "%s", uvdk_last_error());
		uvdk_eal_map_destroy(map);
	}
	drop_ioas();
}

Test(eal, no_room_for_a_window_is_said_and_leaves_nothing)
{
	struct uvdk_eal_map *map = NULL;

	init_eal("--no-huge");
	make_ioas(25);
	cr_expect_lt(uvdk_eal_map_create(ioas, &map), 0);
	cr_expect(strstr(uvdk_last_error(), "64 MiB"), "%s", uvdk_last_error());
	cr_expect_null(map);
	drop_ioas();
}

Test(eal, several_address_spaces_have_it_all)
{
	struct uvdk_eal_map *map[2];
	struct uvdk_ioas *second;
	struct uvdk_ioas *first;

	init_eal("--no-huge");
	make_ioas(0);
	first = ioas;
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &second), 0);
	cr_assert_eq(uvdk_eal_map_create(first, &map[0]), 0);
	cr_assert_eq(uvdk_eal_map_create(second, &map[1]), 0, "%s", uvdk_last_error());
	all_is_mapped();
	uvdk_eal_map_destroy(map[0]);
	ioas = second;
	all_is_mapped();
	uvdk_eal_map_destroy(map[1]);
	cr_expect_eq(uvdk_eal_map_create_flags(first, 2, &map[0]), -EINVAL);
	uvdk_ioas_destroy(second);
	ioas = first;
	drop_ioas();
}

/* Two would share their pages, and the first to go would take them from the other. */
Test(eal, an_address_space_has_one_map)
{
	struct uvdk_eal_map *second = NULL;
	struct uvdk_eal_map *map;

	init_eal("--no-huge");
	make_ioas(0);
	cr_assert_eq(uvdk_eal_map_create(ioas, &map), 0, "%s", uvdk_last_error());
	cr_expect_eq(uvdk_eal_map_create(ioas, &second), -EEXIST);
	cr_expect_null(second);
	cr_expect(all_is_mapped());
	uvdk_eal_map_destroy(map);
	cr_assert_eq(uvdk_eal_map_create(ioas, &map), 0, "%s", uvdk_last_error());
	uvdk_eal_map_destroy(map);
	drop_ioas();
}

static bool there_are_huge_pages(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned int n = 0;

	if (f) {
		if (fscanf(f, "%u", &n) != 1)
			n = 0;
		fclose(f);
	}

	return n >= 16;
}

#define EXT_LEN (4u << 20)

/* Memory added to an EAL heap and taken away again. */
static void external_memory(unsigned int flags, bool expect)
{
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas);
	char *va = mmap(NULL, EXT_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uvdk_eal_map *map;

	cr_assert_eq(uvdk_eal_map_create_flags(ioas, flags, &map), 0, "%s", uvdk_last_error());
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(rte_malloc_heap_memory_add("ext", va, EXT_LEN, NULL, 0, 4096), 0, "%s",
			     rte_strerror(rte_errno));
		cr_expect_eq(uvdk_translate(x, va) != UVDK_IOVA_NONE, expect);
		cr_expect_eq(uvdk_translate(x, va + EXT_LEN - 1) != UVDK_IOVA_NONE, expect);
		cr_assert_eq(rte_malloc_heap_memory_remove("ext", va, EXT_LEN), 0, "%s",
			     rte_strerror(rte_errno));
		cr_expect_eq(uvdk_translate(x, va), UVDK_IOVA_NONE);
	}
	uvdk_eal_map_destroy(map);
	munmap(va, EXT_LEN);
}

/* Huge pages come and go with what is allocated. */
Test(eal, dynamic_memory_is_mapped_while_it_is_there)
{
	struct uvdk_eal_map *map;
	struct uvdk_ioas_stats before;
	struct uvdk_ioas_stats stats;
	void *p[2];

	if (!there_are_huge_pages())
		return; /* test_eal_events.c plays the same without any */
	init_eal("--in-memory");
	make_ioas(0);
	cr_assert_eq(uvdk_eal_map_create(ioas, &map), 0, "%s", uvdk_last_error());
	uvdk_ioas_get_stats(ioas, &before);
	for (int i = 0; i < 2; i++) {
		p[i] = rte_malloc(NULL, 5 << 20, 0);
		cr_assert(p[i]);
		cr_expect_neq(uvdk_translate(uvdk_ioas_xlate(ioas), p[i]), UVDK_IOVA_NONE);
	}
	cr_expect(all_is_mapped());
	rte_free(p[0]);
	cr_expect_neq(uvdk_translate(uvdk_ioas_xlate(ioas), p[1]), UVDK_IOVA_NONE);
	rte_free(p[1]);
	cr_expect_eq(uvdk_translate(uvdk_ioas_xlate(ioas), p[1]), UVDK_IOVA_NONE);
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.maps, before.maps);
	uvdk_eal_map_destroy(map);

	cr_assert_eq(rte_malloc_heap_create("ext"), 0);
	external_memory(0, false);
	external_memory(UVDK_EAL_MAP_EXTERNAL, true);
	drop_ioas();
}

static char lines[4096];

static ssize_t keep(void *cookie, const char *buf, size_t len)
{
	(void)cookie;
	strncat(lines, buf, len < sizeof(lines) - strlen(lines) - 1 ? len : 0);

	return (ssize_t)len;
}

static void catch_lines(void)
{
	cookie_io_functions_t io = {.write = keep};
	FILE *f = fopencookie(NULL, "w", io);

	setvbuf(f, NULL, _IONBF, 0);
	rte_openlog_stream(f);
}

Test(eal, log_lines_go_to_dpdk)
{
	init_eal("--no-huge");
	catch_lines();
	cr_assert_eq(rte_log_set_level_pattern("uvdk", RTE_LOG_DEBUG), 0);
	rte_log_set_global_level(RTE_LOG_DEBUG);
	uvdk_eal_log(NULL, UVDK_LOG_ERR, "net.virtio", "it went wrong");
	cr_expect(strstr(lines, "uvdk: net.virtio: it went wrong\n"), "%s", lines);
}

/* --log-level=uvdk:debug, as for any library of DPDK's. */
Test(eal, what_dpdk_is_told_of_levels_is_done)
{
	init_eal("debug");
	catch_lines();
	rte_log_set_global_level(RTE_LOG_DEBUG);
	cr_expect_eq(uvdk_eal_log_level(), UVDK_LOG_DEBUG);
	uvdk_log(UVDK_LOG_ERR, "x", "nobody listens yet");
	uvdk_eal_log_start();
	uvdk_log(UVDK_LOG_DEBUG, "x", "a detail");
	cr_expect_str_eq(lines, "uvdk: x: a detail\n");
	rte_log_set_level_pattern("uvdk", RTE_LOG_WARNING);
	uvdk_eal_log_start();
	cr_expect_eq(uvdk_eal_log_level(), UVDK_LOG_WARN);
	*lines = '\0';
	uvdk_log(UVDK_LOG_INFO, "x", "news");
	cr_expect_str_empty(lines);
	uvdk_log(UVDK_LOG_WARN, "x", "beware");
	cr_expect_str_eq(lines, "uvdk: x: beware\n");
	rte_log_set_level_pattern("uvdk", RTE_LOG_CRIT);
	cr_expect_eq(uvdk_eal_log_level(), UVDK_LOG_ERR);
	rte_log_set_level_pattern("uvdk", RTE_LOG_INFO);
	cr_expect_eq(uvdk_eal_log_level(), UVDK_LOG_INFO);
}
