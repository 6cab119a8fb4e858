// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "noiommu_priv.h"

static int open_container(const struct noiommu *noiommu)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/vfio/vfio", noiommu->dev_root);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return uvdk_explain_open(NOIOMMU, path, errno,
					 "the kernel needs CONFIG_VFIO_CONTAINER (modprobe vfio)");

	return fd;
}

static int open_node(const struct noiommu *noiommu, int number)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/vfio/%d", noiommu->dev_root, number);
	if (!access(path, F_OK))
		return uvdk_fail(-EOPNOTSUPP, NOIOMMU,
				 "an I/O MMU translates for group %d: use iommu 'iommufd' or "
				 "'type1'",
				 number);

	snprintf(path, sizeof(path), "%s/vfio/noiommu-%d", noiommu->dev_root, number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == EPERM)
		return uvdk_fail(-EACCES, NOIOMMU, "%s: noiommu needs CAP_SYS_RAWIO", path);
	if (fd < 0)
		return uvdk_explain_open(NOIOMMU, path, errno,
					 "the device is not bound to vfio-pci, or noiommu is off "
					 "(CONFIG_VFIO_NOIOMMU and kernel parameter "
					 "vfio.enable_unsafe_noiommu_mode=1)");

	return fd;
}

static int join_container(const struct noiommu_group *group)
{
	int ret;

	ret = ioctl(group->fd, VFIO_GROUP_SET_CONTAINER, &group->container) < 0 ? -errno : 0;
	if (!ret)
		ret = ioctl(group->container, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU) < 0 ? -errno : 0;
	if (ret == -EPERM)
		return uvdk_fail(-EACCES, NOIOMMU, "group %d: noiommu needs CAP_SYS_RAWIO",
				 group->number);
	if (ret)
		return uvdk_fail(ret, NOIOMMU, "container of noiommu group %d: %s", group->number,
				 strerror(-ret));

	return 0;
}

static int group_open(const struct noiommu *noiommu, int number, struct noiommu_group **out)
{
	struct noiommu_group *group = calloc(1, sizeof(*group));
	int ret;

	if (!group)
		return -ENOMEM;
	group->number = number;
	ret = open_node(noiommu, number);
	if (ret < 0)
		goto free_group;
	group->fd = ret;
	ret = open_container(noiommu);
	if (ret < 0)
		goto close_group;
	group->container = ret;
	ret = join_container(group);
	if (ret)
		goto close_container;

	*out = group;
	return 0;
close_container:
	close(group->container);
close_group:
	close(group->fd);
free_group:
	free(group);
	return ret;
}

int noiommu_bind(void *priv, const struct uvdk_iommu_bind_args *args,
		 struct uvdk_iommu_binding *binding)
{
	struct noiommu *noiommu = priv;
	struct noiommu_group *group;
	int ret = 0;

	pthread_mutex_lock(&noiommu->lock);
	group = noiommu->groups;
	while (group && group->number != args->group)
		group = group->next;
	if (!group) {
		ret = group_open(noiommu, args->group, &group);
		if (ret)
			goto unlock;
		group->next = noiommu->groups;
		noiommu->groups = group;
	}

	group->users++;
	binding->fd = group->fd;
	binding->id = (uint32_t)group->number;
	binding->priv = group;
unlock:
	pthread_mutex_unlock(&noiommu->lock);
	return ret;
}

void noiommu_unbind(void *priv, struct uvdk_iommu_binding *binding)
{
	struct noiommu_group *group = binding->priv;
	struct noiommu *noiommu = priv;
	struct noiommu_group **link;

	pthread_mutex_lock(&noiommu->lock);
	if (--group->users == 0) {
		link = &noiommu->groups;
		while (*link != group)
			link = &(*link)->next;
		*link = group->next;
		close(group->fd);
		close(group->container);
		free(group);
	}
	pthread_mutex_unlock(&noiommu->lock);
	binding->priv = NULL;
	binding->fd = -1;
}
