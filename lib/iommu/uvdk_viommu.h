/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_VIOMMU_H
#define UVDK_VIOMMU_H

#include <uvdk_hwpt.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Nested tables: a first stage of our own
 *
 * Memory is mapped once, in an address space: the *second stage*, which the
 * kernel keeps. On top of it comes a *first stage* in plain memory that the
 * application writes itself, in the format of the I/O MMU: a device's address
 * is translated by the first stage to an IOVA of the address space, and by the
 * second stage to memory. Tables of the first stage lie in the address space,
 * too, and are named by their IOVA.
 *
 * The order of calls: map memory; uvdk_viommu_create() for each I/O MMU whose
 * devices take part; uvdk_vdevice_create() for each device (not on VT-d, where
 * the kernel wants none); uvdk_hwpt_create_nested() for a first stage;
 * uvdk_hwpt_attach() or uvdk_hwpt_replace(). What the I/O MMU remembers of a
 * first stage that has changed is forgotten with uvdk_hwpt_invalidate() (VT-d)
 * or uvdk_viommu_invalidate() (SMMUv3). Everything made on a vIOMMU is destroyed
 * before it.
 *
 * One address space serves vIOMMUs and plain devices at once: whatever is mapped
 * in it, before or after, is behind each of them.
 *
 * Whatever goes to the hardware is checked here first, and refused with a
 * sentence before anything has changed: reserved bits, widths, addresses outside
 * the address space, IDs that are not the caller's. What first stages hold below
 * their top is not looked at: an access that is led outside by it faults, and changes
 * nothing. On hardware with UVDK_IOMMU_NO_READONLY_PARENT nothing is read-only in the
 * second stage: uvdk_ioas_map() refuses it.
 *
 * Every call is thread-safe and may sleep, but that nothing is destroyed while
 * another thread uses it.
 */

struct uvdk_viommu;
struct uvdk_vdevice;
struct uvdk_hw_queue;
struct uvdk_veventq;

/**
 * enum uvdk_nest_type - whose formats and rules hold
 * @UVDK_NEST_AUTO: VT-d or SMMUv3, as the I/O MMU in front of the device says;
 *	the others have to be named
 * @UVDK_NEST_VTD: Intel VT-d. Nested tables may be attached by PASID.
 * @UVDK_NEST_SMMUV3: Arm SMMUv3. A PASID is an entry of the caller's table of
 *	context descriptors.
 * @UVDK_NEST_TEGRA241: SMMUv3 of Nvidia's Tegra241, with command queues of its
 *	own (CMDQV); tables and commands as for SMMUv3
 * @UVDK_NEST_AMD: AMD-Vi. The kernel has no invalidation for it yet.
 * @UVDK_NEST_SELFTEST: the kernel's own mock (CONFIG_IOMMUFD_TEST)
 */
enum uvdk_nest_type {
	UVDK_NEST_AUTO,
	UVDK_NEST_VTD,
	UVDK_NEST_SMMUV3,
	UVDK_NEST_TEGRA241,
	UVDK_NEST_AMD,
	UVDK_NEST_SELFTEST,
};

/**
 * struct uvdk_viommu_opts - how to make a vIOMMU
 * @size: sizeof(struct uvdk_viommu_opts)
 * @type: its kind
 * @parent: second stage: a table of the address space, made with
 *	UVDK_HWPT_NEST_PARENT for a device behind the same I/O MMU; NULL: the
 *	library makes one, and has one for all vIOMMUs of the same I/O MMU
 * @selftest: UVDK_NEST_SELFTEST: what the first word of the page shall be
 */
struct uvdk_viommu_opts {
	size_t size;
	enum uvdk_nest_type type;
	struct uvdk_hwpt *parent;
	uint32_t selftest;
};

