// SPDX-License-Identifier: BSD-3-Clause
#include <sys/syscall.h>

#include <uvdk_dmadev.h>
#include <uvdk_emu_driver.h>

#include "edu_testing.h"

extern const struct uvdk_emu_model uvdk_model_edu;

/* The driver's clock, which a test can push forward. The rest uses others. */
static uint64_t clock_skew_s;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int ret = (int)syscall(SYS_clock_gettime, clock, ts);

	if (clock == CLOCK_MONOTONIC)
		ts->tv_sec += (time_t)clock_skew_s;
	return ret;
}

static struct bench b;
static struct uvdk_dmadev *dma;
static struct uvdk_dmadev_chan *chan;

static void fill(uint8_t *p, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i * 7 + i / 251);
}

/* Poll until count copies have ended; manual machines are stepped. */
static unsigned int drain(bool manual, struct uvdk_dmadev_result *results, unsigned int count)
{
	struct uvdk_dmadev_result unused[64];
	unsigned int n = 0;
	uint64_t give_up = wall_ns() + UINT64_C(10000000000);

	while (n < count && wall_ns() < give_up) {
		n += uvdk_dmadev_completed_status(chan, results ? results + n : unused, count - n);
		if (manual)
			uvdk_emu_step(b.emu);
	}
	return n;
}

static void begin(const char *spec, bool manual)
{
	bench_open(&b, spec, manual);
	cr_assert_eq(uvdk_dmadev_open(b.dev, NULL, &dma), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_chan_open(dma, NULL, &chan), 0, "%s", uvdk_last_error());
}

static void end(void)
{
	uvdk_dmadev_close(dma);
	bench_close(&b);
}

Test(edu_copy, tells_what_it_can_do)
{
	const struct uvdk_dmadev_info *info;

	begin("emu:edu", true);
	info = uvdk_dmadev_get_info(dma);
	cr_expect_str_eq(info->driver, "edu");
	cr_expect_eq(info->address_mask, 0x0fffffff);
	cr_expect_geq(info->ring_max, 32);
	cr_expect_geq(info->max_len, 65536);
	end();
}

Test(edu_copy, copies_of_any_length_and_alignment)
{
	static const size_t lens[] = {1, 3, 4095, 4096, 4097, 8192, 20000};
	struct uvdk_dmadev_result result;

	begin("emu:edu", false);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t *src = b.mem + 5, *dst = b.mem + 32768 + 3;
		size_t len = lens[i];

		memset(b.mem, 0, MEM_LEN);
		fill(src, len, (unsigned int)i);
		cr_assert_eq(uvdk_dmadev_copy(chan, b.iova + 32768 + 3, b.iova + 5, len, 0),
			     (int)i);
		cr_assert_eq(uvdk_dmadev_submit(chan), 0);
		cr_assert_eq(drain(false, &result, 1), 1);
		cr_expect_eq(result.status, UVDK_DMADEV_OK);
		cr_expect_eq(memcmp(dst, src, len), 0, "%zu bytes", len);
		cr_expect_eq(dst[-1], 0);
		cr_expect_eq(dst[len], 0);
	}
	end();
}

Test(edu_copy, nothing_moves_before_submit)
{
	begin("emu:edu", true);
	memset(b.mem, 9, 16);
	cr_assert_eq(uvdk_dmadev_copy(chan, b.iova + 4096, b.iova, 16, 0), 0);
	for (int i = 0; i < 10; i++) {
		uvdk_emu_step(b.emu);
		cr_expect_eq(uvdk_dmadev_completed(chan, 8, NULL, NULL), 0);
	}
	cr_expect_eq(b.mem[4096], 0);
	cr_assert_eq(uvdk_dmadev_submit(chan), 0);
	cr_expect_eq(drain(true, NULL, 1), 1);
	cr_expect_eq(b.mem[4096], 9);
	end();
}

