/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SVA_PRIV_H
#define SVA_PRIV_H

#include <pthread.h>
#include <sys/queue.h>

#include <uvdk_base_driver.h>
#include <uvdk_follow.h>
#include <uvdk_iommu.h>
#include <uvdk_sva.h>

#define SVA_COMPONENT "sva"

/* Shared pages, [first, last], disjoint, with the permission they were shared with. */
struct sva_range {
	uintptr_t first, last;
	bool writable;
};

struct sva_ops;

/**
 * struct uvdk_sva - a binding
 * @ops: backend
 * @priv: its data
 * @dev: device
 * @pasid: PASID or UVDK_PASID_RID; the kernel's backend sets it
 * @opts: as given
 * @follower: told what the process gives up
 * @lock: held for every call of the backend but @poll
 * @info: what the backend counts itself: @pinned, @faults, @refused
 * @entry: of all bindings
 */
struct uvdk_sva {
	const struct sva_ops *ops;
	void *priv;
	struct uvdk_device *dev;
	uint32_t pasid;
	struct uvdk_sva_opts opts;
	struct uvdk_follower follower;
	pthread_mutex_t lock;
	struct uvdk_sva_info info;
	LIST_ENTRY(uvdk_sva) entry;
};

/**
 * struct sva_ops - a backend
 * @name: as the user names it
 * @id: likewise
 * @follows: enum uvdk_sva_follow that it does by itself
 * @probe: Would bind() go, as far as can be told without changing anything? 0, or
 *	-EOPNOTSUPP with a sentence that says what is missing.
 * @bind: Attach to @sva->pasid of the device, with nothing shared. 0, or negative
 *	errno with a sentence, nothing left behind.
 * @unbind: The device reaches nothing when it returns; all that is shared is
 *	unpinned; free @priv. Never fails.
 * @share: Whole pages that are not shared yet, all of one mapping. 0, or
 *	negative errno with a sentence, nothing left behind.
 * @forget: Whole pages; some may not be shared. The device has no access when it
 *	returns, and what is not needed is unpinned. Never fails: if the table
 *	can't be changed as it should, more is taken away, and logged.
 * @protect: As @forget, but only the permission to write goes. NULL: forget and
 *	share again.
 * @poll: uvdk_sva_poll(); without @sva->lock. NULL: 0.
 */
struct sva_ops {
	const char *name;
	enum uvdk_sva_backend id;
	unsigned int follows;
	int (*probe)(struct uvdk_device *dev, const struct uvdk_sva_opts *opts);
	int (*bind)(struct uvdk_sva *sva);
	void (*unbind)(struct uvdk_sva *sva);
	int (*share)(struct uvdk_sva *sva, uintptr_t addr, size_t len, bool writable);
	void (*forget)(struct uvdk_sva *sva, uintptr_t addr, size_t len);
	int (*protect)(struct uvdk_sva *sva, uintptr_t addr, size_t len);
	int (*poll)(struct uvdk_sva *sva);
};

extern const struct sva_ops sva_nested, sva_demand, sva_pinned, sva_kernel;

#endif /* SVA_PRIV_H */