/**
 * struct uvdk_viommu_info - what a vIOMMU is
 * @type: its kind, never UVDK_NEST_AUTO
 * @parent: its second stage. Devices may be attached to it, too; it is not to be
 *	destroyed if the library made it, and is gone with the last vIOMMU on it:
 *	whatever is attached then is detached.
 * @page: registers of the hardware queues, mapped into this process, or NULL.
 *	Tegra241: page 0 of the virtual interface. Not there in a child of fork().
 * @page_len: its bytes, 0 without
 * @va_bits: width of an address in a first stage; 0: not known
 * @asid_bits: SMMUv3: width of an ASID; else 0
 * @ssid_bits: SMMUv3: width of a substream ID, 0: none; else 0
 * @range_inval: SMMUv3: a command may cover a range (SMMU_IDR3.RIL)
 * @ats: SMMUv3: devices may have a TLB, and CMD_ATC_INV exists (SMMU_IDR0.ATS)
 */
struct uvdk_viommu_info {
	enum uvdk_nest_type type;
	struct uvdk_hwpt *parent;
	volatile void *page;
	size_t page_len;
	unsigned int va_bits;
	unsigned int asid_bits;
	unsigned int ssid_bits;
	bool range_inval;
	bool ats;
};

/**
 * uvdk_viommu_create() - make the user's part of the I/O MMU in front of a device
 * @ioas: address space: the second stage, for good
 * @dev: device; any other behind the same I/O MMU may use the vIOMMU, too
 * @opts: options, or NULL
 * @out: new vIOMMU, owned by the caller; to be destroyed before @ioas
 *
 * Return: 0; -EINVAL (other iommu; a parent of another address space, without
 * UVDK_HWPT_NEST_PARENT, or of another I/O MMU); -EOPNOTSUPP (no nesting here:
 * says what is missing; SMMUv3 also needs firmware that promises coherent walks,
 * CANWBS in the IORT); -ENODEV (the device is gone); -ENOMEM; as
 * uvdk_hwpt_create().
 */
int uvdk_viommu_create(struct uvdk_ioas *ioas, struct uvdk_device *dev,
		       const struct uvdk_viommu_opts *opts, struct uvdk_viommu **out);

/**
 * uvdk_viommu_destroy() - free it
 * @viommu: vIOMMU, or NULL. With anything left on it, it stays, and an error is
 *	logged.
 */
void uvdk_viommu_destroy(struct uvdk_viommu *viommu);

/**
 * uvdk_viommu_get_info() - what it is
 * @viommu: vIOMMU
 *
 * Return: constant until it is destroyed.
 */
const struct uvdk_viommu_info *uvdk_viommu_get_info(const struct uvdk_viommu *viommu);

/**
 * uvdk_vdevice_create() - give a device the ID by which commands and events name it
 * @viommu: vIOMMU of the I/O MMU in front of the device
 * @dev: device
 * @virt_id: the caller's choice; SMMUv3: StreamID in commands and events (32
 *	bits); AMD: device ID (16 bits)
 * @out: new vDEVICE, owned by the caller
 *
 * On SMMUv3 a device must have one before a nested table is attached to it.
 *
 * Return: 0; -EEXIST (@virt_id is another device's; the device has one already);
 * -ERANGE (too wide); -EINVAL (other iommu, or other I/O MMU); -EOPNOTSUPP (VT-d
 * has no such IDs; the device has more than one StreamID); -ENODEV; -ENOMEM.
 */
int uvdk_vdevice_create(struct uvdk_viommu *viommu, struct uvdk_device *dev, uint64_t virt_id,
			struct uvdk_vdevice **out);

/**
 * uvdk_vdevice_destroy() - take the ID back
 * @vdev: vDEVICE, or NULL. Nested tables of its vIOMMU are detached from the
 *	device first: nobody could invalidate what the device remembers of them.
 *	Closing the device does the same; then only this struct is left to be
 *	freed.
 */
void uvdk_vdevice_destroy(struct uvdk_vdevice *vdev);

/**
 * struct uvdk_nested_vtd - VT-d first stage (VT-d 9.6, scalable-mode PASID entry)
 * @flags: enum uvdk_nested_vtd_flags
 * @pgtbl: IOVA of the top table, on a page
 * @addr_width: 48 (four levels) or 57 (five)
 */
struct uvdk_nested_vtd {
	uint64_t flags;
	uint64_t pgtbl;
	uint32_t addr_width;
};

