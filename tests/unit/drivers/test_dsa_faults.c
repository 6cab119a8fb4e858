// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_testing.h"

/* ---- operations that end at a page ---- */

static unsigned int faults; /* that are still to come */
static uint32_t fault_done; /* bytes before each */
static bool fault_backwards;

static uint8_t *at(uint64_t iova)
{
	return b.mem + (iova - b.iova);
}

/* The device does a part, and meets a page that is not there. */
static bool part(const struct fake_desc *d, struct fake_record *rec)
{
	uint32_t off = fault_backwards ? d->len - fault_done : 0;

	if (!faults || fake_op(d) == 0)
		return false;
	faults--;
	rec->status = 0x83;
	rec->done = fault_done;
	rec->result = fault_backwards;
	rec->fault = 0xabc000;
	if (fake_op(d) == 3)
		memmove(at(d->dst) + off, at(d->src) + off, fault_done);
	for (uint32_t i = 0; fake_op(d) == 4 && i < fault_done; i++)
		at(d->dst)[i] = (uint8_t)(d->src >> 8 * (i % 8));

	return true;
}

static void begin_parts(unsigned int count, uint32_t done, bool backwards)
{
	begin();
	fake.script = part;
	faults = count;
	fault_done = done;
	fault_backwards = backwards;
}

Test(dsa_faults, a_copy_is_continued_where_it_ended)
{
	struct uvdk_dmadev_result r;
	struct uvdk_dmadev_stats stats;

	begin_parts(3, 1000, false);
	pattern(b.mem, 5000, 2);
	COPY(16384, 0, 5000, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_OK);
	cr_expect_eq(r.done, 5000);
	cr_expect_eq(memcmp(b.mem, b.mem + 16384, 5000), 0);
	cr_expect_eq(fake.log[1].len, 4000);
	uvdk_dmadev_chan_get_stats(chan, &stats);
	cr_expect_eq(stats.resumed, 3);
	cr_expect_eq(stats.bytes, 5000);
	end();
}

Test(dsa_faults, a_copy_that_ran_backwards_is_continued_at_its_start)
{
	struct uvdk_dmadev_result r;
	uint8_t before[5000];

	begin_parts(1, 1000, true);
	pattern(b.mem, 6000, 2);
	memcpy(before, b.mem, 5000);
	COPY(700, 0, 5000, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_OK);
	cr_expect_eq(r.done, 5000);
	cr_expect_eq(fake.log[1].len, 4000);
	cr_expect_eq(fake.log[1].src, fake.log[0].src);
	cr_expect_eq(memcmp(b.mem + 700, before, 5000), 0);
	end();
}

Test(dsa_faults, a_fill_keeps_its_pattern)
{
	struct uvdk_dmadev_result r;

	begin_parts(2, 13, false);
	uvdk_dmadev_fill(chan, b.iova, 0x0807060504030201, 100, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_OK);
	for (int i = 0; i < 100; i++)
		cr_expect_eq(b.mem[i], i % 8 + 1, "byte %d", i);
	end();
}

Test(dsa_faults, what_nobody_serves_is_reported_in_the_end)
{
	struct uvdk_dmadev_result r[2];

	begin_parts(1000, 0, false);
	COPY(16384, 0, 5000, UVDK_DMADEV_SUBMIT);
	drain(r, 1);
	cr_expect_eq(r[0].status, UVDK_DMADEV_FAULT);
	cr_expect_eq(r[0].code, 3);
	cr_expect_eq(r[0].done, 0);
	cr_expect_eq(r[0].fault, 0xabc000);
	cr_expect_eq(fake.posts, 9, "tried %u times", fake.posts);
	faults = 0;
	COPY(16384, 0, 50, UVDK_DMADEV_SUBMIT);
	drain(r, 1);
	cr_expect_eq(r[0].status, UVDK_DMADEV_OK, "the slot is as new");
	cr_expect_eq(r[0].done, 50);
	end();
}

Test(dsa_faults, a_copy_that_gets_on_may_take_longer_than_one_that_does_not)
{
	struct uvdk_dmadev_result r;

	begin_parts(4000, 1, false);
	pattern(b.mem, 5000, 2);
	COPY(16384, 0, 5000, UVDK_DMADEV_SUBMIT);
	while (!uvdk_dmadev_completed_status(chan, &r, 1))
		clock_skew_ns += 50000000;
	cr_expect_eq(r.status, UVDK_DMADEV_OK, "%u", r.status);
	cr_expect_eq(r.done, 5000);
	cr_expect_eq(memcmp(b.mem, b.mem + 16384, 5000), 0);
	end();
}

