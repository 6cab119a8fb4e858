// SPDX-License-Identifier: BSD-3-Clause
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The driver's clock. The rest uses others. */
extern uint64_t clock_skew_ns;
uint64_t clock_skew_ns;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int ret = (int)syscall(SYS_clock_gettime, clock, ts);
	uint64_t ns = (uint64_t)ts->tv_nsec + clock_skew_ns;

	if (clock == CLOCK_MONOTONIC) {
		ts->tv_sec += (time_t)(ns / 1000000000);
		ts->tv_nsec = (long)(ns % 1000000000);
	}

	return ret;
}
