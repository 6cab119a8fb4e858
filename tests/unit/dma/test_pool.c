// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uvdk_dma.h>

#include "../iommu/fake.h"

TestSuite(pool, .init = fake_setup);

static struct uvdk_dma_pool *pool_of(size_t size, size_t align, unsigned int count)
{
	struct uvdk_dma_opts opts = {
		.size = sizeof(opts), .source = UVDK_DMA_NORMAL, .numa_node = -1};
	struct uvdk_dma_pool *pool = NULL;

	cr_assert_eq(uvdk_dma_pool_create(ioas, size, align, count, &opts, &pool), 0, "%s",
		     uvdk_last_error());
	return pool;
}

/*
 * Of the pages of objects, those that the kernel says lie on a node, and all in *of. A kernel
 * without NUMA has no other place: all of them.
 */
static unsigned long pages_on(int node, void **objects, unsigned int count, unsigned long *of)
{
	unsigned long on = 0, pages = 0;
	uintptr_t last = 0;

	for (unsigned int i = 0; i < count; i++) {
		void *page = (void *)((uintptr_t)objects[i] & ~(PAGE - 1));
		int where = -1;

		if ((uintptr_t)page == last)
			continue;
		last = (uintptr_t)page;
		pages++;
		if (syscall(SYS_move_pages, 0, 1ul, &page, NULL, &where, 0))
			where = errno == ENOSYS ? node : -1;
		on += where == node;
	}
	*of = pages;

	return on;
}

/* Also where another node is preferred, if there is one. */
Test(pool, objects_lie_on_the_node_that_was_asked_for)
{
	struct uvdk_dma_opts opts = {
		.size = sizeof(opts), .source = UVDK_DMA_NORMAL, .numa_node = 0};
	const unsigned long other = 2; /* node 1 */
	struct uvdk_dma_pool *pool;
	void *objects[256];
	unsigned long pages;

	if (syscall(SYS_set_mempolicy, MPOL_PREFERRED, &other, 8 * sizeof(other)))
		syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0ul);
	cr_assert_eq(uvdk_dma_pool_create(ioas, 2048, 0, 256, &opts, &pool), 0, "%s",
		     uvdk_last_error());
	for (unsigned int i = 0; i < 256; i++)
		cr_assert_not_null(objects[i] = uvdk_dma_pool_get(pool, NULL));
	cr_expect_eq(pages_on(0, objects, 256, &pages), pages);
	cr_expect_eq(pages, 128);
	for (unsigned int i = 0; i < 256; i++)
		uvdk_dma_pool_put(pool, objects[i]);
	uvdk_dma_pool_destroy(pool);
	fake_teardown();
}

/* Take all there are, check each, give them back. */
static void check_objects(size_t size, size_t align, unsigned int count)
{
	struct uvdk_dma_pool *pool = pool_of(size, align, count);
	char **objects = calloc(count, sizeof(*objects));
	uvdk_iova_t iova;

	cr_expect_eq(uvdk_dma_pool_free_count(pool), count);
	for (unsigned int i = 0; i < count; i++) {
		char *o = objects[i] = uvdk_dma_pool_get(pool, &iova);

		cr_assert_not_null(o, "%u", i);
		cr_assert_eq((uintptr_t)o % (align ? align : 64), 0);
		cr_assert_eq(iova, uvdk_translate(uvdk_ioas_xlate(ioas), o));
		if (size <= PAGE)
			cr_assert_leq((uintptr_t)o % PAGE + size, PAGE);
		for (size_t b = 0; b < size; b++)
			cr_assert_eq(o[b], 0, "objects overlap");
		memset(o, 1, size);
	}
	cr_expect_null(uvdk_dma_pool_get(pool, &iova));
	cr_expect_eq(uvdk_dma_pool_free_count(pool), 0);
	for (unsigned int i = 0; i < count; i++)
		cr_assert_eq(uvdk_dma_pool_put(pool, objects[i]), 0);
	cr_expect_eq(uvdk_dma_pool_free_count(pool), count);
	free(objects);
	uvdk_dma_pool_destroy(pool);
}

Test(pool, objects_of_every_size_are_apart_and_do_not_cross_pages)
{
	static const size_t sizes[] = {1, 24, 64, 65, 1500, 2048, 2049, 4095, 4096, 4097, 9000};

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check_objects(sizes[i], 0, 100);
	check_objects(16, 16, 1000);
	check_objects(100, 4096, 7);
	check_objects(100, 1, 1);
	fake_teardown();
}

