// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sys/ioctl.h>

#include "sva_priv.h"

/*
 * The mapping at an address, or the next, in one call: Linux 6.11 (uapi linux/fs.h,
 * PROCMAP_QUERY). Not in the headers of older systems.
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

#define QUERY		 _IOWR('f', 17, struct query)
#define READABLE	 0x01u
#define WRITABLE	 0x02u
#define SHARED		 0x08u
#define COVERING_OR_NEXT 0x10u

/* Names that fit: nothing in the kernel's file systems is longer than a page. */
int sva_maps_query(struct sva_maps *maps, uintptr_t from, struct sva_mapping *out)
{
	struct query q = {.size = sizeof(q),
			  .flags = COVERING_OR_NEXT,
			  .addr = from,
			  .name_size = sizeof(maps->buf),
			  .name_addr = (uintptr_t)maps->buf};

	maps->buf[0] = '\0';
	if (ioctl(maps->fd, QUERY, &q))
		return errno == ENOENT ? 0 : -errno;
	out->first = (uintptr_t)q.start;
	out->last = (uintptr_t)q.end - 1;
	out->page = (size_t)q.page_size;
	out->readable = q.vma_flags & READABLE;
	out->writable = q.vma_flags & WRITABLE;
	out->shared = q.vma_flags & SHARED;
	if (!q.name_size)
		maps->buf[0] = '\0';
	sva_mapping_name(out, maps->buf);

	return 1;
}
