/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_HWPT_H
#define UVDK_HWPT_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Hardware page tables and PASIDs
 *
 * Each access of a device carries its RID (bus, device, function) and may
 * carry a PASID, a number of up to 20 bits (PCIe 6.20). The iommu picks the
 * page table by both, so that the queues of one device, each with a PASID of
 * its own, see different address spaces.
 *
 * For most, uvdk_ioas_attach_pasid() is all there is to know. A *uvdk_hwpt* is
 * the page table itself, for those who want to say what it can do, or to share
 * one among devices.
 *
 * Every call here is thread-safe and may sleep. What is attached is detached
 * when its device is closed or its address space destroyed.
 */

struct uvdk_hwpt;
struct uvdk_faultq;

/* In place of a PASID: accesses without one. */
#define UVDK_PASID_RID 0

/**
 * enum uvdk_hwpt_flags - what a page table can do
 * @UVDK_HWPT_PASID: may be attached by PASID, and to the RID of a device whose
 *	PASIDs are attached
 * @UVDK_HWPT_NEST_PARENT: may be the second stage of nested tables
 * @UVDK_HWPT_DIRTY: tells which pages were written
 */
enum uvdk_hwpt_flags {
	UVDK_HWPT_PASID = 1 << 0,
	UVDK_HWPT_NEST_PARENT = 1 << 1,
	UVDK_HWPT_DIRTY = 1 << 2,
};

/**
 * struct uvdk_hwpt_opts - how to make a page table
 * @size: sizeof(struct uvdk_hwpt_opts)
 * @flags: enum uvdk_hwpt_flags
 * @faultq: where devices' requests for missing pages go (uvdk_fault.h), of the
 *	same iommu; NULL: nowhere, such accesses fail
 */
struct uvdk_hwpt_opts {
	size_t size;
	unsigned int flags;
	struct uvdk_faultq *faultq;
};

/**
 * uvdk_hwpt_create() - make a page table that serves an address space
 * @ioas: address space; whatever is mapped in it is in the table at once
 * @dev: device whose iommu decides the format; opened under the ioas's iommu
 * @opts: options, or NULL
 * @out: new table, owned by the caller; to be destroyed before @ioas
 *
 * Return: 0; -EINVAL (unknown flag; other iommu; NULL); -EOPNOTSUPP (the iommu has no
 * such tables: says what is missing; a nest parent over memory that is mapped for
 * reading only, with UVDK_IOMMU_NO_READONLY_PARENT); -ENODEV (the device is gone); -ENOMEM
 * (out of memory, or memlock: says which).
 */
int uvdk_hwpt_create(struct uvdk_ioas *ioas, struct uvdk_device *dev,
		     const struct uvdk_hwpt_opts *opts, struct uvdk_hwpt **out);

/**
 * uvdk_hwpt_destroy() - detach it wherever it is attached, and free it
 * @hwpt: table, or NULL. The parent of a vIOMMU stays, and an error is logged.
 */
void uvdk_hwpt_destroy(struct uvdk_hwpt *hwpt);

/**
 * uvdk_hwpt_attach() - let accesses of a device go through a page table
 * @hwpt: table
 * @dev: device
 * @pasid: those with this PASID; UVDK_PASID_RID: those without one
 *
 * If this is the first PASID of a device whose RID is attached, what serves
 * the RID is replaced, as by uvdk_hwpt_replace(), by a table that goes together
 * with PASIDs.
 *
 * Return: 0; -EBUSY (attached already); -EOPNOTSUPP (device or iommu has no
 * PASIDs, or on an emulated machine the table has a fault queue and the device
 * no page requests); -ERANGE (PASID too wide for them); -EINVAL (NULL; other iommu; a
 * table, or the RID's, without UVDK_HWPT_PASID; a table that does not fit the
 * device's iommu); -ENXIO (a nested table, and the device has no virtual ID on its
 * vIOMMU); -EADDRINUSE (as uvdk_ioas_attach()); -ENODEV; -ENOMEM.
 */
int uvdk_hwpt_attach(struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid);

/**
 * uvdk_hwpt_replace() - switch from the present page table to another
 * @hwpt: the new table
 * @dev: device
 * @pasid: PASID, or UVDK_PASID_RID
 *
 * Accesses in flight are translated by the one or the other; there is no
 * detach in between. Yet for a moment neither may translate: Linux 7.3 takes an
 * entry of VT-d down before it writes the new one, and so does the emulated I/O
 * MMU where both tables have a first stage and not the same second one below it. Devices that ask
 * for pages (PRI) or try again don't notice; others may see a fault. On failure the present one
 * stays. If @hwpt is the present one, nothing happens: requests for pages go on waiting for their
 * answers.
 *
 * Return: 0, -ENOENT (nothing is attached), or as uvdk_hwpt_attach().
 */
