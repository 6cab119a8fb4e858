// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "iommuctl.h"

/* Of an array: "a, b, c", or @none. */
static const char *join(const struct node *array, const char *none, char *text, size_t size)
{
	size_t at = 0;

	for (const struct node *n = array->first; n && at < size; n = n->next)
		at += (size_t)snprintf(text + at, size - at, "%s%s", at ? "," : "",
				       n->text ? n->text : "?");
	if (!at)
		snprintf(text, size, "%s", none);

	return text;
}

/* Ranges of ascending numbers: "1-3,7". However many, since nothing is kept. */
static void print_numbers(const struct node *array)
{
	const char *before = "";

	for (const struct node *n = array->first; n; n = n->next) {
		uint64_t first = strtoull(n->text, NULL, 10);
		uint64_t last = first;

		while (n->next && strtoull(n->next->text, NULL, 10) == last + 1) {
			n = n->next;
			last++;
		}
		printf("%s%" PRIu64, before, first);
		if (last > first)
			printf("-%" PRIu64, last);
		before = ",";
	}
}

static const char *short_size(uint64_t size, char *text, size_t room)
{
	static const char units[] = "KMGTPE";
	int unit = -1;

	while (size >= 1024 && size % 1024 == 0 && unit < 5) {
		size >>= 10;
		unit++;
	}
	snprintf(text, room, "%" PRIu64 "%.1s", size, unit < 0 ? "" : &units[unit]);

	return text;
}

/* Powers of two: "4K,2M,1G" is exact. */
static const char *page_sizes(const struct node *array, char *text, size_t size)
{
	char one[32];
	size_t at = 0;

	for (const struct node *n = array->first; n && at < size; n = n->next)
		at += (size_t)snprintf(
			text + at, size - at, "%s%s", at ? "," : "",
			short_size(strtoull(n->text ? n->text : "0", NULL, 10), one, sizeof(one)));
	if (!at)
		snprintf(text, size, "-");

	return text;
}

static void put_device(struct table *table, const struct node *n)
{
	bool known = node_get(n, "hardware")->type == NODE_STRING;
	char text[1024];

	table_put(table, "%s", node_text(n, "device", "?"));
	table_put(table, "%s", node_text(n, "bus", "?"));
	table_put(table, "%s", node_text(n, "access", "?"));
	table_put(table, "%s", node_text(n, "iommu", "?"));
	table_put(table, "%s", node_text(n, "hardware", "-"));
	table_put(table, "%s", node_text(n, "pasid_bits", "-"));
	table_put(table, "%s", node_text(n, "iova_bits", "-"));
	table_put(table, "%s", node_text(n, "va_bits", "-"));
	table_put(table, "%s", !known ? "-" : node_true(n, "coherent") ? "yes" : "no");
	table_put(table, "%s", page_sizes(node_get(n, "page_sizes"), text, sizeof(text)));
}

/* What would make a table too wide. */
static void print_words(const struct node *n)
{
	char text[1024];

	printf("%s: ", node_text(n, "device", "?"));
	if (node_true(n, "gone")) {
		printf("gone\n");
	} else if (node_get(n, "error")->type == NODE_STRING) {
		printf("not known: %s\n", node_text(n, "error", ""));
	} else {
		printf("features %s", join(node_get(n, "features"), "none", text, sizeof(text)));
		printf("; errata %s\n", join(node_get(n, "errata"), "none", text, sizeof(text)));
	}
}

static void text_caps(const struct node *devices)
{
	static const char *const head[] = {"DEVICE",   "BUS",	    "ACCESS",	"IOMMU",
					   "HARDWARE", "PASIDBITS", "IOVABITS", "VABITS",
					   "COHERENT", "PAGES"};
	struct table table = {10, head, .right = {[5] = true, [6] = true, [7] = true}};

	if (!devices->first) {
		printf("no devices\n");
		return;
	}
	for (const struct node *n = devices->first; n; n = n->next)
		put_device(&table, n);
	table_end(&table);
	for (const struct node *n = devices->first; n; n = n->next)
		print_words(n);
}

static void text_attached(const struct node *ioas)
{
	for (const struct node *n = node_get(ioas, "attached")->first; n; n = n->next) {
		const struct node *pasids = node_get(n, "pasids");

		printf("  attached    %s:%s", node_text(n, "device", "(closed)"),
		       node_true(n, "rid") ? " RID" : "");
		if (pasids->first) {
			printf("%s PASID ", node_true(n, "rid") ? "," : "");
			print_numbers(pasids);
		}
		printf("%s\n", node_true(n, "nested") ? " (nested)" : "");
	}
}

