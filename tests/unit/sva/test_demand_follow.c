// SPDX-License-Identifier: BSD-3-Clause
#include <semaphore.h>

#include "demand_world.h"

/* What the process gives up, and when the device hears of it. The follower is the test's. */

static struct demand_world d;
static uint8_t *mem;

#define LEN ((size_t)1 << 20)

static void setup(void)
{
	demand_open(&d, 0);
	/* Amid other memory, so that no stack is put where it was. */
	mem = aligned_memory(4 * LEN) + LEN;
}

TestSuite(sva_demand_follow, .init = setup);

static void gone_by(void *at, size_t len, enum uvdk_follow_why why)
{
	wraps.follower->gone(wraps.follower, (uintptr_t)at, (uintptr_t)at + len - 1, why);
}

static void gone(void *at, size_t len)
{
	gone_by(at, len, UVDK_FOLLOW_UNMAP);
}

static enum pri_result touch(void *at)
{
	uint8_t byte = 0x22;

	return pri_write(d.p, d.pasid, 1, at, &byte, 1);
}

Test(sva_demand_follow, what_is_mapped_is_followed)
{
	cr_assert_eq(touch(mem + LEN / 2), PRI_DONE);
	cr_assert_geq(wraps.follows, 1);
	cr_assert_leq(wraps.follow_first, (uintptr_t)mem + LEN / 2);
	cr_assert_geq(wraps.follow_last, (uintptr_t)mem + LEN / 2 + 65535);
	munmap(mem, LEN);
	gone(mem, LEN);
	cr_assert_eq(info_of(d.sva).pinned, 0);
	cr_assert_eq(info_of(d.sva).lost, 65536);
	cr_assert_eq(touch(mem), PRI_REFUSED);
	demand_close(&d);
}

Test(sva_demand_follow, what_can_not_be_followed_is_refused)
{
	wraps.follow_err = -EOPNOTSUPP;
	cr_assert_eq(touch(mem), PRI_REFUSED);
	cr_assert_eq(touch(mem), PRI_REFUSED);
	cr_assert_eq(info_of(d.sva).pinned, 0);
	cr_assert_eq(info_of(d.sva).refused, 2);
	wraps.follow_err = 0;
	cr_assert_eq(touch(mem), PRI_DONE);
	demand_close(&d);
}

/* The event of an unmap is handled when something new is there, and has been mapped. */
Test(sva_demand_follow, news_of_what_was_there_before_cost_a_request_and_no_more)
{
	unsigned int before;

	cr_assert_eq(touch(mem), PRI_DONE);
	munmap(mem, LEN);
	cr_assert_eq(mmap(mem, LEN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
		     mem);
	cr_assert_eq(touch(mem + LEN / 2), PRI_DONE);
	before = pri_requests(d.p);
	gone(mem, LEN);
	cr_assert_eq(info_of(d.sva).pinned, 0);
	cr_assert_eq(touch(mem + LEN / 2), PRI_DONE);
	cr_assert_eq(pri_requests(d.p) - before, 1);
	cr_assert_eq(mem[LEN / 2], 0x22);
	demand_close(&d);
}

static pthread_t teller;
static sem_t tell_now;
static bool told;

static void *tell(void *arg)
{
	(void)arg;
	while (sem_wait(&tell_now))
		;
	gone(mem, LEN);
	__atomic_store_n(&told, true, __ATOMIC_RELEASE);
	return NULL;
}

static void race(void (*with)(void))
{
	sem_init(&tell_now, 0, 0);
	cr_assert_eq(pthread_create(&teller, NULL, tell, NULL), 0);
	wraps.following = with;
}

/* In the middle of a request: what was looked up is not there any more. */
static void vanish(void)
{
	wraps.following = NULL;
	munmap(mem, LEN);
	sem_post(&tell_now);
	/* Long enough for the news to overtake the request, if they could. */
	for (unsigned int i = 0; i < 5000 && !__atomic_load_n(&told, __ATOMIC_ACQUIRE); i++)
		sched_yield();
}

static void be_replaced(void)
{
	vanish();
	mmap(mem, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void become_readable(void)
{
	vanish();
	mmap(mem, LEN, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

Test(sva_demand_follow, what_is_unmapped_while_it_is_mapped_does_not_stay)
{
	race(vanish);
	cr_assert_eq(touch(mem), PRI_REFUSED);
	pthread_join(teller, NULL);
	cr_assert_eq(info_of(d.sva).pinned, 0);
	cr_assert_not(pri_reads(d.p, d.pasid, mem));
	demand_close(&d);
}

Test(sva_demand_follow, what_is_replaced_while_it_is_mapped_is_told_after_it)
{
	race(be_replaced);
	cr_assert_eq(touch(mem), PRI_DONE);
	pthread_join(teller, NULL);
	cr_assert_eq(info_of(d.sva).lost, 65536, "the news came last");
	cr_assert_eq(touch(mem + PAGE), PRI_DONE);
	cr_assert_eq(mem[PAGE], 0x22);
	demand_close(&d);
}

Test(sva_demand_follow, what_becomes_readable_while_it_is_mapped_is_not_written)
{
	race(become_readable);
	cr_assert_eq(touch(mem), PRI_REFUSED);
	pthread_join(teller, NULL);
	cr_assert_not(pri_writes(d.p, d.pasid, mem));
	cr_assert_eq(mem[0], 0);
	demand_close(&d);
}

/*
 * The kernel tells of MADV_DONTNEED before it takes pages away. What was told of here is
 * never taken away, so that it can be seen whether read-ahead had it.
 */
Test(sva_demand_follow, what_is_just_being_given_up_is_not_read_ahead)
{
	uint8_t *given_up = mem + 65536 + 5 * PAGE;

	cr_assert_eq(touch(given_up), PRI_DONE);
	gone_by(given_up, 2 * PAGE, UVDK_FOLLOW_REMOVE);
	cr_assert_eq(touch(given_up - PAGE), PRI_DONE);
	cr_assert_eq(touch(given_up + 2 * PAGE), PRI_DONE);
	cr_assert_eq(info_of(d.sva).pinned, 65536 - 2 * PAGE);
	cr_assert_eq(touch(given_up), PRI_DONE, "but if it is touched");
	cr_assert_eq(info_of(d.sva).pinned, 65536 - PAGE);
	/* Not for ever, and not because of what is far away. */
	gone_by(mem, PAGE, UVDK_FOLLOW_REMOVE);
	cr_assert_eq(touch(mem + 8 * 65536), PRI_DONE);
	cr_assert_eq(info_of(d.sva).pinned, 2 * 65536 - PAGE);
	for (time_t end = time(NULL) + 30; time(NULL) < end;) {
		cr_assert_eq(touch(mem + PAGE), PRI_DONE);
		if (info_of(d.sva).pinned == 3 * 65536 - PAGE)
			break;
		cr_assert_eq(uvdk_sva_forget(d.sva, mem + PAGE, PAGE), 0);
	}
	cr_assert_eq(info_of(d.sva).pinned, 3 * 65536 - PAGE);
	demand_close(&d);
}
