// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "devicetree.h"

/* The binding pci-iommu: requester ID, phandle, number of the first endpoint, how many. */
#define ENTRY_RID      0
#define ENTRY_PHANDLE  4
#define ENTRY_ENDPOINT 8
#define ENTRY_COUNT    12
#define ENTRY	       16

#define BUS_BITS       0xff00

/* What one entry covers, in requester IDs under the mask. */
struct span {
	uint32_t off;
	uint16_t first;
	uint16_t last;
};

struct map {
	struct tree *tree;
	struct tree_bridge bridge;
	uint16_t mask;
	bool ours; /* something of it is behind a virtio-iommu */
};

static int read_bridge(struct tree *tree, const struct fdt_node *host, struct map *map)
{
	const struct fdt_prop *buses = &host->props[FDT_BUS_RANGE];
	uint32_t first = 0;
	uint32_t last = UINT8_MAX;
	uint32_t mask;
	int ret = fdt_u32(&tree->fdt, host, FDT_IOMMU_MAP_MASK, UINT32_MAX, &mask);

	if (ret)
		return ret;
	if (buses->off && buses->len != 8)
		return fdt_bad(buses->off, "bus-range has %u bytes, not 8", buses->len);
	if (buses->off) {
		first = fdt_cell(&tree->fdt, buses->off);
		last = fdt_cell(&tree->fdt, buses->off + 4);
	}
	if (first > last || last > UINT8_MAX)
		return fdt_bad(buses->off, "buses 0x%x to 0x%x", first, last);
	map->tree = tree;
	map->mask = (uint16_t)mask;
	map->bridge.off = host->off;
	/* Where the mask hides the bus, who is below this bridge can't be told by it. */
	map->bridge.bus_first = (mask & BUS_BITS) == BUS_BITS ? (uint8_t)first : 0;
	map->bridge.bus_last = (mask & BUS_BITS) == BUS_BITS ? (uint8_t)last : UINT8_MAX;

	return 0;
}

static int check_entry(const struct map *map, uint32_t off, struct span *span)
{
	const struct fdt *fdt = &map->tree->fdt;
	uint32_t rid = fdt_cell(fdt, off + ENTRY_RID);
	uint32_t count = fdt_cell(fdt, off + ENTRY_COUNT);
	uint32_t endpoint = fdt_cell(fdt, off + ENTRY_ENDPOINT);

	if (rid & ~(uint32_t)map->mask)
		return fdt_bad(off, "requester ID 0x%x is not within iommu-map-mask 0x%x", rid,
			       map->mask);
	if (!count || count > 0x10000 - rid)
		return fdt_bad(off + ENTRY_COUNT, "0x%x requester IDs from 0x%x on", count, rid);
	if (count - 1 > UINT32_MAX - endpoint)
		return fdt_bad(off + ENTRY_ENDPOINT,
			       "0x%x numbers of endpoints from 0x%x on leave 32 bits", count,
			       endpoint);
	span->off = off;
	span->first = (uint16_t)rid;
	span->last = (uint16_t)(rid + count - 1);

	return 0;
}

/* What of an entry is on the bridge's buses goes into the topology. */
static int add_range(const struct map *map, const struct span *span, unsigned int iommu)
{
	uint16_t lowest = (uint16_t)(map->bridge.bus_first << 8);
	uint16_t highest = (uint16_t)(map->bridge.bus_last << 8 | 0xff);
	struct uvdk_topology_range range = {
		.bus = UVDK_TOPOLOGY_PCI,
		.iommu = iommu,
		.segment_first = map->bridge.segment,
		.segment_last = map->bridge.segment,
		.rid_first = span->first > lowest ? span->first : lowest,
		.rid_last = span->last < highest ? span->last : highest,
		.rid_mask = map->mask,
		.endpoint = fdt_cell(&map->tree->fdt, span->off + ENTRY_ENDPOINT),
	};

	if (range.rid_first > range.rid_last)
		return 0;
	range.endpoint += (uint32_t)(range.rid_first - span->first);

	return topo_add_range(map->tree->topology, &range);
}

