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

static void fill(uint8_t *p, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i * 7 + i / 251);
}

/* Poll until count copies have ended; manual machines are stepped. */
static unsigned int drain(bool manual, enum uvdk_dma_status *status, unsigned int count,
			  uint16_t *last)
{
	unsigned int n = 0;
	uint64_t give_up = wall_ns() + UINT64_C(10000000000);

	while (n < count && wall_ns() < give_up) {
		n += uvdk_dmadev_completed(dma, status ? status + n : NULL, count - n, last);
		if (manual)
			uvdk_emu_step(b.emu);
	}
	return n;
}

static void begin(const char *spec, bool manual)
{
	bench_open(&b, spec, manual);
	cr_assert_eq(uvdk_dmadev_open(b.dev, &dma), 0, "%s", uvdk_last_error());
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
	cr_expect_geq(info->ring, 32);
	cr_expect_geq(info->max_copy, 65536);
	end();
}

Test(edu_copy, copies_of_any_length_and_alignment)
{
	static const size_t lens[] = {1, 3, 4095, 4096, 4097, 8192, 20000};
	enum uvdk_dma_status status;

	begin("emu:edu", false);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		uint8_t *src = b.mem + 5, *dst = b.mem + 32768 + 3;
		size_t len = lens[i];

		memset(b.mem, 0, MEM_LEN);
		fill(src, len, (unsigned int)i);
		cr_assert_eq(uvdk_dmadev_copy(dma, b.iova + 32768 + 3, b.iova + 5, len), (int)i);
		cr_assert_eq(uvdk_dmadev_submit(dma), 0);
		cr_assert_eq(drain(false, &status, 1, NULL), 1);
		cr_expect_eq(status, UVDK_DMA_OK);
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
	cr_assert_eq(uvdk_dmadev_copy(dma, b.iova + 4096, b.iova, 16), 0);
	for (int i = 0; i < 10; i++) {
		uvdk_emu_step(b.emu);
		cr_expect_eq(uvdk_dmadev_completed(dma, NULL, 8, NULL), 0);
	}
	cr_expect_eq(b.mem[4096], 0);
	cr_assert_eq(uvdk_dmadev_submit(dma), 0);
	cr_expect_eq(drain(true, NULL, 1, NULL), 1);
	cr_expect_eq(b.mem[4096], 9);
	end();
}

Test(edu_copy, a_full_ring_refuses_and_completes_in_order)
{
	enum uvdk_dma_status status[64];
	uint16_t last = 99;
	unsigned int ring;

	begin("emu:edu", true);
	ring = uvdk_dmadev_get_info(dma)->ring;
	cr_assert_leq(ring, 64);
	/* A chain: each copy moves on what the one before it brought. */
	fill(b.mem, 64, 1);
	for (unsigned int i = 0; i < ring; i++)
		cr_assert_eq(uvdk_dmadev_copy(dma, b.iova + (i + 1) * 64, b.iova + i * 64, 64),
			     (int)i);
	cr_expect_eq(uvdk_dmadev_copy(dma, b.iova, b.iova, 64), -ENOSPC);
	cr_assert_eq(uvdk_dmadev_submit(dma), 0);
	cr_expect_eq(drain(true, status, 3, &last), 3);
	cr_expect_eq(last, 2);
	cr_expect_eq(drain(true, status + 3, ring - 3, &last), ring - 3);
	cr_expect_eq(last, ring - 1);
	for (unsigned int i = 0; i < ring; i++)
		cr_expect_eq(status[i], UVDK_DMA_OK);
	cr_expect_eq(memcmp(b.mem + ring * 64, b.mem, 64), 0);
	cr_expect_eq(uvdk_dmadev_completed(dma, status, 64, &last), 0);
	end();
}

Test(edu_copy, operation_numbers_wrap)
{
	uint16_t last;

	begin("emu:edu", true);
	for (unsigned int i = 0; i < 65540; i++) {
		b.mem[0] = (uint8_t)i;
		cr_assert_eq(uvdk_dmadev_copy(dma, b.iova + 64, b.iova, 1), (int)(i & 0xffff));
		uvdk_dmadev_submit(dma);
		cr_assert_eq(drain(true, NULL, 1, &last), 1);
		cr_assert_eq(last, (uint16_t)i);
		cr_assert_eq(b.mem[64], (uint8_t)i);
	}
	end();
}

