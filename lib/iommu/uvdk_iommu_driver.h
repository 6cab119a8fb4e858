/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOMMU_DRIVER_H
#define UVDK_IOMMU_DRIVER_H

#include <pthread.h>

#include <uvdk_device_driver.h>
#include <uvdk_hwpt.h>
#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: IOMMU drivers: how DMA is mapped
 *
 * A bus driver brings a device under an iommu with uvdk_iommu_bind(), which
 * yields a *binding*; the ioas is later attached to the binding. Which handle
 * a device needs follows from the iommu: iommufd binds vfio character devices,
 * type1 and noiommu bind groups, emu binds emulated functions, kernel those that the
 * kernel joins to a process.
 */

/**
 * enum uvdk_iommu_handle - how an iommu takes devices
 * @UVDK_IOMMU_HANDLE_CDEV: an open vfio character device
 * @UVDK_IOMMU_HANDLE_GROUP: a vfio group, by number
 * @UVDK_IOMMU_HANDLE_NOIOMMU_GROUP: a vfio noiommu group, by number
 * @UVDK_IOMMU_HANDLE_EMU: an emulated function
 * @UVDK_IOMMU_HANDLE_KERNEL: a function that the kernel joins to a process
 */
enum uvdk_iommu_handle {
	UVDK_IOMMU_HANDLE_CDEV,
	UVDK_IOMMU_HANDLE_GROUP,
	UVDK_IOMMU_HANDLE_NOIOMMU_GROUP,
	UVDK_IOMMU_HANDLE_EMU,
	UVDK_IOMMU_HANDLE_KERNEL,
};

struct uvdk_emu_function;

/**
 * struct uvdk_iommu_bind_args - what a bus offers
 * @dev: the device being opened
 * @name: its name, for messages
 * @cdev_fd: HANDLE_CDEV: open character device; stays the bus's
 * @group: HANDLE_*GROUP, HANDLE_KERNEL: group number
 * @emu: HANDLE_EMU: the function
 */
struct uvdk_iommu_bind_args {
	struct uvdk_device *dev;
	const char *name;
	int cdev_fd;
	int group;
	struct uvdk_emu_function *emu;
};

/**
 * struct uvdk_iommu_binding - one device (or its group) under one iommu
 * @iommu: where
 * @dev: which
 * @fd: CDEV: the character device; GROUP: the group descriptor, from which the
 *	bus gets the device descriptor; owned by the iommu driver for groups
 * @id: iommufd: device ID in the iommufd; else group number
 * @priv: the iommu driver's own
 * @ioas: attached address space or NULL; guarded by that ioas's lock
 */
struct uvdk_iommu_binding {
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	int fd;
	uint32_t id;
	void *priv;
	struct uvdk_ioas *ioas;
};

/* In place of a PASID: all of them, and accesses without one. */
#define UVDK_PASID_ALL UINT32_MAX

struct uvdk_fault_ops;
struct uvdk_mapq_ops;
struct uvdk_viommu_ops;

/**
 * struct uvdk_faultq - what lib/iommu knows of a fault queue; lib/fault has the rest
 * @iommu: whose
 * @priv: the iommu driver's own
 * @lock: guards what has been read and is not answered; taken after those of
 *	iommu and address space
 * @abandon: forget what concerns a PASID of a device, or UVDK_PASID_ALL: it was
 *	detached. Called under @lock.
 * @tables: page tables made with it; guarded by the iommu's lock
 * @next: of the same iommu; guarded by the iommu's lock
 */
struct uvdk_faultq {
	struct uvdk_iommu *iommu;
	void *priv;
	pthread_mutex_t lock;
	void (*abandon)(struct uvdk_faultq *q, const struct uvdk_device *dev, uint32_t pasid);
	unsigned int tables;
	struct uvdk_faultq *next;
};

/**
 * struct uvdk_iommu_limits - limits of an address space
 * @entries_max: most maps, 0: none known
 * @entries_left: maps still possible, UINT64_MAX: none known
 * @memlock_max: bytes that may be mapped at most before RLIMIT_MEMLOCK bites,
 *	UINT64_MAX: no limit
 * @memlock_left: bytes that may still be mapped as the kernel counts now,
 *	UINT64_MAX: not known
 */
