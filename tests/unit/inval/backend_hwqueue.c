// SPDX-License-Identifier: BSD-3-Clause
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

/*
 * A model of a virtual command queue of Tegra241's CMDQV, from what Linux'
 * driver (drivers/iommu/arm/arm-smmu-v3/tegra241-cmdqv.c) tells of it, and of
 * an SMMUv3's command queue (IHI 0070, 3.5 and 7.1). It runs in a thread and
 * knows nothing but the memory that it shares.
 */

#define SIZE (1u << HWQUEUE_LOG2SIZE)

enum { CONS, PROD, CONFIG, STATUS, GERROR, GERRORN, REGS };

struct hwqueue_model {
	struct world *w;
	pthread_t thread;
	bool quit;
	uint32_t *reg;
	uint64_t (*cmd)[2];
};

/* What it works on, where nobody else brings it. */
struct memory {
	uint32_t reg[REGS];
	uint64_t cmd[SIZE][2];
	struct hwqueue_model *model;
};

static const uint32_t sids[WORLD_SIDS] = {0x11, 0x22};

static uint32_t get(const struct hwqueue_model *m, unsigned int reg)
{
	return __atomic_load_n(&m->reg[reg], __ATOMIC_ACQUIRE);
}

static void set(struct hwqueue_model *m, unsigned int reg, uint32_t value)
{
	__atomic_store_n(&m->reg[reg], value, __ATOMIC_RELEASE);
}

static bool has_error(const struct hwqueue_model *m)
{
	return (get(m, GERROR) ^ get(m, GERRORN)) & 1;
}

/* CERROR_ILL: CONS stays and has the reason. */
static void refuse(struct hwqueue_model *m, uint32_t cons)
{
	set(m, CONS, cons | 1u << 24);
	set(m, GERROR, get(m, GERROR) ^ 1);
}

static bool is_none(const struct hwqueue_model *m, enum decoded what, const struct seen *seen)
{
	return what == DECODED_NONE || (what == DECODED_INVAL && seen->target == UVDK_INVAL_IOTLB &&
					seen->first == m->w->refuse);
}

/* One command; false: not now. */
static bool execute(struct hwqueue_model *m, uint32_t cons)
{
	struct world *w = m->w;
	struct seen seen;
	bool goes = true;
	enum decoded what = decode_smmu(m->cmd[cons % SIZE], true, &seen);

	pthread_mutex_lock(&w->lock);
	if (is_none(m, what, &seen))
		refuse(m, cons);
	else if (what == DECODED_INVAL && !world_allowed(w))
		goes = false;
	else
		world_see(w, &seen);
	if (goes && !has_error(m))
		set(m, CONS, (cons + 1) % (2 * SIZE));
	pthread_mutex_unlock(&w->lock);

	return goes;
}

static bool step(struct hwqueue_model *m)
{
	uint32_t cons = get(m, CONS) & 0xfffff;

	set(m, STATUS, get(m, CONFIG) & 1);
	if (!(get(m, STATUS) & 1) || has_error(m) || cons == get(m, PROD))
		return false;

	return execute(m, cons);
}

static void vanish(struct hwqueue_model *m)
{
	for (unsigned int i = 0; i < REGS; i++)
		set(m, i, UINT32_MAX);
}

static void *run(void *arg)
{
	struct hwqueue_model *m = arg;

	while (!__atomic_load_n(&m->quit, __ATOMIC_ACQUIRE)) {
		if (__atomic_load_n(&m->w->removed, __ATOMIC_ACQUIRE))
			vanish(m);
		else if (step(m))
			continue;
		sched_yield();
	}

	return NULL;
}

struct hwqueue_model *hwqueue_start(struct world *w, void *ring, void *regs)
{
	struct hwqueue_model *m = calloc(1, sizeof(*m));

	*m = (struct hwqueue_model){.w = w, .reg = regs, .cmd = ring};
	/* Whatever is in the ring and in the registers at first. */
	memset(m->cmd, 0xa5, SIZE * sizeof(m->cmd[0]));
	m->reg[PROD] = m->reg[CONS] = 17;
	pthread_create(&m->thread, NULL, run, m);

	return m;
}

void hwqueue_stop(struct hwqueue_model *m)
{
	cr_expect(m->w->removed || !(get(m, STATUS) & 1), "the queue is still switched on");
	__atomic_store_n(&m->quit, true, __ATOMIC_RELEASE);
	pthread_join(m->thread, NULL);
	free(m);
}

static int open_hwqueue(struct world *w, const struct uvdk_invalq_opts *opts)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	const struct uvdk_inval_hwqueue how = {
		.ring = memory->cmd,
		.log2size = HWQUEUE_LOG2SIZE,
		.page0 = memory->reg,
		.smmu = {.sids = sids, .sid_count = WORLD_SIDS, .range = true},
	};

	w->priv = memory;
	w->pasid = 7;
	w->asid = 9;
	memory->model = hwqueue_start(w, memory->cmd, memory->reg);

	return uvdk_invalq_create_hwqueue(&how, opts, &w->q);
}

static void close_hwqueue(struct world *w)
{
	struct memory *memory = w->priv;

	hwqueue_stop(memory->model);
	free(memory);
}

const struct backend backend_hwqueue = {
	.name = "hwqueue",
	.caps = "hwqueue",
	.asid_max = UINT16_MAX,
	.devtlb = true,
	.open = open_hwqueue,
	.close = close_hwqueue,
};