Test(edu_copy, a_full_ring_refuses_and_completes_in_order)
{
	struct uvdk_dmadev_result results[64];
	uint16_t last = 99;
	unsigned int ring;

	begin("emu:edu", true);
	ring = uvdk_dmadev_get_info(dma)->ring_max;
	cr_assert_leq(ring, 64);
	/* A chain: each copy moves on what the one before it brought. */
	fill(b.mem, 64, 1);
	for (unsigned int i = 0; i < ring; i++)
		cr_assert_eq(uvdk_dmadev_copy(chan, b.iova + (i + 1) * 64, b.iova + i * 64, 64, 0),
			     (int)i);
	cr_expect_eq(uvdk_dmadev_copy(chan, b.iova, b.iova, 64, 0), -ENOSPC);
	cr_assert_eq(uvdk_dmadev_submit(chan), 0);
	cr_expect_eq(drain(true, results, 3), 3);
	cr_expect_eq(results[2].index, 2);
	cr_expect_eq(drain(true, results + 3, ring - 3), ring - 3);
	cr_expect_eq(results[ring - 1].index, ring - 1);
	for (unsigned int i = 0; i < ring; i++)
		cr_expect_eq(results[i].status, UVDK_DMADEV_OK);
	cr_expect_eq(memcmp(b.mem + ring * 64, b.mem, 64), 0);
	cr_expect_eq(uvdk_dmadev_completed(chan, 64, &last, NULL), 0);
	cr_expect_eq(last, ring - 1);
	end();
}

Test(edu_copy, operation_numbers_wrap)
{
	struct uvdk_dmadev_result result;

	begin("emu:edu", true);
	for (unsigned int i = 0; i < 65540; i++) {
		b.mem[0] = (uint8_t)i;
		cr_assert_eq(uvdk_dmadev_copy(chan, b.iova + 64, b.iova, 1, 0), (int)(i & 0xffff));
		uvdk_dmadev_submit(chan);
		cr_assert_eq(drain(true, &result, 1), 1);
		cr_assert_eq(result.index, (uint16_t)i);
		cr_assert_eq(b.mem[64], (uint8_t)i);
	}
	end();
}

