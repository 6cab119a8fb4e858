// SPDX-License-Identifier: BSD-3-Clause
#include "mapq_world.h"

/* Order, merging and completion of posted maps. */

#define RW   UVDK_MAP_RW
#define JOIN (UVDK_MAP_RW | UVDK_MAPQ_JOIN)

static struct mapq_world w;

static void expect_done(unsigned int n, bool map, uint64_t page, uint64_t pages)
{
	cr_assert_lt(n, w.done_count);
	cr_expect_eq(w.done[n].map, map, "request %u", n);
	cr_expect_eq(w.done[n].first, window_iova(page), "request %u", n);
	cr_expect_eq(w.done[n].last, window_iova(page + pages) - 1, "request %u", n);
	cr_expect_eq(w.done[n].status, 0, "request %u", n);
}

Test(mapq_order, a_map_is_reached_once_its_cookie_completes_and_not_after_its_unmap)
{
	uint64_t cookie;

	window_open(&w, 0);
	cookie = window_map(&w, 5, 9, 1, UVDK_MAP_READ);
	cr_expect_eq(cookie, 1);
	cr_expect_eq(uvdk_mapq_poll(w.q, cookie), -EINPROGRESS, "not kicked");
	cr_expect_not(window_reaches(&w, 5, -1));
	window_kick(&w);
	cr_expect_eq(window_wait(&w, cookie), 0);
	cr_expect(window_reaches(&w, 5, 9));
	cr_expect_eq(w.page[5].flags, UVDK_MAP_READ);

	cookie = window_unmap(&w, 5, 1);
	cr_expect_eq(cookie, 2);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, cookie), 0);
	cr_expect_not(window_reaches(&w, 5, -1));
	cr_expect_eq(uvdk_mapq_completed(w.q), 2);
	cr_expect_eq(uvdk_mapq_poll(w.q, 0), -EINVAL);
	cr_expect_eq(uvdk_mapq_poll(w.q, 3), -EINVAL);
	window_close(&w);
}

Test(mapq_order, maps_of_two_calls_stay_two_and_can_be_unmapped_apart)
{
	window_open(&w, 0);
	for (unsigned int i = 0; i < 8; i++)
		window_map(&w, i, i, 1, RW);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 8), 0);
	cr_expect_eq(w.done_count, 8);
	window_unmap(&w, 3, 1);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 9), 0);
	cr_expect_not(window_reaches(&w, 3, -1));
	cr_expect(window_reaches(&w, 2, 2) && window_reaches(&w, 4, 4));
	window_close(&w);
}

Test(mapq_order, joined_maps_become_one_request_and_one_map)
{
	struct uvdk_mapq_stats stats;
	uint64_t cookie = 77;

	window_open(&w, 0);
	for (unsigned int i = 0; i < 8; i++)
		window_map(&w, 10 + i, 20 + i, 1, JOIN);
	window_map(&w, 18, 40, 1, JOIN);		   /* not contiguous in memory */
	window_map(&w, 30, 41, 1, JOIN);		   /* nor here */
	window_map(&w, 31, 42, 1, JOIN & ~UVDK_MAP_WRITE); /* another access */
	window_kick(&w);
	window_map(&w, 32, 43, 1, JOIN & ~UVDK_MAP_WRITE); /* another batch */
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 12), 0);
	cr_expect_eq(w.done_count, 5);
	expect_done(0, true, 10, 8);
	expect_done(1, true, 18, 1);
	uvdk_mapq_get_stats(w.q, &stats);
	cr_expect_eq(stats.posted, 12);
	cr_expect_eq(stats.merged, 7);
	cr_expect_eq(stats.requests, 5);
	cr_expect_eq(stats.kicks, 2);
	cr_expect_eq(stats.mapped, 12);

	cr_expect_eq(uvdk_mapq_unmap(w.q, window_iova(12), PAGE, &cookie), -EBADE);
	cr_expect_eq(uvdk_mapq_unmap(w.q, window_iova(10), 7 * PAGE, &cookie), -EBADE);
	cr_expect_eq(uvdk_mapq_unmap(w.q, window_iova(17), 2 * PAGE, &cookie), -EBADE);
	cr_expect_eq(cookie, 77);
	window_unmap(&w, 10, 9);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 13), 0);
	expect_done(5, false, 10, 9);
	window_close(&w);
}

