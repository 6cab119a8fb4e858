// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <unistd.h>

#include "type1_priv.h"

#define RANGES_MAX 64

int type1_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv)
{
	struct type1_ioas *own = calloc(1, sizeof(*own));

	if (!own)
		return -ENOMEM;

	own->type1 = priv;
	own->ioas = ioas;
	*ioas_priv = own;
	return 0;
}

void type1_ioas_destroy(void *ioas_priv)
{
	free(ioas_priv);
}

/*
 * What every container can do; the CPU's page is the least, since smaller
 * maps can't be pinned.
 */
uint64_t type1_page_sizes(void *ioas_priv)
{
	const struct type1_ioas *own = ioas_priv;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t sizes = UINT64_MAX;

	if (!own->groups)
		return page;
	for (const struct type1_group *group = own->groups; group; group = group->peer)
		sizes &= group->page_sizes;

	sizes &= ~(page - 1);
	return sizes ? sizes : page;
}

struct ranges {
	unsigned int count;
	struct uvdk_iova_range at[RANGES_MAX];
};

static void intersect(struct ranges *a, const struct ranges *b)
{
	struct ranges both = {0};

	for (unsigned int i = 0, j = 0; i < a->count && j < b->count;) {
		uint64_t first = a->at[i].first > b->at[j].first ? a->at[i].first : b->at[j].first;
		uint64_t last = a->at[i].last < b->at[j].last ? a->at[i].last : b->at[j].last;

		if (first <= last && both.count < RANGES_MAX)
			both.at[both.count++] = (struct uvdk_iova_range){first, last};
		if (a->at[i].last < b->at[j].last)
			i++;
		else
			j++;
	}

	*a = both;
}

/* A kernel that reports no ranges (before 5.4) may refuse a map later on. */
static int narrow(struct ranges *ranges, const struct type1_group *group)
{
	struct ranges theirs;
	int count = type1_container_ranges(group, theirs.at, RANGES_MAX);

	if (count <= 0)
		return count;
	theirs.count = count < RANGES_MAX ? (unsigned int)count : RANGES_MAX;
	intersect(ranges, &theirs);
	return 0;
}

int type1_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max)
{
	const struct type1_ioas *own = ioas_priv;
	struct ranges ranges = {.count = 1, .at = {{0, UINT64_MAX}}};

	for (const struct type1_group *group = own->groups; group; group = group->peer) {
		int ret = narrow(&ranges, group);

		if (ret < 0)
			return ret;
	}

	for (unsigned int i = 0; out && i < ranges.count && i < max; i++)
		out[i] = ranges.at[i];
	return (int)ranges.count;
}

/* Each container charges each byte anew. */
static void memlock_limits(struct uvdk_iommu_limits *out, unsigned int containers)
{
	uint64_t max = uvdk_memlock_max();
	uint64_t used = uvdk_memlock_used();

	if (max == UINT64_MAX)
		return;
	out->memlock_max = max / (containers ? containers : 1);
	if (containers)
		out->memlock_left = max > used ? (max - used) / containers : 0;
}

/* Without a device there is no container to ask. */
void type1_limits(void *ioas_priv, struct uvdk_iommu_limits *out)
{
	const struct type1_ioas *own = ioas_priv;
	unsigned int containers = 0;

	for (const struct type1_group *group = own->groups; group; group = group->peer) {
		uint64_t left = type1_container_entries(group);

		if (left < out->entries_left)
			out->entries_left = left;
		if (!out->entries_max || group->entries_max < out->entries_max)
			out->entries_max = group->entries_max;
		containers++;
	}
	memlock_limits(out, containers);
}
