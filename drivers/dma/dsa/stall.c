// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "dsa_pmd.h"

#define POLLS	    256 /* between two looks at the clock */
#define SWERR_NS    UINT64_C(1000000)
#define DOUBT_NS    UINT64_C(1000000)	/* draining loses nothing */
#define ABORT_NS    UINT64_C(100000000) /* aborting does */
#define DRAIN_BYTES (UINT64_C(256) << 20)

/* What the device has not told of ends with @status; what waits, too, submitted or not. */
static void end_all(struct dsa_chan *c, enum uvdk_dmadev_status status)
{
	dsa_pmd_count_submitted(c);
	c->pending = c->head;
	for (uint32_t slot = c->done; slot != c->pending; slot++)
		if (!(c->slots[slot & c->mask].flags & SLOT_ENDED))
			dsa_pmd_end_slot(c, slot, status, 0);
	c->done = c->walk = c->pending;
	c->retired = c->posted = c->made;
	c->busy = false;
	c->stopped = true;
	dsa_set_end(c);
}

void dsa_pmd_gone(struct dsa_chan *c)
{
	if (!c->stopped || c->done != c->head)
		end_all(c, UVDK_DMADEV_GONE);
}

/*
 * Draining loses nothing, and others' commands wait for it: it is for a queue that must be done
 * soon. What was posted by hand may be anything.
 */
static bool is_little(const struct dsa_chan *c)
{
	uint64_t bytes = 0;

	for (uint32_t i = c->retired; i != c->posted; i++)
		bytes += c->units[i & c->mask].bytes;

	return bytes <= DRAIN_BYTES && !c->by_hand;
}

/* A descriptor that waits for a page may wait for the very thread that would drain it. */
static bool can_drain(const struct dsa_chan *c)
{
	return !(c->flags & UVDK_DMADEV_CHAN_BLOCK) && is_little(c) &&
	       dsa_pmd_has_command(c->dsa, DSA_CMD_DRAIN_WQ);
}

/* An error of another queue's is no reason to abort this one: sound work may wait for a page. */
static uint64_t patience_of(const struct dsa_chan *c)
{
	int doubt = __atomic_load_n(&c->doubt, __ATOMIC_RELAXED);

	if (doubt == DOUBT_NONE)
		return DSA_STALL_NS;
	if (can_drain(c))
		return DOUBT_NS;

	return doubt == DOUBT_NAMED && is_little(c) ? ABORT_NS : DSA_STALL_NS;
}

/* Of a batch that takes long, one after the other ends. */
static bool goes_on(struct dsa_chan *c)
{
	const struct dsa_unit *unit = &c->units[c->retired & c->mask];
	uint32_t ended = unit->first, before = c->seen;

	if (before - unit->first > unit->count) /* of another one */
		before = unit->first;
	for (uint32_t i = 0; i < unit->count; i++) {
		const struct dsa_rec *rec = &c->rec[(unit->first + i) & c->mask];

		ended += __atomic_load_n(&rec->status, __ATOMIC_RELAXED) != 0;
	}
	c->seen = ended;

	return c->retired != c->posted && unit->count > 1 && ended != before;
}

/* ---- what is done about it: a command, whose end is looked for by later polls ---- */

/* Nothing of it is written any more, and it can be told. */
static void aborted(struct dsa_chan *c)
{
	dsa_pmd_check_swerr(c->dsa);
	for (uint32_t i = c->retired; i != c->posted; i++)
		c->units[i & c->mask].flags |= UNIT_ABORTED;
	c->busy = false;
	c->wq_entries = c->dsa->wq_entries;
}

/* Records were lost, and it is not known which: those that are not there when all has ended. */
static void drained(struct dsa_chan *c)
{
	dsa_pmd_check_swerr(c->dsa);
	dsa_pmd_end_lost(c);
}

/*
 * While another command is under way none is given. It may have just begun, and the time of this
 * queue says nothing about it: it has its own. @now may be before it.
 */
