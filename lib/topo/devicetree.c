// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "devicetree.h"

/* The binding "virtio/pci-iommu" and IEEE 1275's PCI binding: five cells, the first tells where. */
#define PCI_REG_LEN	     20
#define PCI_REG_RID(phys_hi) ((phys_hi) >> 8 & 0xffff)

bool tree_is_pci(const struct tree *tree, const struct fdt_node *node)
{
	return fdt_says(&tree->fdt, node, FDT_DEVICE_TYPE, "pci");
}

static bool is_host(const struct tree *tree, const struct fdt_node *node)
{
	return tree_is_pci(tree, node) && !(node->parent && tree_is_pci(tree, node->parent));
}

/* Devicetree Specification 0.4, 2.3.4; what is in a node that is off is off, too. */
static bool is_on(const struct tree *tree, const struct fdt_node *node)
{
	for (; node; node = node->parent)
		if (node->props[FDT_STATUS].off &&
		    !fdt_says(&tree->fdt, node, FDT_STATUS, "okay") &&
		    !fdt_says(&tree->fdt, node, FDT_STATUS, "ok"))
			return false;

	return true;
}

int tree_segment(struct tree *tree, const struct fdt_node *host, uint16_t *out)
{
	uint32_t value;
	int ret = fdt_u32(&tree->fdt, host, FDT_PCI_DOMAIN, 0, &value);

	if (ret)
		return ret;
	if (value > UINT16_MAX)
		return fdt_bad(host->props[FDT_PCI_DOMAIN].off,
			       "PCI segment 0x%x has more than 16 bits", value);
	if (!host->props[FDT_PCI_DOMAIN].off && !tree->no_segment)
		tree->no_segment = host->off;
	*out = (uint16_t)value;

	return 0;
}

/* ---- first: virtio-iommus, and what phandles stand for ---- */

static int pci_iommu(struct tree *tree, const struct fdt_node *node,
		     struct uvdk_topology_iommu *out)
{
	const struct fdt_prop *reg = &node->props[FDT_REG];
	const struct fdt_node *host = node->parent;
	uint16_t segment;
	int ret;

	if (!host || !tree_is_pci(tree, host))
		return fdt_bad(node->off, "a virtio-iommu on PCI is not below a PCI bridge");
	if (reg->len < PCI_REG_LEN)
		return fdt_bad(reg->off ? reg->off : node->off,
			       "reg of a PCI function has %u bytes, not %u", reg->len, PCI_REG_LEN);
	while (!is_host(tree, host))
		host = host->parent;
	ret = tree_segment(tree, host, &segment);
	if (ret)
		return ret;
	out->bus = UVDK_TOPOLOGY_PCI;
	out->addr = topo_addr(segment, PCI_REG_RID(fdt_cell(&tree->fdt, reg->off)));

	return 0;
}

/* 1: it is a virtio-iommu; 0: it is none; or negative errno. */
static int read_iommu(struct tree *tree, const struct fdt_node *node, uint32_t cells)
{
	const struct fdt_prop *prop = &node->props[FDT_IOMMU_CELLS];
	bool pci = fdt_says(&tree->fdt, node, FDT_COMPATIBLE, "virtio,pci-iommu") ||
		   fdt_says(&tree->fdt, node, FDT_COMPATIBLE, "pci1af4,1057");
	struct uvdk_topology_iommu iommu = {.bus = UVDK_TOPOLOGY_MMIO};
	int ret;

	if (!is_on(tree, node))
		return 0;
	/* Other virtio devices are "virtio,mmio", too: the cells tell. */
	if (!pci && (!prop->off || !fdt_says(&tree->fdt, node, FDT_COMPATIBLE, "virtio,mmio")))
		return 0;
	if (cells != 1)
		return fdt_bad(prop->off ? prop->off : node->off,
			       "#iommu-cells of a virtio-iommu is not 1");
	ret = pci ? pci_iommu(tree, node, &iommu) : tree_address(tree, node, &iommu.base);
	if (ret)
		return ret;
	if (topo_has_iommu(tree->topology, &iommu))
		return fdt_bad(node->off, "this virtio-iommu has a node already");
	ret = topo_add_iommu(tree->topology, &iommu);

	return ret ? ret : 1;
}

static int add_handle(struct tree *tree, const struct tree_handle *handle)
{
	unsigned int room = tree->room_handles ? tree->room_handles * 2 : 64;
	struct tree_handle *handles = tree->handles;

	if (tree->nr_handles == tree->room_handles) {
		handles = reallocarray(handles, room, sizeof(*handles));
		if (!handles)
			return uvdk_fail(-ENOMEM, "topo", "no memory for %u phandles", room);
		tree->handles = handles;
		tree->room_handles = room;
	}
	handles[tree->nr_handles++] = *handle;

	return 0;
}

