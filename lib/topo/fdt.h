/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_TOPO_FDT_H
#define UVDK_TOPO_FDT_H

#include "topo_priv.h"

/*
 * fdt.c: a flattened device tree (Devicetree Specification 0.4, chapter 5), one
 * pass from its beginning to its end. It knows where things are; what they mean
 * is devicetree.c's.
 */

#define FDT_DEPTH	       64

#define fdt_bad(off, fmt, ...) topo_bad("device tree", off, fmt, ##__VA_ARGS__)

/* The properties that somebody here asks for. */
enum fdt_name {
	FDT_ADDRESS_CELLS,
	FDT_SIZE_CELLS,
	FDT_RANGES,
	FDT_REG,
	FDT_COMPATIBLE,
	FDT_DEVICE_TYPE,
	FDT_STATUS,
	FDT_PHANDLE,
	FDT_PHANDLE_OLD,
	FDT_IOMMU_CELLS,
	FDT_IOMMU_MAP,
	FDT_IOMMU_MAP_MASK,
	FDT_IOMMUS,
	FDT_PCI_DOMAIN,
	FDT_BUS_RANGE,
	FDT_NAMES,
};

/* Its value; off 0: the node has none. */
struct fdt_prop {
	uint32_t off;
	uint32_t len;
};

/* A node whose properties have all been read. */
struct fdt_node {
	uint32_t off; /* of its FDT_BEGIN_NODE */
	bool told;
	struct fdt_prop props[FDT_NAMES];
	const struct fdt_node *parent; /* NULL: root */
};

struct fdt {
	const uint8_t *bytes;
	uint32_t len; /* as its header has it */
	uint32_t strings;
	uint32_t strings_end;
	uint32_t structure;
	uint32_t structure_end;
};

/* Check the header. */
int fdt_open(const void *blob, size_t len, struct fdt *out);
/*
 * All nodes, parents first. node() may return an error, which ends it. The
 * node lives as long as the call, its parents do too.
 */
int fdt_walk(const struct fdt *fdt, int (*node)(void *priv, const struct fdt_node *node),
	     void *priv);
/* Not checked: off is within a property. */
uint32_t fdt_cell(const struct fdt *fdt, uint32_t off);
/* A property of one cell; fallback where there is none. */
int fdt_u32(const struct fdt *fdt, const struct fdt_node *node, enum fdt_name name,
	    uint32_t fallback, uint32_t *out);
/* Is one of the property's strings this? */
bool fdt_says(const struct fdt *fdt, const struct fdt_node *node, enum fdt_name name,
	      const char *text);

#endif /* UVDK_TOPO_FDT_H */
