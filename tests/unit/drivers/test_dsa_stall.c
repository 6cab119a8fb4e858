// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dsa_testing.h"

static unsigned int warnings;
static char warning[512];

static void on_log(void *priv, enum uvdk_log_level level, const char *component, const char *text)
{
	(void)priv;
	if (level != UVDK_LOG_WARN || strcmp(component, "dma.dsa"))
		return;
	warnings++;
	snprintf(warning, sizeof(warning), "%s", text);
}

static unsigned int poll_for(struct uvdk_dmadev_result *r, unsigned int max, unsigned int seconds)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 2000 && n < max; i++) {
		n += uvdk_dmadev_completed_status(chan, r + n, max - n);
		if (i == 1000)
			clock_skew_ns += seconds * UINT64_C(1000000000);
	}
	return n;
}

Test(dsa_stall, what_never_ends_is_aborted_in_time)
{
	struct uvdk_dmadev_result r[3];

	begin();
	fake.sleeps = true;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	COPY(4096, 0, 10, 0);
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	cr_expect_eq(poll_for(r, 3, 1), 0, "patience");
	cr_assert_eq(poll_for(r, 3, 100), 3);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(r[i].status, UVDK_DMADEV_ERROR);
	cr_expect_eq(fake.commands[9], 1);
	fake.sleeps = false;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	drain(r, 1);
	cr_expect_eq(r[0].status, UVDK_DMADEV_OK, "it goes on");
	end();
}

Test(dsa_stall, what_can_not_be_aborted_loses_the_bus)
{
	struct uvdk_dmadev_result r[2];

	begin();
	fake.sleeps = true;
	fake.refuse = 9;
	fake.error = 3;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	cr_assert_eq(poll_for(r, 1, 100), 1);
	cr_expect_eq(r[0].status, UVDK_DMADEV_ERROR);
	cr_expect(!(command_register() & UVDK_PCI_COMMAND_MASTER));
	cr_expect_eq(COPY(4096, 0, 10, 0), -ENODEV);
	cr_expect_eq(uvdk_dmadev_capacity(chan), 0);
	cr_expect_eq(uvdk_dmadev_chan_open(dma, NULL, &chan), -EINVAL);
	fake.wq[0].state = 0;
	end();
}

/* A close that waited for them would wait as long as a page is missing. */
Test(dsa_stall, what_was_posted_by_hand_is_aborted_by_a_close)
{
	static const uint64_t desc[8] __attribute__((aligned(64)));

	begin();
	fake.sleeps = true;
	cr_expect_eq(uvdk_dsa_post(chan, desc), 0);
	uvdk_dmadev_chan_close(chan);
	chan = NULL;
	cr_expect_eq(fake.commands[9], 1);
	fake.sleeps = false;
	end();
}

Test(dsa_stall, a_device_that_vanishes_ends_all_of_it)
{
	struct uvdk_dmadev_result r[6];

	begin();
	fake.sleeps = true;
	for (int i = 0; i < 6; i++)
		COPY(4096, 0, 10, i < 5 ? UVDK_DMADEV_SUBMIT : 0);
	cr_assert_eq(uvdk_emu_unplug(b.emu, "emu:dsa-fake#0", true), 0);
	drain(r, 6);
	for (int i = 0; i < 6; i++) {
		cr_expect_eq(r[i].status, UVDK_DMADEV_GONE);
		cr_expect_eq(r[i].index, i);
	}
	cr_expect_eq(COPY(4096, 0, 10, 0), -ENODEV);
	cr_expect_eq(uvdk_dmadev_submit(chan), -ENODEV);
	cr_expect_eq(uvdk_dsa_post(chan, b.mem), -ENODEV);
	uvdk_dmadev_close(dma);
	bench_close(&b);
}

Test(dsa_stall, errors_of_the_device_are_said_once)
{
	struct uvdk_dmadev_result r[1];

	begin();
	fake.sleeps = true;
	uvdk_log_set_sink(on_log, NULL);
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	fake.swerr[0] = 1 | 8 | 0x1b << 8 | 0 << 16 | UINT64_C(3) << 32 | UINT64_C(55) << 40;
	fake.swerr[2] = 0x123400;
	poll_for(r, 1, 0);
	clock_skew_ns += 10000000;
	poll_for(r, 1, 0);
	cr_expect_eq(fake.acks, 1);
	cr_expect_eq(warnings, 1, "%u", warnings);
	cr_expect(strstr(warning, "0x1b") && strstr(warning, "PASID 55") &&
			  strstr(warning, "0x123400"),
		  "%s", warning);
	uvdk_log_set_sink(NULL, NULL);
	end();
}

