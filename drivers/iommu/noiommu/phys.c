// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "noiommu_priv.h"

/* Documentation/admin-guide/mm/pagemap: bits 0 to 54 frame number, bit 63 present */
#define ENTRY_FRAME   ((UINT64_C(1) << 55) - 1)
#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define BATCH	      512

static int check_entries(const uint64_t *entries, size_t count, uint64_t *expected)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t frame = entries[i] & ENTRY_FRAME;

		if (!(entries[i] & ENTRY_PRESENT))
			return uvdk_fail(-EFAULT, NOIOMMU, "a page of the memory is not present");
		if (!frame)
			return uvdk_fail(-EACCES, NOIOMMU,
					 "physical addresses are hidden: /proc/self/pagemap shows "
					 "them to CAP_SYS_ADMIN only");
		if (*expected && frame != *expected)
			return uvdk_fail(-EOPNOTSUPP, NOIOMMU,
					 "the memory is not physically contiguous, and nothing "
					 "translates for the device: use huge pages, and map at "
					 "most one at a time");
		*expected = frame + 1;
	}

	return 0;
}

int noiommu_contiguous(int pagemap, const unsigned char *va, size_t len, uint64_t *phys)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t pages = len / page;
	uint64_t entries[BATCH];
	uint64_t expected = 0;

	for (size_t done = 0; done < pages;) {
		size_t count = pages - done < BATCH ? pages - done : BATCH;
		off_t off = (off_t)(((uintptr_t)va / page + done) * sizeof(entries[0]));
		ssize_t got = pread(pagemap, entries, count * sizeof(entries[0]), off);
		int ret;

		if (got != (ssize_t)(count * sizeof(entries[0])))
			return uvdk_fail(-EIO, NOIOMMU, "/proc/self/pagemap: %s",
					 got < 0 ? strerror(errno) : "cut short");
		ret = check_entries(entries, count, &expected);
		if (ret)
			return ret;
		done += count;
	}

	*phys = (expected - pages) * page;
	return 0;
}
