// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "device_priv.h"

#define CONFIG_VENDOR	0x00
#define CONFIG_COMMAND	0x04
#define CONFIG_REVISION 0x08 /* revision and class code */

static int check_access(const struct uvdk_device *dev, uint32_t off, size_t len)
{
	uint32_t size = dev->info.config_size;

	if (!device_here(dev))
		return device_refuse(dev);
	if (off >= size || len > size - off)
		return uvdk_fail(-EINVAL, "device",
				 "%s: %zu bytes at 0x%x are not in its configuration space of %u",
				 dev->info.name, len, off, size);

	return 0;
}

/* A bus that says -ENODEV has lost the device, and so have we. */
static int look_at(struct uvdk_device *dev, int ret)
{
	if (ret == -ENODEV)
		uvdk_device_mark_gone(dev, "configuration space can't be reached any more");

	return ret;
}

UVDK_EXPORT int uvdk_device_config_read(struct uvdk_device *dev, uint32_t off, void *buf,
					size_t len)
{
	int ret = check_access(dev, off, len);

	return ret ? ret : look_at(dev, dev->ops->config_read(dev, off, buf, len));
}

static int write_config(struct uvdk_device *dev, uint32_t off, const void *buf, size_t len)
{
	int ret = check_access(dev, off, len);

	return ret ? ret : look_at(dev, dev->ops->config_write(dev, off, buf, len));
}

static void tell_memory(struct uvdk_device *dev, uint16_t command)
{
	device_tell_export(dev,
			   command & UVDK_PCI_COMMAND_MEMORY ? UVDK_EXPORT_ON : UVDK_EXPORT_OFF);
}

/* What the application writes by itself ends maps of exported BARs, too. */
UVDK_EXPORT int uvdk_device_config_write(struct uvdk_device *dev, uint32_t off, const void *buf,
					 size_t len)
{
	int ret = write_config(dev, off, buf, len);

	if (!ret && off <= CONFIG_COMMAND && len > CONFIG_COMMAND - off)
		tell_memory(dev, ((const uint8_t *)buf)[CONFIG_COMMAND - off]);

	return ret;
}

UVDK_EXPORT const struct uvdk_pci_config *uvdk_device_pci_config(struct uvdk_device *dev)
{
	return &dev->config;
}

/*
 * The kernel may answer for the vendor ID itself (it does, since virtual
 * functions have none), so look at the class code too: all ones is no class.
 */
UVDK_EXPORT int uvdk_device_check(struct uvdk_device *dev)
{
	uint32_t vendor;
	uint32_t revision;
	int ret;

	if (!device_here(dev))
		return -ENODEV;
	ret = uvdk_device_config_read(dev, CONFIG_VENDOR, &vendor, sizeof(vendor));
	if (!ret)
		ret = uvdk_device_config_read(dev, CONFIG_REVISION, &revision, sizeof(revision));
	if (ret)
		return ret == -ENODEV ? ret : 0; /* no answer is not an answer */
	if (vendor != UINT32_MAX && revision != UINT32_MAX)
		return 0;

	uvdk_device_mark_gone(dev, "its configuration space reads all ones");
	return -ENODEV;
}

/*
 * Written even where it reads as wanted: a virtual function's memory enable
 * reads as 0 though it decodes.
 */
static int update_command(struct uvdk_device *dev, uint16_t set, uint16_t clear)
{
	struct uvdk_le16 raw;
	int ret;

	ret = uvdk_device_config_read(dev, CONFIG_COMMAND, &raw, sizeof(raw));
	if (ret)
		return ret;
	if (uvdk_get16(raw) == UINT16_MAX && uvdk_device_check(dev))
		return -ENODEV;

	raw = uvdk_to_le16((uint16_t)((uvdk_get16(raw) & ~clear) | set));
	return write_config(dev, CONFIG_COMMAND, &raw, sizeof(raw));
}

UVDK_EXPORT int uvdk_device_set_command(struct uvdk_device *dev, uint16_t set, uint16_t clear)
{
	int ret;

	if (set & clear)
		return uvdk_fail(-EINVAL, "device",
				 "%s: command bits 0x%x can't be both set and cleared",
				 dev->info.name, set & clear);
	uvdk_lock_acquire(&dev->command_lock);
	ret = update_command(dev, set, clear);
	if (!ret) {
		dev->command_set = (uint16_t)((dev->command_set | set) & ~clear);
		dev->command_clear = (uint16_t)((dev->command_clear | clear) & ~set);
	}
	uvdk_lock_release(&dev->command_lock);
	if (!ret && (set | clear) & UVDK_PCI_COMMAND_MEMORY)
		tell_memory(dev, set);

	return ret;
}

int device_put_command_back(struct uvdk_device *dev)
{
	int ret = 0;

	uvdk_lock_acquire(&dev->command_lock);
	if (dev->command_set || dev->command_clear)
		ret = update_command(dev, dev->command_set, dev->command_clear);
	uvdk_lock_release(&dev->command_lock);

	return ret;
}

/* Before address spaces go, the device must stop using them. */
void device_stop_dma(struct uvdk_device *dev)
{
	bool on;

	uvdk_lock_acquire(&dev->command_lock);
	on = dev->command_set & UVDK_PCI_COMMAND_MASTER;
	uvdk_lock_release(&dev->command_lock);
	if (on && device_here(dev))
		uvdk_device_set_command(dev, 0, UVDK_PCI_COMMAND_MASTER);
}