/**
 * enum uvdk_nested_vtd_flags - bits of the PASID entry
 * @UVDK_NESTED_VTD_SRE: supervisor requests are allowed
 * @UVDK_NESTED_VTD_EAFE: extended accessed flags
 * @UVDK_NESTED_VTD_WPE: write protection holds for supervisor requests
 */
enum uvdk_nested_vtd_flags {
	UVDK_NESTED_VTD_SRE = 1 << 0,
	UVDK_NESTED_VTD_EAFE = 1 << 1,
	UVDK_NESTED_VTD_WPE = 1 << 2,
};

/**
 * struct uvdk_nested_smmuv3 - first two words of a stream table entry
 * @ste: Arm IHI 0070, 5.2, in the CPU's byte order. May be set: V, Config (0
 *	abort, 4 bypass, 5 translate), S1Fmt, S1ContextPtr (IOVA), S1CDMax; S1DSS,
 *	S1CIR, S1COR, S1CSH, S1STALLD, EATS (0 or 1)
 */
struct uvdk_nested_smmuv3 {
	uint64_t ste[2];
};

/**
 * struct uvdk_nested_amd - a device table entry (AMD 48882, 2.2.2.1)
 * @dte: may be set: V, GV, GIOV, PPR, GLX, GCR3 table root pointer (IOVA), domain
 *	ID, guest paging mode (0: four levels, 1: five)
 */
struct uvdk_nested_amd {
	uint64_t dte[4];
};

/**
 * struct uvdk_nested_selftest - what the mock has
 * @iotlb: what its four TLB entries hold at first
 */
struct uvdk_nested_selftest {
	uint32_t iotlb;
};

/**
 * struct uvdk_nested - a first stage
 * @size: sizeof(struct uvdk_nested)
 * @type: which of the forms below is filled in: that of the vIOMMU's kind, or
 *	UVDK_NEST_AUTO
 * @flags: UVDK_HWPT_PASID (VT-d) or 0
 * @faultq: as in &struct uvdk_hwpt_opts
 * @vtd: UVDK_NEST_VTD
 * @smmuv3: UVDK_NEST_SMMUV3, also on UVDK_NEST_TEGRA241
 * @amd: UVDK_NEST_AMD
 * @selftest: UVDK_NEST_SELFTEST
 */
struct uvdk_nested {
	size_t size;
	enum uvdk_nest_type type;
	unsigned int flags;
	struct uvdk_faultq *faultq;
	struct uvdk_nested_vtd vtd;
	struct uvdk_nested_smmuv3 smmuv3;
	struct uvdk_nested_amd amd;
	struct uvdk_nested_selftest selftest;
};

/**
 * uvdk_hwpt_create_nested() - make a page table whose first stage is ours
 * @viommu: vIOMMU, whose parent is the second stage
 * @dev: a device behind its I/O MMU
 * @nested: the first stage; read before the call returns
 * @out: new table, owned by the caller; to be destroyed before @viommu. Attached,
 *	replaced, detached and destroyed as any table.
 *
 * What the first stage points to must be mapped in the address space: the
 * context descriptors of SMMUv3 (all of them, or the first level), the top table
 * of VT-d, the first page of AMD's GCR3 table. The tables below are the caller's
 * business: what is wrong in them makes accesses fail, no more.
 *
 * Return: 0; -EINVAL (reserved or unknown bits, wrong form, other iommu or other
 * I/O MMU: says which); -EFAULT (points outside the second stage); -ERANGE
 * (widths); -EOPNOTSUPP (PASIDs here; other things that the I/O MMU lacks);
 * -ENODEV; -ENOMEM.
 */
int uvdk_hwpt_create_nested(struct uvdk_viommu *viommu, struct uvdk_device *dev,
			    const struct uvdk_nested *nested, struct uvdk_hwpt **out);

/**
 * struct uvdk_inval_vtd - forget a range of a VT-d first stage, device TLBs too
 * @addr: first address, on a page of 4 KiB; 0 with @npages UINT64_MAX: everything
 * @npages: pages of 4 KiB. The kernel rounds up to an aligned power of two.
 * @flags: enum uvdk_inval_vtd_flags
 * @reserved: 0
 */
