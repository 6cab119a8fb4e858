/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_TOPOLOGY_H
#define UVDK_TOPOLOGY_H

#include <uvdk_base.h>
#include <uvdk_pci.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Topology: which virtio-iommu is in front of which endpoint
 *
 * Firmware says it: ACPI in a VIOT table, a device tree in properties
 * ``iommu-map`` and ``iommus`` (virtio 1.2, 5.13.2; the binding virtio/iommu). An
 * *endpoint* is what a virtio-iommu tells apart, by a number of 32 bits.
 *
 * Functions may share a number (``iommu-map-mask``, or ranges that say so): the
 * virtio-iommu can't tell them apart, so whoever attaches one attaches the others
 * with it. That is for the caller to look at, as is uvdk_pci_isolation_create().
 *
 * A topology does not change once it is made: any number of threads may ask.
 */

struct uvdk_topology;

/**
 * enum uvdk_topology_bus - how something is found
 * @UVDK_TOPOLOGY_PCI: by segment, bus, device and function
 * @UVDK_TOPOLOGY_MMIO: by the address of its registers
 */
enum uvdk_topology_bus {
	UVDK_TOPOLOGY_PCI,
	UVDK_TOPOLOGY_MMIO,
};

/**
 * struct uvdk_topology_iommu - a virtio-iommu
 * @bus: how it is found
 * @addr: UVDK_TOPOLOGY_PCI: where
 * @base: UVDK_TOPOLOGY_MMIO: physical address of its registers
 */
struct uvdk_topology_iommu {
	enum uvdk_topology_bus bus;
	struct uvdk_pci_addr addr;
	uint64_t base;
};

/**
 * struct uvdk_topology_range - endpoints behind one virtio-iommu
 * @bus: how they are found
 * @iommu: index of the virtio-iommu
 * @segment_first: PCI: first segment
 * @segment_last: PCI: last segment, inclusive
 * @rid_first: PCI: first requester ID (bus << 8 | device << 3 | function)
 * @rid_last: PCI: last one, inclusive
 * @rid_mask: PCI: applied to a requester ID before it is looked up
 *	(``iommu-map-mask``); 0xffff: all of it counts
 * @base: MMIO: physical address of the endpoint
 * @endpoint: number of the first; others follow in the order of requester IDs,
 *	each segment after the first 0x10000 further
 */
struct uvdk_topology_range {
	enum uvdk_topology_bus bus;
	unsigned int iommu;
	uint16_t segment_first;
	uint16_t segment_last;
	uint16_t rid_first;
	uint16_t rid_last;
	uint16_t rid_mask;
	uint64_t base;
	uint32_t endpoint;
};

/**
 * struct uvdk_topology_opts - where to read it
 * @size: sizeof(struct uvdk_topology_opts)
 * @sysfs_root: NULL for "/sys"
 * @viot: a file with a VIOT table
 * @fdt: a file with a flattened device tree; both NULL: the VIOT in sysfs, or else the
 *	device tree there
 */
struct uvdk_topology_opts {
	size_t size;
	const char *sysfs_root;
	const char *viot;
	const char *fdt;
};

/**
 * uvdk_topology_read() - what firmware says of this machine, or a file
 * @opts: options, or NULL
 * @out: new topology, owned by the caller; empty if firmware knows no virtio-iommu
 *
 * Return: 0; -ENOENT (a file that was named is not there); -EACCES (those in sysfs are
 * root's); -EBADMSG (malformed: the sentence has the offset and what is wrong there);
 * -EINVAL (options, both files named); -EFBIG (more than 16 MiB); -EIO; -ENOMEM.
 */
int uvdk_topology_read(const struct uvdk_topology_opts *opts, struct uvdk_topology **out);

/**
 * uvdk_topology_parse_viot() - from an ACPI VIOT table (ACPI 6.5, 5.2.33)
 * @table: all of it, from its header on
 * @len: bytes
 * @out: new topology
 *
 * Return: 0, -EBADMSG (with the offset), -ENOMEM.
 */
int uvdk_topology_parse_viot(const void *table, size_t len, struct uvdk_topology **out);

/**
 * uvdk_topology_parse_fdt() - from a flattened device tree
 * @blob: all of it
 * @len: bytes
 * @out: new topology
 *
 * Return: 0, -EBADMSG (with the offset), -ENOMEM.
 */
int uvdk_topology_parse_fdt(const void *blob, size_t len, struct uvdk_topology **out);

/**
 * uvdk_topology_free() - free a topology
 * @topology: topology, or NULL
 */
void uvdk_topology_free(struct uvdk_topology *topology);

/**
 * uvdk_topology_source() - where it comes from
 * @topology: topology
 *
 * Return: "viot", "devicetree", or "none" for an empty one.
 */
const char *uvdk_topology_source(const struct uvdk_topology *topology);

/**
 * uvdk_topology_iommus() - the virtio-iommus
 * @topology: topology
 * @count: out: how many
 *
 * Return: array, the topology's.
 */
const struct uvdk_topology_iommu *uvdk_topology_iommus(const struct uvdk_topology *topology,
						       unsigned int *count);

/**
 * uvdk_topology_ranges() - what is behind them
 * @topology: topology
 * @count: out: how many
 *
 * Return: array, the topology's.
 */
const struct uvdk_topology_range *uvdk_topology_ranges(const struct uvdk_topology *topology,
						       unsigned int *count);

/**
 * uvdk_topology_find() - what is in front of a PCI function
 * @topology: topology
 * @addr: function
 * @iommu: out: index of the virtio-iommu
 * @endpoint: out: its number there
 *
 * A virtio-iommu is behind none, whatever the ranges say.
 *
 * Return: 0, or -ENOENT (without a sentence): nothing translates for it.
 */
int uvdk_topology_find(const struct uvdk_topology *topology, const struct uvdk_pci_addr *addr,
		       unsigned int *iommu, uint32_t *endpoint);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_TOPOLOGY_H */
