// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "mapq_world.h"

/* What goes wrong, and what must not be reused because of it. */

#define RW UVDK_MAP_RW

static struct mapq_world w;
static unsigned int freed;

static void count(struct uvdk_inval_node *node)
{
	(void)node;
	freed++;
}

static struct uvdk_inval_node node[8] = {{count}, {count}, {count}, {count},
					 {count}, {count}, {count}, {count}};

static void mapped(uint64_t page, uint64_t pages)
{
	uint64_t cookie = 0;

	for (uint64_t i = page; i < page + pages; i++)
		cookie = window_map(&w, i, i, 1, RW);
	window_kick(&w);
	cr_assert_eq(window_wait(&w, cookie), 0);
}

Test(mapq_errors, quarantine_ends_when_the_unmap_completes)
{
	window_open(&w, 0);
	mapped(0, 2);
	w.allow = 0;
	cr_expect_eq(uvdk_mapq_defer(w.q, &node[0], window_unmap(&w, 0, 1)), 0);
	window_kick(&w);
	for (unsigned int i = 0; i < 100; i++)
		cr_expect_eq(uvdk_mapq_poll(w.q, 3), -EINPROGRESS);
	cr_expect_eq(freed, 0);
	w.allow = WINDOW_ALL;
	cr_expect_eq(window_wait(&w, 3), 0);
	cr_expect_eq(freed, 1);
	cr_expect_eq(uvdk_mapq_defer(w.q, &node[0], 99), -EINVAL);
	window_close(&w);
}

Test(mapq_errors, a_refused_request_fails_with_its_neighbours_and_the_others_go_on)
{
	struct uvdk_mapq_error error;

	window_open(&w, 0);
	mapped(0, 8);
	w.refuse = window_iova(2);
	window_unmap(&w, 0, 1);		     /* 9 */
	for (unsigned int i = 2; i < 5; i++) /* 10 to 12: one request */
		uvdk_mapq_defer(w.q, &node[i], window_unmap(&w, i, 1));
	uvdk_mapq_defer(w.q, &node[6], window_unmap(&w, 6, 1)); /* 13 */
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 13), 0);
	cr_expect_eq(uvdk_mapq_poll(w.q, 9), 0);
	for (uint64_t i = 10; i <= 12; i++)
		cr_expect_eq(uvdk_mapq_poll(w.q, i), -EIO);
	cr_expect_eq(uvdk_mapq_completed(w.q), 9);
	cr_expect_eq(freed, 1);
	cr_expect_eq(uvdk_mapq_get_error(w.q, 9, &error), -ENOENT);
	cr_assert_eq(uvdk_mapq_get_error(w.q, 11, &error), 0);
	cr_expect(error.iova == window_iova(2) && error.len == 3 * PAGE && !error.map);
	cr_expect(error.first == 10 && error.last == 12 && error.err == -EIO);

	/* It is there still: nothing else is mapped there, and it can be unmapped again. */
	cr_expect(window_reaches(&w, 3, 3));
	w.refuse = WINDOW_NEVER;
	cr_expect_eq(uvdk_mapq_map(w.q, window_iova(3), w.mem, 0, PAGE, RW, &error.first), -EEXIST);
	window_unmap(&w, 2, 3);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 14), 0);
	cr_expect_not(window_reaches(&w, 3, -1));
	cr_expect_eq(freed, 1);
	uvdk_mapq_settle(w.q);
	cr_expect_eq(freed, 4);
	cr_expect_eq(uvdk_mapq_completed(w.q), 14);
	mapped(2, 3);
	window_close(&w);
}

Test(mapq_errors, a_refused_map_is_unmapped_before_another)
{
	uint64_t cookie;

	window_open(&w, 0);
	w.refuse = window_iova(4);
	window_map(&w, 4, 4, 2, RW);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 1), -EIO);
	cr_expect_eq(uvdk_mapq_map(w.q, window_iova(5), w.mem, 0, PAGE, RW, &cookie), -EEXIST);
	w.refuse = WINDOW_NEVER;
	window_unmap(&w, 4, 1);
	window_unmap(&w, 5, 1);
	uvdk_mapq_settle(w.q);
	window_map(&w, 5, 5, 1, RW);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 4), 0);
	cr_expect(window_reaches(&w, 5, 5));
	window_close(&w);
}

