// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "mapq_world.h"

/* Bad input, and a window against the rest of its address space. */

#define RW UVDK_MAP_RW

static struct mapq_world w;

static int open_at(uint64_t iova, uint64_t len, unsigned int depth)
{
	const struct uvdk_mapq_opts opts = {
		.size = sizeof(opts), .iova = iova, .len = len, .depth = depth};

	return uvdk_mapq_open(ioas, &opts, &w.q);
}

Test(mapq_window, opening_is_refused_with_a_reason)
{
	const uint64_t len = WINDOW_PAGES * PAGE;
	uvdk_iova_t at = WINDOW_IOVA + PAGE;

	window_open_space(&w);
	cr_expect_eq(uvdk_mapq_open(ioas, NULL, &w.q), -EINVAL);
	cr_expect_eq(uvdk_mapq_open(NULL, &(struct uvdk_mapq_opts){.size = 8}, &w.q), -EINVAL);
	cr_expect_eq(open_at(WINDOW_IOVA, len, 3), -EINVAL);
	cr_expect_eq(open_at(WINDOW_IOVA, len, 131072), -EINVAL);
	cr_expect_eq(open_at(WINDOW_IOVA, 0, 0), -EINVAL);
	cr_expect_eq(open_at(WINDOW_IOVA, (UINT64_C(1) << 40) + PAGE, 0), -EINVAL);
	cr_expect_eq(open_at(UINT64_MAX - PAGE + 1, PAGE, 0), -EINVAL);
	cr_expect_eq(open_at(WINDOW_IOVA + 8, PAGE, 0), -EDOM);
	cr_expect_eq(open_at(WINDOW_IOVA, PAGE + 8, 0), -EDOM);
	cr_expect_eq(open_at(WINDOW_IOVA - PAGE, len, 0), -ENOENT);
	cr_expect_eq(open_at(WINDOW_IOVA, len + PAGE, 0), -ENOENT);
	cr_expect(said("uvdk_ioas_reserve()"));
	cr_assert_eq(uvdk_ioas_map(ioas, w.memory, PAGE, RW | UVDK_MAP_FIXED, &at), 0);
	cr_expect_eq(open_at(WINDOW_IOVA, len, 0), -EBUSY);
	cr_assert_eq(uvdk_ioas_unmap(ioas, at, PAGE), 0);
	uvdk_ioas_detach(ioas, w.dev);
	cr_expect_eq(open_at(WINDOW_IOVA, len, 0), -EINVAL);
	cr_expect(said("attach a device"));
	window_close_space(&w);
}

