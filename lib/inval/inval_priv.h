/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef INVAL_PRIV_H
#define INVAL_PRIV_H

#include <uvdk_base_driver.h>
#include <uvdk_inval_driver.h>

#include "quarantine.h"

#define INVAL_COMPONENT	  "inval"
#define INVAL_PAGE_SHIFT  12
#define INVAL_DEPTH_MAX	  65536u
#define INVAL_ENTRIES_MAX 65536u

/* struct uvdk_invalq.grows of what does not */
#define INVAL_CLOSED UINT64_C(1)

/*
 * Where splitting is: slots from @first to before @end are one batch, pushed
 * for the I/O MMU, then for devices.
 */
struct inval_cut {
	uint64_t first, end;
	uint64_t at;	     /* slot */
	unsigned int target; /* UVDK_INVAL_IOTLB or UVDK_INVAL_DEVTLB */
	bool devtlb;	     /* the batch needs the second turn */
	bool begun;	     /* part of slot @at is pushed, up to @next */
	uint64_t next;
};

/*
 * Slots from @first to before @end, of which each is one piece, beginning with
 * number @piece: nothing is written into them until that makes a difference.
 */
struct inval_run {
	uint64_t first, end;
	uint64_t piece;
};

/* Slots side by side in memory */
struct inval_span {
	const struct uvdk_inval_slot *slots;
	unsigned int count;
};

/*
 * As &struct uvdk_inval_ops.push, of all slots in two spans, the second maybe empty, for the I/O
 * MMU; they have all but the address in common. false: nothing is taken, since there is no room
 * or they are not single pages apart from one another.
 */
typedef bool (*inval_burst_fn)(void *priv, const struct inval_span span[2]);

struct inval_queue {
	struct uvdk_invalq pub;
	const struct uvdk_inval_ops *ops;
	void *priv;
	struct uvdk_inval_props props;
	uint64_t head;	 /* oldest slot that is not complete */
	uint64_t kicked; /* slots before this one were kicked */
	bool mixed;	 /* those since differ in more than the address */
	struct inval_cut cut;
	struct inval_run run; /* the latest; retired as one */
	uint64_t pushed;      /* pieces */
	uint64_t over;	      /* pieces that are complete */
	uint64_t done;	      /* cookies that are complete, failed or not */
	int dead;	      /* why nothing works any more */
	bool gone;	      /* set from anywhere */
	struct inval_quarantine quarantine;
	struct uvdk_inval_stats stats;
	inval_burst_fn burst;	   /* or NULL */
	void (*ended)(void *priv); /* or NULL: the backend is freed, the queue not yet */
	void *ended_priv;
};

static inline struct inval_queue *inval_queue_of(struct uvdk_invalq *pub)
{
	return (struct inval_queue *)pub;
}

static inline const struct inval_queue *inval_queue_const(const struct uvdk_invalq *pub)
{
	return (const struct inval_queue *)pub;
}

static inline struct uvdk_inval_slot *inval_slot(struct inval_queue *q, uint64_t i)
{
	return &q->pub.slots[i & (q->pub.depth - 1)];
}

/* Slots are counted on and on; this one is free. */
static inline uint64_t inval_tail(const struct uvdk_invalq *pub)
{
	return pub->lap + (uint64_t)(pub->next - pub->slots);
}

/* The next free slot is another, or others became free. */
static inline void inval_set_tail(struct inval_queue *q, uint64_t tail)
{
	const uint32_t at = (uint32_t)tail & (q->pub.depth - 1);
	const uint32_t room = q->pub.depth - (uint32_t)(tail - q->head);

	q->pub.lap = tail - at;
	q->pub.next = q->pub.slots + at;
	q->pub.limit = q->pub.next + (room < q->pub.depth - at ? room : q->pub.depth - at);
	if (!at)
		q->pub.grows = INVAL_CLOSED; /* the one before is not in memory */
}

static inline unsigned int inval_shift(const struct uvdk_inval_req *req)
{
	return req->granule ? req->granule : INVAL_PAGE_SHIFT;
}

/* A single page is one entry by any rule. */
static inline bool inval_is_page(const struct uvdk_inval_req *req)
{
	return req->scope == UVDK_INVAL_RANGE && !((req->last - req->first) >> inval_shift(req));
}

/* split.c: the next piece of a range, from @from on; it may reach further for COVER. */
struct inval_range {
	uint64_t first, last;
};

struct inval_range inval_split(enum uvdk_inval_rule rule, unsigned int order_max,
			       const struct uvdk_inval_req *req, uint64_t from);

/* Pieces of a request, counted up to @max + 1. */
unsigned int inval_count(enum uvdk_inval_rule rule, unsigned int order_max,
			 const struct uvdk_inval_req *req, unsigned int max);

/* burst.c: fold and push what was posted since the last kick, if it is the simplest; or false. */
bool inval_burst(struct inval_queue *q);
/* What is known of a run goes into its slots. */
void inval_run_dissolve(struct inval_queue *q);

/* push.c: push what can be pushed; true: something was. */
bool inval_push(struct inval_queue *q);

/* fold.c: what was posted since the last kick, if it is too much of one PASID. */
void inval_fold(struct inval_queue *q);

/* poll.c */
void inval_progress(struct inval_queue *q);
void inval_die(struct inval_queue *q, int err);

/* fail.c */
void inval_refresh_safe(struct inval_queue *q);

#endif /* INVAL_PRIV_H */
