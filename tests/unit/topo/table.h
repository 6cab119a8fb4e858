/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TOPO_TABLE_H
#define TOPO_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uvdk_topology.h>

/* Tables put together byte by byte, from the specifications and not from the parsers. */

struct table {
	uint8_t bytes[8192];
	size_t len;
};

/* ---- VIOT ---- */

void viot_begin(struct table *t);
/* Offset of the node; the header's count and length follow. */
size_t viot_pci_range(struct table *t, uint32_t endpoint, uint16_t segment_first,
		      uint16_t segment_last, uint16_t rid_first, uint16_t rid_last,
		      uint16_t output);
size_t viot_mmio(struct table *t, uint32_t endpoint, uint64_t base, uint16_t output);
size_t viot_iommu_pci(struct table *t, uint16_t segment, uint16_t rid);
size_t viot_iommu_mmio(struct table *t, uint64_t base);
void put16(struct table *t, size_t off, uint16_t value);
void put32(struct table *t, size_t off, uint32_t value);
void put64(struct table *t, size_t off, uint64_t value);
/* The checksum, over what is there now. */
void viot_seal(struct table *t);

/* ---- device tree ---- */

struct tree_text {
	struct table t;
	char strings[1024];
	size_t nr_strings;
};

void fdt_begin(struct tree_text *f);
size_t fdt_node(struct tree_text *f, const char *name);
void fdt_end_node(struct tree_text *f);
/* Offset of its value. */
size_t fdt_cells(struct tree_text *f, const char *name, size_t count, const uint32_t *cells);
size_t fdt_text(struct tree_text *f, const char *name, const char *text, size_t len);
size_t fdt_token(struct tree_text *f, uint32_t token);
/* The end, the strings, the header. */
void fdt_seal(struct tree_text *f);
void put_be32(struct table *t, size_t off, uint32_t value);
uint32_t get_be32(const struct table *t, size_t off);

#define CELLS(f, name, ...)                                                            \
	fdt_cells(f, name, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), \
		  (const uint32_t[]){__VA_ARGS__})
#define TEXT(f, name, text) fdt_text(f, name, text, sizeof(text))

/* ---- what is expected ---- */

/* Exactly as long a copy, so that a read behind it is seen. */
int parse_viot(const struct table *t, struct uvdk_topology **out);
int parse_fdt(const struct table *t, struct uvdk_topology **out);
/* -EBADMSG, and a sentence with "offset 0xOFF:" and the words. */
bool refused(int (*parse)(const struct table *t, struct uvdk_topology **out), const struct table *t,
	     size_t off, const char *words);
/* "iommu:endpoint" or "none" of "[domain:]bus:device.function". */
const char *find(const struct uvdk_topology *topology, const char *addr);

#endif /* TOPO_TABLE_H */
