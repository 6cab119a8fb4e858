// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_pmd.h"

/*
 * A unit is done when its one record is: that of the batch, or of the only descriptor. If it
 * says success, none of the slots needs a look.
 */

static inline uint8_t unit_status(const struct dsa_chan *c, const struct dsa_unit *unit)
{
	const struct dsa_rec *rec =
		unit->count == 1 ? &c->rec[unit->first & c->mask] : &c->batch[c->retired & c->mask];

	return __atomic_load_n(&rec->status, __ATOMIC_ACQUIRE);
}

static inline void retire(struct dsa_chan *c, const struct dsa_unit *unit)
{
	c->done = unit->first + unit->count;
	c->retired++;
	c->walk = c->done;
	c->busy = false;
	c->walk_from = 0;
}

/* Retire what has ended. */
static void retire_units(struct dsa_chan *c)
{
	while (c->retired != c->posted) {
		struct dsa_unit *unit = &c->units[c->retired & c->mask];
		uint8_t status = unit_status(c, unit);

		if (__builtin_expect(status == DSA_OK && !(unit->flags & UNIT_SLOWLY), 1))
			c->bytes += unit->bytes;
		else if ((!status && !(unit->flags & UNIT_SLOWLY)) || !dsa_pmd_walk(c, unit))
			return;
		retire(c, unit);
	}
}

/*
 * The oldest was not given to the device, which would not tell of its end: have it end now.
 * What a shared queue has just refused waits for the next poll.
 */
static bool can_walk(const struct dsa_chan *c)
{
	return c->retired != c->posted && !c->busy && !c->walk_from && !c->refused &&
	       c->wq_entries && c->units[c->retired & c->mask].flags & UNIT_WALK;
}

static inline void reap(struct dsa_chan *c)
{
	uint32_t before = c->retired;

	retire_units(c);
	while (__builtin_expect(c->posted != c->made, 0)) {
		dsa_pmd_post_units(c);
		if (!can_walk(c))
			break;
		retire_units(c);
	}
	if (c->retired == c->made) {
		__atomic_store_n(&c->doubt, DOUBT_NONE, __ATOMIC_RELAXED);
	} else if (c->retired == before) {
		dsa_pmd_idle(c);
		return;
	}
	c->idle = 0, c->idle_since = 0;
}

/* How the slots of the operation that starts at @slot ended, as one. Returns the next one. */
static uint32_t read_result(const struct dsa_chan *c, uint32_t slot, struct uvdk_dmadev_result *out)
{
	const struct dsa_slot *s;

	do {
		s = &c->slots[slot & c->mask];
		if (out->status == UVDK_DMADEV_OK) {
			out->status = s->status;
			out->code = s->code;
			out->value = s->value;
			out->fault = s->fault;
			out->done += s->done;
			if (!(s->flags & SLOT_ENDED)) { /* nobody had to look: success */
				out->value = dsa_pmd_value(c, slot);
				out->done += dsa_pmd_bytes_done(c, slot);
			}
		}
		slot++;
	} while (s->flags & SLOT_MORE);

	return slot;
}

/*
 * A failure that was told counts for what was enqueued before. When none of that is left that
 * could stand behind a fence it is over: kept for 2^31 slots it would lie ahead of them again.
 * What a broken fence cancels ends in dsa_pmd_is_cancelled(), at the next slot at the latest.
 */
static void forget_failure(struct dsa_chan *c)
{
	if (c->failed_told && !c->cancel && (!c->odd || (int32_t)(c->told - c->cancel_end) >= 0))
		c->failed = c->failed_told = false;
}

static void forget_slots(struct dsa_chan *c, uint32_t end)
{
	for (; c->told != end; c->told++) {
		struct dsa_slot *s = &c->slots[c->told & c->mask];

		if (!s->flags)
			continue;
		c->odd--;
		*s = (struct dsa_slot){0};
		dsa_desc(c, c->told)[5] = 0;
	}
	if (__builtin_expect(c->failed, 0))
		forget_failure(c);
	dsa_set_end(c);
}

/* Is there one more that has ended, all of it? Then *@end is behind its slots. */
static bool next_result(struct dsa_chan *c, struct uvdk_dmadev_result *out, uint32_t *end)
{
	uint32_t slot = c->told;

	if (slot == c->done)
		return false;
	while (c->slots[slot & c->mask].flags & SLOT_MORE)
		if (++slot == c->done)
			return false;
	*out = (struct uvdk_dmadev_result){.index = (uint16_t)c->completed};
	*end = read_result(c, c->told, out);

	return true;
}

static bool fails_from(const struct dsa_chan *c, uint32_t slot)
{
	for (; slot != c->head; slot++) {
		const struct dsa_slot *s = &c->slots[slot & c->mask];

		if (s->flags & SLOT_ENDED && s->status != UVDK_DMADEV_OK &&
		    s->status != UVDK_DMADEV_NOT_RUN)
			return true;
	}

	return false;
}

/*
 * From now on the caller knows that its fences are broken; not yet, if one from @end on has
 * failed, too: that is still to be told.
 */
static __attribute__((noinline)) void note_failure(struct dsa_chan *c,
						   const struct uvdk_dmadev_result *result,
						   uint32_t end)
{
	c->failures++;
	if (result->status == UVDK_DMADEV_NOT_RUN || fails_from(c, end))
		return;
	c->failed_told = true;
	c->cancel_end = c->head;
}

static __attribute__((noinline)) unsigned int completed_odd(struct dsa_chan *c, unsigned int max,
							    bool *error)
{
	struct uvdk_dmadev_result result;
	unsigned int n = 0;
	uint32_t end;

	while (n < max && next_result(c, &result, &end)) {
		if (result.status != UVDK_DMADEV_OK) {
			*error = true;
			break;
		}
		forget_slots(c, end);
		c->completed++;
		n++;
	}

	return n;
}

unsigned int dsa_pmd_completed(struct uvdk_dmadev_chan *chan, unsigned int max, uint16_t *last,
			       bool *error)
{
	struct dsa_chan *c = dsa_chan(chan);
	bool failed = false;
	unsigned int n;

	reap(c);
	if (__builtin_expect(c->odd == 0, 1)) {
		n = c->done - c->told;
		n = n < max ? n : max;
		c->told += n;
		dsa_set_end(c);
		c->completed += n;
	} else {
		n = completed_odd(c, max, &failed);
	}
	if (last)
		*last = (uint16_t)(c->completed - 1);
	if (error)
		*error = failed;

	return n;
}

unsigned int dsa_pmd_completed_status(struct uvdk_dmadev_chan *chan,
				      struct uvdk_dmadev_result *results, unsigned int max)
{
	struct dsa_chan *c = dsa_chan(chan);
	unsigned int n = 0;
	uint32_t end;

	reap(c);
	while (n < max && next_result(c, &results[n], &end)) {
		if (results[n].status != UVDK_DMADEV_OK)
			note_failure(c, &results[n], end);
		forget_slots(c, end);
		c->completed++;
		n++;
	}

	return n;
}
