// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "iommu_priv.h"

/*
 * What a child of fork() has of an address space is a copy of our notes over descriptors that
 * both share: it would map its own memory for the parent's devices, and unmap the parent's. So
 * each remembers in which process it was made, as the number of forks that led there.
 */

uint32_t ioas_forks;

/* Nobody else runs there yet. */
static void in_child(void)
{
	ioas_forks++;
}

static void watch(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

void ioas_own(struct uvdk_ioas *ioas)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch);
	ioas->forks = ioas_forks;
}

__attribute__((cold, noinline)) int ioas_inherited(void)
{
	return uvdk_fail(
		-EPERM, IOAS_COMPONENT,
		"this address space belongs to the parent of this process: what is mapped "
		"there is the parent's memory; open an iommu and its devices after fork()");
}

UVDK_EXPORT int uvdk_ioas_check_own(const struct uvdk_ioas *ioas)
{
	return ioas_is_ours(ioas) ? 0 : ioas_inherited();
}
