/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DSA_TESTING_H
#define DSA_TESTING_H

#include <uvdk_dmadev.h>
#include <uvdk_dsa.h>
#include <uvdk_hwpt.h>

#include "dsa_fake.h"
#include "edu_testing.h"

/* A fake DSA, opened as an application does it. */
static struct bench b;
static struct uvdk_dmadev *dma;
static struct uvdk_dmadev_chan *chan;

/* The driver's clock, which a test can push forward. */
extern uint64_t clock_skew_ns;

static inline void device_begin(void)
{
	fake_register();
	bench_open(&b, "emu:dsa-fake", false);
	uvdk_device_set_command(b.dev, 0, UVDK_PCI_COMMAND_MASTER);
}

static inline void begin_opts(struct uvdk_dmadev_chan_opts opts)
{
	opts.size = sizeof(opts);
	opts.ioas = b.ioas;
	cr_assert_eq(uvdk_dmadev_open(b.dev, NULL, &dma), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());
}

static inline void begin(void)
{
	device_begin();
	begin_opts((struct uvdk_dmadev_chan_opts){0});
}

static inline uint16_t command_register(void)
{
	uint16_t command = 0;

	cr_assert_eq(uvdk_device_config_read(b.dev, 4, &command, 2), 0);
	return command;
}

static inline void end(void)
{
	uvdk_dmadev_close(dma);
	cr_expect(!(command_register() & UVDK_PCI_COMMAND_MASTER), "a closed engine has the bus");
	for (int i = 0; i < FAKE_WQS; i++)
		cr_expect_eq(fake.wq[i].state, 0, "queue %d is on", i);
	bench_close(&b);
}

/* Poll until @count operations have ended. */
static inline void drain(struct uvdk_dmadev_result *results, unsigned int count)
{
	uint64_t give_up = wall_ns() + UINT64_C(10000000000);
	unsigned int n = 0;

	while (n < count && wall_ns() < give_up)
		n += uvdk_dmadev_completed_status(chan, results + n, count - n);
	cr_assert_eq(n, count, "%u of %u ended", n, count);
}

static inline void pattern(uint8_t *p, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i * 7 + i / 251);
}

#define COPY(dst, src, len, flags) \
	uvdk_dmadev_copy(chan, b.iova + (dst), b.iova + (src), len, flags)

#endif /* DSA_TESTING_H */
