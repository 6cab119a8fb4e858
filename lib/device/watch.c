// SPDX-License-Identifier: BSD-3-Clause
#include "device_priv.h"

/* Who must know when a device is closed. */

static void take_out(struct uvdk_device_watcher *watch)
{
	*watch->link = watch->next;
	if (watch->next)
		watch->next->link = watch->link;
	watch->link = NULL;
}

UVDK_EXPORT void uvdk_device_watch(struct uvdk_device *dev, struct uvdk_device_watcher *watch)
{
	pthread_mutex_lock(&dev->watch_lock);
	watch->next = dev->watches;
	watch->link = &dev->watches;
	if (watch->next)
		watch->next->link = &watch->next;
	dev->watches = watch;
	pthread_mutex_unlock(&dev->watch_lock);
}

/* Once it was told, the device may be gone: only a watch that is in the list leads there. */
UVDK_EXPORT void uvdk_device_unwatch(struct uvdk_device *dev, struct uvdk_device_watcher *watch)
{
	if (!watch->link)
		return;
	pthread_mutex_lock(&dev->watch_lock);
	if (watch->link)
		take_out(watch);
	pthread_mutex_unlock(&dev->watch_lock);
}

void device_tell_watches(struct uvdk_device *dev)
{
	struct uvdk_device_watcher *watch;

	for (;;) {
		pthread_mutex_lock(&dev->watch_lock);
		watch = dev->watches;
		if (watch)
			take_out(watch);
		pthread_mutex_unlock(&dev->watch_lock);
		if (!watch)
			return;
		watch->closes(watch);
	}
}
