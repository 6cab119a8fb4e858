// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vfio_pci_priv.h"

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* One notification; *out is -1 where the function or the kernel has none. */
static int listen_to(const struct vpci *v, unsigned int index, int *out)
{
	struct vfio_irq_info info = {.argsz = sizeof(info), .index = index};
	struct epoll_event ev = {.events = EPOLLIN};
	int fd;

	*out = -1;
	if (vpci_ioctl(v->fd, VFIO_DEVICE_GET_IRQ_INFO, &info) || !info.count)
		return 0;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (epoll_ctl(v->event_fd, EPOLL_CTL_ADD, fd, &ev)) {
		int ret = -errno;

		close(fd);
		return ret;
	}

	if (vpci_set_irqs(v, index, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1,
			  &fd)) {
		uvdk_log(UVDK_LOG_WARN, VPCI, "%s: the kernel won't tell of %s", v->name,
			 index == VFIO_PCI_ERR_IRQ_INDEX ? "errors" : "removal");
		close(fd);
		return 0;
	}
	*out = fd;
	return 0;
}

int vpci_events_open(struct vpci *v)
{
	int ret = 0;

	v->err_fd = -1;
	v->req_fd = -1;
	v->event_fd = epoll_create1(EPOLL_CLOEXEC);
	if (v->event_fd < 0)
		ret = -errno;
	if (!ret)
		ret = listen_to(v, VFIO_PCI_ERR_IRQ_INDEX, &v->err_fd);
	if (!ret)
		ret = listen_to(v, VFIO_PCI_REQ_IRQ_INDEX, &v->req_fd);
	if (!ret)
		return 0;

	vpci_events_close(v);
	return uvdk_fail(ret, VPCI, "%s: no descriptor for its events: %s", v->name,
			 strerror(-ret));
}

void vpci_events_close(struct vpci *v)
{
	close_if_open(v->req_fd);
	close_if_open(v->err_fd);
	close_if_open(v->event_fd);
}

int vpci_event_fd(const struct uvdk_device *dev)
{
	const struct vpci *v = uvdk_device_priv(dev);

	return v->event_fd;
}

static bool take(int fd)
{
	uint64_t count;

	return fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count);
}

enum uvdk_device_event vpci_next_event(struct uvdk_device *dev)
{
	const struct vpci *v = uvdk_device_priv(dev);

	if (take(v->req_fd))
		return UVDK_DEVICE_EVENT_REMOVE;
	if (take(v->err_fd))
		return UVDK_DEVICE_EVENT_ERROR;

	return UVDK_DEVICE_EVENT_NONE;
}