struct uvdk_inval_vtd {
	uint64_t addr;
	uint64_t npages;
	uint32_t flags;
	uint32_t reserved;
};

/**
 * enum uvdk_inval_vtd_flags - what of the table has changed
 * @UVDK_INVAL_VTD_LEAF: leaf entries only
 */
enum uvdk_inval_vtd_flags {
	UVDK_INVAL_VTD_LEAF = 1 << 0,
};

/**
 * struct uvdk_inval_smmuv3 - a command of SMMUv3 (Arm IHI 0070, 4.3 to 4.5)
 * @cmd: one of TLBI_NSNH_ALL, TLBI_NH_ALL, TLBI_NH_ASID, TLBI_NH_VA, TLBI_NH_VAA,
 *	ATC_INV, CFGI_CD, CFGI_CD_ALL, little-endian. A StreamID is a @virt_id of
 *	the vIOMMU's. The VMID is the kernel's: 0. The kernel adds CMD_SYNC, one
 *	for up to 63 commands.
 */
struct uvdk_inval_smmuv3 {
	uint64_t cmd[2];
};

/**
 * struct uvdk_inval_selftest - of the mock, through the vIOMMU
 * @flags: 1: all of the device's cache
 * @vdev: &uvdk_vdevice_create.virt_id
 * @cache: entry of the cache, 0 to 3
 */
struct uvdk_inval_selftest {
	uint32_t flags;
	uint32_t vdev;
	uint32_t cache;
};

/**
 * struct uvdk_inval_selftest_hwpt - of the mock, through the nested table
 * @flags: 1: all
 * @iotlb: TLB entry, 0 to 3
 */
struct uvdk_inval_selftest_hwpt {
	uint32_t flags;
	uint32_t iotlb;
};

/* Entries that one system call takes; more take more of them. */
#define UVDK_INVAL_BATCH 16384

/**
 * struct uvdk_inval_result - how far a batch of invalidations came
 * @done: so many, from the first on, have surely been carried out, and need not
 *	be given again
 * @failed: on failure the entry that was refused, else the number of entries. On
 *	SMMUv3 those between @done and @failed may or may not be done: give them
 *	again, which does no harm.
 */
struct uvdk_inval_result {
	unsigned int done;
	unsigned int failed;
};

/**
 * uvdk_hwpt_invalidate() - what was cached of a nested table is forgotten
 * @hwpt: nested table of VT-d (or the mock)
 * @entries: struct uvdk_inval_vtd, or struct uvdk_inval_selftest_hwpt
 * @entry_len: size of each
 * @count: how many; 0 to ask whether there are such invalidations
 * @out: written on success and on failure; may be NULL
 *
 * All entries are checked before the first is carried out. One system call for
 * up to UVDK_INVAL_BATCH of them; complete when it returns.
 *
 * Return: 0: all done; -EINVAL (not a nested table, wrong length, reserved or
 * unknown bits, a range that wraps: says which entry, nothing is done);
 * -EOPNOTSUPP (not here: SMMUv3 invalidates by vIOMMU, AMD not at all yet); else
 * the kernel's error, which came with entry &struct uvdk_inval_result.failed.
 */
int uvdk_hwpt_invalidate(struct uvdk_hwpt *hwpt, const void *entries, size_t entry_len,
			 unsigned int count, struct uvdk_inval_result *out);

/**
 * uvdk_viommu_invalidate() - what was cached on behalf of a vIOMMU is forgotten
 * @viommu: vIOMMU of SMMUv3 (or the mock)
 * @entries: struct uvdk_inval_smmuv3, or struct uvdk_inval_selftest
 * @entry_len: size of each
 * @count: how many
 * @out: written on success and on failure; may be NULL
 *
 * Return: as uvdk_hwpt_invalidate(); -ENOENT (an entry names an ID that is no
 * device's of this vIOMMU; nothing is done).
 */
int uvdk_viommu_invalidate(struct uvdk_viommu *viommu, const void *entries, size_t entry_len,
			   unsigned int count, struct uvdk_inval_result *out);

