// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "type1_priv.h"

/* Large enough for any capability chain seen; the kernel says if it is not. */
#define INFO_MAX 65536

int type1_container_open(const struct type1 *type1, int *out)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/vfio/vfio", type1->dev_root);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return uvdk_explain_open(TYPE1, path, errno,
					 "the kernel needs CONFIG_VFIO_CONTAINER (modprobe vfio); "
					 "iommu iommufd does without");

	if (ioctl(fd, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
	    ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0) {
		close(fd);
		return uvdk_fail(-ENOENT, TYPE1,
				 "%s offers no type1v2: the kernel needs CONFIG_VFIO_IOMMU_TYPE1 "
				 "(modprobe vfio_iommu_type1)",
				 path);
	}

	*out = fd;
	return 0;
}

/* The container's description with its chain of capabilities; to be freed. */
static int get_info(const struct type1_group *group, struct vfio_iommu_type1_info **out)
{
	uint32_t size = 4096;

	for (;;) {
		struct vfio_iommu_type1_info *info = calloc(1, size);
		int ret;

		if (!info)
			return -ENOMEM;
		info->argsz = size;
		ret = type1_ioctl(group->container, VFIO_IOMMU_GET_INFO, info);
		if (!ret && info->argsz <= size) {
			*out = info;
			return 0;
		}

		size = info->argsz;
		free(info);
		if (ret || size > INFO_MAX)
			return uvdk_fail(ret ? ret : -E2BIG, TYPE1,
					 "description of the container of group %d: %s",
					 group->number, strerror(ret ? -ret : E2BIG));
	}
}

/* The chain is checked: an offset that leads nowhere ends it. */
static const void *find_cap(const struct vfio_iommu_type1_info *info, uint16_t id, size_t least)
{
	uint32_t off = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0;

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

int type1_container_use(struct type1_group *group)
{
	const struct vfio_iommu_type1_info_dma_avail *avail;
	struct vfio_iommu_type1_info *info;
	int ret = ioctl(group->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0 ? -errno : 0;

	if (ret == -EPERM)
		return uvdk_fail(
			ret, TYPE1,
			"this platform can't isolate interrupts of group %d: kernel "
			"parameter vfio_iommu_type1.allow_unsafe_interrupts=1 accepts that",
			group->number);
	if (ret)
		return uvdk_fail(ret, TYPE1, "type1v2 for group %d: %s", group->number,
				 strerror(-ret));
	ret = get_info(group, &info);
	if (ret)
		return ret;

	group->page_sizes = info->flags & VFIO_IOMMU_INFO_PGSIZES && info->iova_pgsizes
				    ? info->iova_pgsizes
				    : (uint64_t)sysconf(_SC_PAGESIZE);
	avail = find_cap(info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, sizeof(*avail));
	group->entries_max = avail ? avail->avail : 0;
	free(info);
	return 0;
}

uint64_t type1_container_entries(const struct type1_group *group)
{
	const struct vfio_iommu_type1_info_dma_avail *avail;
	struct vfio_iommu_type1_info *info;
	uint64_t left = UINT64_MAX;

	if (get_info(group, &info))
		return left;
	avail = find_cap(info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, sizeof(*avail));
	if (avail)
		left = avail->avail;
	free(info);

	return left;
}

int type1_container_ranges(const struct type1_group *group, struct uvdk_iova_range *out,
			   unsigned int max)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap;
	struct vfio_iommu_type1_info *info;
	unsigned int count = 0;
	int ret = get_info(group, &info);

	if (ret)
		return ret;
	cap = find_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, sizeof(*cap));
	if (cap) {
		size_t room = info->argsz - (size_t)((const char *)cap->iova_ranges - (char *)info);

		count = cap->nr_iovas;
		if (count > room / sizeof(cap->iova_ranges[0]))
			count = (unsigned int)(room / sizeof(cap->iova_ranges[0]));
	}
	for (unsigned int i = 0; i < count && i < max; i++)
		out[i] = (struct uvdk_iova_range){cap->iova_ranges[i].start,
						  cap->iova_ranges[i].end};
	free(info);

	return (int)count;
}
