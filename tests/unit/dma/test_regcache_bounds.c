// SPDX-License-Identifier: BSD-3-Clause
#include "regcache_world.h"

Test(regcache_bounds, it_stays_within_its_limits)
{
	uint8_t *p;

	make(8, 10 * PAGE, 0);
	p = pages(64 * PAGE);
	for (int i = 0; i < 64; i += 2) {
		touch(p + i * PAGE, PAGE);
		cr_expect_leq(stats_of().entries, 8);
	}
	cr_expect_eq(stats_of().evictions, 24);
	for (int i = 0; i < 60; i += 4) {
		touch(p + i * PAGE, 3 * PAGE);
		cr_expect_leq(stats_of().bytes, 10 * PAGE);
	}
	munmap(p, 64 * PAGE);
	end();
}

Test(regcache_bounds, what_is_held_is_never_evicted)
{
	struct uvdk_regcache_hold holds[8], more;
	uint8_t *p;

	make(8, 0, 0);
	p = pages(64 * PAGE);
	for (int i = 0; i < 4; i++)
		holds[i] = get_ok(p + 2 * i * PAGE, PAGE);
	for (int i = 10; i < 60; i += 2)
		touch(p + i * PAGE, PAGE);
	for (int i = 0; i < 4; i++)
		cr_expect(mapped(holds[i].iova));
	for (int i = 4; i < 8; i++)
		holds[i] = get_ok(p + 2 * i * PAGE, PAGE);
	cr_expect_eq(uvdk_regcache_get(cache, p + 40 * PAGE, PAGE, &more), -ENOSPC);
	cr_expect_eq(stats_of().refused, 1);
	for (int i = 0; i < 8; i++) {
		cr_expect(mapped(holds[i].iova));
		uvdk_regcache_put(cache, &holds[i]);
	}
	touch(p + 40 * PAGE, PAGE);
	cr_expect_eq(stats_of().held, 0);
	munmap(p, 64 * PAGE);
	end();
}

Test(regcache_bounds, what_is_used_stays_longer_than_what_is_not)
{
	uint8_t *p;

	make(8, 0, 0);
	p = pages(256 * PAGE);
	for (int i = 2; i < 256; i += 2) {
		touch(p, PAGE);
		touch(p + i * PAGE, PAGE);
	}
	cr_expect_lt(stats_of().misses, 127 + 32, "the one in use was mapped again and again");
	munmap(p, 256 * PAGE);
	end();
}

Test(regcache_bounds, a_buffer_that_is_larger_than_the_cache_is_refused)
{
	struct uvdk_regcache_hold hold;
	uint8_t *p;

	make(0, 4 * PAGE, 0);
	p = pages(8 * PAGE);
	cr_expect_eq(uvdk_regcache_get(cache, p, 5 * PAGE, &hold), -ENOSPC);
	cr_expect_eq(uvdk_regcache_get(cache, p, 0, &hold), -EINVAL);
	cr_expect_eq(uvdk_regcache_get(cache, p, SIZE_MAX, &hold), -EINVAL);
	touch(p, 4 * PAGE);
	munmap(p, 8 * PAGE);
	end();
}

Test(regcache_bounds, more_caches_than_threads_have_places_for)
{
	struct uvdk_regcache *caches[20];
	struct uvdk_regcache_hold hold;
	uint8_t *p;

	make(0, 0, 0);
	p = pages(LEN);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 20; i++) {
			cr_assert_eq(uvdk_regcache_create(ioas, NULL, &caches[i]), 0);
			for (int n = 0; n < 3; n++) {
				cr_assert_eq(uvdk_regcache_get(caches[i], p, LEN, &hold), 0);
				uvdk_regcache_put(caches[i], &hold);
			}
		}
		cr_expect_eq(fake.maps, 20);
		for (int i = 0; i < 20; i++)
			uvdk_regcache_destroy(caches[i]);
		cr_expect_eq(fake.maps, 0);
	}
	munmap(p, LEN);
	end();
}

/* ---- a driver that does not unmap ---- */

static void fail_unmap(unsigned int at)
{
	fake.unmap.at = at;
	fake.unmap.err = -EIO;
}

Test(regcache_bounds, what_can_not_be_forgotten_is_not_said_to_be)
{
	uvdk_iova_t iova;
	uint8_t *p;

	make(0, 0, UVDK_REGCACHE_NO_FOLLOW);
	p = pages(LEN);
	iova = touch(p, LEN);
	fail_unmap(1);
	cr_expect_eq(uvdk_regcache_forget(cache, p, LEN), -EIO);
	cr_expect(mapped(iova));
	fail_unmap(1);
	cr_expect_eq(uvdk_regcache_forget(cache, p, LEN), -EIO, "still not");
	cr_expect(mapped(iova));
	cr_expect_eq(uvdk_regcache_forget(cache, p, LEN), 0, "%s", uvdk_last_error());
	cr_expect(!mapped(iova));
	munmap(p, LEN);
	end();
}

Test(regcache_bounds, one_failure_does_not_cost_all_the_others)
{
	struct uvdk_regcache_hold hold;
	unsigned int calls;
	uint8_t *p;

	make(8, 0, 0);
	p = pages(64 * PAGE);
	for (int i = 0; i < 8; i++)
		touch(p + 2 * i * PAGE, PAGE);
	fail_unmap(1);
	cr_expect_eq(uvdk_regcache_get(cache, p + 40 * PAGE, PAGE, &hold), -EIO);
	cr_expect_eq(stats_of().entries, 8);
	cr_expect_eq(stats_of().evictions, 0);
	cr_expect_eq(stats_of().lingering, 1);
	/* That one goes before any that can be found. */
	calls = fake.unmap_calls;
	touch(p + 40 * PAGE, PAGE);
	cr_expect_eq(fake.unmap_calls, calls + 1);
	cr_expect_eq(stats_of().lingering, 0);
	cr_expect_eq(stats_of().evictions, 0);
	munmap(p, 64 * PAGE);
	end();
}
