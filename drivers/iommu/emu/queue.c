// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "iommu_emu_events.h"

/*
 * Invalidation queue, 6.5.2 and 11.4.9. The driver waits for what it submits;
 * what posters put there may still be in it between two calls.
 */

#define ATTEMPTS 3

/* What went wrong in one attempt. */
struct trouble {
	bool refused; /* a descriptor */
	bool late;    /* a function did not answer; which, if the unit tells */
	uint16_t sid;
};

struct vtd_desc emu_queue_wait(uint64_t flags, uint32_t data, const uint32_t *status)
{
	struct vtd_desc desc = {0};

	vtd_set(&desc.w[0], VTD_DESC_WAIT | flags | VTD_WAIT_DATA(data));
	vtd_set(&desc.w[1], vtd_addr(status));

	return desc;
}

static void put(struct emu_queue *queue, const struct vtd_desc *desc, struct emu_place place)
{
	struct vtd_desc *to = &queue->ring[queue->tail];

	queue->place[queue->tail] = place;
	for (unsigned int i = 0; i < 4; i++)
		vtd_set(&to->w[i], vtd_get(&desc->w[i]));
	queue->tail = (queue->tail + 1) % EMU_QUEUE_ENTRIES;
}

/*
 * The head stays at what the unit can't read until the error is cleared
 * (6.5.2.10). A wait for nothing takes its place.
 */
static void on_refused(struct emu_unit *unit, struct trouble *trouble)
{
	unsigned int head =
		(unsigned int)(emu_unit_read64(unit, VTD_IQH) >> VTD_IQ_SHIFT) % EMU_QUEUE_ENTRIES;
	struct vtd_desc *bad = &unit->queue.ring[head];
	struct vtd_desc nothing = emu_queue_wait(0, 0, NULL);
	const struct emu_place *place = &unit->queue.place[head];

	if (place->poster)
		place->poster->refused(place->poster, place->piece);
	else
		trouble->refused = true;
	uvdk_log(UVDK_LOG_ERR, EMU_COMPONENT,
		 "I/O MMU %u refuses descriptor %u, 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64
		 " 0x%" PRIx64 " (reason %u): something stays cached",
		 unit->number, head, vtd_get(&bad->w[0]), vtd_get(&bad->w[1]), vtd_get(&bad->w[2]),
		 vtd_get(&bad->w[3]), (unsigned int)VTD_IQER_IQEI(emu_unit_read64(unit, VTD_IQER)));
	for (unsigned int i = 0; i < 4; i++)
		vtd_set(&bad->w[i], vtd_get(&nothing.w[i]));
	emu_unit_write32(unit, VTD_FSTS, VTD_FSTS_IQE);
}

/* Waits that were under way are dropped with it: they are submitted again. */
static void on_late(struct emu_unit *unit, struct trouble *trouble)
{
	struct emu_poster *poster;

	trouble->sid = (uint16_t)VTD_IQER_ITESID(emu_unit_read64(unit, VTD_IQER));
	uvdk_log(UVDK_LOG_ERR, EMU_COMPONENT,
		 "function %02x.%x behind I/O MMU %u does not answer invalidations: it may go on "
		 "using what was unmapped",
		 trouble->sid >> 3, trouble->sid & 7u, unit->number);
	LIST_FOREACH(poster, &unit->queue.posters, entry)
	{
		if (poster->sid == trouble->sid)
			poster->late(poster);
	}
	emu_unit_write32(unit, VTD_FSTS, VTD_FSTS_ITE);
}

static void on_stray(struct emu_unit *unit)
{
	unsigned int sid = (unsigned int)VTD_IQER_ICESID(emu_unit_read64(unit, VTD_IQER));

	uvdk_log(UVDK_LOG_WARN, EMU_COMPONENT,
		 "function %02x.%x behind I/O MMU %u answered an invalidation that nobody sent",
		 sid >> 3, sid & 7u, unit->number);
	emu_unit_write32(unit, VTD_FSTS, VTD_FSTS_ICE);
}

static void look(struct emu_unit *unit, struct trouble *trouble)
{
	uint32_t fsts = emu_unit_read32(unit, VTD_FSTS);

	if (!(fsts & VTD_FSTS_QUEUE))
		return;
	if (fsts & VTD_FSTS_IQE)
		on_refused(unit, trouble);
	if (fsts & VTD_FSTS_ITE) {
		trouble->late = true;
		on_late(unit, trouble);
	}
	if (fsts & VTD_FSTS_ICE)
		on_stray(unit);
	emu_events_kick(unit->machine); /* while a status is set, another fault is silent (7.3) */
}

static bool is_done(const struct emu_queue *queue)
{
	return __atomic_load_n(queue->done, __ATOMIC_ACQUIRE) == uvdk_to_le32(queue->ticket).raw;
}

/* A place in the ring, whatever the register says. */
static unsigned int read_head(const struct emu_unit *unit)
{
	return (unsigned int)(emu_unit_read64(unit, VTD_IQH) >> VTD_IQ_SHIFT) % EMU_QUEUE_ENTRIES;
}

/* The queue has run dry, and the wait in it was dropped. */
static bool is_dropped(const struct emu_unit *unit)
{
	return read_head(unit) == unit->queue.tail && !is_done(&unit->queue);
}

/* 0, -EAGAIN or -ETIMEDOUT. */
static int await(struct emu_unit *unit, struct trouble *trouble)
{
	struct emu_deadline deadline = {0};

	for (;;) {
		look(unit, trouble);
		if (is_done(&unit->queue))
			return 0;
		if ((trouble->late || trouble->refused) && is_dropped(unit))
			return -EAGAIN;
		if (!deadline.ns)
			deadline = emu_deadline_start();
		if (emu_deadline_over(&deadline))
			return -ETIMEDOUT;
		uvdk_cpu_relax();
	}
}

