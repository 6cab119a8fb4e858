// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "dsa_pmd.h"

/*
 * What was enqueued since the last submit is cut into units of descriptors that lie side by
 * side: each goes to the device as one descriptor, alone or as a batch. The device is given
 * no more of them than the queue has entries; the rest waits for poll.c.
 */

bool dsa_pmd_portal_write(struct dsa_chan *c, const uint64_t *desc)
{
	if (c->movdir) {
		dsa_movdir64b(c->portal, desc);
		return true;
	}
	if (!c->dsa->dev)
		return dsa_pmd_cdev_write(c, desc);
	uvdk_io_wmb();
	for (unsigned int i = 0; i < DSA_DESC_WORDS; i++)
		if (c->portal)
			((volatile uint64_t *)c->portal)[i] = desc[i];
		else
			uvdk_region_write(&c->dsa->portals, c->portal_off + 8 * i, 8,
					  UVDK_LE(64, desc[i]));

	return true;
}

static void ask_for_irq(struct dsa_chan *c, uint64_t *desc)
{
	if (!c->irq)
		return;
	desc[0] |= UVDK_LE(64, DSA_W0(0, DSA_FLAG_RCI));
	desc[4] |= UVDK_LE(64, c->handle_bits);
}

/* The flag of a fence is for batches only. */
bool dsa_pmd_post_slot(struct dsa_chan *c, uint32_t slot)
{
	uint64_t *desc = dsa_desc(c, slot);

	desc[0] &= ~UVDK_LE(64, DSA_W0(0, DSA_FLAG_FENCE));
	ask_for_irq(c, desc);
	if (!dsa_pmd_portal_write(c, desc))
		return false;
	c->doorbells++;

	return true;
}

static bool post_batch(struct dsa_chan *c, const struct dsa_unit *unit, uint32_t number)
{
	uint32_t at = number & c->mask;
	uint64_t desc[DSA_DESC_WORDS] __attribute__((aligned(DSA_DESC_SIZE))) = {
		UVDK_LE(64, DSA_W0(DSA_OP_BATCH, DSA_FLAG_CRAV | DSA_FLAG_RCR)),
		UVDK_LE(64, c->batch_iova + at * sizeof(struct dsa_rec)),
		UVDK_LE(64, c->desc_iova + (uint64_t)(unit->first & c->mask) * DSA_DESC_SIZE),
		0,
		UVDK_LE(64, (uint64_t)unit->count),
	};

	memset(&c->batch[at], 0, offsetof(struct dsa_rec, fault));
	ask_for_irq(c, desc);
	if (!dsa_pmd_portal_write(c, desc))
		return false;
	c->doorbells++;

	return true;
}

/* All before it have ended: may it run as it is? Else each slot is looked at, before others. */
static void check_fence(struct dsa_chan *c, struct dsa_unit *unit)
{
	if (c->cancel || (c->failed && unit->flags & UNIT_FENCED))
		unit->flags |= UNIT_WALK;
	c->barrier = unit->flags & (UNIT_INNER | UNIT_WALK);
}

void dsa_pmd_post_units(struct dsa_chan *c)
{
	while (c->posted != c->made && c->posted - c->retired < c->wq_entries) {
		struct dsa_unit *unit = &c->units[c->posted & c->mask];

		if (__builtin_expect(unit->flags & UNIT_FENCED || c->cancel || c->barrier, 0)) {
			if (c->posted != c->retired)
				return;
			check_fence(c, unit);
		}
		if (__builtin_expect(unit->flags & UNIT_WALK, 0))
			c->walk = unit->first;
		else if (unit->count == 1 ? !dsa_pmd_post_slot(c, unit->first)
					  : !post_batch(c, unit, c->posted))
			return;
		c->posted++;
	}
}

/* That of the first is not the device's business. */
static uint16_t fences_of(struct dsa_chan *c, const struct dsa_unit *unit)
{
	uint16_t flags = 0;

	for (uint32_t i = 0; i < unit->count; i++)
		if (c->slots[(unit->first + i) & c->mask].flags & SLOT_FENCE)
			flags |= UNIT_FENCED | (i ? UNIT_INNER : 0);
	dsa_desc(c, unit->first)[0] &= ~UVDK_LE(64, DSA_W0(0, DSA_FLAG_FENCE));

	return flags;
}

static void make_unit(struct dsa_chan *c, uint32_t count)
{
	struct dsa_unit *unit = &c->units[c->made & c->mask];
	uint64_t bytes = c->pending_bytes;

	if (count < c->head - c->pending) {
		bytes = 0;
		for (uint32_t i = 0; i < count; i++)
			bytes += DSA_W4_LEN(UVDK_LE(64, dsa_desc(c, c->pending + i)[4]));
	}
	c->pending_bytes -= bytes;
	memset(&c->rec[c->pending & c->mask], 0, count * sizeof(struct dsa_rec));
	unit->first = c->pending;
	unit->count = (uint16_t)count;
	unit->flags = 0;
	unit->bytes = bytes;
	if (__builtin_expect(c->fences != 0, 0))
		unit->flags = fences_of(c, unit);
	c->pending += count;
	c->made++;
}

void dsa_pmd_count_submitted(struct dsa_chan *c)
{
	c->submitted += c->head - c->pending - (c->extra - c->extra_submitted);
	c->extra_submitted = c->extra;
}

int dsa_pmd_submit(struct uvdk_dmadev_chan *chan)
{
	struct dsa_chan *c = dsa_chan(chan);

	if (__builtin_expect(c->stopped || dsa_gone(c->dsa), 0)) {
		dsa_pmd_gone(c);
		return -ENODEV;
	}
	dsa_pmd_count_submitted(c);
	while (c->pending != c->head) {
		uint32_t count = c->head - c->pending;
		uint32_t wrap = c->mask + 1 - (c->pending & c->mask);

		count = count < wrap ? count : wrap;
		make_unit(c, count < c->max_batch ? count : c->max_batch);
	}
	c->fences = 0;
	dsa_pmd_post_units(c);

	return 0;
}
