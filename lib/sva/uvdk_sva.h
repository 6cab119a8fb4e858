/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_SVA_H
#define UVDK_SVA_H

#include <uvdk_hwpt.h>
#include <uvdk_pasid.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Shared virtual addressing: a device that takes plain pointers
 *
 * uvdk_sva_bind() joins the process's address space to a PASID of a device, or,
 * where there is one tenant and no PASID, to the device itself. From then on an
 * address in a descriptor is a pointer of the process::
 *
 *	struct uvdk_sva_opts opts = {.size = sizeof(opts), .owner = owner};
 *
 *	uvdk_sva_bind(dev, &opts, &sva);
 *	pasid = uvdk_sva_pasid(sva)
 *	uvdk_sva_share(sva, buf, len);
 *	(the device uses buf)
 *	uvdk_sva_unbind(sva);
 *
 * How that comes about is the *backend's* business, see &enum uvdk_sva_backend.
 * They differ in who makes memory reachable:
 *
 * =======  =============================  ==========================
 * backend  memory is reachable            system calls
 * =======  =============================  ==========================
 * nested   once shared, and pinned        one to pin; none for tables
 * demand   when touched                   one a batch of page faults
 * pinned   once shared, and pinned        one a piece
 * kernel   always, as for the CPU         none
 * =======  =============================  ==========================
 *
 * *What is freed is lost to the device.* munmap(), mremap(), MADV_DONTNEED and
 * fork() are followed (uvdk_follow.h; by the kernel's backend mprotect(), too)
 * where &struct uvdk_sva_info.follows says so; the pages themselves stay pinned
 * until the device has lost access, so that nobody else can get them before.
 * Where it is not followed, call uvdk_sva_forget() before, and after mprotect()
 * uvdk_sva_sync(). free() gives small blocks to the allocator, not to the kernel:
 * they stay the process's memory, and reachable.
 *
 * A child of fork() has no part in it: its memory is its own copy, which no
 * device reaches, and calls fail there with -EPERM.
 *
 * Calls are thread-safe. None may be made from a signal handler.
 */

struct uvdk_sva;

/**
 * enum uvdk_sva_backend - who translates
 * @UVDK_SVA_AUTO: the first of kernel, nested, demand, pinned that goes
 * @UVDK_SVA_NESTED: a first stage of ours that holds the process's addresses,
 *	over memory pinned in the second stage
 * @UVDK_SVA_DEMAND: page requests of the device (PRI); what was touched is pinned
 *	and mapped then, and the request answered
 * @UVDK_SVA_PINNED: memory is pinned at IOVA = address in an address space of
 *	the PASID's
 * @UVDK_SVA_KERNEL: the kernel lets the device walk the CPU's tables: devices
 *	under uio_pci_sva, opened under iommu "kernel"
 */
enum uvdk_sva_backend {
	UVDK_SVA_AUTO,
	UVDK_SVA_NESTED,
	UVDK_SVA_DEMAND,
	UVDK_SVA_PINNED,
	UVDK_SVA_KERNEL,
};

/**
 * enum uvdk_sva_flags - how to bind
 * @UVDK_SVA_RID: without a PASID: all accesses of the device without one are
 *	translated as the process's. For a device of a single tenant.
 * @UVDK_SVA_PROCESS: share whatever the process has mapped now, as by
 *	uvdk_sva_share(), but for what can't be pinned
 * @UVDK_SVA_NO_FOLLOW: do not follow: the application calls uvdk_sva_forget()
 */
enum uvdk_sva_flags {
	UVDK_SVA_RID = 1 << 0,
	UVDK_SVA_PROCESS = 1 << 1,
	UVDK_SVA_NO_FOLLOW = 1 << 2,
};

/**
 * struct uvdk_sva_opts - how to bind
 * @size: sizeof(struct uvdk_sva_opts)
 * @backend: enum uvdk_sva_backend
 * @flags: enum uvdk_sva_flags
 * @owner: whose PASID; it must outlive the binding. NULL with UVDK_SVA_RID. Not
 *	looked at by the kernel's backend, where the kernel chooses the PASID:
 *	UVDK_SVA_AUTO needs none for a device that is under it
 * @pasid: one that @owner holds; 0: one is allocated, and freed with the binding
 * @readahead: demand: bytes to map at once around what was touched, a power of two
 *	from 4096 on; 0: 65536
 */
struct uvdk_sva_opts {
	size_t size;
	enum uvdk_sva_backend backend;
	unsigned int flags;
	struct uvdk_pasid_owner *owner;
	uint32_t pasid;
	size_t readahead;
};

/**
 * enum uvdk_sva_follow - what of the application's doings is followed
 * @UVDK_SVA_FOLLOW_UNMAP: munmap(), mremap()
 * @UVDK_SVA_FOLLOW_REMOVE: MADV_DONTNEED and the like
 * @UVDK_SVA_FOLLOW_PROTECT: mprotect(): of the kernel's backend only
 * @UVDK_SVA_FOLLOW_FORK: fork()
 */
enum uvdk_sva_follow {
	UVDK_SVA_FOLLOW_UNMAP = 1 << 0,
	UVDK_SVA_FOLLOW_REMOVE = 1 << 1,
	UVDK_SVA_FOLLOW_PROTECT = 1 << 2,
	UVDK_SVA_FOLLOW_FORK = 1 << 3,
};

/**
 * struct uvdk_sva_info - what a binding is, and what has happened
 * @backend: the one in use, never UVDK_SVA_AUTO
 * @name: its name: "nested", "demand", "pinned", "kernel"
 * @follows: enum uvdk_sva_follow, for all memory; some mappings may be excepted,
 *	and are refused by uvdk_sva_share() then, unless UVDK_SVA_NO_FOLLOW is set
 * @shared: bytes that are reachable now; 0 for the kernel's
 * @pinned: bytes that are pinned for it now; more than @shared where a piece was
 *	given up in part
 * @faults: demand: page requests answered with success
 * @refused: demand: those that were not: the process has no such page
 * @lost: bytes that were taken from the device because the process gave them up
 */
struct uvdk_sva_info {
	enum uvdk_sva_backend backend;
	const char *name;
	unsigned int follows;
	uint64_t shared;
	uint64_t pinned;
	uint64_t faults;
	uint64_t refused;
	uint64_t lost;
};

/**
 * uvdk_sva_bind() - let a device use the process's addresses
 * @dev: device
 * @opts: options, or NULL for all zeroes
 * @out: new binding, owned by the caller; to be ended before @dev is closed
 *
 * Return: 0; -EINVAL (options; neither owner nor UVDK_SVA_RID); -EOPNOTSUPP (no
 * backend goes here, or not the named one: says what each is missing); -EBUSY
 * (PASID or RID is bound or attached already); -EPERM (the owner does not hold
 * @opts->pasid; userfaultfd is not permitted, and UVDK_SVA_NO_FOLLOW not set);
 * -ENOSPC (no PASID is left); -ENOMEM (memlock: says so); -ENODEV.
 */
int uvdk_sva_bind(struct uvdk_device *dev, const struct uvdk_sva_opts *opts, struct uvdk_sva **out);

/**
 * uvdk_sva_unbind() - end it, at any time, with the device busy
 * @sva: binding
 *
 * When it returns the device reaches nothing by it: later accesses fault, and
 * change nothing; page requests that waited are answered. Then everything is
 * unpinned, and a PASID that the binding has allocated is freed.
 *
 * Return: 0; -EINVAL (not a binding, or no more: nothing is touched); -EPERM (in
 * a child of fork()).
 */
int uvdk_sva_unbind(struct uvdk_sva *sva);

/**
 * uvdk_sva_pasid() - what the device has to send along
 * @sva: binding
 *
 * Return: PASID, or UVDK_PASID_RID.
 */
uint32_t uvdk_sva_pasid(const struct uvdk_sva *sva);

/**
 * uvdk_sva_share() - make memory reachable
 * @sva: binding
 * @addr: any address
 * @len: bytes; whole pages around them are shared
 *
 * As the process may use it: what it may not write, the device may not either.
 * What is shared already stays as it is. The demand backend maps it beforehand,
 * the kernel's does nothing.
 *
 * Return: 0; -EFAULT (part of it is not mapped, or may not be read); -EOPNOTSUPP
 * (a mapping that can't be pinned, or can't be followed: says which); -ERANGE
 * (addresses that the I/O MMU or the device can't take); -ENOMEM (memlock); -EINVAL (empty, or
 * wraps); -EPERM (in a child); -ENODEV. Nothing more is shared then than before.
 */
int uvdk_sva_share(struct uvdk_sva *sva, const void *addr, size_t len);

/**
 * uvdk_sva_forget() - take memory away from the device
 * @sva: binding
 * @addr: any address
 * @len: bytes; whole pages around them are meant
 *
 * To be called before munmap() and the like where they are not followed. When
 * it returns the device has no access. With the demand backend, it may come back
 * by the next page request if the process still has the page. Not for the
 * kernel's backend, which needs no such call: nothing happens.
 *
 * Return: 0, also if nothing of it was shared; -EINVAL; -EPERM (in a child).
 */
int uvdk_sva_forget(struct uvdk_sva *sva, const void *addr, size_t len);

/**
 * uvdk_sva_sync() - what is shared follows what the process has mapped now
 * @sva: binding
 * @addr: any address
 * @len: bytes; whole pages around them are meant
 *
 * After mprotect(), for which the kernel has no event: where writing was taken
 * away the device loses it, too; what may not be read any more, or is not mapped,
 * is forgotten; where writing was allowed, the device may write.
 *
 * Return: as uvdk_sva_share().
 */
int uvdk_sva_sync(struct uvdk_sva *sva, const void *addr, size_t len);

/**
 * uvdk_sva_get_info() - what a binding is, and what has happened
 * @sva: binding
 * @out: filled in; with zeroes and the name "" if that is none, or a parent's
 */
void uvdk_sva_get_info(struct uvdk_sva *sva, struct uvdk_sva_info *out);

/**
 * uvdk_sva_poll() - demand: answer page requests that wait, without waiting
 * @sva: binding
 *
 * A thread of the library's does so, too; who polls anyway saves its wake-up.
 *
 * Return: requests answered; 0 for other backends; negative errno.
 */
int uvdk_sva_poll(struct uvdk_sva *sva);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_SVA_H */
