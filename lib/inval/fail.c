// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "inval_priv.h"

/* Requests that failed, in the order of their cookies. */

void inval_refresh_safe(struct inval_queue *q)
{
	q->pub.safe = q->failures ? q->failure[0].first - 1 : q->done;
}

/* What can't be remembered apart is remembered together: nothing failed is ever forgotten. */
void inval_fail(struct inval_queue *q, const struct uvdk_inval_error *error)
{
	if (q->failures == INVAL_FAILURES) {
		q->failure[0].last = q->failure[1].last;
		memmove(&q->failure[1], &q->failure[2],
			(INVAL_FAILURES - 2) * sizeof(q->failure[0]));
		q->failures--;
	}
	q->failure[q->failures++] = *error;
	q->stats.errors++;
}

const struct uvdk_inval_error *inval_failure(const struct inval_queue *q, uint64_t cookie)
{
	for (unsigned int i = 0; i < q->failures; i++)
		if (cookie >= q->failure[i].first && cookie <= q->failure[i].last)
			return &q->failure[i];

	return NULL;
}

UVDK_EXPORT int uvdk_inval_get_error(const struct uvdk_invalq *pub, uint64_t cookie,
				     struct uvdk_inval_error *out)
{
	const struct uvdk_inval_error *error = inval_failure(inval_queue_const(pub), cookie);

	if (!error)
		return -ENOENT;
	*out = *error;

	return 0;
}

UVDK_EXPORT void uvdk_inval_settle(struct uvdk_invalq *pub)
{
	struct inval_queue *q = inval_queue_of(pub);

	inval_progress(q);
	q->failures = 0;
	inval_refresh_safe(q);
	inval_release_held(q);
}
