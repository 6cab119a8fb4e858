// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/parameterized.h>
#include <errno.h>
#include <string.h>

#include "inval_testing.h"

/* What every backend has to do, whatever the hardware behind it. */

static struct world w;

/* Of a number: a test runs in a process of its own, where a pointer is another. */
#define BACKENDS(test)                                                           \
	ParameterizedTestParameters(inval_contract, test)                        \
	{                                                                        \
		static unsigned int each[16];                                    \
		for (unsigned int i = 0; i < 16; i++)                            \
			each[i] = i;                                             \
		return cr_make_param_array(unsigned int, each, backend_count()); \
	}                                                                        \
	ParameterizedTest(const unsigned int *b, inval_contract, test)

static void open_with(const struct backend *b, unsigned int depth, unsigned int flush)
{
	const struct uvdk_invalq_opts opts = {
		.size = sizeof(opts), .depth = depth, .flush_entries = flush};

	world_open(&w, b, &opts);
}

/* Is that told at all? */
static bool knows_leaf(void)
{
	struct uvdk_inval_caps caps;

	uvdk_inval_get_caps(w.q, &caps);

	return caps.honours & UVDK_INVAL_LEAF;
}

/* The @n-th entry is these pages, leaf entries alone, of our PASID or ASID. */
static void expect_pages(unsigned int n, uint64_t page, uint64_t pages)
{
	const struct seen *s = world_nth(&w, UVDK_INVAL_IOTLB, n);

	cr_expect_eq(s->scope, UVDK_INVAL_RANGE, "%s, entry %u", w.backend->name, n);
	cr_expect_eq(s->first, page * WORLD_PAGE, "%s, entry %u: 0x%lx", w.backend->name, n,
		     (unsigned long)s->first);
	cr_expect_eq(s->last, (page + pages) * WORLD_PAGE - 1, "%s, entry %u: 0x%lx",
		     w.backend->name, n, (unsigned long)s->last);
	cr_expect(s->leaf || !knows_leaf(), "%s, entry %u", w.backend->name, n);
	cr_expect(s->asid == w.asid, "%s, entry %u: ASID %u", w.backend->name, n, s->asid);
}

static void expect_count(unsigned int n)
{
	cr_expect_eq(world_count(&w, UVDK_INVAL_IOTLB), n, "%s: %u entries, not %u",
		     w.backend->name, world_count(&w, UVDK_INVAL_IOTLB), n);
}

BACKENDS(cookies_count_from_one_and_complete_in_order)
{
	uint64_t cookie[3];

	world_open(&w, backends[*b], NULL);
	for (unsigned int i = 0; i < 3; i++)
		cookie[i] = world_post(&w, 10 * i, 1);
	for (unsigned int i = 0; i < 3; i++) {
		cr_expect_eq(cookie[i], i + 1);
		cr_expect_eq(uvdk_inval_poll(w.q, cookie[i]), -EINPROGRESS, "not kicked");
	}
	cr_expect_eq(uvdk_inval_completed(w.q), 0);
	expect_count(0);

	world_kick(&w);
	cr_expect_eq(world_wait(&w, cookie[2]), 0);
	cr_expect_eq(uvdk_inval_poll(w.q, cookie[0]), 0);
	cr_expect_eq(uvdk_inval_poll(w.q, cookie[1]), 0);
	cr_expect_eq(uvdk_inval_completed(w.q), 3);
	expect_count(3);
	for (unsigned int i = 0; i < 3; i++)
		expect_pages(i, 10 * i, 1);
	cr_expect_eq(uvdk_inval_poll(w.q, 0), -EINVAL);
	cr_expect_eq(uvdk_inval_poll(w.q, 4), -EINVAL);
	world_close(&w);
}