static void text_windows(const struct node *ioas)
{
	char text[64];

	for (const struct node *n = node_get(ioas, "map_queues")->first; n; n = n->next) {
		uint64_t first = strtoull(node_text(n, "iova", "0"), NULL, 16);
		uint64_t len = node_number(n, "len");

		printf("  map queue   0x%" PRIx64 "-0x%" PRIx64 ", %s: %s pages mapped\n", first,
		       first + (len - 1), bytes_text(len, text, sizeof(text)),
		       node_text(n, "mapped", "?"));
	}
}

static const char *limit_text(const struct node *n, const char *key, char *text, size_t size)
{
	if (node_get(n, key)->type == NODE_NULL)
		return "no limit";

	return bytes_text(node_number(n, key), text, size);
}

static void text_ioas(const struct node *spaces)
{
	char text[64];

	if (!spaces->first)
		printf("no address spaces\n");
	for (const struct node *n = spaces->first; n; n = n->next) {
		printf("ioas %s on %s: policy %s, coherency %s\n", node_text(n, "ioas", "?"),
		       node_text(n, "iommu", "?"), node_text(n, "policy", "?"),
		       node_text(n, "coherency", "?"));
		printf("  maps        %s of %s\n", node_text(n, "maps", "?"),
		       node_text(n, "maps_max", "any number"));
		printf("  bytes       %s\n",
		       bytes_text(node_number(n, "bytes"), text, sizeof(text)));
		printf("  memlock     %s\n", limit_text(n, "memlock_max", text, sizeof(text)));
		printf("  page size   %s\n", node_text(n, "page_size", "?"));
		printf("  iova limit  %s\n", node_text(n, "iova_last", "?"));
		for (const struct node *r = node_get(n, "apertures")->first; r; r = r->next)
			printf("  aperture    %s-%s\n", node_text(r, "first", "?"),
			       node_text(r, "last", "?"));
		text_windows(n);
		text_attached(n);
	}
}

static void text_maps(const struct node *spaces)
{
	static const char *const head[] = {"IOVA", "VA", "LENGTH", "ACCESS"};
	char text[64];

	if (!spaces->first)
		printf("no address spaces\n");
	for (const struct node *n = spaces->first; n; n = n->next) {
		struct table table = {4, head, .right = {true, true, true}};
		const struct node *maps = node_get(n, "maps");

		printf("ioas %s on %s:%s\n", node_text(n, "ioas", "?"), node_text(n, "iommu", "?"),
		       maps->first ? "" : " nothing is mapped");
		for (const struct node *m = maps->first; m; m = m->next) {
			table_put(&table, "%s", node_text(m, "iova", "?"));
			table_put(&table, "%s", node_text(m, "va", "?"));
			table_put(&table, "%s",
				  bytes_text(node_number(m, "len"), text, sizeof(text)));
			table_put(&table, "%s%s", node_text(m, "access", "?"),
				  node_true(m, "alias") ? " alias" : "");
		}
		if (maps->first)
			table_end(&table);
	}
}

static void text_numbers(const struct node *space)
{
	static const char *const head[] = {"PASID", "OWNER", "USERS", "STATE"};
	struct table table = {4, head, .right = {true, true, true}};

	for (const struct node *n = node_get(space, "numbers")->first; n; n = n->next) {
		table_put(&table, "%s", node_text(n, "pasid", "?"));
		table_put(&table, "%s", node_text(n, "owner", "?"));
		table_put(&table, "%s", node_text(n, "users", "?"));
		table_put(&table, "%s", node_true(n, "dying") ? "dying" : "held");
	}
	if (table.cells)
		table_end(&table);
}

static void text_pasids(const struct node *spaces)
{
	if (!spaces->first)
		printf("no PASID spaces\n");
	for (const struct node *n = spaces->first; n; n = n->next) {
		printf("space \"%s\": %s of %s PASIDs in use\n", node_text(n, "space", "?"),
		       node_text(n, "used", "?"), node_text(n, "highest", "?"));
		for (const struct node *o = node_get(n, "owners")->first; o; o = o->next)
			printf("  owner %s: holds %s of %s\n", node_text(o, "owner", "?"),
			       node_text(o, "held", "?"), node_text(o, "quota", "?"));
		text_numbers(n);
	}
}

void text_answer(const char *what, const struct node *answer)
{
	const struct node *part = node_get(answer, what);

	if (!strcmp(what, "caps"))
		text_caps(part);
	else if (!strcmp(what, "ioas"))
		text_ioas(part);
	else if (!strcmp(what, "maps"))
		text_maps(part);
	else
		text_pasids(part);
}
