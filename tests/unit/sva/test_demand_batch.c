// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>

#include "demand_world.h"

/* Requests are answered by the batch, and each group once. */

static struct demand_world d;
static uint8_t *mem;

#define LEN ((size_t)32 << 20)

static void setup(void)
{
	wraps.closed = true;
	demand_open(&d, UVDK_SVA_NO_FOLLOW);
	mem = new_memory(LEN);
}

TestSuite(sva_demand_batch, .init = setup);

static void ask(unsigned int group, size_t off, bool last)
{
	cr_assert_eq(pri_ask(d.p, d.pasid, group, mem + off, true, last), 0, "group %u", group);
}

static void finish(void)
{
	wraps_release();
	demand_close(&d);
}

Test(sva_demand_batch, many_requests_take_one_answer)
{
	for (unsigned int i = 0; i < 64; i++)
		ask(i, i * (LEN / 64), true);
	wraps_release();
	while (uvdk_sva_poll(d.sva) >= 0 && !d.p->answers[63])
		;
	for (unsigned int i = 0; i < 64; i++) {
		cr_assert(pri_wait(d.p, i, 1));
		cr_assert_eq(d.p->code[i], UVDK_EMU_PAGE_SUCCESS);
		cr_assert(pri_writes(d.p, d.pasid, mem + i * (LEN / 64)));
	}
	cr_assert_eq(wraps.groups, 64);
	cr_assert_eq(wraps.answers, 1);
	finish();
}

Test(sva_demand_batch, a_group_is_answered_once_however_long_it_is)
{
	const unsigned int long_one = 200;

	ask(7, 0, true);
	for (unsigned int i = 0; i < long_one; i++)
		ask(8, i * PAGE, i == long_one - 1);
	ask(9, LEN / 2, true);
	wraps_release();
	for (unsigned int group = 7; group <= 9; group++) {
		cr_assert(pri_wait(d.p, group, 1));
		cr_assert_eq(d.p->code[group], UVDK_EMU_PAGE_SUCCESS);
	}
	cr_assert_eq(info_of(d.sva).faults, long_one + 2);
	for (unsigned int i = 0; i < long_one; i++)
		cr_assert(pri_writes(d.p, d.pasid, mem + i * PAGE));
	finish();
	cr_assert_eq(wraps.groups, 3);
}

Test(sva_demand_batch, a_group_with_a_page_that_is_not_there_is_refused_as_a_whole)
{
	munmap(mem + LEN / 2, PAGE);
	ask(1, 0, false);
	ask(1, LEN / 2, false);
	ask(1, PAGE, true);
	ask(2, 0, true);
	wraps_release();
	cr_assert(pri_wait(d.p, 1, 1));
	cr_assert(pri_wait(d.p, 2, 1));
	cr_assert_eq(d.p->code[1], UVDK_EMU_PAGE_INVALID);
	cr_assert_eq(d.p->code[2], UVDK_EMU_PAGE_SUCCESS);
	cr_assert_eq(info_of(d.sva).refused, 3);
	cr_assert_eq(info_of(d.sva).faults, 1);
	finish();
}

Test(sva_demand_batch, requests_that_wait_at_the_end_are_answered_and_the_device_goes_on)
{
	for (unsigned int i = 0; i < 100; i++)
		ask(i, i * PAGE, true);
	cr_assert_eq(uvdk_sva_unbind(d.sva), 0);
	for (unsigned int i = 0; i < 100; i++) {
		cr_assert(pri_wait(d.p, i, 1));
		cr_assert_neq(d.p->code[i], UVDK_EMU_PAGE_SUCCESS);
	}
	cr_assert_not(pri_writes(d.p, d.pasid, mem));
	world_close(&d.w);
}

/* A request that was read, but whose group goes on, is nobody's any more. */
Test(sva_demand_batch, groups_that_never_end_hold_up_nobody)
{
	uint8_t byte = 0;

	wraps_release();
	for (unsigned int i = 0; i < 20000; i++) {
		int err = pri_ask(d.p, d.pasid, i % 256, mem + i % 64 * PAGE, true, false);

		cr_assert(!err || err == -EAGAIN);
	}
	/* The unit may be full of them for a while; the device asks again. */
	cr_assert_eq(pri_write(d.p, d.pasid, 300, mem, &byte, 1), PRI_DONE);
	cr_assert_eq(info_of(d.sva).pinned, 65536);
	finish();
}

Test(sva_demand_batch, a_queue_that_is_not_to_be_read_keeps_no_cpu_busy)
{
	unsigned int before;

	wraps.read_err = -ENOMEM;
	cr_assert_eq(uvdk_sva_poll(d.sva), -ENOMEM);
	ask(1, 0, true);
	before = wraps.reads;
	for (unsigned int i = 0; i < 1000; i++)
		sched_yield();
	cr_assert_lt(wraps.reads - before, 500);
	wraps.read_err = 0;
	wraps_release();
	cr_assert(pri_wait(d.p, 1, 1));
	cr_assert_eq(d.p->code[1], UVDK_EMU_PAGE_SUCCESS);
	finish();
}

/* A limit that bites is not the end of what fits under it. */
Test(sva_demand_batch, where_not_all_can_be_had_the_page_itself_is)
{
	uint8_t byte = 1;

	wraps_release();
	wraps.map_err = -ENOMEM;
	wraps.map_most = PAGE;
	cr_assert_eq(pri_write(d.p, d.pasid, 1, mem, &byte, 1), PRI_DONE);
	cr_assert_eq(info_of(d.sva).pinned, PAGE);
	wraps.map_most = 0;
	cr_assert_eq(pri_write(d.p, d.pasid, 1, mem + PAGE, &byte, 1), PRI_REFUSED);
	cr_assert_eq(info_of(d.sva).refused, 1);
	wraps.map_err = 0;
	cr_assert_eq(pri_write(d.p, d.pasid, 1, mem + PAGE, &byte, 1), PRI_DONE);
	finish();
}

/* A mapping of which no page can be written by a device, such as of a file on disk. */
Test(sva_demand_batch, what_can_be_pinned_for_reading_only_is_read)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const uint8_t *text = mmap(NULL, 65536, PROT_READ, MAP_SHARED, fd, 0);
	uint8_t byte = 0;

	wraps_release();
	cr_assert_neq(text, MAP_FAILED);
	cr_assert_eq(pri_read(d.p, d.pasid, 1, text + 1, &byte, 1), PRI_DONE);
	cr_assert_eq(byte, 'E');
	cr_assert_eq(pri_write(d.p, d.pasid, 1, (void *)(uintptr_t)text, &byte, 1), PRI_REFUSED);
	close(fd);
	finish();
}
