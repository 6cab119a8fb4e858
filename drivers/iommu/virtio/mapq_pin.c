// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "mapq.h"

/* Memory of map queues: its physical addresses, page by page. */

static int spread(const struct viommu_mapq *q, const struct uvdk_phys_run *runs, unsigned int count,
		  uint64_t *phys)
{
	for (unsigned int i = 0; i < count; i++) {
		if ((runs[i].phys | runs[i].len) & (q->page_size - 1))
			return uvdk_fail(-EDOM, VIOMMU,
					 "%s has pages of %" PRIu64
					 " bytes, and memory is in smaller pieces: use huge pages",
					 q->unit->virtio.name, q->page_size);
		for (size_t off = 0; off < runs[i].len; off += q->page_size)
			*phys++ = runs[i].phys + off;
	}

	return 0;
}

static int look_up(const struct viommu_mapq *q, void *va, size_t len, int pin, uint64_t *phys)
{
	const struct uvdk_phys *how = &q->own->viommu->phys;
	struct uvdk_phys_run *runs;
	int count = uvdk_phys_runs(how, va, len, pin, NULL, 0);
	int again;

	if (count < 0)
		return count;
	runs = calloc((unsigned int)count, sizeof(*runs));
	if (!runs)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for %d pieces", count);
	again = uvdk_phys_runs(how, va, len, pin, runs, (unsigned int)count);
	if (again == count)
		again = spread(q, runs, (unsigned int)count, phys);
	else if (again >= 0)
		again = uvdk_fail(-EAGAIN, VIOMMU,
				  "the kernel moved the memory at %p while it was pinned: use huge "
				  "pages",
				  va);
	free(runs);

	return again;
}

int viommu_mapq_pin(void *mapq_priv, void *va, size_t len, unsigned int flags, uint64_t *phys,
		    int *pin)
{
	struct viommu_mapq *q = mapq_priv;
	const struct uvdk_phys *how = &q->own->viommu->phys;
	int err = uvdk_phys_lock(how, va, len, flags & UVDK_MAP_WRITE, pin);

	if (err)
		return err;
	err = look_up(q, va, len, *pin, phys);
	if (err)
		uvdk_phys_unlock(how, va, len, *pin);

	return err;
}

/* What devices may still reach stays locked for good. */
void viommu_mapq_unpin(void *mapq_priv, void *va, size_t len, int pin)
{
	struct viommu_mapq *q = mapq_priv;

	if (!viommu_ioas_lost(q->own))
		uvdk_phys_unlock(&q->own->viommu->phys, va, len, pin);
}