/* The most there can be: no count of it wraps, and it ends before the stall clock says so. */
Test(dsa_faults, many_tries_come_to_an_end_too)
{
	struct uvdk_dmadev_chan_opts opts = {.retries = UVDK_DMADEV_RETRIES_MAX};
	struct uvdk_dmadev_result r = {0};
	uint64_t began;

	device_begin();
	begin_opts(opts);
	fake.script = part;
	faults = 100000;
	fault_done = 0;
	began = wall_ns();
	COPY(16384, 0, 5000, UVDK_DMADEV_SUBMIT);
	while (uvdk_dmadev_completed_status(chan, &r, 1) == 0 &&
	       wall_ns() - began < UINT64_C(30000000000))
		clock_skew_ns += 1000000;
	cr_expect_eq(r.status, UVDK_DMADEV_FAULT, "%u", r.status);
	cr_expect_eq(fake.posts, UVDK_DMADEV_RETRIES_MAX + 1, "tried %u times", fake.posts);
	end();
}

Test(dsa_faults, each_of_a_batch_has_its_tries)
{
	struct uvdk_dmadev_chan_opts opts = {.retries = UVDK_DMADEV_RETRIES_MAX};
	struct uvdk_dmadev_result r[8];
	unsigned int n = 0;

	device_begin();
	begin_opts(opts);
	fake.script = part;
	faults = 100000;
	fault_done = 0;
	for (unsigned int i = 0; i < 8; i++)
		COPY(16384, 0, 5000, i == 7 ? UVDK_DMADEV_SUBMIT : 0);
	for (unsigned int i = 0; i < 100000 && n < 8; i++) {
		n += uvdk_dmadev_completed_status(chan, r + n, 8 - n);
		clock_skew_ns += 5000000;
	}
	cr_assert_eq(n, 8);
	for (unsigned int i = 0; i < 8; i++)
		cr_expect_eq(r[i].status, UVDK_DMADEV_FAULT, "%u: %u", i, r[i].status);
	cr_expect_eq(fake.commands[9], 0, "aborted");
	end();
}

Test(dsa_faults, more_tries_than_there_are_is_refused)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts),
					     .retries = UVDK_DMADEV_RETRIES_MAX + 1};

	device_begin();
	cr_assert_eq(uvdk_dmadev_open(b.dev, NULL, &dma), 0, "%s", uvdk_last_error());
	opts.ioas = b.ioas;
	cr_expect_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "101 retries"), "%s", uvdk_last_error());
	end();
}

Test(dsa_faults, who_wants_it_as_it_is_gets_it)
{
	struct uvdk_dmadev_result r;

	device_begin();
	begin_opts((struct uvdk_dmadev_chan_opts){.flags = UVDK_DMADEV_CHAN_NO_RESUME});
	fake.script = part;
	faults = 1;
	fault_done = 1000;
	COPY(16384, 0, 5000, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_FAULT);
	cr_expect_eq(r.done, 1000);
	end();
}

Test(dsa_faults, more_done_than_asked_for_is_no_success)
{
	struct uvdk_dmadev_result r;

	begin_parts(1, 6000, false);
	COPY(16384, 0, 5000, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_ERROR);
	cr_expect_eq(r.done, 0);
	end();
}

Test(dsa_faults, a_batch_goes_on_behind_a_page)
{
	struct uvdk_dmadev_result r[8];

	begin_parts(1, 20, false);
	pattern(b.mem, 800, 2);
	for (unsigned int i = 0; i < 8; i++)
		COPY(16384 + i * 100, i * 100, 100, i == 4 ? UVDK_DMADEV_FENCE : 0);
	uvdk_dmadev_submit(chan);
	drain(r, 8);
	for (unsigned int i = 0; i < 8; i++) {
		cr_expect_eq(r[i].status, UVDK_DMADEV_OK, "%u", i);
		cr_expect_eq(r[i].done, 100);
	}
	cr_expect_eq(memcmp(b.mem, b.mem + 16384, 800), 0);
	end();
}

/* ---- failures and fences ---- */

static uint64_t bad_src;
static uint8_t bad_code;

static bool refuse(const struct fake_desc *d, struct fake_record *rec)
{
	if (d->src != bad_src)
		return false;
	rec->status = bad_code;
	return true;
}

static void begin_bad(uint8_t code)
{
	begin();
	fake.script = refuse;
	bad_src = b.iova + 777;
	bad_code = code;
}

Test(dsa_faults, each_code_has_its_status)
{
	static const struct {
		uint8_t code, status;
	} is[] = {{0x04, UVDK_DMADEV_FAULT},   {0x10, UVDK_DMADEV_INVALID},
		  {0x13, UVDK_DMADEV_INVALID}, {0x1e, UVDK_DMADEV_INVALID},
		  {0x1f, UVDK_DMADEV_FAULT},   {0x20, UVDK_DMADEV_ERROR},
		  {0x22, UVDK_DMADEV_FAULT},   {0x7f, UVDK_DMADEV_ERROR}};
	struct uvdk_dmadev_result r;
	uint16_t last = 0;
	bool error;

	begin_bad(0);
	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		bad_code = is[i].code;
		COPY(4096, 777, 10, UVDK_DMADEV_SUBMIT);
		cr_expect_eq(uvdk_dmadev_completed(chan, 1, &last, &error), 0);
		cr_expect(error);
		cr_expect_eq(last, (uint16_t)(i - 1));
		drain(&r, 1);
		cr_expect_eq(r.status, is[i].status, "code 0x%02x: %u", is[i].code, r.status);
		cr_expect_eq(r.code, is[i].code);
		cr_expect_eq(r.index, i);
	}
	end();
}

