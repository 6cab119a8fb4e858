// SPDX-License-Identifier: BSD-3-Clause
#include "inval_priv.h"

/* Single pages by the array: what uvdk_inval_post() looks at each time is looked at once. */

/* After one was posted: as many more as are pages apart and find a place before the ring's end. */
static unsigned int post_alike(struct uvdk_invalq *pub, const uint64_t *page, unsigned int count)
{
	const uint64_t mask = pub->page_mask, key = pub->key;
	const uint64_t room = (uint64_t)(pub->limit - pub->next);
	const unsigned int most = count < room ? count : (unsigned int)room;
	struct uvdk_inval_slot *slot = pub->next;
	uint64_t grows = pub->grows, cookie = pub->cookie;
	unsigned int n = 0;

	for (; n < most && !(page[n] & mask) && page[n] != grows; n++, slot++) {
		slot->req.first = page[n];
		slot->req.last = page[n] + mask;
		grows = page[n] + mask + 1;
		memcpy((char *)slot + 2 * sizeof(key), &key, sizeof(key));
		slot->cookie = ++cookie;
	}
	pub->next = slot;
	pub->cookie = cookie;
	if (n)
		pub->grows = grows ? grows : INVAL_CLOSED;

	return n;
}

UVDK_EXPORT unsigned int uvdk_inval_post_pages(struct uvdk_invalq *pub,
					       const struct uvdk_inval_req *like,
					       const uint64_t *page, unsigned int count,
					       uint64_t *cookie)
{
	struct uvdk_inval_req req = *like;
	unsigned int done = 0;

	req.scope = UVDK_INVAL_RANGE;
	while (done < count) {
		req.first = page[done];
		req.last = page[done] + (UINT64_C(1) << (inval_shift(&req) & 63)) - 1;
		if (uvdk_inval_post(pub, &req, cookie))
			break;
		done++;
		done += post_alike(pub, page + done, count - done);
		*cookie = pub->cookie;
	}

	return done;
}