BACKENDS(neighbours_of_a_batch_become_one_entry)
{
	struct uvdk_inval_stats stats;
	uint64_t cookie = 0;

	world_open(&w, backends[*b], NULL);
	for (unsigned int i = 0; i < 32; i++) /* upwards, and downwards, and once more */
		cookie = world_post(&w, 128 + i, 1);
	for (unsigned int i = 32; i-- > 0;)
		cookie = world_post(&w, 128 + i, 1);
	for (unsigned int i = 32; i < 64; i++)
		cookie = world_post(&w, 128 + i, 1);
	cr_expect_eq(cookie, 96);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, cookie), 0);
	expect_count(1);
	expect_pages(0, 128, 64);
	uvdk_inval_get_stats(w.q, &stats);
	cr_expect_eq(stats.posted, 96);
	cr_expect_eq(stats.coalesced, 95);
	cr_expect_eq(stats.entries, 1);
	world_close(&w);
}

/* No posted request has more than a page then: they are seen to be neighbours at the kick. */
BACKENDS(so_do_single_pages_that_come_downwards_or_again)
{
	world_open(&w, backends[*b], NULL);
	world_post(&w, 9, 1);
	world_post(&w, 8, 1);
	world_post(&w, 20, 1);
	world_post(&w, 20, 1);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, 4), 0);
	expect_count(2);
	expect_pages(0, 8, 2);
	expect_pages(1, 20, 1);
	world_close(&w);
}

BACKENDS(what_was_kicked_does_not_grow)
{
	uint64_t first, second;

	world_open(&w, backends[*b], NULL);
	world_let(&w, 0);
	first = world_post(&w, 8, 1);
	world_kick(&w);
	second = world_post(&w, 9, 1);
	world_let(&w, WORLD_ANYHOW);
	cr_expect_eq(world_wait(&w, first), 0);
	cr_expect_eq(uvdk_inval_poll(w.q, second), -EINPROGRESS);
	expect_count(1);
	expect_pages(0, 8, 1);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, second), 0);
	expect_pages(1, 9, 1);
	world_close(&w);
}

/* Neighbours in addresses, but not in anything else. */
BACKENDS(requests_that_differ_stay_apart)
{
	struct uvdk_inval_req req;
	uint64_t cookie;

	world_open(&w, backends[*b], NULL);
	if (!knows_leaf()) {
		world_close(&w);
		return;
	}
	cookie = world_post(&w, 8, 1);
	req = world_pages(&w, 9, 1);
	req.flags &= ~UVDK_INVAL_LEAF;
	cr_assert_eq(uvdk_inval_post(w.q, &req, &cookie), 0);
	cookie = world_post(&w, 10, 1);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, cookie), 0);
	expect_count(3);
	cr_expect_not(world_nth(&w, UVDK_INVAL_IOTLB, 1)->leaf);
	cr_expect(world_nth(&w, UVDK_INVAL_IOTLB, 2)->leaf);
	world_close(&w);
}

BACKENDS(an_unaligned_range_is_split_and_nothing_more_is_forgotten)
{
	struct uvdk_inval_caps caps;
	uint64_t page = 21;
	unsigned int n;

	world_open(&w, backends[*b], NULL);
	uvdk_inval_get_caps(w.q, &caps);
	world_post(&w, 21, 64);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, 1), 0);
	n = world_count(&w, UVDK_INVAL_IOTLB);
	cr_expect_leq(n, 12, "%s: %u entries", w.backend->name, n);
	for (unsigned int i = 0; i < n; i++) {
		const struct seen *s = world_nth(&w, UVDK_INVAL_IOTLB, i);
		uint64_t len = s->last - s->first + 1;

		cr_expect_eq(s->first, page * WORLD_PAGE, "%s, entry %u", w.backend->name, i);
		if (caps.rule == UVDK_INVAL_POW2)
			cr_expect(!(len & (len - 1)) && !(s->first & (len - 1)));
		page += len / WORLD_PAGE;
	}
	cr_expect_eq(page, 21 + 64);
	world_close(&w);
}

/* Where addresses end one more is 0, which is where they begin. */
BACKENDS(the_last_page_and_the_first_are_no_neighbours)
{
	const uint64_t end = UINT64_MAX / WORLD_PAGE;

	if (backends[*b]->once)
		return;
	world_open(&w, backends[*b], NULL);
	world_post(&w, 4, 1);
	world_post(&w, end, 1);
	world_post(&w, 0, 1);
	world_post(&w, 1, 1);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, 4), 0);
	expect_count(3);
	expect_pages(0, 4, 1);
	expect_pages(1, end, 1);
	expect_pages(2, 0, 2);
	world_close(&w);
}

