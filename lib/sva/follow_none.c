// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "sva_priv.h"

/* Until lib/dma brings them. */
#define WEAK __attribute__((weak))

WEAK int uvdk_follow_start(struct uvdk_follower *follower)
{
	(void)follower;
	return uvdk_fail(-ENOSYS, SVA_COMPONENT, "following is not built: UVDK_SVA_NO_FOLLOW");
}
WEAK void uvdk_follow_stop(struct uvdk_follower *follower)
{
	(void)follower;
}
WEAK int uvdk_follow_add(uintptr_t addr, size_t len)
{
	(void)addr;
	(void)len;
	return -EOPNOTSUPP;
}
WEAK void uvdk_follow_flush(void)
{
}
WEAK bool uvdk_follow_forks(void)
{
	return false;
}