Test(edu_copy, refuses_what_the_device_would_get_wrong)
{
	size_t max;

	begin("emu:edu", true);
	max = uvdk_dmadev_get_info(dma)->max_len;
	cr_expect_eq(uvdk_dmadev_copy(chan, 0, 0, 0, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy(chan, 0, 0, max + 1, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy(chan, 0x10000000, 0, 1, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy(chan, 0, 0x0ffffff0, 17, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy(chan, UINT64_MAX, 0, 4, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy(chan, 0, 0x0ffffff0, 16, 0), 0);
	end();
}

Test(edu_copy, a_transfer_that_never_ends_is_an_error_in_time)
{
	struct uvdk_dmadev_result results[2];
	unsigned int n = 0;

	begin("emu:edu,stuck", true);
	uvdk_dmadev_copy(chan, b.iova, b.iova + 64, 16, 0);
	uvdk_dmadev_copy(chan, b.iova, b.iova + 64, 16, 0);
	uvdk_dmadev_submit(chan);
	for (int i = 0; i < 5000; i++)
		n += uvdk_dmadev_completed_status(chan, results, 2);
	cr_expect_eq(n, 0, "patience");
	for (int i = 0; i < 4; i++) {
		clock_skew_s += 100;
		for (int poll = 0; poll < 200; poll++)
			n += uvdk_dmadev_completed_status(chan, results + n, 2 - n);
	}
	cr_assert_eq(n, 2);
	cr_expect_eq(results[0].status, UVDK_DMADEV_ERROR);
	cr_expect_eq(results[1].status, UVDK_DMADEV_ERROR);
	cr_expect_eq(uvdk_dmadev_copy(chan, b.iova, b.iova, 1, 0), 2, "it was reset, and goes on");
	end();
}

/* Whether somebody tries to submit it or not: it would be waited for in vain. */
static void vanish_before_submit(bool submit)
{
	struct uvdk_dmadev_result results[4];
	struct uvdk_dmadev_stats stats;
	uint64_t value;

	begin("emu:edu", true);
	for (int i = 0; i < 3; i++)
		uvdk_dmadev_copy(chan, b.iova + 4096, b.iova, 5000, 0);
	cr_assert_eq(uvdk_emu_unplug(b.emu, "emu:edu#0", true), 0);
	uvdk_region_read(&b.bar, 0, 4, &value);
	cr_assert(uvdk_device_gone(b.dev), "nobody has noticed");
	if (submit)
		cr_expect_eq(uvdk_dmadev_submit(chan), -ENODEV);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(uvdk_dmadev_completed_status(chan, results, 1), 1, "%d", i);
		cr_expect_eq(results[0].status, UVDK_DMADEV_GONE);
		cr_expect_eq(results[0].index, i);
	}
	uvdk_dmadev_chan_get_stats(chan, &stats);
	cr_expect_eq(stats.completed, 3);
	uvdk_dmadev_close(dma);
	bench_close(&b);
}

Test(edu_copy, what_was_not_submitted_ends_with_the_device)
{
	vanish_before_submit(false);
}

Test(edu_copy, what_can_not_be_submitted_ends_with_the_device)
{
	vanish_before_submit(true);
}

Test(edu_copy, a_device_that_vanishes_ends_every_copy)
{
	struct uvdk_dmadev_result results[4];

	begin("emu:edu", true);
	for (int i = 0; i < 3; i++)
		uvdk_dmadev_copy(chan, b.iova + 4096, b.iova, 5000, 0);
	uvdk_dmadev_submit(chan);
	uvdk_emu_step(b.emu);
	cr_assert_eq(uvdk_emu_unplug(b.emu, "emu:edu#0", true), 0);
	cr_assert_eq(drain(true, results, 3), 3);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(results[i].status, UVDK_DMADEV_GONE);
	cr_expect_eq(results[2].index, 2);
	cr_expect_eq(uvdk_dmadev_copy(chan, b.iova, b.iova, 1, 0), -ENODEV);
	cr_expect_eq(uvdk_dmadev_submit(chan), -ENODEV);
	end();
}

Test(edu_copy, after_close_the_device_reaches_no_memory)
{
	uint64_t cmd;

	begin("emu:edu", true);
	memset(b.mem, 0x5a, 8192);
	uvdk_dmadev_copy(chan, b.iova + 4096, b.iova, 16, 0);
	uvdk_dmadev_submit(chan);
	cr_assert_eq(uvdk_emu_step(b.emu), 1);			     /* memory -> device */
	cr_assert_eq(uvdk_dmadev_completed(chan, 1, NULL, NULL), 0); /* device -> memory begins */
	cr_assert_eq(uvdk_region_read(&b.bar, 0x98, 8, &cmd), 0);
	cr_assert_eq(cmd & 3, 3);
	memset(b.mem, 0, 8192);
	uvdk_dmadev_close(dma);
	uvdk_emu_step(b.emu);
	for (int i = 0; i < 8192; i++)
		cr_assert_eq(b.mem[i], 0);

	cr_assert_eq(uvdk_dmadev_open(b.dev, NULL, &dma), 0, "and it can be opened again");
	end();
}

/* ---- devices that are not what they say ---- */

static struct uvdk_emu_model odd_model;
static uint64_t odd_off, odd_value;

static uint64_t odd_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			 unsigned int width)
{
	return off == odd_off ? odd_value : uvdk_model_edu.bar_read(fn, bar, off, width);
}

static int open_odd(uint64_t off, uint64_t value)
{
	struct bench odd;
	int ret;

	odd_model = uvdk_model_edu;
	odd_model.name = "odd";
	odd_model.bar_read = odd_read;
	uvdk_emu_model_register(&odd_model);
	odd_off = off;
	odd_value = value;
	bench_open(&odd, "emu:odd", true);
	ret = uvdk_dmadev_open(odd.dev, NULL, &dma);
	if (!ret)
		uvdk_dmadev_close(dma);
	bench_close(&odd);

	return ret;
}

Test(edu_copy, a_stranger_is_refused)
{
	cr_expect_eq(open_odd(0x00, 0x020000ed), -EPROTO);
	cr_expect_eq(open_odd(0x00, 0x010000ee), -EPROTO);
	cr_expect_eq(open_odd(0x00, 0x010400ed), 0);
	cr_expect_eq(open_odd(0x04, 0), -EPROTO);
	cr_expect_eq(open_odd(0x98, 0x50), -EPROTO);
}

Test(edu_copy, nonsense_in_the_command_register_is_an_error)
{
	struct uvdk_dmadev_result result;

	cr_assert_eq(open_odd(UINT64_MAX, 0), 0); /* registers the model */
	begin("emu:odd", true);
	uvdk_dmadev_copy(chan, b.iova, b.iova + 64, 16, 0);
	uvdk_dmadev_submit(chan);
	odd_off = 0x98;
	odd_value = 0xdead0000;
	cr_assert_eq(uvdk_dmadev_completed_status(chan, &result, 1), 1);
	cr_expect_eq(result.status, UVDK_DMADEV_ERROR);
	uvdk_dmadev_copy(chan, b.iova, b.iova + 64, 16, 0);
	uvdk_dmadev_submit(chan);
	cr_assert_eq(uvdk_dmadev_completed_status(chan, &result, 1), 1);
	cr_expect_eq(result.status, UVDK_DMADEV_ERROR,
		     "a device that can't be reset fails every copy");
	end();
}

static int cousin_create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	int ret = uvdk_model_edu.create(fn, args);

	uvdk_emu_fn_ids(fn, 0x1234, 0x11e9, 0, 0, 0x00ff00, 0);
	return ret;
}

Test(edu_copy, one_device_is_one_engine)
{
	struct uvdk_dmadev *second = NULL;

	begin("emu:edu", true);
	cr_expect_eq(uvdk_dmadev_open(b.dev, NULL, &second), -EBUSY);
	cr_expect(strstr(uvdk_last_error(), "a DMA engine already"), "%s", uvdk_last_error());
	cr_expect_null(second);
	uvdk_dmadev_close(dma);
	cr_assert_eq(uvdk_dmadev_open(b.dev, NULL, &dma), 0, "%s", uvdk_last_error());
	end();
}

Test(edu_copy, a_device_that_failed_to_open_has_no_engine)
{
	cr_expect_eq(uvdk_dmadev_open(NULL, NULL, &dma), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "needs a device"), "%s", uvdk_last_error());
	cr_expect_null(dma);
	cr_expect_eq(uvdk_dmadev_chan_open(NULL, NULL, &chan), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "needs an engine"), "%s", uvdk_last_error());
}

