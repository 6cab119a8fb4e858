// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "fdt.h"

/* Devicetree Specification 0.4, 5.2: big-endian words of the header */
#define HEADER_MAGIC	    0
#define HEADER_TOTAL	    4
#define HEADER_STRUCT	    8
#define HEADER_STRINGS	    12
#define HEADER_RESERVE	    16
#define HEADER_VERSION	    20
#define HEADER_LAST_COMP    24
#define HEADER_STRINGS_SIZE 32
#define HEADER_STRUCT_SIZE  36
#define HEADER_SIZE	    40
#define MAGIC		    0xd00dfeedu
#define VERSION		    17

/* 5.4.1 */
#define TOKEN_BEGIN_NODE 1
#define TOKEN_END_NODE	 2
#define TOKEN_PROP	 3
#define TOKEN_NOP	 4
#define TOKEN_END	 9

/* Twice what the specification (2.2.4) allows: a name is looked at for each property. */
#define NAME_LEN 63

static const char *const names[FDT_NAMES] = {
	[FDT_ADDRESS_CELLS] = "#address-cells",
	[FDT_SIZE_CELLS] = "#size-cells",
	[FDT_RANGES] = "ranges",
	[FDT_REG] = "reg",
	[FDT_COMPATIBLE] = "compatible",
	[FDT_DEVICE_TYPE] = "device_type",
	[FDT_STATUS] = "status",
	[FDT_PHANDLE] = "phandle",
	[FDT_PHANDLE_OLD] = "linux,phandle",
	[FDT_IOMMU_CELLS] = "#iommu-cells",
	[FDT_IOMMU_MAP] = "iommu-map",
	[FDT_IOMMU_MAP_MASK] = "iommu-map-mask",
	[FDT_IOMMUS] = "iommus",
	[FDT_PCI_DOMAIN] = "linux,pci-domain",
	[FDT_BUS_RANGE] = "bus-range",
};