Test(pool, what_was_given_back_last_is_taken_first)
{
	struct uvdk_dma_pool *pool = pool_of(64, 0, 8);
	void *a = uvdk_dma_pool_get(pool, NULL), *b = uvdk_dma_pool_get(pool, NULL);

	cr_assert_eq(uvdk_dma_pool_put(pool, b), 0);
	cr_assert_eq(uvdk_dma_pool_put(pool, a), 0);
	cr_expect_eq(uvdk_dma_pool_get(pool, NULL), a);
	cr_expect_eq(uvdk_dma_pool_get(pool, NULL), b);
	uvdk_dma_pool_destroy(pool);
	fake_teardown();
}

Test(pool, only_objects_that_are_out_can_come_back)
{
	struct uvdk_dma_pool *pool = pool_of(1500, 0, 8);
	char *a = uvdk_dma_pool_get(pool, NULL);
	char stranger;

	cr_expect_eq(uvdk_dma_pool_put(pool, a + 1), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_put(pool, &stranger), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_put(pool, NULL), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_put(pool, a + 2 * 1536), -EINVAL, "behind the last of a page");
	cr_expect_eq(uvdk_dma_pool_put(pool, a + 4 * PAGE), -EINVAL, "past the end");
	cr_expect_eq(uvdk_dma_pool_put(pool, a - PAGE), -EINVAL);
	cr_assert_eq(uvdk_dma_pool_put(pool, a), 0);
	cr_expect_eq(uvdk_dma_pool_put(pool, a), -EINVAL);
	cr_expect(said("already"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_dma_pool_free_count(pool), 8);
	uvdk_dma_pool_destroy(pool);
	fake_teardown();
}

/* A device that writes past its buffer must not make the pool hand out nonsense. */
Test(pool, what_a_device_writes_does_not_matter_to_the_pool)
{
	struct uvdk_dma_pool *pool = pool_of(64, 0, 64);
	void *objects[64];

	objects[0] = uvdk_dma_pool_get(pool, NULL);
	memset(objects[0], 0xff, PAGE);
	cr_assert_eq(uvdk_dma_pool_put(pool, objects[0]), 0);
	for (int i = 0; i < 64; i++) {
		objects[i] = uvdk_dma_pool_get(pool, NULL);
		for (int j = 0; j < i; j++)
			cr_assert_neq(objects[i], objects[j]);
		memset(objects[i], 0xff, 64);
	}
	uvdk_dma_pool_destroy(pool);
	fake_teardown();
}

Test(pool, bad_requests_are_refused)
{
	struct uvdk_dma_pool *pool = NULL;

	cr_expect_eq(uvdk_dma_pool_create(ioas, 0, 0, 1, NULL, &pool), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_create(ioas, 64, 0, 0, NULL, &pool), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_create(ioas, 64, 48, 1, NULL, &pool), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_create(ioas, 64, 8192, 1, NULL, &pool), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_create(ioas, SIZE_MAX / 2, 0, 4, NULL, &pool), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_create(ioas, SIZE_MAX, 0, 1, NULL, &pool), -EINVAL);
	cr_expect_eq(uvdk_dma_pool_create(NULL, 64, 0, 1, NULL, &pool), -EINVAL);
	fake.map = (struct fake_failure){1, -EDQUOT};
	cr_expect_eq(uvdk_dma_pool_create(ioas, 64, 0, 1, NULL, &pool), -EDQUOT);
	cr_expect_null(pool);
	uvdk_dma_pool_destroy(NULL);
	fake_teardown();
}

/* ---- sources ---- */

static unsigned long huge_free(const char *size)
{
	unsigned long n = 0;
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%skB/free_hugepages",
		 size);
	f = fopen(path, "re");
	if (f && fscanf(f, "%lu", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

/* Objects of a pool lie within pages of a size, unless they are larger, and are contiguous for
 * the device. */
static void check_layout(struct uvdk_dma_pool *pool, size_t size, unsigned int count, size_t page)
{
	char **objects = calloc(count, sizeof(*objects));
	uint64_t delta = 0;
	uvdk_iova_t iova;

	for (unsigned int i = 0; i < count; i++) {
		objects[i] = uvdk_dma_pool_get(pool, &iova);
		cr_assert_not_null(objects[i], "%u", i);
		if (!i)
			delta = iova - (uintptr_t)objects[i];
		cr_assert_eq(iova - (uintptr_t)objects[i], delta);
		cr_assert_eq(iova, uvdk_translate(uvdk_ioas_xlate(ioas), objects[i]));
		if (size <= page)
			cr_assert_leq((uintptr_t)objects[i] % page + size, page);
		for (unsigned int j = i < 64 ? 0 : i - 64; j < i; j++)
			cr_assert(objects[i] >= objects[j] + size ||
				  objects[j] >= objects[i] + size);
	}
	cr_expect_null(uvdk_dma_pool_get(pool, NULL));
	for (unsigned int i = count; i-- > 0;)
		cr_assert_eq(uvdk_dma_pool_put(pool, objects[i]), 0);
	free(objects);
}

static void try_source(enum uvdk_dma_source source, size_t size, unsigned int count, size_t page)
{
	struct uvdk_dma_opts opts = {.size = sizeof(opts), .source = source, .numa_node = 0};
	struct uvdk_dma_pool_stats stats;
	struct uvdk_dma_pool *pool = NULL;
	int err = uvdk_dma_pool_create(ioas, size, 0, count, &opts, &pool);

	/* Huge pages are few, and other tests take them, too. */
	if (err == -ENOMEM && page > PAGE)
		return;
	cr_assert_eq(err, 0, "%s", uvdk_last_error());
	check_layout(pool, size, count, page);
	uvdk_dma_pool_get_stats(pool, &stats);
	cr_expect_eq(stats.gets, count);
	cr_expect_geq(stats.page_size, page);
	cr_expect_geq(stats.memory, size * count);
	cr_expect_eq(stats.memory % stats.page_size, 0);
	cr_expect_eq(uvdk_dma_pool_object_size(pool), size);
	uvdk_dma_pool_destroy(pool);
}

/* Huge pages may come unasked (ANY): objects then stay within normal ones all the same. */
Test(pool, objects_lie_right_whatever_the_memory_is_made_of)
{
	static const size_t sizes[] = {64, 2048, 3000, 5000, 70000};
	bool huge = huge_free("2048") > 0;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned int count = 1600000 / (unsigned int)((sizes[i] + PAGE - 1) / PAGE * PAGE);

		try_source(UVDK_DMA_NORMAL, sizes[i], count, PAGE);
		try_source(UVDK_DMA_ANY, sizes[i], count, PAGE);
		try_source(UVDK_DMA_MEMFD, sizes[i], count, PAGE);
		if (huge)
			try_source(UVDK_DMA_HUGE_2M, sizes[i], count, 2ul << 20);
	}
	if (huge_free("1048576"))
		try_source(UVDK_DMA_HUGE_1G, 3000, 10000, 1ul << 30);
	fake_teardown();
}

Test(pool, where_there_are_no_pages_of_a_gib_it_says_what_to_do)
{
	struct uvdk_dma_opts opts = {.size = sizeof(opts), .source = UVDK_DMA_HUGE_1G};
	struct uvdk_dma_pool *pool = NULL;
	char text[100];

	/* More than there are, wherever this runs. */
	cr_expect_eq(uvdk_dma_pool_create(ioas, 1ul << 30, 0,
					  (unsigned int)huge_free("1048576") + 2, &opts, &pool),
		     -ENOMEM);
	snprintf(text, sizeof(text), "need %lu huge pages of 1048576 kB", huge_free("1048576") + 2);
	cr_expect(said(text), "%s", uvdk_last_error());
	cr_expect(said("UVDK_DMA_NORMAL"), "%s", uvdk_last_error());
	cr_expect_null(pool);
	fake_teardown();
}

Test(pool, options_of_an_older_program_are_read_as_far_as_they_go)
{
	struct uvdk_dma_opts opts = {.size = sizeof(opts.size), .source = UVDK_DMA_HUGE_1G};
	struct uvdk_dma_pool *pool = NULL;

	cr_assert_eq(uvdk_dma_pool_create(ioas, 64, 0, 1, &opts, &pool), 0, "%s",
		     uvdk_last_error());
	uvdk_dma_pool_destroy(pool);
	opts.size = 0;
	cr_expect_eq(uvdk_dma_pool_create(ioas, 64, 0, 1, &opts, &pool), -EINVAL);
	fake_teardown();
}

/* In the calls without a cache as well. */
Test(pool, what_is_done_is_counted)
{
	struct uvdk_dma_pool *pool = pool_of(64, 0, 2);
	struct uvdk_dma_pool_stats stats;
	void *a = uvdk_dma_pool_get(pool, NULL), *b = uvdk_dma_pool_get(pool, NULL);

	cr_expect_null(uvdk_dma_pool_get(pool, NULL));
	cr_assert_eq(uvdk_dma_pool_put(pool, a), 0);
	cr_assert_eq(uvdk_dma_pool_put(pool, a), -EINVAL);
	uvdk_dma_pool_get_stats(pool, &stats);
	cr_expect_eq(stats.objects, 2);
	cr_expect_eq(stats.free, 1);
	cr_expect_eq(stats.gets, 2);
	cr_expect_eq(stats.puts, 1);
	cr_expect_eq(stats.empty, 1);
	cr_expect_eq(stats.refused, 1);
	cr_expect_eq(stats.cached + stats.caches + stats.refills + stats.flushes, 0);
	cr_assert_eq(uvdk_dma_pool_put(pool, b), 0);
	uvdk_dma_pool_destroy(pool);
	fake_teardown();
}
