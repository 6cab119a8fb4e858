// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>

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
