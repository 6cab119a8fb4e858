// SPDX-License-Identifier: BSD-3-Clause
#include "inval_priv.h"

/*
 * What was posted since the last kick, once more as a whole. Neighbours that
 * did not come in ascending order become one. And past some number of entries
 * it costs less to forget a whole PASID, and to have it looked up again:
 * requests that follow one another and differ in their addresses alone count
 * together.
 */

static bool alike(const struct uvdk_inval_req *a, const struct uvdk_inval_req *b)
{
	uint64_t x, y;

	/* PASID to flags, as uvdk_inval_post() compares them */
	memcpy(&x, (const char *)a + 2 * sizeof(x), sizeof(x));
	memcpy(&y, (const char *)b + 2 * sizeof(y), sizeof(y));

	return x == y;
}

/* Side by side, or with something in common; at the ends of all addresses never mind. */
static bool touch(const struct uvdk_inval_req *a, const struct uvdk_inval_req *b)
{
	return a->first <= b->last + 1 && b->first <= a->last + 1;
}

static void join(struct uvdk_inval_slot *to, const struct uvdk_inval_slot *from)
{
	if (from->req.first < to->req.first)
		to->req.first = from->req.first;
	if (from->req.last > to->req.last)
		to->req.last = from->req.last;
	to->cookie = from->cookie;
}

/* The slot after the last that is left. */
static uint64_t join_neighbours(struct inval_queue *q, uint64_t tail)
{
	uint64_t to = q->kicked;

	for (uint64_t i = q->kicked + 1; i < tail; i++) {
		struct uvdk_inval_slot *slot = inval_slot(q, i), *last = inval_slot(q, to);

		if (alike(&slot->req, &last->req) && touch(&slot->req, &last->req))
			join(last, slot);
		else if (++to != i)
			*inval_slot(q, to) = *slot;
	}

	return to + 1;
}

static unsigned int entries_of(const struct inval_queue *q, const struct uvdk_inval_req *req)
{
	const struct uvdk_inval_caps *caps = &q->props.caps;

	return inval_is_page(req)
		       ? 1
		       : inval_count(caps->rule, caps->rule_order, req, caps->flush_entries);
}

/* The slot after the last one that is like slot @i; @entries: of all of them, or too many. */
static uint64_t run_end(struct inval_queue *q, uint64_t i, uint64_t tail, unsigned int *entries)
{
	const struct uvdk_inval_req *req = &inval_slot(q, i)->req;

	*entries = 0;
	do {
		if (*entries <= q->props.caps.flush_entries)
			*entries += entries_of(q, &inval_slot(q, i)->req);
		i++;
	} while (i != tail && alike(req, &inval_slot(q, i)->req));

	return i;
}

static bool may_flush(const struct inval_queue *q)
{
	return q->props.caps.scopes & 1u << UVDK_INVAL_PASID;
}

static void make_flush(struct inval_queue *q, struct uvdk_inval_req *req)
{
	req->scope = UVDK_INVAL_PASID;
	req->flags &= (uint8_t)(~(unsigned int)UVDK_INVAL_LEAF & 0x3f);
	req->first = 0;
	req->last = UINT64_MAX;
	q->stats.flushes++;
}

/* Slots up to before @end become the ones from @to on; the next free one. */
static uint64_t move(struct inval_queue *q, uint64_t to, uint64_t from, uint64_t end)
{
	if (to == from)
		return end;
	for (; from != end; from++, to++)
		*inval_slot(q, to) = *inval_slot(q, from);

	return to;
}

void inval_fold(struct inval_queue *q)
{
	uint64_t tail = join_neighbours(q, inval_tail(&q->pub));
	uint64_t to = q->kicked;

	for (uint64_t i = q->kicked, end; i != tail; i = end) {
		unsigned int entries;

		end = run_end(q, i, tail, &entries);
		if (entries > q->props.caps.flush_entries && may_flush(q) &&
		    inval_slot(q, i)->req.scope == UVDK_INVAL_RANGE) {
			to = move(q, to, end - 1, end); /* its cookie stands for all */
			make_flush(q, &inval_slot(q, to - 1)->req);
		} else {
			to = move(q, to, i, end);
		}
	}
	inval_set_tail(q, to);
}
