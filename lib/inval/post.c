// SPDX-License-Identifier: BSD-3-Clause
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "inval_priv.h"

static_assert(sizeof(struct uvdk_inval_req) == 24, "posted as three words");
static_assert(offsetof(struct uvdk_inval_req, pasid) == 16, "the third is the key");
static_assert(sizeof(struct uvdk_inval_slot) == 64, "a line of cache");

/* Requests that are not like the one before, and what is wrong with them. */

#define KNOWN_FLAGS (UVDK_INVAL_LEAF | UVDK_INVAL_KEEP_DEVTLB | UVDK_INVAL_NO_DRAIN)

static int check_range(const struct uvdk_inval_req *req)
{
	uint64_t below = (UINT64_C(1) << inval_shift(req)) - 1;

	if (req->first <= req->last && !((req->first | (req->last + 1)) & below))
		return 0;

	return uvdk_fail(-EINVAL, INVAL_COMPONENT,
			 "0x%" PRIx64 " to 0x%" PRIx64 " is no range of whole pages of %" PRIu64
			 " bytes: it begins at a multiple of that, and last is the last byte of it",
			 req->first, req->last, below + 1);
}

static int check_ids(const struct uvdk_inval_props *props, const struct uvdk_inval_req *req)
{
	if (req->scope == UVDK_INVAL_ALL)
		return 0;
	if (req->pasid < props->pasid_min || req->pasid > props->pasid_max)
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "PASID %u is not this queue's: it has %u to %u", req->pasid,
				 props->pasid_min, props->pasid_max);
	if (req->asid > props->asid_max)
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "ASID %u: the greatest of this queue is %u", req->asid,
				 props->asid_max);

	return 0;
}

static int check(const struct inval_queue *q, const struct uvdk_inval_req *req)
{
	const struct uvdk_inval_caps *caps = &q->props.caps;
	unsigned int shift = inval_shift(req);
	int err;

	if (req->scope > UVDK_INVAL_RANGE || req->flags & ~(unsigned int)KNOWN_FLAGS)
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "scope %u, flags 0x%x: there are scopes 0 to %d, and flags 0x%x",
				 req->scope, req->flags, UVDK_INVAL_RANGE, KNOWN_FLAGS);
	if (!(caps->scopes & 1u << req->scope))
		return uvdk_fail(-EOPNOTSUPP, INVAL_COMPONENT,
				 "%s has no invalidation of scope %u: see uvdk_inval_get_caps()",
				 caps->backend, req->scope);
	if (shift > 63 || !(caps->granules >> shift & 1))
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "pages of 1 << %u bytes: this queue knows 0x%" PRIx64, shift,
				 caps->granules);
	err = check_ids(&q->props, req);
	if (!err && req->scope == UVDK_INVAL_RANGE)
		err = check_range(req);

	return err;
}

/*
 * From here on what is alike is posted inline, but for ranges that end where addresses do. true:
 * that is something else than before.
 */
static bool remember(struct uvdk_invalq *pub, const struct uvdk_inval_req *req)
{
	uint64_t w[3];
	bool other;

	memcpy(w, req, sizeof(w));
	other = pub->key != w[2];
	pub->key = w[2];
	pub->page_mask = req->scope == UVDK_INVAL_RANGE ? (UINT64_C(1) << inval_shift(req)) - 1 : 0;
	pub->grows = INVAL_CLOSED;

	return other;
}

static uint64_t append(struct uvdk_invalq *pub, const struct uvdk_inval_req *req)
{
	struct uvdk_inval_slot *slot = pub->next++;

	slot->req = *req;
	if (req->scope != UVDK_INVAL_RANGE) {
		slot->req.first = 0;
		slot->req.last = UINT64_MAX;
	}
	slot->cookie = ++pub->cookie;

	return slot->cookie;
}

UVDK_EXPORT int uvdk_inval_post_slow(struct uvdk_invalq *pub, const struct uvdk_inval_req *req,
				     uint64_t *cookie)
{
	struct inval_queue *q = inval_queue_of(pub);
	int err = q->dead ? q->dead : check(q, req);

	if (err)
		return err;
	inval_set_tail(q, inval_tail(pub)); /* round the ring's end */
	if (pub->next == pub->limit)
		return -EAGAIN;
	q->mixed |= remember(pub, req) && inval_tail(pub) != q->kicked;
	*cookie = append(pub, req);

	return 0;
}

static bool push(struct inval_queue *q)
{
	bool simple = !q->mixed && inval_burst(q);

	q->mixed = false;
	if (simple)
		return true;
	inval_fold(q);
	q->kicked = inval_tail(&q->pub);

	return inval_push(q);
}

UVDK_EXPORT int uvdk_inval_kick(struct uvdk_invalq *pub)
{
	struct inval_queue *q = inval_queue_of(pub);
	int err = 0;

	if (q->dead)
		return q->dead;
	if (__atomic_load_n(&q->gone, __ATOMIC_ACQUIRE)) {
		inval_die(q, -ENODEV);
		return q->dead;
	}
	if (q->kicked == inval_tail(pub))
		return 0;

	pub->grows = INVAL_CLOSED;
	q->stats.kicks++;
	if (push(q))
		err = q->ops->kick(q->priv);
	if (err)
		inval_die(q, err);

	return err;
}
