/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK's memory on huge pages, and what QEMU's edu device reaches of it.
 *
 * usage: eal_edu BDF IOMMU dynamic|in-memory|legacy|no-huge
 */
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_memory.h>
#include <rte_mempool.h>

#include <uvdk_eal.h>

#include "edu.h"

#define MBUFS 4095u /* more than 8 MiB */
#define EXTRA ((size_t)4 << 20)

static struct edu edu;
static struct uvdk_ioas *ioas;
static struct uvdk_eal_map *map;
static uint8_t *safe; /* a page that stays */
static bool listens;
static unsigned int gone;

static uvdk_iova_t iova_of(const void *va)
{
	return uvdk_translate(uvdk_ioas_xlate(ioas), va);
}

static struct uvdk_eal_map_stats counts(void)
{
	struct uvdk_eal_map_stats stats;

	uvdk_eal_map_get_stats(map, &stats);
	return stats;
}

/* Through the device and back, at another place of the same memory. */
static void expect_reached(uint8_t *va, uint8_t value)
{
	uvdk_iova_t iova = iova_of(va);

	CHECK(iova != UVDK_IOVA_NONE, "%p is not mapped", (void *)va);
	memset(va, value, EDU_BYTES);
	memset(va + EDU_BYTES, 0, EDU_BYTES);
	edu_dma(&edu, EDU_BUFFER, iova, 0);
	edu_dma(&edu, iova + EDU_BYTES, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(va + EDU_BYTES, value), "%p", (void *)va);
}

/* The device can't write there, and can't read it. */
static void expect_out_of_reach(uint8_t *va, uvdk_iova_t iova)
{
	memset(safe, 0x11, EDU_BYTES);
	edu_dma(&edu, EDU_BUFFER, iova_of(safe), 0);
	memset(va, 0x22, EDU_BYTES);
	edu_dma(&edu, iova, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(va, 0x22), "it was written");
	edu_dma(&edu, EDU_BUFFER, iova, 0);
	edu_dma(&edu, iova_of(safe), EDU_BUFFER, EDU_TO_RAM);
	CHECK(!arrived(safe, 0x22), "it was read");
}

/* Registered after the map: called when it has been told, and EAL still has the memory. */
static void before_it_goes(enum rte_mem_event event, const void *addr, size_t len, void *arg)
{
	uint8_t *va = (uint8_t *)(uintptr_t)addr;

	(void)arg;
	if (event != RTE_MEM_EVENT_FREE)
		return;
	CHECK(iova_of(va) == UVDK_IOVA_NONE && iova_of(va + len - 1) == UVDK_IOVA_NONE,
	      "still mapped");
	/* IOVA = VA here: checked at the start. What EAL's heap still reads is at the ends. */
	expect_out_of_reach(va + 2048, (uintptr_t)va + 2048);
	expect_out_of_reach(va + len - 2048, (uintptr_t)va + len - 2048);
	gone++;
}

static int add_args(const char *kind, const char **argv)
{
	const char *const common[] = {"eal_edu",       "-l", "0", "--no-pci", "--no-telemetry",
				      "--iova-mode=va"};
	int n = 0;

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		argv[n++] = common[i];
	if (!strcmp(kind, "in-memory"))
		argv[n++] = "--in-memory";
	if (!strcmp(kind, "legacy"))
		argv[n++] = "--legacy-mem";
	if (!strcmp(kind, "no-huge"))
		argv[n++] = "--no-huge";
	if (!strcmp(kind, "legacy") || !strcmp(kind, "no-huge")) {
		argv[n++] = "-m";
		argv[n++] = "48";
	}

	return n;
}

static void start_eal(const char *kind)
{
	const char *argv[16] = {NULL};
	int n = add_args(kind, argv);

	CHECK(rte_eal_init(n, (char **)(uintptr_t)argv) >= 0, "%s: %s", kind,
	      rte_strerror(rte_errno));
	listens = !strcmp(kind, "dynamic") || !strcmp(kind, "in-memory");
}