struct uvdk_iommu_limits {
	uint64_t entries_max;
	uint64_t entries_left;
	uint64_t memlock_max;
	uint64_t memlock_left;
};

/**
 * enum uvdk_iommu_pins - from when on a map is of pages, and not of virtual addresses
 * @UVDK_IOMMU_PINS_AT_MAP: as it is made
 * @UVDK_IOMMU_PINS_ATTACHED: as long as a device is attached or there is a page table
 * @UVDK_IOMMU_PINS_NEVER: not at all
 */
enum uvdk_iommu_pins {
	UVDK_IOMMU_PINS_AT_MAP,
	UVDK_IOMMU_PINS_ATTACHED,
	UVDK_IOMMU_PINS_NEVER,
};

/**
 * struct uvdk_iommu_ops - an iommu driver
 * @name: shown, and given to uvdk_iommu_open()
 * @pins: what a map is worth once its memory is freed
 * @handle: what kind of device it takes
 * @picks_iova: the driver decides IOVAs (noiommu: physical addresses): @map
 *	ignores *iova and writes it
 * @suits: Score for @spec: 0 can't serve it (say why with uvdk_log at INFO),
 *	higher is better, negative: never chosen, only by name. @opts is never
 *	NULL and has its defaults filled in.
 * @open: Open; sets *@priv. @opts as for @suits; its strings are the caller's.
 * @close: Undo @open; never fails.
 * @bind: Fill in @fd, @id and @priv of the binding.
 * @unbind: Undo @bind; never fails; the device may have vanished.
 * @info: Capabilities in front of a binding.
 * @ioas_create: New address space; @ioas is the library's, for
 *	uvdk_ioas_for_each().
 * @ioas_destroy: Free it; nothing is attached, nothing mapped any more.
 * @page_sizes: Bitmap of possible page sizes of an address space, as of the
 *	latest @ranges.
 * @ranges: Apertures as of now; returns the count, writes up to @max.
 * @limits: Limits as of now; what it leaves alone means no limit.
 * @map: Map; arguments are checked, no overlap; 0 or negative errno with a
 *	sentence logged. Called under the ioas lock.
 * @map_file: Map part of a file (a memfd, or a dma-buf that the driver's kernel takes) that
 *	has no address in this process; as @map. NULL: it can't. -EOPNOTSUPP: not this file.
 * @unmap: Unmap exactly one map; after it no device reaches it. 0 or errno.
 * @copy: Map part of a map of another address space at the same IOVA, without pinning
 *	its memory once more; as @map. NULL: it can't.
 * @attach: Attach a binding; existing maps must be visible on return. Coherency
 *	is enforced if the iommu in front of the binding can and, where the
 *	driver has page tables, if that of each binding attached so can.
 * @detach: Detach the RID; never fails.
 * @hwpt_create: Make a hardware page table that serves an address space, in
 *	front of a binding; @flags: enum uvdk_hwpt_flags. For good it enforces
 *	coherency exactly if the iommu in front of the binding can (@info:
 *	UVDK_IOMMU_SNOOP_CONTROL).
 * @hwpt_destroy: Free it; nothing is attached to it; never fails.
 * @hwpt_attach: Attach a binding by @pasid, or by its RID (0). @from: the
 *	address space that is attached there now and is replaced, without a
 *	moment in which neither translates; NULL: none. -EINVAL: the iommu in
 *	front of the binding can't use this table; that of a table which
 *	enforces coherency, if it can't enforce it.
 * @rid_restore: In place of the table that serves the RID comes what @attach
 *	gives, of the same address space, without such a moment.
 * @pasid_detach: Detach a PASID from an address space; never fails.
 * @dirty_set: Begin (forgetting what was) or end to mark written pages of a
 *	table made with UVDK_HWPT_DIRTY. Under the ioas lock.
 * @dirty_read: Set the bits of written pages, others stay; clear the marks
 *	unless @keep. The range is checked and mapped. Under the ioas lock.
 * @faults: its fault queues (uvdk_fault_driver.h)
 * @hwpt_create_faulting: As @hwpt_create, for a table whose page requests go to
 *	a fault queue of @faults.
 * @viommus: its nested tables (uvdk_viommu_driver.h)
 * @mapqs: its map queues (uvdk_mapq_driver.h)
 * @machine: HANDLE_EMU: the emulated machine whose functions it takes; borrowed
 *
 * Those from @hwpt_create on are NULL where the driver has no such objects, both
 * of dirty_* where it can't tell, both of faults where it has no fault queues, the
 * @viommus where it has no nested tables, @map_file and @copy where it can't, @mapqs where it maps
 *by system calls, @machine where it takes no emulated functions; no other is, but those from
 *@ioas_destroy to
 * @detach where @ioas_create always refuses.
 */
