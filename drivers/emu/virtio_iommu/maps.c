// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "vio_priv.h"

/*
 * The maps of a domain: a treap by first address. They never overlap, so those
 * before an address are those that begin before it.
 */

/* Those that begin below @at, and the rest. */
static void split(struct vio_map *tree, uint64_t at, struct vio_map **below, struct vio_map **rest)
{
	if (!tree) {
		*below = *rest = NULL;
	} else if (tree->first < at) {
		*below = tree;
		split(tree->right, at, &tree->right, rest);
	} else {
		*rest = tree;
		split(tree->left, at, below, &tree->left);
	}
}

static struct vio_map *join(struct vio_map *below, struct vio_map *above)
{
	if (!below || !above)
		return below ? below : above;
	if (below->priority > above->priority) {
		below->right = join(below->right, above);
		return below;
	}
	above->left = join(below, above->left);

	return above;
}

static uint64_t free_tree(struct vio_map *tree)
{
	uint64_t count;

	if (!tree)
		return 0;
	count = free_tree(tree->left) + 1 + free_tree(tree->right);
	free(tree);

	return count;
}

/* The first one that has an address of the range. */
struct vio_map *vio_maps_find(const struct vio_domain *domain, uint64_t first, uint64_t last)
{
	struct vio_map *at = domain->maps;
	struct vio_map *found = NULL;

	while (at) {
		if (at->last < first) {
			at = at->right;
		} else {
			found = at;
			at = at->left;
		}
	}

	return found && found->first <= last ? found : NULL;
}

void vio_maps_insert(struct vio *m, struct vio_domain *domain, struct vio_map *map)
{
	struct vio_map *below, *rest;

	vio_chance(&m->random, 2);
	map->priority = (uint32_t)(m->random >> 16);
	map->left = map->right = NULL;
	split(domain->maps, map->first, &below, &rest);
	domain->maps = join(join(below, map), rest);
	domain->nr_maps++;
}

/* All that begin in the range: the caller has seen that none crosses its ends. */
void vio_maps_remove(struct vio_domain *domain, uint64_t first, uint64_t last)
{
	struct vio_map *below, *rest, *inside, *above = NULL;

	split(domain->maps, first, &below, &rest);
	inside = rest;
	if (last != UINT64_MAX)
		split(rest, last + 1, &inside, &above);
	domain->nr_maps -= free_tree(inside);
	domain->maps = join(below, above);
}

void vio_maps_clear(struct vio_domain *domain)
{
	free_tree(domain->maps);
	domain->maps = NULL;
	domain->nr_maps = 0;
}
