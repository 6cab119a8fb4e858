// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "vfio_pci_priv.h"

/* Newer kernels than the oldest header we build on: linux/vfio.h since 6.6. */
#define HOT_RESET_FLAG_DEV_ID (1u << 0) /* devices are told by iommufd ID, not by group */
#define HOT_RESET_NOT_OWNED   UINT32_MAX

/*
 * The functions open in this process. A group's reset must prove, by their
 * descriptors, that every affected group is ours, and only the bus knows them.
 */
static struct {
	pthread_mutex_t lock; /* guards first and every next */
	struct vpci *first;
} list = {.lock = PTHREAD_MUTEX_INITIALIZER};

void vpci_list_add(struct vpci *v)
{
	pthread_mutex_lock(&list.lock);
	v->next = list.first;
	list.first = v;
	pthread_mutex_unlock(&list.lock);
}

void vpci_list_remove(struct vpci *v)
{
	struct vpci **link = &list.first;

	pthread_mutex_lock(&list.lock);
	while (*link != v)
		link = &(*link)->next;
	*link = v->next;
	pthread_mutex_unlock(&list.lock);
}

bool vpci_list_has(const char *name)
{
	bool found = false;

	pthread_mutex_lock(&list.lock);
	for (const struct vpci *v = list.first; v && !found; v = v->next)
		found = !strcmp(v->name, name);
	pthread_mutex_unlock(&list.lock);

	return found;
}

void vpci_list_lock(void)
{
	pthread_mutex_lock(&list.lock);
}

void vpci_list_unlock(void)
{
	pthread_mutex_unlock(&list.lock);
}

/* Whether KVM knows the group of a function because of another; under the lock. */
bool vpci_list_announced(const struct vpci *v)
{
	const struct vpci *other = list.first;

	if (v->kind == UVDK_IOMMU_HANDLE_CDEV)
		return false;
	while (other && (other == v || other->kvm_fd < 0 || other->iommu != v->iommu ||
			 other->group != v->group))
		other = other->next;

	return other;
}

int vpci_reset(struct uvdk_device *dev)
{
	const struct vpci *v = uvdk_device_priv(dev);
	int ret = v->can_reset ? vpci_ioctl(v->fd, VFIO_DEVICE_RESET, NULL) : -ENOTTY;

	if (ret == -ENOTTY || ret == -EINVAL)
		return -EOPNOTSUPP;
	if (ret == -ENODEV)
		return ret;

	return ret ? uvdk_fail(-EIO, VPCI, "%s: function reset: %s", v->name, strerror(-ret)) : 0;
}

/* The affected functions; to be freed. */
static int get_affected(const struct vpci *v, struct vfio_pci_hot_reset_info **out)
{
	uint32_t room = 8;

	for (;;) {
		size_t size = sizeof(**out) + room * sizeof((*out)->devices[0]);
		struct vfio_pci_hot_reset_info *info = calloc(1, size);
		int ret;

		if (!info)
			return -ENOMEM;
		info->argsz = (uint32_t)size;
		ret = vpci_ioctl(v->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info);
		if (!ret) {
			*out = info;
			return 0;
		}

		/* More may have been plugged in meanwhile, so ask until it fits. */
		room = info->count > room ? info->count : room * 2;
		free(info);
		if (ret == -ENODEV || ret == -ENOTTY)
			return -EOPNOTSUPP;
		if (ret != -ENOSPC || room > 65536)
			return uvdk_fail(-EIO, VPCI, "%s: what a hot reset affects: %s", v->name,
					 strerror(-ret));
	}
}

static struct uvdk_pci_addr address_of(const struct vfio_pci_dependent_device *device)
{
	return (struct uvdk_pci_addr){.domain = device->segment,
				      .bus = device->bus,
				      .device = device->devfn >> 3,
				      .function = device->devfn & 7};
}

int vpci_hot_reset_list(struct uvdk_device *dev, struct uvdk_pci_addr *addrs, unsigned int max)
{
	struct vfio_pci_hot_reset_info *info;
	int ret = get_affected(uvdk_device_priv(dev), &info);

	if (ret)
		return ret;

	for (uint32_t i = 0; i < info->count && i < max; i++)
		addrs[i] = address_of(&info->devices[i]);
	ret = (int)info->count;
	free(info);
	return ret;
}

/* Call with the lock held. */
static int group_fd(const struct vpci *v, uint32_t group)
{
	for (const struct vpci *other = list.first; other; other = other->next)
		if (other->iommu == v->iommu && (uint32_t)other->group == group)
			return other->binding->fd;

	return -1;
}

static int not_ours(const struct vpci *v, const struct vfio_pci_dependent_device *device)
{
	struct uvdk_pci_addr addr = address_of(device);
	char name[UVDK_PCI_ADDR_LEN];

	return uvdk_fail(-EPERM, VPCI,
			 "a hot reset of %s would reset %s too: open that under the same iommu",
			 v->name, uvdk_pci_addr_format(&addr, name));
}

/* Fills in one descriptor a group, however many of its functions are affected. */
static int collect_groups(const struct vpci *v, const struct vfio_pci_hot_reset_info *info,
			  struct vfio_pci_hot_reset *reset)
{
	for (uint32_t i = 0; i < info->count; i++) {
		int fd = group_fd(v, info->devices[i].group_id);
		uint32_t seen = 0;

		if (fd < 0)
			return not_ours(v, &info->devices[i]);
		while (seen < reset->count && reset->group_fds[seen] != fd)
			seen++;
		if (seen == reset->count)
			reset->group_fds[reset->count++] = fd;
	}

	return 0;
}

static int check_owned(const struct vpci *v, const struct vfio_pci_hot_reset_info *info)
{
	for (uint32_t i = 0; i < info->count; i++)
		if (info->flags & HOT_RESET_FLAG_DEV_ID &&
		    info->devices[i].group_id == HOT_RESET_NOT_OWNED)
			return not_ours(v, &info->devices[i]);

	return 0;
}

/* Under the lock, so that no group is let go in between. */
static int reset_affected(const struct vpci *v, const struct vfio_pci_hot_reset_info *info)
{
	size_t size = sizeof(struct vfio_pci_hot_reset) + info->count * sizeof(int32_t);
	struct vfio_pci_hot_reset *reset = calloc(1, size);
	int ret;

	if (!reset)
		return -ENOMEM;
	/* A character device proves ownership by its iommufd and wants no descriptors. */
	ret = v->kind == UVDK_IOMMU_HANDLE_CDEV ? check_owned(v, info)
						: collect_groups(v, info, reset);
	if (!ret) {
		reset->argsz = (uint32_t)size;
		ret = vpci_ioctl(v->fd, VFIO_DEVICE_PCI_HOT_RESET, reset);
		if (ret)
			uvdk_fail(ret, VPCI, "%s: hot reset: %s", v->name, strerror(-ret));
		if (ret == -EINVAL || ret == -EPERM)
			ret = -EPERM;
		else if (ret && ret != -ENODEV)
			ret = -EIO;
	}
	free(reset);

	return ret;
}

int vpci_hot_reset(struct uvdk_device *dev)
{
	const struct vpci *v = uvdk_device_priv(dev);
	struct vfio_pci_hot_reset_info *info;
	int ret = get_affected(v, &info);

	if (ret)
		return ret;

	pthread_mutex_lock(&list.lock);
	ret = reset_affected(v, info);
	pthread_mutex_unlock(&list.lock);
	free(info);
	return ret;
}
