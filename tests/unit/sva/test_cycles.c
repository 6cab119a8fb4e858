// SPDX-License-Identifier: BSD-3-Clause
#include <malloc.h>

#include "sva_world.h"

/* A thousand times, with the device busy in a thread of its own. */

#define CYCLES 1000
#define LEN    (8 * PAGE)

static struct world w;

static unsigned int fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	cr_assert_not_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Ten seconds at most. */
static void wait_head(uint32_t head)
{
	uint64_t end = now_ns() + UINT64_C(10000000000);

	while ((int32_t)((uint32_t)reg_read(&w, 0x104) - head) < 0) {
		cr_assert(now_ns() < end, "the device is stuck");
		sched_yield();
	}
}

static void cycle(const struct uvdk_sva_opts *opts, uint8_t *from, uint8_t *to)
{
	struct uvdk_sva *sva = bind_ok(&w, opts);

	share_ok(sva, from, LEN);
	share_ok(sva, to, LEN);
	wait_head(w.tail - 60);
	for (int i = 0; i < 4; i++)
		submit(&w, uvdk_sva_pasid(sva), from, to, LEN);
	wait_head(w.tail - 2);
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	/* From here on nothing arrives. */
	memset(to, 0x66, LEN);
	wait_head(w.tail);
	for (size_t i = 0; i < LEN; i++)
		cr_assert_eq(to[i], 0x66);
}

static void cycles(unsigned int flags)
{
	struct uvdk_sva_opts opts;
	uint8_t *from = new_memory(LEN), *to = new_memory(LEN);
	unsigned int before;
	size_t used;

	world_open(&w, false);
	opts = flags & UVDK_SVA_RID ? with_rid(flags) : with_pasid(&w, flags);
	memset(from, 0x55, LEN);
	for (int i = 0; i < 10; i++)
		cycle(&opts, from, to);
	before = fds();
	used = mallinfo2().uordblks;
	for (int i = 0; i < CYCLES; i++)
		cycle(&opts, from, to);
	cr_assert_eq(fds(), before);
	cr_assert_leq(mallinfo2().uordblks, used + 4096);
	cr_assert_eq(held(&w), 0);
	cr_assert_eq(uvdk_emu_stales(w.emu, NULL, 0), 0);
	world_close(&w);
	munmap(from, LEN);
	munmap(to, LEN);
}

Test(sva_cycles, with_a_pasid_nothing_is_left)
{
	cycles(UVDK_SVA_NO_FOLLOW);
}

Test(sva_cycles, without_a_pasid_nothing_is_left)
{
	cycles(UVDK_SVA_NO_FOLLOW | UVDK_SVA_RID);
}

Test(sva_cycles, nothing_is_left_of_following)
{
	struct uvdk_sva_opts opts;
	struct uvdk_sva *sva;

	world_open(&w, false);
	opts = with_pasid(&w, 0);
	if (uvdk_sva_bind(w.dev, &opts, &sva) == -EPERM)
		cr_skip_test("userfaultfd is not permitted here");
	uvdk_sva_unbind(sva);
	world_close(&w);
	cycles(0);
}
