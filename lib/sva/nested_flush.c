// SPDX-License-Identifier: BSD-3-Clause
#include <sched.h>
#include <time.h>

#include "nested.h"

#define DEPTH	 16 /* there is never more than one request */
#define DEADLINE 10 /* seconds for hardware that has a queue of its own */

int nest_flush_open(struct nested *n, struct uvdk_hwpt *hwpt, struct uvdk_device *dev,
		    uint32_t pasid)
{
	struct uvdk_invalq_opts opts = {.size = sizeof(opts), .depth = DEPTH};

	return uvdk_invalq_open(hwpt, dev, pasid, &opts, &n->q);
}

void nest_flush_close(struct nested *n)
{
	uvdk_invalq_destroy(n->q);
	n->q = NULL;
}

static time_t seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return ts.tv_sec;
}

static int wait_for(struct uvdk_invalq *q, uint64_t cookie)
{
	time_t end = seconds() + DEADLINE;
	int err;

	while ((err = uvdk_inval_poll(q, cookie)) == -EINPROGRESS) {
		if (seconds() > end)
			return uvdk_fail(-ETIMEDOUT, SVA_COMPONENT,
					 "nested: the I/O MMU has not invalidated in %d s",
					 DEADLINE);
		sched_yield();
	}

	return err;
}

int nest_flush(struct uvdk_sva *sva, struct nested *n, uint64_t first, uint64_t last, bool leaf)
{
	const struct uvdk_inval_req req = {
		.first = first,
		.last = last,
		.pasid = sva->pasid,
		.asid = n->asid,
		.scope = UVDK_INVAL_RANGE,
		.flags = leaf ? UVDK_INVAL_LEAF : 0,
	};
	uint64_t cookie;
	int err;

	/* The device is off: nothing is translated any more. */
	if (!n->q)
		return 0;
	err = uvdk_inval_post(n->q, &req, &cookie);
	if (!err)
		err = uvdk_inval_kick(n->q);

	return err ? err : wait_for(n->q, cookie);
}
