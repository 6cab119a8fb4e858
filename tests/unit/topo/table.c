// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

void put16(struct table *t, size_t off, uint16_t value)
{
	t->bytes[off] = (uint8_t)value;
	t->bytes[off + 1] = (uint8_t)(value >> 8);
}

void put32(struct table *t, size_t off, uint32_t value)
{
	put16(t, off, (uint16_t)value);
	put16(t, off + 2, (uint16_t)(value >> 16));
}

void put64(struct table *t, size_t off, uint64_t value)
{
	put32(t, off, (uint32_t)value);
	put32(t, off + 4, (uint32_t)(value >> 32));
}

/* ---- VIOT ---- */

void viot_begin(struct table *t)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->bytes, "VIOT", 4);
	memcpy(t->bytes + 10, "BOCHS ", 6);
	memcpy(t->bytes + 16, "BXPC    ", 8);
	put16(t, 38, 48);
	t->len = 48;
	viot_seal(t);
}

void viot_seal(struct table *t)
{
	uint8_t sum = 0;

	put32(t, 4, (uint32_t)t->len);
	t->bytes[9] = 0;
	for (size_t i = 0; i < t->len; i++)
		sum = (uint8_t)(sum + t->bytes[i]);
	t->bytes[9] = (uint8_t)-sum;
}

static size_t node(struct table *t, uint8_t type, uint16_t len)
{
	size_t off = t->len;

	t->bytes[off] = type;
	put16(t, off + 2, len);
	t->len += len;
	put16(t, 36, (uint16_t)(t->bytes[36] + 1));

	return off;
}

size_t viot_pci_range(struct table *t, uint32_t endpoint, uint16_t segment_first,
		      uint16_t segment_last, uint16_t rid_first, uint16_t rid_last, uint16_t output)
{
	size_t off = node(t, 1, 24);

	put32(t, off + 4, endpoint);
	put16(t, off + 8, segment_first);
	put16(t, off + 10, segment_last);
	put16(t, off + 12, rid_first);
	put16(t, off + 14, rid_last);
	put16(t, off + 16, output);
	viot_seal(t);

	return off;
}

size_t viot_mmio(struct table *t, uint32_t endpoint, uint64_t base, uint16_t output)
{
	size_t off = node(t, 2, 24);

	put32(t, off + 4, endpoint);
	put64(t, off + 8, base);
	put16(t, off + 16, output);
	viot_seal(t);

	return off;
}

size_t viot_iommu_pci(struct table *t, uint16_t segment, uint16_t rid)
{
	size_t off = node(t, 3, 16);

	put16(t, off + 4, segment);
	put16(t, off + 6, rid);
	viot_seal(t);

	return off;
}

size_t viot_iommu_mmio(struct table *t, uint64_t base)
{
	size_t off = node(t, 4, 16);

	put64(t, off + 8, base);
	viot_seal(t);

	return off;
}

/* ---- device tree ---- */

void put_be32(struct table *t, size_t off, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		t->bytes[off + i] = (uint8_t)(value >> (24 - 8 * i));
}

uint32_t get_be32(const struct table *t, size_t off)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | t->bytes[off + i];

	return value;
}

static void append_be32(struct table *t, uint32_t value)
{
	put_be32(t, t->len, value);
	t->len += 4;
}

static void append(struct table *t, const void *bytes, size_t len)
{
	memcpy(t->bytes + t->len, bytes, len);
	t->len += (len + 3) / 4 * 4;
}

void fdt_begin(struct tree_text *f)
{
	memset(f, 0, sizeof(*f));
	f->t.len = 40 + 16; /* a header, no reservations */
}

size_t fdt_token(struct tree_text *f, uint32_t token)
{
	append_be32(&f->t, token);

	return f->t.len - 4;
}

size_t fdt_node(struct tree_text *f, const char *name)
{
	size_t off = fdt_token(f, 1);

	append(&f->t, name, strlen(name) + 1);

	return off;
}

