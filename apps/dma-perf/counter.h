/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_PERF_COUNTER_H
#define DMA_PERF_COUNTER_H

#include <stddef.h>
#include <stdint.h>

/* Instructions of the calling thread in user space, as the CPU counts them. */
struct counter {
	int fd;
	uint64_t cost; /* of reading it twice */
};

/* 0, or a negative errno and in @why what forbids it. */
int counter_open(struct counter *counter, char *why, size_t room);
void counter_close(struct counter *counter);

uint64_t counter_read(const struct counter *counter);

/* Instructions between two counter_read(). */
static inline uint64_t counter_between(const struct counter *counter, uint64_t from, uint64_t to)
{
	return to - from > counter->cost ? to - from - counter->cost : 0;
}

#endif /* DMA_PERF_COUNTER_H */
