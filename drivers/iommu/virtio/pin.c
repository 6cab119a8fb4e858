// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "viommu_space.h"

/* Where the memory of a map is: locked memory, or registers of a device attached here. */

#define RUNS_AT_ONCE 16
#define BARS	     6

static int keep_runs(struct viommu_map *map, const struct uvdk_phys_run *runs, unsigned int count)
{
	map->runs = malloc(count * sizeof(*runs));
	if (!map->runs)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for %u pieces of a map", count);
	if (runs)
		memcpy(map->runs, runs, count * sizeof(*runs));
	map->nr_runs = count;

	return 0;
}

static int find_runs(const struct uvdk_phys *phys, struct viommu_map *map)
{
	struct uvdk_phys_run runs[RUNS_AT_ONCE];
	int count = uvdk_phys_runs(phys, map->va, map->len, map->pin, runs, RUNS_AT_ONCE);
	int again, err;

	if (count < 0)
		return count;
	if (count <= RUNS_AT_ONCE)
		return keep_runs(map, runs, (unsigned int)count);

	err = keep_runs(map, NULL, (unsigned int)count);
	if (err)
		return err;
	again = uvdk_phys_runs(phys, map->va, map->len, map->pin, map->runs, map->nr_runs);
	if (again == count)
		return 0;
	free(map->runs);
	map->runs = NULL;

	return again < 0 ? again
			 : uvdk_fail(-EAGAIN, VIOMMU,
				     "the kernel moved the memory at %p while it was mapped: use "
				     "huge pages",
				     (void *)map->va);
}

/* ---- registers ---- */

static bool in_bar(struct uvdk_device *dev, unsigned int bar, const struct viommu_map *map,
		   uint64_t *off)
{
	struct uvdk_region region;
	const volatile unsigned char *start;

	if (uvdk_device_region(dev, bar, &region) || !region.mappable)
		return false;
	start = uvdk_region_ptr(&region, 0, 1);
	if (!start || map->va < start || map->len > region.size)
		return false;
	*off = (uint64_t)(map->va - start);

	return *off <= region.size - map->len && uvdk_region_ptr(&region, *off, map->len);
}

static bool in_device(struct uvdk_device *dev, const char *sysfs_root, const struct viommu_map *map,
		      struct uvdk_phys_run *run)
{
	struct uvdk_pci_function fn;
	uint64_t off;

	for (unsigned int bar = 0; bar < BARS; bar++) {
		if (!in_bar(dev, bar, map, &off) ||
		    uvdk_pci_identify(sysfs_root, &uvdk_device_get_info(dev)->addr, &fn))
			continue;
		*run = (struct uvdk_phys_run){.phys = fn.resources[bar].start + off,
					      .len = map->len};
		return true;
	}

	return false;
}

static bool find_registers(struct viommu *viommu, const struct viommu_map *map,
			   struct uvdk_phys_run *run)
{
	struct viommu_endpoint *endpoint;
	bool found = false;

	if (viommu->emu)
		return false;
	uvdk_log_hush(true);
	pthread_mutex_lock(&viommu->lock);
	LIST_FOREACH(endpoint, &viommu->endpoints, entry)
	{
		/* What is attached is open, to the end. */
		found = endpoint->domain &&
			in_device(endpoint->binding->dev, viommu->sysfs_root, map, run);
		if (found)
			break;
	}
	pthread_mutex_unlock(&viommu->lock);
	uvdk_log_hush(false);

	return found;
}

static int lock(const struct uvdk_phys *phys, struct viommu_map *map)
{
	return uvdk_phys_lock(phys, map->va, map->len, map->flags & UVDK_MAP_WRITE, &map->pin);
}

int viommu_map_pin(struct viommu *viommu, struct viommu_map *map)
{
	struct uvdk_phys_run run;
	int err;

	uvdk_log_hush(true);
	err = lock(&viommu->phys, map);
	uvdk_log_hush(false);
	if (err == -EFAULT && find_registers(viommu, map, &run))
		return keep_runs(map, &run, 1);
	if (err)
		err = lock(&viommu->phys, map); /* once more, for the sentence */
	if (err)
		return err;
	map->locked = true;
	err = find_runs(&viommu->phys, map);
	if (err)
		viommu_map_unpin(viommu, map);

	return err;
}

void viommu_map_unpin(struct viommu *viommu, struct viommu_map *map)
{
	if (map->locked)
		uvdk_phys_unlock(&viommu->phys, map->va, map->len, map->pin);
	map->locked = false;
}
