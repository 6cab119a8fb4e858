/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_TOPO_DEVICETREE_H
#define UVDK_TOPO_DEVICETREE_H

#include "fdt.h"

#define TREE_NO_CELLS UINT32_MAX

/* What a phandle stands for. */
struct tree_handle {
	uint32_t phandle;
	uint32_t off;	/* of the node */
	uint32_t cells; /* #iommu-cells, or TREE_NO_CELLS */
	int iommu;	/* index of a virtio-iommu, or -1 */
};

/* A host bridge with functions behind a virtio-iommu. */
struct tree_bridge {
	uint32_t off;
	uint16_t segment;
	uint8_t bus_first;
	uint8_t bus_last;
};

struct tree {
	struct fdt fdt;
	struct uvdk_topology *topology;
	struct tree_handle *handles; /* ascending, once all are there */
	unsigned int nr_handles;
	unsigned int room_handles;
	struct tree_bridge *bridges;
	unsigned int nr_bridges;
	unsigned int room_bridges;
	unsigned int hosts;  /* host bridges, whatever is behind them */
	uint32_t no_segment; /* a bridge that matters and does not tell its segment, or 0 */
};

/* ---- devicetree.c ---- */

bool tree_is_pci(const struct tree *tree, const struct fdt_node *node);
/* What is the host bridge's segment? Without a property: 0, if there is but one. */
int tree_segment(struct tree *tree, const struct fdt_node *host, uint16_t *out);
/* Whom does the cell at an offset stand for? -EBADMSG: nobody. */
int tree_find(const struct tree *tree, uint32_t off, const struct tree_handle **out);

/* ---- devicetree_address.c ---- */

/* Physical address of the first registers. */
int tree_address(const struct tree *tree, const struct fdt_node *node, uint64_t *out);

/* ---- devicetree_map.c ---- */

/* iommu-map of a host bridge. */
int tree_read_map(struct tree *tree, const struct fdt_node *host);
/* No two host bridges have a bus in common. */
int tree_check_bridges(struct tree *tree);

#endif /* UVDK_TOPO_DEVICETREE_H */
