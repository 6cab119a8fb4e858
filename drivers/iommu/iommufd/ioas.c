// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "iommufd_priv.h"

_Static_assert(sizeof(struct uvdk_iova_range) == 16, "the kernel fills it in");

int iofd_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv)
{
	struct iofd_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iofd_ioas *own = calloc(1, sizeof(*own));
	struct iofd *iofd = priv;
	int ret;

	if (!own)
		return uvdk_fail(-ENOMEM, IOFD, "no memory for an address space");
	ret = iofd_ioctl(iofd->fd, IOFD_IOAS_ALLOC, &alloc);
	if (ret) {
		free(own);
		return uvdk_fail(ret, IOFD, "no new address space in iommufd: %s", strerror(-ret));
	}

	*own = (struct iofd_ioas){.iofd = iofd, .ioas = ioas, .id = alloc.out_ioas_id};
	*ioas_priv = own;
	return 0;
}

void iofd_ioas_destroy(void *ioas_priv)
{
	struct iofd_ioas *own = ioas_priv;
	struct iofd_destroy destroy = {.size = sizeof(destroy), .id = own->id};
	int ret = iofd_ioctl(own->iofd->fd, IOFD_DESTROY, &destroy);

	if (ret)
		uvdk_log(UVDK_LOG_WARN, IOFD, "address space %u outlives its owner: %s", own->id,
			 strerror(-ret));
	free(own);
}

/* Memory is pinned by whole pages of the CPU, whatever the I/O MMU could do. */
uint64_t iofd_page_sizes(void *ioas_priv)
{
	const struct iofd_ioas *own = ioas_priv;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return own->alignment > page ? own->alignment : page;
}

/* A short answer is no failure: the kernel says how many there are. */
int iofd_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max)
{
	struct iofd_ioas *own = ioas_priv;
	struct iofd_iova_ranges ranges = {.size = sizeof(ranges),
					  .ioas_id = own->id,
					  .num_iovas = out ? max : 0,
					  .allowed_iovas = (uintptr_t)out};
	int ret = iofd_ioctl(own->iofd->fd, IOFD_IOVA_RANGES, &ranges);

	if (ret && ret != -EMSGSIZE)
		return uvdk_fail(ret, IOFD, "asking for IOVA ranges: %s", strerror(-ret));
	own->alignment = ranges.out_iova_alignment;

	return (int)ranges.num_iovas;
}

void iofd_limits(void *ioas_priv, struct uvdk_iommu_limits *out)
{
	(void)ioas_priv;
	out->memlock_max = uvdk_memlock_max();
}

static int explain(void *va, size_t len, uint64_t iova, unsigned int flags, int err)
{
	struct uvdk_pin_failure pin = {.va = va,
				       .len = len,
				       .write = flags & UVDK_MAP_WRITE,
				       .err = -err,
				       .charged = 1,
				       .per = "user"};

	switch (err) {
	case -EEXIST:
		return uvdk_fail(err, IOFD, "IOVA 0x%" PRIx64 " with 0x%zx bytes overlaps a map",
				 iova, len);
	case -EINVAL:
	case -EOVERFLOW:
		return uvdk_fail(-ERANGE, IOFD,
				 "IOVA 0x%" PRIx64 " with 0x%zx bytes is reserved, or outside what "
				 "the I/O MMU can address",
				 iova, len);
	default:
		return uvdk_explain_pin(IOFD, &pin);
	}
}

int iofd_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags)
{
	struct iofd_ioas *own = ioas_priv;
	struct iofd_ioas_map map = {.size = sizeof(map),
				    .flags = IOFD_MAP_FIXED_IOVA,
				    .ioas_id = own->id,
				    .user_va = (uintptr_t)va,
				    .length = len,
				    .iova = *iova};
	int ret;

	if (flags & UVDK_MAP_READ)
		map.flags |= IOFD_MAP_READABLE;
	if (flags & UVDK_MAP_WRITE)
		map.flags |= IOFD_MAP_WRITEABLE;

	/* Without a device the kernel takes any address and fails at the attach. */
	if (!own->attached && !uvdk_memory_mapped(va, len))
		return explain(va, len, *iova, flags, -EFAULT);
	ret = iofd_ioctl(own->iofd->fd, IOFD_IOAS_MAP, &map);

	return ret ? explain(va, len, *iova, flags, ret) : 0;
}

int iofd_copy(void *ioas_priv, void *from_priv, uvdk_iova_t iova, void *va, size_t len,
	      unsigned int flags)
{
	const struct iofd_ioas *to = ioas_priv, *from = from_priv;
	struct iofd_ioas_copy copy = {.size = sizeof(copy),
				      .flags = IOFD_MAP_FIXED_IOVA,
				      .dst_ioas_id = to->id,
				      .src_ioas_id = from->id,
				      .length = len,
				      .dst_iova = iova,
				      .src_iova = iova};
	int ret;

	if (flags & UVDK_MAP_READ)
		copy.flags |= IOFD_MAP_READABLE;
	if (flags & UVDK_MAP_WRITE)
		copy.flags |= IOFD_MAP_WRITEABLE;
	ret = iofd_ioctl(to->iofd->fd, IOFD_IOAS_COPY, &copy);

	return ret ? explain(va, len, iova, flags, ret) : 0;
}

int iofd_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len)
{
	struct iofd_ioas *own = ioas_priv;
	struct iofd_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = own->id, .iova = iova, .length = len};
	int ret = iofd_ioctl(own->iofd->fd, IOFD_IOAS_UNMAP, &unmap);

	if (ret)
		return uvdk_fail(ret, IOFD, "unmapping 0x%zx bytes at IOVA 0x%" PRIx64 ": %s", len,
				 iova, strerror(-ret));
	if (unmap.length != len)
		return uvdk_fail(-EIO, IOFD,
				 "unmapping 0x%zx bytes at IOVA 0x%" PRIx64 ", the kernel says it "
				 "unmapped 0x%" PRIx64,
				 len, iova, unmap.length);

	return 0;
}
