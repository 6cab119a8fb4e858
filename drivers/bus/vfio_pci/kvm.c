// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "vfio_pci_priv.h"

/*
 * KVM's VFIO device (Linux, Documentation/virt/kvm/devices/vfio.rst) is told of
 * files: of a character device or, once for all its members, of a group. Names
 * since Linux 6.5; the numbers are those of KVM_DEV_VFIO_GROUP.
 */
#define KVM_FILE     1
#define KVM_FILE_ADD 1
#define KVM_FILE_DEL 2

static int tell_kvm(const struct vpci *v, int kvm_fd, uint64_t what)
{
	int32_t file = v->kind == UVDK_IOMMU_HANDLE_CDEV ? v->fd : v->binding->fd;
	struct kvm_device_attr attr = {.group = KVM_FILE, .attr = what, .addr = (uintptr_t)&file};

	return vpci_ioctl(kvm_fd, KVM_SET_DEVICE_ATTR, &attr);
}

static int explain(const struct vpci *v, int kvm_fd, int err)
{
	switch (err) {
	case -ENOTTY:
	case -ENXIO:
	case -EBADF:
		return uvdk_fail(-EINVAL, VPCI,
				 "descriptor %d is no VFIO device of KVM: make one with "
				 "KVM_CREATE_DEVICE, type KVM_DEV_TYPE_VFIO",
				 kvm_fd);
	case -EEXIST:
		return uvdk_fail(-EBUSY, VPCI, "KVM knows %s already", v->name);
	case -EINVAL:
		return uvdk_fail(-EOPNOTSUPP, VPCI,
				 "this KVM takes no character device such as that of %s: Linux 6.6 "
				 "does, and any takes groups (iommu type1)",
				 v->name);
	default:
		return uvdk_fail(err, VPCI, "announcing %s to KVM: %s", v->name, strerror(-err));
	}
}

/* A group that KVM knows must be known to this KVM device, not to another. */
static int announce(const struct vpci *v, int kvm_fd, bool is_known)
{
	int ret = tell_kvm(v, kvm_fd, KVM_FILE_ADD);

	if (!is_known)
		return ret ? explain(v, kvm_fd, ret) : 0;
	if (ret == -EEXIST)
		return 0;
	if (ret)
		return explain(v, kvm_fd, ret);
	tell_kvm(v, kvm_fd, KVM_FILE_DEL);

	return uvdk_fail(-EBUSY, VPCI,
			 "group %d of %s is announced to another virtual machine: its members go "
			 "to one",
			 v->group, v->name);
}

/* Ours: the caller may close its descriptor, and KVM must be told before the device closes. */
int vpci_kvm_announce(struct uvdk_device *dev, int kvm_fd)
{
	struct vpci *v = uvdk_device_priv(dev);
	int own, ret;

	if (v->kvm_fd >= 0)
		return uvdk_fail(-EBUSY, VPCI, "%s is announced already: withdraw it first",
				 v->name);
	own = fcntl(kvm_fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return errno == EBADF ? explain(v, kvm_fd, -EBADF)
				      : uvdk_fail(-errno, VPCI, "copy of descriptor %d: %s", kvm_fd,
						  strerror(errno));

	vpci_list_lock();
	ret = announce(v, own, vpci_list_announced(v));
	if (!ret)
		v->kvm_fd = own;
	vpci_list_unlock();
	if (ret)
		close(own);

	return ret;
}

void vpci_kvm_withdraw(struct uvdk_device *dev)
{
	struct vpci *v = uvdk_device_priv(dev);
	int ret = 0;

	if (v->kvm_fd < 0)
		return;
	vpci_list_lock();
	if (!vpci_list_announced(v))
		ret = tell_kvm(v, v->kvm_fd, KVM_FILE_DEL);
	close(v->kvm_fd);
	v->kvm_fd = -1;
	vpci_list_unlock();
	if (ret)
		uvdk_log(UVDK_LOG_WARN, VPCI, "withdrawing %s from KVM: %s", v->name,
			 strerror(-ret));
}