Test(edu_copy, refuses_what_the_device_would_get_wrong)
{
	size_t max;

	begin("emu:edu", true);
	max = uvdk_dmadev_get_info(dma)->max_copy;
	cr_expect_eq(uvdk_dmadev_copy(dma, 0, 0, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy(dma, 0, 0, max + 1), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy(dma, 0x10000000, 0, 1), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy(dma, 0, 0x0ffffff0, 17), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy(dma, UINT64_MAX, 0, 4), -EINVAL);
	cr_expect_eq(uvdk_dmadev_copy(dma, 0, 0x0ffffff0, 16), 0);
	end();
}

Test(edu_copy, a_transfer_that_never_ends_is_an_error_in_time)
{
	enum uvdk_dma_status status[2];
	unsigned int n = 0;

	begin("emu:edu,stuck", true);
	uvdk_dmadev_copy(dma, b.iova, b.iova + 64, 16);
	uvdk_dmadev_copy(dma, b.iova, b.iova + 64, 16);
	uvdk_dmadev_submit(dma);
	for (int i = 0; i < 5000; i++)
		n += uvdk_dmadev_completed(dma, status, 2, NULL);
	cr_expect_eq(n, 0, "patience");
	for (int i = 0; i < 4; i++) {
		clock_skew_s += 100;
		for (int poll = 0; poll < 200; poll++)
			n += uvdk_dmadev_completed(dma, status + n, 2 - n, NULL);
	}
	cr_assert_eq(n, 2);
	cr_expect_eq(status[0], UVDK_DMA_ERROR);
	cr_expect_eq(status[1], UVDK_DMA_ERROR);
	cr_expect_eq(uvdk_dmadev_copy(dma, b.iova, b.iova, 1), 2, "it was reset, and goes on");
	end();
}

Test(edu_copy, a_device_that_vanishes_ends_every_copy)
{
	enum uvdk_dma_status status[4];
	uint16_t last;

	begin("emu:edu", true);
	for (int i = 0; i < 3; i++)
		uvdk_dmadev_copy(dma, b.iova + 4096, b.iova, 5000);
	uvdk_dmadev_submit(dma);
	uvdk_emu_step(b.emu);
	cr_assert_eq(uvdk_emu_unplug(b.emu, "emu:edu#0", true), 0);
	cr_assert_eq(drain(true, status, 3, &last), 3);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(status[i], UVDK_DMA_GONE);
	cr_expect_eq(last, 2);
	cr_expect_eq(uvdk_dmadev_copy(dma, b.iova, b.iova, 1), -ENODEV);
	cr_expect_eq(uvdk_dmadev_submit(dma), -ENODEV);
	end();
}

Test(edu_copy, after_close_the_device_reaches_no_memory)
{
	uint64_t cmd;

	begin("emu:edu", true);
	memset(b.mem, 0x5a, 8192);
	uvdk_dmadev_copy(dma, b.iova + 4096, b.iova, 16);
	uvdk_dmadev_submit(dma);
	cr_assert_eq(uvdk_emu_step(b.emu), 1);			    /* memory -> device */
	cr_assert_eq(uvdk_dmadev_completed(dma, NULL, 1, NULL), 0); /* device -> memory begins */
	cr_assert_eq(uvdk_region_read(&b.bar, 0x98, 8, &cmd), 0);
	cr_assert_eq(cmd & 3, 3);
	memset(b.mem, 0, 8192);
	uvdk_dmadev_close(dma);
	uvdk_emu_step(b.emu);
	for (int i = 0; i < 8192; i++)
		cr_assert_eq(b.mem[i], 0);

	cr_assert_eq(uvdk_dmadev_open(b.dev, &dma), 0, "and it can be opened again");
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
	ret = uvdk_dmadev_open(odd.dev, &dma);
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
	enum uvdk_dma_status status;

	cr_assert_eq(open_odd(UINT64_MAX, 0), 0); /* registers the model */
	begin("emu:odd", true);
	uvdk_dmadev_copy(dma, b.iova, b.iova + 64, 16);
	uvdk_dmadev_submit(dma);
	odd_off = 0x98;
	odd_value = 0xdead0000;
	cr_assert_eq(uvdk_dmadev_completed(dma, &status, 1, NULL), 1);
	cr_expect_eq(status, UVDK_DMA_ERROR);
	uvdk_dmadev_copy(dma, b.iova, b.iova + 64, 16);
	uvdk_dmadev_submit(dma);
	cr_assert_eq(uvdk_dmadev_completed(dma, &status, 1, NULL), 1);
	cr_expect_eq(status, UVDK_DMA_ERROR, "a device that can't be reset fails every copy");
	end();
}

static int cousin_create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	int ret = uvdk_model_edu.create(fn, args);

	uvdk_emu_fn_ids(fn, 0x1234, 0x11e9, 0, 0, 0x00ff00, 0);
	return ret;
}

Test(edu_copy, one_device_is_one_channel)
{
	struct uvdk_dmadev *second = NULL;

	begin("emu:edu", true);
	cr_expect_eq(uvdk_dmadev_open(b.dev, &second), -EBUSY);
	cr_expect(strstr(uvdk_last_error(), "a DMA channel already"), "%s", uvdk_last_error());
	cr_expect_null(second);
	uvdk_dmadev_close(dma);
	cr_assert_eq(uvdk_dmadev_open(b.dev, &dma), 0, "%s", uvdk_last_error());
	end();
}

Test(edu_copy, a_device_that_failed_to_open_has_no_channel)
{
	cr_expect_eq(uvdk_dmadev_open(NULL, &dma), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "needs a device"), "%s", uvdk_last_error());
	cr_expect_null(dma);
}

Test(edu_copy, other_devices_have_no_driver)
{
	static struct uvdk_emu_model cousin;

	cousin = uvdk_model_edu;
	cousin.name = "cousin";
	cousin.create = cousin_create;
	uvdk_emu_model_register(&cousin);
	bench_open(&b, "emu:cousin", true);
	cr_expect_eq(uvdk_dmadev_open(b.dev, &dma), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "1234:11e9"), "%s", uvdk_last_error());
	cr_expect_null(dma);
	bench_close(&b);
}
