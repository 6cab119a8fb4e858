// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <uvdk_procmap_driver.h>

#include "reg_priv.h"

/* Size of a page there; @granule where nothing is known. */
static size_t page_at(int fd, uintptr_t at, size_t granule)
{
	struct uvdk_procmap q = {.size = sizeof(q), .addr = at};

	if (fd < 0 || uvdk_procmap_query(fd, &q) || q.page_size < granule)
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
