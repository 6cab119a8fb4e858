// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "device_priv.h"

/*
 * Register access, from any thread: nothing here is written after the BAR has
 * been handed out. Failures that only say "gone" are silent, since a poll loop
 * may be the one who meets them.
 */

static bool holds(const struct uvdk_bus_region *info, uint64_t off, uint64_t len)
{
	for (unsigned int i = 0; i < info->nr_areas; i++)
		if (off >= info->areas[i].off && off - info->areas[i].off < info->areas[i].len)
			return len <= info->areas[i].len - (off - info->areas[i].off);

	return false;
}

static volatile void *direct(const struct uvdk_region *region, uint64_t off, uint64_t len)
{
	const struct device_region *own = &region->dev->regions[region->index];

	return own->base && holds(&own->info, off, len) ? own->base + off : NULL;
}

UVDK_EXPORT volatile void *uvdk_region_ptr(const struct uvdk_region *region, uint64_t off,
					   uint64_t len)
{
	if (!device_here(region->dev) || !len || off >= region->size || len > region->size - off)
		return NULL;

	return direct(region, off, len);
}

static int check(const struct uvdk_region *region, uint64_t off, unsigned int width)
{
	const char *name = region->dev->info.name;

	if (width != 1 && width != 2 && width != 4 && width != 8)
		return uvdk_fail(-EINVAL, "device",
				 "%s: a register of %u bytes; 1, 2, 4 and 8 are possible", name,
				 width);
	if (off % width)
		return uvdk_fail(-EINVAL, "device",
				 "%s: BAR %u offset 0x%llx is not aligned to its width of %u", name,
				 region->index, (unsigned long long)off, width);
	if (off >= region->size || width > region->size - off)
		return uvdk_fail(-EINVAL, "device",
				 "%s: %u bytes at 0x%llx are not in BAR %u of 0x%llx bytes", name,
				 width, (unsigned long long)off, region->index,
				 (unsigned long long)region->size);

	return 0;
}

static uint64_t load(volatile void *ptr, unsigned int width)
{
	switch (width) {
	case 1:
		return *(volatile uint8_t *)ptr;
	case 2:
		return UVDK_LE(16, *(volatile uint16_t *)ptr);
	case 4:
		return UVDK_LE(32, *(volatile uint32_t *)ptr);
	default:
		return UVDK_LE(64, *(volatile uint64_t *)ptr);
	}
}

static void store(volatile void *ptr, unsigned int width, uint64_t value)
{
	switch (width) {
	case 1:
		*(volatile uint8_t *)ptr = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)ptr = UVDK_LE(16, (uint16_t)value);
		break;
	case 4:
		*(volatile uint32_t *)ptr = UVDK_LE(32, (uint32_t)value);
		break;
	default:
		*(volatile uint64_t *)ptr = UVDK_LE(64, value);
	}
}

static uint64_t all_ones(unsigned int width)
{
	return UINT64_MAX >> (64 - 8 * width);
}

static int raw_read(const struct uvdk_region *region, uint64_t off, unsigned int width,
		    uint64_t *value)
{
	volatile void *ptr = direct(region, off, width);

	if (!ptr)
		return region->dev->ops->region_read(region->dev, region->index, off, width, value);

	*value = load(ptr, width);
	uvdk_io_rmb();
	return 0;
}

UVDK_EXPORT int uvdk_region_read(const struct uvdk_region *region, uint64_t off, unsigned int width,
				 uint64_t *value)
{
	uint64_t got;
	int ret;

	if (!device_here(region->dev))
		return -ENODEV;
	ret = check(region, off, width);
	if (ret)
		return ret;
	if (!region->readable)
		return uvdk_fail(-EACCES, "device", "%s: BAR %u can't be read",
				 region->dev->info.name, region->index);

	ret = raw_read(region, off, width, &got);
	if (ret)
		return ret;
	if (got == all_ones(width) && uvdk_device_check(region->dev))
		return -ENODEV;

	*value = got;
	return 0;
}

UVDK_EXPORT int uvdk_region_write(const struct uvdk_region *region, uint64_t off,
				  unsigned int width, uint64_t value)
{
	volatile void *ptr;
	int ret;

	if (!device_here(region->dev))
		return -ENODEV;
	ret = check(region, off, width);
	if (ret)
		return ret;
	if (!region->writable)
		return uvdk_fail(-EACCES, "device", "%s: BAR %u can't be written",
				 region->dev->info.name, region->index);

	ptr = direct(region, off, width);
	if (!ptr)
		return region->dev->ops->region_write(region->dev, region->index, off, width,
						      value);

	uvdk_io_wmb();
	store(ptr, width, value);
	return device_here(region->dev) ? 0 : -ENODEV;
}

UVDK_EXPORT int uvdk_doorbell_init(struct uvdk_doorbell *db, const struct uvdk_region *region,
				   uint64_t off, unsigned int width)
{
	int ret = check(region, off, width);

	if (ret)
		return ret;
	if (width != 2 && width != 4)
		return uvdk_fail(-EINVAL, "device", "%s: a doorbell has 2 or 4 bytes, not %u",
				 region->dev->info.name, width);

	*db = (struct uvdk_doorbell){
		.ptr = uvdk_region_ptr(region, off, width), .region = *region, .off = off};
	return 0;
}
