// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vfio_pci_priv.h"

/* Registers and configuration space are parts of the device file. */

static int fail(const struct vpci *v, const char *what, uint64_t off, ssize_t got)
{
	int err = got < 0 ? -errno : -EIO;

	return uvdk_fail(err == -ENODEV ? -ENODEV : -EIO, VPCI, "%s: %s at 0x%llx: %s", v->name,
			 what, (unsigned long long)off, got < 0 ? strerror(-err) : "cut short");
}

int vpci_config_find(struct vpci *v)
{
	struct vfio_region_info *info;
	int ret = vpci_get_region(v, VFIO_PCI_CONFIG_REGION_INDEX, &info);

	if (ret)
		return ret;

	v->config_off = info->offset;
	v->config_size = info->size > 256 ? 4096 : 256;
	free(info);
	return 0;
}

int vpci_config_read(struct uvdk_device *dev, uint32_t off, void *buf, size_t len)
{
	const struct vpci *v = uvdk_device_priv(dev);
	ssize_t got = pread(v->fd, buf, len, (off_t)(v->config_off + off));

	return got == (ssize_t)len ? 0 : fail(v, "reading configuration space", off, got);
}

int vpci_config_write(struct uvdk_device *dev, uint32_t off, const void *buf, size_t len)
{
	const struct vpci *v = uvdk_device_priv(dev);
	ssize_t got = pwrite(v->fd, buf, len, (off_t)(v->config_off + off));

	return got == (ssize_t)len ? 0 : fail(v, "writing configuration space", off, got);
}

int vpci_region_read(struct uvdk_device *dev, unsigned int index, uint64_t off, unsigned int width,
		     uint64_t *value)
{
	const struct vpci *v = uvdk_device_priv(dev);
	struct uvdk_le64 raw = {0};
	ssize_t got = pread(v->fd, &raw, width, (off_t)(v->bar_off[index] + off));

	if (got != (ssize_t)width)
		return fail(v, "reading a register", off, got);

	*value = uvdk_get64(raw); /* the bytes beyond width are 0 */
	return 0;
}

int vpci_region_write(struct uvdk_device *dev, unsigned int index, uint64_t off, unsigned int width,
		      uint64_t value)
{
	const struct vpci *v = uvdk_device_priv(dev);
	struct uvdk_le64 raw = uvdk_to_le64(value);
	ssize_t got = pwrite(v->fd, &raw, width, (off_t)(v->bar_off[index] + off));

	return got == (ssize_t)width ? 0 : fail(v, "writing a register", off, got);
}
