/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_TOPO_PRIV_H
#define UVDK_TOPO_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uvdk_base_driver.h>
#include <uvdk_topology.h>

/* Made by one thread, then never changed. */
struct uvdk_topology {
	const char *source;
	struct uvdk_topology_iommu *iommus;
	unsigned int nr_iommus;
	unsigned int room_iommus;
	struct uvdk_topology_range *ranges;
	unsigned int nr_ranges;
	unsigned int room_ranges;
};

/* -EBADMSG, and a sentence "offset 0x...: what is wrong there" of a table called what. */
#define topo_bad(what, off, fmt, ...) \
	uvdk_fail(-EBADMSG, "topo", what ": offset 0x%zx: " fmt, (size_t)(off), ##__VA_ARGS__)

/* ---- topology.c: what a parser puts together ---- */

/* NULL: no memory, with a sentence. */
struct uvdk_topology *topo_create(const char *source);
/* 0 or -ENOMEM; its index is nr_iommus - 1 then. */
int topo_add_iommu(struct uvdk_topology *topology, const struct uvdk_topology_iommu *iommu);
/* 0 or -ENOMEM. */
int topo_add_range(struct uvdk_topology *topology, const struct uvdk_topology_range *range);
/* Is there such a virtio-iommu already? */
bool topo_has_iommu(const struct uvdk_topology *topology, const struct uvdk_topology_iommu *iommu);
/* Is some endpoint in both? Both PCI ranges with a mask of 0xffff, or MMIO endpoints. */
bool topo_overlap(const struct uvdk_topology_range *a, const struct uvdk_topology_range *b);
/* The number of the last endpoint of a range, which may not fit 32 bits. */
uint64_t topo_last_endpoint(const struct uvdk_topology_range *range);

static inline uint16_t topo_rid(const struct uvdk_pci_addr *addr)
{
	return (uint16_t)(addr->bus << 8 | addr->device << 3 | addr->function);
}

static inline struct uvdk_pci_addr topo_addr(uint32_t segment, uint32_t rid)
{
	struct uvdk_pci_addr addr = {
		.domain = segment,
		.bus = (uint8_t)(rid >> 8),
		.device = (uint8_t)(rid >> 3 & 0x1f),
		.function = (uint8_t)(rid & 7),
	};

	return addr;
}

#endif /* UVDK_TOPO_PRIV_H */
