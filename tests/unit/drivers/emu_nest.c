// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>
#include <sys/mman.h>

#include "emu_nest.h"

#define RWU (UVDK_PGTABLE_READ | UVDK_PGTABLE_WRITE | UVDK_PGTABLE_USER)

void nest_open(struct nest *n, const struct uvdk_emu_opts *opts)
{
	struct uvdk_pgtable_arena_opts arena = {
		.size = sizeof(arena), .address = NEST_TABLES, .length = ASKER_LARGE};
	uvdk_iova_t iova = NEST_MEMORY;

	memset(n, 0, sizeof(*n));
	asker_world_open(&n->w, opts);
	cr_assert_eq(uvdk_ioas_create(n->w.iommu, NULL, &n->ioas), 0);
	cr_assert_eq(uvdk_ioas_map(n->ioas, n->w.memory, ASKER_MEMORY, UVDK_MAP_RW | UVDK_MAP_FIXED,
				   &iova),
		     0, "%s", uvdk_last_error());
	arena.va = n->w.memory + ASKER_LARGE;
	cr_assert_eq(uvdk_pgtable_arena_create(&arena, &n->arena), 0, "%s", uvdk_last_error());
}

void nest_close(struct nest *n)
{
	struct uvdk_pgtable_arena_stats stats;

	uvdk_pgtable_arena_get_stats(n->arena, &stats);
	cr_expect_eq(stats.free, stats.total, "table pages are left");
	uvdk_pgtable_arena_destroy(n->arena);
	uvdk_ioas_destroy(n->ioas);
	asker_world_close(&n->w);
}

uint8_t *nest_page(struct nest *n, unsigned int page)
{
	return n->w.memory + page * ASKER_PAGE;
}

void nest_viommu(struct nest *n, struct uvdk_device *dev, struct uvdk_viommu **out)
{
	cr_assert_eq(uvdk_viommu_create(n->ioas, dev, NULL, out), 0, "%s", uvdk_last_error());
}

void stage1_open(struct stage1 *s, struct nest *n, unsigned int bits)
{
	const struct uvdk_pgtable_opts opts = {.size = sizeof(opts),
					       .arena = n->arena,
					       .format = UVDK_PGTABLE_X86,
					       .input_bits = bits,
					       .output_bits = 48};

	*s = (struct stage1){.nest = n};
	cr_assert_eq(uvdk_pgtable_create(&opts, &s->pt), 0, "%s", uvdk_last_error());
}

struct uvdk_nested stage1_describe(const struct stage1 *s)
{
	struct uvdk_nested nested = {.size = sizeof(nested), .flags = UVDK_HWPT_PASID};
	struct uvdk_pgtable_info info;

	uvdk_pgtable_get_info(s->pt, &info);
	nested.vtd.pgtbl = info.root;
	nested.vtd.addr_width = info.levels == 5 ? 57 : 48;

	return nested;
}

void stage1_nest(struct stage1 *s, struct uvdk_viommu *viommu, struct uvdk_device *dev,
		 struct uvdk_faultq *queue)
{
	struct uvdk_nested nested = stage1_describe(s);

	nested.faultq = queue;
	cr_assert_eq(uvdk_hwpt_create_nested(viommu, dev, &nested, &s->hwpt), 0, "%s",
		     uvdk_last_error());
}

void stage1_close(struct stage1 *s)
{
	uvdk_hwpt_destroy(s->hwpt);
	uvdk_pgtable_quarantine(s->nest->arena, &s->gather, ++s->nest->cookie);
	uvdk_pgtable_release(s->nest->arena, s->nest->cookie);
	uvdk_pgtable_destroy(s->pt);
}

void stage1_map_iova(struct stage1 *s, uint64_t addr, uint64_t iova)
{
	cr_assert_eq(uvdk_pgtable_map(s->pt, addr, iova, ASKER_PAGE, RWU), 0, "%s",
		     uvdk_last_error());
}

void stage1_map(struct stage1 *s, uint64_t addr, unsigned int page)
{
	stage1_map_iova(s, addr, NEST_MEMORY + page * ASKER_PAGE);
}

void stage1_unmap(struct stage1 *s, uint64_t addr)
{
	cr_assert_eq(uvdk_pgtable_unmap(s->pt, addr, ASKER_PAGE, &s->gather), ASKER_PAGE);
}

void stage1_invalidate(struct stage1 *s)
{
	const struct uvdk_inval_vtd inval = {
		.addr = s->gather.first,
		.npages = (s->gather.last - s->gather.first) / ASKER_PAGE + 1,
		.flags = s->gather.tables ? 0u : UVDK_INVAL_VTD_LEAF,
	};
	struct uvdk_inval_result result;

	cr_assert(s->gather.pending);
	cr_assert_eq(uvdk_hwpt_invalidate(s->hwpt, &inval, sizeof(inval), 1, &result), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(result.done, 1);
	uvdk_pgtable_quarantine(s->nest->arena, &s->gather, ++s->nest->cookie);
	uvdk_pgtable_release(s->nest->arena, s->nest->cookie);
}
