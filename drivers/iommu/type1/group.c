// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "type1_priv.h"

static int open_node(const struct type1 *type1, int number)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/vfio/noiommu-%d", type1->dev_root, number);
	if (!access(path, F_OK))
		return uvdk_fail(-EOPNOTSUPP, TYPE1,
				 "no I/O MMU translates for group %d: its devices can be had with "
				 "iommu 'noiommu' only, unprotected",
				 number);

	snprintf(path, sizeof(path), "%s/vfio/%d", type1->dev_root, number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return uvdk_explain_open(TYPE1, path, errno,
					 "no device of the group is bound to vfio-pci, or the "
					 "kernel lacks CONFIG_VFIO_GROUP");

	return fd;
}

static int not_viable(const struct type1 *type1, const struct type1_group *group)
{
	char others[512];

	if (uvdk_explain_group(type1->sysfs_root, group->number, others, sizeof(others)))
		return uvdk_fail(-EPERM, TYPE1,
				 "group %d is not viable: bind its other members to vfio-pci too, "
				 "or unbind them: %s",
				 group->number, others);

	return uvdk_fail(-EBUSY, TYPE1,
			 "group %d is in use: one of its devices is open through its character "
			 "device, in this process or another",
			 group->number);
}

static int check_viable(const struct type1 *type1, const struct type1_group *group)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};
	int ret = type1_ioctl(group->fd, VFIO_GROUP_GET_STATUS, &status);

	if (ret)
		return uvdk_fail(ret, TYPE1, "status of group %d: %s", group->number,
				 strerror(-ret));

	return status.flags & VFIO_GROUP_FLAGS_VIABLE ? 0 : not_viable(type1, group);
}

/* Kernels since 6.0 find out here, not in the status, who else is in the group. */
static int join_container(const struct type1 *type1, struct type1_group *group)
{
	int ret = type1_ioctl(group->fd, VFIO_GROUP_SET_CONTAINER, &group->container);

	if (!ret)
		return type1_container_use(group);
	if (ret == -EBUSY || ret == -EPERM)
		return not_viable(type1, group);

	return uvdk_fail(ret, TYPE1, "container of group %d: %s", group->number, strerror(-ret));
}

static int group_open(const struct type1 *type1, int number, struct type1_group **out)
{
	struct type1_group *group = calloc(1, sizeof(*group));
	int ret;

	if (!group)
		return -ENOMEM;
	group->number = number;
	ret = open_node(type1, number);
	if (ret < 0)
		goto free_group;
	group->fd = ret;
	ret = check_viable(type1, group);
	if (ret)
		goto close_group;
	ret = type1_container_open(type1, &group->container);
	if (ret)
		goto close_group;
	ret = join_container(type1, group);
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

static struct type1_group *find_group(const struct type1 *type1, int number)
{
	struct type1_group *group = type1->groups;

	while (group && group->number != number)
		group = group->next;

	return group;
}

int type1_bind(void *priv, const struct uvdk_iommu_bind_args *args,
	       struct uvdk_iommu_binding *binding)
{
	struct type1 *type1 = priv;
	struct type1_group *group;
	int ret = 0;

	pthread_mutex_lock(&type1->lock);
	group = find_group(type1, args->group);
	if (!group) {
		ret = group_open(type1, args->group, &group);
		if (ret)
			goto unlock;
		group->next = type1->groups;
		type1->groups = group;
	}

	group->users++;
	binding->fd = group->fd;
	binding->id = (uint32_t)group->number;
	binding->priv = group;
unlock:
	pthread_mutex_unlock(&type1->lock);
	return ret;
}

static void group_close(struct type1 *type1, struct type1_group *group)
{
	struct type1_group **link = &type1->groups;

	while (*link != group)
		link = &(*link)->next;
	*link = group->next;
	close(group->fd); /* leaves the container, too */
	close(group->container);
	free(group);
}

void type1_unbind(void *priv, struct uvdk_iommu_binding *binding)
{
	struct type1_group *group = binding->priv;
	struct type1 *type1 = priv;

	pthread_mutex_lock(&type1->lock);
	if (--group->users == 0)
		group_close(type1, group);
	pthread_mutex_unlock(&type1->lock);
	binding->priv = NULL;
	binding->fd = -1;
}
