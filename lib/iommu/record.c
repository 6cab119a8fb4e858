// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "iommu_priv.h"

#define SLAB_RECORDS 1024

static int grow(struct uvdk_ioas *ioas)
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

/* NULL: out of memory, and said so. */
struct ioas_map *ioas_record_get(struct uvdk_ioas *ioas)
{
	struct ioas_map *map;

	if (__builtin_expect(!ioas->free_records, 0) && grow(ioas))
		return NULL;
	map = ioas->free_records;
	ioas->free_records = map->next_free;

	return map;
}

void ioas_record_put(struct uvdk_ioas *ioas, struct ioas_map *map)
{
	map->next_free = ioas->free_records;
	ioas->free_records = map;
}

void ioas_record_free_all(struct uvdk_ioas *ioas)
{
	while (ioas->slabs) {
		struct ioas_slab *slab = ioas->slabs;

		ioas->slabs = slab->next;
		free(slab);
	}
}
