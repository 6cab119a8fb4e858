/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_H
#define ENGINE_H

#include "vtd_walk.h"

/*
 * The function's DMA engine, and BAR 0 that it is driven by. The registers are
 * described in tests/vm/README.md. Descriptors lie in the BAR, so that the
 * copies are the only accesses to memory.
 */
#define ENGINE_BAR_SIZE 0x20000u
#define ENGINE_QUEUES	16u
#define ENGINE_SLOTS	64u

struct engine_queue {
	uint32_t tail;	/* descriptors submitted, ever */
	uint32_t head;	/* descriptors ended, ever */
	uint64_t since; /* ns: when the page at hand was first asked for; 0: not yet */
};

struct engine {
	struct vtd_unit unit;
	uint16_t rid;
	bool master;   /* may access memory (bus master enable) */
	bool pasids;   /* may tag accesses (PASID enable) */
	uint32_t pace; /* us that a page takes */
	uint64_t next; /* ns: not before */
	struct engine_queue queues[ENGINE_QUEUES];
	uint8_t slots[ENGINE_QUEUES][ENGINE_SLOTS][64];
};

/* Stop, and forget everything but where memory is. Copies in flight are lost. */
void engine_reset(struct engine *engine);

/* The BAR; false: outside. Nothing is in flight while these run. */
bool engine_read(const struct engine *engine, uint64_t off, uint32_t len, void *data);
bool engine_write(struct engine *engine, uint64_t off, uint32_t len, const void *data);

/*
 * One page of each queue that has something to do, if it is time for one.
 * Returns how many us there are until the next; -1: nothing to do.
 */
int engine_step(struct engine *engine);

#endif /* ENGINE_H */
