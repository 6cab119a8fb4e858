// SPDX-License-Identifier: BSD-3-Clause
#include <sys/mman.h>

#include "dsa_pmd.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22 /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

#define WRITE_FAULT 0x80 /* of a record's status */
#define PAUSE_NS    UINT64_C(50000)

/*
 * An operation that met a missing page has done a part from its start, or, where it copied
 * backwards for the sake of an overlap, from its end (8.3: result of a Memory Move). What is
 * left is an operation of its own.
 */

static void add(uint64_t *word, uint64_t value)
{
	*word = UVDK_LE(64, UVDK_LE(64, *word) + value);
}

static uint64_t rotate(uint64_t pattern, unsigned int bytes)
{
	return bytes ? pattern >> 8 * bytes | pattern << (64 - 8 * bytes) : pattern;
}

static void cut(uint64_t *desc, const struct dsa_rec *rec, uint32_t done)
{
	desc[4] = UVDK_LE(64, UVDK_LE(64, desc[4]) - done);
	switch (DSA_W0_OP(UVDK_LE(64, desc[0]))) {
	case DSA_OP_COPY:
		if (rec->result)
			return;
		break;
	case DSA_OP_FILL:
		desc[2] = UVDK_LE(64, rotate(UVDK_LE(64, desc[2]), done % 8));
		add(&desc[3], done);
		return;
	case DSA_OP_CRC:
		desc[5] = UVDK_LE(64, (uint64_t)(uint32_t)uvdk_get64(rec->value));
		add(&desc[2], done);
		return; /* it has no destination */
	case DSA_OP_COPY_CRC:
		/* The checksum so far is the seed of the rest. */
		desc[5] = UVDK_LE(64, (uint64_t)(uint32_t)uvdk_get64(rec->value));
		break;
	default:
		break;
	}
	add(&desc[2], done);
	add(&desc[3], done);
}

/*
 * With the process's own addresses the page may only be out: have it brought in, as the CPU's
 * access would. What the process does not have stays missing.
 */
static void touch(struct dsa_chan *c, const struct dsa_rec *rec)
{
	void *page = (void *)(uintptr_t)(uvdk_get64(rec->fault) & ~UINT64_C(4095));

	if (!c->sva && c->dsa->dev)
		return;
	madvise(page, 4096, rec->status & WRITE_FAULT ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	if (c->touch) {
		uvdk_log_hush(true);
		uvdk_sva_share(c->sva, page, 1);
		uvdk_log_hush(false);
	}
}

/* @tries is one byte. All of them take less time than stall.c has: see pause_of(). */
_Static_assert(UVDK_DMADEV_RETRIES_MAX < UINT8_MAX, "a count of tries must not wrap");

/* Whoever serves the fault gets a little more time with each try: 0.1 ms, 0.2, ... 51 ms. */
static uint64_t pause_of(unsigned int tries)
{
	return PAUSE_NS << (tries < 10 ? tries : 10);
}

bool dsa_pmd_resume(struct dsa_chan *c, uint32_t slot, const struct dsa_rec *rec)
{
	struct dsa_slot *s = &c->slots[slot & c->mask];
	uint64_t *desc = dsa_desc(c, slot);
	uint32_t done = uvdk_get32(rec->done);

	if (c->flags & UVDK_DMADEV_CHAN_NO_RESUME || done >= DSA_W4_LEN(UVDK_LE(64, desc[4])))
		return false;
	if (done)
		s->tries = 0, c->idle_since = 0; /* it gets on: stall.c's time begins anew */
	else if (s->tries >= c->retries)
		return false;
	if (!c->walk_from) {
		touch(c, rec);
		if (s->tries) {
			c->walk_from = dsa_pmd_now_ns() + pause_of(s->tries);
			return true;
		}
	}
	c->walk_from = 0;
	dsa_pmd_mark(c, slot, 0);
	if (!done)
		s->tries++;
	s->done += done;
	if (dsa_pmd_ran_backwards(c, slot, rec))
		s->tail += done;
	if (done)
		cut(desc, rec, done);
	c->resumed++;

	return true;
}
