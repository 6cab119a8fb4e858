// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "dsa_posted.h"

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Of so many bytes, those before the first that is not mapped. */
static uint32_t reach(const struct arena *a, uint32_t at, uint32_t len)
{
	uint32_t n = 0;

	while (n < len && at + n < ARENA_SIZE && !a->out[(at + n) / ARENA_CHUNK])
		n += ARENA_CHUNK - (at + n) % ARENA_CHUNK;

	return least(n, len);
}

/* @done of all that is wanted at @at is there: is that less? Then it is a fault. */
static bool faults(struct outcome *o, uint32_t at, uint32_t done, uint32_t wanted, bool write)
{
	if (done >= wanted)
		return false;
	o->status = POST_FAULT;
	o->fault = at + done;
	o->write = write;

	return true;
}

static void check(const struct post *p, struct outcome *o, bool fine)
{
	if (o->status == POST_OK && p->flags & POST_CHECK && !fine)
		o->status = POST_FALSE;
}

static void compare_pattern(struct arena *a, const struct post *p, struct outcome *o)
{
	uint32_t there = reach(a, p->src, p->size);

	while (o->done < there && !o->result)
		if (a->want[p->src + o->done] == (uint8_t)(p->pattern >> (8 * (o->done % 8))))
			o->done++;
		else
			o->result = 1;
	if (!o->result)
		faults(o, p->src, there, p->size, false);
	check(p, o, o->result == p->expected);
}

static void dualcast(struct arena *a, const struct post *p, struct outcome *o)
{
	uint32_t src = reach(a, p->src, p->size), dst = reach(a, p->dst, p->size);
	uint32_t other = reach(a, p->other, p->size);

	o->done = least(src, least(dst, other));
	memcpy(a->want + p->dst, a->want + p->src, o->done);
	memcpy(a->want + p->other, a->want + p->src, o->done);
	if (o->done == p->size)
		return;
	if (src == o->done)
		faults(o, p->src, src, p->size, false);
	else if (dst == o->done)
		faults(o, p->dst, dst, p->size, true);
	else
		faults(o, p->other, other, p->size, true);
}

/* An entry for the word at o->done. False: that is the end of it. */
static bool make_entry(struct arena *a, const struct post *p, struct outcome *o)
{
	uint32_t at = p->other + o->delta;

	if (o->delta + ENTRY > p->room) {
		o->result = 2;
		return false;
	}
	if (faults(o, at, reach(a, at, ENTRY), ENTRY, true))
		return false;
	a->want[at] = (uint8_t)(o->done / 8);
	a->want[at + 1] = (uint8_t)(o->done / 8 >> 8);
	memcpy(a->want + at + 2, a->want + p->dst + o->done, 8);
	o->delta += ENTRY;

	return true;
}

static void create_delta(struct arena *a, const struct post *p, struct outcome *o)
{
	for (; o->done < p->size; o->done += 8) {
		const uint8_t *x = a->want + p->src + o->done, *y = a->want + p->dst + o->done;

		if (faults(o, p->src + o->done, reach(a, p->src + o->done, 8), 8, false) ||
		    faults(o, p->dst + o->done, reach(a, p->dst + o->done, 8), 8, false))
			return;
		if (memcmp(x, y, 8) && !make_entry(a, p, o))
			break;
	}
	if (o->status == POST_OK && o->result != 2)
		o->result = o->delta != 0;
	check(p, o, p->expected >> o->result & 1);
}

static void apply_delta(struct arena *a, const struct post *p, struct outcome *o)
{
	uint32_t last = 0;

	for (; o->done < p->room; o->done += ENTRY) {
		uint32_t at = p->src + o->done, to;
		const uint8_t *entry = a->want + at;

		if (faults(o, at, reach(a, at, ENTRY), ENTRY, false))
			return;
		to = 8 * (entry[0] | (uint32_t)entry[1] << 8);
		if (o->done && to <= last)
			o->status = POST_ORDER;
		else if (to >= p->size)
			o->status = POST_RANGE;
		if (o->status != POST_OK ||
		    faults(o, p->dst + to, reach(a, p->dst + to, 8), 8, true))
			return;
		memcpy(a->want + p->dst + to, entry + 2, 8);
		last = to;
	}
}

struct outcome post_apply(struct arena *a, const struct post *p)
{
	struct outcome o = {.status = POST_OK};

	switch (p->op) {
	case POST_PATTERN:
		compare_pattern(a, p, &o);
		break;
	case POST_CREATE:
		create_delta(a, p, &o);
		break;
	case POST_APPLY:
		apply_delta(a, p, &o);
		break;
	case POST_DUALCAST:
		dualcast(a, p, &o);
		break;
	case POST_FLUSH:
		o.done = reach(a, p->dst, p->size);
		faults(&o, p->dst, o.done, p->size, false);
		break;
	case POST_NOOP:
	case POST_BATCH:
	case POST_DRAIN:
		break;
	}

	return o;
}

/* A page of what was under way, at most; of a delta record an entry. */
void post_accept_rest(struct arena *a, const struct post *p, const struct outcome *o)
{
	if (p->op == POST_DUALCAST) {
		arena_accept(a, p->dst + o->done, least(p->size - o->done, 4096));
		arena_accept(a, p->other + o->done, least(p->size - o->done, 4096));
	} else if (p->op == POST_CREATE) {
		arena_accept(a, p->other + o->delta, ENTRY);
	}
}
