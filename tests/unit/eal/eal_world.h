/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EAL_WORLD_H
#define EAL_WORLD_H

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_device.h>
#include <uvdk_eal.h>
#include <uvdk_emu.h>
#include <uvdk_hwpt.h>
#include <uvdk_iommu.h>

/*
 * An emulated machine with a function that copies (emu:copier; registers are
 * described in tests/vm/README.md): it tells whether a device reaches memory.
 */
struct world {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas; /* of its RID */
	struct uvdk_device *dev;
	struct uvdk_region bar;
	uint32_t copies;
};

enum copied { COPIED = 1, READ_FAULT, WRITE_FAULT };

/* No PASID. */
#define RID UINT32_MAX

void world_open(struct world *w, unsigned int iova_bits);
/* Asserts that nothing is mapped any more. */
void world_close(struct world *w);

/* The function copies @len bytes, with a PASID or RID. */
enum copied world_copy(struct world *w, uint32_t pasid, uvdk_iova_t to, uvdk_iova_t from,
		       uint32_t len);

/* Is @va mapped in @ioas, and does the function reach all of it there? */
bool world_reaches(struct world *w, struct uvdk_ioas *ioas, uint32_t pasid, void *va, size_t len);

/* EAL without huge pages: 64 MiB. */
void eal_start(void);

#endif /* EAL_WORLD_H */
