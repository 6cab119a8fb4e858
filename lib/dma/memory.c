// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "dma_priv.h"

#define SIZE_2M (UINT64_C(2) << 20)
#define SIZE_1G (UINT64_C(1) << 30)

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

/*
 * Touching pages that can't be had ends in SIGBUS or worse: find out by a call.
 * Before Linux 5.14 there is none, and pages are counted, then touched.
 */
static int make_present(const struct dma_memory *memory, int node)
{
	bool huge = memory->page_size >= SIZE_2M;
	uint64_t pages = memory->len / memory->page_size;
	int err;

	if (!madvise(memory->va, memory->len, MADV_POPULATE_WRITE))
		return 0;
	err = errno;
	if (err == EINVAL && (!huge || dma_huge_free(memory->page_size, node) >= pages)) {
		memset(memory->va, 0, memory->len);
		return 0;
	}
	if (huge)
		return dma_huge_short(memory->len, memory->page_size, node);

	return uvdk_fail(-ENOMEM, DMA_COMPONENT,
			 "no memory for %zu bytes on the node asked for: %s", memory->len,
			 strerror(err));
}

/*
 * mmap() at a multiple of @align: take room for the worst case, put the memory
 * into it, give back what is over.
 */
static void *map_aligned(size_t len, size_t align, int flags, int fd)
{
	size_t room = len + align;
	char *base =
		mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *va;
	int err;

	if (base == MAP_FAILED)
		return NULL;
	va = base + (-(uintptr_t)base & (align - 1));
	if (mmap(va, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0) == MAP_FAILED) {
		err = errno;
		munmap(base, room);
		errno = err;
		return NULL;
	}
	if (va > base)
		munmap(base, (size_t)(va - base));
	munmap(va + len, (size_t)(base + room - (va + len)));

	return va;
}

static int map_memory(struct dma_memory *memory, enum uvdk_dma_source source, size_t align,
		      int node)
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

	memory->va = map_aligned(memory->len, align, flags, memory->memfd);
	if (memory->va)
		return 0;
	if (flags & MAP_HUGETLB)
		return dma_huge_short(memory->len, memory->page_size, node);

	return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory for %zu bytes: %s", memory->len,
			 strerror(errno));
}

/*
 * More than the machine has: of a memfd, and where the kernel overcommits, of
 * any memory, it takes note only when it runs out, and then ends processes.
 */
static int check_machine(size_t len)
{
	struct sysinfo info;
	uint64_t all;

	if (sysinfo(&info))
		return 0;
	all = ((uint64_t)info.totalram + info.totalswap) * info.mem_unit;
	if (len <= all)
		return 0;

	return uvdk_fail(-ENOMEM, DMA_COMPONENT,
			 "%zu bytes were asked for, and this machine has %" PRIu64
			 " of memory and swap",
			 len, all);
}

static int get_from(size_t len, size_t align, enum uvdk_dma_source source, int node,
		    struct dma_memory *out)
{
	struct dma_memory memory = {.page_size = size_of_pages(source), .memfd = -1};
	int err;

	align = align > memory.page_size ? align : memory.page_size;
	if (len > SIZE_MAX / 2)
		return uvdk_fail(-EINVAL, DMA_COMPONENT, "%zu bytes are too many", len);
	memory.len = (len + align - 1) & ~(align - 1);
	err = huge_flags(memory.page_size) ? 0 : check_machine(memory.len);
	if (!err)
		err = map_memory(&memory, source, align, node);
	if (!err)
		err = dma_node_bind(memory.va, memory.len, node);
	if (!err)
		err = make_present(&memory, node);
	if (err) {
		dma_memory_put(&memory);
		return err;
	}
	/* A child of fork() gets no copy: the pages the device knows stay ours. */
	madvise(memory.va, memory.len, MADV_DONTFORK);
	*out = memory;

	return 0;
}

/* Huge pages pay from half a page on, and only if they are there. */
static bool huge_pages_pay(size_t len, int node)
{
	return len >= SIZE_2M / 2 && dma_huge_free(SIZE_2M, node) > (len - 1) / SIZE_2M;
}

int dma_memory_get(size_t len, size_t align, enum uvdk_dma_source source, int node,
		   struct dma_memory *out)
{
	int err = dma_node_check(node);

	if (err)
		return err;
	if (source == UVDK_DMA_ANY) {
		if (huge_pages_pay(len, node) && !get_from(len, align, UVDK_DMA_HUGE_2M, node, out))
			return 0;
		source = UVDK_DMA_NORMAL;
	}

	return get_from(len, align, source, node, out);
}

void dma_memory_put(const struct dma_memory *memory)
{
	if (memory->va)
		munmap(memory->va, memory->len);
	if (memory->memfd >= 0)
		close(memory->memfd);
}
