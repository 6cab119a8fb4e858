// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iommufd_priv.h"

/* vIOMMUs, virtual IDs and hardware queues: objects of the kernel's, since Linux 6.13. */

/* A virtual ID, or a hardware queue: all that is kept of either. */
struct iofd_child {
	const struct iofd *iofd;
	uint32_t id;
};

/* What the kernel tells of the registers, in the form of the type. */
union viommu_data {
	struct iofd_viommu_tegra241 tegra241;
	struct iofd_viommu_selftest selftest;
};

void iofd_object_destroy(const struct iofd *iofd, uint32_t id, const char *what)
{
	struct iofd_destroy destroy = {.size = sizeof(destroy), .id = id};
	int ret = iofd_ioctl(iofd->fd, IOFD_DESTROY, &destroy);

	if (ret)
		uvdk_log(UVDK_LOG_WARN, IOFD, "%s %u outlives its owner: %s", what, id,
			 strerror(-ret));
}

char *iofd_unit_of(const struct iofd *iofd, const char *name)
{
	char path[PATH_MAX], target[PATH_MAX];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/iommu", iofd->sysfs_root, name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return NULL;
	target[len] = '\0';

	return strdup(target);
}

static uint32_t kernel_type(enum uvdk_nest_type type)
{
	switch (type) {
	case UVDK_NEST_SMMUV3:
		return IOFD_VIOMMU_SMMUV3;
	case UVDK_NEST_TEGRA241:
		return IOFD_VIOMMU_TEGRA241;
	case UVDK_NEST_AMD:
		return IOFD_VIOMMU_AMD;
	default:
		return IOFD_VIOMMU_SELFTEST;
	}
}

static int explain_create(const char *name, int err)
{
	switch (err) {
	case -EINVAL: /* the parent; the library may have others */
		return -EXDEV;
	case -ENOTTY:
		return uvdk_fail(-EOPNOTSUPP, IOFD,
				 "the kernel has no vIOMMUs: they need Linux 6.13");
	case -EOPNOTSUPP:
		return uvdk_fail(
			err, IOFD,
			"the kernel makes no vIOMMU of this type for %s: the I/O MMU is of "
			"another type, or lacks something. SMMUv3 needs both stages, and "
			"coherent walks that firmware promises (CANWBS in the IORT)",
			name);
	default:
		return uvdk_fail(err, IOFD, "making a vIOMMU for %s: %s", name, strerror(-err));
	}
}

static int create_object(struct iofd_viommu *viommu, struct uvdk_iommu_binding *binding,
			 union viommu_data *data)
{
	struct iofd_viommu_alloc alloc = {.size = sizeof(alloc),
					  .type = kernel_type(viommu->type),
					  .dev_id = binding->id,
					  .hwpt_id = viommu->parent->id};
	int ret;

	if (viommu->type == UVDK_NEST_TEGRA241)
		alloc.data_len = sizeof(data->tegra241);
	if (viommu->type == UVDK_NEST_SELFTEST)
		alloc.data_len = sizeof(data->selftest);
	alloc.data_uptr = alloc.data_len ? (uintptr_t)data : 0;
	ret = iofd_ioctl(viommu->iofd->fd, IOFD_VIOMMU_ALLOC, &alloc);
	if (ret)
		return explain_create(uvdk_device_get_info(binding->dev)->name, ret);
	viommu->id = alloc.out_viommu_id;
	viommu->has_object = true;

	return 0;
}

/* The kernel gives registers as a place in the iommufd. */
static int map_page(struct iofd_viommu *viommu, const union viommu_data *data)
{
	bool tegra241 = viommu->type == UVDK_NEST_TEGRA241;
	uint64_t offset =
		tegra241 ? data->tegra241.out_mmap_offset : data->selftest.out_mmap_offset;
	uint64_t len = tegra241 ? data->tegra241.out_mmap_length : data->selftest.out_mmap_length;
	void *page;

	if ((!tegra241 && viommu->type != UVDK_NEST_SELFTEST) || !len)
		return 0;
	page = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, viommu->iofd->fd, (off_t)offset);
	if (page == MAP_FAILED)
		return uvdk_fail(-errno, IOFD, "mapping the registers of hardware queues: %s",
				 strerror(errno));
	/* A child of fork() owns none of the queues. */
	madvise(page, len, MADV_DONTFORK);
	viommu->page = page;
	viommu->page_len = len;

	return 0;
}

