// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include <uvdk_base_driver.h>

#include "worker.h"

#define PATIENCE   10 /* seconds without a completion */
#define IDLE_TURNS 64 /* until another thread gets the CPU */

/* Cut @len bytes into @count pieces that differ by a byte at most. */
static void cut(struct uvdk_dma_piece *segs, unsigned int count, uvdk_iova_t addr, size_t len)
{
	for (unsigned int i = 0; i < count; i++) {
		size_t piece = len / (count - i);

		segs[i] = (struct uvdk_dma_piece){.addr = addr, .len = piece};
		addr += piece;
		len -= piece;
	}
}

static int enqueue(struct worker *w)
{
	size_t at = (size_t)w->next * w->stride;
	uvdk_iova_t src = w->src_iova + at, dst = w->dst_iova + at;
	struct uvdk_dma_piece *to = w->segs;

	if (!to)
		return uvdk_dmadev_copy(w->channel.chan, dst, src, w->len, 0);
	cut(to, w->dst_sge, dst, w->len);
	cut(to + w->dst_sge, w->src_sge, src, w->len);

	return uvdk_dmadev_copy_sg(w->channel.chan, to, w->dst_sge, to + w->dst_sge, w->src_sge, 0);
}

static int dma_burst(struct worker *w)
{
	for (unsigned int i = 0; i < w->batch; i++) {
		int ret = enqueue(w);

		if (ret < 0)
			return ret;
		w->enqueued++;
		if (++w->next == w->buffers)
			w->next = 0;
	}

	return uvdk_dmadev_submit(w->channel.chan);
}

unsigned int worker_poll(struct worker *w, bool *error)
{
	unsigned int got = uvdk_dmadev_completed(w->channel.chan, w->batch, NULL, error);

	w->ops += got;

	return got;
}

int worker_failed_copy(struct worker *w)
{
	struct uvdk_dmadev_result result = {.status = UVDK_DMADEV_OK};

	uvdk_dmadev_completed_status(w->channel.chan, &result, 1);

	return worker_fail(w, -EIO, "copy %llu failed: status %u, code 0x%02x, address 0x%llx",
			   (unsigned long long)w->ops, result.status, result.code,
			   (unsigned long long)result.fault);
}

static bool patience_is_out(time_t *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!*since)
		*since = now.tv_sec;

	return now.tv_sec - *since > PATIENCE;
}

/* Nothing to do: an emulated device may need this CPU. */
int worker_idle(struct worker *w, unsigned int *turns, time_t *since)
{
	if (++*turns % IDLE_TURNS) {
		uvdk_cpu_relax();
		return 0;
	}
	if (w->channel.engine->emulated)
		sched_yield();
	if (patience_is_out(since))
		return worker_fail(w, -ETIMEDOUT, "nothing completes for %d s: %llu of %llu copies",
				   PATIENCE, (unsigned long long)w->ops,
				   (unsigned long long)w->enqueued);

	return 0;
}

int worker_burst(struct worker *w)
{
	int ret = dma_burst(w);

	if (ret >= 0)
		return 0;

	return worker_fail(w, ret, "copy %llu was not taken: error %d, %u places are free",
			   (unsigned long long)w->enqueued, ret,
			   uvdk_dmadev_capacity(w->channel.chan));
}

/* Until @all are done, or, with @all false, until there is room for another burst. */
static int wait_completed(struct worker *w, bool all)
{
	uint64_t room = all ? 0 : w->limit - w->batch;
	unsigned int turns = 0;
	bool error = false;
	time_t since = 0;
	int ret;

	do {
		if (worker_poll(w, &error)) {
			turns = 0;
			since = 0;
			continue;
		}
		if (error)
			return worker_failed_copy(w);
		if (w->enqueued - w->ops <= room)
			break;
		ret = worker_idle(w, &turns, &since);
		if (ret)
			return ret;
	} while (w->enqueued - w->ops > room);

	return 0;
}

int worker_dma(struct worker *w)
{
	int ret;

	/* At least once, however late this thread came to run. */
	do {
		ret = worker_burst(w);
		if (!ret)
			ret = wait_completed(w, false);
	} while (!ret && !__atomic_load_n(&w->crew->stop, __ATOMIC_RELAXED));

	return ret ? ret : wait_completed(w, true);
}
