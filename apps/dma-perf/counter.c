// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counter.h"

#define PARANOID "/proc/sys/kernel/perf_event_paranoid"

/* 99 stands for: can't be read. */
static int paranoid(void)
{
	FILE *file = fopen(PARANOID, "re");
	int level = 99;

	if (file) {
		if (fscanf(file, "%d", &level) != 1)
			level = 99;
		fclose(file);
	}

	return level;
}

static void explain(int err, char *why, size_t room)
{
	if (err == EACCES || err == EPERM)
		snprintf(why, room,
			 "the kernel forbids it (%s is %d): set that to 2 or less, or take "
			 "CAP_PERFMON; a container's filter of system calls can forbid it, too",
			 PARANOID, paranoid());
	else if (err == ENOENT || err == EOPNOTSUPP || err == ENODEV)
		snprintf(why, room,
			 "this machine does not count instructions, as many virtual ones");
	else
		snprintf(why, room, "perf_event_open: %s", strerror(err));
}

uint64_t counter_read(const struct counter *counter)
{
	uint64_t value = 0;

	if (read(counter->fd, &value, sizeof(value)) != sizeof(value))
		return 0;

	return value;
}

/* The least of a few: an interrupt may add to one. */
static uint64_t cost(const struct counter *counter)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 64; i++) {
		uint64_t from = counter_read(counter), to = counter_read(counter);

		if (to - from < least)
			least = to - from;
	}

	return least;
}

int counter_open(struct counter *counter, char *why, size_t room)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	int err = errno;

	if (fd < 0) {
		explain(err, why, room);
		return -err;
	}
	counter->fd = (int)fd;
	counter->cost = cost(counter);
	if (!counter_read(counter)) { /* some virtual machines open one that stands still */
		explain(ENOENT, why, room);
		close(counter->fd);
		return -ENOENT;
	}

	return 0;
}

void counter_close(struct counter *counter)
{
	close(counter->fd);
}