/* A pool made when all is running already; what frees it must not leave it reachable. */
static void pool_after_start(unsigned int round)
{
	struct rte_mbuf *m[2];
	struct rte_mempool *pool;
	char name[16];

	snprintf(name, sizeof(name), "late%u", round);
	pool = rte_pktmbuf_pool_create(name, MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	CHECK(pool, "%s", rte_strerror(rte_errno));
	CHECK_EQ(uvdk_eal_pool_check(ioas, pool), 0);
	for (unsigned int i = 0; i < 2; i++) {
		m[i] = rte_pktmbuf_alloc(pool);
		CHECK(m[i], "no mbuf");
		expect_reached(rte_pktmbuf_mtod(m[i], uint8_t *), (uint8_t)(round + i + 1));
	}
	rte_pktmbuf_free_bulk(m, 2);
	printf("round %u: %llu pages, %llu events\n", round, (unsigned long long)counts().pages,
	       (unsigned long long)(counts().allocs + counts().frees));
	rte_mempool_free(pool);
}

static void come_and_go(void)
{
	struct uvdk_eal_map_stats before = counts();

	CHECK(before.listens == listens, "listens: %d", before.listens);
	if (listens)
		CHECK_EQ(rte_mem_event_callback_register("test", before_it_goes, NULL), 0);
	for (unsigned int round = 0; round < 3; round++)
		pool_after_start(round);
	CHECK_EQ(counts().missed + counts().failures + counts().stuck, 0);
	if (listens) {
		CHECK(gone >= 3, "only %u pieces were given back", gone);
		CHECK(counts().allocs > before.allocs && counts().frees > before.frees, "events");
		CHECK_EQ(counts().bytes, before.bytes);
		CHECK_EQ(rte_mem_event_callback_unregister("test", NULL), 0);
	}
	printf("ok: memory came and went, %u pieces were out of reach first\n", gone);
}

/* Both ways to have DPDK take memory of others. */
static void external(void)
{
	uint8_t *va = mmap(NULL, EXTRA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uvdk_iova_t iova;

	CHECK(va != MAP_FAILED, "no memory");
	CHECK_EQ(rte_malloc_heap_create("ours"), 0);
	for (unsigned int round = 0; round < 3; round++) {
		CHECK_EQ(uvdk_eal_heap_add("ours", va, EXTRA, 4096), 0);
		/* Its first and last bytes are the heap's. */
		expect_reached(va + 2048, 0x40);
		expect_reached(va + EXTRA - 2048, 0x41);
		iova = iova_of(va);
		CHECK_EQ(uvdk_eal_heap_remove("ours", va, EXTRA), 0);
		expect_out_of_reach(va, iova);

		CHECK_EQ(uvdk_eal_extmem_register(va, EXTRA, 4096), 0);
		expect_reached(va, 0x50);
		iova = iova_of(va);
		CHECK_EQ(counts().external, EXTRA);
		CHECK_EQ(uvdk_eal_extmem_unregister(va, EXTRA), 0);
		expect_out_of_reach(va, iova);
	}
	munmap(va, EXTRA);
	printf("ok: memory of others was reached while DPDK had it\n");
}

static void end(struct uvdk_iommu *iommu)
{
	struct uvdk_ioas_stats stats;
	uvdk_iova_t iova = iova_of(safe);

	/* The map goes, EAL stays: nothing of it is reached any more. */
	uvdk_eal_map_destroy(map);
	uvdk_ioas_get_stats(ioas, &stats);
	CHECK_EQ(stats.maps, 0);
	memset(safe, 0x33, EDU_BYTES);
	edu_dma(&edu, iova, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(safe, 0x33), "reached without a map");
	uvdk_device_close(edu.dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
}

int main(int argc, char **argv)
{
	struct uvdk_iommu *iommu;

	CHECK(argc == 4, "usage: eal_edu BDF IOMMU KIND");
	uvdk_eal_log_start();
	start_eal(argv[3]);
	CHECK_EQ(uvdk_iommu_open(argv[2], NULL, &iommu), 0);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	edu_open(&edu, iommu, argv[1]);
	CHECK_EQ(uvdk_ioas_attach(ioas, edu.dev), 0);
	CHECK_EQ(uvdk_eal_map_create_flags(ioas, UVDK_EAL_MAP_EXTERNAL, &map), 0);
	safe = rte_zmalloc(NULL, 4096, 4096);
	CHECK(safe, "no memory");
	CHECK_EQ(iova_of(safe), (uintptr_t)safe);
	expect_reached(safe, 0x77);
	come_and_go();
	external();
	end(iommu);
	rte_eal_cleanup();
	printf("all ok\n");

	return 0;
}
