// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>

#include "regcache_world.h"

Test(regcache, a_buffer_is_mapped_once_and_found_then)
{
	uint8_t *p;
	struct uvdk_map_info m;
	uvdk_iova_t iova;

	make(0, 0, 0);
	p = pages(LEN);
	iova = touch(p + 100, 2 * PAGE);
	cr_assert_eq(uvdk_ioas_find(ioas, iova, &m), 0);
	cr_expect_eq((uint8_t *)m.va + (iova - m.iova), p + 100);
	for (int i = 0; i < 100; i++)
		cr_expect_eq(touch(p + 100 + i, PAGE), iova + i);
	cr_expect_eq(fake.map_calls, 1);
	cr_expect_eq(stats_of().misses, 1);
	cr_expect_eq(stats_of().hits, 100);
	cr_expect_eq(stats_of().entries, 1);
	cr_expect_eq(stats_of().bytes, 3 * PAGE);
	cr_expect_eq(stats_of().held, 0);
	munmap(p, LEN);
	end();
}

Test(regcache, what_overlaps_becomes_one)
{
	uint8_t *p;

	make(0, 0, 0);
	p = pages(LEN);
	touch(p, 2 * PAGE);
	touch(p + PAGE, 2 * PAGE);
	cr_expect_eq(stats_of().entries, 1);
	cr_expect_eq(stats_of().bytes, 3 * PAGE);
	touch(p, 3 * PAGE);
	cr_expect_eq(stats_of().misses, 2);
	munmap(p, LEN);
	end();
}

/* @change gives up the first page of @p, at which other memory is afterwards. */
static void gone_by(void (*change)(uint8_t *p))
{
	uint8_t *p;
	uvdk_iova_t old;
	unsigned int calls;

	make(0, 0, 0);
	p = pages(LEN);
	for (int i = 0; i < 100; i++) {
		memset(p, 1, LEN);
		old = touch(p, LEN);
		calls = fake.map_calls;
		change(p);
		touch(p, LEN);
		cr_assert_eq(fake.map_calls, calls + 1, "round %d: what was there was found", i);
		/* Of the memory that went nothing is left. */
		uvdk_follow_flush();
		cr_assert(stats_of().entries == 1 || !mapped(old));
	}
	cr_expect_geq(stats_of().invalidations, 100);
	munmap(p, LEN);
	end();
}

static void by_part(uint8_t *p)
{
	munmap(p, PAGE);
	pages_again(p, PAGE);
}

static void by_mremap(uint8_t *p)
{
	uint8_t *other = mremap(p, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, p + (1 << 19));

	cr_assert_eq(other, p + (1 << 19), "%s", strerror(errno));
	munmap(other, LEN);
	pages_again(p, LEN);
}

static void by_discarding(uint8_t *p)
{
	cr_assert_eq(madvise(p, LEN, MADV_DONTNEED), 0);
}

static void by_overmapping(uint8_t *p)
{
	cr_assert_eq(mmap(p, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			  -1, 0),
		     p);
}

static void *unmap_elsewhere(void *p)
{
	munmap(p, LEN);

	return NULL;
}

static void by_another_thread(uint8_t *p)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, unmap_elsewhere, p), 0);
	pthread_join(thread, NULL);
	pages_again(p, LEN);
}

Test(regcache, what_munmap_has_returned_for_is_not_found)
{
	gone_by(by_munmap);
}

Test(regcache, what_is_unmapped_in_part_is_not_found)
{
	gone_by(by_part);
}

Test(regcache, what_mremap_has_moved_is_not_found)
{
	gone_by(by_mremap);
}

Test(regcache, what_was_discarded_is_not_found)
{
	gone_by(by_discarding);
}

Test(regcache, what_was_mapped_over_is_not_found)
{
	gone_by(by_overmapping);
}

Test(regcache, what_another_thread_has_unmapped_is_not_found)
{
	gone_by(by_another_thread);
}

