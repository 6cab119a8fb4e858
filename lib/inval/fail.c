// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "inval_priv.h"

/* Requests that failed. */

void inval_refresh_safe(struct inval_queue *q)
{
	q->pub.safe = inval_quarantine_safe(&q->quarantine, q->done);
}

UVDK_EXPORT int uvdk_inval_get_error(const struct uvdk_invalq *pub, uint64_t cookie,
				     struct uvdk_inval_error *out)
{
	const struct uvdk_inval_error *error =
		inval_quarantine_failure(&inval_queue_const(pub)->quarantine, cookie);

	if (!error)
		return -ENOENT;
	*out = *error;

	return 0;
}

UVDK_EXPORT void uvdk_inval_settle(struct uvdk_invalq *pub)
{
	struct inval_queue *q = inval_queue_of(pub);

	inval_progress(q);
	inval_quarantine_settle(&q->quarantine);
	inval_refresh_safe(q);
	inval_quarantine_release_held(&q->quarantine);
}
