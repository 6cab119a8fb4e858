// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "inval_priv.h"

UVDK_EXPORT int uvdk_inval_defer(struct uvdk_invalq *pub, struct uvdk_inval_node *node,
				 uint64_t cookie)
{
	struct inval_queue *q = inval_queue_of(pub);

	if (!cookie || cookie > pub->cookie || !node->release)
		return uvdk_fail(-EINVAL, INVAL_COMPONENT,
				 "quarantine for cookie %" PRIu64 ": the last one is %" PRIu64
				 ", and a release function is needed",
				 cookie, pub->cookie);
	inval_quarantine_put(&q->quarantine, node, cookie);

	return 0;
}