/* VT-d nests on the parent itself, which is made for one unit: the kernel would say so late. */
static int create_vtd(struct iofd_viommu *viommu, struct uvdk_iommu_binding *binding)
{
	char *unit = iofd_unit_of(viommu->iofd, uvdk_device_get_info(binding->dev)->name);
	bool same = !unit || !viommu->parent->unit || !strcmp(unit, viommu->parent->unit);

	free(unit);
	viommu->id = viommu->parent->id;

	return same ? 0 : -EXDEV;
}

static void viommu_destroy(void *viommu_priv)
{
	struct iofd_viommu *viommu = viommu_priv;

	if (viommu->page)
		munmap(viommu->page, viommu->page_len);
	if (viommu->has_object)
		iofd_object_destroy(viommu->iofd, viommu->id, "vIOMMU");
	free(viommu);
}

static int create_any(struct iofd_viommu *viommu, struct uvdk_iommu_binding *binding,
		      const struct uvdk_viommu_opts *opts, struct uvdk_viommu_info *info)
{
	union viommu_data data = {0};
	int err = 0;

	if (viommu->type == UVDK_NEST_VTD)
		return create_vtd(viommu, binding);
	if (viommu->type == UVDK_NEST_SMMUV3 || viommu->type == UVDK_NEST_TEGRA241)
		err = iofd_smmuv3_info(viommu->iofd, binding, info, &viommu->repeat);
	if (viommu->type == UVDK_NEST_SELFTEST)
		data.selftest.in_data = opts->selftest;
	if (!err)
		err = create_object(viommu, binding, &data);

	return err ? err : map_page(viommu, &data);
}

static int viommu_create(void *parent_priv, struct uvdk_iommu_binding *binding,
			 const struct uvdk_viommu_opts *opts, struct uvdk_viommu_info *info,
			 void **viommu_priv)
{
	struct iofd_hwpt *parent = parent_priv;
	struct iofd_viommu *viommu = calloc(1, sizeof(*viommu));
	int err;

	if (!viommu)
		return uvdk_fail(-ENOMEM, IOFD, "no memory for a vIOMMU");
	*viommu = (struct iofd_viommu){
		.iofd = parent->own->iofd, .parent = parent, .type = info->type};
	err = create_any(viommu, binding, opts, info);
	if (err) {
		viommu_destroy(viommu);
		return err;
	}
	info->page = viommu->page;
	info->page_len = viommu->page_len;
	*viommu_priv = viommu;

	return 0;
}

static int explain_vdevice(const char *name, uint64_t virt_id, int err)
{
	switch (err) {
	case -EINVAL:
		return uvdk_fail(
			err, IOFD,
			"no virtual ID for %s: it is behind another I/O MMU than the vIOMMU", name);
	case -EOPNOTSUPP:
		return uvdk_fail(err, IOFD,
				 "no virtual ID for %s: the kernel gives one to a device with one "
				 "StreamID only",
				 name);
	case -EEXIST:
		return uvdk_fail(err, IOFD,
				 "no virtual ID 0x%llx for %s: the kernel has one for it, or has "
				 "given this one to another device",
				 (unsigned long long)virt_id, name);
	default:
		return uvdk_fail(err, IOFD, "giving %s a virtual ID: %s", name, strerror(-err));
	}
}

