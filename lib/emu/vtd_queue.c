// SPDX-License-Identifier: BSD-3-Clause
#include "gate.h"
#include "vtd_priv.h"

/* The invalidation queue: 6.5.2, registers 11.4.16. */

#define DESC_SHIFT 5 /* 256 bits: what scalable mode has */

/* On return no access through what was removed is in flight. */
void vtd_drain(struct vtd *vtd)
{
	for (unsigned int i = 0; i < EMU_SLOTS; i++)
		if (vtd->fns[i])
			emu_gate_pass(&vtd->fns[i]->gate);
}

static uint64_t queue_bytes(uint64_t iqa)
{
	return UINT64_C(4096) << IQA_QS(iqa);
}

static void stop(struct vtd *vtd, int info)
{
	uint32_t bit = FSTS_IQE;

	if (info == VTD_TIMEOUT)
		bit = FSTS_ITE;
	else
		atomic_store(&vtd->iqercd, (uint64_t)info);
	if (!(atomic_fetch_or(&vtd->fsts, bit) & FSTS_W1C))
		vtd_event_raise(vtd, UVDK_EMU_IOMMU_IRQ_FAULT);
}

static bool stopped(struct vtd *vtd)
{
	return atomic_load(&vtd->fsts) & (FSTS_IQE | FSTS_ITE);
}

/* Can the head ever get to the tail? */
static int bad_tail(uint64_t iqa, uint64_t tail)
{
	if (!(iqa & IQA_DW))
		return IQEI_WIDTH;
	if (tail & BIT(4))
		return IQEI_TAIL_ALIGN;

	return tail >= queue_bytes(iqa) ? IQEI_TAIL : 0;
}

/* The head stays at what could not be executed, and passes what timed out. */
static void run_one(struct vtd *vtd)
{
	uint64_t iqa = atomic_load(&vtd->iqa);
	uint64_t head = atomic_load(&vtd->iqh);
	const uint64_t *at = vtd_at(vtd, (iqa & SPAN(63, 12)) + head);
	int err = bad_tail(iqa, atomic_load(&vtd->iqt));
	uint64_t desc[4];

	if (!err && !at)
		err = IQEI_FETCH;
	for (unsigned int i = 0; !err && i < 4; i++)
		desc[i] = __atomic_load_n(at + i, __ATOMIC_ACQUIRE);
	if (!err)
		err = vtd_inval(vtd, desc);
	if (err)
		stop(vtd, err);
	if (!err || err == VTD_TIMEOUT)
		atomic_store(&vtd->iqh, (head + (1u << DESC_SHIFT)) % queue_bytes(iqa));
}

static bool work(struct vtd *vtd)
{
	return (atomic_load(&vtd->gsts) & GCMD_QIE) && !stopped(vtd) &&
	       atomic_load(&vtd->iqh) != atomic_load(&vtd->iqt);
}

/* Several threads may look in; one executes. */
void vtd_queue_run(struct vtd *vtd)
{
	if (!work(vtd) || pthread_mutex_trylock(&vtd->queue_lock))
		return;
	while (work(vtd))
		run_one(vtd);
	pthread_mutex_unlock(&vtd->queue_lock);
}

static void write_tail(struct vtd *vtd, uint64_t value)
{
	int err = bad_tail(atomic_load(&vtd->iqa), value & SPAN(18, 4));

	atomic_store(&vtd->iqt, value & SPAN(18, 4));
	if (err == IQEI_TAIL || err == IQEI_TAIL_ALIGN)
		stop(vtd, err);
}

void vtd_queue_write(struct vtd *vtd, uint32_t off, uint64_t value)
{
	switch (off) {
	case REG_IQT:
		write_tail(vtd, value);
		break;
	case REG_IQA:
		if (!(atomic_load(&vtd->gsts) & GCMD_QIE))
			atomic_store(&vtd->iqa, value & (SPAN(63, 11) | SPAN(2, 0)));
		break;
	case REG_ICS:
		atomic_fetch_and(&vtd->ics, ~(uint32_t)(value & ICS_IWC));
		break;
	default:
		break;
	}
}