Test(edu_copy, other_devices_have_no_driver)
{
	static struct uvdk_emu_model cousin;

	cousin = uvdk_model_edu;
	cousin.name = "cousin";
	cousin.create = cousin_create;
	uvdk_emu_model_register(&cousin);
	bench_open(&b, "emu:cousin", true);
	cr_expect_eq(uvdk_dmadev_open(b.dev, NULL, &dma), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "1234:11e9"), "%s", uvdk_last_error());
	cr_expect_null(dma);
	bench_close(&b);
}

/* ---- channels ---- */

static int try_chan(struct uvdk_dmadev_chan_opts opts)
{
	struct uvdk_dmadev_chan *extra = NULL;
	int ret;

	opts.size = sizeof(opts);
	ret = uvdk_dmadev_chan_open(dma, &opts, &extra);
	cr_assert_eq(ret == 0, extra != NULL);

	return ret;
}

Test(edu_copy, options_of_a_channel_are_checked)
{
	begin("emu:edu", true);
	cr_expect_eq(try_chan((struct uvdk_dmadev_chan_opts){0}), -EBUSY);
	cr_expect(strstr(uvdk_last_error(), "1 channels are open"), "%s", uvdk_last_error());
	uvdk_dmadev_chan_close(chan);
	cr_expect_eq(try_chan((struct uvdk_dmadev_chan_opts){.ring = 48}), -EINVAL);
	cr_expect_eq(try_chan((struct uvdk_dmadev_chan_opts){.ring = 128}), -EINVAL);
	cr_expect_eq(try_chan((struct uvdk_dmadev_chan_opts){.pasid = 5}), -EOPNOTSUPP);
	cr_expect_eq(try_chan((struct uvdk_dmadev_chan_opts){.pasid = 1 << 20}), -EINVAL);
	cr_expect_eq(try_chan((struct uvdk_dmadev_chan_opts){.flags = 0x80}), -EINVAL);
	for (unsigned int flag = 1; flag <= UVDK_DMADEV_CHAN_SHARED; flag <<= 1)
		if (flag != UVDK_DMADEV_CHAN_NO_RESUME)
			cr_expect_eq(try_chan((struct uvdk_dmadev_chan_opts){.flags = flag}),
				     -EOPNOTSUPP, "flag 0x%x", flag);
	cr_expect_eq(try_chan((struct uvdk_dmadev_chan_opts){.ring = 4}), 0);
	end();
}

