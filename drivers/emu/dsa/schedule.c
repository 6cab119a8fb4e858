// SPDX-License-Identifier: BSD-3-Clause
/*
 * Who is next. An engine serves the queues of its group by priority: each has as
 * many turns as its priority says before all begin anew (3.3). Descriptors that an
 * engine has taken share it, some pages each; one that waits for a page holds up
 * nobody, and no queue has more than two in an engine, so that there is always
 * room for those of others.
 */
#include "dsa_priv.h"

#define QUANTUM	   (64 * 1024) /* bytes of a turn */
#define COST	   512	       /* and what a descriptor costs at least */
#define STEP_TURNS 64u	       /* of an engine, in a step */
#define STEP_BYTES (512 * 1024)
#define PER_QUEUE  2u

void dsa_drop(struct dsa *dsa, struct slot *slot)
{
	dsa_forget_group(dsa, slot);
	slot->used = false;
	slot->refused = false;
}

/* ---- taking from queues; lock held ---- */

/* May the engine have one more of this queue? In order, one after the other. */
static bool has_room(const struct dsa *dsa, const struct engine *engine, unsigned int wq)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < NR_SLOTS && engine->in_use; i++) {
		const struct slot *slot = &engine->slots[i];

		if (!slot->used || slot->wq != wq)
			continue;
		if (!slot->waits && !dsa->opts.reorder)
			return false;
		n++;
	}

	return n < PER_QUEUE;
}

static bool ready(const struct dsa *dsa, const struct engine *engine, uint64_t wqs, unsigned int wq)
{
	return wqs >> wq & 1 && dsa->queues[wq].count && has_room(dsa, engine, wq);
}

/* The queue whose turn it is, or NR_WQS. */
static unsigned int choose(struct dsa *dsa, struct engine *engine, unsigned int group)
{
	uint64_t wqs = dsa_group_wqs(dsa, group);
	unsigned int found = NR_WQS;

	for (unsigned int wq = 0; wq < NR_WQS; wq++) {
		if (!ready(dsa, engine, wqs, wq))
			continue;
		if (dsa->queues[wq].credit)
			return wq;
		if (found == NR_WQS)
			found = wq;
	}
	/* All that have something to do have had their turns. */
	if (found < NR_WQS)
		for (unsigned int i = 0; i < NR_WQS; i++)
			if (wqs >> i & 1)
				dsa->queues[i].credit = WQ_PRIORITY(dsa->wqcfg[i]);

	return found;
}

/* Any entry may be taken, but none from behind a drain. */
static unsigned int pick(struct dsa *dsa, const struct queue *queue)
{
	unsigned int n = 0;

	if (!dsa->opts.reorder)
		return 0;
	while (n < queue->count && n < 4) {
		if (queue->ring[(queue->head + n) % TOTAL_SIZE].raw[7] == OP_DRAIN)
			break;
		n++;
	}

	return n ? (unsigned int)(dsa_random(dsa) % n) : 0;
}

static void take(struct dsa *dsa, struct queue *queue, struct entry *out)
{
	unsigned int n = pick(dsa, queue);
	struct entry *entry = &queue->ring[(queue->head + n) % TOTAL_SIZE];

	*out = *entry;
	for (; n; n--) { /* those before it move up */
		struct entry *before = &queue->ring[(queue->head + n - 1) % TOTAL_SIZE];

		*entry = *before;
		entry = before;
	}
	queue->head = (queue->head + 1) % TOTAL_SIZE;
	queue->count--;
	queue->credit--;
}

static void load(const struct dsa *dsa, struct slot *slot, unsigned int wq,
		 const struct entry *entry)
{
	const uint32_t *cfg = dsa->wqcfg[wq];

	slot->used = true;
	slot->waits = false;
	slot->refused = false;
	slot->wq = (uint8_t)wq;
	slot->seq = entry->seq;
	slot->ims = entry->ims;
	slot->tagged = WQ_PASID_ON(cfg);
	slot->pasid = WQ_PASID(cfg);
	slot->group = NO_GROUP;
	slot->in_sub = false;
	slot->failed = false;
	slot->next = 0;
	slot->completed = 0;
	slot->chunk_at = 0;
	slot->chunk_len = 0;
	dsa_work_load(&slot->top, entry->raw);
}

