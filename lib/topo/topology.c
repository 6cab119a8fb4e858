// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "topo_priv.h"

struct uvdk_topology *topo_create(const char *source)
{
	struct uvdk_topology *topology = calloc(1, sizeof(*topology));

	if (!topology)
		uvdk_fail(-ENOMEM, "topo", "no memory for a topology");
	else
		topology->source = source;

	return topology;
}

/* An array with room for one more than count, or NULL and the old one as it was. */
static void *grow(void *array, unsigned int count, unsigned int *room, size_t size)
{
	unsigned int more = *room ? *room * 2 : 8;
	void *bigger;

	if (count < *room)
		return array;
	bigger = reallocarray(array, more, size);
	if (!bigger) {
		uvdk_fail(-ENOMEM, "topo", "no memory for %u entries of a topology", more);
		return NULL;
	}
	*room = more;

	return bigger;
}

int topo_add_iommu(struct uvdk_topology *topology, const struct uvdk_topology_iommu *iommu)
{
	struct uvdk_topology_iommu *iommus = grow(topology->iommus, topology->nr_iommus,
						  &topology->room_iommus, sizeof(*iommus));

	if (!iommus)
		return -ENOMEM;
	topology->iommus = iommus;
	iommus[topology->nr_iommus++] = *iommu;

	return 0;
}

int topo_add_range(struct uvdk_topology *topology, const struct uvdk_topology_range *range)
{
	struct uvdk_topology_range *ranges = grow(topology->ranges, topology->nr_ranges,
						  &topology->room_ranges, sizeof(*ranges));

	if (!ranges)
		return -ENOMEM;
	topology->ranges = ranges;
	ranges[topology->nr_ranges++] = *range;

	return 0;
}

static bool same_iommu(const struct uvdk_topology_iommu *a, const struct uvdk_topology_iommu *b)
{
	if (a->bus != b->bus)
		return false;

	return a->bus == UVDK_TOPOLOGY_PCI ? !uvdk_pci_addr_cmp(&a->addr, &b->addr)
					   : a->base == b->base;
}

bool topo_has_iommu(const struct uvdk_topology *topology, const struct uvdk_topology_iommu *iommu)
{
	for (unsigned int i = 0; i < topology->nr_iommus; i++)
		if (same_iommu(&topology->iommus[i], iommu))
			return true;

	return false;
}

bool topo_overlap(const struct uvdk_topology_range *a, const struct uvdk_topology_range *b)
{
	if (a->bus != b->bus)
		return false;
	if (a->bus == UVDK_TOPOLOGY_MMIO)
		return a->base == b->base;

	return a->segment_first <= b->segment_last && b->segment_first <= a->segment_last &&
	       a->rid_first <= b->rid_last && b->rid_first <= a->rid_last;
}

/* A segment is worth 65536 numbers, wherever in it the requester IDs begin, as in Linux. */
uint64_t topo_last_endpoint(const struct uvdk_topology_range *range)
{
	if (range->bus == UVDK_TOPOLOGY_MMIO)
		return range->endpoint;

	return (uint64_t)range->endpoint +
	       ((uint64_t)(range->segment_last - range->segment_first) << 16) +
	       (uint64_t)(range->rid_last - range->rid_first);
}

static bool in_range(const struct uvdk_topology_range *range, uint32_t segment, uint16_t rid)
{
	rid &= range->rid_mask;

	return range->bus == UVDK_TOPOLOGY_PCI && segment >= range->segment_first &&
	       segment <= range->segment_last && rid >= range->rid_first && rid <= range->rid_last;
}

UVDK_EXPORT int uvdk_topology_find(const struct uvdk_topology *topology,
				   const struct uvdk_pci_addr *addr, unsigned int *iommu,
				   uint32_t *endpoint)
{
	const struct uvdk_topology_iommu self = {.bus = UVDK_TOPOLOGY_PCI, .addr = *addr};
	uint16_t rid = topo_rid(addr);

	if (topo_has_iommu(topology, &self))
		return -ENOENT;

	for (unsigned int i = 0; i < topology->nr_ranges; i++) {
		const struct uvdk_topology_range *range = &topology->ranges[i];

		if (!in_range(range, addr->domain, rid))
			continue;
		*iommu = range->iommu;
		*endpoint = range->endpoint + ((addr->domain - range->segment_first) << 16) +
			    (uint32_t)(rid & range->rid_mask) - range->rid_first;
		return 0;
	}

	return -ENOENT;
}

UVDK_EXPORT void uvdk_topology_free(struct uvdk_topology *topology)
{
	if (!topology)
		return;
	free(topology->ranges);
	free(topology->iommus);
	free(topology);
}

UVDK_EXPORT const char *uvdk_topology_source(const struct uvdk_topology *topology)
{
	return topology->nr_iommus ? topology->source : "none";
}

UVDK_EXPORT const struct uvdk_topology_iommu *uvdk_topology_iommus(
	const struct uvdk_topology *topology, unsigned int *count)
{
	*count = topology->nr_iommus;

	return topology->iommus;
}

UVDK_EXPORT const struct uvdk_topology_range *uvdk_topology_ranges(
	const struct uvdk_topology *topology, unsigned int *count)
{
	*count = topology->nr_ranges;

	return topology->ranges;
}
