// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>

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
