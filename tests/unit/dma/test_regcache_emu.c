// SPDX-License-Identifier: BSD-3-Clause
/* A registration cache on the emulated machine, which pins nothing. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <uvdk_emu.h>
#include <uvdk_follow.h>
#include <uvdk_regcache.h>

#define LEN  ((size_t)8192)
#define COPY (UINT64_C(1) << 32)

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_ioas *ioas;
static struct uvdk_device *dev;
static struct uvdk_region bar;
static struct uvdk_regcache *cache;
static uint32_t tail;

static void attach(const char *spec)
{
	cr_assert_eq(uvdk_device_open(iommu, spec, NULL, &dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	cr_assert_eq(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0, "%s", uvdk_last_error());
}

static void setup(void)
{
	struct uvdk_emu_opts emu_opts = {.size = sizeof(emu_opts)};
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};
	int err;

	alarm(60);
	cr_assert_eq(uvdk_emu_create(&emu_opts, &emu), 0);
	opts.emu = emu;
	cr_assert_eq(uvdk_iommu_open("emu", &opts, &iommu), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	err = uvdk_regcache_create(ioas, NULL, &cache);
	if (err == -EPERM || err == -ENOSYS)
		cr_skip_test("%s; only the VM tests try it", uvdk_last_error());
	cr_assert_eq(err, 0, "%s", uvdk_last_error());
}

static void teardown(void)
{
	uvdk_regcache_destroy(cache);
	uvdk_device_close(dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
}

/* Where nobody else maps: what is given up there stays empty. */
static uint8_t *memory(unsigned int place)
{
	void *at = (void *)(UINT64_C(0x2c0000000000) + place * 2 * LEN);
	uint8_t *p = mmap(at, LEN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	cr_assert_eq(p, at);
	return p;
}

static uint64_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec;
}

/* Returns the status of the copier: 1 is good. */
static uint32_t copy(uvdk_iova_t from, uvdk_iova_t to)
{
	uint64_t slot = 0x10000 + tail % 64 * 64, value = 0, end = now_s() + 30;

	cr_assert_eq(uvdk_region_write(&bar, slot, 8, COPY), 0);
	cr_assert_eq(uvdk_region_write(&bar, slot + 8, 8, from), 0);
	cr_assert_eq(uvdk_region_write(&bar, slot + 16, 8, to), 0);
	cr_assert_eq(uvdk_region_write(&bar, slot + 24, 8, LEN), 0);
	cr_assert_eq(uvdk_region_write(&bar, 0x100, 4, ++tail), 0);
	while (value != tail) {
		cr_assert_lt(now_s(), end, "the copier is stuck");
		sched_yield();
		cr_assert_eq(uvdk_region_read(&bar, 0x104, 4, &value), 0);
	}
	cr_assert_eq(uvdk_region_read(&bar, slot + 32, 4, &value), 0);

	return (uint32_t)value;
}

static struct uvdk_regcache_hold get(const void *p)
{
	struct uvdk_regcache_hold hold;

	cr_assert_eq(uvdk_regcache_get(cache, p, LEN, &hold), 0, "%s", uvdk_last_error());
	return hold;
}

static void put(struct uvdk_regcache_hold *hold)
{
	uvdk_regcache_put(cache, hold);
}

static void nothing_is_left(void)
{
	struct uvdk_ioas_stats stats;

	uvdk_regcache_destroy(cache);
	cache = NULL;
	uvdk_ioas_get_stats(ioas, &stats);
	cr_expect_eq(stats.maps, 0);
}

/* @other: memory that is at the address then, or none. */
static void freed_while_held(bool other)
{
	struct uvdk_regcache_hold from, to;
	uint8_t *p, *q;

	setup();
	attach("emu:copier");
	p = memory(0);
	q = memory(1);
	memset(p, 1, LEN);
	from = get(p);
	to = get(q);
	cr_assert_eq(copy(from.iova, to.iova), 1);
	cr_expect_eq(q[LEN - 1], 1);
	munmap(p, LEN);
	if (other)
		memset(memory(0), 2, LEN);
	uvdk_follow_flush();
	cr_expect_neq(copy(from.iova, to.iova), 1, "the device has reached something");
	cr_expect_eq(q[LEN - 1], 1, "other memory was read");
	put(&from);
	/* Whatever is there now is found, and works. */
	if (other) {
		from = get(p);
		cr_expect_eq(copy(from.iova, to.iova), 1);
		cr_expect_eq(q[0], 2);
		put(&from);
		munmap(p, LEN);
	}
	put(&to);
	munmap(q, LEN);
	nothing_is_left();
	teardown();
}

Test(regcache_emu, memory_that_is_freed_while_it_is_held_is_a_fault_for_the_device)
{
	freed_while_held(false);
}

Test(regcache_emu, other_memory_at_its_address_is_not_reached)
{
	freed_while_held(true);
}

Test(regcache_emu, a_device_that_is_attached_after_it_was_freed_does_not_reach_what_is_there)
{
	struct uvdk_regcache_hold from, to;
	uint8_t *p, *q;

	setup();
	p = memory(0);
	q = memory(1);
	from = get(p);
	to = get(q);
	munmap(p, LEN);
	memset(memory(0), 2, LEN);
	uvdk_follow_flush();
	attach("emu:copier");
	cr_expect_neq(copy(from.iova, to.iova), 1);
	cr_expect_eq(q[0], 0);
	put(&from);
	put(&to);
	munmap(p, LEN);
	munmap(q, LEN);
	nothing_is_left();
	teardown();
}
