// SPDX-License-Identifier: BSD-3-Clause
/*
 * The maps that registrations share. None is ever cut, and none of somebody else's is
 * touched. They stand in a tree by address, where intervals that overlap count as equal:
 * so one byte finds the map that holds it.
 */
#include <errno.h>
#include <search.h>

#include "reg_priv.h"

static int compare(const void *a, const void *b)
{
	const struct reg_map *x = a, *y = b;

	if (x->last < y->first)
		return -1;

	return x->first > y->last;
}

struct reg_map *reg_map_find(struct reg_space *space, uintptr_t at)
{
	const struct reg_map key = {.first = at, .last = at};
	void *const *node = tfind(&key, &space->maps, compare);

	return node ? *node : NULL;
}

static bool covers(const struct reg_piece *piece, uintptr_t at)
{
	return piece->first <= at && at <= piece->last;
}

bool reg_map_live(const struct reg_map *map, uintptr_t first, uintptr_t last, uintptr_t *gap)
{
	const struct reg_piece *piece;

	for (uintptr_t at = first;; at = piece->last + 1) {
		for (piece = map->pieces; piece && !covers(piece, at); piece = piece->sharing)
			;
		*gap = at;
		if (!piece)
			return false;
		if (piece->last >= last)
			return true;
	}
}

void reg_map_join(struct reg_map *map, struct reg_piece *piece)
{
	piece->map = map;
	piece->iova = map->iova + (piece->first - map->first);
	piece->sharing = map->pieces;
	map->pieces = piece;
}

static int no_memory(void)
{
	return uvdk_fail(-ENOMEM, DMA_COMPONENT, "no memory to note a registration");
}

int reg_map_make(struct reg_space *space, struct reg_piece *piece, unsigned int flags)
{
	size_t len = piece->last - piece->first + 1;
	struct reg_map *map = calloc(1, sizeof(*map));
	int err;

	if (!map)
		return no_memory();
	map->first = piece->first;
	map->last = piece->last;
	map->flags = flags;
	if (!(flags & UVDK_MAP_ALIAS) && !tsearch(map, &space->maps, compare)) {
		err = no_memory();
		goto free_map;
	}
	err = uvdk_ioas_map(space->ioas, (void *)map->first, len, flags, &map->iova);
	if (err)
		goto forget;
	reg_map_join(map, piece);

	return 0;

forget:
	if (!(flags & UVDK_MAP_ALIAS))
		tdelete(map, &space->maps, compare);
free_map:
	free(map);
	return err;
}

static void unlink_piece(struct reg_map *map, const struct reg_piece *piece)
{
	struct reg_piece **at = &map->pieces;

	while (*at != piece)
		at = &(*at)->sharing;
	*at = piece->sharing;
}

int reg_map_leave(struct reg_space *space, struct reg_piece *piece)
{
	struct reg_map *map = piece->map;
	int err;

	if (!map)
		return 0;
	if (map->pieces == piece && !piece->sharing) {
		err = uvdk_ioas_unmap(space->ioas, map->iova, map->last - map->first + 1);
		if (err)
			return err;
		if (!(map->flags & UVDK_MAP_ALIAS))
			tdelete(map, &space->maps, compare);
		free(map);
		return 0;
	}
	unlink_piece(map, piece);

	return 0;
}
