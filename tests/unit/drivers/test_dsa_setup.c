// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>

#include "dsa_testing.h"

Test(dsa_setup, tells_what_it_can_do)
{
	const struct uvdk_dmadev_info *info;

	begin();
	info = uvdk_dmadev_get_info(dma);
	cr_expect_str_eq(info->driver, "dsa");
	cr_expect_eq(info->max_channels, FAKE_WQS);
	cr_expect_eq(info->max_len, 1 << 20);
	cr_expect_eq(info->max_batch, 32);
	cr_expect_eq(info->ops, 0x3f);
	cr_expect_eq(info->features & 0x3f, 0x3f);
	end();
}

Test(dsa_setup, queues_and_engines_are_dealt_evenly)
{
	begin();
	cr_expect_eq(fake.groups[0][0], 0x5);
	cr_expect_eq(fake.groups[1][0], 0xa);
	cr_expect_eq(fake.groups[0][4], 0x5);
	cr_expect_eq(fake.groups[1][4], 0x2);
	for (int i = 0; i < FAKE_WQS; i++) {
		cr_expect_eq(fake.wq[i].cfg[0], 4);
		cr_expect(fake.wq[i].cfg[2] & 1, "queue %d is a shared one", i);
	}
	cr_expect_eq(fake.wq[0].cfg[3], 20 | 5 << 5);
	end();
}

Test(dsa_setup, fewer_channels_have_more_entries)
{
	struct uvdk_dmadev_opts opts = {.size = sizeof(opts), .channels = 1};

	device_begin();
	cr_assert_eq(uvdk_dmadev_open(b.dev, &opts, &dma), 0);
	cr_expect_eq(fake.wq[0].cfg[0], 16);
	cr_expect_eq(fake.wq[1].cfg[0], 0);
	cr_expect_eq(fake.groups[1][0], 0);
	cr_expect_eq(uvdk_dmadev_get_info(dma)->max_channels, 1);
	end();
}

Test(dsa_setup, more_channels_than_queues_are_refused)
{
	struct uvdk_dmadev_opts opts = {.size = sizeof(opts), .channels = 5};

	device_begin();
	cr_expect_eq(uvdk_dmadev_open(b.dev, &opts, &dma), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "4 work queues"), "%s", uvdk_last_error());
	bench_close(&b);
}

Test(dsa_setup, channels_without_number_are_busy_at_the_last)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts)};
	struct uvdk_dmadev_chan *more[FAKE_WQS];

	begin();
	opts.ioas = b.ioas;
	for (int i = 1; i < FAKE_WQS; i++)
		cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &more[i]), 0);
	cr_expect_eq(uvdk_dmadev_chan_open(dma, &opts, &more[0]), -EBUSY);
	uvdk_dmadev_chan_close(more[2]);
	cr_expect_eq(uvdk_dmadev_chan_open(dma, &opts, &more[2]), 0, "%s", uvdk_last_error());
	end();
}

/* ---- nonsense ---- */

static void refuses(uint64_t *reg, uint64_t value)
{
	uint64_t good = *reg;

	*reg = value;
	cr_expect_eq(uvdk_dmadev_open(b.dev, NULL, &dma), -EPROTO, "0x%llx",
		     (unsigned long long)value);
	cr_expect(!(command_register() & UVDK_PCI_COMMAND_MASTER));
	*reg = good;
}