static int ask(struct dsa_chan *c, enum dsa_cmd cmd, uint64_t now)
{
	int ret = -EOPNOTSUPP;

	if (dsa_pmd_has_command(c->dsa, cmd))
		ret = dsa_pmd_ask(c, cmd);
	if (ret == -EBUSY && now < c->dsa->cmd_at + DSA_STALL_NS)
		return 0;
	if (ret)
		return uvdk_fail(ret, LOG_NAME, "%s: no command to %s can be given: %s",
				 c->dsa->name, dsa_pmd_command_name(cmd), strerror(-ret));
	__atomic_store_n(&c->doubt, DOUBT_NONE, __ATOMIC_RELAXED);
	c->ask_at = now;
	c->ask_posted = c->posted;
	c->ask_busy = c->busy;
	if (cmd == DSA_CMD_DRAIN_WQ)
		return 0;
	c->wq_entries = 0;
	uvdk_log(UVDK_LOG_WARN, LOG_NAME, "%s: %u descriptors of work queue %u do not end: aborted",
		 c->dsa->name, c->posted - c->retired, c->wq);

	return 0;
}

/* No other command may be given behind one that has not ended: not even to abort. */
static int look(struct dsa_chan *c, uint64_t now)
{
	enum dsa_cmd cmd = c->ask;
	int ret = dsa_pmd_answer(c);

	if (ret == -EINPROGRESS && now - c->ask_at < DSA_STALL_NS)
		return 0;
	if (ret == -EINPROGRESS)
		return uvdk_fail(-ETIMEDOUT, LOG_NAME,
				 "%s: command %u (%s) for work queue %u did not end within %u s",
				 c->dsa->name, cmd, dsa_pmd_command_name(cmd), c->wq,
				 (unsigned int)(DSA_STALL_NS / 1000000000));
	c->idle_since = now;
	if (ret == -EPROTO && cmd == DSA_CMD_DRAIN_WQ)
		return ask(c, DSA_CMD_ABORT_WQ, now);
	if (ret)
		return ret;
	if (cmd == DSA_CMD_DRAIN_WQ)
		drained(c);
	else
		aborted(c);

	return 0;
}

static void do_something(struct dsa_chan *c, uint64_t now)
{
	bool drains = __atomic_load_n(&c->doubt, __ATOMIC_RELAXED) && can_drain(c);
	int ret = 0;

	if (pthread_mutex_trylock(&c->dsa->lock))
		return;
	if (!c->ask)
		ret = ask(c, drains ? DSA_CMD_DRAIN_WQ : DSA_CMD_ABORT_WQ, now);
	if (!ret && c->ask)
		ret = look(c, now);
	if (ret && !c->dsa->broken)
		dsa_pmd_give_up(c->dsa);
	pthread_mutex_unlock(&c->dsa->lock);
	if (ret)
		end_all(c, dsa_gone(c->dsa) ? UVDK_DMADEV_GONE : UVDK_DMADEV_ERROR);
}

__attribute__((noinline, cold)) void dsa_pmd_idle(struct dsa_chan *c)
{
	uint64_t now;

	/* Who is told by interrupts polls seldom. The kernel's is the kernel's to end. */
	if ((++c->idle % POLLS && !c->irq) || !c->dsa->dev)
		return;
	if (dsa_gone(c->dsa) || c->dsa->broken) {
		dsa_pmd_gone(c);
		return;
	}
	now = dsa_pmd_now_ns();
	if (!c->idle_since)
		c->idle_since = now;
	if (now - c->swerr_at > SWERR_NS) {
		c->swerr_at = now;
		dsa_pmd_check_swerr(c->dsa);
	}
	if (!c->ask && now - c->idle_since < patience_of(c))
		return;
	if (!c->ask && goes_on(c))
		c->idle_since = now;
	else
		do_something(c, now);
}