BACKENDS(past_the_threshold_the_whole_pasid_goes)
{
	struct uvdk_inval_stats stats;

	if (backends[*b]->once)
		return;
	open_with(backends[*b], 0, 16);
	for (unsigned int i = 0; i < 16; i++)
		world_post(&w, 2 * i, 1);
	world_kick(&w);
	for (unsigned int i = 0; i < 17; i++)
		world_post(&w, 2 * i, 1);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, 33), 0);
	cr_expect_eq(uvdk_inval_poll(w.q, 20), 0);
	expect_count(17);
	cr_expect_eq(world_nth(&w, UVDK_INVAL_IOTLB, 15)->scope, UVDK_INVAL_RANGE);
	cr_expect_eq(world_nth(&w, UVDK_INVAL_IOTLB, 16)->scope, UVDK_INVAL_PASID);
	uvdk_inval_get_stats(w.q, &stats);
	cr_expect_eq(stats.flushes, 1);
	world_close(&w);
}

BACKENDS(a_batch_that_stops_in_the_middle_goes_on_there)
{
	uint64_t cookie = 0;

	world_open(&w, backends[*b], NULL);
	world_let(&w, 3);
	for (unsigned int i = 0; i < 8; i++)
		cookie = world_post(&w, 2 * i, 1);
	world_kick(&w);
	world_wait_seen(&w, UVDK_INVAL_IOTLB, 3);
	cr_expect_eq(uvdk_inval_poll(w.q, cookie), -EINPROGRESS);
	expect_count(3);
	cr_expect_leq(uvdk_inval_completed(w.q), 3);

	world_let(&w, WORLD_ANYHOW);
	cr_expect_eq(world_wait(&w, cookie), 0);
	expect_count(8);
	for (unsigned int i = 0; i < 8; i++)
		expect_pages(i, 2 * i, 1);
	world_close(&w);
}

BACKENDS(a_full_queue_says_so_and_loses_nothing)
{
	struct uvdk_inval_req req;
	uint64_t cookie = 77;

	open_with(backends[*b], 8, 0);
	world_let(&w, 0);
	for (unsigned int i = 0; i < 8; i++)
		world_post(&w, 2 * i, 1);
	req = world_pages(&w, 100, 1);
	cr_expect_eq(uvdk_inval_post(w.q, &req, &cookie), -EAGAIN);
	world_kick(&w);
	cr_expect_eq(uvdk_inval_post(w.q, &req, &cookie), -EAGAIN, "kicked is not complete");
	req.scope = UVDK_INVAL_PASID;
	cr_expect_eq(uvdk_inval_post(w.q, &req, &cookie), w.backend->once ? -EOPNOTSUPP : -EAGAIN);
	cr_expect_eq(cookie, 77);

	world_let(&w, WORLD_ANYHOW);
	cr_expect_eq(world_wait(&w, 8), 0);
	cr_expect_eq(world_post(&w, 100, 1), 9);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, 9), 0);
	expect_count(9);
	for (unsigned int i = 0; i < 8; i++)
		expect_pages(i, 2 * i, 1);
	expect_pages(8, 100, 1);
	world_close(&w);
}

BACKENDS(more_than_the_hardware_holds_follows_by_and_by)
{
	const unsigned int n = 1500;
	uint64_t cookie = 0;

	open_with(backends[*b], 2048, 65536);
	for (unsigned int i = 0; i < n; i++)
		cookie = world_post(&w, 2 * i, 1);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, cookie), 0);
	expect_count(n);
	for (unsigned int i = 0; i < n; i++)
		expect_pages(i, 2 * i, 1);
	world_close(&w);
}

BACKENDS(nor_is_anything_lost_while_the_hardware_stands_still)
{
	const unsigned int n = 300;
	uint64_t cookie = 0;

	open_with(backends[*b], 512, 65536);
	world_let(&w, 0);
	for (unsigned int i = 0; i < n; i++) {
		cookie = world_post(&w, 2 * i, 1);
		if (i % 100 == 99)
			world_kick(&w);
	}
	for (unsigned int i = 0; i < n; i += 10) {
		uvdk_inval_completed(w.q);
		world_let(&w, 10);
		world_wait_seen(&w, UVDK_INVAL_IOTLB, i + 10);
	}
	world_let(&w, WORLD_ANYHOW);
	cr_expect_eq(world_wait(&w, cookie), 0);
	expect_count(n);
	for (unsigned int i = 0; i < n; i++)
		expect_pages(i, 2 * i, 1);
	world_close(&w);
}