Test(dsa_faults, one_of_a_batch_fails_alone)
{
	struct uvdk_dmadev_result r[4];
	bool error;

	begin_bad(0x10);
	for (unsigned int i = 0; i < 4; i++)
		COPY(4096 + i * 64, i == 2 ? 777 : 0, 10, 0);
	uvdk_dmadev_submit(chan);
	cr_expect_eq(uvdk_dmadev_completed(chan, 4, NULL, &error), 2);
	cr_expect(error);
	drain(r, 2);
	cr_expect_eq(r[0].index, 2);
	cr_expect_eq(r[0].status, UVDK_DMADEV_INVALID);
	cr_expect_eq(r[1].status, UVDK_DMADEV_OK);
	end();
}

/* A copy that fails, two fences with something behind them; together or one by one. */
static void broken_fence(unsigned int submit)
{
	struct uvdk_dmadev_result r[5];

	begin_bad(0x10);
	memset(b.mem, 5, 64);
	COPY(4096, 777, 10, submit);
	COPY(4196, 0, 10, submit);
	COPY(4296, 0, 10, submit | UVDK_DMADEV_FENCE);
	COPY(4396, 0, 10, submit);
	COPY(4496, 0, 10, UVDK_DMADEV_FENCE | UVDK_DMADEV_SUBMIT);
	/* At once: who polls when the device interrupts is told of no more. */
	cr_assert_eq(uvdk_dmadev_completed_status(chan, r, 5), 5);
	cr_expect_eq(r[0].status, UVDK_DMADEV_INVALID);
	cr_expect_eq(r[1].status, UVDK_DMADEV_OK);
	for (int i = 2; i < 5; i++)
		cr_expect_eq(r[i].status, UVDK_DMADEV_NOT_RUN, "%d: %u", i, r[i].status);
	cr_expect_eq(b.mem[4196], 5);
	cr_expect_eq(b.mem[4296] | b.mem[4396] | b.mem[4496], 0);
	COPY(4596, 0, 10, UVDK_DMADEV_FENCE | UVDK_DMADEV_SUBMIT);
	drain(r, 1);
	cr_expect_eq(r[0].status, UVDK_DMADEV_OK, "the caller knows, and begins anew");
	end();
}

Test(dsa_faults, what_a_broken_fence_holds_back_is_not_run)
{
	broken_fence(0);
}

Test(dsa_faults, nor_is_it_in_submits_of_its_own)
{
	broken_fence(UVDK_DMADEV_SUBMIT);
}

/* Two fail, and the caller is told of one. */
static void broken_twice(unsigned int submit)
{
	struct uvdk_dmadev_result r[2];

	begin_bad(0x10);
	COPY(4096, 777, 10, submit);
	COPY(4196, 777, 10, UVDK_DMADEV_SUBMIT);
	drain(r, 1);
	cr_expect_eq(r[0].status, UVDK_DMADEV_INVALID);
	COPY(4296, 0, 10, UVDK_DMADEV_FENCE | UVDK_DMADEV_SUBMIT);
	drain(r, 2);
	cr_expect_eq(r[0].status, UVDK_DMADEV_INVALID);
	cr_expect_eq(r[1].status, UVDK_DMADEV_NOT_RUN, "it stands behind one that failed");
	COPY(4396, 0, 10, UVDK_DMADEV_FENCE | UVDK_DMADEV_SUBMIT);
	drain(r, 1);
	cr_expect_eq(r[0].status, UVDK_DMADEV_OK);
	end();
}

Test(dsa_faults, a_fence_is_broken_by_a_failure_that_is_still_to_be_told)
{
	broken_twice(0);
}

Test(dsa_faults, also_by_one_in_a_submit_of_its_own)
{
	broken_twice(UVDK_DMADEV_SUBMIT);
}

Test(dsa_faults, a_fence_waits_for_what_was_submitted_before)
{
	begin();
	fake.sleeps = true;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	COPY(8192, 0, 11, UVDK_DMADEV_SUBMIT | UVDK_DMADEV_FENCE);
	COPY(8192, 0, 12, UVDK_DMADEV_SUBMIT);
	uvdk_dmadev_completed(chan, 1, NULL, NULL);
	cr_expect_eq(fake.posts, 1, "a fence is overtaken");
	end();
}

Test(dsa_faults, a_fence_inside_of_a_batch_is_the_devices)
{
	struct uvdk_dmadev_result r[3];

	begin();
	COPY(4096, 0, 10, 0);
	COPY(8192, 0, 11, UVDK_DMADEV_FENCE);
	COPY(8192, 0, 12, UVDK_DMADEV_SUBMIT);
	cr_expect_eq(fake.posts, 1);
	cr_expect_eq(fake.log[1].op_flags & 1, 1);
	cr_expect_eq((fake.log[0].op_flags | fake.log[2].op_flags) & 1, 0);
	drain(r, 3);
	end();
}
