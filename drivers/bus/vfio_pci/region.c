// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio_pci_priv.h"

#define INFO_MAX  65536
#define AREAS_MAX (sizeof(((struct uvdk_bus_region *)0)->areas) / sizeof(struct area))

struct area {
	uint64_t off;
	uint64_t len;
};

/* A region's description with its chain of capabilities; to be freed. */
int vpci_get_region(const struct vpci *v, unsigned int index, struct vfio_region_info **out)
{
	uint32_t size = 256;

	for (;;) {
		struct vfio_region_info *info = calloc(1, size);
		int ret;

		if (!info)
			return -ENOMEM;
		info->argsz = size;
		info->index = index;
		ret = vpci_ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, info);
		if (!ret && info->argsz <= size) {
			*out = info;
			return 0;
		}

		size = info->argsz;
		free(info);
		if (ret || size > INFO_MAX)
			return uvdk_fail(ret ? ret : -E2BIG, VPCI, "%s: region %u: %s", v->name,
					 index, strerror(ret ? -ret : E2BIG));
	}
}

/* The chain is checked: an offset that leads nowhere ends it. */
static const void *find_cap(const struct vfio_region_info *info, uint16_t id, size_t least)
{
	uint32_t off = info->flags & VFIO_REGION_INFO_FLAG_CAPS ? info->cap_offset : 0;

	while (off >= sizeof(*info) && off <= info->argsz && least <= info->argsz - off) {
		const struct vfio_info_cap_header *cap = (const void *)((const char *)info + off);

		if (cap->id == id)
			return cap;
		if (cap->next <= off)
			break;
		off = cap->next;
	}

	return NULL;
}

static void add_area(struct uvdk_bus_region *out, uint64_t off, uint64_t len)
{
	if (!len || out->nr_areas == AREAS_MAX)
		return;

	out->areas[out->nr_areas].off = off;
	out->areas[out->nr_areas].len = len;
	out->nr_areas++;
}

static void add_sparse(struct uvdk_bus_region *out,
		       const struct vfio_region_info_cap_sparse_mmap *sparse, size_t room)
{
	for (uint32_t i = 0; i < sparse->nr_areas && i < room / sizeof(sparse->areas[0]); i++)
		add_area(out, sparse->areas[i].offset, sparse->areas[i].size);
}

/* All but the pages that hold the MSI-X table, where the kernel refuses those. */
static void add_around_table(struct vpci *v, struct uvdk_bus_region *out, unsigned int index,
			     bool table_too)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t end = (out->size + page - 1) & ~(page - 1);
	unsigned int bar = VPCI_BARS;
	uint64_t first = 0;
	uint64_t len = 0;

	if (table_too || !vpci_msix_table(v, &bar, &first, &len) || bar != index || first >= end ||
	    len > end - first) {
		add_area(out, 0, end);
		return;
	}

	len = ((first + len + page - 1) & ~(page - 1)) - (first & ~(page - 1));
	first &= ~(page - 1);
	add_area(out, 0, first);
	add_area(out, first + len, end - first - len);
}

static void describe(struct vpci *v, unsigned int index, const struct vfio_region_info *info,
		     struct uvdk_bus_region *out)
{
	const struct vfio_region_info_cap_sparse_mmap *sparse;

	out->size = info->size;
	out->readable = info->flags & VFIO_REGION_INFO_FLAG_READ;
	out->writable = info->flags & VFIO_REGION_INFO_FLAG_WRITE;
	if (!(info->flags & VFIO_REGION_INFO_FLAG_MMAP) || !info->size)
		return;

	sparse = find_cap(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP, sizeof(*sparse));
	if (sparse)
		add_sparse(out, sparse,
			   info->argsz -
				   (size_t)((const char *)sparse->areas - (const char *)info));
	else
		add_around_table(v, out, index,
				 find_cap(info, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
					  sizeof(struct vfio_info_cap_header)) != NULL);
}

int vpci_region_info(struct uvdk_device *dev, unsigned int index, struct uvdk_bus_region *out)
{
	struct vpci *v = uvdk_device_priv(dev);
	struct vfio_region_info *info;
	int ret = vpci_get_region(v, VFIO_PCI_BAR0_REGION_INDEX + index, &info);

	if (ret)
		return ret;

	v->bar_off[index] = info->offset;
	v->bar_flags[index] = info->flags;
	describe(v, index, info, out);
	free(info);
	return 0;
}

int vpci_region_map(struct uvdk_device *dev, unsigned int index, uint64_t off, uint64_t len,
		    void *at)
{
	const struct vpci *v = uvdk_device_priv(dev);
	int prot = (v->bar_flags[index] & VFIO_REGION_INFO_FLAG_READ ? PROT_READ : 0) |
		   (v->bar_flags[index] & VFIO_REGION_INFO_FLAG_WRITE ? PROT_WRITE : 0);

	if (mmap(at, len, prot, MAP_SHARED | MAP_FIXED, v->fd, (off_t)(v->bar_off[index] + off)) ==
	    MAP_FAILED)
		return -errno;

	return 0;
}
