/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NEST_WORLD_H
#define NEST_WORLD_H

#include <uvdk_viommu.h>

#include "../iommu/fake_viommu.h"

/*
 * Devices behind a vIOMMU of the iommu driver of tests/unit/iommu, each with a
 * nested table attached to its RID. The second one is there on demand.
 */
#define NEST_IOVA     0x100000u
#define NEST_RING_LEN 1024u /* bytes, 64 commands */
#define NEST_STRIDE   0x80u

struct nest_world {
	struct uvdk_device *dev[2];
	struct uvdk_vdevice *vdev[2];
	struct uvdk_hwpt *hwpt[2];
	struct uvdk_viommu *viommu;
	void *mem; /* at NEST_IOVA: a page */
};

/* What a device is called: the ATS capability hangs on it. */
void nest_open(struct nest_world *n, enum uvdk_nest_type type, bool ats);
/* An SMMUv3 that has less, maybe. */
void nest_open_smmu(struct nest_world *n, enum uvdk_nest_type type, bool ats, bool range,
		    unsigned int asid_bits);
void nest_add(struct nest_world *n, unsigned int i, const char *spec, uint32_t id);
void nest_remove(struct nest_world *n, unsigned int i);
void nest_close(struct nest_world *n);

#endif /* NEST_WORLD_H */