Test(dsa_stall, a_record_that_can_not_be_written_ends_its_operation)
{
	struct uvdk_dmadev_result r[2];

	begin();
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	fake.sleeps = true;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	fake.swerr[2] = fake.wq[0].portal[1];
	fake.swerr[0] = 1 | 8 | 0x1a << 8;
	drain(r, 2);
	cr_expect_eq(r[0].status, UVDK_DMADEV_OK);
	cr_expect_eq(r[1].status, UVDK_DMADEV_ERROR);
	cr_expect_eq(r[1].code, 0x1a);
	cr_expect_eq(fake.commands[9], 0);
	end();
}

Test(dsa_stall, an_error_of_the_queue_makes_waiting_short)
{
	struct uvdk_dmadev_result r[1];

	begin();
	fake.sleeps = true;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	fake.swerr[2] = fake.wq[0].portal[1]; /* may be rounded to its page */
	fake.swerr[0] = 1 | 8 | 0x1a << 8;
	cr_assert_eq(poll_for(r, 1, 1), 1);
	cr_expect_eq(r[0].status, UVDK_DMADEV_ERROR);
	cr_expect_eq(r[0].code, 0x1a);
	cr_expect_eq(fake.commands[8], 1);
	cr_expect_eq(fake.commands[9], 0, "nothing is aborted");
	end();
}

Test(dsa_stall, closing_with_work_under_way_aborts_it)
{
	begin();
	fake.sleeps = true;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	uvdk_dmadev_chan_close(chan);
	cr_expect_eq(fake.commands[9], 1);
	cr_expect_eq(fake.commands[7], 1);
	cr_expect_eq(fake.wq[0].state, 0);
	end();
}

/* ---- who polls seldom ---- */

static int begin_irq(void)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	device_begin();
	begin_opts((struct uvdk_dmadev_chan_opts){.flags = UVDK_DMADEV_CHAN_IRQ, .event_fd = fd});
	fake.sleeps = true;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);

	return fd;
}

/* Once a second, since no interrupt comes. */
static unsigned int wait_for(struct uvdk_dmadev_result *r, unsigned int seconds)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < seconds && !n; i++) {
		clock_skew_ns += UINT64_C(1000000000);
		n = uvdk_dmadev_completed_status(chan, r, 1);
	}

	return n;
}

Test(dsa_stall, who_waits_for_interrupts_learns_of_a_stall_in_time)
{
	struct uvdk_dmadev_result r;
	int fd = begin_irq();

	cr_expect_eq(wait_for(&r, 5), 0, "patience");
	cr_assert_eq(wait_for(&r, 10), 1);
	cr_expect_eq(r.status, UVDK_DMADEV_ERROR);
	cr_expect_eq(fake.commands[9], 1);
	end();
	close(fd);
}

Test(dsa_stall, who_waits_for_interrupts_learns_that_the_device_has_gone)
{
	struct uvdk_dmadev_result r;
	int fd = begin_irq();

	cr_assert_eq(uvdk_emu_unplug(b.emu, "emu:dsa-fake#0", true), 0);
	cr_assert_eq(wait_for(&r, 2), 1);
	cr_expect_eq(r.status, UVDK_DMADEV_GONE);
	uvdk_dmadev_close(dma);
	bench_close(&b);
	close(fd);
}

/* ---- errors that the device reports, and whose they are ---- */

static void poll_none(unsigned int seconds)
{
	struct uvdk_dmadev_result r;

	clock_skew_ns += seconds * UINT64_C(1000000000);
	for (unsigned int i = 0; i < 600; i++)
		cr_assert_eq(uvdk_dmadev_completed_status(chan, &r, 1), 0, "status %u", r.status);
}

/* One that no record tells of. */
static void report(unsigned int wq)
{
	fake.swerr[2] = 0x123000;
	fake.swerr[0] = 1 | 8 | 0x1a << 8 | (uint64_t)wq << 16;
	poll_none(0);
	clock_skew_ns += 10000000;
	poll_none(0);
	cr_expect_eq(fake.swerr[0], 0, "it was not read");
}