/* More than any ring is long, in batches of different sizes. */
BACKENDS(rings_wrap)
{
	unsigned int n = 0;

	open_with(backends[*b], 64, 65536);
	for (unsigned int batch = 1; batch < 60; batch++) {
		uint64_t cookie = 0;

		for (unsigned int i = 0; i < batch; i++, n++)
			cookie = world_post(&w, 2 * n, 1);
		world_kick(&w);
		cr_assert_eq(world_wait(&w, cookie), 0);
	}
	expect_count(n);
	for (unsigned int i = 0; i < n; i++)
		expect_pages(i, 2 * i, 1);
	world_close(&w);
}

/* Five requests, the third of which is three neighbours. */
static void post_with_a_bad_one(void)
{
	world_post(&w, 0, 1);
	world_post(&w, 10, 1);
	world_post(&w, 20, 1);
	world_post(&w, 21, 1);
	world_post(&w, 22, 1);
	world_post(&w, 30, 1);
	world_post(&w, 40, 1);
}

BACKENDS(an_error_names_its_request_and_the_others_go_on)
{
	struct uvdk_inval_error error;
	struct uvdk_inval_stats stats;

	world_open(&w, backends[*b], NULL);
	w.refuse = 20 * WORLD_PAGE;
	post_with_a_bad_one();
	world_kick(&w);
	cr_expect_eq(world_wait(&w, 7), 0, "%s: the last one", w.backend->name);
	cr_expect_eq(uvdk_inval_poll(w.q, 1), 0);
	cr_expect_eq(uvdk_inval_poll(w.q, 2), 0);
	for (unsigned int i = 3; i <= 5; i++)
		cr_expect_lt(uvdk_inval_poll(w.q, i), 0, "%s: cookie %u", w.backend->name, i);
	cr_expect_eq(uvdk_inval_poll(w.q, 6), 0, "%s: the one after", w.backend->name);
	cr_expect_eq(uvdk_inval_completed(w.q), 2);

	cr_expect_eq(uvdk_inval_get_error(w.q, 2, &error), -ENOENT);
	cr_assert_eq(uvdk_inval_get_error(w.q, 4, &error), 0);
	cr_expect_eq(error.first, 3);
	cr_expect_eq(error.last, 5);
	cr_expect_eq(error.req.first, 20 * WORLD_PAGE);
	cr_expect_eq(error.req.last, 23 * WORLD_PAGE - 1);
	cr_expect_eq(error.err, uvdk_inval_poll(w.q, 4));
	uvdk_inval_get_stats(w.q, &stats);
	cr_expect_eq(stats.errors, 1);

	/* And so do later ones. */
	w.refuse = NEVER;
	cr_expect_eq(world_post(&w, 20, 1), 8);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, 8), 0);
	uvdk_inval_settle(w.q);
	cr_expect_eq(uvdk_inval_poll(w.q, 4), 0);
	cr_expect_eq(uvdk_inval_completed(w.q), 8);
	world_close(&w);
}

/* Nothing but single pages, in a ring that has gone round, with a batch before and one after. */
BACKENDS(an_error_among_single_pages_is_that_pages_alone)
{
	struct uvdk_inval_error error;
	uint64_t cookie = 0;

	open_with(backends[*b], 64, 65536);
	for (unsigned int i = 0; i < 50; i++)
		cookie = world_post(&w, 1000 + 2 * i, 1);
	world_kick(&w);
	cr_assert_eq(world_wait(&w, cookie), 0);
	w.refuse = 30 * WORLD_PAGE;
	for (unsigned int i = 0; i < 40; i++) {
		world_post(&w, 2 * i, 1);
		if (i == 9 || i == 29)
			world_kick(&w);
	}
	world_kick(&w);
	cr_expect_eq(world_wait(&w, 90), 0, "%s: the last one", w.backend->name);
	for (unsigned int i = 0; i < 40; i++)
		cr_expect_eq(uvdk_inval_poll(w.q, 51 + i) != 0, i == 15, "%s: page %u",
			     w.backend->name, i);
	cr_assert_eq(uvdk_inval_get_error(w.q, 66, &error), 0);
	cr_expect_eq(error.req.first, 30 * WORLD_PAGE);
	cr_expect(error.first == 66 && error.last == 66);
	cr_expect_eq(uvdk_inval_completed(w.q), 65);
	uvdk_inval_settle(w.q);
	world_close(&w);
}

