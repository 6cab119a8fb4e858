// SPDX-License-Identifier: BSD-3-Clause
#include "demand_world.h"

/* With the library's own follower: what the process does to its memory is enough. */

static struct demand_world d;
static uint8_t *mem;

#define LEN ((size_t)1 << 20)

static void setup(void)
{
	demand_open(&d, 0);
	mem = aligned_memory(4 * LEN) + LEN;
}

TestSuite(sva_demand_really, .init = setup);

static enum pri_result touch(void *at)
{
	uint8_t byte = 0x22;

	return pri_write(d.p, d.pasid, 1, at, &byte, 1);
}

Test(sva_demand_really, what_is_unmapped_is_lost)
{
	cr_assert_eq(touch(mem), PRI_DONE);
	munmap(mem, LEN);
	uvdk_follow_flush();
	cr_assert_eq(info_of(d.sva).pinned, 0);
	cr_assert_eq(info_of(d.sva).lost, 65536);
	cr_assert_not(pri_writes(d.p, d.pasid, mem));
	cr_assert_eq(touch(mem), PRI_REFUSED);
	demand_close(&d);
}

Test(sva_demand_really, what_is_moved_is_reached_where_it_is)
{
	uint8_t *to;

	cr_assert_eq(touch(mem), PRI_DONE);
	to = mremap(mem, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, mem + LEN);
	cr_assert_eq(to, mem + LEN);
	uvdk_follow_flush();
	cr_assert_eq(touch(mem), PRI_REFUSED);
	to[0] = 0;
	cr_assert_eq(touch(to), PRI_DONE);
	cr_assert_eq(to[0], 0x22);
	demand_close(&d);
}

Test(sva_demand_really, what_is_given_up_is_asked_for_anew)
{
	unsigned int before;

	cr_assert_eq(touch(mem + PAGE), PRI_DONE);
	cr_assert_eq(madvise(mem, LEN, MADV_DONTNEED), 0);
	uvdk_follow_flush();
	cr_assert_eq(info_of(d.sva).pinned, 0);
	before = pri_requests(d.p);
	cr_assert_eq(touch(mem), PRI_DONE);
	cr_assert_eq(pri_requests(d.p) - before, 1);
	cr_assert_eq(mem[0], 0x22);
	cr_assert_eq(mem[PAGE], 0);
	demand_close(&d);
}

Test(sva_demand_really, memory_of_the_allocator_comes_and_goes)
{
	for (unsigned int i = 0; i < 80; i++) {
		size_t len = (i % 20 + 1) * 50000;
		uint8_t *block = malloc(len);

		memset(block, (int)i, len);
		cr_assert_eq(pri_copy(d.p, d.pasid, 1, mem, block, len < LEN ? len : LEN),
			     PRI_DONE);
		cr_assert_eq(mem[0], (uint8_t)i);
		cr_assert_eq(mem[(len < LEN ? len : LEN) - 1], (uint8_t)i);
		free(block);
	}
	demand_close(&d);
}