static void begin_block(void)
{
	device_begin();
	begin_opts((struct uvdk_dmadev_chan_opts){.flags = UVDK_DMADEV_CHAN_BLOCK});
	fake.sleeps = true;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
}

static void write_record(uint64_t iova, struct fake_record rec)
{
	cr_assert_eq(uvdk_emu_dma_write_pasid(fake.fn, UVDK_EMU_NO_PASID, iova, &rec, sizeof(rec)),
		     0);
}

Test(dsa_stall, what_waits_for_a_page_outlives_the_errors_of_others)
{
	struct uvdk_dmadev_result r;

	begin_block();
	report(1);
	poll_none(5);
	cr_expect_eq(fake.commands[8] + fake.commands[9], 0);
	write_record(fake.wq[0].portal[1], (struct fake_record){.status = 1});
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_OK);
	end();
}

Test(dsa_stall, what_waits_for_a_page_is_aborted_soon_after_an_error_of_its_own)
{
	struct uvdk_dmadev_result r;

	begin_block();
	report(0);
	cr_assert_eq(poll_for(&r, 1, 1), 1);
	cr_expect_eq(r.status, UVDK_DMADEV_ERROR);
	cr_expect_eq(fake.commands[8], 0);
	cr_expect_eq(fake.commands[9], 1);
	fake.sleeps = false;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_OK);
	end();
}

Test(dsa_stall, an_error_is_forgotten_once_all_has_ended)
{
	struct uvdk_dmadev_result r;

	begin_block();
	report(0);
	write_record(fake.wq[0].portal[1], (struct fake_record){.status = 1});
	drain(&r, 1);
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	poll_none(0);
	poll_none(5);
	cr_expect_eq(fake.commands[9], 0, "what came later is not its fault");
	end();
}

/* ---- draining ---- */

static void begin_drain(void)
{
	begin();
	fake.sleeps = true;
	fake.hang = 8;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	report(1);
	poll_none(0);
	cr_expect_eq(fake.commands[8], 1);
}

Test(dsa_stall, a_poll_does_not_wait_for_what_drains)
{
	struct uvdk_dmadev_result r[2];

	begin_drain();
	/* What comes meanwhile is not what the drain is about. */
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	poll_none(6);
	cr_expect_eq(fake.posts, 2);
	fake.cmdsts = 0;
	cr_assert_eq(poll_for(r, 1, 0), 1);
	cr_expect_eq(r[0].status, UVDK_DMADEV_ERROR);
	cr_expect_eq(r[0].code, 0x1a);
	poll_none(0);
	write_record(fake.wq[0].portal[1], (struct fake_record){.status = 1});
	drain(r, 1);
	cr_expect_eq(r[0].status, UVDK_DMADEV_OK);
	cr_expect_eq(fake.commands[9], 0, "nothing is aborted behind a drain");
	cr_expect(command_register() & UVDK_PCI_COMMAND_MASTER);
	fake.hang = 0;
	end();
}

Test(dsa_stall, what_another_command_saw_the_end_of_has_ended)
{
	struct uvdk_dmadev_chan_opts opts = {
		.size = sizeof(opts),
	};
	struct uvdk_dmadev_chan *other;
	struct uvdk_dmadev_result r;

	begin_drain();
	fake.cmdsts = 0;
	opts.ioas = b.ioas;
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &other), 0, "%s", uvdk_last_error());
	cr_assert_eq(poll_for(&r, 1, 0), 1);
	cr_expect_eq(r.code, 0x1a);
	fake.hang = 0;
	end();
}

/* ---- commands of another queue ---- */

static struct uvdk_dmadev_chan *open_other(void)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts), .ioas = b.ioas};
	struct uvdk_dmadev_chan *other;

	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &other), 0, "%s", uvdk_last_error());

	return other;
}

/* Both queues stand still; that of @other is aborted, which takes its time. */
static struct uvdk_dmadev_chan *begin_two(void)
{
	struct uvdk_dmadev_chan *other;
	struct uvdk_dmadev_result r;

