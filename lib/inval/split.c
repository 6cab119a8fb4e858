// SPDX-License-Identifier: BSD-3-Clause
#include "inval_priv.h"

/* A range in as few entries as the hardware's format allows. */

#define SCALE_MAX 31u /* SMMUv3 4.4.1.1: five bits each */
#define NUM_MAX	  32u

static unsigned int log2_of(uint64_t n)
{
	return 63 - (unsigned int)__builtin_clzll(n);
}

/* The largest block that begins at a page and is as aligned as it is large. */
static uint64_t pow2_pages(uint64_t page, uint64_t pages, unsigned int order_max)
{
	unsigned int order = log2_of(pages);

	if (page && (unsigned int)__builtin_ctzll(page) < order)
		order = (unsigned int)__builtin_ctzll(page);

	return UINT64_C(1) << (order < order_max ? order : order_max);
}

/* Five bits of the number at once, the lowest first; alignment is no matter. */
static uint64_t scaled_pages(uint64_t pages)
{
	unsigned int scale = (unsigned int)__builtin_ctzll(pages);
	uint64_t num;

	if (scale > SCALE_MAX)
		scale = SCALE_MAX;
	num = pages >> scale;
	if (num > NUM_MAX)
		num = scale == SCALE_MAX ? NUM_MAX : num % NUM_MAX;

	return num << scale;
}

static struct inval_range cover(const struct uvdk_inval_req *req)
{
	uint64_t differ = req->first ^ req->last;
	unsigned int bits = differ ? log2_of(differ) + 1 : 0;
	uint64_t below = bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
	struct inval_range range = {req->first & ~below, req->last | below};

	return range;
}

struct inval_range inval_split(enum uvdk_inval_rule rule, unsigned int order_max,
			       const struct uvdk_inval_req *req, uint64_t from)
{
	unsigned int shift = inval_shift(req);
	uint64_t pages = ((req->last - from) >> shift) + 1;
	struct inval_range range = {from, req->last};

	switch (rule) {
	case UVDK_INVAL_COVER:
		return cover(req);
	case UVDK_INVAL_POW2:
		pages = pow2_pages(from >> shift, pages, order_max);
		break;
	case UVDK_INVAL_SCALED:
		pages = scaled_pages(pages);
		break;
	case UVDK_INVAL_EXACT:
	default:
		return range;
	}
	range.last = from + ((pages << shift) - 1);

	return range;
}

unsigned int inval_count(enum uvdk_inval_rule rule, unsigned int order_max,
			 const struct uvdk_inval_req *req, unsigned int max)
{
	struct inval_range range = {0};
	uint64_t from = req->first;
	unsigned int n = 0;

	if (req->scope != UVDK_INVAL_RANGE)
		return 1;
	do {
		range = inval_split(rule, order_max, req, from);
		from = range.last + 1;
		n++;
	} while (range.last < req->last && n <= max);

	return n;
}