struct uvdk_iommu_ops {
	const char *name;
	enum uvdk_iommu_pins pins;
	enum uvdk_iommu_handle handle;
	bool picks_iova;
	int (*suits)(const char *spec, const struct uvdk_iommu_opts *opts);
	int (*open)(const struct uvdk_iommu_opts *opts, void **priv);
	void (*close)(void *priv);
	int (*bind)(void *priv, const struct uvdk_iommu_bind_args *args,
		    struct uvdk_iommu_binding *binding);
	void (*unbind)(void *priv, struct uvdk_iommu_binding *binding);
	int (*info)(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out);
	int (*ioas_create)(void *priv, struct uvdk_ioas *ioas, void **ioas_priv);
	void (*ioas_destroy)(void *ioas_priv);
	uint64_t (*page_sizes)(void *ioas_priv);
	int (*ranges)(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max);
	void (*limits)(void *ioas_priv, struct uvdk_iommu_limits *out);
	int (*map)(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags);
	int (*map_file)(void *ioas_priv, uvdk_iova_t iova, int fd, uint64_t offset, size_t len,
			unsigned int flags);
	int (*unmap)(void *ioas_priv, uvdk_iova_t iova, size_t len);
	int (*copy)(void *ioas_priv, void *from_priv, uvdk_iova_t iova, void *va, size_t len,
		    unsigned int flags);
	int (*attach)(void *ioas_priv, struct uvdk_iommu_binding *binding);
	void (*detach)(void *ioas_priv, struct uvdk_iommu_binding *binding);
	int (*hwpt_create)(void *ioas_priv, struct uvdk_iommu_binding *binding, unsigned int flags,
			   void **hwpt_priv);
	void (*hwpt_destroy)(void *hwpt_priv);
	int (*hwpt_attach)(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid,
			   void *from);
	int (*rid_restore)(void *ioas_priv, struct uvdk_iommu_binding *binding);
	void (*pasid_detach)(void *ioas_priv, struct uvdk_iommu_binding *binding, uint32_t pasid);
	int (*dirty_set)(void *hwpt_priv, bool on);
	int (*dirty_read)(void *hwpt_priv, uvdk_iova_t iova, size_t len, size_t page_size,
			  uint64_t *bitmap, bool keep);
	const struct uvdk_fault_ops *faults;
	int (*hwpt_create_faulting)(void *ioas_priv, struct uvdk_iommu_binding *binding,
				    unsigned int flags, void *faultq_priv, void **hwpt_priv);
	const struct uvdk_viommu_ops *viommus;
	const struct uvdk_mapq_ops *mapqs;
	struct uvdk_emu *(*machine)(void *priv);
};

/* NULL-terminated; defined in drivers/builtin.c, or by a test. */
extern const struct uvdk_iommu_ops *const uvdk_builtin_iommus[];

/**
 * uvdk_iommu_register() - add an iommu driver from outside the tree
 * @ops: must live as long as the process
 *
 * Return: 0, -EEXIST or -ENOSPC (more than 16).
 */
int uvdk_iommu_register(const struct uvdk_iommu_ops *ops);

/**
 * uvdk_iommu_handle_kind() - what kind of handle an iommu takes
 * @iommu: iommu
 *
 * Return: kind.
 */
enum uvdk_iommu_handle uvdk_iommu_handle_kind(const struct uvdk_iommu *iommu);

/**
 * uvdk_iommu_machine() - the emulated machine behind an iommu; for the emulated bus
 * @iommu: iommu that takes emulated functions
 *
 * Return: borrowed, or NULL.
 */