Test(mapq_window, the_window_is_the_queues_alone)
{
	struct uvdk_mapq *first;
	uvdk_iova_t at = WINDOW_IOVA + PAGE;

	window_open_space(&w);
	cr_assert_eq(open_at(WINDOW_IOVA, 16 * PAGE, 0), 0, "%s", uvdk_last_error());
	first = w.q;
	cr_expect_eq(open_at(WINDOW_IOVA + 15 * PAGE, 16 * PAGE, 0), -EBUSY);
	cr_expect_eq(uvdk_ioas_map(ioas, w.memory, PAGE, RW | UVDK_MAP_FIXED, &at), -EBUSY);
	cr_expect(said("of a map queue"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_ioas_unreserve(ioas, WINDOW_IOVA), -EBUSY);
	at = WINDOW_IOVA + 16 * PAGE;
	cr_expect_eq(uvdk_ioas_map(ioas, w.memory, PAGE, RW | UVDK_MAP_FIXED, &at), 0);
	cr_assert_eq(open_at(WINDOW_IOVA + 17 * PAGE, 16 * PAGE, 0), 0, "beside them");
	cr_expect_eq(w.opened, 2);
	uvdk_mapq_close(first);
	uvdk_mapq_close(w.q);
	cr_expect_eq(uvdk_ioas_unmap(ioas, at, PAGE), 0);
	at = WINDOW_IOVA + PAGE;
	cr_expect_eq(uvdk_ioas_map(ioas, w.memory, PAGE, RW | UVDK_MAP_FIXED, &at), 0);
	cr_expect_eq(uvdk_ioas_unmap(ioas, at, PAGE), 0);
	cr_expect_eq(uvdk_ioas_unreserve(ioas, WINDOW_IOVA), 0);
	window_close_space(&w);
}

Test(mapq_window, a_device_that_does_not_reach_it_is_refused_meanwhile)
{
	struct uvdk_device *other;

	window_open(&w, 0);
	other = fake_device_named("fake:1");
	fake.attached_ranges[0] = (struct uvdk_iova_range){0, WINDOW_IOVA + 5 * PAGE - 1};
	fake.nr_attached_ranges = 1;
	cr_expect_eq(uvdk_ioas_attach(ioas, other), -EADDRINUSE);
	fake.nr_attached_ranges = 0;
	fake.attached_page_sizes = 0x10000;
	cr_expect_eq(uvdk_ioas_attach(ioas, other), -EADDRINUSE);
	fake.attached_page_sizes = 0;
	cr_expect_eq(uvdk_ioas_attach(ioas, other), 0, "%s", uvdk_last_error());
	uvdk_device_close(other);
	window_close(&w);
}

static void expect_map(int err, uint64_t iova, uint64_t off, uint64_t len, unsigned int flags)
{
	uint64_t cookie = 77;

	cr_expect_eq(uvdk_mapq_map(w.q, iova, w.mem, off, len, flags, &cookie), err,
		     "0x%lx, offset 0x%lx, 0x%lx bytes, flags %u", (unsigned long)iova,
		     (unsigned long)off, (unsigned long)len, flags);
	cr_expect_eq(cookie, 77);
}

static void expect_unmap(int err, uint64_t iova, uint64_t len)
{
	uint64_t cookie = 77;

	cr_expect_eq(uvdk_mapq_unmap(w.q, iova, len, &cookie), err, "0x%lx, 0x%lx bytes",
		     (unsigned long)iova, (unsigned long)len);
	cr_expect_eq(cookie, 77);
}

Test(mapq_window, bad_requests_are_refused_and_change_nothing)
{
	const uint64_t at = WINDOW_IOVA, len = WINDOW_PAGES * PAGE;
	struct uvdk_mapq_stats stats;

	window_open(&w, 0);
	window_map(&w, 1, 1, 1, RW);
	window_map(&w, 4, 4, 3, RW);
	for (unsigned int flags = 0; flags < 2; flags++) {
		expect_map(-EINVAL, at, 0, 0, RW);
		expect_map(-EINVAL, at, 0, PAGE, 0);
		expect_map(-EINVAL, at, 0, PAGE, RW | UVDK_MAP_FIXED);
		expect_map(-EINVAL, at, 0, PAGE, UVDK_MAPQ_JOIN);
		expect_map(-EDOM, at + 1, 0, PAGE, RW);
		expect_map(-EDOM, at, 1, PAGE, RW);
		expect_map(-EDOM, at, 0, PAGE + 1, RW);
		expect_map(-ERANGE, at - PAGE, 0, PAGE, RW);
		expect_map(-ERANGE, at + len, 0, PAGE, RW);
		expect_map(-ERANGE, at + len - PAGE, 0, 2 * PAGE, RW);
		expect_map(-ERANGE, at, 0, UINT64_MAX & ~(PAGE - 1), RW);
		expect_map(-ERANGE, at, len, PAGE, RW);
		expect_map(-ERANGE, at, len - PAGE, 2 * PAGE, RW);
		expect_map(-EEXIST, at + PAGE, 0, PAGE, RW);
		expect_map(-EEXIST, at, 0, 2 * PAGE, RW);
		expect_map(-EEXIST, at + 5 * PAGE, 0, PAGE, RW);
		expect_unmap(-EINVAL, at, 0);
		expect_unmap(-EDOM, at + 1, PAGE);
		expect_unmap(-EDOM, at, PAGE + 1);
		expect_unmap(-ERANGE, at - PAGE, PAGE);
		expect_unmap(-ERANGE, at + len, PAGE);
		expect_unmap(-ERANGE, 0, PAGE);
		expect_unmap(-ENOENT, at, PAGE);
		expect_unmap(-ENOENT, at, 2 * PAGE);
		expect_unmap(-ENOENT, at + PAGE, 2 * PAGE);
		expect_unmap(-EBADE, at + 4 * PAGE, 2 * PAGE);
		expect_unmap(-EBADE, at + 5 * PAGE, 2 * PAGE);
		expect_unmap(-EBADE, at + 5 * PAGE, PAGE);
		/* Once more where they have taken effect. */
		window_kick(&w);
		cr_expect_eq(window_wait(&w, 2), 0);
	}
	uvdk_mapq_get_stats(w.q, &stats);
	cr_expect(stats.posted == 2 && stats.mapped == 4 && stats.errors == 0);
	window_close(&w);
}

Test(mapq_window, memory_is_mapped_for_what_it_was_pinned_for)
{
	struct uvdk_mapq_mem *mem;
	uint64_t cookie;

	window_open(&w, 0);
	cr_expect_eq(uvdk_mapq_pin(w.q, w.memory, 0, RW, &mem), -EINVAL);
	cr_expect_eq(uvdk_mapq_pin(w.q, w.memory, PAGE, 0, &mem), -EINVAL);
	cr_expect_eq(uvdk_mapq_pin(w.q, w.memory, PAGE, RW | UVDK_MAP_ALIAS, &mem), -EINVAL);
	cr_expect_eq(uvdk_mapq_pin(w.q, w.memory + 1, PAGE, RW, &mem), -EDOM);
	cr_assert_eq(uvdk_mapq_pin(w.q, w.memory, 4 * PAGE, UVDK_MAP_READ, &mem), 0);
	cr_expect_eq(uvdk_mapq_map(w.q, WINDOW_IOVA, mem, 0, PAGE, RW, &cookie), -EPERM);
	cr_expect_eq(uvdk_mapq_map(w.q, WINDOW_IOVA, mem, 0, PAGE, UVDK_MAP_READ, &cookie), 0);
	cr_expect_eq(uvdk_mapq_unpin(w.q, mem), -EBUSY);
	window_close(&w);
}

/* Numbers are used again; each memory is counted for itself. */
Test(mapq_window, many_pieces_of_memory_come_and_go)
{
	struct uvdk_mapq_mem *mem[300];
	uint64_t cookie = 0;

	window_open(&w, 0);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < 300; i++) {
			cr_assert_eq(uvdk_mapq_pin(w.q, w.memory + i * PAGE, PAGE, RW, &mem[i]), 0);
			cr_assert_eq(
				uvdk_mapq_map(w.q, window_iova(i), mem[i], 0, PAGE, RW, &cookie),
				0);
		}
		window_kick(&w);
		cr_assert_eq(window_wait(&w, cookie), 0);
		for (unsigned int i = 0; i < 300; i += 2)
			cookie = window_unmap(&w, i, 1);
		window_kick(&w);
		cr_assert_eq(window_wait(&w, cookie), 0);
		for (unsigned int i = 0; i < 300; i++)
			cr_expect_eq(uvdk_mapq_unpin(w.q, mem[i]), i % 2 ? -EBUSY : 0);
		for (unsigned int i = 1; i < 300; i += 2)
			cookie = window_unmap(&w, i, 1);
		window_kick(&w);
		cr_assert_eq(window_wait(&w, cookie), 0);
		for (unsigned int i = 1; i < 300; i += 2)
			cr_expect_eq(uvdk_mapq_unpin(w.q, mem[i]), 0);
	}
	cr_expect_eq(w.pins, 1);
	window_close(&w);
}
