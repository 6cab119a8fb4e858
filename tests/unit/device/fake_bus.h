/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_BUS_H
#define FAKE_BUS_H

#include <uvdk_base_driver.h>
#include <uvdk_device_driver.h>

/*
 * A bus of one kind of device, in memory. BAR 0 has four pages of a memfd, of
 * which pages 0 and 2 may be mapped; BAR 1 has 256 bytes that only calls
 * reach; BAR 2 is 16 bytes, read-only; there are no others.
 */
#define FAKE_PAGE  4096
#define FAKE_PAGES 4

struct fake {
	int memfd;
	int event_fd; /* eventfd */
	enum uvdk_device_event event;
	uint8_t config[256];
	uint8_t bar1[256];
	unsigned int opened;
	unsigned int mapped; /* region_map() calls */
	unsigned int reads;  /* region_read() calls */
	unsigned int writes;
	unsigned int resets;
	unsigned int disabled; /* irq_disable() calls */
	unsigned int triggered;
	int fail_open; /* negative errno */
	int fail_map;
};

/* The latest one opened, or to be opened. */
extern struct fake fake;

extern const struct uvdk_bus_ops fake_bus;

void fake_setup(void);
struct uvdk_device *fake_open(void);

/* Descriptors of this process. */
unsigned int count_fds(void);

#endif /* FAKE_BUS_H */
