// SPDX-License-Identifier: BSD-3-Clause
#include <time.h>

#include "counter.h"
#include "worker.h"

#define BURSTS 256
#define PAUSE  100000 /* ns, for a device that works on this machine's CPUs */
#define PAUSES 5000

/*
 * Bursts of which the instructions are counted. Where the CPU does not count, they are run all
 * the same: for a profiler, by the names of these two functions, which are never inlined. It
 * can't leave out polls that find nothing, so that nobody polls before the data have come: but
 * for engines that have to be polled to go on.
 */
__attribute__((noinline)) static int counted_burst(struct worker *w)
{
	return worker_burst(w);
}

__attribute__((noinline)) static unsigned int counted_poll(struct worker *w, bool *error)
{
	return worker_poll(w, error);
}

/* The last byte of the destination of the @i-th copy of a burst that begins at @first. */
static size_t last_byte(const struct worker *w, unsigned int first, unsigned int i)
{
	return (size_t)((first + i) % w->buffers) * w->stride + w->len - 1;
}

static void spoil(struct worker *w)
{
	for (unsigned int i = 0; i < w->batch; i++) {
		size_t at = last_byte(w, w->next, i);

		w->dst[at] = (char)~w->src[at];
	}
}

static bool has_arrived(const struct worker *w, unsigned int first)
{
	for (unsigned int i = 0; i < w->batch; i++) {
		size_t at = last_byte(w, first, i);

		if (__atomic_load_n(&w->dst[at], __ATOMIC_ACQUIRE) != w->src[at])
			return false;
	}

	return true;
}

static void pause_a_little(void)
{
	const struct timespec pause = {.tv_nsec = PAUSE};

	nanosleep(&pause, NULL);
}

/* Data come before the record of their completion: a pause more. False: not in this time. */
static bool wait_for_data(const struct worker *w, unsigned int first)
{
	for (unsigned int i = 0; i < PAUSES; i++) {
		bool there = has_arrived(w, first);

		pause_a_little();
		if (there)
			return true;
	}

	return false;
}

static uint64_t count(const struct counter *counter)
{
	return counter ? counter_read(counter) : 0;
}

static uint64_t between(const struct counter *counter, uint64_t from)
{
	return counter ? counter_between(counter, from, counter_read(counter)) : 0;
}

/* Polls that find nothing don't count: how many there are is up to the device. */
static uint64_t count_polls(struct worker *w, const struct counter *counter, int *ret)
{
	unsigned int turns = 0;
	uint64_t sum = 0;
	bool error = false;
	time_t since = 0;

	while (!*ret && w->ops < w->enqueued) {
		uint64_t from = count(counter);
		unsigned int got = counted_poll(w, &error);
		uint64_t cost = between(counter, from);

		if (got)
			sum += cost;
		else
			*ret = error ? worker_failed_copy(w) : worker_idle(w, &turns, &since);
	}

	return sum;
}

static uint64_t count_burst(struct worker *w, const struct counter *counter, int *ret)
{
	uint64_t from = count(counter), cost;

	*ret = counted_burst(w);
	cost = between(counter, from);

	return cost + count_polls(w, counter, ret);
}

static void show_bursts(struct worker *w)
{
	bool wait = true;
	int ret = 0;

	for (int i = 0; i < BURSTS && !ret; i++) {
		unsigned int first = w->next;

		spoil(w);
		ret = counted_burst(w);
		wait = wait && !ret && wait_for_data(w, first);
		count_polls(w, NULL, &ret);
	}
}

void worker_dma_count(struct worker *w)
{
	struct counter counter;
	uint64_t sum = 0, before = w->ops;
	int ret = 0;

	if (counter_open(&counter, w->sentence, sizeof(w->sentence))) {
		show_bursts(w);
		return;
	}
	for (int i = 0; i < BURSTS && !ret; i++)
		sum += count_burst(w, &counter, &ret);
	if (!ret)
		w->instructions = (double)sum / (double)(w->ops - before);
	counter_close(&counter);
}
