// SPDX-License-Identifier: BSD-3-Clause
#include <iommu_priv.h>
#include <uvdk_device_driver.h>
#include <uvdk_viommu_driver.h>

#include "emu_world.h"

#define TABLES (EMU_WORLD_MEMORY + ASKER_LARGE) /* the upper half is for tables */

static uint32_t tag(const struct emu_world *w)
{
	return w->pasid ? w->pasid : UVDK_EMU_NO_PASID;
}

static void map_memory(struct emu_world *w)
{
	uvdk_iova_t iova = EMU_WORLD_MEMORY;

	cr_assert_eq(uvdk_ioas_create(w->world.iommu, NULL, &w->ioas), 0);
	cr_assert_eq(uvdk_ioas_map(w->ioas, w->world.memory, ASKER_MEMORY,
				   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		     0, "%s", uvdk_last_error());
}

static void make_table(struct emu_world *w)
{
	const struct uvdk_pgtable_arena_opts arena = {.size = sizeof(arena),
						      .va = w->world.memory + ASKER_LARGE,
						      .address = TABLES,
						      .length = ASKER_LARGE};
	struct uvdk_pgtable_opts opts = {
		.size = sizeof(opts), .format = UVDK_PGTABLE_X86, .input_bits = 48};

	cr_assert_eq(uvdk_pgtable_arena_create(&arena, &w->arena), 0, "%s", uvdk_last_error());
	opts.arena = w->arena;
	cr_assert_eq(uvdk_pgtable_create(&opts, &w->pt), 0, "%s", uvdk_last_error());
	for (unsigned int i = 0; i < EMU_WORLD_PAGES; i++)
		cr_assert_eq(emu_world_map(w, i, i), 0, "%s", uvdk_last_error());
}

static void attach(struct emu_world *w)
{
	struct uvdk_nested nested = {
		.size = sizeof(nested), .flags = UVDK_HWPT_PASID, .vtd.addr_width = 48};
	struct uvdk_pgtable_info info;

	uvdk_pgtable_get_info(w->pt, &info);
	nested.vtd.pgtbl = info.root;
	cr_assert_eq(uvdk_viommu_create(w->ioas, w->asker->dev, NULL, &w->viommu), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_create_nested(w->viommu, w->asker->dev, &nested, &w->hwpt), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_attach(w->hwpt, w->asker->dev, w->pasid), 0, "%s",
		     uvdk_last_error());
}

void emu_world_open_as(struct emu_world *w, const char *spec, uint32_t pasid)
{
	w->pasid = pasid;
	asker_world_open(&w->world, NULL);
	w->asker = asker_open(w->world.iommu, spec);
	map_memory(w);
	make_table(w);
	attach(w);
}

void emu_world_open(struct emu_world *w)
{
	emu_world_open_as(w, "emu:asker", EMU_WORLD_PASID);
}

void emu_world_close(struct emu_world *w)
{
	uvdk_hwpt_destroy(w->hwpt);
	uvdk_viommu_destroy(w->viommu);
	uvdk_pgtable_destroy(w->pt);
	uvdk_pgtable_arena_destroy(w->arena);
	uvdk_ioas_destroy(w->ioas);
	if (w->asker)
		asker_close(w->asker);
	asker_world_close(&w->world);
}

/* What uvdk_invalq_open() comes down to here. */
int emu_world_queue(struct emu_world *w, const struct uvdk_invalq_opts *opts,
		    struct uvdk_invalq **out)
{
	struct uvdk_iommu_binding *binding = uvdk_device_binding(w->asker->dev);

	return w->hwpt->ioas->ops->viommus->invalq_create(w->hwpt->priv, binding, w->pasid, opts,
							  out);
}

int emu_world_map(struct emu_world *w, unsigned int page, unsigned int memory)
{
	return uvdk_pgtable_map_page(w->pt, EMU_WORLD_IOVA + page * ASKER_PAGE,
				     EMU_WORLD_MEMORY + memory * ASKER_PAGE,
				     UVDK_PGTABLE_READ | UVDK_PGTABLE_WRITE | UVDK_PGTABLE_USER);
}

int emu_world_unmap(struct emu_world *w, unsigned int page)
{
	return uvdk_pgtable_unmap_page(w->pt, EMU_WORLD_IOVA + page * ASKER_PAGE);
}

void emu_world_begin(struct emu_world *w)
{
	w->change = uvdk_emu_stage1_begin(w->world.emu, uvdk_emu_fn_name(w->asker->fn), tag(w));
}

void emu_world_end(struct emu_world *w)
{
	uvdk_emu_stage1_end(w->world.emu, w->change);
}
