// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <time.h>

#include "iommu_emu_inval.h"

/* What hardware does at once takes this long only if it never will. */
#ifndef EMU_PATIENCE_NS /* tests have less */
#define EMU_PATIENCE_NS UINT64_C(5000000000)
#endif

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

struct emu_deadline emu_deadline_start(void)
{
	return (struct emu_deadline){now_ns() + EMU_PATIENCE_NS};
}

bool emu_deadline_over(const struct emu_deadline *deadline)
{
	return now_ns() > deadline->ns;
}

/* One command at a time, the lasting ones repeated (11.4.4). */
static int command(struct emu_unit *unit, uint32_t bit, const char *what)
{
	struct emu_deadline deadline = emu_deadline_start();

	emu_unit_write32(unit, VTD_GCMD,
			 (emu_unit_read32(unit, VTD_GSTS) & VTD_GSTS_LASTING) | bit);
	while (!(emu_unit_read32(unit, VTD_GSTS) & bit)) {
		emu_unit_read32(unit, VTD_FSTS); /* that is when it works */
		if (emu_deadline_over(&deadline))
			return uvdk_fail(-ETIMEDOUT, EMU_COMPONENT,
					 "I/O MMU %u was told to %s and never did (status 0x%x)",
					 unit->number, what, emu_unit_read32(unit, VTD_GSTS));
		uvdk_cpu_relax();
	}

	return 0;
}

static int check(const struct emu_unit *unit)
{
	const char *lacks = !VTD_ECAP_SMTS(unit->ecap) ? "scalable mode (ECAP.SMTS)"
			    : !VTD_ECAP_QI(unit->ecap) ? "queued invalidation (ECAP.QI)"
			    : !emu_unit_levels(unit, EMU_FIRST_STAGE) &&
					    !emu_unit_levels(unit, EMU_SECOND_STAGE)
				    ? "page tables (ECAP.FSTS, ECAP.SSTS)"
				    : NULL;

	if (!lacks)
		return 0;

	return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT,
			 "I/O MMU %u has no %s (CAP 0x%llx, ECAP 0x%llx): nothing can be mapped "
			 "behind it",
			 unit->number, lacks, (unsigned long long)unit->cap,
			 (unsigned long long)unit->ecap);
}

/* Bus 0 is all there is: both its context tables from the start. */
static int make_tables(struct emu_unit *unit)
{
	struct emu_arena *arena = &unit->machine->arena;
	void *page[5];

	if (unit->root)
		return 0;
	for (unsigned int i = 0; i < 5; i++) {
		page[i] = emu_arena_get(arena);
		if (!page[i]) {
			while (i--)
				emu_arena_put(arena, emu_page_of(page[i]));
			return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for I/O MMU %u",
					 unit->number);
		}
	}
	unit->root = page[0];
	unit->queue.ring = page[1];
	unit->queue.done = page[2];
	for (unsigned int i = 0; i < 2; i++) {
		unit->contexts[i] = page[3 + i];
		vtd_set(&unit->root->half[i], vtd_addr(unit->contexts[i]) | VTD_P);
	}

	return 0;
}

/* 6.5.2: while the queue is off, its head is where hardware starts. */
static int start_queue(struct emu_unit *unit)
{
	emu_unit_write32(unit, VTD_FECTL, 0); /* who wants to hear of faults routes it */
	emu_unit_write32(unit, VTD_FSTS, VTD_FSTS_QUEUE | VTD_FSTS_PFO);
	unit->queue.tail = 0;
	emu_unit_write64(unit, VTD_IQT, 0);
	emu_unit_write64(unit, VTD_IQA, vtd_addr(unit->queue.ring) | VTD_IQA_WIDE);

	return command(unit, VTD_GCMD_QIE, "read its invalidation queue");
}

/* 6.6: nothing of an older root table may be left. */
static int start_root(struct emu_unit *unit)
{
	struct emu_batch batch;
	int err;

	emu_inval_start(&batch, unit);
	batch.locked = true;
	emu_unit_write64(unit, VTD_RTADDR, vtd_addr(unit->root) | VTD_RTADDR_SCALABLE);
	err = command(unit, VTD_GCMD_SRTP, "take its root table");
	if (err)
		return err;
	emu_inval_context(&batch, EMU_SITE_START_CONTEXT, VTD_G_GLOBAL, 0);
	emu_inval_fence(&batch);
	emu_inval_pasidc(&batch, EMU_SITE_START_PASIDC, VTD_G_PASIDC_GLOBAL, 0, 0);
	emu_inval_fence(&batch);
	emu_inval_iotlb(&batch, EMU_SITE_START_IOTLB, VTD_G_GLOBAL, 0, NULL);

	return emu_inval_run(&batch);
}

static int start(struct emu_unit *unit)
{
	int err = check(unit);

	if (!err)
		err = make_tables(unit);
	if (!err)
		err = start_queue(unit);
	if (!err)
		err = start_root(unit);
	if (!err)
		err = command(unit, VTD_GCMD_TE, "translate");
	unit->up = !err;

	return err;
}

int emu_unit_start(struct emu_unit *unit)
{
	int err = 0;

	uvdk_lock_acquire(&unit->lock);
	if (!unit->up) {
		uvdk_emu_iommu_begin(unit->machine->emu, unit->number);
		err = start(unit);
		uvdk_emu_iommu_end(unit->machine->emu, unit->number);
	}
	uvdk_lock_release(&unit->lock);

	return err;
}

bool emu_unit_unsure(const struct emu_unit *unit)
{
	return __atomic_load_n(&unit->unsure, __ATOMIC_ACQUIRE);
}

/* Those that are there: 16 << 2 * ND (11.4.2). */
static unsigned int did_count(const struct emu_unit *unit)
{
	unsigned int bits = 4 + 2 * (unsigned int)VTD_CAP_ND(unit->cap);

	return bits < 16 ? 1u << bits : EMU_DIDS;
}

int emu_unit_did_get(struct emu_unit *unit, uint16_t *did)
{
	unsigned int count = did_count(unit);
	unsigned int i = EMU_DID_FIRST;

	uvdk_lock_acquire(&unit->lock);
	while (i < count && unit->dids[i / 64] & VTD_BIT(i % 64))
		i++;
	if (i < count)
		unit->dids[i / 64] |= VTD_BIT(i % 64);
	uvdk_lock_release(&unit->lock);
	if (i == count)
		return uvdk_fail(-ENOSPC, EMU_COMPONENT,
				 "all %u domain IDs of I/O MMU %u are in use: detach or destroy "
				 "page tables",
				 count - EMU_DID_FIRST, unit->number);
	*did = (uint16_t)i;

	return 0;
}

void emu_unit_did_put(struct emu_unit *unit, uint16_t did)
{
	if (emu_unit_unsure(unit))
		return;
	uvdk_lock_acquire(&unit->lock);
	unit->dids[did / 64] &= ~VTD_BIT(did % 64);
	uvdk_lock_release(&unit->lock);
}
