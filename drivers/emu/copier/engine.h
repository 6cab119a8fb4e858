/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A DMA engine whose copies carry PASIDs, and BAR 0 that it is driven by. The
 * registers are described in tests/vm/README.md. Descriptors lie in the BAR, so
 * that the copies are the only accesses to memory. Knows nothing of where it
 * runs: emulated in the process (model.c), or beside QEMU (tests/vm/host).
 */
#define ENGINE_BAR_SIZE 0x20000u
#define ENGINE_QUEUES	16u
#define ENGINE_SLOTS	64u

struct engine_queue {
	uint32_t tail;	/* descriptors submitted, ever */
	uint32_t head;	/* descriptors ended, ever */
	uint64_t since; /* ns: when the page at hand was first asked for; 0: not yet */
};

/* An access as the function sends it; stays within a page of 4 KiB. */
struct engine_access {
	bool tagged; /* carries @pasid */
	bool write;
	uint32_t pasid;
	uint64_t addr;
	uint64_t len;
	void *data; /* written: its source */
};

struct engine {
	/* 0, or why there is no translation: what the slot is to tell */
	uint32_t (*access)(void *arg, const struct engine_access *a);
	void *arg;
	bool master;   /* may access memory (bus master enable) */
	bool pasids;   /* may tag accesses (PASID enable) */
	uint32_t pace; /* us that a page takes */
	uint64_t next; /* ns: not before */
	struct engine_queue queues[ENGINE_QUEUES];
	uint8_t slots[ENGINE_QUEUES][ENGINE_SLOTS][64];
};

/* Stop, and forget everything but how memory is accessed. Copies in flight are lost. */
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