Test(edu_copy, a_smaller_ring_is_full_sooner)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts), .ring = 4};

	begin("emu:edu", true);
	uvdk_dmadev_chan_close(chan);
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());
	cr_expect_eq(uvdk_dmadev_capacity(chan), 4);
	for (int i = 0; i < 4; i++)
		cr_expect_eq(uvdk_dmadev_copy(chan, b.iova + 64, b.iova, 8, 0), i);
	cr_expect_eq(uvdk_dmadev_copy(chan, b.iova + 64, b.iova, 8, 0), -ENOSPC);
	cr_expect_eq(uvdk_dmadev_capacity(chan), 0);
	end();
}

Test(edu_copy, what_an_engine_cannot_do_is_refused)
{
	struct uvdk_dma_piece seg = {b.iova, 8};

	begin("emu:edu", true);
	cr_expect_eq(uvdk_dmadev_fill(chan, b.iova, 1, 8, 0), -EOPNOTSUPP);
	cr_expect_eq(uvdk_dmadev_compare(chan, b.iova, b.iova, 8, 0), -EOPNOTSUPP);
	cr_expect_eq(uvdk_dmadev_crc(chan, UVDK_IOVA_NONE, b.iova, 8, NULL, 0), -EOPNOTSUPP);
	cr_expect_eq(uvdk_dmadev_copy_sg(chan, &seg, 1, &seg, 1, 0), -EOPNOTSUPP);
	end();
}

Test(edu_copy, what_is_fenced_by_a_failure_is_not_run)
{
	struct uvdk_dmadev_result results[6];
	bool error = false;
	uint16_t last = 99;

	cr_assert_eq(open_odd(UINT64_MAX, 0), 0); /* registers the model */
	begin("emu:odd", true);
	memset(b.mem, 7, 64);
	uvdk_dmadev_copy(chan, b.iova + 1024, b.iova, 16, UVDK_DMADEV_SUBMIT);
	odd_off = 0x98;
	odd_value = 0xdead0000;
	cr_expect_eq(uvdk_dmadev_completed(chan, 1, &last, &error), 0);
	odd_off = UINT64_MAX;
	cr_expect(error);
	cr_expect_eq(last, 0xffff);
	uvdk_dmadev_copy(chan, b.iova + 2048, b.iova, 16, UVDK_DMADEV_FENCE);
	uvdk_dmadev_copy(chan, b.iova + 3072, b.iova, 16, UVDK_DMADEV_FENCE | UVDK_DMADEV_SUBMIT);
	cr_assert_eq(drain(true, results, 3), 3);
	cr_expect_eq(results[0].status, UVDK_DMADEV_ERROR);
	cr_expect_eq(results[1].status, UVDK_DMADEV_NOT_RUN);
	cr_expect_eq(results[2].status, UVDK_DMADEV_NOT_RUN);
	cr_expect_eq(b.mem[2048], 0);
	uvdk_dmadev_chan_close(chan);
	end();
}

Test(edu_copy, channels_count_what_they_did)
{
	struct uvdk_dmadev_stats stats;

	begin("emu:edu", true);
	uvdk_dmadev_copy(chan, b.iova + 64, b.iova, 8, 0);
	uvdk_dmadev_copy(chan, b.iova + 64, b.iova, 16, UVDK_DMADEV_SUBMIT);
	uvdk_dmadev_copy(chan, b.iova + 64, b.iova, 16, 0);
	cr_assert_eq(drain(true, NULL, 2), 2);
	uvdk_dmadev_chan_get_stats(chan, &stats);
	cr_expect_eq(stats.enqueued, 3);
	cr_expect_eq(stats.submitted, 2);
	cr_expect_eq(stats.completed, 2);
	cr_expect_eq(stats.failed, 0);
	cr_expect_eq(stats.bytes, 24);
	end();
}
