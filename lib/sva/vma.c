// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <uvdk_base_driver.h>

#include "sva_priv.h"
#include "vma.h"

/*
 * What has the process mapped at an address? Since Linux 6.11 the kernel answers
 * (PROCMAP_QUERY, linux/fs.h); before, it is to be searched for in what it prints,
 * where the page size is not told.
 */
#define MAPS	 "/proc/self/maps"
#define READABLE 0x01
#define WRITABLE 0x02

/* struct procmap_query */
struct query {
	uint64_t size;
	uint64_t flags; /* 0: the mapping that holds @addr */
	uint64_t addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size;
	uint64_t vma_offset, inode;
	uint32_t dev_major, dev_minor;
	uint32_t vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};

_Static_assert(sizeof(struct query) == 104, "as the kernel has it");

#define QUERY _IOWR('f', 17, struct query)

int sva_vma_open(void)
{
	int fd = open(MAPS, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return uvdk_fail(-errno, SVA_COMPONENT,
				 "demand: %s, which says what the process has mapped, does not "
				 "open: %s",
				 MAPS, strerror(errno));

	return fd;
}

static int search_text(uintptr_t addr, struct sva_vma *out)
{
	struct sva_mapping m;
	struct sva_maps maps;
	int ret = sva_maps_open(&maps);

	if (ret)
		return ret;
	ret = sva_maps_next(&maps, addr, &m);
	sva_maps_close(&maps);
	if (ret < 0)
		return ret;
	if (!ret || m.first > addr)
		return -EFAULT;
	*out = (struct sva_vma){.first = m.first,
				.last = m.last,
				.page = (size_t)sysconf(_SC_PAGESIZE),
				.readable = m.readable,
				.writable = m.writable};

	return 0;
}

int sva_vma_find(int fd, uintptr_t addr, struct sva_vma *out)
{
	struct query query = {.size = sizeof(query), .addr = addr};

	if (ioctl(fd, QUERY, &query))
		return errno == ENOENT ? -EFAULT : search_text(addr, out);
	*out = (struct sva_vma){.first = query.vma_start,
				.last = query.vma_end - 1,
				.page = query.vma_page_size,
				.readable = query.vma_flags & READABLE,
				.writable = query.vma_flags & WRITABLE};

	return 0;
}