/* What was posted meanwhile stands for the page, not what failed before it. */
Test(mapq_errors, a_failure_leaves_alone_what_was_posted_since)
{
	struct uvdk_mapq_stats stats;

	window_open(&w, 0);
	w.refuse = window_iova(4);
	w.allow = 1;
	window_map(&w, 4, 4, 1, RW);
	window_unmap(&w, 4, 1);
	window_map(&w, 4, 5, 1, RW);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 1), -EIO);
	w.refuse = WINDOW_NEVER;
	w.allow = WINDOW_ALL;
	cr_expect_eq(window_wait(&w, 3), 0);
	cr_expect(window_reaches(&w, 4, 5));
	uvdk_mapq_settle(w.q);
	uvdk_mapq_get_stats(w.q, &stats);
	cr_expect_eq(stats.mapped, 1);
	window_unmap(&w, 4, 1);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 4), 0);
	cr_expect_eq(uvdk_mapq_unpin(w.q, w.mem), 0);
	window_close(&w);
}

Test(mapq_errors, memory_is_busy_while_it_is_mapped_or_its_unmap_is_under_way)
{
	window_open(&w, 0);
	mapped(3, 1);
	cr_expect_eq(uvdk_mapq_unpin(w.q, w.mem), -EBUSY);
	w.allow = 0;
	window_unmap(&w, 3, 1);
	cr_expect_eq(uvdk_mapq_unpin(w.q, w.mem), -EBUSY, "posted");
	window_kick(&w);
	cr_expect_eq(uvdk_mapq_unpin(w.q, w.mem), -EBUSY, "under way");
	w.allow = WINDOW_ALL;
	cr_expect_eq(uvdk_mapq_unpin(w.q, w.mem), 0);
	cr_expect_eq(w.pins, 0);
	window_close(&w);
}

Test(mapq_errors, memory_whose_unmap_failed_is_busy_until_that_is_settled)
{
	window_open(&w, 0);
	mapped(3, 2);
	w.refuse = window_iova(3);
	window_unmap(&w, 3, 1);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 3), -EIO);
	w.refuse = WINDOW_NEVER;
	window_unmap(&w, 4, 1);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 4), 0);
	cr_expect_eq(uvdk_mapq_unpin(w.q, w.mem), -EBUSY);
	window_unmap(&w, 3, 1);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 5), 0);
	cr_expect_eq(uvdk_mapq_unpin(w.q, w.mem), -EBUSY);
	uvdk_mapq_settle(w.q);
	cr_expect_eq(uvdk_mapq_unpin(w.q, w.mem), 0);
	window_close(&w);
}

static void expect_over(uint64_t last)
{
	struct uvdk_mapq_error error;
	uint64_t cookie = 77;

	for (uint64_t i = 3; i <= last; i++)
		cr_expect_eq(uvdk_mapq_poll(w.q, i), -ENODEV);
	cr_expect_eq(uvdk_mapq_poll(w.q, 1), 0);
	cr_expect_eq(uvdk_mapq_kick(w.q), -ENODEV);
	cr_expect_eq(uvdk_mapq_map(w.q, window_iova(9), w.mem, 0, PAGE, RW, &cookie), -ENODEV);
	cr_expect_eq(uvdk_mapq_unmap(w.q, window_iova(1), PAGE, &cookie), -ENODEV);
	cr_expect_eq(cookie, 77);
	cr_assert_eq(uvdk_mapq_get_error(w.q, last, &error), 0);
	cr_expect(error.first == 3 && error.last == last && error.err == -ENODEV);
	cr_expect_eq(freed, 0);
	cr_expect_eq(uvdk_mapq_unpin(w.q, w.mem), -EBUSY);
	uvdk_mapq_settle(w.q);
	cr_expect_eq(freed, 1);
	cr_expect_eq(uvdk_mapq_unpin(w.q, w.mem), 0);
}