static unsigned int post_array(const uint64_t *page, unsigned int count, uint64_t *cookie)
{
	const struct uvdk_inval_req like = world_pages(&w, 0, 1);

	return uvdk_inval_post_pages(w.q, &like, page, count, cookie);
}

/* Ascending neighbours, others, the same again, and the ends of all addresses. */
BACKENDS(an_array_of_pages_is_posted_as_by_a_call_for_each)
{
	static const uint64_t number[] = {2, 3, 8, 9, 40, 20, 40, UINT64_MAX >> 12, 0, 1};
	const unsigned int n = sizeof(number) / sizeof(number[0]);
	uint64_t page[sizeof(number) / sizeof(number[0])], cookie = 77;

	if (backends[*b]->once)
		return;
	world_open(&w, backends[*b], NULL);
	cr_expect_eq(post_array(page, 0, &cookie), 0);
	cr_expect_eq(cookie, 77, "nothing was posted");
	for (unsigned int i = 0; i < n; i++)
		page[i] = number[i] << 12;
	cr_expect_eq(post_array(page, n, &cookie), n);
	cr_expect_eq(cookie, n);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, n), 0);
	expect_count(7);
	expect_pages(0, 2, 2);
	expect_pages(1, 8, 2);
	expect_pages(2, 40, 1);
	expect_pages(3, 20, 1);
	expect_pages(4, 40, 1);
	expect_pages(5, number[7], 1);
	expect_pages(6, 0, 2);
	world_close(&w);
}

BACKENDS(of_an_array_as_much_is_posted_as_there_is_room_for)
{
	uint64_t page[12], cookie = 0;

	if (backends[*b]->once)
		return;
	open_with(backends[*b], 8, 65536);
	for (unsigned int i = 0; i < 12; i++)
		page[i] = 2 * i * WORLD_PAGE;
	cr_assert_eq(post_array(page, 5, &cookie), 5);
	world_kick(&w);
	cr_assert_eq(world_wait(&w, cookie), 0);
	cr_expect_eq(post_array(page, 12, &cookie), 8, "round the ring's end, and no more");
	cr_expect_eq(cookie, 13);
	cr_expect_eq(post_array(page, 12, &cookie), 0);
	world_kick(&w);
	cr_assert_eq(world_wait(&w, cookie), 0);
	page[1] += 5;
	cr_expect_eq(post_array(page, 12, &cookie), 1, "up to the one that is no page");
	cr_expect_eq(cookie, 14);
	world_kick(&w);
	cr_assert_eq(world_wait(&w, cookie), 0);
	expect_count(14);
	expect_pages(12, 14, 1);
	expect_pages(13, 0, 1);
	world_close(&w);
}

/* ---- quarantine ---- */

static unsigned int freed[32], freed_count;

struct thing {
	struct uvdk_inval_node node;
	unsigned int number;
};

static void release(struct uvdk_inval_node *node)
{
	freed[freed_count++] = ((struct thing *)node)->number;
}

static struct thing things[32];

static void defer(unsigned int number, uint64_t cookie)
{
	things[number].node.release = release;
	things[number].number = number;
	cr_assert_eq(uvdk_inval_defer(w.q, &things[number].node, cookie), 0);
}

