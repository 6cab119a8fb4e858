/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_POLICY_H
#define EMU_POLICY_H

#include <uvdk_coherency.h>

#include "emu_asker.h"

/*
 * A machine with two IOMMUs, of which only the first can force accesses to be
 * coherent. Devices 0 and 1 are behind it, 2 and 3 behind the other; those with
 * odd numbers cache translations (ATS). After each change everything that must
 * hold of the address space is checked, by what devices can do, too.
 */
#define POLICY_DEVICES 4
#define POLICY_WAYS    3 /* by RID, and by two PASIDs */
#define POLICY_PAGE    4096
#define POLICY_IOVA    UINT64_C(0x40000000)

struct policy {
	struct asker_world world;
	struct uvdk_ioas *ioas;
	enum uvdk_coherency_policy how;
	struct asker *asker[POLICY_DEVICES];
	bool attached[POLICY_DEVICES][POLICY_WAYS];
	bool second; /* the second page is mapped; the first always is */
	uint8_t stamp;
	unsigned int told; /* calls of the WBINVD callback */
	bool needed;	   /* what it heard */
	uint64_t checks;
	uint64_t wrong;
	char first_wrong[160];
};

void policy_open(struct policy *p, enum uvdk_coherency_policy how, enum uvdk_emu_caching caching,
		 bool absence);

/* Detaches what is left, and expects that all went well. */
void policy_close(struct policy *p);

/* Attach a device that is not, or detach one that is; then check. */
void policy_toggle(struct policy *p, unsigned int device, unsigned int way);

/* Map or unmap the second page; then check. */
void policy_remap(struct policy *p);

#endif /* EMU_POLICY_H */
