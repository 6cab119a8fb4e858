// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <pthread.h>
#include <sys/mman.h>

#include "../../sanitizer.h"
#include "fake.h"

/*
 * Meant for ThreadSanitizer: two threads map and unmap memory of their own and
 * translate it, a third translates all the while without a lock.
 */
#define ROUNDS 2000
#define ITEMS  32

static char *mem;
static bool stop;
static unsigned int wrong;

static void expect(bool ok)
{
	if (!ok)
		__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
}

static void *mapper(void *arg)
{
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas);
	char *own = arg;
	uvdk_iova_t iova[ITEMS];

	for (int r = 0; r < ROUNDS; r++) {
		for (size_t i = 0; i < ITEMS; i++) {
			size_t len = PAGE * (1 + i % 3);

			expect(!uvdk_ioas_map(ioas, own + 4 * i * PAGE, len, UVDK_MAP_RW,
					      &iova[i]));
			expect(uvdk_translate(x, own + 4 * i * PAGE + 9) == iova[i] + 9);
			expect(uvdk_ioas_va(ioas, iova[i] + 5) == own + 4 * i * PAGE + 5);
		}
		for (size_t i = 0; i < ITEMS; i++) {
			expect(!uvdk_ioas_unmap(ioas, iova[i], PAGE * (1 + i % 3)));
			expect(uvdk_translate(x, own + 4 * i * PAGE) == UVDK_IOVA_NONE);
		}
	}
	return NULL;
}

static void *translator(void *arg)
{
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas);
	uint64_t offsets = 0;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		for (size_t i = 0; i < 8 * ITEMS; i++) {
			uvdk_iova_t at = uvdk_translate(x, mem + i * PAGE + 3);

			offsets |= at == UVDK_IOVA_NONE ? 0 : (at & (PAGE - 1)) ^ 3;
		}
	expect(offsets == 0);
	return NULL;
}

static void run_threads(void)
{
	pthread_t a, b, c;

	expect(!pthread_create(&a, NULL, mapper, mem));
	expect(!pthread_create(&b, NULL, mapper, mem + 4 * ITEMS * PAGE));
	expect(!pthread_create(&c, NULL, translator, NULL));
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(c, NULL);
}

Test(threads, map_unmap_and_translate_at_once)
{
	struct uvdk_ioas_stats stats;

	fake_setup();
	mem = fake_memory(16 * ITEMS * PAGE);
	run_threads();
	cr_expect_eq(wrong, 0);
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.maps, 0);
	fake_teardown();
}

/* Criterion's own processes don't start under ThreadSanitizer: there we are the program. */
#if SANITIZER_THREAD
int main(void)
{
	fake_reset();
	expect(!uvdk_iommu_open("fake", NULL, &iommu));
	expect(!uvdk_ioas_create(iommu, NULL, &ioas));
	mem = mmap(NULL, 16 * ITEMS * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	run_threads();
	expect(fake.maps == 0);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	return wrong != 0;
}
#endif