BACKENDS(quarantine_ends_with_completion_and_in_order)
{
	struct uvdk_inval_stats stats;

	world_open(&w, backends[*b], NULL);
	world_let(&w, 0);
	for (unsigned int i = 0; i < 4; i++)
		world_post(&w, 10 * i, 1);
	defer(3, 4); /* not in the order of cookies */
	defer(0, 1);
	defer(2, 3);
	defer(1, 2);
	uvdk_inval_completed(w.q);
	world_kick(&w);
	for (unsigned int i = 0; i < 100; i++)
		cr_expect_eq(uvdk_inval_poll(w.q, 1), -EINPROGRESS);
	cr_expect_eq(freed_count, 0, "%s: too early", w.backend->name);

	world_let(&w, WORLD_ANYHOW);
	cr_expect_eq(world_wait(&w, 4), 0);
	cr_expect_eq(freed_count, 4);
	for (unsigned int i = 0; i < 4; i++)
		cr_expect_eq(freed[i], i);

	/* For what is over: with the next look, and never from within. */
	defer(4, 2);
	cr_expect_eq(freed_count, 4);
	uvdk_inval_completed(w.q);
	cr_expect_eq(freed_count, 5);
	cr_expect_eq(uvdk_inval_defer(w.q, &things[5].node, 99), -EINVAL);
	uvdk_inval_get_stats(w.q, &stats);
	cr_expect_eq(stats.released, 5);
	cr_expect_eq(stats.quarantined, 0);
	world_close(&w);
}

BACKENDS(quarantine_of_what_failed_is_held)
{
	world_open(&w, backends[*b], NULL);
	w.refuse = 20 * WORLD_PAGE;
	post_with_a_bad_one();
	for (unsigned int i = 1; i <= 7; i++)
		defer(i, i);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, 7), 0);
	cr_expect_eq(freed_count, 4);
	cr_expect_arr_eq(freed, ((unsigned int[]){1, 2, 6, 7}), 4 * sizeof(freed[0]));
	uvdk_inval_settle(w.q);
	cr_expect_eq(freed_count, 7);
	cr_expect_arr_eq(freed + 4, ((unsigned int[]){3, 4, 5}), 3 * sizeof(freed[0]));
	world_close(&w);
}

static void post_again(struct uvdk_inval_node *node)
{
	release(node);
	world_post(&w, 50, 1);
	world_kick(&w);
	defer(9, 2);
}

BACKENDS(a_release_may_use_the_queue)
{
	world_open(&w, backends[*b], NULL);
	world_post(&w, 10, 1);
	defer(8, 1);
	things[8].node.release = post_again;
	world_kick(&w);
	cr_expect_eq(world_wait(&w, 1), 0);
	cr_expect_eq(world_wait(&w, 2), 0);
	uvdk_inval_completed(w.q);
	cr_expect_eq(freed_count, 2);
	world_close(&w);
}

/* ---- removal ---- */

static void expect_all_gone(uint64_t last)
{
	struct uvdk_inval_req req = world_pages(&w, 3, 1);
	struct uvdk_inval_error error;
	uint64_t cookie;

	for (uint64_t i = 2; i <= last; i++)
		cr_expect_eq(uvdk_inval_poll(w.q, i), -ENODEV, "%s: cookie %lu", w.backend->name,
			     (unsigned long)i);
	cr_expect_eq(uvdk_inval_poll(w.q, 1), 0, "what was complete stays so");
	cr_expect_eq(uvdk_inval_completed(w.q), 1);
	cr_expect_eq(uvdk_inval_post(w.q, &req, &cookie), -ENODEV);
	cr_expect_eq(uvdk_inval_kick(w.q), -ENODEV);
	cr_assert_eq(uvdk_inval_get_error(w.q, 2, &error), 0);
	cr_expect_eq(error.first, 2);
	cr_expect_eq(error.last, last);
	cr_expect_eq(freed_count, 1);

	uvdk_inval_settle(w.q);
	cr_expect_eq(freed_count, last);
	for (unsigned int i = 0; i < last; i++)
		cr_expect_eq(freed[i], i + 1);
}

static void five_outstanding(void)
{
	world_post(&w, 10, 1);
	defer(1, 1);
	world_kick(&w);
	cr_assert_eq(world_wait(&w, 1), 0);
	uvdk_inval_completed(w.q);
	world_let(&w, 1);
	for (unsigned int i = 2; i <= 6; i++) {
		world_post(&w, 10 * i, 1);
		defer(i, i);
	}
	world_kick(&w);
	world_wait_seen(&w, UVDK_INVAL_IOTLB, 1);
	world_post(&w, 100, 1); /* not kicked */
	defer(7, 7);
}