struct uvdk_emu *uvdk_iommu_machine(const struct uvdk_iommu *iommu);

/**
 * uvdk_iommu_priv() - the iommu driver's private data
 * @iommu: iommu
 *
 * Return: what open() stored.
 */
void *uvdk_iommu_priv(const struct uvdk_iommu *iommu);

/**
 * uvdk_iommu_bind() - bring a device under an iommu; for bus drivers' open
 * @iommu: iommu
 * @args: what the bus offers
 * @out: new binding; stored with uvdk_device_set_binding()
 *
 * Return: 0 or a negative errno with a sentence.
 */
int uvdk_iommu_bind(struct uvdk_iommu *iommu, const struct uvdk_iommu_bind_args *args,
		    struct uvdk_iommu_binding **out);

/**
 * uvdk_iommu_unbind() - undo uvdk_iommu_bind(); detaches first; never fails
 * @binding: binding, or NULL
 */
void uvdk_iommu_unbind(struct uvdk_iommu_binding *binding);

/**
 * uvdk_iommu_fault_ops() - an iommu's fault queues
 * @iommu: iommu
 *
 * Return: &struct uvdk_iommu_ops.faults, or NULL.
 */
const struct uvdk_fault_ops *uvdk_iommu_fault_ops(const struct uvdk_iommu *iommu);

/**
 * uvdk_iommu_add_faultq() - make a fault queue known; for lib/fault
 * @q: with all of its fields set but @next and @tables
 */
void uvdk_iommu_add_faultq(struct uvdk_faultq *q);

/**
 * uvdk_iommu_remove_faultq() - undo uvdk_iommu_add_faultq(); for lib/fault
 * @q: queue
 *
 * Return: 0, or -EBUSY (page tables use it).
 */
int uvdk_iommu_remove_faultq(struct uvdk_faultq *q);

/**
 * uvdk_iommu_find_device() - the device that a driver calls by a number
 * @iommu: iommu
 * @id: &struct uvdk_iommu_binding.id
 *
 * Return: device, or NULL. It can't be closed to the end while the lock of a
 * fault queue of @iommu is held.
 */
struct uvdk_device *uvdk_iommu_find_device(struct uvdk_iommu *iommu, uint32_t id);

/**
 * uvdk_ioas_dma_counts() - counters of lib/dma, which live as long as the address space
 * @ioas: address space
 *
 * Return: what uvdk_ioas_get_stats() shows; to be changed by uvdk_ioas_dma_count() only.
 */
struct uvdk_ioas_dma_stats *uvdk_ioas_dma_counts(struct uvdk_ioas *ioas);

/**
 * uvdk_ioas_dma_count() - add to one of them
 * @counter: member of uvdk_ioas_dma_counts()
 * @by: how much; may be negative
 */
static inline void uvdk_ioas_dma_count(uint64_t *counter, int64_t by)
{
	__atomic_fetch_add(counter, (uint64_t)by, __ATOMIC_RELAXED);
}

/**
 * uvdk_ioas_check_own() - was it made by this process?
 * @ioas: address space
 *
 * Return: 0, or -EPERM with a sentence: it was inherited over fork().
 */
int uvdk_ioas_check_own(const struct uvdk_ioas *ioas);

/**
 * uvdk_ioas_is_gone() - may a map be missing where devices were attached later?
 * @ioas: address space whose lock the caller holds (inside unmap())
 * @iova: any byte of the map
 *
 * Return: true if uvdk_ioas_for_each() leaves it out, for its memory has gone.
 */
bool uvdk_ioas_is_gone(struct uvdk_ioas *ioas, uvdk_iova_t iova);

/**
 * uvdk_ioas_for_each() - visit what the driver has mapped by ascending IOVA, under the lock
 * @ioas: address space whose lock the caller holds (inside attach())
 * @fn: visitor; a non-zero return stops
 * @arg: passed to @fn
 *
 * Without what is not to be mapped again: by its virtual address it can't be had any more.
 *
 * Return: what stopped it, or 0.
 */
int uvdk_ioas_for_each(struct uvdk_ioas *ioas,
		       int (*fn)(const struct uvdk_map_info *map, void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_IOMMU_DRIVER_H */
