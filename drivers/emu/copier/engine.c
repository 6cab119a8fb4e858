// SPDX-License-Identifier: BSD-3-Clause
/* Copies, page by page, each page with a translation of its own. */
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "engine.h"

#define PAGE	   UINT64_C(4096)
#define MAGIC	   UINT32_C(0x31465055) /* "UPF1" */
#define PASID_OK   UINT32_C(0xfffff)

#define GIVE_UP_NS UINT64_C(20000000000)
#define AGAIN_US   50
#define PACE_MAX   900000

enum reg {
	REG_MAGIC = 0x00,
	REG_SHAPE = 0x04, /* queues, slots of each << 16 */
	REG_PACE = 0x08,
	REG_QUEUES = 0x100, /* 16 bytes each: tail, head */
	REG_SLOTS = 0x10000,
};

enum flags { FLAG_TAGGED = 1u << 31, FLAG_INSIST = 1u << 30 };

enum status { PENDING, DONE, READ_FAULT, WRITE_FAULT, REFUSED };

/* A descriptor; the guest writes the first half, we the second. */
struct slot {
	uint32_t pasid; /* and enum flags */
	uint32_t opcode;
	uint64_t src;
	uint64_t dst;
	uint64_t len;
	uint32_t status;
	uint32_t fault;
	uint64_t fault_addr;
	uint64_t done;
	uint32_t again; /* how often a page had to be asked for anew */
	uint32_t reserved;
};

#define OPCODE_COPY 1

_Static_assert(sizeof(struct slot) == 64, "a descriptor is 64 bytes");
_Static_assert(offsetof(struct slot, status) == 0x20, "results are the second half");

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);

	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

void engine_reset(struct engine *engine)
{
	engine->pace = 0;
	engine->next = 0;
	engine->master = false;
	engine->pasids = false;
	memset(engine->queues, 0, sizeof(engine->queues));
	memset(engine->slots, 0, sizeof(engine->slots));
}

/* ---- registers ---- */

static uint32_t queue_register(const struct engine *engine, uint64_t off)
{
	const struct engine_queue *queue;

	if (off < REG_QUEUES || off >= REG_QUEUES + ENGINE_QUEUES * 16)
		return 0;
	queue = &engine->queues[(off - REG_QUEUES) / 16];
	switch (off % 16) {
	case 0:
		return queue->tail;
	case 4:
		return queue->head;
	default:
		return 0;
	}
}

static uint32_t read_register(const struct engine *engine, uint64_t off)
{
	switch (off) {
	case REG_MAGIC:
		return MAGIC;
	case REG_SHAPE:
		return ENGINE_QUEUES | ENGINE_SLOTS << 16;
	case REG_PACE:
		return engine->pace;
	default:
		return queue_register(engine, off);
	}
}

static void write_register(struct engine *engine, uint64_t off, uint32_t value)
{
	struct engine_queue *queue;

	if (off == REG_PACE)
		engine->pace = value < PACE_MAX ? value : PACE_MAX;
	if (off < REG_QUEUES || off >= REG_QUEUES + ENGINE_QUEUES * 16 || off % 16)
		return;
	queue = &engine->queues[(off - REG_QUEUES) / 16];
	/* A tail that would overtake the head is not taken. */
	if (value - queue->head <= ENGINE_SLOTS)
		queue->tail = value;
}

/* The guest's half of a descriptor, if the access lies in one. */
static uint8_t *guest_half(struct engine *engine, uint64_t off, uint32_t len)
{
	uint64_t in = off - REG_SLOTS;

	if (off < REG_SLOTS || in >= sizeof(engine->slots) ||
	    in % sizeof(struct slot) + len > offsetof(struct slot, status))
		return NULL;

	return (uint8_t *)engine->slots + in;
}

static bool in_bar(uint64_t off, uint32_t len)
{
	return off < ENGINE_BAR_SIZE && len <= ENGINE_BAR_SIZE - off;
}

bool engine_read(const struct engine *engine, uint64_t off, uint32_t len, void *data)
{
	uint64_t in = off - REG_SLOTS;

	if (!in_bar(off, len))
		return false;
	memset(data, 0, len);
	if (off >= REG_SLOTS && in < sizeof(engine->slots) && len <= sizeof(engine->slots) - in) {
		memcpy(data, (const uint8_t *)engine->slots + in, len);
	} else if (len == 4 && off % 4 == 0) {
		uint32_t value = read_register(engine, off);

		memcpy(data, &value, sizeof(value));
	}

	return true;
}

