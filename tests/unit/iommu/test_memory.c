// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_hwpt.h>

#include "fake.h"

/*
 * The n-th allocation of the library fails, for every n: the linker sends its
 * calls here (-Wl,--wrap), those of the test's own files too.
 */
#define GIB (1ul << 30)

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
void __real_free(void *p);
int __real_munmap(void *at, size_t len);

static bool counting, for_good; /* all fail from then on */
static long fail_at, allocations, heap, mapped;

static bool refuse(void)
{
	if (!counting)
		return false;
	allocations++;
	return for_good ? allocations >= fail_at : allocations == fail_at;
}

void *__wrap_malloc(size_t size)
{
	void *p = refuse() ? NULL : __real_malloc(size);

	heap += p && counting;
	return p;
}

void *__wrap_calloc(size_t count, size_t size)
{
	void *p = refuse() ? NULL : __real_calloc(count, size);

	heap += p && counting;
	return p;
}

void *__wrap_realloc(void *old, size_t size)
{
	void *p = refuse() ? NULL : __real_realloc(old, size);

	heap += p && !old && counting;
	return p;
}

char *__wrap_strdup(const char *text)
{
	char *copy = __wrap_malloc(strlen(text) + 1);

	return copy ? strcpy(copy, text) : NULL;
}

void __wrap_free(void *p)
{
	heap -= p && counting;
	__real_free(p);
}

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	void *p = refuse() ? MAP_FAILED : __real_mmap(at, len, prot, flags, fd, off);

	mapped += p != MAP_FAILED && counting;
	return p;
}

/* What mmap() is called where off_t has 64 bits on demand. */
void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	return __wrap_mmap(at, len, prot, flags, fd, off);
}

int __wrap_munmap(void *at, size_t len)
{
	mapped -= counting;
	return __real_munmap(at, len);
}

static char *mem;

/* All that allocates; stops at the first failure. Everything is undone by finish(). */
struct world {
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_ioas *as;
};

static int map_lots(struct uvdk_ioas *as)
{
	uvdk_iova_t iova;
	int err;

	for (size_t i = 0; i < 1100; i++) {
		err = uvdk_ioas_map(as, mem + i * PAGE, PAGE, UVDK_MAP_RW, &iova);
		if (err)
			return err;
	}
	err = uvdk_ioas_map(as, mem + GIB - PAGE, 2 * PAGE, UVDK_MAP_RW, &iova);
	if (err)
		return err;
	err = uvdk_ioas_map(as, mem + 2 * GIB, GIB + PAGE, UVDK_MAP_RW, &iova);
	if (err)
		return err;
	iova = 0x7fffff000;
	return uvdk_ioas_map(as, mem + 4 * GIB, 2 * PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova);
}

static int reserve_some(struct uvdk_ioas *as)
{
	uvdk_iova_t iova;
	int err = uvdk_ioas_reserve(as, 5 * GIB + PAGE, 0, false, &iova);

	if (err)
		return err;
	iova = 0x5fffff000;
	err = uvdk_ioas_reserve(as, 3 * GIB, 0, true, &iova);
	if (err)
		return err;
	iova += GIB - PAGE;
	return uvdk_ioas_map(as, mem + 5 * GIB, 2 * PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova);
}

static int start(struct world *w)
{
	int err = uvdk_iommu_open("fake", NULL, &w->iommu);

	if (!err)
		err = uvdk_ioas_create(w->iommu, NULL, &w->as);
	if (!err)
		err = map_lots(w->as);
	if (!err)
		err = uvdk_device_open(w->iommu, "fake:0", NULL, &w->dev);
	if (!err)
		err = uvdk_ioas_attach(w->as, w->dev);
	if (!err)
		err = reserve_some(w->as);
	return err;
}

static void finish(struct world *w)
{
	uvdk_device_close(w->dev);
	uvdk_ioas_destroy(w->as);
	uvdk_iommu_close(w->iommu);
}

/* Statistics, driver and translations tell the same number of maps. */
static void check_consistent(struct uvdk_ioas *as)
{
	struct uvdk_ioas_stats stats;
	struct uvdk_map_info info;
	uvdk_iova_t from = 0;
	uint64_t count = 0;

	if (!as)
		return;
	uvdk_ioas_get_stats(as, &stats);
	while (!uvdk_ioas_next(as, from, &info)) {
		count++;
		cr_assert_eq(uvdk_translate(uvdk_ioas_xlate(as), info.va), info.iova);
		from = info.iova + info.len;
	}
	cr_assert_eq(stats.maps, count);
	cr_assert_eq(fake.maps, count);
}

