// SPDX-License-Identifier: BSD-3-Clause
/* BAR 2: four pages for each queue (9.3). */
#include "dsa_priv.h"

#define PORTALS	 4u /* of a queue: unlimited and limited, for MSI-X and then for IMS */
#define NR_WORDS 8u

static uint8_t refuse(const struct dsa *dsa, unsigned int wq)
{
	const struct queue *queue = &dsa->queues[wq];

	if (queue->state != WQ_ENABLED)
		return SE_WQ_DISABLED;
	if (!WQ_DEDICATED(dsa->wqcfg[wq]))
		return SE_SHARED;

	return queue->count < queue->size ? 0 : SE_FULL;
}

static void submit(struct dsa *dsa, unsigned int wq, bool ims, const uint8_t *raw)
{
	struct queue *queue = &dsa->queues[wq];
	struct swerr error = {.wq = wq};
	struct entry *entry;

	pthread_mutex_lock(&dsa->lock);
	error.code = refuse(dsa, wq);
	if (error.code) {
		error.with_desc = true;
		error.op = raw[7];
		error.pasid = get32(raw);
		dsa_swerr(dsa, &error);
	} else {
		entry = &queue->ring[(queue->head + queue->count++) % TOTAL_SIZE];
		memcpy(entry->raw, raw, DESC_SIZE);
		entry->seq = queue->seq++;
		entry->ims = ims;
	}
	pthread_mutex_unlock(&dsa->lock);
}

static void torn(struct dsa *dsa, unsigned int wq)
{
	const struct swerr error = {.code = DSA_SWERR_TORN, .wq = wq};

	pthread_mutex_lock(&dsa->lock);
	dsa_swerr(dsa, &error);
	pthread_mutex_unlock(&dsa->lock);
}

/* The n-th eighth of a descriptor. True: it was the last, and @raw has all of it. */
static bool gather(struct dsa *dsa, struct torn *t, unsigned int wq, unsigned int n, uint64_t value,
		   uint8_t *raw)
{
	unsigned int next = atomic_load_explicit(&t->next, memory_order_relaxed);

	if (n && n != next) {
		atomic_store_explicit(&t->next, 0, memory_order_relaxed);
		torn(dsa, wq);
		return false;
	}
	if (n == 0 && next) /* the one before was not finished */
		torn(dsa, wq);
	if (n < NR_WORDS - 1) {
		atomic_store_explicit(&t->word[n], value, memory_order_relaxed);
		atomic_store_explicit(&t->next, n + 1, memory_order_relaxed);
		return false;
	}
	for (unsigned int i = 0; i < NR_WORDS - 1; i++)
		put64(raw + 8 * i, atomic_load_explicit(&t->word[i], memory_order_relaxed));
	put64(raw + 8 * n, value);
	atomic_store_explicit(&t->next, 0, memory_order_relaxed);

	return true;
}

void dsa_portal(struct dsa *dsa, uint64_t off, unsigned int len, const void *data)
{
	unsigned int page = (unsigned int)(off / PAGE), wq = page / PORTALS;
	bool ims = page % PORTALS >= 2;
	uint8_t raw[DESC_SIZE];

	if (wq >= dsa->opts.wqs || dsa_gone(dsa))
		return;
	if (len == DESC_SIZE && off % DESC_SIZE == 0)
		submit(dsa, wq, ims, data);
	else if (len != 8 || off % 8)
		torn(dsa, wq);
	else if (gather(dsa, &dsa->torn[page][off % PAGE / DESC_SIZE], wq,
			(unsigned int)(off % DESC_SIZE / 8), get64(data), raw))
		submit(dsa, wq, ims, raw);
}
