// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "topo_priv.h"

/* ACPI 6.5, 5.2.6: header of a system description table; 5.2.33: of this one */
struct viot_header {
	char signature[4];
	struct uvdk_le32 length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	struct uvdk_le32 oem_revision;
	char creator_id[4];
	struct uvdk_le32 creator_revision;
	struct uvdk_le16 node_count;
	struct uvdk_le16 node_offset;
	uint8_t reserved[8];
};
_Static_assert(sizeof(struct viot_header) == 48, "ACPI 6.5, table 5.153");
_Static_assert(offsetof(struct viot_header, node_count) == 36, "behind the common header");

/* ACPI 6.5, 5.2.33.1 to 5.2.33.4 */
enum viot_type {
	VIOT_PCI_RANGE = 1,
	VIOT_MMIO_ENDPOINT = 2,
	VIOT_IOMMU_PCI = 3,
	VIOT_IOMMU_MMIO = 4,
};

/* Fields of a node, as offsets into it; lengths of all. */
#define NODE_RESERVED	    1
#define NODE_LENGTH	    2
#define NODE_HEADER	    4
#define RANGE_ENDPOINT	    4
#define RANGE_SEGMENT_FIRST 8
#define RANGE_SEGMENT_LAST  10
#define RANGE_RID_FIRST	    12
#define RANGE_RID_LAST	    14
#define MMIO_BASE	    8
#define ENDPOINT_OUTPUT	    16
#define ENDPOINT_RESERVED   18
#define ENDPOINT_NODE	    24
#define IOMMU_PCI_SEGMENT   4
#define IOMMU_PCI_RID	    6
#define IOMMU_PCI_RESERVED  8
#define IOMMU_MMIO_RESERVED 4
#define IOMMU_MMIO_BASE	    8
#define IOMMU_NODE	    16

/* A table whose header has been checked. */
struct viot {
	const uint8_t *bytes;
	size_t len;
	size_t first;
	unsigned int count;
	struct uvdk_topology *topology;
};

static uint16_t get16(const struct viot *viot, size_t off)
{
	struct uvdk_le16 v;

	memcpy(&v, viot->bytes + off, sizeof(v));
	return uvdk_get16(v);
}

static uint32_t get32(const struct viot *viot, size_t off)
{
	struct uvdk_le32 v;

	memcpy(&v, viot->bytes + off, sizeof(v));
	return uvdk_get32(v);
}

static uint64_t get64(const struct viot *viot, size_t off)
{
	struct uvdk_le64 v;

	memcpy(&v, viot->bytes + off, sizeof(v));
	return uvdk_get64(v);
}

static int check_zero(const struct viot *viot, size_t off, size_t len)
{
	for (size_t i = off; i < off + len; i++)
		if (viot->bytes[i])
			return topo_bad("VIOT", i, "reserved byte is 0x%02x, not 0",
					viot->bytes[i]);

	return 0;
}

static uint8_t sum(const uint8_t *bytes, size_t len)
{
	uint8_t total = 0;

	while (len--)
		total = (uint8_t)(total + *bytes++);

	return total;
}

static int check_header(struct viot *viot)
{
	struct viot_header h;

	if (viot->len < sizeof(h))
		return topo_bad("VIOT", viot->len, "the table ends in its header of %zu bytes",
				sizeof(h));
	memcpy(&h, viot->bytes, sizeof(h));
	if (memcmp(h.signature, "VIOT", 4) != 0)
		return topo_bad("VIOT", 0, "the signature is not VIOT");
	if (uvdk_get32(h.length) != viot->len)
		return topo_bad("VIOT", offsetof(struct viot_header, length),
				"the length is %u, but there are %zu bytes", uvdk_get32(h.length),
				viot->len);
	if (h.revision != 0)
		return topo_bad("VIOT", offsetof(struct viot_header, revision),
				"revision %u is not known, only 0", h.revision);
	if (sum(viot->bytes, viot->len) != 0)
		return topo_bad("VIOT", offsetof(struct viot_header, checksum),
				"the bytes add up to 0x%02x, not 0", sum(viot->bytes, viot->len));

	viot->count = uvdk_get16(h.node_count);
	viot->first = uvdk_get16(h.node_offset);
	if (viot->first < sizeof(h) || viot->first > viot->len)
		return topo_bad("VIOT", offsetof(struct viot_header, node_offset),
				"the first node is at 0x%zx, but has to be within 0x%zx and 0x%zx",
				viot->first, sizeof(h), viot->len);

	return check_zero(viot, offsetof(struct viot_header, reserved), sizeof(h.reserved));
}

/* 0 for a type that is not known */
static size_t length_of(uint8_t type)
{
	switch (type) {
	case VIOT_PCI_RANGE:
	case VIOT_MMIO_ENDPOINT:
		return ENDPOINT_NODE;
	case VIOT_IOMMU_PCI:
	case VIOT_IOMMU_MMIO:
		return IOMMU_NODE;
	default:
		return 0;
	}
}

static int check_node(const struct viot *viot, size_t off)
{
	size_t left = viot->len - off;
	size_t want;

	if (left < NODE_HEADER)
		return topo_bad("VIOT", off, "a node begins %zu bytes before the end", left);
	want = length_of(viot->bytes[off]);
	if (!want)
		return topo_bad("VIOT", off, "node type %u is not known", viot->bytes[off]);
	if (get16(viot, off + NODE_LENGTH) != want)
		return topo_bad("VIOT", off + NODE_LENGTH,
				"a node of type %u has length %u, not %zu", viot->bytes[off],
				get16(viot, off + NODE_LENGTH), want);
	if (want > left)
		return topo_bad("VIOT", off, "a node of %zu bytes begins %zu bytes before the end",
				want, left);

	return check_zero(viot, off + NODE_RESERVED, 1);
}

