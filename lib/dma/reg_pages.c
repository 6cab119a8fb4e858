// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "reg_priv.h"

/*
 * The mapping at an address: Linux 6.11 (uapi linux/fs.h, PROCMAP_QUERY). Not in the
 * headers of older systems.
 */
struct query {
	uint64_t size;
	uint64_t flags;
	uint64_t addr;
	uint64_t start;
	uint64_t end; /* exclusive */
	uint64_t vma_flags;
	uint64_t page_size;
	uint64_t offset;
	uint64_t inode;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint32_t name_size;
	uint32_t build_id_size;
	uint64_t name_addr;
	uint64_t build_id_addr;
};

_Static_assert(sizeof(struct query) == 104, "struct procmap_query");

#define QUERY _IOWR('f', 17, struct query)

/* Size of a page there; @granule where nothing is known. */
static size_t page_at(int fd, uintptr_t at, size_t granule)
{
	struct query q = {.size = sizeof(q), .addr = at};

	if (fd < 0 || ioctl(fd, QUERY, &q) || q.page_size < granule)
		return granule;

	return (size_t)q.page_size;
}

int reg_pages(const void *va, size_t len, size_t granule, uintptr_t *first, uintptr_t *last)
{
	uintptr_t at = (uintptr_t)va, end = at + len - 1;
	int fd;

	if (!len)
		return uvdk_fail(-EINVAL, DMA_COMPONENT, "0 bytes at %p: nothing to register", va);
	if (len - 1 > UINTPTR_MAX - at)
		return uvdk_fail(-EINVAL, DMA_COMPONENT,
				 "0x%zx bytes at %p run past the end of the address space", len,
				 va);
	fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	*first = at & ~(page_at(fd, at, granule) - 1);
	*last = end | (page_at(fd, end, granule) - 1);
	if (fd >= 0)
		close(fd);

	return 0;
}
