// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_pmd.h"

#define POLLS	   256 /* between two looks at the clock */
#define SWERR_NS   UINT64_C(1000000)
#define SUSPECT_NS UINT64_C(1000000)   /* draining loses nothing */
#define ABORT_NS   UINT64_C(100000000) /* aborting does */
#ifndef DSA_STALL_NS
#define DSA_STALL_NS UINT64_C(10000000000)
#endif

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

/* A descriptor that waits for a page may wait for the very thread that would drain it. */
static bool can_drain(const struct dsa_chan *c)
{
	return !(c->flags & UVDK_DMADEV_CHAN_BLOCK) &&
	       dsa_pmd_has_command(c->dsa, DSA_CMD_DRAIN_WQ);
}

/* What runs is aborted: then nothing of it is written any more, and it can be told. */
static int abort_all(struct dsa_chan *c)
{
	int ret;

	uvdk_log(UVDK_LOG_WARN, LOG_NAME, "%s: %u descriptors of work queue %u do not end: aborted",
		 c->dsa->name, c->posted - c->retired, c->wq);
	ret = c->dsa->broken ? -1 : dsa_pmd_wq_abort(c);
	if (ret && !c->dsa->broken)
		dsa_pmd_give_up(c->dsa);
	if (ret)
		return ret;
	dsa_pmd_check_swerr(c->dsa);
	for (uint32_t i = c->retired; i != c->posted; i++)
		c->units[i & c->mask].flags |= UNIT_ABORTED;
	c->busy = false;

	return 0;
}

/* Records were lost, and it is not known which: those that are not there when all has ended. */
static int drain(struct dsa_chan *c)
{
	int ret = c->dsa->broken ? -1 : dsa_pmd_wq_drain(c);

	if (ret)
		return ret;
	dsa_pmd_check_swerr(c->dsa);
	dsa_pmd_end_lost(c);

	return 0;
}

static void give_up_waiting(struct dsa_chan *c, bool drains)
{
	int ret = -1;

	pthread_mutex_lock(&c->dsa->lock);
	if (drains)
		ret = drain(c);
	if (ret)
		ret = abort_all(c);
	pthread_mutex_unlock(&c->dsa->lock);
	if (ret)
		end_all(c, UVDK_DMADEV_ERROR);
}

__attribute__((noinline, cold)) void dsa_pmd_idle(struct dsa_chan *c)
{
	uint64_t now, patience;
	bool suspect;

	if (++c->idle % POLLS || !c->dsa->dev) /* the kernel's is the kernel's to end */
		return;
	if (dsa_gone(c->dsa) || c->dsa->broken) {
		dsa_pmd_gone(c);
		return;
	}
	now = dsa_pmd_now_ns();
	if (!c->idle_since)
		c->idle_since = now;
	if (now - c->swerr_at > SWERR_NS && !pthread_mutex_trylock(&c->dsa->lock)) {
		c->swerr_at = now;
		dsa_pmd_check_swerr(c->dsa);
		pthread_mutex_unlock(&c->dsa->lock);
	}
	suspect = __atomic_load_n(&c->suspect, __ATOMIC_RELAXED);
	patience = !suspect ? DSA_STALL_NS : can_drain(c) ? SUSPECT_NS : ABORT_NS;
	if (now - c->idle_since < patience)
		return;
	c->idle_since = 0;
	__atomic_store_n(&c->suspect, false, __ATOMIC_RELAXED);
	give_up_waiting(c, suspect && can_drain(c));
}