	begin();
	other = open_other();
	fake.sleeps = true;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	uvdk_dmadev_copy(other, b.iova + 8192, b.iova, 10, UVDK_DMADEV_SUBMIT);
	poll_none(0);
	fake.hang = 9;
	for (unsigned int i = 0; i < 600; i++) {
		cr_assert_eq(uvdk_dmadev_completed_status(other, &r, 1), 0);
		if (i == 300)
			clock_skew_ns += UINT64_C(60000000000);
	}
	cr_assert_eq(fake.commands[9], 1);

	return other;
}

/* However long a queue has waited: the other's command has only begun. */
Test(dsa_stall, a_command_that_another_queue_waits_for_has_its_time)
{
	struct uvdk_dmadev_chan *other = begin_two();
	struct uvdk_dmadev_result r;

	poll_none(0);
	poll_none(7);
	cr_expect(command_register() & UVDK_PCI_COMMAND_MASTER);
	fake.hang = 0;
	fake.cmdsts = 0;
	cr_assert_eq(poll_for(&r, 1, 0), 1);
	cr_expect_eq(r.status, UVDK_DMADEV_ERROR);
	cr_expect_eq(fake.commands[9], 2);
	for (unsigned int i = 0; i < 600 && !uvdk_dmadev_completed_status(other, &r, 1); i++)
		;
	cr_expect_eq(r.status, UVDK_DMADEV_ERROR);
	cr_expect(command_register() & UVDK_PCI_COMMAND_MASTER);
	end();
}

Test(dsa_stall, but_no_more_than_that)
{
	struct uvdk_dmadev_result r;

	begin_two();
	cr_assert_eq(poll_for(&r, 1, 11), 1);
	cr_expect_eq(r.status, UVDK_DMADEV_ERROR);
	cr_expect(!(command_register() & UVDK_PCI_COMMAND_MASTER));
	fake.wq[0].state = fake.wq[1].state = 0;
	fake.hang = 0;
	fake.cmdsts = 0;
	end();
}

/* It ends after 7 s. */
static void on_status(void)
{
	static unsigned int reads;

	clock_skew_ns += 10000000;
	if (++reads != 700)
		return;
	fake.cmdsts = 0;
	fake.on_status = NULL;
}

Test(dsa_stall, who_opens_a_channel_waits_for_a_drain_as_long_as_polls_do)
{
	begin_drain();
	fake.hang = 0;
	fake.on_status = on_status;
	open_other();
	cr_expect_eq(fake.on_status, NULL);
	cr_expect(command_register() & UVDK_PCI_COMMAND_MASTER);
	end();
}

Test(dsa_stall, a_drain_that_never_ends_is_named)
{
	struct uvdk_dmadev_result r;

	begin_drain();
	cr_assert_eq(poll_for(&r, 1, 11), 1);
	cr_expect_eq(r.status, UVDK_DMADEV_ERROR);
	cr_expect_eq(fake.commands[9], 0);
	cr_expect(!(command_register() & UVDK_PCI_COMMAND_MASTER));
	cr_expect(strstr(uvdk_last_error(), "(drain a work queue) for work queue 0"), "%s",
		  uvdk_last_error());
	fake.wq[0].state = 0;
	end();
}

Test(dsa_stall, a_drain_that_is_refused_is_followed_by_an_abort)
{
	struct uvdk_dmadev_result r;

	begin();
	fake.sleeps = true;
	fake.refuse = 8;
	fake.error = 3;
	COPY(4096, 0, 10, UVDK_DMADEV_SUBMIT);
	fake.swerr[0] = 1 | 8 | 0x1a << 8 | 1 << 16;
	cr_assert_eq(poll_for(&r, 1, 1), 1);
	cr_expect_eq(r.status, UVDK_DMADEV_ERROR);
	cr_expect_eq(fake.commands[9], 1);
	end();
}

Test(dsa_stall, a_queue_with_much_to_do_is_not_drained)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts)};
	struct uvdk_dmadev_opts all = {.size = sizeof(all), .channels = 1};

	device_begin();
	opts.ioas = b.ioas;
	cr_assert_eq(uvdk_dmadev_open(b.dev, &all, &dma), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());
	fake.sleeps = true;
	for (int i = 0; i < 320; i++)
		cr_assert_geq(COPY(0, 0, 1 << 20, 0), 0);
	uvdk_dmadev_submit(chan);
	report(0);
	poll_none(7);
	cr_expect_eq(fake.commands[8] + fake.commands[9], 0);
	end();
}