/* False: there is no n-th allocation any more, neither in set-up nor in teardown. */
static bool attempt(long n)
{
	struct world w = {0};
	int err;

	fake_reset();
	/* Ranges that change on attach, so that the free set is built anew. */
	fake.nr_attached_ranges = 2;
	fake.attached_ranges[0] = (struct uvdk_iova_range){0, 0xfffffffff};
	fake.attached_ranges[1] = (struct uvdk_iova_range){0x2000000000, 0x3000000000};
	allocations = 0;
	fail_at = n;
	counting = true;
	err = start(&w);
	cr_assert_eq(err, allocations >= n ? -ENOMEM : 0, "allocation %ld: %d", n, err);
	check_consistent(w.as);
	finish(&w);
	counting = false;
	cr_assert_eq(heap, 0, "allocation %ld: %ld blocks lost", n, heap);
	cr_assert_eq(mapped, 0, "allocation %ld: %ld mappings lost", n, mapped);
	cr_assert_eq(fake.maps, 0);
	cr_assert_eq(fake.attached + fake.bindings + fake.ioas + fake.opened, 0);
	return allocations >= n;
}

Test(memory, any_allocation_may_fail_and_nothing_is_lost)
{
	long n = 1;

	mem = fake_memory(8 * GIB);
	while (attempt(n))
		n++;
	/* 1,104 are the driver's own, one a map: a test that stopped early would say little. */
	cr_expect_gt(n, 1104 + 20);
}

/* With every allocation failing from some point on, what is there can go. */
Test(memory, giving_back_needs_no_memory)
{
	struct uvdk_map_info info;
	struct world w = {0};

	mem = fake_memory(8 * GIB);
	fake_reset();
	cr_assert_eq(start(&w), 0);
	allocations = 0;
	counting = true;
	while (!uvdk_ioas_next(w.as, 0, &info))
		cr_assert_eq(uvdk_ioas_unmap(w.as, info.iova, info.len), 0);
	cr_assert_eq(uvdk_ioas_unreserve(w.as, 0x5fffff000), 0);
	cr_expect_eq(allocations, 0);
	counting = false;
	finish(&w);
}

/*
 * A replacement that the driver refuses when memory has run out since: what it
 * has taken is given back, the device is where it was, and detaching leaves
 * nothing that its close would trip over.
 */
static void refuse_replacement(long n, int want)
{
	struct uvdk_hwpt *table = NULL;
	struct uvdk_ioas *other = NULL;
	struct world w = {0};

	fake_reset();
	counting = true;
	for_good = true;
	fail_at = INT32_MAX;
	cr_assert_eq(uvdk_iommu_open("fake", NULL, &w.iommu), 0);
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &w.as), 0);
	cr_assert_eq(uvdk_device_open(w.iommu, "fake:0", NULL, &w.dev), 0);
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &other), 0);
	cr_assert_eq(uvdk_hwpt_create(other, w.dev, NULL, &table), 0);
	heap = 0;
	cr_assert_eq(uvdk_ioas_attach(w.as, w.dev), 0);

	fake.hwpt_attach = (struct fake_failure){1, -EADDRINUSE};
	allocations = 0;
	fail_at = n;
	cr_expect_eq(uvdk_hwpt_replace(table, w.dev, UVDK_PASID_RID), want, "allocation %ld", n);
	fail_at = INT32_MAX;
	cr_expect_eq(uvdk_ioas_attach(other, w.dev), -EBUSY);
	uvdk_ioas_detach(w.as, w.dev);
	cr_expect_eq(heap, 0, "allocation %ld: %ld blocks are left", n, heap);
	counting = false;
	for_good = false;
	uvdk_hwpt_destroy(table);
	uvdk_ioas_destroy(other);
	finish(&w);
}

Test(memory, a_replacement_that_fails_for_good_leaves_nothing)
{
	refuse_replacement(1, -ENOMEM); /* what says who is attached */
	refuse_replacement(2, -EADDRINUSE);
}