BACKENDS(a_device_that_vanishes_fails_all_that_is_outstanding)
{
	bool partial;

	world_open(&w, backends[*b], NULL);
	five_outstanding();
	world_remove(&w);
	partial = world_wait(&w, 7) == -ENODEV;
	cr_expect(partial, "%s: %d", w.backend->name, uvdk_inval_poll(w.q, 7));
	if (uvdk_inval_poll(w.q, 2) == -ENODEV)
		expect_all_gone(7);
	else /* the entry that was done: some backends know by then */
		cr_expect_eq(uvdk_inval_completed(w.q), 2);
	uvdk_inval_settle(w.q);
	cr_expect_eq(freed_count, 7);
	world_close(&w);
}

BACKENDS(so_does_the_callers_word_that_it_is_gone)
{
	world_open(&w, backends[*b], NULL);
	five_outstanding();
	world_let(&w, 0);
	uvdk_inval_gone(w.q);
	cr_expect_eq(world_wait(&w, 7), -ENODEV);
	cr_expect_eq(uvdk_inval_kick(w.q), -ENODEV);
	uvdk_inval_settle(w.q);
	cr_expect_eq(freed_count, 7);
	world_close(&w);
}

BACKENDS(a_queue_destroyed_too_early_releases_nothing)
{
	world_open(&w, backends[*b], NULL);
	world_let(&w, 0);
	world_post(&w, 1, 1);
	defer(1, 1);
	world_kick(&w);
	world_close(&w);
	cr_expect_eq(freed_count, 0);
}

/* ---- devices ---- */

static unsigned int last_of(enum uvdk_inval_target target)
{
	unsigned int last = 0;

	for (unsigned int i = 0; i < w.count; i++)
		if (w.seen[i].target == target)
			last = i;

	return last;
}

static unsigned int first_of(enum uvdk_inval_target target)
{
	unsigned int i = 0;

	while (i < w.count && w.seen[i].target != target)
		i++;

	return i;
}

BACKENDS(devices_are_told_after_the_iommu)
{
	struct uvdk_inval_req req;
	struct uvdk_inval_caps caps;
	bool fenced = false;
	uint64_t cookie;

	world_open(&w, backends[*b], NULL);
	uvdk_inval_get_caps(w.q, &caps);
	cr_expect_eq(caps.devtlb, w.backend->devtlb);
	for (unsigned int i = 0; i < 2; i++) {
		req = world_pages(&w, 16 * i + 8, 8);
		req.flags = 0;
		cr_assert_eq(uvdk_inval_post(w.q, &req, &cookie), 0);
	}
	world_kick(&w);
	cr_expect_eq(world_wait(&w, cookie), 0);
	expect_count(2);
	cr_expect_not(world_nth(&w, UVDK_INVAL_IOTLB, 0)->leaf);
	if (!w.backend->devtlb) {
		cr_expect_eq(world_count(&w, UVDK_INVAL_DEVTLB), 0);
		world_close(&w);
		return;
	}
	cr_expect_geq(world_count(&w, UVDK_INVAL_DEVTLB), 2);
	cr_expect_lt(last_of(UVDK_INVAL_IOTLB), first_of(UVDK_INVAL_DEVTLB));
	for (unsigned int i = last_of(UVDK_INVAL_IOTLB); i < first_of(UVDK_INVAL_DEVTLB); i++)
		fenced |= w.seen[i].target == UVDK_INVAL_FENCE;
	cr_expect(fenced, "%s: nothing between", w.backend->name);
	for (unsigned int i = 0; i < world_count(&w, UVDK_INVAL_DEVTLB); i++) {
		const struct seen *s = world_nth(&w, UVDK_INVAL_DEVTLB, i);

		cr_expect_eq(s->pasid, w.pasid);
		cr_expect(s->last - s->first == 8 * WORLD_PAGE - 1);
	}
	world_close(&w);
}