Test(dsa_setup, nonsense_in_registers_is_refused)
{
	uint64_t version = 0;

	device_begin();
	fake.version = 0x0;
	refuses(&version, 0);
	fake.version = 0xffff;
	refuses(&version, 0);
	fake.version = 0x100;
	refuses(&fake.gencap, fake.gencap & ~(UINT64_C(1) << 31));
	refuses(&fake.gencap, fake.gencap & ~(UINT64_C(0x1f) << 16));
	refuses(&fake.wqcap, 0);
	refuses(&fake.wqcap, fake.wqcap & ~UINT64_C(0xffff));
	refuses(&fake.wqcap, fake.wqcap & ~(UINT64_C(2) << 48));
	refuses(&fake.wqcap, (fake.wqcap & ~UINT64_C(0xff0000)) | 200 << 16);
	refuses(&fake.wqcap, fake.wqcap | 15 << 24);
	refuses(&fake.grpcap, 0);
	refuses(&fake.engcap, 0);
	refuses(&fake.engcap, 200);
	refuses(&fake.opcap, 0);
	refuses(&fake.offsets, 0);
	refuses(&fake.offsets, UINT64_MAX);
	refuses(&fake.offsets, fake.offsets & ~UINT64_C(0xffff));
	refuses(&fake.offsets, fake.offsets & UINT64_C(0xffffffff));
	cr_expect_eq(uvdk_dmadev_open(b.dev, NULL, &dma), 0, "%s", uvdk_last_error());
	end();
}

Test(dsa_setup, later_versions_are_known)
{
	device_begin();
	fake.version = 0x200;
	cr_assert_eq(uvdk_dmadev_open(b.dev, NULL, &dma), 0, "%s", uvdk_last_error());
	end();
}

Test(dsa_setup, portals_that_are_not_there_are_missed)
{
	struct uvdk_dmadev *none = NULL;

	fake_register();
	fake.portal_bar = 0x8000;
	bench_open(&b, "emu:dsa-fake", false);
	cr_expect_eq(uvdk_dmadev_open(b.dev, NULL, &none), -EPROTO);
	cr_expect(strstr(uvdk_last_error(), "BAR 2"), "%s", uvdk_last_error());
	cr_expect_null(none);
	bench_close(&b);
}

/* ---- what a process before has left ---- */

Test(dsa_setup, an_enabled_device_is_reset)
{
	device_begin();
	fake.state = 1;
	fake.wq[2].state = 1;
	fake.wq[2].cfg[0] = 8;
	begin_opts((struct uvdk_dmadev_chan_opts){0});
	cr_expect_eq(fake.commands[5], 1);
	cr_expect_eq(fake.commands[4], 1, "what ran was not aborted");
	cr_expect_eq(fake.resets, 0);
	end();
}

Test(dsa_setup, a_halted_device_gets_a_function_reset)
{
	device_begin();
	fake.state = 3;
	fake.resets_cured_by = 1;
	begin_opts((struct uvdk_dmadev_chan_opts){0});
	cr_expect_eq(fake.resets, 1);
	end();
}

Test(dsa_setup, a_device_that_stays_halted_is_refused)
{
	device_begin();
	fake.state = 3;
	fake.resets_cured_by = 9;
	cr_expect_eq(uvdk_dmadev_open(b.dev, NULL, &dma), -EPROTO);
	cr_expect(strstr(uvdk_last_error(), "halted"), "%s", uvdk_last_error());
	bench_close(&b);
}

/* The clock runs away while a command is waited for. */
static void *hurry(void *arg)
{
	while (!*(volatile bool *)arg) {
		__atomic_fetch_add(&clock_skew_ns, UINT64_C(1000000000), __ATOMIC_RELAXED);
		usleep(1000);
	}
	return NULL;
}

#define IN_A_HURRY(what)                                                      \
	do {                                                                  \
		bool stop = false;                                            \
		pthread_t thread;                                             \
                                                                              \
		cr_assert_eq(pthread_create(&thread, NULL, hurry, &stop), 0); \
		what;                                                         \
		*(volatile bool *)&stop = true;                               \
		pthread_join(thread, NULL);                                   \
	} while (0)

Test(dsa_setup, a_reset_that_never_ends_is_ended_by_the_bus)
{
	device_begin();
	fake.hang = 5;
	IN_A_HURRY(begin_opts((struct uvdk_dmadev_chan_opts){0}));
	cr_expect_eq(fake.resets, 1);
	end();
}

Test(dsa_setup, a_command_that_never_ends_is_an_error_in_time)
{
	device_begin();
	fake.hang = 1;
	IN_A_HURRY(cr_expect_eq(uvdk_dmadev_open(b.dev, NULL, &dma), -ETIMEDOUT));
	cr_expect(!(command_register() & UVDK_PCI_COMMAND_MASTER));
	bench_close(&b);
}

