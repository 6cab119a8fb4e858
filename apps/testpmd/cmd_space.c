// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"

#define MAX_RANGES 32
#define MAX_LINES  256

static void print_size(unsigned int bit)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

	printf(" %u %s", 1u << bit % 10, units[bit / 10]);
}

/* "4 KiB 2 MiB 1 GiB" from a bit mask; "4 KiB to 1 GiB" where all between are there. */
static void print_page_sizes(uint64_t sizes)
{
	unsigned int last;

	for (unsigned int bit = 0; bit < 64; bit = last + 1) {
		last = bit;
		if (!(sizes >> bit & 1))
			continue;
		while (last < 63 && sizes >> (last + 1) & 1)
			last++;
		print_size(bit);
		if (last > bit + 1)
			printf(" to");
		if (last > bit)
			print_size(last);
	}
}

static void show_iommu_of(const struct port *port)
{
	struct uvdk_iommu_info info;

	if (uvdk_iommu_get_info(port->dev, &info)) {
		printf("  port %u (%s): gone\n", port->id, port->name);
		return;
	}
	printf("  port %u (%s): ioas %u, hardware %s, %scoherent, pages of", port->id, port->name,
	       port->space->id, info.hardware, info.coherent ? "" : "not ");
	print_page_sizes(info.page_sizes);
	putchar('\n');
}

int run_show_iommu(struct app *app, char *const *word)
{
	(void)word;
	for (unsigned int i = 0; i < app->spaces.iommus; i++) {
		printf("iommu %s\n", uvdk_iommu_name(app->spaces.iommu[i]));
		for (unsigned int p = 0; p < MAX_PORTS; p++)
			if (port_is_open(&app->port[p]) &&
			    app->port[p].space->iommu == app->spaces.iommu[i])
				show_iommu_of(&app->port[p]);
	}

	return 0;
}

static void show_ranges(struct uvdk_ioas *ioas)
{
	struct uvdk_iova_range range[MAX_RANGES];
	unsigned int n = uvdk_ioas_ranges(ioas, range, MAX_RANGES);

	for (unsigned int i = 0; i < RTE_MIN(n, (unsigned int)MAX_RANGES); i++)
		printf("  IOVA 0x%016" PRIx64 " - 0x%016" PRIx64 "\n", range[i].first,
		       range[i].last);
	if (n > MAX_RANGES)
		printf("  ... and %u more ranges\n", n - MAX_RANGES);
}

static void show_space(struct app *app, const struct space *space)
{
	struct uvdk_ioas_stats stats;

	uvdk_ioas_get_stats(space->ioas, &stats);
	printf("ioas %u on iommu %s: %" PRIu64 " maps, %" PRIu64 " bytes, %u devices:", space->id,
	       uvdk_iommu_name(space->iommu), stats.maps, stats.bytes, stats.devices);
	for (unsigned int p = 0; p < MAX_PORTS; p++)
		if (port_is_open(&app->port[p]) && app->port[p].space == space)
			printf(" port %u (%s)", p, app->port[p].name);
	printf("\n  limits: ");
	if (stats.entries_max)
		printf("%" PRIu64 " maps, ", stats.entries_max);
	if (stats.memlock_max == UINT64_MAX)
		printf("any amount of locked memory\n");
	else
		printf("%" PRIu64 " bytes of locked memory\n", stats.memlock_max);
	show_ranges(space->ioas);
}

static void show_maps(struct uvdk_ioas *ioas)
{
	struct uvdk_map_info map;
	uvdk_iova_t from = 0;
	unsigned int lines = 0;

	while (uvdk_ioas_next(ioas, from, &map) == 0) {
		if (++lines > MAX_LINES) {
			printf("  ... and more\n");
			break;
		}
		printf("  0x%016" PRIx64 " + 0x%-12zx -> %p %c%c\n", map.iova, map.len, map.va,
		       map.flags & UVDK_MAP_READ ? 'r' : '-',
		       map.flags & UVDK_MAP_WRITE ? 'w' : '-');
		from = map.iova + map.len;
		if (from == 0)
			break;
	}
}

int run_show_ioas(struct app *app, char *const *word)
{
	uint64_t id = 0;
	bool found = false;

	if (word[2] && word_number("ioas", word[2], UINT32_MAX, &id))
		return -EINVAL;
	for (const struct space *s = app->spaces.first; s; s = s->next) {
		if (!s->ioas || (word[2] && s->id != id))
			continue;
		show_space(app, s);
		if (word[2])
			show_maps(s->ioas);
		found = true;
	}
	if (found)
		return 0;
	complain("there is no ioas %s", word[2] ? word[2] : "");

	return -ENOENT;
}