Test(regcache, malloc_and_free_need_no_word)
{
	unsigned int calls;

	make(0, 0, 0);
	for (size_t len = PAGE; len < 1 << 20; len += 13 * PAGE) {
		char *p = malloc(len);

		touch(p, len);
		calls = fake.map_calls;
		touch(p, len);
		cr_assert_eq(fake.map_calls, calls);
		p = realloc(p, 2 * len);
		touch(p, 2 * len);
		free(p);
	}
	end();
}

Test(regcache, what_is_held_outlives_its_memory_and_is_found_by_nobody)
{
	struct uvdk_regcache_hold hold, other;
	uint8_t *p;

	make(0, 0, 0);
	p = pages(LEN);
	hold = get_ok(p, LEN);
	by_munmap(p);
	other = get_ok(p, LEN);
	cr_expect(mapped(hold.iova));
	cr_expect_neq(other.iova, hold.iova);
	cr_expect_eq(stats_of().lingering, 1);
	cr_expect_eq(stats_of().held, 2);
	uvdk_regcache_put(cache, &hold);
	cr_expect(!mapped(hold.iova), "with the last put it is gone");
	cr_expect(mapped(other.iova));
	cr_expect_eq(stats_of().lingering, 0);
	uvdk_regcache_put(cache, &other);
	munmap(p, LEN);
	end();
}

Test(regcache, memory_that_is_not_there_is_refused)
{
	struct uvdk_regcache_hold hold;
	uint8_t *p;

	make(0, 0, 0);
	p = pages(LEN);
	munmap(p + PAGE, PAGE);
	cr_expect_eq(uvdk_regcache_get(cache, p, 3 * PAGE, &hold), -EFAULT);
	touch(p, PAGE);
	munmap(p, LEN);
	end();
}

Test(regcache, without_following_the_application_says_what_it_frees)
{
	struct uvdk_regcache_hold hold;
	uint8_t *p;

	make(0, 0, UVDK_REGCACHE_NO_FOLLOW);
	p = pages(LEN);
	touch(p, LEN);
	hold = get_ok(p, LEN);
	cr_expect_eq(fake.map_calls, 1);
	cr_expect_eq(uvdk_regcache_forget(cache, p + PAGE, 1), 0);
	cr_expect(mapped(hold.iova));
	touch(p, LEN);
	cr_expect_eq(fake.map_calls, 2);
	uvdk_regcache_put(cache, &hold);
	cr_expect(!mapped(hold.iova));
	munmap(p, LEN);
	end();
}

Test(regcache, strict_ones_work_too)
{
	uint8_t *p;

	make(0, 0, UVDK_REGCACHE_STRICT);
	p = pages(LEN);
	for (int i = 0; i < 10; i++) {
		touch(p, LEN);
		touch(p, LEN);
		by_munmap(p);
	}
	cr_expect_eq(stats_of().misses, 10);
	cr_expect_eq(stats_of().hits, 10);
	munmap(p, LEN);
	end();
}

/* ---- threads ---- */

static void *get_there(void *arg)
{
	struct uvdk_regcache_hold *hold = arg;

	return (void *)(intptr_t)uvdk_regcache_get(cache, (void *)(uintptr_t)hold->iova, LEN, hold);
}

Test(regcache, what_a_thread_holds_may_be_put_by_another_after_its_end)
{
	struct uvdk_regcache_hold hold;
	uint8_t *p;
	pthread_t thread;
	void *err;

	make(0, 0, 0);
	p = pages(LEN);
	for (int i = 0; i < 20; i++) {
		hold.iova = (uintptr_t)p;
		cr_assert_eq(pthread_create(&thread, NULL, get_there, &hold), 0);
		pthread_join(thread, &err);
		cr_assert_null(err);
		cr_expect_eq(stats_of().held, 1);
		by_munmap(p);
		touch(p, LEN);
		cr_expect(mapped(hold.iova));
		uvdk_regcache_put(cache, &hold);
		cr_expect(!mapped(hold.iova));
		cr_expect_eq(stats_of().entries, 1);
	}
	munmap(p, LEN);
	end();
}