static int first_look(void *priv, const struct fdt_node *node)
{
	struct tree_handle handle = {.off = node->off, .iommu = -1};
	struct tree *tree = priv;
	int ret;

	tree->hosts += is_host(tree, node);
	ret = fdt_u32(&tree->fdt, node, FDT_PHANDLE_OLD, 0, &handle.phandle);
	if (!ret)
		ret = fdt_u32(&tree->fdt, node, FDT_PHANDLE, handle.phandle, &handle.phandle);
	if (!ret)
		ret = fdt_u32(&tree->fdt, node, FDT_IOMMU_CELLS, TREE_NO_CELLS, &handle.cells);
	if (!ret)
		ret = read_iommu(tree, node, handle.cells);
	if (ret < 0)
		return ret;
	if (ret)
		handle.iommu = (int)tree->topology->nr_iommus - 1;
	if (handle.phandle)
		return add_handle(tree, &handle);

	return 0;
}

static int by_phandle(const void *a, const void *b)
{
	const struct tree_handle *x = a;
	const struct tree_handle *y = b;

	return (x->phandle > y->phandle) - (x->phandle < y->phandle);
}

static int sort_handles(struct tree *tree)
{
	const struct tree_handle *handles = tree->handles;

	if (tree->nr_handles)
		qsort(tree->handles, tree->nr_handles, sizeof(*handles), by_phandle);
	for (unsigned int i = 1; i < tree->nr_handles; i++)
		if (handles[i].phandle == handles[i - 1].phandle)
			return fdt_bad(handles[i].off,
				       "phandle 0x%x is also that of the node at 0x%x",
				       handles[i].phandle, handles[i - 1].off);

	return 0;
}

int tree_find(const struct tree *tree, uint32_t off, const struct tree_handle **out)
{
	const struct tree_handle wanted = {.phandle = fdt_cell(&tree->fdt, off)};

	if (tree->nr_handles)
		*out = bsearch(&wanted, tree->handles, tree->nr_handles, sizeof(wanted),
			       by_phandle);
	if (!tree->nr_handles || !*out)
		return fdt_bad(off, "no node has phandle 0x%x", wanted.phandle);

	return 0;
}

/* ---- then: who is behind them ---- */

static int read_endpoint(struct tree *tree, const struct fdt_node *node, unsigned int iommu,
			 uint32_t endpoint)
{
	struct uvdk_topology_range range = {
		.bus = UVDK_TOPOLOGY_MMIO,
		.iommu = iommu,
		.endpoint = endpoint,
	};
	int ret;

	/* What has no registers can't be found by them; a PCI function is found by iommu-map. */
	if (!node->props[FDT_REG].off || !node->parent || tree_is_pci(tree, node->parent))
		return 0;
	ret = tree_address(tree, node, &range.base);

	return ret ? ret : topo_add_range(tree->topology, &range);
}

/* Pairs of a phandle and as many cells as its node wants. */
static int read_iommus(struct tree *tree, const struct fdt_node *node)
{
	const struct fdt_prop *prop = &node->props[FDT_IOMMUS];
	const struct tree_handle *handle;
	uint32_t left = prop->len;
	uint32_t off = prop->off;
	int ret = 0;

	while (left && !ret) {
		if (left < 4)
			return fdt_bad(off, "iommus ends %u bytes into a phandle", left);
		ret = tree_find(tree, off, &handle);
		if (ret)
			return ret;
		if (handle->cells == TREE_NO_CELLS)
			return fdt_bad(off, "the node at 0x%x has no #iommu-cells", handle->off);
		if (handle->cells > (left - 4) / 4)
			return fdt_bad(off, "iommus ends within the %u cells of the node at 0x%x",
				       handle->cells, handle->off);
		if (handle->iommu >= 0)
			ret = read_endpoint(tree, node, (unsigned int)handle->iommu,
					    fdt_cell(&tree->fdt, off + 4));
		left -= 4 + handle->cells * 4;
		off += 4 + handle->cells * 4;
	}

	return ret;
}

static int second_look(void *priv, const struct fdt_node *node)
{
	struct tree *tree = priv;
	int ret = 0;

	if (!is_on(tree, node))
		return 0;
	if (node->props[FDT_IOMMU_MAP].off && is_host(tree, node))
		ret = tree_read_map(tree, node);
	if (!ret)
		ret = read_iommus(tree, node);

	return ret;
}

static int read_tree(struct tree *tree)
{
	int ret = fdt_walk(&tree->fdt, first_look, tree);

	if (!ret)
		ret = sort_handles(tree);
	/* Without a virtio-iommu the rest is somebody else's, and may be as it likes. */
	if (ret || !tree->topology->nr_iommus)
		return ret;
	ret = fdt_walk(&tree->fdt, second_look, tree);
	if (!ret)
		ret = tree_check_bridges(tree);
	if (!ret && tree->no_segment && tree->hosts > 1)
		return fdt_bad(
			tree->no_segment,
			"one of %u host bridges, and linux,pci-domain does not tell its segment",
			tree->hosts);

	return ret;
}

UVDK_EXPORT int uvdk_topology_parse_fdt(const void *blob, size_t len, struct uvdk_topology **out)
{
	struct tree tree = {0};
	int ret = fdt_open(blob, len, &tree.fdt);

	if (ret)
		return ret;
	tree.topology = topo_create("devicetree");
	if (!tree.topology)
		return -ENOMEM;
	ret = read_tree(&tree);
	free(tree.handles);
	free(tree.bridges);
	if (ret) {
		uvdk_topology_free(tree.topology);
		return ret;
	}
	*out = tree.topology;

	return 0;
}
