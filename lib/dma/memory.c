// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mman.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma_priv.h"

#define SIZE_2M (UINT64_C(2) << 20)
#define SIZE_1G (UINT64_C(1) << 30)

/* ---- huge pages ---- */

static uint64_t free_huge_pages(uint64_t page_size)
{
	char path[96];
	uint64_t pages = 0;
	FILE *f;

	snprintf(path, sizeof(path),
		 "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/free_hugepages",
		 page_size >> 10);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &pages) != 1)
		pages = 0;
	fclose(f);

	return pages;
}

static int no_huge_pages(size_t len, uint64_t page_size)
{
	uint64_t wanted = len / page_size;

	return uvdk_fail(-ENOMEM, DMA_COMPONENT,
			 "%zu bytes need %" PRIu64 " huge pages of %" PRIu64 " kB and %" PRIu64
			 " are free: write a larger number to "
			 "/sys/kernel/mm/hugepages/hugepages-%" PRIu64
			 "kB/nr_hugepages, or ask for "
			 "UVDK_DMA_NORMAL",
			 len, wanted, page_size >> 10, free_huge_pages(page_size), page_size >> 10);
}

/* ---- NUMA ---- */

static int check_node(int node)
{
	char nodes[256];
	size_t used = 0;

	if (node == UVDK_DMA_ANY_NODE)
		return 0;
	if (numa_available() < 0) {
		if (node == 0)
			return 0;
		return uvdk_fail(
			-EINVAL, DMA_COMPONENT,
			"NUMA node %d was asked for, but this kernel has no NUMA: use node "
			"0 or UVDK_DMA_ANY_NODE",
			node);
	}
	if (node >= 0 && node <= numa_max_node() &&
	    numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)node))
		return 0;

	nodes[0] = '\0';
	for (int i = 0; i <= numa_max_node() && used < sizeof(nodes) - 8; i++)
		if (numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)i))
			used += (size_t)snprintf(nodes + used, sizeof(nodes) - used, " %d", i);

	return uvdk_fail(-EINVAL, DMA_COMPONENT, "NUMA node %d has no memory; those that have:%s",
			 node, nodes);
}

/* Strict: memory that ends up elsewhere is an error, not a surprise. */
static int bind_node(void *va, size_t len, int node)
{
	struct bitmask *mask;
	int err = 0;

	if (node == UVDK_DMA_ANY_NODE || numa_available() < 0)
		return 0;
	mask = numa_allocate_nodemask();
	if (!mask)
		return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory for a node mask");

	numa_bitmask_setbit(mask, (unsigned int)node);
	if (mbind(va, len, MPOL_BIND, mask->maskp, mask->size + 1, 0))
		err = uvdk_fail(-errno, DMA_COMPONENT, "can't bind memory to NUMA node %d: %s",
				node, strerror(errno));
	numa_bitmask_free(mask);

	return err;
}

/* ---- mapping ---- */

static uint64_t size_of_pages(enum uvdk_dma_source source)
{
	switch (source) {
	case UVDK_DMA_HUGE_2M:
		return SIZE_2M;
	case UVDK_DMA_HUGE_1G:
		return SIZE_1G;
	default:
		return (uint64_t)sysconf(_SC_PAGESIZE);
	}
}

/* Nobody can take the pages away under the device by shrinking the file. */
static int make_memfd(size_t len)
{
	int fd = memfd_create("uvdk-dma", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return uvdk_fail(-errno, DMA_COMPONENT, "memfd_create failed: %s", strerror(errno));
	if (ftruncate(fd, (off_t)len) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL)) {
		err = uvdk_fail(-errno, DMA_COMPONENT, "can't size a memfd to %zu bytes: %s", len,
				strerror(errno));
		close(fd);
		return err;
	}

	return fd;
}

static int huge_flags(uint64_t page_size)
{
	if (page_size == SIZE_2M)
		return MAP_HUGETLB | MAP_HUGE_2MB;
	if (page_size == SIZE_1G)
		return MAP_HUGETLB | MAP_HUGE_1GB;

	return 0;
}

/* Touching reserved pages can fail only for want of memory: find out by a call. */
static int make_present(const struct dma_memory *memory)
{
	if (!madvise(memory->va, memory->len, MADV_POPULATE_WRITE))
		return 0;
	if (errno == EINVAL) { /* before Linux 5.14: the zeroing below does it */
		memset(memory->va, 0, memory->len);
		return 0;
	}

	return uvdk_fail(-ENOMEM, DMA_COMPONENT,
			 "no memory for %zu bytes on the node asked for: %s", memory->len,
			 strerror(errno));
}

static int map_memory(struct dma_memory *memory, enum uvdk_dma_source source)
{
	int flags = huge_flags(memory->page_size);

	if (source == UVDK_DMA_MEMFD) {
		memory->memfd = make_memfd(memory->len);
		if (memory->memfd < 0)
			return memory->memfd;
		flags |= MAP_SHARED;
	} else {
		flags |= MAP_PRIVATE | MAP_ANONYMOUS;
	}

	memory->va = mmap(NULL, memory->len, PROT_READ | PROT_WRITE, flags, memory->memfd, 0);
	if (memory->va != MAP_FAILED)
		return 0;
	memory->va = NULL;
	if (flags & MAP_HUGETLB)
		return no_huge_pages(memory->len, memory->page_size);

	return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory for %zu bytes: %s", memory->len,
			 strerror(errno));
}

static int get_from(size_t len, enum uvdk_dma_source source, int node, struct dma_memory *out)
{
	struct dma_memory memory = {.page_size = size_of_pages(source), .memfd = -1};
	int err;

	if (len > SIZE_MAX - (memory.page_size - 1))
		return uvdk_fail(-EINVAL, DMA_COMPONENT, "%zu bytes are too many", len);
	memory.len = (len + memory.page_size - 1) & ~(memory.page_size - 1);
	err = map_memory(&memory, source);
	if (!err)
		err = bind_node(memory.va, memory.len, node);
	if (!err)
		err = make_present(&memory);
	if (err) {
		dma_memory_put(&memory);
		return err;
	}
	/* A child of fork() gets no copy: the pages the device knows stay ours. */
	madvise(memory.va, memory.len, MADV_DONTFORK);
	*out = memory;

	return 0;
}

int dma_memory_get(size_t len, enum uvdk_dma_source source, int node, struct dma_memory *out)
{
	int err = check_node(node);

	if (err)
		return err;
	/* Huge pages pay from half a page on, and only if they are there. */
	if (source == UVDK_DMA_ANY) {
		uint64_t pages = len / SIZE_2M + 1;

		if (len >= SIZE_2M / 2 && free_huge_pages(SIZE_2M) >= pages &&
		    !get_from(len, UVDK_DMA_HUGE_2M, node, out))
			return 0;
		source = UVDK_DMA_NORMAL;
	}

	return get_from(len, source, node, out);
}

void dma_memory_put(const struct dma_memory *memory)
{
	if (memory->va)
		munmap(memory->va, memory->len);
	if (memory->memfd >= 0)
		close(memory->memfd);
}