int uvdk_hwpt_replace(struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid);

/**
 * uvdk_hwpt_detach() - end the access; never fails
 * @hwpt: table
 * @dev: device
 * @pasid: PASID, or UVDK_PASID_RID; nothing happens if it is not attached to
 *	@hwpt, or for NULL
 */
void uvdk_hwpt_detach(struct uvdk_hwpt *hwpt, struct uvdk_device *dev, uint32_t pasid);

/**
 * enum uvdk_dirty_flags - how to read which pages were written
 * @UVDK_DIRTY_KEEP: they stay marked, and are there again in the next read
 */
enum uvdk_dirty_flags {
	UVDK_DIRTY_KEEP = 1 << 0,
};

/**
 * uvdk_hwpt_dirty_start() - watch from now on which pages devices write
 * @hwpt: table, made with UVDK_HWPT_DIRTY
 *
 * What was written before is forgotten. Starting it twice forgets once more.
 *
 * Return: 0; -EINVAL (made without UVDK_HWPT_DIRTY); -EOPNOTSUPP (the iommu
 * can't); the kernel's error.
 */
int uvdk_hwpt_dirty_start(struct uvdk_hwpt *hwpt);

/**
 * uvdk_hwpt_dirty_stop() - watch no longer
 * @hwpt: table
 *
 * Return: 0, also if it was not watched; or as uvdk_hwpt_dirty_start().
 */
int uvdk_hwpt_dirty_stop(struct uvdk_hwpt *hwpt);

/**
 * uvdk_hwpt_dirty_read() - which pages were written since the last read
 * @hwpt: table, being watched
 * @iova: first byte; a multiple of @page_size
 * @len: bytes; a multiple of @page_size; all of them mapped
 * @page_size: what one bit stands for: a power of two, at least as large as
 *	what uvdk_ioas_page_size() returns
 * @bitmap: bit n of word n / 64 stands for @page_size bytes from @iova +
 *	n * @page_size on; bits of written pages are set, others stay as they
 *	are, so that reads can be gathered; @len / @page_size bits rounded up
 *	to whole words
 * @flags: enum uvdk_dirty_flags
 *
 * A page whose bit is set is clean again, unless UVDK_DIRTY_KEEP says
 * otherwise; whatever is written to it from then on marks it again. Read
 * before unmapping: an unmap forgets.
 *
 * Return: 0; -EINVAL (not watched, made without UVDK_HWPT_DIRTY, no whole
 * pages, unknown flag); -ENOENT (not all of it is mapped); -EOPNOTSUPP;
 * -EFAULT (no @bitmap there); -ENOMEM.
 */
int uvdk_hwpt_dirty_read(struct uvdk_hwpt *hwpt, uvdk_iova_t iova, size_t len, size_t page_size,
			 uint64_t *bitmap, unsigned int flags);

/**
 * uvdk_ioas_attach_pasid() - let accesses with a PASID see an address space
 * @ioas: address space
 * @dev: device
 * @pasid: 1 up to what &struct uvdk_iommu_info.pasid_bits allows
 *
 * Through a page table that the PASIDs of the device share in @ioas.
 *
 * Return: as uvdk_hwpt_attach(); -EINVAL for PASID 0.
 */
int uvdk_ioas_attach_pasid(struct uvdk_ioas *ioas, struct uvdk_device *dev, uint32_t pasid);

/**
 * uvdk_ioas_replace_pasid() - let a PASID see another address space from now on
 * @ioas: the new address space
 * @dev: device
 * @pasid: PASID that is attached
 *
 * Return: as uvdk_hwpt_replace(); -EINVAL for PASID 0.
 */
int uvdk_ioas_replace_pasid(struct uvdk_ioas *ioas, struct uvdk_device *dev, uint32_t pasid);

/**
 * uvdk_ioas_detach_pasid() - end what a PASID sees; never fails
 * @ioas: address space
 * @dev: device
 * @pasid: PASID; nothing happens if it is not attached to @ioas, or for NULL
 */
void uvdk_ioas_detach_pasid(struct uvdk_ioas *ioas, struct uvdk_device *dev, uint32_t pasid);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_HWPT_H */
