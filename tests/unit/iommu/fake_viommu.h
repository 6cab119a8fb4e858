/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_VIOMMU_H
#define FAKE_VIOMMU_H

#include <uvdk_viommu_driver.h>

#include "fake.h"

struct uvdk_invalq;
struct uvdk_invalq_opts;

/*
 * The nested tables of the driver in fake.c. Devices named "-odd" are behind
 * another I/O MMU than the rest.
 */
enum fake_viommu_call {
	FAKE_VIOMMU_CREATE,
	FAKE_VDEVICE_CREATE,
	FAKE_NESTED_CREATE,
	FAKE_HW_QUEUE_CREATE,
	FAKE_VEVENTQ_CREATE,
	FAKE_VEVENTQ_READ,
	FAKE_VIOMMU_CALLS,
};

struct fake_viommu {
	/* what the driver says */
	unsigned int asid_bits, ssid_bits;
	bool range_inval, ats;
	void *page;
	size_t page_len;
	int (*invalq_create)(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid,
			     const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out);
	/* in place of what @refuse does, or NULL; from any thread */
	int (*on_invalidate)(const struct uvdk_inval_batch *batch, struct uvdk_inval_result *out);
	struct uvdk_vevent_record records[16];
	unsigned int nr_records;

	/* what fails */
	struct fake_failure fail[FAKE_VIOMMU_CALLS];
	unsigned int refuse; /* entry of an invalidation, counting over all calls from 1 */

	/* what has happened */
	unsigned int objects;	   /* left */
	unsigned int wrong_orders; /* queues made or freed so */
	unsigned int next_queue;
	unsigned int batches, entries; /* invalidated */
	uint64_t last_id;	       /* virtual ID */
	struct uvdk_nested nested;     /* the latest */
};

extern struct fake_viommu fake_viommu;
extern const struct uvdk_viommu_ops fake_viommu_ops;

#endif /* FAKE_VIOMMU_H */