void fdt_end_node(struct tree_text *f)
{
	fdt_token(f, 2);
}

static uint32_t string(struct tree_text *f, const char *text)
{
	size_t off = 0;

	while (off < f->nr_strings && strcmp(f->strings + off, text) != 0)
		off += strlen(f->strings + off) + 1;
	if (off == f->nr_strings) {
		strcpy(f->strings + off, text);
		f->nr_strings += strlen(text) + 1;
	}

	return (uint32_t)off;
}

size_t fdt_text(struct tree_text *f, const char *name, const char *text, size_t len)
{
	size_t off;

	fdt_token(f, 3);
	append_be32(&f->t, (uint32_t)len);
	append_be32(&f->t, string(f, name));
	off = f->t.len;
	append(&f->t, text, len);

	return off;
}

size_t fdt_cells(struct tree_text *f, const char *name, size_t count, const uint32_t *cells)
{
	size_t off;

	fdt_token(f, 3);
	append_be32(&f->t, (uint32_t)count * 4);
	append_be32(&f->t, string(f, name));
	off = f->t.len;
	while (count--)
		append_be32(&f->t, *cells++);

	return off;
}

void fdt_seal(struct tree_text *f)
{
	struct table *t = &f->t;
	size_t strings;

	fdt_token(f, 9);
	strings = t->len;
	memcpy(t->bytes + strings, f->strings, f->nr_strings);
	t->len += f->nr_strings;
	put_be32(t, 0, 0xd00dfeed);
	put_be32(t, 4, (uint32_t)t->len);
	put_be32(t, 8, 56);
	put_be32(t, 12, (uint32_t)strings);
	put_be32(t, 16, 40);
	put_be32(t, 20, 17);
	put_be32(t, 24, 16);
	put_be32(t, 32, (uint32_t)f->nr_strings);
	put_be32(t, 36, (uint32_t)strings - 56);
}

/* ---- what is expected ---- */

static int parse_copy(const struct table *t, struct uvdk_topology **out,
		      int (*parse)(const void *bytes, size_t len, struct uvdk_topology **out))
{
	uint8_t *copy = malloc(t->len ? t->len : 1);
	int ret;

	memcpy(copy, t->bytes, t->len);
	ret = parse(copy, t->len, out);
	free(copy);

	return ret;
}

int parse_viot(const struct table *t, struct uvdk_topology **out)
{
	return parse_copy(t, out, uvdk_topology_parse_viot);
}

int parse_fdt(const struct table *t, struct uvdk_topology **out)
{
	return parse_copy(t, out, uvdk_topology_parse_fdt);
}

bool refused(int (*parse)(const struct table *t, struct uvdk_topology **out), const struct table *t,
	     size_t off, const char *words)
{
	struct uvdk_topology *topology = (void *)1;
	char want[32];
	int ret = parse(t, &topology);

	snprintf(want, sizeof(want), "offset 0x%zx: ", off);
	if (ret == -EBADMSG && topology == (void *)1 && strstr(uvdk_last_error(), want) &&
	    strstr(uvdk_last_error(), words))
		return true;
	fprintf(stderr, "wanted \"%s... %s\", found %d, \"%s\"\n", want, words, ret,
		ret ? uvdk_last_error() : "");
	if (!ret)
		uvdk_topology_free(topology);

	return false;
}

const char *find(const struct uvdk_topology *topology, const char *text)
{
	static __thread char answer[32];
	struct uvdk_pci_addr addr;
	unsigned int iommu;
	uint32_t endpoint;

	cr_assert_eq(uvdk_pci_addr_parse(text, &addr), 0);
	if (uvdk_topology_find(topology, &addr, &iommu, &endpoint) == -ENOENT)
		return "none";
	snprintf(answer, sizeof(answer), "%u:0x%x", iommu, endpoint);

	return answer;
}
