/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DRV_IOMMU_EMU_UNIT_H
#define UVDK_DRV_IOMMU_EMU_UNIT_H

#include <sys/queue.h>

#include <uvdk_emu_vtd_driver.h>

#include "iommu_emu_arena.h"
#include "iommu_emu_table.h"

#define EMU_COMPONENT "iommu.emu"
#define EMU_UNITS     4
#define EMU_SLOTS     32
#define EMU_DIDS      65536u

/*
 * Domain IDs: 0 tags what is cached of entries that are not present where
 * CAP.CM is set (6.1); 1 is what an entry has while it is being replaced.
 */
#define EMU_DID_REPLACE 1u
#define EMU_DID_FIRST	2u

/**
 * struct emu_poster - who puts descriptors into the queue and does not wait
 * @refused: the unit can't read one of its descriptors
 * @late: @sid does not answer: what was sent to it since may not be done
 * @ended: what it is for is no longer attached: it posts nothing any more, and is
 *	not in the list
 * @sid: function that it sends to
 * @pasid: for which PASID
 * @ats: the function may cache translations; atomic
 * @entry: in the queue's list
 *
 * Called under the unit's lock.
 */
struct emu_poster {
	void (*refused)(struct emu_poster *poster, uint64_t piece);
	void (*late)(struct emu_poster *poster);
	void (*ended)(struct emu_poster *poster);
	uint16_t sid;
	uint32_t pasid;
	bool ats;
	LIST_ENTRY(emu_poster) entry;
};

/**
 * struct emu_place - who has put what is in a place of the ring
 * @poster: NULL: the driver itself
 * @piece: for @poster's refused()
 */
struct emu_place {
	struct emu_poster *poster;
	uint64_t piece;
};

#define EMU_QUEUE_ENTRIES (VTD_PAGE >> VTD_IQ_SHIFT)

/* Most descriptors of one call of emu_queue_run(). */
#define EMU_QUEUE_MAX (EMU_QUEUE_ENTRIES - 2)

/**
 * struct emu_queue - invalidation queue; guarded by its unit's lock
 * @ring: descriptors, one page
 * @tail: next free place
 * @done: status of the driver's last wait; written by the hardware
 * @ticket: what @done will be after the last wait submitted
 * @posters: others that use it
 * @posted: something of theirs may be in it
 * @place: whose each place is
 */
struct emu_queue {
	struct vtd_desc *ring;
	unsigned int tail;
	uint32_t *done;
	uint32_t ticket;
	LIST_HEAD(, emu_poster) posters;
	bool posted;
	struct emu_place place[EMU_QUEUE_ENTRIES];
};

/**
 * struct emu_requests - queue of page requests; guarded by the machine's events
 * @ring: descriptors, NULL: nobody has wanted any yet
 * @head: next one to take
 */
struct emu_requests {
	const struct vtd_desc *ring;
	unsigned int head;
};

/**
 * struct emu_slot - tables of the function in a slot; they stay when it goes
 * @dir: PASID directory, all of whose entries are not present at first
 * @dir_bits: log2 of its entries
 */
struct emu_slot {
	struct uvdk_le64 *dir;
	unsigned int dir_bits;
};

/**
 * struct emu_unit - one remapping unit
 * @machine: whose
 * @number: its number
 * @cap: capability register
 * @ecap: extended capability register
 * @lock: guards what follows
 * @up: it translates
 * @broken: it stopped to answer
 * @unsure: an invalidation failed: what it may still know is not used again
 * @queue: invalidation queue
 * @root: root table; its bus 0 has @contexts
 * @contexts: of 16 slots each; 8 functions a slot
 * @slots: tables of functions
 * @dids: domain IDs in use, a bit each
 * @replacing: held by whoever uses EMU_DID_REPLACE; taken before @lock
 * @requests: queue of page requests
 */
struct emu_unit {
	struct emu_machine *machine;
	unsigned int number;
	uint64_t cap;
	uint64_t ecap;
	struct uvdk_lock lock;
	bool up;
	bool broken;
	bool unsure;
	struct emu_queue queue;
	struct vtd_root *root;
	struct vtd_context *contexts[2];
	struct emu_slot slots[EMU_SLOTS];
	uint64_t dids[EMU_DIDS / 64];
	struct uvdk_lock replacing;
	struct emu_requests requests;
};

struct emu_faultq;

/**
 * struct emu_events - page requests and faults, see iommu_emu_events.h
 * @lock: guards what follows, and the units' page requests; taken before a
 *	unit's
 * @queues: fault queues
 * @routes: tree of whose page requests go to which
 * @cookie: for the next group of them
 * @irq_lock: guards the rest, for those who only write @irq; a leaf
 * @hears: there are queues
 * @irq: eventfd: an interrupt of some unit
 */