Test(dsa_setup, a_device_that_was_not_reset_is_refused)
{
	device_begin();
	fake.state = 1;
	fake.stays_enabled = true;
	fake.opcap = 0x3003f;
	cr_assert_eq(uvdk_dmadev_open(b.dev, NULL, &dma), 0, "a function reset helps: %s",
		     uvdk_last_error());
	fake.stays_enabled = false;
	end();
}

Test(dsa_setup, a_command_that_fails_is_told_with_its_code_and_what_it_means)
{
	static const struct {
		uint8_t error;
		const char *code, *means;
	} is[] = {{0x04, "0x04", "reserved bits"},
		  {0x26, "0x26", "PASID"},
		  {0x2a, "0x2a", "privileged"},
		  {0x43, "0x43", "interrupt handle"}};
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts)};

	device_begin();
	fake.refuse = 6;
	opts.ioas = b.ioas;
	cr_assert_eq(uvdk_dmadev_open(b.dev, NULL, &dma), 0);
	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		fake.error = is[i].error;
		cr_expect_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), -EPROTO);
		cr_expect(strstr(uvdk_last_error(), is[i].code), "%s", uvdk_last_error());
		cr_expect(strstr(uvdk_last_error(), is[i].means), "%s", uvdk_last_error());
	}
	end();
}

Test(dsa_setup, a_queue_that_can_not_be_disabled_takes_the_bus_with_it)
{
	begin();
	fake.stays_enabled = true;
	uvdk_dmadev_chan_close(chan);
	cr_expect(!(command_register() & UVDK_PCI_COMMAND_MASTER));
	fake.wq[0].state = 0;
	end();
}

/* ---- options of channels ---- */

Test(dsa_setup, a_shared_queue_is_the_kernels)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts),
					     .flags = UVDK_DMADEV_CHAN_SHARED};

	begin();
	opts.ioas = b.ioas;
	cr_expect_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "/dev/dsa"), "%s", uvdk_last_error());
	end();
}

Test(dsa_setup, a_channel_needs_memory)
{
	begin();
	cr_expect_eq(uvdk_dmadev_chan_open(dma, NULL, &chan), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "ioas"), "%s", uvdk_last_error());
	end();
}

Test(dsa_setup, blocking_and_pasid_are_of_the_queue)
{
	struct uvdk_dmadev_result result;

	device_begin();
	cr_assert_eq(uvdk_ioas_attach_pasid(b.ioas, b.dev, 77), 0, "%s", uvdk_last_error());
	begin_opts((struct uvdk_dmadev_chan_opts){.pasid = 77, .flags = UVDK_DMADEV_CHAN_BLOCK});
	cr_expect_eq(fake.wq[0].cfg[2] >> 8 & 0xfffff, 77);
	cr_expect(fake.wq[0].cfg[2] & 1u << 28);
	cr_expect(fake.wq[0].cfg[2] & 2);
	pattern(b.mem, 100, 3);
	COPY(4096, 0, 100, UVDK_DMADEV_SUBMIT);
	drain(&result, 1);
	cr_expect_eq(result.status, UVDK_DMADEV_OK);
	cr_expect_eq(memcmp(b.mem, b.mem + 4096, 100), 0);
	cr_expect(fake.log[0].op_flags & 2, "the descriptor does not block");
	uvdk_dmadev_chan_close(chan);
	uvdk_ioas_detach_pasid(b.ioas, b.dev, 77);
	end();
}

Test(dsa_setup, interrupts_are_signalled)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	device_begin();
	begin_opts((struct uvdk_dmadev_chan_opts){.flags = UVDK_DMADEV_CHAN_IRQ, .event_fd = fd});
	COPY(4096, 0, 100, UVDK_DMADEV_SUBMIT);
	cr_expect(fake.log[0].op_flags & 0x10);
	cr_expect_eq(fake.log[0].handle, 1, "by queue 0's vector");
	end();
	close(fd);
}