/* Whom a descriptor asks; functions are on bus 0, so nobody is 0xffff. */
static unsigned int asks(const struct vtd_desc *desc)
{
	uint64_t w = vtd_get(&desc->w[0]);

	switch (VTD_DESC_TYPE(w)) {
	case VTD_DESC_DEVTLB:
		return (unsigned int)VTD_FIELD(w, 47, 32);
	case VTD_DESC_PDEVTLB:
		return (unsigned int)VTD_FIELD(w, 31, 16);
	default:
		return 0xffff;
	}
}

void emu_queue_ring(struct emu_unit *unit)
{
	emu_unit_write64(unit, VTD_IQT, (uint64_t)unit->queue.tail << VTD_IQ_SHIFT);
}

static void submit(struct emu_unit *unit, const struct vtd_desc *desc, unsigned int count,
		   const struct trouble *before)
{
	struct emu_queue *queue = &unit->queue;
	struct vtd_desc wait = emu_queue_wait(VTD_WAIT_SW, ++queue->ticket, queue->done);

	for (unsigned int i = 0; i < count; i++)
		if (!before->late || asks(&desc[i]) != before->sid)
			put(queue, &desc[i], (struct emu_place){0});
	put(queue, &wait, (struct emu_place){0});
	emu_queue_ring(unit);
}

/* A unit that stopped answering is not waited for again. */
static int give_up(struct emu_unit *unit)
{
	unit->broken = true;

	return uvdk_fail(-ETIMEDOUT, EMU_COMPONENT,
			 "I/O MMU %u does not work off its invalidation queue (head 0x%" PRIx64
			 ", status 0x%x): what was unmapped may still be reached",
			 unit->number, emu_unit_read64(unit, VTD_IQH),
			 emu_unit_read32(unit, VTD_FSTS));
}

/* ---- what others post ---- */

unsigned int emu_queue_room(struct emu_unit *unit)
{
	struct emu_queue *queue = &unit->queue;
	unsigned int used = (queue->tail - read_head(unit)) % EMU_QUEUE_ENTRIES;

	return unit->broken ? 0 : EMU_QUEUE_ENTRIES - 1 - used;
}

void emu_queue_post(struct emu_unit *unit, struct emu_poster *poster, const struct vtd_desc *desc,
		    uint64_t piece)
{
	put(&unit->queue, desc, (struct emu_place){.poster = poster, .piece = piece});
	unit->queue.posted = true;
}

bool emu_queue_look(struct emu_unit *unit)
{
	struct trouble nobodys = {0};

	look(unit, &nobodys);

	return read_head(unit) == unit->queue.tail;
}

int emu_queue_drain(struct emu_unit *unit)
{
	struct emu_deadline deadline = {0};

	while (unit->queue.posted && !unit->broken) {
		if (emu_queue_look(unit)) {
			unit->queue.posted = false;
			break;
		}
		if (!deadline.ns)
			deadline = emu_deadline_start();
		if (emu_deadline_over(&deadline))
			return give_up(unit);
		uvdk_cpu_relax();
	}

	return unit->broken ? -ETIMEDOUT : 0;
}

void emu_queue_remove(struct emu_unit *unit, struct emu_poster *poster)
{
	emu_queue_drain(unit);
	LIST_REMOVE(poster, entry);
	for (unsigned int i = 0; i < EMU_QUEUE_ENTRIES; i++)
		if (unit->queue.place[i].poster == poster)
			unit->queue.place[i].poster = NULL;
}

void emu_queue_end(struct emu_unit *unit, uint16_t sid, uint32_t pasid)
{
	struct emu_poster *poster, *next;

	uvdk_lock_acquire(&unit->lock);
	for (poster = LIST_FIRST(&unit->queue.posters); poster; poster = next) {
		next = LIST_NEXT(poster, entry);
		if (poster->sid != sid || poster->pasid != pasid)
			continue;
		emu_queue_remove(unit, poster);
		poster->ended(poster);
		uvdk_log(UVDK_LOG_WARN, EMU_COMPONENT,
			 "an invalidation queue is still open for PASID %u of function %02x.%x, "
			 "whose table goes: it ends with -ENODEV",
			 pasid, sid >> 3, sid & 7u);
	}
	uvdk_lock_release(&unit->lock);
}

void emu_queue_set_ats(struct emu_unit *unit, uint16_t sid, bool on)
{
	struct emu_poster *poster;

	uvdk_lock_acquire(&unit->lock);
	LIST_FOREACH(poster, &unit->queue.posters, entry)
	{
		if (poster->sid == sid)
			__atomic_store_n(&poster->ats, on, __ATOMIC_RELEASE);
	}
	uvdk_lock_release(&unit->lock);
}

int emu_queue_run(struct emu_unit *unit, const struct vtd_desc *desc, unsigned int count)
{
	struct trouble trouble = {0};
	bool refused = false;
	int err = -EAGAIN;

	if (emu_queue_drain(unit))
		return -ETIMEDOUT;
	for (unsigned int i = 0; err == -EAGAIN && i < ATTEMPTS; i++) {
		struct trouble before = trouble;

		trouble = (struct trouble){0};
		submit(unit, desc, count, &before);
		err = await(unit, &trouble);
		refused |= trouble.refused;
	}
	if (err == -ETIMEDOUT)
		return give_up(unit);

	return err || refused ? -EIO : 0;
}