/**
 * uvdk_hw_queue_create() - a queue that the hardware reads by itself
 * @viommu: vIOMMU (Tegra241, or the mock)
 * @iova: memory of the queue, mapped in the address space and on physically
 *	contiguous pages (one huge page); on Tegra241 a multiple of @len
 * @len: its bytes; on Tegra241 a power of two, from 32 on
 * @out: new queue, owned by the caller
 *
 * Queues get ascending indices, from 0 on. Registers are in
 * &struct uvdk_viommu_info.page.
 *
 * Return: 0; -EINVAL (size, alignment, more queues than there are); -EFAULT (not
 * all of it is mapped, or it is not contiguous); -EOPNOTSUPP; -ENOMEM.
 */
int uvdk_hw_queue_create(struct uvdk_viommu *viommu, uvdk_iova_t iova, size_t len,
			 struct uvdk_hw_queue **out);

/**
 * uvdk_hw_queue_index() - which of the vIOMMU's queues it is
 * @queue: queue
 *
 * Return: index.
 */
unsigned int uvdk_hw_queue_index(const struct uvdk_hw_queue *queue);

/**
 * uvdk_hw_queue_destroy() - give it back
 * @queue: queue, or NULL. The hardware lets go of queues in descending order
 *	only: the memory of this one must stay as it is until those of higher
 *	index are destroyed as well.
 */
void uvdk_hw_queue_destroy(struct uvdk_hw_queue *queue);

/**
 * enum uvdk_veventq_type - what an event queue tells of
 * @UVDK_VEVENTQ_SMMUV3: events of SMMUv3: accesses that failed
 * @UVDK_VEVENTQ_TEGRA241: errors of hardware queues
 * @UVDK_VEVENTQ_SELFTEST: of the mock
 */
enum uvdk_veventq_type {
	UVDK_VEVENTQ_SMMUV3,
	UVDK_VEVENTQ_TEGRA241,
	UVDK_VEVENTQ_SELFTEST,
};

/**
 * struct uvdk_vevent - an event, or how many are missing
 * @lost: 0: an event; else so many events were lost here, and there is nothing
 *	else in this entry
 * @sequence: number of the event, 0 to INT_MAX and from 0 again
 * @data: SMMUv3: event record, little-endian (Arm IHI 0070, 7.3), with the
 *	device's @virt_id for StreamID; Tegra241: two words of LVCMDQ_ERR_MAP;
 *	mock: @virt_id
 */
struct uvdk_vevent {
	uint32_t lost;
	uint32_t sequence;
	uint64_t data[4];
};

/**
 * uvdk_veventq_create() - have events of a vIOMMU's devices reported
 * @viommu: vIOMMU; one queue of each type
 * @type: what of
 * @depth: events that may wait, 1 to 524288; further ones are lost
 * @out: new queue, owned by the caller
 *
 * SMMUv3: faults of the first stage. Linux keeps those of the second (a first stage
 * that leads outside) for its own log.
 *
 * Return: 0; -EINVAL (@depth; a type that does not go with the vIOMMU); -EEXIST
 * (there is one); -EOPNOTSUPP; -ENOMEM.
 */
int uvdk_veventq_create(struct uvdk_viommu *viommu, enum uvdk_veventq_type type, unsigned int depth,
			struct uvdk_veventq **out);

/**
 * uvdk_veventq_fd() - descriptor to wait on
 * @queue: queue
 *
 * Return: readable while there is something to read, but for what an earlier
 * uvdk_veventq_read() had no room for: read until that returns 0, then wait. Not
 * to be read or closed.
 */
int uvdk_veventq_fd(const struct uvdk_veventq *queue);

/**
 * uvdk_veventq_read() - take events, in order, without waiting
 * @queue: queue
 * @out: room for @max
 * @max: at least 1
 *
 * Sequence numbers are checked: where some are missing, an entry says how many.
 *
 * Return: entries written; 0: none now; or negative errno, and nothing taken.
 */
int uvdk_veventq_read(struct uvdk_veventq *queue, struct uvdk_vevent *out, unsigned int max);

/**
 * uvdk_veventq_destroy() - free it, and what waits in it
 * @queue: queue, or NULL
 */
void uvdk_veventq_destroy(struct uvdk_veventq *queue);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_VIOMMU_H */
