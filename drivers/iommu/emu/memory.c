// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iommu_emu_space.h"

/* Whether memory can be mapped: what a kernel finds out by pinning it. */

#define MINCORE_CHUNK 1024

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

/* Is all of it memory? */
static bool is_memory(uint8_t *va, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char vec[MINCORE_CHUNK];

	while (len) {
		size_t n = len < MINCORE_CHUNK * page ? len : MINCORE_CHUNK * page;

		if (mincore(va, n, vec) && errno == ENOMEM)
			return false;
		va += n;
		len -= n;
	}

	return true;
}

/* Since Linux 5.14; without it what follows finds no fault. */
static bool can_populate(void *page, bool write)
{
	long size = sysconf(_SC_PAGESIZE);
	uintptr_t here = (uintptr_t)&can_populate & ~((uintptr_t)size - 1);

	if (!madvise(page, (size_t)size, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ))
		return true;
	if (errno != EINVAL && errno != EFAULT)
		return true;

	return madvise((void *)here, (size_t)size, MADV_POPULATE_READ) != 0;
}

/*
 * What pinning would refuse must be refused here, or a model dies of it later
 * in a thread of ours. The pages at both ends stand for the rest.
 */
int emu_memory_check(uint8_t *va, size_t len, bool write)
{
	uint8_t *last = va + len - (size_t)sysconf(_SC_PAGESIZE);

	if (!is_memory(va, len) || !can_populate(va, false) || !can_populate(last, false))
		return uvdk_fail(-EFAULT, EMU_COMPONENT,
				 "%p, length 0x%zx: not all of it is readable memory", (void *)va,
				 len);
	if (write && (!can_populate(va, true) || !can_populate(last, true)))
		return uvdk_fail(-EPERM, EMU_COMPONENT,
				 "%p, length 0x%zx: read-only memory can't be mapped for writing",
				 (void *)va, len);

	return 0;
}