uint32_t fdt_cell(const struct fdt *fdt, uint32_t off)
{
	const uint8_t *p = fdt->bytes + off;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- header ---- */

/* A block within the blob: offset and size stand at two places of the header. */
static int check_block(const struct fdt *fdt, const char *what, uint32_t at, uint32_t size_at,
		       uint32_t *first, uint32_t *end)
{
	uint32_t off = fdt_cell(fdt, at);
	uint32_t size = fdt_cell(fdt, size_at);

	if (off < HEADER_SIZE || off > fdt->len)
		return fdt_bad(at, "the %s begins at 0x%x, but has to be within 0x%x and 0x%x",
			       what, off, HEADER_SIZE, fdt->len);
	if (size > fdt->len - off)
		return fdt_bad(size_at, "the %s of 0x%x bytes at 0x%x leaves the tree's 0x%x bytes",
			       what, size, off, fdt->len);
	*first = off;
	*end = off + size;

	return 0;
}

/* 5.3: pairs of two 64-bit words, the last one of zeros. */
static int check_reserved(const struct fdt *fdt)
{
	uint32_t off = fdt_cell(fdt, HEADER_RESERVE);
	uint32_t any = 1;

	if (off < HEADER_SIZE || off % 8)
		return fdt_bad(HEADER_RESERVE, "memory reservations can't begin at 0x%x", off);
	while (any) {
		if (off > fdt->len || fdt->len - off < 16)
			return fdt_bad(off, "memory reservations have no end within 0x%x bytes",
				       fdt->len);
		any = fdt_cell(fdt, off) | fdt_cell(fdt, off + 4) | fdt_cell(fdt, off + 8) |
		      fdt_cell(fdt, off + 12);
		off += 16;
	}

	return 0;
}

int fdt_open(const void *blob, size_t len, struct fdt *out)
{
	struct fdt fdt = {.bytes = blob};
	uint32_t total;
	int ret;

	if (len < HEADER_SIZE)
		return fdt_bad(len, "the tree ends in its header of %u bytes", HEADER_SIZE);
	if (fdt_cell(&fdt, HEADER_MAGIC) != MAGIC)
		return fdt_bad(HEADER_MAGIC, "0x%08x is not the magic of a device tree",
			       fdt_cell(&fdt, HEADER_MAGIC));
	total = fdt_cell(&fdt, HEADER_TOTAL);
	if (total < HEADER_SIZE || total > len)
		return fdt_bad(HEADER_TOTAL, "the size is 0x%x, but there are 0x%zx bytes", total,
			       len);
	if (fdt_cell(&fdt, HEADER_VERSION) < VERSION || fdt_cell(&fdt, HEADER_LAST_COMP) > VERSION)
		return fdt_bad(HEADER_VERSION, "version %u, back to %u, is not %u",
			       fdt_cell(&fdt, HEADER_VERSION), fdt_cell(&fdt, HEADER_LAST_COMP),
			       VERSION);
	fdt.len = total;
	ret = check_block(&fdt, "strings", HEADER_STRINGS, HEADER_STRINGS_SIZE, &fdt.strings,
			  &fdt.strings_end);
	if (!ret)
		ret = check_block(&fdt, "structure", HEADER_STRUCT, HEADER_STRUCT_SIZE,
				  &fdt.structure, &fdt.structure_end);
	if (ret)
		return ret;
	if (fdt.structure % 4)
		return fdt_bad(HEADER_STRUCT, "the structure begins at 0x%x, no multiple of 4",
			       fdt.structure);
	ret = check_reserved(&fdt);
	if (!ret)
		*out = fdt;

	return ret;
}

/* ---- structure ---- */

struct walk {
	const struct fdt *fdt;
	uint32_t off;
	unsigned int depth; /* nodes open */
	bool had_root;
	struct fdt_node nodes[FDT_DEPTH];
	int (*node)(void *priv, const struct fdt_node *node);
	void *priv;
};

/* Go over len bytes and what fills up the last word. */
static int skip(struct walk *w, uint32_t len, const char *what)
{
	uint32_t left = w->fdt->structure_end - w->off;

	if (len > left || (-len & 3) > left - len)
		return fdt_bad(w->off, "%s of 0x%x bytes leaves the structure, which ends at 0x%x",
			       what, len, w->fdt->structure_end);
	w->off += len + (-len & 3);

	return 0;
}

/* The node's properties are complete with its first child or its end. */
static int tell(struct walk *w)
{
	struct fdt_node *node = &w->nodes[w->depth - 1];

	if (node->told)
		return 0;
	node->told = true;

	return w->node(w->priv, node);
}

static int begin_node(struct walk *w, uint32_t at)
{
	uint32_t left = w->fdt->structure_end - w->off;
	const uint8_t *nul = memchr(w->fdt->bytes + w->off, 0, left);
	struct fdt_node *node = &w->nodes[w->depth];
	int ret;

	if (!w->depth && w->had_root)
		return fdt_bad(at, "a second root");
	if (w->depth == FDT_DEPTH)
		return fdt_bad(at, "more than %u nodes in each other", FDT_DEPTH);
	if (!nul)
		return fdt_bad(w->off, "the name of a node has no end in the structure");
	ret = w->depth ? tell(w) : 0;
	if (ret)
		return ret;

	memset(node, 0, sizeof(*node));
	node->off = at;
	node->parent = w->depth ? node - 1 : NULL;
	w->depth++;
	w->had_root = true;

	return skip(w, (uint32_t)(nul - (w->fdt->bytes + w->off)) + 1, "the name of a node");
}

static int end_node(struct walk *w, uint32_t at)
{
	int ret;

	if (!w->depth)
		return fdt_bad(at, "the end of a node that has not begun");
	ret = tell(w);
	w->depth--;

	return ret;
}

/* Which of the names is at an offset into the strings? FDT_NAMES: none of ours. */
static int name_at(const struct fdt *fdt, uint32_t at, enum fdt_name *out)
{
	uint32_t size = fdt->strings_end - fdt->strings;
	uint32_t off = fdt_cell(fdt, at);
	const char *text = (const char *)fdt->bytes + fdt->strings + off;
	size_t len;

	if (off >= size)
		return fdt_bad(at, "a name at 0x%x, but the strings have 0x%x bytes", off, size);
	len = size - off < NAME_LEN + 1 ? size - off : NAME_LEN + 1;
	if (!memchr(text, 0, len))
		return fdt_bad(fdt->strings + off,
			       "the name of a property has no end in 0x%zx bytes", len);
	for (*out = 0; *out < FDT_NAMES; (*out)++)
		if (!strcmp(text, names[*out]))
			break;

	return 0;
}

static int property(struct walk *w, uint32_t at)
{
	struct fdt_node *node = w->depth ? &w->nodes[w->depth - 1] : NULL;
	struct fdt_prop prop;
	enum fdt_name name = FDT_NAMES;
	int ret;

	if (!node)
		return fdt_bad(at, "a property outside any node");
	if (node->told)
		return fdt_bad(at, "a property behind a node in its node");
	ret = skip(w, 8, "a property");
	if (!ret)
		ret = name_at(w->fdt, at + 8, &name);
	if (ret)
		return ret;
	prop.len = fdt_cell(w->fdt, at + 4);
	prop.off = w->off;
	ret = skip(w, prop.len, "a property");
	if (ret || name == FDT_NAMES)
		return ret;
	if (node->props[name].off)
		return fdt_bad(at, "the node has %s already", names[name]);
	node->props[name] = prop;

	return 0;
}

static int end(struct walk *w, uint32_t at)
{
	if (w->depth)
		return fdt_bad(at, "the end, with %u nodes not ended", w->depth);
	if (!w->had_root)
		return fdt_bad(at, "the end, before any node");
	if (w->off != w->fdt->structure_end)
		return fdt_bad(w->off, "0x%x bytes of structure behind its end",
			       w->fdt->structure_end - w->off);

	return 1;
}

/* 0: go on; 1: that was the end. */
static int token(struct walk *w)
{
	uint32_t at = w->off;
	int ret = skip(w, 4, "a token");

	if (ret)
		return ret;
	switch (fdt_cell(w->fdt, at)) {
	case TOKEN_BEGIN_NODE:
		return begin_node(w, at);
	case TOKEN_END_NODE:
		return end_node(w, at);
	case TOKEN_PROP:
		return property(w, at);
	case TOKEN_NOP:
		return 0;
	case TOKEN_END:
		return end(w, at);
	default:
		return fdt_bad(at, "0x%x is no token", fdt_cell(w->fdt, at));
	}
}

int fdt_walk(const struct fdt *fdt, int (*node)(void *priv, const struct fdt_node *node),
	     void *priv)
{
	struct walk w = {.fdt = fdt, .off = fdt->structure, .node = node, .priv = priv};
	int ret;

	do
		ret = token(&w);
	while (!ret);

	return ret < 0 ? ret : 0;
}

/* ---- values ---- */

int fdt_u32(const struct fdt *fdt, const struct fdt_node *node, enum fdt_name name,
	    uint32_t fallback, uint32_t *out)
{
	const struct fdt_prop *prop = &node->props[name];

	if (prop->off && prop->len != 4)
		return fdt_bad(prop->off, "%s has %u bytes, not 4", names[name], prop->len);
	*out = prop->off ? fdt_cell(fdt, prop->off) : fallback;

	return 0;
}

bool fdt_says(const struct fdt *fdt, const struct fdt_node *node, enum fdt_name name,
	      const char *text)
{
	const struct fdt_prop *prop = &node->props[name];
	const uint8_t *p = fdt->bytes + prop->off;
	size_t left = prop->off ? prop->len : 0;
	size_t len = strlen(text) + 1;

	while (left) {
		const uint8_t *nul = memchr(p, 0, left);

		if (!nul)
			return false;
		if ((size_t)(nul - p) + 1 == len && !memcmp(p, text, len))
			return true;
		left -= (size_t)(nul - p) + 1;
		p = nul + 1;
	}

	return false;
}
