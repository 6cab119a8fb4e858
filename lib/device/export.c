// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device_priv.h"

#define HOT_RESET_MAX 256 /* functions of a bus */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct uvdk_device *exporters; /* that have exported or are watched */

static void in_child(void)
{
	pthread_mutex_init(&lock, NULL);
}

static void watch_forks(void)
{
	pthread_atfork(uvdk_export_lock, uvdk_export_unlock, in_child);
}

UVDK_EXPORT void uvdk_export_lock(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&lock);
}

UVDK_EXPORT void uvdk_export_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* ---- exports ---- */

static void add_exporter(struct uvdk_device *dev)
{
	if (dev->exporter)
		return;
	dev->exporter = true;
	dev->next_exporter = exporters;
	exporters = dev;
}

static void remove_exporter(struct uvdk_device *dev)
{
	struct uvdk_device **at = &exporters;

	while (*at && *at != dev)
		at = &(*at)->next_exporter;
	if (*at)
		*at = dev->next_exporter;
	dev->exporter = false;
}

static int check(struct uvdk_device *dev, unsigned int index, uint64_t offset, uint64_t len)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct uvdk_region bar;
	int ret;

	if (!dev->ops->export_bar)
		return uvdk_fail(-EOPNOTSUPP, "device",
				 "%s: bus \"%s\" can't export BARs; vfio-pci can", dev->info.name,
				 dev->ops->name);
	ret = uvdk_device_region(dev, index, &bar);
	if (ret)
		return ret;
	if (!len || (offset | len) & (page - 1))
		return uvdk_fail(-EDOM, "device",
				 "%s: 0x%" PRIx64 "+0x%" PRIx64
				 " of BAR %u is not made of whole pages of %" PRIu64 " bytes",
				 dev->info.name, offset, len, index, page);
	if (offset >= bar.size || len > bar.size - offset)
		return uvdk_fail(-EINVAL, "device",
				 "%s: 0x%" PRIx64 "+0x%" PRIx64 " is not in BAR %u of 0x%" PRIx64
				 " bytes",
				 dev->info.name, offset, len, index, bar.size);

	return 0;
}

/*
 * Which file it is: the same in whatever descriptor. The kernel never gives a dma-buf's
 * number twice, so an export that nobody has open any more is not mistaken for another.
 */
static int remember(struct uvdk_device *dev, const struct uvdk_export *what, int fd)
{
	struct uvdk_export *export = malloc(sizeof(*export));
	struct stat st;

	if (!export || fstat(fd, &st)) {
		free(export);
		return uvdk_fail(-ENOMEM, "device", "no memory to export a BAR of %s",
				 dev->info.name);
	}
	*export = *what;
	export->file_dev = st.st_dev;
	export->file_ino = st.st_ino;
	uvdk_export_lock();
	export->next = dev->exports;
	dev->exports = export;
	add_exporter(dev);
	uvdk_export_unlock();

	return 0;
}

UVDK_EXPORT int uvdk_device_export_bar(struct uvdk_device *dev, unsigned int index, uint64_t offset,
				       uint64_t len, int *fd)
{
	struct uvdk_export what = {.dev = dev, .index = index, .offset = offset, .len = len};
	int own, ret;

	if (!device_here(dev))
		return device_refuse(dev);
	ret = check(dev, index, offset, len);
	if (ret)
		return ret;
	ret = dev->ops->export_bar(dev, index, offset, len, &own, &what.at);
	if (ret)
		return ret;
	ret = remember(dev, &what, own);
	if (ret) {
		close(own);
		return ret;
	}
	*fd = own;

	return 0;
}

UVDK_EXPORT const struct uvdk_export *uvdk_export_find(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return NULL;
	for (const struct uvdk_device *dev = exporters; dev; dev = dev->next_exporter)
		for (const struct uvdk_export *e = dev->exports; e; e = e->next)
			if (e->file_ino == st.st_ino && e->file_dev == st.st_dev)
				return e;

	return NULL;
}

/* ---- watches ---- */

UVDK_EXPORT void uvdk_export_add_watch(struct uvdk_device *dev, struct uvdk_export_watch *watch)
{
	watch->next = dev->export_watches;
	watch->link = &dev->export_watches;
	if (watch->next)
		watch->next->link = &watch->next;
	dev->export_watches = watch;
}

UVDK_EXPORT void uvdk_export_remove_watch(struct uvdk_export_watch *watch)
{
	if (!watch->link)
		return;
	*watch->link = watch->next;
	if (watch->next)
		watch->next->link = watch->link;
	watch->link = NULL;
}

static void tell(struct uvdk_device *dev, enum uvdk_export_event event)
{
	for (struct uvdk_export_watch *w = dev->export_watches; w; w = w->next)
		w->tell(w, event);
}

/* Only the thread that uses the device makes it an exporter: no lock for those that are none. */
void device_tell_export(struct uvdk_device *dev, enum uvdk_export_event event)
{
	if (!dev->exporter)
		return;
	uvdk_export_lock();
	tell(dev, event);
	uvdk_export_unlock();
}

static bool same(const struct uvdk_pci_addr *a, const struct uvdk_pci_addr *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->device == b->device &&
	       a->function == b->function;
}

/*
 * A hot reset takes others along, which may be ours. What can't be listed could not be
 * reset either.
 */
void device_tell_hot_reset(struct uvdk_device *dev)
{
	struct uvdk_pci_addr *addrs = calloc(HOT_RESET_MAX, sizeof(*addrs));
	int count = addrs ? dev->ops->hot_reset_list(dev, addrs, HOT_RESET_MAX) : 0;

	uvdk_export_lock();
	for (struct uvdk_device *other = exporters; other; other = other->next_exporter) {
		bool hit = other == dev;

		for (int i = 0; i < count && i < HOT_RESET_MAX && !hit; i++)
			hit = same(&addrs[i], &other->info.addr);
		if (hit)
			tell(other, UVDK_EXPORT_REVOKED);
	}
	uvdk_export_unlock();
	free(addrs);
}

void device_end_exports(struct uvdk_device *dev)
{
	if (!dev->exporter)
		return;
	uvdk_export_lock();
	while (dev->export_watches) {
		struct uvdk_export_watch *watch = dev->export_watches;

		uvdk_export_remove_watch(watch);
		watch->tell(watch, UVDK_EXPORT_ENDED);
	}
	while (dev->exports) {
		struct uvdk_export *export = dev->exports;

		dev->exports = export->next;
		free(export);
	}
	remove_exporter(dev);
	uvdk_export_unlock();
}
