// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "iommufd_priv.h"

int iofd_dirty_set(void *hwpt_priv, bool on)
{
	struct iofd_hwpt *hwpt = hwpt_priv;
	struct iofd_set_dirty set = {
		.size = sizeof(set), .flags = on ? IOFD_SET_DIRTY_ENABLE : 0, .hwpt_id = hwpt->id};
	int ret = iofd_ioctl(hwpt->own->iofd->fd, IOFD_SET_DIRTY, &set);

	if (ret)
		return uvdk_fail(ret, IOFD, "page table %u can't %s marking what is written: %s",
				 hwpt->id, on ? "begin" : "end", strerror(-ret));

	return 0;
}

/* What lies around the words of a bitmap, which need not begin on a page. */
static bool bitmap_mapped(const uint64_t *bitmap, size_t bits)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t first = (uintptr_t)bitmap & ~(page - 1);
	uintptr_t end = (uintptr_t)(bitmap + (bits + 63) / 64);

	return uvdk_memory_mapped((void *)first, end - first);
}

int iofd_dirty_read(void *hwpt_priv, uvdk_iova_t iova, size_t len, size_t page_size,
		    uint64_t *bitmap, bool keep)
{
	struct iofd_hwpt *hwpt = hwpt_priv;
	struct iofd_get_dirty get = {.size = sizeof(get),
				     .hwpt_id = hwpt->id,
				     .flags = keep ? IOFD_GET_DIRTY_NO_CLEAR : 0,
				     .iova = iova,
				     .length = len,
				     .page_size = page_size,
				     .data = (uintptr_t)bitmap};
	int ret;

	/* The kernel clears the marks all the same, and says that all is well. */
	if (!bitmap_mapped(bitmap, len / page_size))
		return uvdk_fail(-EFAULT, IOFD,
				 "there is no memory at %p for the bits of 0x%zx "
				 "bytes",
				 (void *)bitmap, len);
	ret = iofd_ioctl(hwpt->own->iofd->fd, IOFD_GET_DIRTY, &get);
	if (ret)
		return uvdk_fail(ret, IOFD,
				 "which pages of 0x%zx bytes at IOVA 0x%" PRIx64
				 " were written, page table %u does not say: %s",
				 len, iova, hwpt->id, strerror(-ret));

	return 0;
}
