// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "fuzz.h"
#include "topology.h"

static struct uvdk_pci_addr addr_of(uint32_t segment, unsigned int rid)
{
	struct uvdk_pci_addr addr = {segment, (uint8_t)(rid >> 8), rid >> 3 & 31, rid & 7};

	return addr;
}

/* The first of a range is found, and behind the virtio-iommu that the range names. */
static void check_range(const struct uvdk_topology *topology,
			const struct uvdk_topology_range *range, unsigned int nr_iommus)
{
	struct uvdk_pci_addr first = addr_of(range->segment_first, range->rid_first);
	unsigned int iommu;
	uint32_t endpoint;
	int ret;

	FUZZ_MUST(range->iommu < nr_iommus);
	if (range->bus != UVDK_TOPOLOGY_PCI)
		return;
	FUZZ_MUST(range->segment_first <= range->segment_last);
	FUZZ_MUST(range->rid_first <= range->rid_last);
	ret = uvdk_topology_find(topology, &first, &iommu, &endpoint);
	FUZZ_MUST(ret == 0 || ret == -ENOENT);
	/* With a mask it may be that no function is looked up as this one. */
	if (!ret && range->rid_mask == UINT16_MAX)
		FUZZ_MUST(iommu == range->iommu && endpoint == range->endpoint);
}

void fuzz_topology(struct uvdk_topology *topology)
{
	const struct uvdk_topology_iommu *iommus;
	const struct uvdk_topology_range *ranges;
	unsigned int nr_iommus;
	unsigned int nr_ranges;
	unsigned int iommu;
	uint32_t endpoint;

	iommus = uvdk_topology_iommus(topology, &nr_iommus);
	ranges = uvdk_topology_ranges(topology, &nr_ranges);
	FUZZ_MUST(uvdk_topology_source(topology));
	for (unsigned int i = 0; i < nr_ranges && i < 64; i++)
		check_range(topology, &ranges[i], nr_iommus);
	for (unsigned int i = 0; i < nr_iommus && i < 64; i++)
		if (iommus[i].bus == UVDK_TOPOLOGY_PCI)
			FUZZ_MUST(uvdk_topology_find(topology, &iommus[i].addr, &iommu,
						     &endpoint) == -ENOENT);
	uvdk_topology_free(topology);
}