static int by_first(const void *a, const void *b)
{
	const struct span *x = a;
	const struct span *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static int read_entries(struct map *map, const struct fdt_prop *prop, struct span *spans)
{
	uint32_t count = prop->len / ENTRY;
	const struct tree_handle *handle;
	int ret;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t off = prop->off + i * ENTRY;

		ret = check_entry(map, off, &spans[i]);
		if (!ret)
			ret = tree_find(map->tree, off + ENTRY_PHANDLE, &handle);
		if (!ret && handle->iommu >= 0) {
			map->ours = true;
			ret = add_range(map, &spans[i], (unsigned int)handle->iommu);
		}
		if (ret)
			return ret;
	}
	qsort(spans, count, sizeof(*spans), by_first);
	for (uint32_t i = 1; i < count; i++)
		if (spans[i].first <= spans[i - 1].last)
			return fdt_bad(spans[i].off,
				       "requester ID 0x%x is in the entry at 0x%x, too",
				       spans[i].first, spans[i - 1].off);

	return 0;
}

static int add_bridge(struct tree *tree, const struct tree_bridge *bridge)
{
	unsigned int room = tree->room_bridges ? tree->room_bridges * 2 : 8;
	struct tree_bridge *bridges = tree->bridges;

	if (tree->nr_bridges == tree->room_bridges) {
		bridges = reallocarray(bridges, room, sizeof(*bridges));
		if (!bridges)
			return uvdk_fail(-ENOMEM, "topo", "no memory for %u host bridges", room);
		tree->bridges = bridges;
		tree->room_bridges = room;
	}
	bridges[tree->nr_bridges++] = *bridge;

	return 0;
}

/* Does it lead to a virtio-iommu at all? Else it is not for us to judge. */
static bool concerns_us(const struct tree *tree, const struct fdt_prop *prop)
{
	const struct tree_handle *handle;

	for (uint32_t off = 0; off + ENTRY <= prop->len; off += ENTRY)
		if (tree_find(tree, prop->off + off + ENTRY_PHANDLE, &handle) || handle->iommu >= 0)
			return true;

	return prop->len % ENTRY;
}

int tree_read_map(struct tree *tree, const struct fdt_node *host)
{
	const struct fdt_prop *prop = &host->props[FDT_IOMMU_MAP];
	struct map map = {0};
	struct span *spans;
	int ret;

	if (!concerns_us(tree, prop))
		return 0;
	if (prop->len % ENTRY)
		return fdt_bad(prop->off, "iommu-map has 0x%x bytes, no multiple of %u", prop->len,
			       ENTRY);
	ret = read_bridge(tree, host, &map);
	if (!ret)
		ret = tree_segment(tree, host, &map.bridge.segment);
	if (ret)
		return ret;
	spans = calloc(prop->len / ENTRY, sizeof(*spans));
	if (!spans)
		return uvdk_fail(-ENOMEM, "topo", "no memory for an iommu-map of %u entries",
				 prop->len / ENTRY);
	ret = read_entries(&map, prop, spans);
	free(spans);
	if (!ret && map.ours)
		ret = add_bridge(tree, &map.bridge);

	return ret;
}

static int by_bus(const void *a, const void *b)
{
	const struct tree_bridge *x = a;
	const struct tree_bridge *y = b;
	unsigned int p = (unsigned int)x->segment << 8 | x->bus_first;
	unsigned int q = (unsigned int)y->segment << 8 | y->bus_first;

	return (p > q) - (p < q);
}

int tree_check_bridges(struct tree *tree)
{
	const struct tree_bridge *b = tree->bridges;

	if (tree->nr_bridges)
		qsort(tree->bridges, tree->nr_bridges, sizeof(*b), by_bus);
	for (unsigned int i = 1; i < tree->nr_bridges; i++)
		if (b[i].segment == b[i - 1].segment && b[i].bus_first <= b[i - 1].bus_last)
			return fdt_bad(
				b[i].off,
				"segment 0x%x, bus 0x%x is below the host bridge at 0x%x, too",
				b[i].segment, b[i].bus_first, b[i - 1].off);

	return 0;
}
