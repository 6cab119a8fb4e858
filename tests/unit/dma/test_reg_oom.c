// SPDX-License-Identifier: BSD-3-Clause
/* Each allocation fails in turn: the call says so, or does without, and nothing is left. */
#include <criterion/criterion.h>
#include <sys/mman.h>

#include <uvdk_dma_reg.h>
#include <uvdk_regcache.h>

#include "../iommu/fake.h"

static __thread unsigned long fails_in; /* 0: never */
static __thread bool has_failed;

static bool fails(void)
{
	if (!fails_in || --fails_in)
		return false;
	has_failed = true;

	return true;
}

void *__real_malloc(size_t len);
void *__real_calloc(size_t n, size_t len);
void *__real_realloc(void *p, size_t len);
void *__real_aligned_alloc(size_t align, size_t len);

void *__wrap_malloc(size_t len)
{
	return fails() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t n, size_t len)
{
	return fails() ? NULL : __real_calloc(n, len);
}

void *__wrap_realloc(void *p, size_t len)
{
	return fails() ? NULL : __real_realloc(p, len);
}

void *__wrap_aligned_alloc(size_t align, size_t len)
{
	return fails() ? NULL : __real_aligned_alloc(align, len);
}

TestSuite(dma_reg_oom, .init = fake_setup);

static uint8_t *pages(size_t n)
{
	void *va = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(va, MAP_FAILED);
	return va;
}

Test(dma_reg_oom, a_registration_that_finds_no_memory_has_changed_nothing)
{
	uint8_t *p = pages(5);
	struct uvdk_dma_reg *middle, *all;
	int err = -ENOMEM;

	cr_assert_eq(uvdk_dma_register(ioas, p + 2 * PAGE, PAGE, UVDK_MAP_RW, &middle), 0);
	for (unsigned long n = 1; err; n++) {
		all = NULL;
		fails_in = n;
		err = uvdk_dma_register(ioas, p, 5 * PAGE, UVDK_MAP_RW, &all);
		fails_in = 0;
		cr_assert(!err || err == -ENOMEM, "%d", err);
		if (err)
			cr_assert(!all && fake.bytes == PAGE, "allocation %lu", n);
	}
	cr_expect(has_failed);
	cr_expect_eq(uvdk_dma_unregister(all), 0);
	cr_expect_eq(uvdk_dma_unregister(middle), 0);
	cr_expect_eq(fake.maps, 0);
	munmap(p, 5 * PAGE);
}

/* Returns the first error. */
static int use(uint8_t *p, struct uvdk_regcache *cache)
{
	struct uvdk_regcache_hold holds[3];
	int err = 0, n;

	for (n = 0; n < 3 && !err; n++)
		err = uvdk_regcache_get(cache, p + (size_t)n * PAGE, 2 * PAGE, &holds[n]);
	n -= !!err;
	while (n--)
		uvdk_regcache_put(cache, &holds[n]);

	return err;
}

Test(dma_reg_oom, a_cache_that_finds_no_memory_says_so_and_works_on)
{
	struct uvdk_regcache_opts opts = {.size = sizeof(opts), .flags = UVDK_REGCACHE_NO_FOLLOW};
	struct uvdk_regcache *cache;
	uint8_t *p = pages(5);
	int err, done = 0;

	for (unsigned long n = 1; !done; n++) {
		cache = NULL;
		has_failed = false;
		fails_in = n;
		err = uvdk_regcache_create(ioas, &opts, &cache);
		if (!err)
			err = use(p, cache);
		fails_in = 0;
		cr_assert(!err || err == -ENOMEM, "%d", err);
		done = !has_failed;
		if (cache) {
			struct uvdk_regcache_stats stats;

			cr_assert_eq(use(p, cache), 0);
			uvdk_regcache_get_stats(cache, &stats);
			cr_expect_eq(stats.held, 0);
			cr_expect_eq(stats.lingering, 0);
		}
		uvdk_regcache_destroy(cache);
		cr_assert_eq(fake.maps, 0);
	}
	munmap(p, 5 * PAGE);
}