Test(mapq_order, neighbouring_unmaps_of_a_batch_become_one_request)
{
	window_open(&w, 0);
	for (unsigned int i = 0; i < 64; i++)
		window_map(&w, i, 100 - i, 1, RW);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 64), 0);
	w.done_count = 0;
	for (unsigned int i = 0; i < 64; i++)
		window_unmap(&w, i, 1);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 128), 0);
	cr_expect_eq(w.done_count, 1);
	expect_done(0, false, 0, 64);
	window_close(&w);
}

Test(mapq_order, memory_in_pieces_is_one_map_of_several_requests)
{
	uint64_t cookie = 0;

	w.scattered = true;
	window_open(&w, 16);
	cr_expect_eq(window_map(&w, 0, 0, 16, RW), 16, "the last cookie");
	cr_expect_eq(uvdk_mapq_map(w.q, window_iova(16), w.mem, 0, PAGE, RW, &cookie), -EAGAIN);
	cr_expect_eq(uvdk_mapq_map(w.q, window_iova(16), w.mem, 0, 17 * PAGE, RW, &cookie),
		     -EINVAL);
	cr_expect(said("17 pieces"), "%s", uvdk_last_error());
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 16), 0);
	cr_expect_eq(w.done_count, 16);
	for (unsigned int i = 0; i < 16; i++)
		cr_expect(window_reaches(&w, i, i));
	cr_expect_eq(uvdk_mapq_unmap(w.q, window_iova(4), PAGE, &cookie), -EBADE,
		     "as it was mapped");
	window_unmap(&w, 0, 16);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 17), 0);
	expect_done(16, false, 0, 16);
	window_close(&w);
}

/* The I/O MMU would take the latest first. */
Test(mapq_order, map_unmap_map_of_one_page_in_one_batch_end_with_the_last)
{
	window_open(&w, 0);
	w.backwards = true;
	window_map(&w, 7, 1, 1, RW);
	window_unmap(&w, 7, 1);
	window_map(&w, 7, 2, 1, RW);
	window_unmap(&w, 7, 1);
	window_map(&w, 7, 3, 1, RW);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 5), 0);
	cr_expect(window_reaches(&w, 7, 3));
	for (unsigned int i = 0; i < 5; i++)
		expect_done(i, i % 2 == 0, 7, 1);
	window_close(&w);
}

Test(mapq_order, an_unmap_of_many_waits_for_a_map_in_the_middle)
{
	window_open(&w, 0);
	window_map(&w, 0, 0, 100, RW);
	window_map(&w, 100, 100, 28, RW);
	window_map(&w, 200, 200, 1, RW);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 3), 0);
	w.backwards = true;
	window_unmap(&w, 100, 28);
	window_map(&w, 100, 50, 28, RW);
	window_unmap(&w, 0, 128);
	window_map(&w, 64, 64, 1, RW);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 7), 0);
	cr_expect(window_reaches(&w, 64, 64));
	cr_expect_not(window_reaches(&w, 63, -1));
	cr_expect_not(window_reaches(&w, 100, -1));
	window_close(&w);
}

/* Maps beside maps under way, in the same 64 pages, are nothing to wait for. */
Test(mapq_order, what_does_not_touch_is_given_at_once)
{
	window_open(&w, 0);
	for (unsigned int i = 0; i < 32; i++)
		window_map(&w, i, i, 1, RW);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 32), 0);
	w.allow = 0;
	for (unsigned int i = 0; i < 32; i++) {
		window_unmap(&w, i, 1);
		window_map(&w, 32 + i, 32 + i, 1, RW);
		window_kick(&w);
	}
	cr_expect_eq(w.kicked, 64);
	w.allow = WINDOW_ALL;
	cr_expect_eq(window_wait(&w, 96), 0);
	window_close(&w);
}

