// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "iommu_priv.h"

#define SLAB_RECORDS 1024

int ioas_record_grow(struct uvdk_ioas *ioas)
{
	struct ioas_slab *slab = malloc(sizeof(*slab) + SLAB_RECORDS * sizeof(slab->record[0]));

	if (!slab)
		return uvdk_fail(-ENOMEM, IOAS_COMPONENT, "no memory for map records");

	slab->next = ioas->slabs;
	ioas->slabs = slab;
	for (unsigned int i = SLAB_RECORDS; i-- > 0;)
		ioas_record_put(ioas, &slab->record[i]);

	return 0;
}

void ioas_record_free_all(struct uvdk_ioas *ioas)
{
	while (ioas->slabs) {
		struct ioas_slab *slab = ioas->slabs;

		ioas->slabs = slab->next;
		free(slab);
	}
}

static void set_slots(struct uvdk_ioas *ioas, const struct ioas_map *map, uint64_t value)
{
	for (uint64_t page = map->page; page < map->page + map->pages; page++)
		space_leaf_of(&ioas->space, page)->slot[space_index(page)] = value;
}

static struct ioas_bits *starts_of(struct uvdk_ioas *ioas, const struct ioas_map *map)
{
	return &space_leaf_of(&ioas->space, map->page)->starts;
}

void ioas_map_insert(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	set_slots(ioas, map, (uint64_t)(uintptr_t)map);
	ioas_bits_set(starts_of(ioas, map), space_index(map->page));
	ioas->maps++;
	*ioas_map_counter(ioas, map) += map->pages;
	if (!(map->flags & UVDK_MAP_ALIAS))
		ioas_xlate_set(ioas, map);
}

void ioas_map_remove(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	if (!(map->flags & UVDK_MAP_ALIAS))
		ioas_xlate_clear(ioas, map);
	*ioas_map_counter(ioas, map) -= map->pages;
	ioas->maps--;
	ioas_bits_clear(starts_of(ioas, map), space_index(map->page));
	set_slots(ioas, map, 0);
	ioas_unplace(ioas, map);
	ioas_record_put(ioas, map);
}