bool engine_write(struct engine *engine, uint64_t off, uint32_t len, const void *data)
{
	uint8_t *half;

	if (!in_bar(off, len))
		return false;
	half = guest_half(engine, off, len);
	if (half) {
		memcpy(half, data, len);
	} else if (off < REG_SLOTS && len == 4 && off % 4 == 0) {
		uint32_t value;

		memcpy(&value, data, sizeof(value));
		write_register(engine, off, value);
	}

	return true;
}

/* ---- copies ---- */

/* Bytes until the next page boundary of source or destination, or the end. */
static uint64_t piece(const struct slot *slot)
{
	uint64_t src = PAGE - (slot->src + slot->done) % PAGE;
	uint64_t dst = PAGE - (slot->dst + slot->done) % PAGE;
	uint64_t len = slot->len - slot->done;

	len = len < src ? len : src;

	return len < dst ? len : dst;
}

/* One access; true if it went through. */
static bool reach(const struct engine *engine, struct slot *slot, uint64_t addr, uint64_t len,
		  void *data, bool write)
{
	const struct engine_access access = {
		.tagged = slot->pasid & FLAG_TAGGED,
		.write = write,
		.pasid = slot->pasid & PASID_OK,
		.addr = addr,
		.len = len,
		.data = data,
	};

	slot->fault = engine->access(engine->arg, &access);
	slot->fault_addr = slot->fault ? addr : 0;

	return !slot->fault;
}

/* The next page. Returns the status of the descriptor; PENDING: not at its end. */
static enum status copy_piece(const struct engine *engine, struct slot *slot)
{
	uint64_t len = piece(slot);
	uint8_t page[PAGE];

	if (!reach(engine, slot, slot->src + slot->done, len, page, false))
		return READ_FAULT;
	if (!reach(engine, slot, slot->dst + slot->done, len, page, true))
		return WRITE_FAULT;
	slot->done += len;

	return slot->done == slot->len ? DONE : PENDING;
}

static bool acceptable(const struct engine *engine, const struct slot *slot)
{
	return slot->opcode == OPCODE_COPY && slot->len &&
	       (!(slot->pasid & FLAG_TAGGED) || engine->pasids);
}

/* Where there is no translation: is the page to be asked for again? */
static bool insist(struct engine_queue *queue, struct slot *slot)
{
	if (!(slot->pasid & FLAG_INSIST))
		return false;
	if (!queue->since)
		queue->since = now_ns();
	if (now_ns() - queue->since > GIVE_UP_NS)
		return false;
	slot->again++;

	return true;
}

/* Begin with the second half clear, whatever an earlier descriptor left there. */
static void begin(struct slot *slot)
{
	size_t half = offsetof(struct slot, status);

	memset((uint8_t *)slot + half, 0, sizeof(*slot) - half);
}

/* Returns true if a page was copied or a descriptor ended. */
static bool step_queue(const struct engine *engine, struct engine_queue *queue, void *where)
{
	enum status status = REFUSED;
	struct slot slot;

	memcpy(&slot, where, sizeof(slot));
	if (slot.status != PENDING)
		begin(&slot);
	if (acceptable(engine, &slot))
		status = copy_piece(engine, &slot);
	if ((status == READ_FAULT || status == WRITE_FAULT) && insist(queue, &slot)) {
		memcpy(where, &slot, sizeof(slot));
		return false;
	}
	queue->since = 0;
	slot.status = status;
	memcpy(where, &slot, sizeof(slot));
	if (status != PENDING)
		queue->head++;

	return true;
}

/* One page of each busy queue. Returns how many us that takes; -1: nothing to do. */
static int turn(struct engine *engine)
{
	unsigned int busy = 0, moved = 0;

	for (unsigned int i = 0; i < ENGINE_QUEUES; i++) {
		struct engine_queue *queue = &engine->queues[i];

		if (queue->head == queue->tail)
			continue;
		busy++;
		moved += step_queue(engine, queue, engine->slots[i][queue->head % ENGINE_SLOTS]);
	}
	if (!busy)
		return -1;

	return moved ? (int)engine->pace : AGAIN_US;
}

int engine_step(struct engine *engine)
{
	uint64_t now = now_ns();
	int us;

	if (!engine->master)
		return -1;
	if (now < engine->next)
		return (int)((engine->next - now) / 1000 + 1);
	us = turn(engine);
	if (us > 0)
		engine->next = now + (uint64_t)us * 1000;

	return us;
}
