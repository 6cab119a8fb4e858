// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "dsa_priv.h"

bool dsa_evil(const struct dsa *dsa, enum dsa_evil evil)
{
	return dsa->opts.evil & BIT64(evil) &&
	       atomic_load_explicit(&dsa->processed, memory_order_relaxed) >= dsa->opts.evil_after;
}

/* xorshift64* */
uint64_t dsa_random(struct dsa *dsa)
{
	dsa->random ^= dsa->random >> 12;
	dsa->random ^= dsa->random << 25;
	dsa->random ^= dsa->random >> 27;

	return dsa->random * UINT64_C(2685821657736338717) >> 11;
}

uint32_t dsa_wqcfg_size(const struct dsa *dsa)
{
	return dsa->opts.version >= 0x200 ? 64 : 32;
}

/* Which operations there are (OPCAP). */
bool dsa_offers(const struct dsa *dsa, unsigned int op)
{
	(void)dsa;

	return op <= OP_DUALCAST || op == OP_CRC || op == OP_COPY_CRC || op == OP_FLUSH;
}

#define HANDLE_FIRST 0x40u /* so that nobody takes an index for a handle */

static bool permitted(uint32_t perm, const struct slot *slot)
{
	if (perm & PERM_IGNORE)
		return true;
	if (!(perm & PERM_PASID_ON))
		return !slot->tagged;

	return slot->tagged && PERM_PASID(perm) == slot->pasid;
}

/* The vector that a descriptor's interrupt handle stands for. */
bool dsa_vector(struct dsa *dsa, const struct slot *slot, uint32_t handle, uint16_t *vector)
{
	uint32_t v = handle;
	bool ok;

	if (dsa->opts.handles)
		v = handle - HANDLE_FIRST;
	if (slot->ims || v >= DSA_VECTORS)
		return false;
	pthread_mutex_lock(&dsa->lock);
	ok = (!dsa->opts.handles || dsa->handle[v]) && permitted(dsa->perm[v], slot);
	pthread_mutex_unlock(&dsa->lock);
	if (ok)
		*vector = (uint16_t)v;

	return ok;
}

/* A queue admits all operations until it is told otherwise. */
void dsa_default_wq(struct dsa *dsa, unsigned int wq)
{
	uint32_t *cfg = dsa->wqcfg[wq];

	memset(cfg, 0, sizeof(dsa->wqcfg[wq]));
	for (unsigned int op = 0; op < NR_OPS; op++)
		if (dsa_offers(dsa, op))
			cfg[WQCFG_OPCFG + op / 32] |= 1u << op % 32;
}

static void forget_queue(struct queue *queue)
{
	queue->state = WQ_DISABLED;
	queue->head = 0;
	queue->count = 0;
	queue->size = 0;
	queue->credit = 0;
}

static void drop_all(struct dsa *dsa)
{
	for (unsigned int e = 0; e < NR_ENGINES; e++)
		for (unsigned int i = 0; i < NR_SLOTS; i++)
			dsa_drop(dsa, &dsa->engines[e].slots[i]);
	for (unsigned int i = 0; i < NR_ENGINES; i++)
		dsa->engines[i].in_use = 0;
}

/* What a reset of the device leaves as it is (9.2.11): the command registers. */
void dsa_power_on(struct dsa *dsa, enum reset_type reset)
{
	drop_all(dsa);
	for (unsigned int i = 0; i < NR_WQS; i++)
		forget_queue(&dsa->queues[i]);
	dsa->state = DEV_DISABLED;
	dsa->reset = reset;
	dsa->gencfg = 0;
	dsa->genctrl = 0;
	dsa->intcause = 0;
	memset(dsa->swerr, 0, sizeof(dsa->swerr));
	memset(dsa->grpcfg, 0, sizeof(dsa->grpcfg));
	for (unsigned int i = 0; i < NR_WQS; i++)
		dsa_default_wq(dsa, i);
	memset(dsa->perm, 0, sizeof(dsa->perm));
	memset(dsa->handle, 0, sizeof(dsa->handle));
	for (unsigned int i = 0; i < NR_WQS * 4; i++)
		for (unsigned int s = 0; s < 64; s++)
			atomic_store_explicit(&dsa->torn[i][s].next, 0, memory_order_relaxed);
}

struct dsa *dsa_create(const struct dsa_ops *ops, void *arg, const struct dsa_opts *opts)
{
	struct dsa *dsa = calloc(1, sizeof(*dsa));

	if (!dsa)
		return NULL;
	dsa->ops = ops;
	dsa->arg = arg;
	dsa->opts = *opts;
	if (!dsa->opts.version)
		dsa->opts.version = 0x100;
	if (!dsa->opts.wqs)
		dsa->opts.wqs = 8;
	if (!dsa->opts.max_batch)
		dsa->opts.max_batch = 10;
	if (!dsa->opts.max_size)
		dsa->opts.max_size = 31;
	pthread_mutex_init(&dsa->lock, NULL);
	for (unsigned int e = 0; e < NR_ENGINES; e++)
		for (unsigned int i = 0; i < NR_SLOTS; i++)
			dsa->engines[e].slots[i].group = NO_GROUP;
	dsa_crc_init(dsa);
	dsa_reset(dsa);

	return dsa;
}

void dsa_destroy(struct dsa *dsa)
{
	if (!dsa)
		return;
	pthread_mutex_destroy(&dsa->lock);
	free(dsa);
}

void dsa_reset(struct dsa *dsa)
{
	pthread_mutex_lock(&dsa->lock);
	dsa_power_on(dsa, RESET_FLR);
	dsa->order = (struct order){0};
	dsa->cmdsts = 0;
	dsa->config = (struct dsa_config){0};
	atomic_store_explicit(&dsa->processed, 0, memory_order_relaxed);
	dsa->random = dsa->opts.seed * 2 + 0x9e3779b97f4a7c15;
	pthread_mutex_unlock(&dsa->lock);
}

void dsa_configure(struct dsa *dsa, const struct dsa_config *config)
{
	pthread_mutex_lock(&dsa->lock);
	dsa->config = *config;
	pthread_mutex_unlock(&dsa->lock);
}

bool dsa_busy(const struct dsa *dsa)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < NR_ENGINES; i++)
		n += dsa->engines[i].in_use;

	return n;
}

bool dsa_gone(const struct dsa *dsa)
{
	return atomic_load_explicit(&dsa->gone, memory_order_relaxed);
}
