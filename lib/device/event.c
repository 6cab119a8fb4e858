// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "device_priv.h"

int device_events_open(struct uvdk_device *dev)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int err;

	dev->gone_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (dev->gone_fd < 0)
		goto failed;
	dev->event_fd = epoll_create1(EPOLL_CLOEXEC);
	if (dev->event_fd < 0)
		goto close_gone;
	if (epoll_ctl(dev->event_fd, EPOLL_CTL_ADD, dev->gone_fd, &ev))
		goto close_both;

	return 0;
close_both:
	err = errno;
	close(dev->event_fd);
	errno = err;
close_gone:
	err = errno;
	close(dev->gone_fd);
	errno = err;
failed:
	return uvdk_fail(-errno, "device", "no descriptor for device events: %s", strerror(errno));
}

int device_events_join_bus(struct uvdk_device *dev)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int fd = dev->ops->event_fd(dev);

	if (fd < 0 || !epoll_ctl(dev->event_fd, EPOLL_CTL_ADD, fd, &ev))
		return 0;

	return uvdk_fail(-errno, "device", "%s: can't wait for events of the bus: %s",
			 dev->info.name, strerror(errno));
}

void device_events_close(struct uvdk_device *dev)
{
	close(dev->event_fd);
	close(dev->gone_fd);
}

bool device_set_gone(struct uvdk_device *dev, enum device_gone why)
{
	uint64_t one = 1;
	int here = DEVICE_HERE;

	if (!atomic_compare_exchange_strong(&dev->gone, &here, why))
		return false;

	/* The counter can't overflow, so the only thing to fail here is nothing. */
	if (write(dev->gone_fd, &one, sizeof(one)) != sizeof(one))
		return true;
	return true;
}

bool device_here(const struct uvdk_device *dev)
{
	return atomic_load_explicit(&dev->gone, memory_order_acquire) == DEVICE_HERE;
}

int device_refuse(const struct uvdk_device *dev)
{
	return uvdk_fail(-ENODEV, "device", "%s has vanished: all that is left is to close it",
			 dev->info.name);
}

UVDK_EXPORT bool uvdk_device_gone(const struct uvdk_device *dev)
{
	return !device_here(dev);
}

UVDK_EXPORT void uvdk_device_mark_gone(struct uvdk_device *dev, const char *why)
{
	if (device_set_gone(dev, DEVICE_GONE))
		uvdk_log(UVDK_LOG_WARN, "device", "%s is closed for business: %s", dev->info.name,
			 why);
}

UVDK_EXPORT int uvdk_device_event_fd(const struct uvdk_device *dev)
{
	return dev->event_fd;
}

/* Only this thread reads, so nothing but an empty counter can fail here. */
static void drain_gone(struct uvdk_device *dev)
{
	uint64_t count;

	if (read(dev->gone_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		uvdk_log(UVDK_LOG_DEBUG, "device", "%s: event counter: %s", dev->info.name,
			 strerror(errno));
}

/* The last event of a device; what the bus had to say comes before. */
static enum uvdk_device_event tell_gone(struct uvdk_device *dev)
{
	if (device_here(dev))
		return UVDK_DEVICE_EVENT_NONE;
	drain_gone(dev);
	if (dev->gone_told)
		return UVDK_DEVICE_EVENT_NONE;
	device_tell_export(dev, UVDK_EXPORT_OFF);

	dev->gone_told = true;
	if (atomic_load(&dev->gone) == DEVICE_GONE_SIGBUS)
		uvdk_log(UVDK_LOG_WARN, "device",
			 "%s is closed for business: an access to one of its BARs raised SIGBUS",
			 dev->info.name);
	return UVDK_DEVICE_EVENT_GONE;
}

/*
 * The kernel waits for us to close. Nothing may use the device any more, but
 * it is still there, so keep it from memory before the rest is torn down.
 */
static enum uvdk_device_event obey_removal(struct uvdk_device *dev)
{
	device_stop_dma(dev);
	uvdk_device_mark_gone(dev, "the kernel wants it back; it waits for the close");
	dev->gone_told = true;
	drain_gone(dev);
	device_tell_export(dev, UVDK_EXPORT_OFF);
	return UVDK_DEVICE_EVENT_REMOVE;
}

UVDK_EXPORT enum uvdk_device_event uvdk_device_next_event(struct uvdk_device *dev)
{
	enum uvdk_device_event event;

	/* Until it is closed the kernel repeats its request: once is enough. */
	do {
		event = dev->ops->next_event(dev);
	} while (event == UVDK_DEVICE_EVENT_REMOVE && dev->gone_told);

	if (event == UVDK_DEVICE_EVENT_REMOVE)
		return obey_removal(dev);
	if (event == UVDK_DEVICE_EVENT_GONE)
		uvdk_device_mark_gone(dev, "the bus says that it has vanished");
	else if (event != UVDK_DEVICE_EVENT_NONE)
		return event;

	return tell_gone(dev);
}
