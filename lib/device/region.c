// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device_priv.h"

#define HUGE_PAGE (UINT64_C(2) << 20)

/* A BAR smaller than a page is mapped by a whole one. */
static bool areas_fit(const struct uvdk_bus_region *info, uint64_t page)
{
	uint64_t size = (info->size + page - 1) & ~(page - 1);
	uint64_t end = 0;

	for (unsigned int i = 0; i < info->nr_areas; i++) {
		uint64_t off = info->areas[i].off;
		uint64_t len = info->areas[i].len;

		if (off % page || len % page || !len || off < end || off >= size ||
		    len > size - off)
			return false;
		end = off + len;
	}

	return true;
}

/* Large BARs start on a huge page, so that the kernel may map them by such. */
static void *reserve(size_t size)
{
	size_t slack = size >= HUGE_PAGE ? HUGE_PAGE : 0;
	unsigned char *at;
	size_t head;

	at = mmap(NULL, size + slack, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		  0);
	if (at == MAP_FAILED || !slack)
		return at;

	head = -(uintptr_t)at & (HUGE_PAGE - 1);
	if (head)
		munmap(at, head);
	munmap(at + head + size, slack - head);
	return at + head;
}

static void unmap_region(struct device_region *region)
{
	if (!region->base)
		return;

	for (unsigned int i = 0; i < region->info.nr_areas; i++)
		sigbus_remove(region->base + region->info.areas[i].off);
	munmap(region->base, region->reserved);
	region->base = NULL;
}

static int map_areas(struct uvdk_device *dev, unsigned int index, struct device_region *region)
{
	for (unsigned int i = 0; i < region->info.nr_areas; i++) {
		uint64_t off = region->info.areas[i].off;
		uint64_t len = region->info.areas[i].len;
		int ret = dev->ops->region_map(dev, index, off, len, region->base + off);

		if (!ret)
			ret = sigbus_add(dev, region->base + off, len);
		if (ret)
			return ret;
	}

	return 0;
}

/*
 * A BAR that can't be mapped still works through calls, so say it and go on:
 * the application sees it in uvdk_region.mappable.
 */
static void map_region(struct uvdk_device *dev, unsigned int index, struct device_region *region)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int ret = -EINVAL;

	if (!region->info.nr_areas)
		return;
	if (!areas_fit(&region->info, page))
		goto calls_only;

	ret = -ENOMEM;
	region->reserved = (region->info.size + page - 1) & ~(page - 1);
	region->base = reserve(region->reserved);
	if (region->base == MAP_FAILED) {
		region->base = NULL;
		goto calls_only;
	}
	ret = map_areas(dev, index, region);
	if (!ret)
		return;

calls_only:
	unmap_region(region);
	region->info.nr_areas = 0;
	uvdk_log(UVDK_LOG_WARN, "device",
		 "%s: BAR %u can't be mapped (%s); its registers are accessed by system calls",
		 dev->info.name, index, strerror(-ret));
}

static int query_region(struct uvdk_device *dev, unsigned int index, struct device_region *region)
{
	struct uvdk_bus_region info = {0};
	int ret = dev->ops->region_info(dev, index, &info);

	if (ret)
		return ret;

	region->info = info;
	map_region(dev, index, region);
	region->known = true;
	return 0;
}

UVDK_EXPORT int uvdk_device_region(struct uvdk_device *dev, unsigned int index,
				   struct uvdk_region *out)
{
	struct device_region *region;
	int ret;

	if (!device_here(dev))
		return device_refuse(dev);
	if (index >= DEVICE_BARS)
		return uvdk_fail(-EINVAL, "device", "%s: BAR %u was asked for, BARs are 0 to 5",
				 dev->info.name, index);

	region = &dev->regions[index];
	if (!region->known) {
		ret = query_region(dev, index, region);
		if (ret)
			return ret;
	}
	if (!region->info.size)
		return uvdk_fail(-ENOENT, "device", "%s has no BAR %u", dev->info.name, index);

	*out = (struct uvdk_region){.dev = dev,
				    .index = index,
				    .size = region->info.size,
				    .readable = region->info.readable,
				    .writable = region->info.writable,
				    .mappable = region->base != NULL};
	return 0;
}

void device_unmap_regions(struct uvdk_device *dev)
{
	for (unsigned int i = 0; i < DEVICE_BARS; i++)
		unmap_region(&dev->regions[i]);
}