static void outstanding(void)
{
	window_open(&w, 0);
	mapped(0, 2);
	w.allow = 0;
	uvdk_mapq_defer(w.q, &node[0], window_unmap(&w, 0, 1));
	window_kick(&w);
	window_map(&w, 0, 0, 1, RW);
}

Test(mapq_errors, an_iommu_that_vanishes_fails_all_that_is_outstanding)
{
	outstanding();
	w.dead = true;
	expect_over(4);
	window_close(&w);
}

Test(mapq_errors, so_does_the_last_detach)
{
	outstanding();
	uvdk_ioas_detach(ioas, w.dev);
	w.count = w.kicked = 0; /* the driver has seen to it */
	w.dead = true;
	expect_over(4);
	window_close(&w);
}

Test(mapq_errors, the_last_of_two_detaches)
{
	struct uvdk_device *other;

	window_open(&w, 0);
	other = fake_device_named("fake:1");
	cr_assert_eq(uvdk_ioas_attach(ioas, other), 0);
	uvdk_ioas_detach(ioas, w.dev);
	mapped(0, 1);
	cr_assert_eq(uvdk_ioas_attach(ioas, w.dev), 0);
	uvdk_device_close(other);
	window_close(&w);
}

/* Mapped, being unmapped, posted and not kicked, in quarantine, pinned. */
Test(mapq_errors, closing_unmaps_the_window_and_releases_everything)
{
	outstanding();
	w.allow = WINDOW_ALL;
	w.shuffle = 5;
	uvdk_mapq_defer(w.q, &node[1], 4);
	window_close(&w);
	cr_expect_eq(freed, 2);
	uvdk_mapq_close(NULL);
}

Test(mapq_errors, closing_releases_nothing_before_the_window_is_unmapped)
{
	window_open(&w, 0);
	mapped(0, 2);
	w.refuse = window_iova(1);
	uvdk_mapq_defer(w.q, &node[0], window_unmap(&w, 1, 1));
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 3), -EIO);
	window_close(&w);
	cr_expect_eq(freed, 1);
	cr_expect_eq(w.done[w.done_count - 1].first, WINDOW_IOVA);
	cr_expect_eq(w.done[w.done_count - 1].status, 0);
}

/* ---- reset ---- */

Test(mapq_errors, after_a_reset_what_is_mapped_is_put_back)
{
	uint64_t cookie = 0;

	window_open(&w, 1024);
	mapped(100, 200);
	window_map(&w, 1000, 1000, 50, RW);
	window_map(&w, 2000, 2000, 1, UVDK_MAP_READ);
	window_kick(&w);
	cr_assert_eq(window_wait(&w, 202), 0);
	w.allow = 0;
	window_unmap(&w, 110, 1);
	window_map(&w, 3000, 3000, 1, RW);
	window_unmap(&w, 1000, 50);
	window_map(&w, 1000, 500, 50, RW); /* waits for the one before */
	window_kick(&w);
	cookie = window_map(&w, 3500, 3500, 1, RW); /* not kicked */
	w.reset = true;
	w.room = 7;
	cr_expect_eq(uvdk_mapq_poll(w.q, 203), -EINPROGRESS, "not before all is back");
	cr_expect_eq(uvdk_mapq_map(w.q, window_iova(9), w.mem, 0, PAGE, RW, &cookie), -EAGAIN);
	w.allow = WINDOW_ALL;
	w.shuffle = 3;
	cr_expect_eq(window_wait(&w, 206), 0);
	cr_expect_eq(uvdk_mapq_poll(w.q, cookie), -EINPROGRESS, "not kicked");
	for (unsigned int i = 100; i < 300; i++)
		cr_expect_eq(window_reaches(&w, i, i), i != 110, "page %u", i);
	for (unsigned int i = 0; i < 50; i++)
		cr_expect(window_reaches(&w, 1000 + i, 500 + i));
	cr_expect(w.page[2000].flags == UVDK_MAP_READ && window_reaches(&w, 3000, 3000));

	/* As it was: single pages, and one of fifty. */
	window_kick(&w);
	window_unmap(&w, 101, 1);
	window_unmap(&w, 1000, 50);
	window_unmap(&w, 3500, 1);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, cookie + 3), 0);
	for (unsigned int i = 0; i < w.done_count; i++)
		cr_expect_eq(w.done[i].status, 0, "request %u", i);
	window_close(&w);
}

