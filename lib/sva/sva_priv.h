/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SVA_PRIV_H
#define SVA_PRIV_H

#include <pthread.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <uvdk_base_driver.h>
#include <uvdk_device.h>
#include <uvdk_follow.h>
#include <uvdk_iommu.h>
#include <uvdk_sva.h>

#define SVA_COMPONENT "sva"

/* Shared pages, [first, last], disjoint, with the permission they were shared with. */
struct sva_range {
	uintptr_t first, last;
	bool writable;
};

/* Of them, sorted; @cap: room. */
struct sva_ranges {
	struct sva_range *at;
	size_t count, cap;
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
 * @ranges: what uvdk_sva_share() made reachable; guarded by @lock
 * @user: tells that the PASID is being freed
 * @watcher: tells that the device is being closed
 * @pid: whose binding it is; a child of fork() finds another's
 * @following: @follower is started
 * @own_pasid: it was allocated here
 * @released: the PASID is the owner's no more; guarded by @lock
 * @live: the backend is bound; guarded by @lock
 * @ended: is, or is about to be, no more; guarded by the registry
 * @users: calls that run; guarded by the registry
 * @pollers: of them those without @lock; guarded by the registry
 * @entry: of all bindings; guarded by the registry
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
	struct sva_ranges ranges;
	struct uvdk_pasid_user user;
	struct uvdk_device_watcher watcher;
	pid_t pid;
	bool following;
	bool own_pasid;
	bool released;
	bool live;
	bool ended;
	unsigned int users;
	unsigned int pollers;
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
 *	unpinned; free @priv. Never fails. It may let go of @sva->lock meanwhile, for
 *	@sva->live is false already, and nobody calls the backend.
 * @share: Whole pages that are not shared yet (demand: what it has mapped by itself
 *	may be among them), all of one mapping, of any length. 0, or negative
 *	errno with a sentence, nothing left behind.
 * @forget: Whole pages; some may not be shared. The device has no access when it
 *	returns, and what is not needed is unpinned. Never fails: if the table
 *	can't be changed as it should, more is taken away, and logged.
 * @protect: As @forget, but only the permission to write goes. NULL: forget and
 *	share again.
 * @removed: After @forget: the process has given up pages and keeps the mapping, and
 *	the kernel takes them away only now (UVDK_FOLLOW_REMOVE). NULL: nothing.
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
	void (*removed)(struct uvdk_sva *sva, uintptr_t first, uintptr_t last);
	int (*poll)(struct uvdk_sva *sva);
};

extern const struct sva_ops sva_nested, sva_demand, sva_pinned, sva_kernel;

/* ---- registry.c: which bindings there are ---- */

/* -EBUSY: there is one of this device and PASID. */
int sva_add(struct uvdk_sva *sva);
/* Around calls on a binding: -EINVAL: it is none; -EPERM: a parent's. */
int sva_enter(struct uvdk_sva *sva, bool poll);
void sva_leave(struct uvdk_sva *sva, bool poll);
/* Take it out, once no call runs; as sva_enter(). */
int sva_take(struct uvdk_sva *sva);
/* From now on it is ended; no poll runs on return. */
void sva_quiesce(struct uvdk_sva *sva);

/* ---- end.c ---- */

/* Ends the access; the binding stays. From any thread, any number of times. */
void sva_end(struct uvdk_sva *sva, bool pasid_freed);
void sva_free(struct uvdk_sva *sva);
void sva_pasid_freed(void *arg, uint32_t pasid);
void sva_device_closes(struct uvdk_device_watcher *watcher);

/* ---- choose.c: which backend ---- */

/* With the first that goes call @bind; NULL at the end of the table. */
int sva_choose(struct uvdk_device *dev, const struct uvdk_sva_opts *opts,
	       int (*bind)(const struct sva_ops *ops, void *arg), void *arg);

/* ---- ranges.c ---- */

int sva_ranges_reserve(struct sva_ranges *ranges, size_t more);
/* There is room, and nothing of it is there yet. */
void sva_ranges_add(struct sva_ranges *ranges, const struct sva_range *range);
/* Returns bytes removed. There is room for one more. */
uint64_t sva_ranges_remove(struct sva_ranges *ranges, uintptr_t first, uintptr_t last);
/* The first with an address in [first, last], or NULL. */
const struct sva_range *sva_ranges_next(const struct sva_ranges *ranges, uintptr_t first,
					uintptr_t last);
/* The lowest run of addresses in [first, last] that is in none. */
bool sva_ranges_gap(const struct sva_ranges *ranges, uintptr_t first, uintptr_t last,
		    uintptr_t *gap_first, uintptr_t *gap_last);
void sva_ranges_free(struct sva_ranges *ranges);

/* ---- maps.c: what the process has mapped ---- */

struct sva_mapping {
	uintptr_t first, last;
	size_t page; /* what it is made of; the base page where the kernel does not say */
	bool readable, writable, shared;
	char name[96]; /* cut to what fits; "" */
};

struct sva_maps {
	int fd;
	bool text; /* read as text */
	size_t have, next;
	char buf[4096];
};

/* maps_query.c: as sva_maps_next(); any error: to be read as text */
int sva_maps_query(struct sva_maps *maps, uintptr_t from, struct sva_mapping *out);

int sva_maps_open(struct sva_maps *maps);
/* The next in ascending order that ends at or above @from: 1, 0: no more, or negative errno. */
int sva_maps_next(struct sva_maps *maps, uintptr_t from, struct sva_mapping *out);
/* The mapping that holds an address: 0; -EFAULT: none does, no sentence; or negative errno. */
int sva_maps_find(struct sva_maps *maps, uintptr_t addr, struct sva_mapping *out);
void sva_maps_close(struct sva_maps *maps);
/* As much as fits. */
void sva_mapping_name(struct sva_mapping *mapping, const char *name);
/* Why memory of a mapping can't be given to a device; NULL: it can. */
const char *sva_mapping_special(const struct sva_mapping *mapping);

/* ---- remains.c; under the lock: what of a range can be shared: 0 or -ENOMEM ---- */

int sva_share_remains(struct uvdk_sva *sva, uintptr_t first, uintptr_t last);

/* ---- share.c, forget.c, sync.c ---- */

/* sva_enter(), for a call on a range: whole pages around it. */
int sva_enter_pages(struct uvdk_sva *sva, const void *addr, size_t len, uintptr_t *first,
		    uintptr_t *last);
/* Unlock, and end the call. */
void sva_finish(struct uvdk_sva *sva);
int sva_check_live(const struct uvdk_sva *sva);
/* Without the lock; with sva_enter(). */
int sva_follow_mapped(struct uvdk_sva *sva, uintptr_t first, uintptr_t last, bool lenient);
/* Under the lock. */
int sva_share_mapped(struct uvdk_sva *sva, uintptr_t first, uintptr_t last);
int sva_share_process(struct uvdk_sva *sva);
uint64_t sva_forget_pages(struct uvdk_sva *sva, uintptr_t first, uintptr_t last);
void sva_gone(struct uvdk_follower *follower, uintptr_t first, uintptr_t last,
	      enum uvdk_follow_why why);

#endif /* SVA_PRIV_H */
