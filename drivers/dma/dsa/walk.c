// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_pmd.h"

/*
 * The slow way through a unit: slot by slot, in order. What failed at a page is continued,
 * what a batch left out is run by itself, what stands behind a broken fence is not run. Only
 * the oldest unit is walked, so all before it have ended, and one descriptor is under way at
 * a time: it takes the queue entry that the unit had.
 */

void dsa_pmd_end_slot(struct dsa_chan *c, uint32_t slot, enum uvdk_dmadev_status status,
		      uint8_t code)
{
	struct dsa_slot *s = &c->slots[slot & c->mask];

	dsa_pmd_mark(c, slot, SLOT_ENDED);
	s->status = (uint8_t)status;
	s->code = code;
	if (status == UVDK_DMADEV_OK)
		return;
	if (status != UVDK_DMADEV_NOT_RUN) {
		c->failed = true;
		c->failed_told = false;
	}
}

/* A failure that the caller knew of when it enqueued this one does not count any more. */
bool dsa_pmd_is_cancelled(struct dsa_chan *c, uint32_t slot)
{
	if (!c->failed)
		return false;
	if (c->failed_told && (int32_t)(slot - c->cancel_end) >= 0)
		c->failed = c->cancel = false;
	else if (c->slots[slot & c->mask].flags & SLOT_FENCE)
		c->cancel = true;

	return c->cancel;
}

uint32_t dsa_pmd_value(const struct dsa_chan *c, uint32_t slot)
{
	const struct dsa_rec *rec = &c->rec[slot & c->mask];
	unsigned int op = DSA_W0_OP(UVDK_LE(64, dsa_desc(c, slot)[0]));
	uint32_t value = (uint32_t)uvdk_get64(rec->value);

	if (op == DSA_OP_COMPARE)
		return rec->result ? 1 : 0;
	if (op != DSA_OP_CRC && op != DSA_OP_COPY_CRC)
		return 0;

	return c->slots[slot & c->mask].flags & SLOT_INVERT ? ~value : value;
}

/* Of a comparison that found a difference, what is equal is done. */
uint32_t dsa_pmd_bytes_done(const struct dsa_chan *c, uint32_t slot)
{
	const struct dsa_rec *rec = &c->rec[slot & c->mask];
	const uint64_t *desc = dsa_desc(c, slot);
	uint32_t len = DSA_W4_LEN(UVDK_LE(64, desc[4]));

	if (DSA_W0_OP(UVDK_LE(64, desc[0])) == DSA_OP_COMPARE && rec->result &&
	    uvdk_get32(rec->done) < len)
		return uvdk_get32(rec->done);

	return len;
}

static void end_well(struct dsa_chan *c, uint32_t slot)
{
	struct dsa_slot *s = &c->slots[slot & c->mask];

	s->value = dsa_pmd_value(c, slot);
	s->done += dsa_pmd_bytes_done(c, slot);
	dsa_pmd_end_slot(c, slot, UVDK_DMADEV_OK, 0);
}

static enum uvdk_dmadev_status status_of(uint8_t code)
{
	switch (code) {
	case DSA_PAGE_FAULT:
	case DSA_PAGE_FAULT_REFUSED:
	case DSA_BATCH_PAGE_FAULT:
	case DSA_READBACK_FAULT:
	case DSA_TRANSLATION_FAILED:
		return UVDK_DMADEV_FAULT;
	case DSA_RECORD_FAULT:
		return UVDK_DMADEV_ERROR;
	default:
		return code >= DSA_INVALID_FIRST && code <= DSA_INVALID_LAST ? UVDK_DMADEV_INVALID
									     : UVDK_DMADEV_ERROR;
	}
}

/*
 * What is told as done is done from the start. Where a copy ran backwards, for the sake of an
 * overlap, it is the end that is done.
 */
static bool ran_backwards(const struct dsa_chan *c, uint32_t slot, const struct dsa_rec *rec)
{
	return DSA_W0_OP(UVDK_LE(64, dsa_desc(c, slot)[0])) == DSA_OP_COPY && rec->result;
}