/* What is known of them is no address. */
Test(mapq_errors, after_a_reset_pages_that_were_unmapped_are_not_mapped)
{
	uint64_t cookie = 0;

	window_open(&w, 0);
	mapped(0, 100);
	for (unsigned int i = 0; i < 100; i++)
		cookie = window_unmap(&w, i, 1);
	window_kick(&w);
	cr_assert_eq(window_wait(&w, cookie), 0);
	w.reset = true;
	w.done_count = 0;
	for (unsigned int i = 0; i < 10; i++)
		uvdk_mapq_completed(w.q);
	cr_expect_eq(w.done_count, 0);
	mapped(0, 100);
	window_close(&w);
}

Test(mapq_errors, a_reset_during_that_begins_it_anew)
{
	uint64_t cookie;

	window_open(&w, 0);
	mapped(0, 300);
	w.reset = true;
	uvdk_mapq_completed(w.q);
	uvdk_mapq_completed(w.q);
	w.reset = true;
	w.room = 3;
	w.shuffle = 9;
	while (uvdk_mapq_map(w.q, window_iova(400), w.mem, 0, PAGE, RW, &cookie) == -EAGAIN)
		uvdk_mapq_completed(w.q);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 301), 0);
	for (unsigned int i = 0; i < 300; i++)
		cr_expect(window_reaches(&w, i, i), "page %u", i);
	window_close(&w);
}

Test(mapq_errors, what_cannot_be_put_back_ends_the_queue)
{
	window_open(&w, 0);
	mapped(0, 3);
	w.reset = true;
	w.refuse = window_iova(1);
	uvdk_mapq_completed(w.q);
	uvdk_mapq_completed(w.q);
	cr_expect(said("could not be mapped again"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_mapq_kick(w.q), -EIO);
	cr_expect_eq(w.stops, 1, "the rest of them is taken back before memory is let go");
	cr_expect_eq(uvdk_mapq_unpin(w.q, w.mem), 0);
	window_close(&w);
	cr_expect_eq(w.stops, 1);
}

/* Another thread puts the device back: its ring is empty, and poll() does not tell before it is. */
Test(mapq_errors, a_reset_that_is_not_told_yet_does_not_end_the_queue)
{
	uint64_t cookie;

	window_open(&w, 0);
	mapped(0, 300);
	w.reset = true;
	w.allow = 0;
	uvdk_mapq_completed(w.q);
	cr_assert_gt(w.count, 0);
	while (w.count)
		w.ring[--w.count]->status = -ECANCELED;
	w.kicked = 0;
	for (unsigned int i = 0; i < 10; i++)
		uvdk_mapq_completed(w.q);
	cr_expect_eq(uvdk_mapq_map(w.q, window_iova(400), w.mem, 0, PAGE, RW, &cookie), -EAGAIN);
	w.reset = true;
	w.allow = WINDOW_ALL;
	while (uvdk_mapq_map(w.q, window_iova(400), w.mem, 0, PAGE, RW, &cookie) == -EAGAIN)
		uvdk_mapq_completed(w.q);
	window_kick(&w);
	cr_expect_eq(window_wait(&w, 301), 0);
	for (unsigned int i = 0; i < 300; i++)
		cr_expect(window_reaches(&w, i, i), "page %u", i);
	window_close(&w);
}
