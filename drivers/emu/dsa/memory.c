// SPDX-License-Identifier: BSD-3-Clause
/* Accesses to memory, and what comes of those that have no translation. */
#include <errno.h>

#include "dsa_priv.h"

#define ACCESS_COST 1024 /* bytes of a turn, at least */

/* A group of page requests that nobody waits for any more may yet be answered. */
void dsa_forget_group(struct dsa *dsa, struct slot *slot)
{
	unsigned int waits = ASK_WAITS;

	if (slot->group == NO_GROUP)
		return;
	if (!atomic_compare_exchange_strong(&dsa->asked[slot->group], &waits, ASK_ABANDONED))
		atomic_store(&dsa->asked[slot->group], ASK_FREE);
	slot->group = NO_GROUP;
}

/* Those without an answer for good, after a reset, are used again when all others are. */
static unsigned int new_group(struct dsa *dsa)
{
	for (unsigned int want = ASK_FREE; want <= ASK_ABANDONED; want += ASK_ABANDONED)
		for (unsigned int i = 0; i < DSA_GROUPS_ASKED; i++) {
			unsigned int group = (dsa->next_group + i) % DSA_GROUPS_ASKED;

			if (atomic_load(&dsa->asked[group]) != want)
				continue;
			dsa->next_group = group + 1;
			return group;
		}

	return NO_GROUP;
}

void dsa_answer(struct dsa *dsa, unsigned int group, unsigned int code)
{
	unsigned int waits = ASK_WAITS, abandoned = ASK_ABANDONED;

	if (group >= DSA_GROUPS_ASKED)
		return;
	if (!atomic_compare_exchange_strong(&dsa->asked[group], &waits, ASK_ANSWERED + code))
		atomic_compare_exchange_strong(&dsa->asked[group], &abandoned, ASK_FREE);
}

/* Has the slot what it waits for? */
bool dsa_answered(struct dsa *dsa, struct slot *slot)
{
	unsigned int state;

	if (slot->group == NO_GROUP)
		return true;
	state = atomic_load(&dsa->asked[slot->group]);
	if (state == ASK_WAITS)
		return false;
	atomic_store(&dsa->asked[slot->group], ASK_FREE);
	slot->group = NO_GROUP;
	slot->refused = state != ASK_ANSWERED;

	return true;
}

static enum turn ask(struct dsa *dsa, struct slot *slot, const struct dsa_access *a)
{
	unsigned int group = new_group(dsa);
	int ret;

	if (group == NO_GROUP)
		return TURN_WAIT;
	slot->group = group;
	atomic_store(&dsa->asked[group], ASK_WAITS);
	ret = dsa->ops->ask(dsa->arg, a, group);
	if (!ret)
		return TURN_WAIT;
	slot->group = NO_GROUP;
	atomic_store(&dsa->asked[group], ASK_FREE);

	return ret == -EAGAIN ? TURN_WAIT : TURN_OVER;
}

static bool lucky(struct dsa *dsa, const struct work *work, uint64_t addr)
{
	if (dsa->opts.spare_records && addr - work->record < RECORD_SIZE)
		return true;

	return !dsa->opts.fault_rate || dsa_random(dsa) % dsa->opts.fault_rate;
}

/*
 * Finding a page takes as long as copying much of it: without that, whoever touches a few bytes
 * of each page would have turns that are many times as long as those of others.
 */
static void charge(struct dsa *dsa, uint32_t len)
{
	dsa->quantum -= len < ACCESS_COST ? ACCESS_COST : len;
}

/* TURN_MORE: done. TURN_OVER: the work ends with a fault, which it has noted. */
enum turn dsa_reach(struct dsa *dsa, struct slot *slot, struct work *work, uint64_t addr,
		    void *data, uint32_t len, bool write)
{
	const struct dsa_access a = {
		.tagged = slot->tagged,
		.write = write,
		.pasid = slot->pasid,
		.len = len,
		.addr = addr,
		.data = data,
	};

	charge(dsa, len);
	if (lucky(dsa, work, addr) && dsa->ops->access(dsa->arg, &a)) {
		slot->refused &= slot->asked_for != addr;
		return TURN_MORE;
	}
	work->status = ST_FAULT;
	work->fault = addr;
	work->fault_write = write;
	if (!(work->flags & FLAG_BLOCK))
		return TURN_OVER;
	/* On the way back to what was refused, others succeed once more: they change nothing. */
	slot->refused &= slot->asked_for == addr;
	slot->asked_for = addr;
	if (!slot->refused && ask(dsa, slot, &a) == TURN_WAIT) {
		work->status = ST_NONE;
		return TURN_WAIT;
	}
	slot->refused = false;
	work->status = ST_FAULT_REFUSED;

	return TURN_OVER;
}

enum turn dsa_reach_span(struct dsa *dsa, struct slot *slot, struct work *work, uint64_t addr,
			 void *data, uint32_t len, bool write)
{
	uint32_t first = min32(len, to_boundary(addr));
	enum turn turn = dsa_reach(dsa, slot, work, addr, data, first, write);

	if (turn != TURN_MORE || first == len)
		return turn;

	return dsa_reach(dsa, slot, work, addr + first, (uint8_t *)data + first, len - first,
			 write);
}
