// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "emu_asker.h"

/* Which pages devices wrote, on an emulated machine, through the public calls. */

#define PAGES 130 /* more than two words of a bitmap */
#define IOVA  UINT64_C(0x40000000)
#define PASID 7u

static struct asker_world w;
static struct uvdk_ioas *ioas;
static struct uvdk_hwpt *table;
static struct asker *plain, *cacher;
static uint64_t bits[3];

static void map(uint64_t offset, uint64_t len)
{
	uvdk_iova_t iova = IOVA + offset;

	cr_assert_eq(
		uvdk_ioas_map(ioas, w.memory + offset, len, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0,
		"%s", uvdk_last_error());
}

/* A function that caches translations, and one that does not; both with RID and PASID. */
static void setup(void)
{
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts),
				      .flags = UVDK_HWPT_DIRTY | UVDK_HWPT_PASID};

	asker_world_open(&w, NULL);
	plain = asker_open(w.iommu, "emu:asker,plain");
	cacher = asker_open(w.iommu, "emu:asker");
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &ioas), 0);
	map(ASKER_PAGE, PAGES * ASKER_PAGE);
	cr_assert_eq(uvdk_hwpt_create(ioas, plain->dev, &opts, &table), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_attach(table, plain->dev, 0), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_attach(table, plain->dev, PASID), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_attach(table, cacher->dev, 0), 0);
	cr_assert_eq(uvdk_hwpt_attach(table, cacher->dev, PASID), 0);
}

static void finish(void)
{
	uvdk_hwpt_destroy(table);
	uvdk_ioas_destroy(ioas);
	asker_close(plain);
	asker_close(cacher);
	asker_world_close(&w);
}

TestSuite(emu_dirty, .init = setup);

static uint64_t page(unsigned int n)
{
	return IOVA + (n + 1) * ASKER_PAGE;
}

static void read_bits(unsigned int flags)
{
	memset(bits, 0, sizeof(bits));
	cr_assert_eq(
		uvdk_hwpt_dirty_read(table, page(0), PAGES * ASKER_PAGE, ASKER_PAGE, bits, flags),
		0, "%s", uvdk_last_error());
}

/* Just these pages. */
static bool told(unsigned int flags, int a, int b)
{
	uint64_t want[3] = {0};

	if (a >= 0)
		want[a / 64] |= 1ull << a % 64;
	if (b >= 0)
		want[b / 64] |= 1ull << b % 64;
	read_bits(flags);

	return !memcmp(want, bits, sizeof(want));
}

static void start(void)
{
	cr_assert_eq(uvdk_hwpt_dirty_start(table), 0, "%s", uvdk_last_error());
}

/* By each of the four ways that writes come. */
static void each_way(void (*check)(struct asker *a, uint32_t pasid))
{
	check(plain, 0);
	check(plain, PASID);
	check(cacher, 0);
	check(cacher, PASID);
}

Test(emu_dirty, the_iommu_says_that_it_can)
{
	struct uvdk_iommu_info info;

	cr_assert_eq(uvdk_iommu_get_info(plain->dev, &info), 0);
	cr_expect(info.features & UVDK_IOMMU_DIRTY_TRACKING);
	finish();
}

static void write_two(struct asker *a, uint32_t pasid)
{
	cr_expect(asker_reads(a, pasid, page(5)));
	cr_expect(told(0, -1, -1), "a read is no write");
	cr_expect(asker_writes(a, pasid, page(3) + 100));
	cr_expect(asker_writes(a, pasid, page(129)));
	cr_expect(told(0, 3, 129));
	cr_expect(told(0, -1, -1), "clean again");
	cr_expect(asker_writes(a, pasid, page(3)));
	cr_expect(told(0, 3, -1), "each write after a read is seen");
	cr_expect(told(0, -1, -1));
}

Test(emu_dirty, just_the_pages_that_were_written_are_told)
{
	start();
	each_way(write_two);
	finish();
}

static void write_and_keep(struct asker *a, uint32_t pasid)
{
	cr_expect(asker_writes(a, pasid, page(64)));
	cr_expect(told(UVDK_DIRTY_KEEP, 64, -1));
	cr_expect(asker_writes(a, pasid, page(0)));
	cr_expect(told(UVDK_DIRTY_KEEP, 0, 64));
	cr_expect(told(0, 0, 64));
	cr_expect(told(0, -1, -1));
}

Test(emu_dirty, what_is_kept_is_told_again)
{
	start();
	each_way(write_and_keep);
	finish();
}

static void write_and_restart(struct asker *a, uint32_t pasid)
{
	cr_expect(asker_writes(a, pasid, page(9)));
	start();
	cr_expect(told(0, -1, -1));
	cr_expect(asker_writes(a, pasid, page(9)));
	cr_expect(told(0, 9, -1));
}

