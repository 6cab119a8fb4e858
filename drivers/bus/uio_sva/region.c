// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "uio_sva_priv.h"

/*
 * BARs are files of sysfs. They could be mapped from /dev/uioN, too, but such a
 * map would keep the process bound until it is gone.
 */

#define RESOURCE_IO  0x100 /* bits of sysfs `resource` */
#define RESOURCE_MEM 0x200

static int open_bar(const struct usva *v, unsigned int index)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/resource%u", v->dir, index);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return uvdk_explain_open(USVA, path, errno, "the BAR has vanished");

	return fd;
}

int usva_region_info(struct uvdk_device *dev, unsigned int index, struct uvdk_bus_region *out)
{
	const struct usva *v = uvdk_device_priv(dev);
	const struct uvdk_pci_resource *bar = &v->bars[index];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	*out = (struct uvdk_bus_region){.size = bar->size};
	if (!bar->size)
		return 0;
	if (bar->flags & RESOURCE_IO) {
		out->readable = out->writable = true;
		return 0;
	}
	if (!(bar->flags & RESOURCE_MEM) || bar->start % page) {
		uvdk_log(UVDK_LOG_WARN, USVA,
			 "%s: BAR %u can't be reached: it does not begin on a page", v->name,
			 index);
		return 0;
	}

	out->readable = out->writable = true;
	out->nr_areas = 1;
	out->areas[0].len = (bar->size + page - 1) & ~(page - 1);
	return 0;
}

int usva_region_map(struct uvdk_device *dev, unsigned int index, uint64_t off, uint64_t len,
		    void *at)
{
	const struct usva *v = uvdk_device_priv(dev);
	int fd = open_bar(v, index);
	int ret = 0;

	if (fd < 0)
		return fd;
	if (mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, (off_t)off) ==
	    MAP_FAILED)
		ret = -errno;
	close(fd);

	return ret;
}

static int fail(const struct usva *v, const char *what, unsigned int index, uint64_t off, int err)
{
	return uvdk_fail(err == -ENODEV ? -ENODEV : -EIO, USVA,
			 "%s: %s BAR %u at 0x%llx without a mapping: %s", v->name, what, index,
			 (unsigned long long)off, strerror(-err));
}

/* I/O ports; memory that could not be mapped is refused by the kernel. */
int usva_region_read(struct uvdk_device *dev, unsigned int index, uint64_t off, unsigned int width,
		     uint64_t *value)
{
	const struct usva *v = uvdk_device_priv(dev);
	struct uvdk_le64 raw = {0};
	int fd = open_bar(v, index);
	int ret = 0;

	if (fd < 0)
		return fd;
	if (pread(fd, &raw, width, (off_t)off) != (ssize_t)width)
		ret = fail(v, "reading", index, off, errno ? -errno : -EIO);
	close(fd);
	*value = uvdk_get64(raw);

	return ret;
}

int usva_region_write(struct uvdk_device *dev, unsigned int index, uint64_t off, unsigned int width,
		      uint64_t value)
{
	const struct usva *v = uvdk_device_priv(dev);
	struct uvdk_le64 raw = uvdk_to_le64(value);
	int fd = open_bar(v, index);
	int ret = 0;

	if (fd < 0)
		return fd;
	if (pwrite(fd, &raw, width, (off_t)off) != (ssize_t)width)
		ret = fail(v, "writing", index, off, errno ? -errno : -EIO);
	close(fd);

	return ret;
}
