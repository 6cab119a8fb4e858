// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/statfs.h>

#include "iommufd_priv.h"

/*
 * Files without an address (IOMMU_IOAS_MAP_FILE). Seen on Linux 7.2: memfds and other files
 * in memory, whole pages of them; of dma-bufs those that vfio-pci made of one range of a BAR,
 * every other exporter's (udmabuf) is refused with EOPNOTSUPP. It does not look at how the
 * file was opened: that one which is open for reading only is not written is our check.
 *
 * What becomes of a BAR's map when its device is reset, closed or decodes memory no longer
 * ("revoked"): the I/O MMU refuses accesses, the IOVAs stay taken, unmapping works, and
 * nothing brings it back but unmapping and mapping again. An attach takes it as it is, empty.
 */
#define DMA_BUF_MAGIC 0x444d4142

static bool is_dma_buf(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == DMA_BUF_MAGIC;
}

static bool is_memory(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

static int explain(int fd, uint64_t offset, size_t len, uint64_t iova, int err)
{
	switch (err) {
	case -ENOTTY:
		return uvdk_fail(
			-EOPNOTSUPP, IOFD,
			"this kernel can't map files (IOMMU_IOAS_MAP_FILE): Linux 6.13 can "
			"map memfds, 6.19 BARs, too");
	case -EOPNOTSUPP:
		return uvdk_fail(err, IOFD,
				 "the kernel maps no dma-buf of this exporter: it takes those that "
				 "vfio-pci made of one range of a BAR (and memfds)");
	case -ENODEV:
		return uvdk_fail(
			err, IOFD,
			"the dma-buf is revoked: its device is closed, in reset, or does not "
			"decode memory (memory enable, or power state)");
	case -EINVAL:
		return uvdk_fail(
			err, IOFD, "0x%" PRIx64 "+0x%zx is not all in the file, or %s", offset, len,
			is_dma_buf(fd) ? "this kernel knows no dma-bufs (Linux 6.19 does)"
				       : "the file does not lie in memory (tmpfs, hugetlbfs)");
	case -EEXIST:
		return uvdk_fail(err, IOFD, "IOVA 0x%" PRIx64 " with 0x%zx bytes overlaps a map",
				 iova, len);
	case -ENOMEM:
		return uvdk_fail(err, IOFD,
				 "no memory to map 0x%zx bytes of a file, or memlock is too small "
				 "(ulimit -l)",
				 len);
	default:
		return uvdk_fail(err, IOFD, "mapping 0x%zx bytes of a file: %s", len,
				 strerror(-err));
	}
}

int iofd_map_file(void *ioas_priv, uvdk_iova_t iova, int fd, uint64_t offset, size_t len,
		  unsigned int flags)
{
	struct iofd_ioas *own = ioas_priv;
	struct iofd_ioas_map_file map = {.size = sizeof(map),
					 .flags = IOFD_MAP_FIXED_IOVA,
					 .ioas_id = own->id,
					 .fd = fd,
					 .start = offset,
					 .length = len,
					 .iova = iova};
	int ret;

	if (flags & UVDK_MAP_READ)
		map.flags |= IOFD_MAP_READABLE;
	if (flags & UVDK_MAP_WRITE)
		map.flags |= IOFD_MAP_WRITEABLE;

	/* Without a device the kernel takes any file and fails at the attach. */
	if (!own->attached && !is_memory(fd) && !is_dma_buf(fd))
		return explain(fd, offset, len, iova, -EINVAL);
	ret = iofd_ioctl(own->iofd->fd, IOFD_IOAS_MAP_FILE, &map);

	return ret ? explain(fd, offset, len, iova, ret) : 0;
}