Test(emu_dirty, a_start_forgets_what_was_before_and_misses_nothing_after)
{
	uint64_t one = 0;

	cr_expect(asker_writes(plain, 0, page(9)) && asker_writes(cacher, PASID, page(9)));
	cr_expect_eq(uvdk_hwpt_dirty_read(table, page(0), ASKER_PAGE, ASKER_PAGE, &one, 0),
		     -EINVAL);
	start();
	cr_expect(told(0, -1, -1));
	cr_expect(asker_writes(cacher, PASID, page(9)), "what it keeps from before is not used");
	cr_expect(told(0, 9, -1));
	each_way(write_and_restart);
	cr_expect(asker_writes(plain, 0, page(9)));
	cr_assert_eq(uvdk_hwpt_dirty_stop(table), 0);
	cr_expect(asker_writes(plain, 0, page(10)) && asker_writes(cacher, PASID, page(10)));
	start();
	cr_expect(told(0, -1, -1));
	each_way(write_and_restart);
	finish();
}

Test(emu_dirty, other_pages_stay_as_they_are)
{
	uint64_t one = 1;

	start();
	asker_writes(cacher, PASID, page(2));
	asker_writes(cacher, PASID, page(4));
	cr_assert_eq(uvdk_hwpt_dirty_read(table, page(2), ASKER_PAGE * 2, ASKER_PAGE, &one, 0), 0);
	cr_expect_eq(one, 1);
	cr_expect(told(0, 4, -1));
	asker_writes(plain, 0, page(7));
	one = 0;
	cr_assert_eq(uvdk_hwpt_dirty_read(table, page(7), ASKER_PAGE, ASKER_PAGE, &one, 0), 0);
	cr_expect_eq(one, 1);
	cr_expect(asker_writes(plain, 0, page(7)));
	cr_expect(told(0, 7, -1));
	finish();
}

/* One mark stands for all of a large page. */
Test(emu_dirty, a_large_page_is_clean_once_all_of_it_was_read)
{
	uint64_t all[8] = {0}, half[4] = {0};
	const uint64_t iova = IOVA + ASKER_LARGE;

	map(ASKER_LARGE, ASKER_LARGE);
	start();
	cr_expect(asker_writes(cacher, PASID, iova));
	cr_assert_eq(uvdk_hwpt_dirty_read(table, iova, ASKER_LARGE / 2, ASKER_PAGE, half, 0), 0);
	cr_expect(half[0] & 1);
	cr_assert_eq(uvdk_hwpt_dirty_read(table, iova, ASKER_LARGE, ASKER_PAGE, all, 0), 0);
	cr_expect(all[7] >> 63, "nobody was told of the other half yet");
	memset(all, 0, sizeof(all));
	cr_assert_eq(uvdk_hwpt_dirty_read(table, iova, ASKER_LARGE, ASKER_LARGE, all, 0), 0);
	cr_expect_eq(all[0], 0);
	cr_expect(asker_writes(cacher, PASID, iova + ASKER_LARGE - 8));
	cr_assert_eq(uvdk_hwpt_dirty_read(table, iova, ASKER_LARGE, ASKER_LARGE, all, 0), 0);
	cr_expect_eq(all[0], 1);
	finish();
}

Test(emu_dirty, what_is_attached_while_watched_is_watched)
{
	start();
	uvdk_hwpt_detach(table, plain->dev, PASID);
	cr_assert_eq(uvdk_ioas_attach_pasid(ioas, plain->dev, PASID), 0, "%s", uvdk_last_error());
	cr_expect(asker_writes(plain, PASID, page(1)));
	cr_expect(told(0, -1, -1), "through another table");
	cr_assert_eq(uvdk_hwpt_replace(table, plain->dev, PASID), 0, "%s", uvdk_last_error());
	cr_expect(asker_writes(plain, PASID, page(1)));
	cr_expect(told(0, 1, -1));
	cr_assert_eq(uvdk_hwpt_attach(table, plain->dev, PASID + 1), 0, "%s", uvdk_last_error());
	cr_expect(asker_writes(plain, PASID + 1, page(2)));
	cr_expect(told(0, 2, -1));
	finish();
}

Test(emu_dirty, a_bitmap_that_is_not_there_is_refused)
{
	uint64_t *hole = mmap(NULL, ASKER_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	start();
	cr_expect(asker_writes(plain, 0, page(1)));
	cr_expect_eq(uvdk_hwpt_dirty_read(table, page(0), 4 * ASKER_PAGE, ASKER_PAGE, hole, 0),
		     -EFAULT);
	munmap(hole, ASKER_PAGE);
	cr_expect_eq(uvdk_hwpt_dirty_read(table, page(0), 4 * ASKER_PAGE, ASKER_PAGE, hole, 0),
		     -EFAULT);
	cr_expect(told(0, 1, -1), "a refused read clears nothing");
	finish();
}
