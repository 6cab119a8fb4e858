/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef REGCACHE_WORLD_H
#define REGCACHE_WORLD_H

/* Of the running kernel, which has to permit userfaultfd; over a driver that counts maps. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uvdk_follow.h>
#include <uvdk_regcache.h>

#include "../iommu/fake.h"

#define LEN (4 * PAGE)

static struct uvdk_regcache *cache;

static inline void make(unsigned int entries, uint64_t bytes, unsigned int flags)
{
	struct uvdk_regcache_opts opts = {
		.size = sizeof(opts), .max_entries = entries, .max_bytes = bytes, .flags = flags};
	int err;

	alarm(60);
	fake_setup();
	err = uvdk_regcache_create(ioas, &opts, &cache);
	if (err == -EPERM || err == -ENOSYS)
		cr_skip_test("%s; only the VM tests try it", uvdk_last_error());
	cr_assert_eq(err, 0, "%s", uvdk_last_error());
}

static inline void end(void)
{
	struct uvdk_ioas_stats stats;

	uvdk_regcache_destroy(cache);
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.maps, 0);
	cr_expect_eq(fake.wrong_unmaps, 0);
}

static inline uint8_t *pages(size_t len)
{
	static uintptr_t next = UINT64_C(0x2c0000000000);
	void *va =
		mmap((void *)next, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(va, MAP_FAILED);
	next += len + (1 << 20);
	return va;
}

static inline void pages_again(void *va, size_t len)
{
	cr_assert_eq(mmap(va, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
		     va);
}

static inline struct uvdk_regcache_hold get_ok(const void *va, size_t len)
{
	struct uvdk_regcache_hold hold;

	cr_assert_eq(uvdk_regcache_get(cache, va, len, &hold), 0, "%s", uvdk_last_error());
	return hold;
}

static inline uvdk_iova_t touch(const void *va, size_t len)
{
	struct uvdk_regcache_hold hold = get_ok(va, len);

	uvdk_regcache_put(cache, &hold);
	return hold.iova;
}

static inline bool mapped(uvdk_iova_t iova)
{
	struct uvdk_map_info m;

	return !uvdk_ioas_find(ioas, iova, &m);
}

static inline struct uvdk_regcache_stats stats_of(void)
{
	struct uvdk_regcache_stats stats;

	uvdk_regcache_get_stats(cache, &stats);
	return stats;
}

static inline void by_munmap(uint8_t *p)
{
	munmap(p, LEN);
	pages_again(p, LEN);
}

#endif /* REGCACHE_WORLD_H */
