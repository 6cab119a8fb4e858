// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#undef uvdk_emu_iommu_write

#include "../drivers/emu_asker.h"
#include "emu_world.h"
#include "inval_testing.h"
#include "iommu_emu_invalq.h"

/*
 * A remapping unit of the emulated machine, whose driver is compiled once more
 * for this test: its writes to the queue's tail pass through here, so that the
 * unit can be made to stop after any descriptor, or to meet one that is none.
 */

#define IQT 0x88

static struct emu_world emu;
static struct world *gated; /* NULL: everything passes */
static unsigned int unit_at;
static uint64_t wanted, passed; /* tail as written, and as the unit knows it */

static uint64_t bits(uint64_t w, unsigned int hi, unsigned int lo)
{
	return w << (63 - hi) >> (63 - hi + lo);
}

static struct seen decode(const uint64_t *w)
{
	struct seen s = {.pasid = (uint32_t)bits(w[0], 51, 32), .last = UINT64_MAX};

	switch (bits(w[0], 3, 0)) {
	case 6: /* PASID-based IOTLB */
		s.scope = bits(w[0], 5, 4) == 3 ? UVDK_INVAL_RANGE : UVDK_INVAL_PASID;
		if (s.scope == UVDK_INVAL_RANGE) {
			s.first = w[1] & ~UINT64_C(0xfff);
			s.last = s.first + (WORLD_PAGE << bits(w[1], 5, 0)) - 1;
		}
		s.leaf = bits(w[1], 6, 6);
		break;
	case 8: /* PASID-based device TLB */
		s.target = UVDK_INVAL_DEVTLB;
		s.scope = UVDK_INVAL_RANGE;
		s.first = w[1] & ~UINT64_C(0xfff);
		s.last = s.first + WORLD_PAGE - 1;
		if (bits(w[1], 11, 11)) {
			uint64_t ones = s.first >> 12 & ~((s.first >> 12) + 1);

			s.first &= ~(((ones + 1) << 13) - 1);
			s.last = s.first + (((ones + 1) << 13) - 1);
		}
		break;
	default:
		s.target = UVDK_INVAL_FENCE;
		break;
	}

	return s;
}

static uint64_t *descriptor(uint64_t at)
{
	uint64_t iqa = uvdk_emu_iommu_read(emu.world.emu, unit_at, 0x90, 8);

	return (uint64_t *)(uintptr_t)((iqa & ~UINT64_C(0xfff)) + at);
}

/* As far as the world allows. */
static void pass(void)
{
	struct world *w = gated;

	pthread_mutex_lock(&w->lock);
	while (passed != wanted) {
		uint64_t *desc = descriptor(passed);
		const struct seen seen = decode(desc);

		if (seen.target != UVDK_INVAL_FENCE && !world_allowed(w))
			break;
		if (seen.target == UVDK_INVAL_IOTLB && seen.first == w->refuse)
			desc[0] |= 1 << 7; /* reserved */
		else
			world_see(w, &seen);
		passed = (passed + 32) % 4096;
	}
	pthread_mutex_unlock(&w->lock);
	uvdk_emu_iommu_write(emu.world.emu, unit_at, IQT, 8, passed);
}

void gate_iommu_write(struct uvdk_emu *machine, unsigned int unit, uint32_t off, unsigned int width,
		      uint64_t value)
{
	if (off == IQT)
		wanted = value;
	if (off == IQT && gated) {
		pass();
		return;
	}
	if (off == IQT)
		passed = value;
	uvdk_emu_iommu_write(machine, unit, off, width, value);
}

static int open_emu(struct world *w, const struct uvdk_invalq_opts *opts)
{
	int err;

	emu_world_open(&emu);
	w->pasid = EMU_WORLD_PASID;
	w->asid = 0;
	err = emu_world_queue(&emu, opts, &w->q);
	gated = w;

	return err;
}

static void close_emu(struct world *w)
{
	(void)w;
	gated = NULL;
	emu_world_close(&emu);
}

/* Whatever is held back passes in the end: only the device is gone. */
static void remove_emu(struct world *w)
{
	uvdk_emu_unplug(emu.world.emu, uvdk_emu_fn_name(emu.asker->fn), true);
	pthread_mutex_lock(&w->lock);
	w->removed = false;
	w->allow = WORLD_ANYHOW;
	pthread_mutex_unlock(&w->lock);
	pass();
}

static void let_emu(struct world *w)
{
	(void)w;
	pass();
}

const struct backend backend_emu = {
	.name = "emu",
	.caps = "emu",
	.devtlb = true,
	.open = open_emu,
	.close = close_emu,
	.remove = remove_emu,
	.let = let_emu,
};
