// SPDX-License-Identifier: BSD-3-Clause
/* Where an IOVA is the virtual address: no page can be in two maps. */
#include "regcache_world.h"

static void make_fixed(void)
{
	const struct uvdk_ioas_opts fixed = {.size = sizeof(fixed), .policy = UVDK_IOVA_VA};
	struct uvdk_ioas *other;

	make(0, 0, 0);
	cr_assert_eq(uvdk_ioas_create(iommu, &fixed, &other), 0);
	uvdk_regcache_destroy(cache);
	uvdk_ioas_destroy(ioas);
	ioas = other;
	cr_assert_eq(uvdk_regcache_create(ioas, NULL, &cache), 0, "%s", uvdk_last_error());
}

static void put(struct uvdk_regcache_hold *hold)
{
	uvdk_regcache_put(cache, hold);
}

Test(regcache_fixed, two_buffers_that_share_a_page_are_held_at_once)
{
	struct uvdk_regcache_hold a, b, again;
	uint8_t *p;

	make_fixed();
	p = pages(LEN);
	a = get_ok(p, 3000);
	b = get_ok(p + 3000, 3000);
	cr_expect_eq(a.iova, (uintptr_t)p);
	cr_expect_eq(b.iova, (uintptr_t)p + 3000);
	cr_expect(mapped((uintptr_t)p) && mapped((uintptr_t)p + PAGE));
	again = get_ok(p, 3000);
	cr_expect_eq(stats_of().misses, 2);
	cr_expect_eq(stats_of().bytes, 2 * PAGE);
	cr_expect_eq(stats_of().entries, 2);
	put(&a);
	put(&again);
	cr_expect(mapped((uintptr_t)p), "the other buffer has part of it");
	put(&b);
	cr_expect_eq(uvdk_regcache_forget(cache, p, LEN), 0);
	cr_expect_eq(fake.maps, 0);
	cr_expect_eq(stats_of().bytes, 0);
	cr_expect_eq(stats_of().entries, 0);
	munmap(p, LEN);
	end();
}

Test(regcache_fixed, what_is_held_grows_at_both_ends)
{
	struct uvdk_regcache_hold a, b;
	uint8_t *p;

	make_fixed();
	p = pages(LEN);
	a = get_ok(p + PAGE, PAGE);
	b = get_ok(p, 3 * PAGE);
	cr_expect_eq(b.iova, (uintptr_t)p);
	cr_expect_eq(stats_of().bytes, 3 * PAGE);
	by_munmap(p);
	uvdk_follow_flush();
	cr_expect_eq(stats_of().lingering, 1);
	put(&a);
	cr_expect_eq(fake.maps, 3);
	put(&b);
	cr_expect_eq(fake.maps, 0, "the last put ends all of it");
	touch(p, LEN);
	munmap(p, LEN);
	end();
}

Test(regcache_fixed, an_unmap_that_fails_half_way_puts_nothing_back_of_what_is_gone)
{
	struct uvdk_regcache_hold a, b;
	unsigned int calls;
	uint8_t *p;

	make_fixed();
	p = pages(LEN);
	a = get_ok(p + PAGE, PAGE);
	b = get_ok(p, 3 * PAGE);
	put(&a);
	put(&b);
	cr_assert_eq(fake.maps, 3);
	calls = fake.map_calls;
	fake.unmap.at = 2;
	fake.unmap.err = -EIO;
	by_munmap(p);
	uvdk_follow_flush();
	cr_expect_eq(fake.map_calls, calls, "it would be of what is there now");
	cr_expect_eq(fake.maps, 2);
	cr_expect_eq(uvdk_regcache_forget(cache, p, LEN), 0);
	cr_expect_eq(fake.maps, 0);
	munmap(p, LEN);
	end();
}

Test(regcache_fixed, what_two_others_hold_has_to_be_put_first)
{
	struct uvdk_regcache_hold a, b, both;
	uint8_t *p;

	make_fixed();
	p = pages(LEN);
	a = get_ok(p, PAGE);
	b = get_ok(p + 2 * PAGE, PAGE);
	cr_expect_eq(uvdk_regcache_get(cache, p, 3 * PAGE, &both), -EBUSY);
	cr_expect(said("put that first"), "%s", uvdk_last_error());
	/* It has cost nobody anything. */
	touch(p + 100, 100);
	touch(p + 2 * PAGE, PAGE);
	cr_expect_eq(stats_of().misses, 2);
	put(&a);
	both = get_ok(p, 3 * PAGE);
	cr_expect_eq(stats_of().bytes, 3 * PAGE);
	put(&b);
	put(&both);
	munmap(p, LEN);
	end();
}

Test(regcache_fixed, memory_that_is_mapped_otherwise_is_refused_and_what_is_held_stays)
{
	struct uvdk_regcache_hold a, b;
	uvdk_iova_t iova;
	uint8_t *p;

	make_fixed();
	p = pages(LEN);
	a = get_ok(p, PAGE);
	cr_assert_eq(uvdk_ioas_map(ioas, p + PAGE, PAGE, UVDK_MAP_RW, &iova), 0);
	cr_expect_eq(uvdk_regcache_get(cache, p, 2 * PAGE, &b), -EEXIST);
	touch(p, PAGE);
	cr_expect_eq(stats_of().misses, 1);
	cr_assert_eq(uvdk_ioas_unmap(ioas, iova, PAGE), 0);
	put(&a);
	munmap(p, LEN);
	end();
}
