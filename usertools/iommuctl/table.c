// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "iommuctl.h"

void table_put(struct table *table, const char *fmt, ...)
{
	va_list ap;

	if (table->cells == table->room) {
		size_t room = table->room ? table->room * 2 : 64;
		char **cell = realloc(table->cell, room * sizeof(*cell));

		if (!cell)
			return;
		table->cell = cell;
		table->room = room;
	}
	va_start(ap, fmt);
	if (vasprintf(&table->cell[table->cells], fmt, ap) >= 0)
		table->cells++;
	va_end(ap);
}

/* The last column is as wide as it is. */
static void print_cell(const struct table *table, unsigned int column, const int *width,
		       const char *text)
{
	bool last = column == table->columns - 1;

	if (table->right[column])
		printf("%*s", width[column], text);
	else
		printf("%-*s", last ? 0 : width[column], text);
	fputs(last ? "\n" : "  ", stdout);
}

void table_end(struct table *table)
{
	int width[TABLE_COLUMNS] = {0};

	for (unsigned int i = 0; i < table->columns; i++)
		width[i] = (int)strlen(table->head[i]);
	for (size_t i = 0; i < table->cells; i++) {
		int *of = &width[i % table->columns];
		int len = (int)strlen(table->cell[i]);

		*of = len > *of ? len : *of;
	}
	for (unsigned int i = 0; i < table->columns; i++)
		print_cell(table, i, width, table->head[i]);
	for (size_t i = 0; i < table->cells; i++) {
		print_cell(table, (unsigned int)(i % table->columns), width, table->cell[i]);
		free(table->cell[i]);
	}
	free(table->cell);
}

static void with_commas(uint64_t value, char *text, size_t size)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, value);
	size_t at = 0;

	for (int i = 0; i < len && at + 2 < size; i++) {
		if (i && (len - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
}

const char *bytes_text(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	char exact[32];
	int unit = -1;
	uint64_t left = bytes;

	while (left >= 1024 && unit < 5) {
		left >>= 10;
		unit++;
	}
	with_commas(bytes, exact, sizeof(exact));
	if (unit < 0)
		snprintf(text, size, "%s", exact);
	else
		snprintf(text, size, "%s (%s%" PRIu64 " %s)", exact,
			 bytes & ((UINT64_C(1) << (10 * (unit + 1))) - 1) ? "about " : "", left,
			 units[unit]);

	return text;
}