/* Returns true if the engine has something new to do. */
static bool refill(struct dsa *dsa, struct engine *engine, unsigned int group)
{
	struct entry entry;
	unsigned int wq;

	if (group >= NR_GROUPS || engine->in_use == NR_SLOTS)
		return false;
	wq = choose(dsa, engine, group);
	if (wq == NR_WQS)
		return false;
	take(dsa, &dsa->queues[wq], &entry);
	for (unsigned int i = 0; i < NR_SLOTS; i++)
		if (!engine->slots[i].used) {
			load(dsa, &engine->slots[i], wq, &entry);
			break;
		}
	engine->in_use++;

	return true;
}

/* ---- running ---- */

static struct slot *next_slot(struct dsa *dsa, struct engine *engine)
{
	unsigned int skip = dsa->opts.reorder ? (unsigned int)(dsa_random(dsa) % NR_SLOTS) : 0;

	for (unsigned int i = 0; i < NR_SLOTS; i++) {
		unsigned int at = (engine->at + skip + i) % NR_SLOTS;
		struct slot *slot = &engine->slots[at];

		if (!slot->used || !dsa_answered(dsa, slot))
			continue;
		engine->at = (at + 1) % NR_SLOTS;
		return slot;
	}

	return NULL;
}

/* Returns true if it got any further. */
static bool run(struct dsa *dsa, struct engine *engine, struct slot *slot)
{
	uint64_t done = slot->top.done + slot->completed + slot->sub.done;
	enum turn turn;

	dsa->quantum = QUANTUM;
	turn = dsa_work_run(dsa, slot, &slot->top);
	slot->waits = turn == TURN_WAIT;
	if (turn == TURN_OVER) {
		slot->used = false;
		engine->in_use--;
	}

	return turn != TURN_WAIT || done != slot->top.done + slot->completed + slot->sub.done;
}

/* One turn. Sets *@cost to its bytes; false: nobody wants one. */
static bool turn(struct dsa *dsa, unsigned int e, int64_t *cost)
{
	struct engine *engine = &dsa->engines[e];
	unsigned int tries;
	bool moved;

	pthread_mutex_lock(&dsa->lock);
	moved = dsa->state != DEV_HALT && refill(dsa, engine, dsa->group_of[e]);
	pthread_mutex_unlock(&dsa->lock);
	tries = engine->in_use;
	for (unsigned int i = 0; i < tries; i++) {
		struct slot *slot = next_slot(dsa, engine);

		if (!slot)
			break;
		if (!run(dsa, engine, slot))
			continue;
		*cost = QUANTUM - dsa->quantum + COST;
		return true;
	}
	*cost = 0;

	return moved;
}

static bool work(struct dsa *dsa)
{
	bool busy = false;

	for (unsigned int e = 0; e < NR_ENGINES; e++) {
		int64_t left = STEP_BYTES, cost;

		for (unsigned int i = 0; i < STEP_TURNS && left > 0; i++) {
			if (!turn(dsa, e, &cost))
				break;
			busy = true;
			left -= cost;
		}
	}

	return busy;
}

static void misbehave(struct dsa *dsa)
{
	if (dsa_evil(dsa, DSA_EVIL_VANISH))
		atomic_store_explicit(&dsa->gone, true, memory_order_relaxed);
	if (dsa_evil(dsa, DSA_EVIL_HALT) && dsa->state == DEV_ENABLED)
		dsa_halt(dsa);
}

bool dsa_step(struct dsa *dsa)
{
	bool busy, runs;

	pthread_mutex_lock(&dsa->lock);
	if (dsa->opts.evil)
		misbehave(dsa);
	busy = !dsa_gone(dsa) && dsa_command_step(dsa);
	runs = !dsa_gone(dsa) && dsa->config.master &&
	       (dsa->state == DEV_ENABLED || dsa->state == DEV_DRAIN);
	pthread_mutex_unlock(&dsa->lock);

	return (runs && work(dsa)) || busy;
}