Test(dsa_stall, nor_is_one_with_descriptors_of_unknown_kind)
{
	static const uint64_t desc[8] __attribute__((aligned(64)));

	begin();
	fake.sleeps = true;
	uvdk_dsa_post(chan, desc);
	COPY(0, 0, 64, UVDK_DMADEV_SUBMIT);
	report(0);
	poll_none(7);
	cr_expect_eq(fake.commands[8] + fake.commands[9], 0);
	end();
}

/* ---- what is slow, and goes on ---- */

Test(dsa_stall, a_batch_of_which_one_after_the_other_ends_may_take_long)
{
	struct uvdk_dmadev_result r[8];
	struct fake_desc d;

	begin();
	fake.sleeps = true;
	for (int i = 0; i < 8; i++)
		COPY(4096, 0, 10, 0);
	uvdk_dmadev_submit(chan);
	poll_none(0);
	for (unsigned int i = 0; i < 7; i++) {
		poll_none(7);
		cr_assert_eq(uvdk_emu_dma_read_pasid(fake.fn, UVDK_EMU_NO_PASID,
						     fake.wq[0].portal[2] + i * 64, &d, 64),
			     0);
		write_record(d.record, (struct fake_record){.status = 1});
		poll_none(4);
	}
	cr_expect_eq(fake.commands[9], 0);
	clock_skew_ns += UINT64_C(11000000000);
	cr_assert_eq(poll_for(r, 8, 11), 8);
	cr_expect_eq(fake.commands[9], 1);
	cr_expect_eq(r[6].status, UVDK_DMADEV_OK);
	cr_expect_eq(r[7].status, UVDK_DMADEV_ERROR);
	end();
}

Test(dsa_stall, so_may_an_operation_that_is_continued)
{
	struct uvdk_dmadev_result r;

	begin();
	fake.sleeps = true;
	COPY(16384, 0, 5000, UVDK_DMADEV_SUBMIT);
	poll_none(0);
	for (int i = 0; i < 6; i++) {
		poll_none(6);
		write_record(fake.wq[0].portal[1], (struct fake_record){.status = 3, .done = 100});
		poll_none(0);
	}
	cr_expect_eq(fake.commands[9], 0);
	write_record(fake.wq[0].portal[1], (struct fake_record){.status = 1});
	drain(&r, 1);
	cr_expect_eq(r.status, UVDK_DMADEV_OK);
	cr_expect_eq(r.done, 5000);
	end();
}

/* ---- records that are lost ---- */

Test(dsa_stall, a_batch_with_a_fence_that_lost_all_records_is_not_run_again)
{
	struct uvdk_dmadev_result r[3];

	begin();
	memset(b.mem, 5, 64);
	fake.loses = true;
	COPY(4096, 0, 64, 0);
	uvdk_dmadev_fill(chan, b.iova, 0, 64, UVDK_DMADEV_FENCE);
	uvdk_dmadev_fill(chan, b.iova + 8192, 0, 64, UVDK_DMADEV_SUBMIT);
	fake.loses = false;
	fake.swerr[2] = fake.wq[0].portal[1];
	fake.swerr[0] = 1 | 8 | 16 | 0x1a << 8;
	cr_assert_eq(poll_for(r, 3, 1), 3);
	cr_expect_eq(r[0].status, UVDK_DMADEV_ERROR);
	cr_expect_neq(r[1].status, UVDK_DMADEV_OK);
	cr_expect_neq(r[2].status, UVDK_DMADEV_OK);
	cr_expect_eq(b.mem[4096], 5, "it was copied once more, from what had been overwritten");
	end();
}

Test(dsa_stall, one_without_is_run_again)
{
	struct uvdk_dmadev_result r[2];

	begin();
	pattern(b.mem, 200, 3);
	fake.loses = true;
	COPY(4096, 0, 100, 0);
	COPY(4196, 100, 100, UVDK_DMADEV_SUBMIT);
	fake.loses = false;
	fake.swerr[2] = fake.wq[0].portal[1];
	fake.swerr[0] = 1 | 8 | 16 | 0x1a << 8;
	cr_assert_eq(poll_for(r, 2, 1), 2);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(r[i].status, UVDK_DMADEV_OK, "%d: %u", i, r[i].status);
	cr_expect_eq(memcmp(b.mem, b.mem + 4096, 200), 0);
	end();
}
