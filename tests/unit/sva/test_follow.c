// SPDX-License-Identifier: BSD-3-Clause
#include "../../sanitizer.h"
#include "sva_world.h"

/* What the application gives up without a word is lost to the device. */

#define FIXED ((void *)UINT64_C(0x200000000000))
#define LEN   (16 * PAGE)

static struct world w;
static struct uvdk_sva *sva;
static uint8_t *mem, *other;

static void setup(void)
{
	struct uvdk_sva_opts opts;
	int err;

	world_open(&w, true);
	opts = with_pasid(&w, 0);
	err = uvdk_sva_bind(w.dev, &opts, &sva);
	if (err == -EPERM)
		cr_skip_test("userfaultfd is not permitted here");
	cr_assert_eq(err, 0, "%s", uvdk_last_error());
	other = new_memory(PAGE);
	share_ok(sva, other, PAGE);
	mem = mmap(FIXED, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0);
	cr_assert_eq(mem, FIXED);
	share_ok(sva, mem, LEN);
}

static void teardown(void)
{
	world_close(&w);
	munmap(mem, LEN);
	munmap(other, PAGE);
}

static void finish(uint64_t lost)
{
	cr_assert_eq(info_of(sva).lost, lost);
	cr_assert_eq(info_of(sva).shared, LEN + PAGE - lost);
	cr_assert_eq(info_of(sva).pinned, LEN + PAGE - lost);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	cr_assert_eq(held(&w), 0);
}

TestSuite(sva_follow, .init = setup, .fini = teardown);

/* As any call that shares does: what has happened before has been told then. */
static void settle(void)
{
	share_ok(sva, other, 1);
}

/* Other memory at the same address, filled. */
static void reuse(uint8_t *at, size_t len)
{
	cr_assert_eq(mmap(at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			  -1, 0),
		     at);
	memset(at, 0x77, len);
}

static void assert_lost(uint8_t *at, size_t len)
{
	memset(other, 0x5a, PAGE);
	for (size_t i = 0; i < len; i += PAGE) {
		cr_assert_eq(sva_copy(&w, sva, at + i, other, 8), NOT_READ);
		cr_assert_eq(sva_copy(&w, sva, other, at + i, 8), NOT_WRITTEN);
	}
}

static void assert_reached(uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE) {
		cr_assert_eq(sva_copy(&w, sva, at + i, other, 8), COPIED);
		cr_assert_eq(sva_copy(&w, sva, other, at + i, 8), COPIED);
	}
}

static void assert_filled(const uint8_t *at, size_t len, int with)
{
	for (size_t i = 0; i < len; i++)
		cr_assert_eq(at[i], with);
}

Test(sva_follow, unmapped_memory_faults_also_when_it_is_another_allocation)
{
	munmap(mem, LEN);
	reuse(mem, LEN);
	settle();
	assert_lost(mem, LEN);
	assert_filled(mem, LEN, 0x77);
	finish(LEN);
}

Test(sva_follow, what_is_freed_by_the_allocator_is_lost)
{
	struct uvdk_sva_opts opts = with_pasid(&w, 0);
	size_t len = 4 << 20;
#if SANITIZER_ADDRESS
	cr_skip_test("this allocator keeps what is freed");
#endif
	uint8_t *block = malloc(len); /* of a mapping of its own */
	struct uvdk_sva *second = bind_ok(&w, &opts);

	memset(block, 1, len);
	share_ok(sva, block, len);
	share_ok(second, block, len);
	cr_assert_eq(sva_copy(&w, sva, block, other, 8), COPIED);
	free(block);
	settle();
	cr_assert_eq(sva_copy(&w, sva, block + PAGE, other, 8), NOT_READ);
	cr_assert_eq(copy(&w, uvdk_sva_pasid(second), block + PAGE, other, 8), NOT_READ);
	cr_assert_geq(info_of(second).lost, len);
	cr_assert_eq(uvdk_sva_unbind(second), 0);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
}

Test(sva_follow, of_a_piece_unmapped_in_part_the_rest_stays)
{
	munmap(mem + 4 * PAGE, 4 * PAGE);
	reuse(mem + 4 * PAGE, 4 * PAGE);
	settle();
	assert_lost(mem + 4 * PAGE, 4 * PAGE);
	assert_filled(mem + 4 * PAGE, 4 * PAGE, 0x77);
	assert_reached(mem, 4 * PAGE);
	assert_reached(mem + 8 * PAGE, 8 * PAGE);
	finish(4 * PAGE);
}

Test(sva_follow, pages_given_up_are_lost_and_can_be_shared_again)
{
	memset(mem, 0x11, LEN);
	cr_assert_eq(madvise(mem, 2 * PAGE, MADV_DONTNEED), 0);
	settle();
	assert_lost(mem, 2 * PAGE);
	assert_filled(mem, 2 * PAGE, 0);
	assert_reached(mem + 2 * PAGE, LEN - 2 * PAGE);
	finish(2 * PAGE);
}

Test(sva_follow, what_is_moved_away_is_lost_where_it_was)
{
	uint8_t *to;

	memset(mem, 0x11, LEN);
	to = mremap(mem, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, mem + 2 * LEN);
	cr_assert_eq(to, mem + 2 * LEN);
	reuse(mem, LEN);
	settle();
	assert_lost(mem, LEN);
	assert_filled(mem, LEN, 0x77);
	assert_filled(to, LEN, 0x11);
	finish(LEN);
	munmap(to, LEN);
}

Test(sva_follow, another_mapping_put_over_it_is_not_reached)
{
	reuse(mem + PAGE, 2 * PAGE);
	settle();
	assert_lost(mem + PAGE, 2 * PAGE);
	assert_filled(mem + PAGE, 2 * PAGE, 0x77);
	share_ok(sva, mem, LEN);
	assert_reached(mem, LEN);
	cr_assert_eq(info_of(sva).lost, 2 * PAGE);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
}

Test(sva_follow, it_is_said_what_is_followed)
{
	unsigned int follows = info_of(sva).follows;

	cr_assert_eq(follows & (UVDK_SVA_FOLLOW_UNMAP | UVDK_SVA_FOLLOW_REMOVE),
		     UVDK_SVA_FOLLOW_UNMAP | UVDK_SVA_FOLLOW_REMOVE);
	cr_assert_not(follows & UVDK_SVA_FOLLOW_PROTECT);
	finish(0);
}