Test(mapq_order, cookies_complete_in_order_though_requests_do_not)
{
	window_open(&w, 0);
	w.backwards = true;
	w.allow = 3;
	for (unsigned int i = 0; i < 4; i++)
		window_map(&w, 2 * i, i, 1, RW);
	window_kick(&w);
	for (unsigned int i = 1; i <= 4; i++)
		cr_expect_eq(uvdk_mapq_poll(w.q, i), -EINPROGRESS);
	cr_expect_eq(w.done_count, 3);
	cr_expect_eq(uvdk_mapq_completed(w.q), 0);
	w.allow = 1;
	cr_expect_eq(uvdk_mapq_poll(w.q, 1), 0);
	cr_expect_eq(uvdk_mapq_poll(w.q, 4), 0);
	w.allow = WINDOW_ALL;
	window_close(&w);
}

Test(mapq_order, a_full_queue_says_so_and_a_full_ring_is_filled_by_and_by)
{
	uint64_t cookie = 77;

	window_open(&w, 8);
	w.room = 3;
	w.allow = 0;
	for (unsigned int i = 0; i < 8; i++)
		window_map(&w, 2 * i, i, 1, RW);
	cr_expect_eq(uvdk_mapq_map(w.q, window_iova(100), w.mem, 0, PAGE, RW, &cookie), -EAGAIN);
	window_kick(&w);
	cr_expect_eq(uvdk_mapq_map(w.q, window_iova(100), w.mem, 0, PAGE, RW, &cookie), -EAGAIN);
	cr_expect_eq(uvdk_mapq_unmap(w.q, window_iova(0), PAGE, &cookie), -EAGAIN);
	cr_expect_eq(cookie, 77);
	cr_expect_eq(w.count, 3);
	w.allow = WINDOW_ALL;
	cr_expect_eq(window_wait(&w, 8), 0);
	cr_expect_eq(window_map(&w, 100, 0, 1, RW), 9);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 9), 0);
	cr_expect_eq(w.done_count, 9);
	window_close(&w);
}

/* The one before it is at the other end of the memory. */
Test(mapq_order, nothing_is_added_to_a_request_where_the_ring_begins_anew)
{
	window_open(&w, 8);
	for (unsigned int i = 0; i < 7; i++)
		window_map(&w, i, i, 1, JOIN & (i % 2 ? ~UVDK_MAP_WRITE : ~0u));
	window_kick(&w);
	window_map(&w, 50, 50, 1, JOIN);
	cr_expect_eq(window_wait(&w, 7), 0);
	window_map(&w, 51, 51, 1, JOIN);
	window_map(&w, 52, 52, 1, JOIN);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 10), 0);
	expect_done(7, true, 50, 1);
	expect_done(8, true, 51, 2);
	window_close(&w);
}

Test(mapq_order, rings_wrap)
{
	uint64_t cookie = 0;

	window_open(&w, 16);
	w.shuffle = 1;
	w.room = 5;
	for (unsigned int batch = 1; batch < 200; batch++) {
		unsigned int n = batch % 15 + 1;

		for (unsigned int i = 0; i < n; i++)
			cookie = window_map(&w, 2 * i, i, 1, RW);
		window_kick(&w);
		for (unsigned int i = 0; i < n; i++) {
			uint64_t got;

			while (uvdk_mapq_unmap(w.q, window_iova(2 * i), PAGE, &got) == -EAGAIN)
				uvdk_mapq_completed(w.q);
			cr_assert_eq(got, ++cookie);
		}
		window_kick(&w);
		cr_assert_eq(window_wait(&w, cookie), 0);
	}
	window_close(&w);
}
