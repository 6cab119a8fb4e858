// SPDX-License-Identifier: BSD-3-Clause
#include "dsa_pmd.h"

/*
 * Records that the device could not write (8.2): its register SWERR names the first, all others
 * are found by their absence. A descriptor that lost its record has run, how far nobody knows.
 */

static uint8_t status_of(const struct dsa_rec *rec)
{
	return __atomic_load_n(&rec->status, __ATOMIC_ACQUIRE);
}

static void lose(struct dsa_rec *rec)
{
	if (!status_of(rec))
		__atomic_store_n(&rec->status, DSA_RECORD_FAULT, __ATOMIC_RELEASE);
}

void dsa_pmd_end_lost(struct dsa_chan *c)
{
	/* All of it has been told long since; perhaps so long that this would count as ahead. */
	if (c->ask_posted - c->retired > c->posted - c->retired)
		return;
	for (uint32_t i = c->retired; i != c->ask_posted; i++) {
		const struct dsa_unit *unit = &c->units[i & c->mask];
		bool walked = i == c->retired && c->busy; /* its record may be of another run */

		if (!(unit->flags & UNIT_WALK) && !walked)
			lose(unit->count == 1 ? &c->rec[unit->first & c->mask]
					      : &c->batch[i & c->mask]);
	}
	if (c->busy && c->ask_busy)
		lose(&c->rec[c->walk & c->mask]);
}

/*
 * A batch is run from its start and ends early only at a fence or where its list can't be read:
 * then all before that have ended. So what precedes one that has a record has run, too.
 */
static uint32_t count_run(const struct dsa_chan *c, const struct dsa_unit *unit)
{
	uint32_t told = uvdk_get32(c->batch[c->retired & c->mask].done);
	uint32_t run = unit->count;

	told = told < run ? told : run;
	while (run > told && !status_of(&c->rec[(unit->first + run - 1) & c->mask]))
		run--;

	return run;
}

static bool all_there(const struct dsa_chan *c, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!status_of(&c->rec[(first + i) & c->mask]))
			return false;

	return true;
}

/*
 * SWERR is read before any of them is told: later its place may be another's. The lock also
 * waits for whoever is just reading it.
 */
void dsa_pmd_judge_batch(struct dsa_chan *c, struct dsa_unit *unit)
{
	uint32_t run = count_run(c, unit);

	unit->flags |= UNIT_JUDGED;
	if (status_of(&c->batch[c->retired & c->mask]) == DSA_RECORD_FAULT)
		unit->flags |= UNIT_UNSURE;
	if (all_there(c, unit->first, run) && !(unit->flags & UNIT_UNSURE))
		return;
	dsa_pmd_check_swerr(c->dsa);
	for (uint32_t i = 0; i < run; i++)
		lose(&c->rec[(unit->first + i) & c->mask]);
}

/*
 * Twice is as good as once, but where a copy has overwritten its source, or where what stands
 * behind a fence may have: no record says that the device did not get there.
 */
bool dsa_pmd_repeatable(const struct dsa_chan *c, const struct dsa_unit *unit, uint32_t slot)
{
	const uint64_t *desc = dsa_desc(c, slot);
	uint64_t src = UVDK_LE(64, desc[2]), dst = UVDK_LE(64, desc[3]);
	uint32_t len = DSA_W4_LEN(UVDK_LE(64, desc[4]));

	if (unit->flags & UNIT_INNER)
		return false;

	return DSA_W0_OP(UVDK_LE(64, desc[0])) != DSA_OP_COPY ||
	       (src - dst >= len && dst - src >= len);
}
