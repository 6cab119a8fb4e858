/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_PERF_WORKER_H
#define DMA_PERF_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "channel.h"

#define WORKER_SENTENCE 256

/* What the workers of a scenario share. */
struct crew {
	pthread_mutex_t start; /* held until all are there */
	sem_t failed;	       /* posted by whoever gives up */
	bool stop;	       /* atomic */
	bool instructions;
};

/* A thread that copies: by a channel, or by itself. */
struct worker {
	struct crew *crew;
	unsigned int cpu;
	const char *spec; /* device, or NULL */
	struct channel channel;
	char *src;
	char *dst;
	uvdk_iova_t src_iova;
	uvdk_iova_t dst_iova;
	size_t len;	      /* of a copy */
	size_t stride;	      /* from one to the next */
	unsigned int buffers; /* after which it begins again */
	unsigned int batch;
	unsigned int limit; /* copies outstanding, at most */
	unsigned int src_sge;
	unsigned int dst_sge;
	struct uvdk_dma_piece *segs; /* room for both sides; NULL: plain copies */
	pthread_t thread;
	/* What came of it. */
	unsigned int next; /* buffer */
	uint64_t enqueued;
	uint64_t ops;	/* completed */
	uint64_t timed; /* of them, within the time */
	uint64_t ns;
	uint64_t cycles;
	uint64_t verified;   /* bytes */
	double instructions; /* a copy; negative: not known */
	int error;
	char sentence[WORKER_SENTENCE]; /* of an error; or why @instructions is not known */
};

/* Fill the source, clear the destination. */
void worker_fill(struct worker *w);

/* Take both out of the CPUs' caches. */
void worker_flush(struct worker *w);

/* Run as a thread, on its CPU. */
void *worker_main(void *worker);

/* Has all arrived that was copied, and nothing else? 0, or -EIO with a sentence. */
int worker_verify(struct worker *w);

/* Give up with a sentence. */
__attribute__((format(printf, 3, 4))) int worker_fail(struct worker *w, int error, const char *fmt,
						      ...);

/* ---- by a channel ---- */

/* Copy until stopped, and wait for the last. */
int worker_dma(struct worker *w);

/* Enqueue a burst and submit it: 0, or given up. */
int worker_burst(struct worker *w);

/* What has ended since; with *@error the next one failed. */
unsigned int worker_poll(struct worker *w, bool *error);

/* Give up since a copy failed. */
int worker_failed_copy(struct worker *w);

/* Nothing to do for so many @turns, @since (0: not long): 0, or given up. */
int worker_idle(struct worker *w, unsigned int *turns, time_t *since);

/* How many instructions a copy takes: worker_count.c. */
void worker_dma_count(struct worker *w);

#endif /* DMA_PERF_WORKER_H */
