// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a tenant can try against the others: addresses, descriptors, and sheer work.
 */
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <uvdk_dsa.h>

#include "queues_priv.h"

#define BURST	 8u /* a turn */
#define POSTS	 8u
#define PATIENCE 2 /* seconds */

/* More memory of the attacker's, which begins with a list of differences. */
#define WIDE_AT	    (8u << 20) /* from its IOVA on; in between are the records of its channel */
#define WIDE_BYTES  (8u << 20)
#define DELTA_BYTES 10u /* an offset of 2 bytes, in words of 8, and what to put there */
#define DELTAS	    6000u

static uint64_t random_next(struct attack *a)
{
	a->random ^= a->random << 13;
	a->random ^= a->random >> 7;
	a->random ^= a->random << 17;

	return a->random;
}

static struct tenant *attacker(struct engine *e)
{
	return &e->tenant[e->count - 1];
}

/* Where others have their memory, in their address spaces and in this process; or anywhere. */
static uint64_t bad_address(struct engine *e)
{
	uint64_t dice = random_next(&e->attack);
	struct tenant *victim = &e->tenant[dice % (e->count - 1)];
	uint64_t within = (dice >> 8) % (2 * TENANT_BYTES - TENANT_PIECE);

	switch (dice >> 32 & 3) {
	case 0:
		return (uintptr_t)victim->memory + within;
	case 1:
		return dice >> 16; /* 48 bits */
	default:
		return victim->iova + within;
	}
}

static void enqueued(struct tenant *t, int number)
{
	if (number >= 0)
		t->under_way++;
}

static void by_address(struct engine *e)
{
	struct tenant *t = attacker(e);
	uint64_t dice = random_next(&e->attack), bad = bad_address(e);
	size_t len = 1 + (dice >> 8) % TENANT_PIECE;

	e->attack.addresses++;
	if (dice & 1)
		enqueued(t, uvdk_dmadev_copy(t->chan, t->iova + TENANT_BYTES, bad, len, 0));
	else
		enqueued(t, uvdk_dmadev_copy(t->chan, bad, t->iova, len, 0));
}

/* As large as its memory permits, one behind the other. */
static void by_flood(struct engine *e)
{
	struct tenant *t = attacker(e);

	e->attack.floods++;
	enqueued(t, uvdk_dmadev_copy(t->chan, t->iova + TENANT_BYTES, t->iova, TENANT_BYTES, 0));
}

static void put(uint8_t *desc, unsigned int at, unsigned int bytes, uint64_t value)
{
	for (unsigned int i = 0; i < bytes; i++)
		desc[at + i] = (uint8_t)(value >> (8 * i));
}

/*
 * A descriptor of the engine (DSA specification, 8.1): PASID and privilege, flags and opcode,
 * completion record, source, destination, size. First noise; then, mostly, enough is put right
 * to get further: a victim's PASID, a copy, its addresses.
 */
static void by_descriptor(struct engine *e)
{
	uint64_t dice = random_next(&e->attack);
	struct tenant *victim = &e->tenant[dice % (e->count - 1)];
	uint8_t desc[64] __attribute__((aligned(64)));

	for (unsigned int i = 0; i < sizeof(desc); i += 8)
		put(desc, i, 8, random_next(&e->attack));
	if (dice >> 32 & 7) {
		put(desc, 0, 4, victim->pasid);
		put(desc, 4, 4, (UINT32_C(3) << 24) | (dice & 0xc)); /* copy; record asked for */
		put(desc, 8, 8, bad_address(e) & ~UINT64_C(31));
		put(desc, 16, 8, dice & 16 ? bad_address(e) : attacker(e)->iova);
		put(desc, 24, 8, bad_address(e));
		put(desc, 32, 4, dice & 32 ? random_next(&e->attack) : TENANT_PIECE);
	}
	if (dice >> 36 & 1)
		memset(desc + 36, 0, sizeof(desc) - 36);
	e->attack.descriptors++;
	uvdk_dsa_post(attacker(e)->chan, desc);
}

/*
 * What takes long for what it moves: all pages of a large buffer are to leave the CPU's caches
 * (opcode 0x20), or a list of differences is applied, 8 bytes each (8). All is the attacker's own.
 */
static void by_length(struct engine *e)
{
	struct tenant *t = attacker(e);
	bool flush = random_next(&e->attack) & 1;
	uint8_t desc[64] __attribute__((aligned(64))) = {0};

	put(desc, 4, 4, (flush ? UINT32_C(0x20) : 8) << 24);
	put(desc, 16, 8, flush ? 0 : t->iova + WIDE_AT);
	put(desc, 24, 8, t->iova + (flush ? WIDE_AT : 0));
	put(desc, 32, 4, flush ? WIDE_BYTES : TENANT_BYTES);
	put(desc, 40, 4, flush ? 0 : DELTAS * DELTA_BYTES);
	e->attack.longs++;
	uvdk_dsa_post(t->chan, desc);
}

/* By the calls of the class: what the queue has room for, and no more. */
static void by_calls(struct engine *e)
{
	struct tenant *t = attacker(e);

	for (unsigned int i = 0; i < BURST && uvdk_dmadev_capacity(t->chan); i++)
		if (random_next(&e->attack) & 1)
			by_address(e);
		else
			by_flood(e);
	uvdk_dmadev_submit(t->chan);
	tenant_poll(t);
}

int attack_open(struct engine *e)
{
	struct tenant *t = attacker(e);
	struct attack *a = &e->attack;
	uvdk_iova_t iova = t->iova + WIDE_AT;

	a->wide =
		mmap(NULL, WIDE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (a->wide == MAP_FAILED) {
		a->wide = NULL;
		return fail("no memory for the attacker");
	}
	memset(a->wide, 0, WIDE_BYTES);
	for (unsigned int i = 0; i < DELTAS; i++)
		put(a->wide + (size_t)i * DELTA_BYTES, 0, 2, i);
	if (uvdk_ioas_map(t->ioas, a->wide, WIDE_BYTES, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova))
		return fail("no address space for the attacker");

	return 0;
}

void attack_close(struct engine *e)
{
	if (e->attack.wide)
		munmap(e->attack.wide, WIDE_BYTES);
}

void attack_turn(struct engine *e)
{
	if (e->attack.round & 1)
		for (unsigned int i = 0; i < POSTS; i++)
			if (random_next(&e->attack) & 1)
				by_descriptor(e);
			else
				by_length(e);
	else
		by_calls(e);
}

static void drain(struct engine *e)
{
	struct tenant *t = attacker(e);
	time_t give_up = time(NULL) + PATIENCE;

	while (t->under_way && time(NULL) < give_up) {
		tenant_poll(t);
		read_faults(e);
	}
}

/* Nobody tells when what was posted by hand has ended: the end of its channel aborts it. */
int attack_stop(struct engine *e)
{
	struct tenant *t = attacker(e);

	drain(e);
	uvdk_dmadev_chan_close(t->chan);
	t->chan = NULL;
	t->under_way = 0;

	return tenant_channel(e, t);
}

/*
 * Each round anew: by calls or by descriptors, and with an engine that waits for missing pages, if
 * it can, or one that does not. What does not end is the attacker's own loss.
 */
int attack_end(struct engine *e)
{
	e->attack.round++;
	attacker(e)->waits = e->attack.round & 2;

	return attack_stop(e);
}
