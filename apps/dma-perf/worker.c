// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <emmintrin.h>
#include <x86intrin.h>
#endif

#include "counter.h"
#include "worker.h"

#define LINE	     64
#define COUNT_COPIES 4096

int worker_fail(struct worker *w, int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(w->sentence, sizeof(w->sentence), fmt, args);
	va_end(args);
	w->error = error;
	sem_post(&w->crew->failed);

	return error;
}

static uint64_t cycles(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#else
	uint64_t ticks;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks));

	return ticks;
#endif
}

static uint64_t nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);

	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void flush_line(char *p)
{
#if defined(__x86_64__)
	_mm_clflush(p);
#else
	__asm__ volatile("dc civac, %0" ::"r"(p) : "memory");
#endif
}

void worker_flush(struct worker *w)
{
	for (size_t at = 0; at < w->buffers * w->stride; at += LINE) {
		flush_line(w->src + at);
		flush_line(w->dst + at);
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Nothing repeats, so that a copy from the wrong place is seen. */
void worker_fill(struct worker *w)
{
	uint64_t x = 0x9e3779b97f4a7c15 ^ (uintptr_t)w;

	for (size_t at = 0; at < w->buffers * w->stride; at += sizeof(x)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(w->src + at, &x, sizeof(x));
	}
	memset(w->dst, 0, w->buffers * w->stride);
}

static bool is_clear(const char *p, size_t len)
{
	return len == 0 || (!p[0] && memcmp(p, p + 1, len - 1) == 0);
}

int worker_verify(struct worker *w)
{
	for (unsigned int i = 0; i < w->buffers; i++) {
		const char *src = w->src + i * w->stride, *dst = w->dst + i * w->stride;

		if (i < w->ops ? memcmp(src, dst, w->len) != 0 : !is_clear(dst, w->len))
			return worker_fail(w, -EIO,
					   "buffer %u of %u (%zu bytes) is wrong after %llu "
					   "copies",
					   i, w->buffers, w->len, (unsigned long long)w->ops);
		if (!is_clear(dst + w->len, w->stride - w->len))
			return worker_fail(w, -EIO,
					   "something was written behind buffer %u of %u "
					   "(%zu bytes)",
					   i, w->buffers, w->len);
	}
	w->verified = (w->ops < w->buffers ? w->ops : w->buffers) * w->len;

	return 0;
}

/* Not inline, so that a profiler can count its instructions. */
__attribute__((noinline)) static void cpu_copy(struct worker *w)
{
	size_t at = (size_t)w->next * w->stride;

	memcpy(w->dst + at, w->src + at, w->len);
	w->ops++;
	if (++w->next == w->buffers)
		w->next = 0;
}

static int worker_cpu(struct worker *w)
{
	do
		cpu_copy(w);
	while (!__atomic_load_n(&w->crew->stop, __ATOMIC_RELAXED));
	w->enqueued = w->ops;

	return 0;
}

static void worker_cpu_count(struct worker *w)
{
	struct counter counter;
	uint64_t from, to;

	if (counter_open(&counter, w->sentence, sizeof(w->sentence)))
		return;
	from = counter_read(&counter);
	for (int i = 0; i < COUNT_COPIES; i++)
		cpu_copy(w);
	to = counter_read(&counter);
	w->enqueued = w->ops;
	w->instructions = (double)counter_between(&counter, from, to) / COUNT_COPIES;
	counter_close(&counter);
}

static int pin(struct worker *w)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(w->cpu, &cpus);
	if (!pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus))
		return 0;

	return worker_fail(w, -EINVAL, "CPU %u can't be had", w->cpu);
}

static void measure(struct worker *w)
{
	uint64_t ns = nanoseconds(), from = cycles();
	int ret = w->channel.chan ? worker_dma(w) : worker_cpu(w);

	w->cycles = cycles() - from;
	w->ns = nanoseconds() - ns;
	w->timed = w->ops;
	if (ret || !w->crew->instructions)
		return;
	if (w->channel.chan)
		worker_dma_count(w);
	else
		worker_cpu_count(w);
}

void *worker_main(void *worker)
{
	struct worker *w = worker;
	int ret = pin(w);

	w->instructions = -1;
	pthread_mutex_lock(&w->crew->start);
	pthread_mutex_unlock(&w->crew->start);
	if (!ret)
		measure(w);

	return NULL;
}