static int check_nodes(const struct viot *viot)
{
	size_t off = viot->first;
	int ret;

	for (unsigned int i = 0; i < viot->count; i++) {
		ret = check_node(viot, off);
		if (ret)
			return ret;
		off += get16(viot, off + NODE_LENGTH);
	}
	if (off != viot->len)
		return topo_bad("VIOT", off, "%zu bytes follow the last of %u nodes",
				viot->len - off, viot->count);

	return 0;
}

static bool is_iommu(uint8_t type)
{
	return type == VIOT_IOMMU_PCI || type == VIOT_IOMMU_MMIO;
}

static int read_iommu(const struct viot *viot, size_t off)
{
	struct uvdk_topology_iommu iommu = {0};
	int ret;

	if (viot->bytes[off] == VIOT_IOMMU_PCI) {
		iommu.bus = UVDK_TOPOLOGY_PCI;
		iommu.addr = topo_addr(get16(viot, off + IOMMU_PCI_SEGMENT),
				       get16(viot, off + IOMMU_PCI_RID));
		ret = check_zero(viot, off + IOMMU_PCI_RESERVED, 8);
	} else {
		iommu.bus = UVDK_TOPOLOGY_MMIO;
		iommu.base = get64(viot, off + IOMMU_MMIO_BASE);
		ret = check_zero(viot, off + IOMMU_MMIO_RESERVED, 4);
	}
	if (ret)
		return ret;
	if (topo_has_iommu(viot->topology, &iommu))
		return topo_bad("VIOT", off, "this virtio-iommu has a node already");

	return topo_add_iommu(viot->topology, &iommu);
}

/* Which of the virtio-iommus begins at an offset; they were read in their order. */
static int find_output(const struct viot *viot, size_t at, unsigned int *index)
{
	size_t wanted = get16(viot, at);
	size_t off = viot->first;

	*index = 0;
	for (unsigned int i = 0; i < viot->count && off <= wanted; i++) {
		if (off == wanted && is_iommu(viot->bytes[off]))
			return 0;
		if (off == wanted)
			return topo_bad(
				"VIOT", at,
				"the output node at 0x%zx is no virtio-iommu, but of type %u",
				wanted, viot->bytes[off]);
		*index += is_iommu(viot->bytes[off]);
		off += get16(viot, off + NODE_LENGTH);
	}

	return topo_bad("VIOT", at, "no node begins at 0x%zx, where the output node should be",
			wanted);
}

static int read_pci_range(const struct viot *viot, size_t off, struct uvdk_topology_range *range)
{
	range->bus = UVDK_TOPOLOGY_PCI;
	range->segment_first = get16(viot, off + RANGE_SEGMENT_FIRST);
	range->segment_last = get16(viot, off + RANGE_SEGMENT_LAST);
	range->rid_first = get16(viot, off + RANGE_RID_FIRST);
	range->rid_last = get16(viot, off + RANGE_RID_LAST);
	range->rid_mask = UINT16_MAX;
	if (range->segment_first > range->segment_last)
		return topo_bad("VIOT", off + RANGE_SEGMENT_LAST,
				"last segment 0x%x is below the first, 0x%x", range->segment_last,
				range->segment_first);
	if (range->rid_first > range->rid_last)
		return topo_bad("VIOT", off + RANGE_RID_LAST,
				"last requester ID 0x%x is below the first, 0x%x", range->rid_last,
				range->rid_first);
	if (topo_last_endpoint(range) > UINT32_MAX)
		return topo_bad("VIOT", off + RANGE_ENDPOINT,
				"numbers of endpoints from 0x%x on leave 32 bits", range->endpoint);

	return 0;
}

static int read_endpoint(const struct viot *viot, size_t off)
{
	struct uvdk_topology *topology = viot->topology;
	struct uvdk_topology_range range = {.endpoint = get32(viot, off + RANGE_ENDPOINT)};
	int ret = 0;

	if (viot->bytes[off] == VIOT_PCI_RANGE) {
		ret = read_pci_range(viot, off, &range);
	} else {
		range.bus = UVDK_TOPOLOGY_MMIO;
		range.base = get64(viot, off + MMIO_BASE);
	}
	if (!ret)
		ret = check_zero(viot, off + ENDPOINT_RESERVED, 6);
	if (!ret)
		ret = find_output(viot, off + ENDPOINT_OUTPUT, &range.iommu);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < topology->nr_ranges; i++)
		if (topo_overlap(&topology->ranges[i], &range))
			return topo_bad("VIOT", off,
					"endpoints of this node are in one before it, too");

	return topo_add_range(topology, &range);
}

/* Virtio-iommus first: an endpoint may stand before the one that it names. */
static int read_nodes(const struct viot *viot, bool iommus)
{
	size_t off = viot->first;
	int ret = 0;

	for (unsigned int i = 0; i < viot->count && !ret; i++) {
		if (is_iommu(viot->bytes[off]) == iommus)
			ret = iommus ? read_iommu(viot, off) : read_endpoint(viot, off);
		off += get16(viot, off + NODE_LENGTH);
	}

	return ret;
}

UVDK_EXPORT int uvdk_topology_parse_viot(const void *table, size_t len, struct uvdk_topology **out)
{
	struct viot viot = {.bytes = table, .len = len};
	int ret = check_header(&viot);

	if (!ret)
		ret = check_nodes(&viot);
	if (ret)
		return ret;
	viot.topology = topo_create("viot");
	if (!viot.topology)
		return -ENOMEM;
	ret = read_nodes(&viot, true);
	if (!ret)
		ret = read_nodes(&viot, false);
	if (ret) {
		uvdk_topology_free(viot.topology);
		return ret;
	}
	*out = viot.topology;

	return 0;
}