static void end_badly(struct dsa_chan *c, uint32_t slot, const struct dsa_rec *rec, uint8_t code)
{
	struct dsa_slot *s = &c->slots[slot & c->mask];
	enum uvdk_dmadev_status status = status_of(code);
	uint32_t done = uvdk_get32(rec->done);

	if (status == UVDK_DMADEV_FAULT) {
		s->fault = uvdk_get64(rec->fault);
		if (done > DSA_W4_LEN(UVDK_LE(64, dsa_desc(c, slot)[4])))
			status = UVDK_DMADEV_ERROR; /* more than it was given: it lies */
		else if (ran_backwards(c, slot, rec))
			s->done = 0;
		else
			s->done += done;
	}
	dsa_pmd_end_slot(c, slot, status, code);
}

static void run_slot(struct dsa_chan *c, struct dsa_unit *unit, uint32_t slot)
{
	c->rec[slot & c->mask] = (struct dsa_rec){0};
	c->busy = c->wq_entries && dsa_pmd_post_slot(c, slot);
	if (!c->busy)
		unit->flags |= UNIT_WALK; /* its record won't call for the next try */
	else
		c->idle_since = 0; /* it makes progress: what was under way has ended */
	c->ask_busy = false;
}

/* It may have run, and must not run twice. What is continued has told how far it came. */
static bool is_unsure(const struct dsa_chan *c, const struct dsa_unit *unit, uint32_t slot)
{
	const struct dsa_slot *s = &c->slots[slot & c->mask];

	return unit->flags & UNIT_UNSURE && !s->tries && !s->done &&
	       !dsa_pmd_repeatable(c, unit, slot);
}

/* One slot on: true if it has ended. */
static bool walk_slot(struct dsa_chan *c, struct dsa_unit *unit, uint32_t slot)
{
	struct dsa_rec *rec = &c->rec[slot & c->mask];
	uint8_t code = __atomic_load_n(&rec->status, __ATOMIC_ACQUIRE) & DSA_STATUS_MASK;

	if (c->slots[slot & c->mask].flags & SLOT_ENDED)
		return true;
	if (code == 0 && c->busy && !(unit->flags & UNIT_ABORTED))
		return false;
	c->busy = false;
	if (code == 0 && dsa_pmd_is_cancelled(c, slot)) {
		dsa_pmd_end_slot(c, slot, UVDK_DMADEV_NOT_RUN, 0);
		return true;
	}
	if (code == 0 && unit->flags & UNIT_ABORTED) {
		dsa_pmd_end_slot(c, slot, UVDK_DMADEV_ERROR, 0);
		return true;
	}
	if (code == 0 && is_unsure(c, unit, slot)) {
		dsa_pmd_end_slot(c, slot, UVDK_DMADEV_ERROR, DSA_RECORD_FAULT);
		return true;
	}
	if (code == DSA_OK || code == DSA_OK_PREDICATE) {
		end_well(c, slot);
		return true;
	}
	if (code == DSA_PAGE_FAULT && !(unit->flags & UNIT_ABORTED)) {
		if (c->walk_from && dsa_pmd_now_ns() < c->walk_from)
			return false;
		if (!dsa_pmd_resume(c, slot, rec)) {
			end_badly(c, slot, rec, code);
			return true;
		}
		if (c->walk_from)
			return false;
	} else if (code) {
		end_badly(c, slot, rec, code);
		return true;
	}
	run_slot(c, unit, slot);

	return false;
}

bool dsa_pmd_walk(struct dsa_chan *c, struct dsa_unit *unit)
{
	uint32_t end = unit->first + unit->count;

	if ((int32_t)(c->walk - unit->first) < 0 || (int32_t)(c->walk - end) > 0)
		c->walk = unit->first;
	if (unit->count > 1 && !(unit->flags & (UNIT_SLOWLY | UNIT_JUDGED)))
		dsa_pmd_judge_batch(c, unit);
	while (c->walk != end) {
		if (!walk_slot(c, unit, c->walk))
			return false;
		c->bytes += c->slots[c->walk & c->mask].done;
		c->walk++;
		c->walk_from = 0;
	}

	return true;
}
