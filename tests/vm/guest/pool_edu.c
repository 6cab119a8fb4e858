// SPDX-License-Identifier: BSD-3-Clause
/*
 * pool_edu BDF IOMMU: pools of each size of pages on each of two NUMA nodes. The kernel is asked
 * where their pages lie, and QEMU's edu reads and writes the first object and the last.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include <uvdk_dma.h>

#include "edu.h"

#define OBJECT	((size_t)3000)
#define OBJECTS 5000u
#define PAGE	((uintptr_t)4096)

static struct edu edu;
static struct uvdk_ioas *ioas;

static int node_of(const void *mem)
{
	void *page = (void *)((uintptr_t)mem & ~(PAGE - 1));
	int node = -1;

	CHECK_EQ(syscall(SYS_move_pages, 0, 1ul, &page, NULL, &node, 0), 0);
	return node;
}

static void move(uint8_t *to, uvdk_iova_t to_iova, uint8_t *from, uvdk_iova_t from_iova)
{
	memset(from, 0x5a, EDU_BYTES);
	memset(to, 0, EDU_BYTES);
	edu_dma(&edu, EDU_BUFFER, from_iova, 0);
	edu_dma(&edu, to_iova, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(to, 0x5a), "not all bytes arrived");
}

static void pool_on(enum uvdk_dma_source source, uint64_t page_size, int node)
{
	struct uvdk_dma_opts opts = {.size = sizeof(opts), .source = source, .numa_node = node};
	static uint8_t *object[OBJECTS];
	static uvdk_iova_t iova[OBJECTS];
	struct uvdk_dma_pool_stats stats;
	struct uvdk_dma_pool *pool;

	CHECK_EQ(uvdk_dma_pool_create(ioas, OBJECT, 0, OBJECTS, &opts, &pool), 0);
	uvdk_dma_pool_get_stats(pool, &stats);
	CHECK_EQ(stats.page_size, page_size);
	for (unsigned int i = 0; i < OBJECTS; i++) {
		object[i] = uvdk_dma_pool_get(pool, &iova[i]);
		CHECK(object[i], "object %u is not there", i);
		CHECK_EQ(node_of(object[i]), node);
		CHECK_EQ((iova[i] ^ (uintptr_t)object[i]) & (PAGE - 1), 0);
	}
	CHECK(!uvdk_dma_pool_get(pool, NULL), "more than there are");
	move(object[OBJECTS - 1], iova[OBJECTS - 1], object[0], iova[0]);
	move(object[0], iova[0], object[OBJECTS - 1], iova[OBJECTS - 1]);
	for (unsigned int i = 0; i < OBJECTS; i++)
		CHECK_EQ(uvdk_dma_pool_put(pool, object[i]), 0);
	uvdk_dma_pool_destroy(pool);
	printf("  pages of %lu kB on node %d: all good\n", page_size >> 10, node);
}

/* Of 1 GiB there is one page, and it is on node 1. */
static void refused_on(int node, unsigned int objects)
{
	struct uvdk_dma_opts opts = {
		.size = sizeof(opts), .source = UVDK_DMA_HUGE_1G, .numa_node = node};
	struct uvdk_dma_pool *pool;
	char file[64];

	CHECK_EQ(uvdk_dma_pool_create(ioas, 1u << 20, 0, objects, &opts, &pool), -ENOMEM);
	snprintf(file, sizeof(file), "node%d/hugepages/hugepages-1048576kB", node);
	CHECK(strstr(uvdk_last_error(), file), "not where to get more: %s", uvdk_last_error());
	printf("  no page on node %d: all good\n", node);
}

int main(int argc, char **argv)
{
	struct uvdk_iommu *iommu;
	struct uvdk_ioas_stats left;
	unsigned int fds = count_fds();

	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	CHECK_EQ(uvdk_iommu_open(argv[2], NULL, &iommu), 0);
	edu_open(&edu, iommu, argv[1]);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_ioas_attach(ioas, edu.dev), 0);
	for (int node = 0; node < 2; node++) {
		pool_on(UVDK_DMA_NORMAL, PAGE, node);
		pool_on(UVDK_DMA_HUGE_2M, 2u << 20, node);
	}
	pool_on(UVDK_DMA_HUGE_1G, 1u << 30, 1);
	refused_on(0, 1);
	refused_on(1, 1025);
	uvdk_ioas_get_stats(ioas, &left);
	CHECK_EQ(left.maps, 0);
	uvdk_device_close(edu.dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	printf("  pool_edu: all good\n");
	return 0;
}
