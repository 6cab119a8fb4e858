/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef INVAL_OPEN_H
#define INVAL_OPEN_H

#include <uvdk_lock_driver.h>
#include <uvdk_nest_hold_driver.h>

#include "format.h"
#include "inval_priv.h"

/* Queues for nested tables: what stands between a backend and lib/iommu. */

/*
 * Commands as the stage has them name one device, for all: ATC_INV is written
 * once and becomes one for each device that caches translations at the time of
 * the call. Thus a device that comes between encoding and the call is told, too.
 */
struct open_smmu {
	uint32_t sid[INVAL_SIDS];
	unsigned int sids;
	unsigned int generation; /* of the list above */
	struct inval_cmd *cmd;	 /* UVDK_INVAL_BATCH of them; NULL: no ATC_INV here */
};

/* @lock is held during a call to the kernel: what is gone waits for that. */
struct open_queue {
	struct uvdk_nest_hold hold; /* first */
	struct uvdk_lock lock;
	bool gone;
	struct uvdk_invalq *q; /* NULL: not made yet */
	struct open_smmu smmu; /* of the thread that submits */
};

int open_smmu_init(struct open_smmu *smmu, const struct uvdk_nest_hold *hold);
void open_smmu_fini(struct open_smmu *smmu);

/* With the lock, and not gone; as &struct uvdk_inval_submit.submit. */
int open_smmu_submit(struct open_queue *own, const struct inval_cmd *cmd, unsigned int *count);

#endif /* INVAL_OPEN_H */