struct emu_events {
	struct uvdk_lock lock;
	LIST_HEAD(, emu_faultq) queues;
	void *routes;
	uint32_t cookie;
	struct uvdk_lock irq_lock;
	bool hears;
	int irq;
};

/**
 * struct emu_machine - what all iommus opened on one machine share
 * @emu: the machine
 * @lock: guards @known
 * @known: the rest is filled in
 * @arena: memory for tables
 * @count: units
 * @units: units
 * @events: page requests and faults
 *
 * Zeroes are its start; it lives in uvdk_emu_shared() and so does its memory:
 * nothing here is freed before the machine goes.
 */
struct emu_machine {
	struct uvdk_emu *emu;
	struct uvdk_lock lock;
	bool known;
	struct emu_arena arena;
	unsigned int count;
	struct emu_unit units[EMU_UNITS];
	struct emu_events events;
};

/* The state of a machine, made at first; NULL: out of memory (logged). */
struct emu_machine *emu_machine_get(struct uvdk_emu *emu);

/* Switch a unit on if it is not; 0 or a negative errno with a sentence. */
int emu_unit_start(struct emu_unit *unit);

/* May it still know what it was told to forget? Pages and IDs are then not used again. */
bool emu_unit_unsure(const struct emu_unit *unit);

/* A domain ID of a unit. -ENOSPC with a sentence. */
int emu_unit_did_get(struct emu_unit *unit, uint16_t *did);
void emu_unit_did_put(struct emu_unit *unit, uint16_t did);

/* Width of an address in a table of this stage; 0: the unit has none. */
unsigned int emu_unit_bits(const struct emu_unit *unit, enum emu_stage stage);
unsigned int emu_unit_levels(const struct emu_unit *unit, enum emu_stage stage);
uint64_t emu_unit_leaf_sizes(const struct emu_unit *unit, enum emu_stage stage);

/*
 * Submit descriptors in order and wait until they are done. 0, -EIO (the unit
 * refused one) or -ETIMEDOUT, logged. Under the unit's lock.
 */
int emu_queue_run(struct emu_unit *unit, const struct vtd_desc *desc, unsigned int count);

/* Free places; 0 as well where the unit does not work. Under the unit's lock, as all of these. */
unsigned int emu_queue_room(struct emu_unit *unit);

/* Put a descriptor into a free place. */
void emu_queue_post(struct emu_unit *unit, struct emu_poster *poster, const struct vtd_desc *desc,
		    uint64_t piece);

/* Tell the unit of what was posted. */
void emu_queue_ring(struct emu_unit *unit);

/* Let it work, and see to its errors; true: there is nothing in it any more. */
bool emu_queue_look(struct emu_unit *unit);

/* Wait until there is nothing in it. 0 or -ETIMEDOUT, logged. */
int emu_queue_drain(struct emu_unit *unit);

/* A poster goes: nobody names it, or writes for it, any more. */
void emu_queue_remove(struct emu_unit *unit, struct emu_poster *poster);

/* Takes the unit's lock, as does the next: end all posters of a PASID of a function. */
void emu_queue_end(struct emu_unit *unit, uint16_t sid, uint32_t pasid);

/* From now on a function may cache translations, or not. */
void emu_queue_set_ats(struct emu_unit *unit, uint16_t sid, bool on);

/* A descriptor that waits: VTD_WAIT_*, and what is written where. */
struct vtd_desc emu_queue_wait(uint64_t flags, uint32_t data, const uint32_t *status);

static inline uint32_t emu_unit_read32(const struct emu_unit *unit, uint32_t off)
{
	return (uint32_t)uvdk_emu_iommu_read(unit->machine->emu, unit->number, off, 4);
}

static inline uint64_t emu_unit_read64(const struct emu_unit *unit, uint32_t off)
{
	return uvdk_emu_iommu_read(unit->machine->emu, unit->number, off, 8);
}

static inline void emu_unit_write32(const struct emu_unit *unit, uint32_t off, uint32_t value)
{
	uvdk_emu_iommu_write(unit->machine->emu, unit->number, off, 4, value);
}

static inline void emu_unit_write64(const struct emu_unit *unit, uint32_t off, uint64_t value)
{
	uvdk_emu_iommu_write(unit->machine->emu, unit->number, off, 8, value);
}

/* ---- a bound to every wait ---- */

/**
 * struct emu_deadline - when to stop waiting
 * @ns: on CLOCK_MONOTONIC
 */
struct emu_deadline {
	uint64_t ns;
};

struct emu_deadline emu_deadline_start(void);
bool emu_deadline_over(const struct emu_deadline *deadline);

#endif /* UVDK_DRV_IOMMU_EMU_UNIT_H */
