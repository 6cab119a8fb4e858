// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "devicetree.h"

/* Cells of an address and of a size on the bus that a node is (2.3.5: 2 and 1 unless said). */
struct cells {
	uint32_t address;
	uint32_t size;
};

static int cells_of(const struct tree *tree, const struct fdt_node *bus, struct cells *out)
{
	int ret = fdt_u32(&tree->fdt, bus, FDT_ADDRESS_CELLS, 2, &out->address);

	if (!ret)
		ret = fdt_u32(&tree->fdt, bus, FDT_SIZE_CELLS, 1, &out->size);
	if (ret)
		return ret;
	if (!out->address || out->address > 2 || out->size > 2)
		return fdt_bad(bus->off,
			       "addresses of %u cells and sizes of %u are not to be translated",
			       out->address, out->size);

	return 0;
}

static uint64_t number(const struct tree *tree, uint32_t off, uint32_t cells)
{
	uint64_t value = 0;

	while (cells--) {
		value = value << 32 | fdt_cell(&tree->fdt, off);
		off += 4;
	}

	return value;
}

/* An address on a bus becomes one on the bus above (Devicetree Specification 0.4, 2.3.8). */
static int go_up(const struct tree *tree, const struct fdt_node *bus, uint64_t *address)
{
	const struct fdt_prop *ranges = &bus->props[FDT_RANGES];
	struct cells above;
	struct cells here;
	uint32_t entry;
	int ret;

	if (!ranges->off)
		return fdt_bad(bus->off,
			       "the bus has no ranges: 0x%jx on it is no physical address",
			       (uintmax_t)*address);
	if (!ranges->len)
		return 0;
	ret = cells_of(tree, bus, &here);
	if (!ret)
		ret = cells_of(tree, bus->parent, &above);
	if (ret)
		return ret;

	entry = 4 * (here.address + above.address + here.size);
	if (ranges->len % entry)
		return fdt_bad(ranges->off, "ranges has 0x%x bytes, no multiple of %u", ranges->len,
			       entry);
	for (uint32_t off = ranges->off; off < ranges->off + ranges->len; off += entry) {
		uint64_t first = number(tree, off, here.address);
		uint64_t to = number(tree, off + 4 * here.address, above.address);
		uint64_t size = number(tree, off + entry - 4 * here.size, here.size);

		if (*address >= first && *address - first < size) {
			*address = to + (*address - first);
			return 0;
		}
	}

	return fdt_bad(ranges->off, "address 0x%jx is in none of the ranges", (uintmax_t)*address);
}

int tree_address(const struct tree *tree, const struct fdt_node *node, uint64_t *out)
{
	const struct fdt_prop *reg = &node->props[FDT_REG];
	struct cells cells;
	uint64_t address;
	int ret;

	if (!reg->off || !node->parent)
		return fdt_bad(node->off,
			       "the node has no reg: where its registers are is not known");
	ret = cells_of(tree, node->parent, &cells);
	if (ret)
		return ret;
	if (reg->len < 4 * (cells.address + cells.size))
		return fdt_bad(reg->off, "reg has %u bytes, fewer than an address and a size",
			       reg->len);
	address = number(tree, reg->off, cells.address);
	for (const struct fdt_node *bus = node->parent; bus->parent && !ret; bus = bus->parent)
		ret = go_up(tree, bus, &address);
	if (!ret)
		*out = address;

	return ret;
}
