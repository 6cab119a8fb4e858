// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "mapq_priv.h"

/* A request that failed, and its pages: nobody knows whether they are mapped. */

static bool posted_since(const struct mapq_queue *q, uint64_t iova)
{
	for (uint64_t i = q->head + 1; i != mapq_tail(q); i++) {
		const struct uvdk_mapq_request *r = mapq_slot(q, i);

		if (iova >= r->first && iova <= r->last)
			return true;
	}

	return false;
}

static void get_stuck(struct mapq_queue *q, uint64_t iova, uint64_t cookie)
{
	uint64_t *entry = &q->pub.shadow[mapq_pages(q, iova - q->pub.iova)];

	if (*entry & UVDK_MAPQ_MAPPED) {
		struct uvdk_mapq_mem *mem = q->pub.mem[*entry >> 4 & UVDK_MAPQ_MEM_MASK];

		mem->mapped--;
		mem->unmapped = cookie;
	}
	*entry = MAPQ_STUCK;
	q->nobody.mapped++;
}

void mapq_fail(struct mapq_queue *q, const struct uvdk_mapq_request *slot)
{
	const struct uvdk_inval_error error = {
		.req = {.first = slot->first,
			.last = slot->last,
			.flags = slot->flags & UVDK_MAP_RW},
		.first = q->pub.done + 1,
		.last = slot->cookie,
		.err = slot->status,
	};

	for (uint64_t iova = slot->first; iova < slot->last; iova += q->pub.page_size)
		if (!posted_since(q, iova))
			get_stuck(q, iova, slot->cookie);
	inval_quarantine_fail(&q->quarantine, &error);
}

UVDK_EXPORT int uvdk_mapq_get_error(const struct uvdk_mapq *pub, uint64_t cookie,
				    struct uvdk_mapq_error *out)
{
	const struct uvdk_inval_error *error =
		inval_quarantine_failure(&mapq_of_const(pub)->quarantine, cookie);

	if (!error)
		return -ENOENT;
	*out = (struct uvdk_mapq_error){
		.iova = error->req.first,
		.len = error->req.last ? error->req.last - error->req.first + 1 : 0,
		.map = error->req.flags,
		.first = error->first,
		.last = error->last,
		.err = error->err,
	};

	return 0;
}

UVDK_EXPORT void uvdk_mapq_settle(struct uvdk_mapq *pub)
{
	struct mapq_queue *q = mapq_of(pub);

	mapq_progress(q);
	inval_quarantine_settle(&q->quarantine);
	pub->safe = inval_quarantine_safe(&q->quarantine, pub->done);
	inval_quarantine_release_held(&q->quarantine);
}
