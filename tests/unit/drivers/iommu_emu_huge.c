// SPDX-License-Identifier: BSD-3-Clause
#include "emu_asker.h"

/*
 * Which pages a remapping unit gets under each policy of IOVAs: a page has one
 * mark that says it was written, so a large one is told by all of its pages.
 */
#define BITS (ASKER_LARGE / ASKER_PAGE)

static unsigned int marked(const uint64_t *bits)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < BITS / 64; i++)
		n += (unsigned int)__builtin_popcountll(bits[i]);
	return n;
}

/* How many pages a write makes dirty in the middle of memory that starts at an odd place. */
static unsigned int pages_of_a_write(enum uvdk_iova_policy policy)
{
	struct uvdk_ioas_opts ioas_opts = {.size = sizeof(ioas_opts), .policy = policy};
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = UVDK_HWPT_DIRTY};
	uint64_t bits[BITS / 64] = {0};
	struct uvdk_ioas *ioas = NULL;
	struct uvdk_hwpt *table;
	struct asker_world w;
	uvdk_iova_t first = 0, iova = 0;
	struct asker *asker;
	unsigned int n;

	asker_world_open(&w, NULL);
	asker = asker_open(w.iommu, "emu:asker,plain");
	cr_assert_eq(uvdk_ioas_create(w.iommu, &ioas_opts, &ioas), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_create(ioas, asker->dev, &opts, &table), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_attach(table, asker->dev, 0), 0, "%s", uvdk_last_error());
	/* 2 MiB aligned, and from 1 MiB before that on. */
	cr_assert_eq(uvdk_ioas_map(ioas, w.memory, ASKER_PAGE, UVDK_MAP_RW, &first), 0);
	cr_assert_eq(uvdk_ioas_map(ioas, w.memory + ASKER_LARGE / 2, ASKER_LARGE * 3 / 2,
				   UVDK_MAP_RW, &iova),
		     0, "%s", uvdk_last_error());
	iova += ASKER_LARGE / 2;
	cr_assert_eq(uvdk_hwpt_dirty_start(table), 0, "%s", uvdk_last_error());
	cr_expect(asker_writes(asker, 0, iova + 5 * ASKER_PAGE));
	cr_assert_eq(uvdk_hwpt_dirty_read(table, iova, ASKER_LARGE, ASKER_PAGE, bits, 0), 0, "%s",
		     uvdk_last_error());
	n = marked(bits);
	uvdk_hwpt_destroy(table);
	uvdk_ioas_destroy(ioas);
	asker_close(asker);
	asker_world_close(&w);
	return n;
}

Test(emu_huge, aligned_for_huge_pages_the_unit_has_huge_pages)
{
	cr_expect_eq(pages_of_a_write(UVDK_IOVA_HUGE), BITS);
}

Test(emu_huge, packed_low_it_depends_on_what_was_mapped)
{
	cr_expect_eq(pages_of_a_write(UVDK_IOVA_LOW), 1);
}

Test(emu_huge, equal_to_va_the_unit_has_huge_pages)
{
	cr_expect_eq(pages_of_a_write(UVDK_IOVA_VA), BITS);
}
