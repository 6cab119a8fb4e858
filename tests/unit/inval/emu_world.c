// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_device_driver.h>
#include <uvdk_iommu_driver.h>

#include "emu_world.h"
#include "iommu_emu_domain.h"
#include "iommu_emu_invalq.h"

static struct emu_device *device(const struct emu_world *w)
{
	return uvdk_device_binding(w->asker->dev)->priv;
}

/* Page by page, and not side by side in memory: so each has an entry. */
void emu_world_open(struct emu_world *w)
{
	asker_world_open(&w->world, NULL);
	w->asker = asker_open(w->world.iommu, "emu:asker");
	cr_assert_eq(uvdk_ioas_create(w->world.iommu, NULL, &w->ioas), 0);
	for (unsigned int i = 0; i < EMU_WORLD_PAGES; i++) {
		uvdk_iova_t iova = EMU_WORLD_IOVA + i * ASKER_PAGE;

		cr_assert_eq(uvdk_ioas_map(w->ioas, w->world.memory + i * ASKER_PAGE, ASKER_PAGE,
					   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
			     0, "%s", uvdk_last_error());
	}
	cr_assert_eq(uvdk_ioas_attach_pasid(w->ioas, w->asker->dev, EMU_WORLD_PASID), 0, "%s",
		     uvdk_last_error());
}

void emu_world_close(struct emu_world *w)
{
	uvdk_ioas_detach_pasid(w->ioas, w->asker->dev, EMU_WORLD_PASID);
	uvdk_ioas_destroy(w->ioas);
	asker_close(w->asker);
	asker_world_close(&w->world);
}

int emu_world_queue(struct emu_world *w, const struct uvdk_invalq_opts *opts,
		    struct uvdk_invalq **out)
{
	return emu_invalq_create(device(w), EMU_WORLD_PASID, opts, out);
}

uint64_t *emu_world_leaf(struct emu_world *w, unsigned int page)
{
	const struct emu_table *table =
		&emu_attachment_find(device(w), EMU_WORLD_PASID)->dom->table;
	uint64_t iova = EMU_WORLD_IOVA + page * ASKER_PAGE;
	uint64_t *entries = (uint64_t *)table->root;

	cr_assert_eq(table->stage, EMU_FIRST_STAGE);
	for (unsigned int level = table->levels - 1; level; level--) {
		uint64_t entry = entries[iova >> (12 + 9 * level) & 511];

		cr_assert((entry & 1) && !(entry & 1 << 7), "level %u: 0x%lx", level,
			  (unsigned long)entry);
		entries = (uint64_t *)(uintptr_t)(entry & 0x000ffffffffff000);
	}

	return &entries[iova >> 12 & 511];
}

void emu_world_begin(struct emu_world *w)
{
	emu_device_begin(device(w));
}

void emu_world_end(struct emu_world *w)
{
	emu_device_end(device(w));
}