BACKENDS(every_scope_that_is_promised_works)
{
	struct uvdk_inval_caps caps;
	unsigned int n = 0;

	world_open(&w, backends[*b], NULL);
	uvdk_inval_get_caps(w.q, &caps);
	cr_expect_str_eq(caps.backend, w.backend->caps);
	for (unsigned int scope = UVDK_INVAL_ALL; scope <= UVDK_INVAL_PASID; scope++) {
		const struct uvdk_inval_req req = {.scope = (uint8_t)scope,
						   .asid = w.asid,
						   .pasid = w.pasid,
						   .flags = UVDK_INVAL_KEEP_DEVTLB};
		uint64_t cookie;
		int err = uvdk_inval_post(w.q, &req, &cookie);

		cr_expect(err || cookie, "a cookie");
		if (!(caps.scopes & 1u << scope)) {
			cr_expect_eq(err, -EOPNOTSUPP);
			continue;
		}
		cr_assert_eq(err, 0, "%s", uvdk_last_error());
		world_kick(&w);
		cr_expect_eq(world_wait(&w, cookie), 0);
		n++;
		expect_count(n);
		cr_expect_neq(world_nth(&w, UVDK_INVAL_IOTLB, n - 1)->scope, UVDK_INVAL_RANGE);
	}
	world_close(&w);
}

/* ---- bad input ---- */

static void expect_refused(const struct uvdk_inval_req *req, const char *what, const char *says)
{
	uint64_t cookie = 77;

	cr_expect_eq(uvdk_inval_post(w.q, req, &cookie), -EINVAL, "%s: %s", w.backend->name, what);
	cr_expect_eq(cookie, 77);
	cr_expect_not_null(strstr(uvdk_last_error(), says), "\"%s\" is not in: %s", says,
			   uvdk_last_error());
}

BACKENDS(bad_requests_are_refused_and_change_nothing)
{
	const struct uvdk_inval_req good =
		(world_open(&w, backends[*b], NULL), world_pages(&w, 4, 4));
	struct uvdk_inval_stats stats;
	struct uvdk_inval_req req;

	memset(&req, 0xff, sizeof(req));
	req.first = 0;
	expect_refused(&req, "all ones", "scope 3, flags 0x3f");
	/* Once at first, once where the inline path knows the rest already. */
	for (unsigned int i = 0; i < 2; i++) {
		req = good, req.first++;
		expect_refused(&req, "first byte", "0x4001 to 0x7fff");
		req = good, req.last++;
		expect_refused(&req, "last byte", "no range of whole pages of 4096 bytes");
		req = good, req.last = req.first - 1;
		expect_refused(&req, "empty", "0x4000 to 0x3fff");
		req = good, req.last = WORLD_PAGE - 1;
		expect_refused(&req, "backwards", "no range");
		req = good, req.flags |= 1 << 4;
		expect_refused(&req, "flag", "and flags 0x7");
		req = good, req.scope = 3;
		expect_refused(&req, "scope", "scope 3");
		req = good, req.granule = 13;
		expect_refused(&req, "granule", "1 << 13 bytes");
		req = good, req.granule = 200;
		expect_refused(&req, "granule beyond any", "1 << 200 bytes");
		req = good, req.pasid = 1u << 20;
		expect_refused(&req, "PASID", "PASID 1048576");
		if (w.backend->asid_max < UINT16_MAX) {
			req = good, req.asid = (uint16_t)(w.backend->asid_max + 1);
			expect_refused(&req, "ASID", "ASID");
		}
		if (!i)
			world_post(&w, 4, 4);
	}
	uvdk_inval_get_stats(w.q, &stats);
	cr_expect_eq(stats.posted, 1);
	world_kick(&w);
	cr_expect_eq(world_wait(&w, 1), 0);
	expect_count(1);
	expect_pages(0, 4, 4);
	world_close(&w);
}

BACKENDS(bad_options_are_refused)
{
	struct uvdk_invalq_opts opts = {.size = sizeof(opts), .depth = 48};

	w.backend = backends[*b];
	pthread_mutex_init(&w.lock, NULL);
	if (!strcmp(w.backend->caps, "fake"))
		return; /* its own to free */
	cr_expect_eq(w.backend->open(&w, &opts), -EINVAL);
	w.backend->close(&w);
}
