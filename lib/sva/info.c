// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "sva_priv.h"

UVDK_EXPORT uint32_t uvdk_sva_pasid(const struct uvdk_sva *sva)
{
	return sva->pasid;
}

UVDK_EXPORT void uvdk_sva_get_info(struct uvdk_sva *sva, struct uvdk_sva_info *out)
{
	if (sva_enter(sva, false)) {
		*out = (struct uvdk_sva_info){.name = ""};
		return;
	}
	pthread_mutex_lock(&sva->lock);
	*out = sva->info;
	/* What it maps by itself it pins; of pages that were shared it knows no more. */
	if (out->backend == UVDK_SVA_DEMAND)
		out->shared = out->pinned;
	pthread_mutex_unlock(&sva->lock);
	sva_leave(sva, false);
}

UVDK_EXPORT int uvdk_sva_poll(struct uvdk_sva *sva)
{
	int ret = sva_enter(sva, true);

	if (ret)
		return ret;
	if (sva->ops->poll && !__atomic_load_n(&sva->ended, __ATOMIC_RELAXED))
		ret = sva->ops->poll(sva);
	sva_leave(sva, true);

	return ret;
}