static int vdevice_create(void *viommu_priv, struct uvdk_iommu_binding *binding, uint64_t virt_id,
			  void **vdevice_priv)
{
	struct iofd_viommu *viommu = viommu_priv;
	struct iofd_vdevice_alloc alloc = {.size = sizeof(alloc),
					   .viommu_id = viommu->id,
					   .dev_id = binding->id,
					   .virt_id = virt_id};
	const char *name = uvdk_device_get_info(binding->dev)->name;
	struct iofd_child *vdev;
	int ret;

	if (!viommu->has_object)
		return uvdk_fail(-EOPNOTSUPP, IOFD,
				 "no virtual ID for %s: VT-d has none, nested tables are attached "
				 "and invalidated without",
				 name);
	vdev = calloc(1, sizeof(*vdev));
	if (!vdev)
		return uvdk_fail(-ENOMEM, IOFD, "no memory for a virtual ID");
	ret = iofd_ioctl(viommu->iofd->fd, IOFD_VDEVICE_ALLOC, &alloc);
	if (ret) {
		free(vdev);
		return explain_vdevice(name, virt_id, ret);
	}
	*vdev = (struct iofd_child){.iofd = viommu->iofd, .id = alloc.out_vdevice_id};
	*vdevice_priv = vdev;

	return 0;
}

static void vdevice_destroy(void *vdevice_priv)
{
	struct iofd_child *vdev = vdevice_priv;

	iofd_object_destroy(vdev->iofd, vdev->id, "vDEVICE");
	free(vdev);
}

static int explain_hw_queue(unsigned int index, int err)
{
	switch (err) {
	case -EFAULT:
		return uvdk_fail(err, IOFD,
				 "the memory of hardware queue %u is not on physically contiguous "
				 "pages: use one huge page",
				 index);
	case -EINVAL:
		return uvdk_fail(
			err, IOFD,
			"the kernel refuses hardware queue %u: there are fewer, or its size "
			"is beyond what the hardware has",
			index);
	case -ENOTTY:
		return uvdk_fail(-EOPNOTSUPP, IOFD,
				 "the kernel gives out no hardware queues: they need Linux 6.17");
	default:
		return uvdk_fail(err, IOFD, "making hardware queue %u: %s", index, strerror(-err));
	}
}

static int hw_queue_create(void *viommu_priv, unsigned int index, uvdk_iova_t iova, size_t len,
			   void **queue_priv)
{
	struct iofd_viommu *viommu = viommu_priv;
	struct iofd_hw_queue_alloc alloc = {.size = sizeof(alloc),
					    .viommu_id = viommu->id,
					    .type = viommu->type == UVDK_NEST_TEGRA241
							    ? IOFD_HW_QUEUE_TEGRA241
							    : IOFD_HW_QUEUE_SELFTEST,
					    .index = index,
					    .nesting_parent_iova = iova,
					    .length = len};
	struct iofd_child *queue = calloc(1, sizeof(*queue));
	int ret;

	if (!queue)
		return uvdk_fail(-ENOMEM, IOFD, "no memory for a hardware queue");
	ret = iofd_ioctl(viommu->iofd->fd, IOFD_HW_QUEUE_ALLOC, &alloc);
	if (ret) {
		free(queue);
		return explain_hw_queue(index, ret);
	}
	*queue = (struct iofd_child){.iofd = viommu->iofd, .id = alloc.out_hw_queue_id};
	*queue_priv = queue;

	return 0;
}

static void hw_queue_destroy(void *queue_priv)
{
	struct iofd_child *queue = queue_priv;

	iofd_object_destroy(queue->iofd, queue->id, "hardware queue");
	free(queue);
}

const struct uvdk_viommu_ops iofd_viommu_ops = {
	.create = viommu_create,
	.destroy = viommu_destroy,
	.vdevice_create = vdevice_create,
	.vdevice_destroy = vdevice_destroy,
	.nested_create = iofd_nested_create,
	.hwpt_invalidate = iofd_hwpt_invalidate,
	.invalidate = iofd_invalidate,
	.hw_queue_create = hw_queue_create,
	.hw_queue_destroy = hw_queue_destroy,
	.veventq_create = iofd_veventq_create,
	.veventq_destroy = iofd_veventq_destroy,
	.veventq_fd = iofd_veventq_fd,
	.veventq_read = iofd_veventq_read,
};
