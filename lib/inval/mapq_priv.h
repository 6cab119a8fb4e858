/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MAPQ_PRIV_H
#define MAPQ_PRIV_H

#include <uvdk_base_driver.h>
#include <uvdk_lock_driver.h>
#include <uvdk_mapq.h>
#include <uvdk_mapq_window_driver.h>

#include "quarantine.h"

#define MAPQ_COMPONENT	 "mapq"
#define MAPQ_DEPTH_MAX	 65536u
#define MAPQ_LEN_MAX	 (UINT64_C(1) << 40)
#define MAPQ_BATCH	 64u
#define MAPQ_GROUP_SHIFT 6 /* pages of an entry of struct uvdk_mapq.recent */

/* struct uvdk_mapq.grows of what does not */
#define MAPQ_CLOSED UINT64_C(1)

/* struct uvdk_mapq.shadow of a page whose request failed: it may be mapped, or not. */
#define MAPQ_STUCK (UVDK_MAPQ_MAPPED | UVDK_MAPQ_FIRST | UVDK_MAPQ_LAST)

/* Putting back what is mapped: pages of the window up to before @page have been. */
struct mapq_restore {
	bool active;
	uint64_t page;
	unsigned int count, sent; /* of @request */
	struct uvdk_mapq_request request[MAPQ_BATCH];
};

struct mapq_mem {
	struct uvdk_mapq_mem pub;
	void *va;
	size_t len;
	int pin; /* the driver's */
	unsigned int number;
	uint64_t page[];
};

/* Slots are counted on and on: head <= sent <= kicked <= tail. */
struct mapq_queue {
	struct uvdk_mapq pub;
	struct uvdk_mapq_window window;
	unsigned int depth;
	uint64_t lap;	   /* slots that were in the ring before it began anew at @slots */
	uint64_t head;	   /* the oldest that is not over */
	uint64_t sent;	   /* the I/O MMU has those before */
	uint64_t kicked;   /* those before were kicked */
	uint64_t waits;	   /* from this one on none has anything to wait for */
	uint64_t restored; /* those before are over, even if not sent: there was a reset */
	uint64_t held;	   /* this slot waits for @blocker, as far as is known */
	uint64_t blocker;
	int dead;  /* why nothing works any more */
	bool gone; /* set from anywhere */
	bool closing;
	struct uvdk_lock mem_lock; /* guards which @pub.mem there are, from those who look */
	unsigned int mems;
	struct uvdk_mapq_mem nobody; /* number 0: memory of pages that are stuck */
	struct inval_quarantine quarantine;
	struct mapq_restore restore;
	struct uvdk_mapq_stats stats;
};

static inline struct mapq_queue *mapq_of(struct uvdk_mapq *pub)
{
	return (struct mapq_queue *)pub;
}

static inline const struct mapq_queue *mapq_of_const(const struct uvdk_mapq *pub)
{
	return (const struct mapq_queue *)pub;
}

static inline struct uvdk_mapq_request *mapq_slot(const struct mapq_queue *q, uint64_t i)
{
	return &q->pub.slots[i & (q->depth - 1)];
}

static inline uint64_t mapq_tail(const struct mapq_queue *q)
{
	return q->lap + (uint64_t)(q->pub.next - q->pub.slots);
}

static inline uint64_t mapq_pages(const struct mapq_queue *q, uint64_t bytes)
{
	return bytes >> q->pub.page_shift;
}

static inline bool mapq_over(const struct uvdk_mapq_request *request)
{
	return __atomic_load_n(&request->status, __ATOMIC_ACQUIRE) != UVDK_MAPQ_PENDING;
}

/* mapq_ring.c: where the next slot is, and how many are free from there on */
void mapq_set_tail(struct mapq_queue *q, uint64_t tail);
unsigned int mapq_room(const struct mapq_queue *q);

/* mapq_send.c: give the I/O MMU what it may have now; 0 or -errno: nothing works any more */
int mapq_send(struct mapq_queue *q);

/* mapq_poll.c */
void mapq_progress(struct mapq_queue *q);
void mapq_end(struct mapq_queue *q, int err);

/* mapq_fail.c: a slot that is the oldest and has failed */
void mapq_fail(struct mapq_queue *q, const struct uvdk_mapq_request *slot);

/* mapq_restore.c: after a reset. step(): 0 or -errno: nothing works any more */
void mapq_restore_begin(struct mapq_queue *q);
int mapq_restore_step(struct mapq_queue *q);

/* mapq_mem.c; mapped(): from any thread */
uint64_t mapq_mapped(struct uvdk_mapq_window *window);
void mapq_unpin_all(struct mapq_queue *q);

#endif /* MAPQ_PRIV_H */
