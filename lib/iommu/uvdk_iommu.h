/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOMMU_H
#define UVDK_IOMMU_H

#include <uvdk_base.h>
#include <uvdk_device.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: I/O MMUs and I/O address spaces
 *
 * A *uvdk_iommu* is one way of mapping DMA ("iommufd", "type1", "virtio", "noiommu",
 * "emu"); a *uvdk_ioas* is an I/O address space on it: IOVA -> memory.
 * Devices opened under an iommu are attached to an ioas and from then on reach
 * exactly what is mapped in it. Several devices may share an ioas, and a
 * process may have any number of both.
 *
 * Every call on an iommu or an ioas is thread-safe, but for the two that end
 * one: nobody else may be using it then. uvdk_translate() takes no lock and may
 * run on a data path; the rest may sleep.
 *
 * An address space belongs to the process that made it, with its page tables and vIOMMUs. In
 * a child of fork() mapping, unmapping, copying from or to it, attaching, replacing, tracking
 * of writes, and making page tables, vIOMMUs and what is on those are -EPERM; detaching and
 * destroying do nothing, and free nothing. That is seen by a pthread_atfork() handler: a
 * child of a bare clone() must make none of these calls. Closing a device there, or an iommu,
 * is not guarded, and reaches the parent's: leave with _exit() or exec(), and open what the
 * child needs after fork().
 */

struct uvdk_iommu;
struct uvdk_ioas;
struct uvdk_emu;

/* ---- iommu ---- */

/**
 * struct uvdk_iommu_opts - how to open an iommu
 * @size: sizeof(struct uvdk_iommu_opts)
 * @sysfs_root: NULL for "/sys"
 * @dev_root: NULL for "/dev"
 * @emu: for "emu" and "virtio-emu": the emulated machine to use; NULL: a private one
 * @emu_iommus: for "virtio-emu": its virtio-iommus, as for uvdk_device_open(), with a
 *	semicolon between; functions are put behind them in turn. NULL:
 *	"emu:virtio_iommu"
 * @unit: for "virtio": PCI address of the one virtio-iommu to drive, others are left alone;
 *	NULL: all that are bound to vfio-pci
 */
struct uvdk_iommu_opts {
	size_t size;
	const char *sysfs_root;
	const char *dev_root;
	struct uvdk_emu *emu;
	const char *emu_iommus;
	const char *unit;
};

/**
 * uvdk_iommu_open() - open a way of mapping DMA
 * @name: "iommufd", "type1", "virtio", "noiommu", "kernel", "emu", "virtio-emu", or the
 *	name of a registered driver; noiommu and virtio-emu are never chosen unless named
 * @opts: options, or NULL
 * @out: new iommu, owned by the caller; must outlive its devices and ioas
 *
 * It may be given what uvdk_iommu_choose() returns: NULL is refused, and what
 * that said stays in uvdk_last_error().
 *
 * "virtio" and "virtio-emu" reset their virtio-iommus and turn bypass off: of all that
 * is behind one, also of what the kernel drives there, nothing reaches memory from then
 * on but what is attached. Closing leaves it so.
 *
 * Return: 0; -EINVAL (unknown name: the message lists the known ones; or NULL);
 * -ENOENT (the kernel lacks it: the message says what provides it);
 * -EACCES (names the node and its owner, or the privilege); -ENOMEM.
 *
 * "virtio", too: -ENODEV (firmware knows no virtio-iommu, or none at @unit); -EBADMSG
 * (firmware's tables are malformed: with the offset); -EBUSY (the virtio-iommu has another
 * driver, or another process has one that is to be driven); -EOPNOTSUPP (it is no PCI
 * function, or lacks a feature); -EPROTO (it does not do as it is told, or its
 * configuration makes no sense).
 */
int uvdk_iommu_open(const char *name, const struct uvdk_iommu_opts *opts, struct uvdk_iommu **out);

/**
 * uvdk_iommu_choose() - the best driver for a device
 * @spec: as for uvdk_device_open()
 * @opts: options, or NULL
 *
 * "emu" for emulated devices; for a PCI address "iommufd" where its character
 * device and /dev/iommu exist, else "type1" where its group exists; "virtio" where it
 * is in a noiommu group behind a virtio-iommu that is bound to vfio-pci, too;
 * "kernel" where driver uio_pci_sva holds it, see uvdk_sva.h.
 *
 * Return: static name for uvdk_iommu_open(), or NULL with the reason in
 * uvdk_last_error().
 */
const char *uvdk_iommu_choose(const char *spec, const struct uvdk_iommu_opts *opts);

/**
 * uvdk_iommu_close() - close; its devices and address spaces must be gone
 * @iommu: iommu, or NULL
 */
void uvdk_iommu_close(struct uvdk_iommu *iommu);

/**
 * uvdk_iommu_name() - driver name
 * @iommu: iommu
 *
 * Return: static string.
 */
const char *uvdk_iommu_name(const struct uvdk_iommu *iommu);

/**
 * enum uvdk_iommu_feature - bits of &struct uvdk_iommu_info.features
 * @UVDK_IOMMU_COHERENT_WALK: the iommu reads its tables through the caches
 * @UVDK_IOMMU_SNOOP_CONTROL: it can make every access of a device coherent,
 *	whatever the device asks for
 * @UVDK_IOMMU_DIRTY_TRACKING: it can tell which pages were written
 * @UVDK_IOMMU_PAGE_REQUESTS: it forwards page requests (PCIe PRI)
 * @UVDK_IOMMU_PASID_EXEC: accesses with a PASID may ask to execute
 * @UVDK_IOMMU_PASID_PRIV: accesses with a PASID may be privileged
 * @UVDK_IOMMU_NEST_VTD: nesting over a VT-d first-stage table of ours
 * @UVDK_IOMMU_NEST_SMMUV3: nesting over an SMMUv3 context descriptor of ours
 */
enum uvdk_iommu_feature {
	UVDK_IOMMU_COHERENT_WALK = 1 << 0,
	UVDK_IOMMU_SNOOP_CONTROL = 1 << 1,
	UVDK_IOMMU_DIRTY_TRACKING = 1 << 2,
	UVDK_IOMMU_PAGE_REQUESTS = 1 << 3,
	UVDK_IOMMU_PASID_EXEC = 1 << 4,
	UVDK_IOMMU_PASID_PRIV = 1 << 5,
	UVDK_IOMMU_NEST_VTD = 1 << 6,
	UVDK_IOMMU_NEST_SMMUV3 = 1 << 7,
};

/**
 * enum uvdk_iommu_erratum - bits of &struct uvdk_iommu_info.errata
 * @UVDK_IOMMU_NO_READONLY_PARENT: no read-only maps under a nest parent (Intel
 *	772415, SPR17): such a map is refused while there is one, and one while
 *	there is such a map
 */
enum uvdk_iommu_erratum {
	UVDK_IOMMU_NO_READONLY_PARENT = 1 << 0,
};

/**
 * struct uvdk_iommu_info - what the iommu in front of a device can do
 * @driver: "iommufd", ...
 * @hardware: "vt-d", "smmuv3", "amd-vi", "virtio-iommu" (driven by this process), "emu",
 *	"none" (noiommu), "unknown"
 * @page_sizes: bit n set: pages of 2^n bytes are possible
 * @coherent: DMA is cache coherent
 * @features: enum uvdk_iommu_feature
 * @errata: enum uvdk_iommu_erratum
 * @pasid_bits: width of the PASIDs that device and iommu take; 0: none
 * @iova_bits: width of an IOVA in the second stage; 0: there is none, or it is
 *	not known
 * @va_bits: width of an address in the first stage; 0: there is none, or it is
 *	not known
 */
struct uvdk_iommu_info {
	const char *driver;
	const char *hardware;
	uint64_t page_sizes;
	bool coherent;
	unsigned int features;
	unsigned int errata;
	unsigned int pasid_bits;
	unsigned int iova_bits;
	unsigned int va_bits;
};

/**
 * uvdk_iommu_get_info() - capabilities of the iommu in front of a device
 * @dev: device
 * @out: filled in
 *
 * Return: 0, -ENODEV or the kernel's error.
 */
int uvdk_iommu_get_info(struct uvdk_device *dev, struct uvdk_iommu_info *out);

/* ---- ioas ---- */

/**
 * enum uvdk_iova_policy - where maps without a fixed IOVA go
 * @UVDK_IOVA_LOW: packed from low addresses, natural alignment up to 1 GiB
 * @UVDK_IOVA_VA: IOVA = virtual address; memory above &struct uvdk_ioas_opts.iova_last, or
 *	outside the apertures, is refused
 * @UVDK_IOVA_HUGE: as UVDK_IOVA_LOW, but congruent to the virtual address modulo the
 *	largest power of two, from 2 MiB to 1 GiB, of which the memory holds a whole
 *	aligned block: so every huge page of it can be one of the iommu's, whatever was
 *	mapped before. Where there is no such place any more: modulo 2 MiB, then
 *	as UVDK_IOVA_LOW
 */
enum uvdk_iova_policy {
	UVDK_IOVA_LOW,
	UVDK_IOVA_VA,
	UVDK_IOVA_HUGE,
};

/**
 * enum uvdk_coherency_policy - which table devices get whose iommus differ in
 *	UVDK_IOMMU_SNOOP_CONTROL
 * @UVDK_COHERENCY_SHARE: one table for all, in which coherency is enforced if
 *	the iommu of each device can
 * @UVDK_COHERENCY_SEPARATE: one for those whose iommu can enforce it, another
 *	for the rest: what a device gets depends on no other
 *
 * See uvdk_coherency.h.
 */
enum uvdk_coherency_policy {
	UVDK_COHERENCY_SHARE,
	UVDK_COHERENCY_SEPARATE,
};

/**
 * struct uvdk_ioas_opts - how to create an address space
 * @size: sizeof(struct uvdk_ioas_opts)
 * @policy: where maps go
 * @iova_last: highest IOVA the allocator may hand out (a device's address
 *	mask), inclusive; 0: no limit but the iommu's
 * @coherency: what devices get whose iommus differ in coherency
 */
struct uvdk_ioas_opts {
	size_t size;
	enum uvdk_iova_policy policy;
	uvdk_iova_t iova_last;
	enum uvdk_coherency_policy coherency;
};

/**
 * uvdk_ioas_create() - new, empty address space
 * @iommu: must outlive it
 * @opts: options, or NULL
 * @out: new ioas, owned by the caller
 *
 * Return: 0, -EINVAL (no iommu, bad options), -ENOMEM or what the kernel said.
 */
int uvdk_ioas_create(struct uvdk_iommu *iommu, const struct uvdk_ioas_opts *opts,
		     struct uvdk_ioas **out);

/**
 * uvdk_ioas_destroy() - detach every device, unmap everything, free
 * @ioas: ioas, or NULL; must not be in use by another thread
 */
void uvdk_ioas_destroy(struct uvdk_ioas *ioas);

/**
 * uvdk_ioas_attach() - let a device see this address space (by RID)
 * @ioas: address space
 * @dev: device opened under the same iommu, not attached elsewhere
 *
 * All maps made before are visible to the device at once. The ranges the
 * device can't address leave the allocator.
 *
 * Return: 0; -EBUSY (attached already, or its group is attached elsewhere, or what it
 * can't be isolated from; or a map queue is open and it is behind another I/O MMU);
 * -EINVAL (other iommu, or NULL); -EADDRINUSE (something is mapped in a range that is
 * reserved for this device, or that it can't reach: the message names both); -ENODEV.
 * Under "virtio" also -ENOSPC (no domain left), -EDOM and -EOPNOTSUPP (what is mapped is
 * in pieces smaller than its pages, or registers: the message says which).
 */
int uvdk_ioas_attach(struct uvdk_ioas *ioas, struct uvdk_device *dev);

/**
 * uvdk_ioas_detach() - end a device's access; never fails
 * @ioas: address space
 * @dev: device; nothing happens if it is not attached to @ioas, or for NULL
 */
void uvdk_ioas_detach(struct uvdk_ioas *ioas, struct uvdk_device *dev);

/**
 * enum uvdk_map_flags - access and placement
 * @UVDK_MAP_READ: the device may read
 * @UVDK_MAP_WRITE: the device may write
 * @UVDK_MAP_FIXED: place it at *@iova
 * @UVDK_MAP_ALIAS: the memory may be mapped here already; this map is found by
 *	IOVA, not by virtual address
 * @UVDK_MAP_FILE: told of maps, not asked for: uvdk_dmabuf_map() made it, and
 *	uvdk_dmabuf_unmap() ends it
 */
enum uvdk_map_flags {
	UVDK_MAP_READ = 1 << 0,
	UVDK_MAP_WRITE = 1 << 1,
	UVDK_MAP_FIXED = 1 << 2,
	UVDK_MAP_ALIAS = 1 << 3,
	UVDK_MAP_FILE = 1 << 4,
};

#define UVDK_MAP_RW (UVDK_MAP_READ | UVDK_MAP_WRITE)

/**
 * uvdk_ioas_map() - make memory reachable for the attached devices
 * @ioas: address space
 * @va: memory, page aligned; must stay until unmapped
 * @len: bytes, a multiple of the page size, not 0
 * @flags: enum uvdk_map_flags; READ or WRITE or both
 * @iova: out: where the device finds it; in, with UVDK_MAP_FIXED
 *
 * Return: 0; -EINVAL (zero length, no access, unknown flag); -EDOM (address,
 * IOVA or length not a multiple of the page size); -ERANGE (outside the
 * apertures: the message lists them); -EEXIST (IOVA overlaps a map, or memory
 * is mapped already: names it); -EBUSY (with UVDK_MAP_FIXED: in the window of a
 * map queue); -ENOSPC (no IOVA range left that is large
 * enough); -ENOMEM (memlock: the message says how much is needed and allowed;
 * or out of memory); -EDQUOT (the iommu's entry limit: says it);
 * -EFAULT (@va is not mapped memory); -EPERM (memory is read-only);
 * -EOPNOTSUPP (UVDK_MAP_FIXED where the iommu decides IOVAs: noiommu; no
 * UVDK_MAP_WRITE while there is a nest parent with UVDK_IOMMU_NO_READONLY_PARENT).
 * noiommu and "virtio", which need physical addresses: -EAGAIN (the kernel moved the
 * memory meanwhile: try again, or use huge pages); -EACCES (they are hidden).
 * "virtio": -ENODEV (the virtio-iommu was given up or has vanished); what it answered,
 * which the message names.
 */
int uvdk_ioas_map(struct uvdk_ioas *ioas, void *va, size_t len, unsigned int flags,
		  uvdk_iova_t *iova);

/**
 * uvdk_ioas_unmap() - end the devices' access to whole maps
 * @ioas: address space
 * @iova: start of a map
 * @len: bytes; must end where a map ends; may cover several adjacent maps
 *
 * On return no device can reach the memory.
 *
 * Return: 0; -EINVAL (zero length); -EDOM (misaligned); -ENOENT (nothing is
 * mapped there); -EBADE (would cut a map in half: names it; nothing was
 * unmapped); -EBUSY (the map of a file, see uvdk_dmabuf.h); or what the driver said: then all of it
 * is still mapped.
 */
int uvdk_ioas_unmap(struct uvdk_ioas *ioas, uvdk_iova_t iova, size_t len);

/**
 * uvdk_ioas_copy() - map what is mapped in another address space
 * @to: address space to map in, at the same IOVA
 * @from: address space of the same iommu that has the memory mapped
 * @iova: first byte; a multiple of the page size
 * @len: bytes, a multiple of the page size, all of one map of @from
 * @flags: UVDK_MAP_READ, UVDK_MAP_WRITE; not more than that map allows
 *
 * The pages themselves: what the process has mapped at their address meanwhile
 * does not matter, and they are not counted once more against memlock where the
 * kernel pins them (iommufd). Each map may be unmapped without the other.
 *
 * Return: 0; -EINVAL (@to is @from, another iommu, no access); -EDOM; -ENOENT
 * (no map holds all of it); -EPERM (that map allows less); -EEXIST; -ERANGE; -EFAULT
 * (its memory was freed while a registration cache held it);
 * -ENOMEM; -EOPNOTSUPP (type1, virtio, noiommu; the map of a file; no UVDK_MAP_WRITE, as
 * uvdk_ioas_map()).
 */
int uvdk_ioas_copy(struct uvdk_ioas *to, struct uvdk_ioas *from, uvdk_iova_t iova, size_t len,
		   unsigned int flags);

/**
 * uvdk_ioas_reserve() - take an IOVA range without mapping anything
 * @ioas: address space
 * @len: bytes, a multiple of the page size
 * @align: power of two, at least the page size; 0: natural
 * @fixed: take exactly *@iova
 * @iova: out: start of the range; in, with @fixed
 *
 * Later UVDK_MAP_FIXED maps may be placed inside; unmapping them leaves the
 * range reserved.
 *
 * Return: 0, -EINVAL, -EDOM, -ERANGE, -EEXIST, -ENOSPC, -ENOMEM or
 * -EOPNOTSUPP, as uvdk_ioas_map().
 */
int uvdk_ioas_reserve(struct uvdk_ioas *ioas, size_t len, size_t align, bool fixed,
		      uvdk_iova_t *iova);

/**
 * uvdk_ioas_unreserve() - give a reserved range back; it must hold no map
 * @ioas: address space
 * @iova: as uvdk_ioas_reserve() gave it
 *
 * Return: 0, -ENOENT or -EBUSY.
 */
int uvdk_ioas_unreserve(struct uvdk_ioas *ioas, uvdk_iova_t iova);

/**
 * uvdk_ioas_page_size() - granule of maps, in bytes
 * @ioas: address space
 *
 * Return: power of two.
 */
size_t uvdk_ioas_page_size(const struct uvdk_ioas *ioas);

/**
 * uvdk_ioas_ranges() - IOVA ranges that may be mapped now
 * @ioas: address space
 * @out: filled with up to @max ranges, ascending; or NULL
 * @max: room in @out
 *
 * Return: how many there are.
 */
unsigned int uvdk_ioas_ranges(struct uvdk_ioas *ioas, struct uvdk_iova_range *out,
			      unsigned int max);

/**
 * struct uvdk_map_info - one map
 * @iova: start
 * @va: memory; NULL: of a file that is mapped without an address
 * @len: bytes
 * @flags: UVDK_MAP_READ, UVDK_MAP_WRITE, UVDK_MAP_ALIAS, UVDK_MAP_FILE
 */
struct uvdk_map_info {
	uvdk_iova_t iova;
	void *va;
	size_t len;
	unsigned int flags;
};

/**
 * uvdk_ioas_find() - the map that holds an IOVA
 * @ioas: address space
 * @iova: any address
 * @out: filled in
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_ioas_find(struct uvdk_ioas *ioas, uvdk_iova_t iova, struct uvdk_map_info *out);

/**
 * uvdk_ioas_next() - iterate over maps by ascending IOVA
 * @ioas: address space
 * @from: lowest IOVA of interest
 * @out: the map with the lowest start at or above @from
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_ioas_next(struct uvdk_ioas *ioas, uvdk_iova_t from, struct uvdk_map_info *out);

/**
 * struct uvdk_ioas_dma_stats - what lib/dma has in an address space (uvdk_dma.h)
 * @buffers: buffers of uvdk_dma_alloc() now, those of pools, too
 * @buffer_bytes: bytes of them
 * @registrations: registrations of uvdk_dma_register() now
 * @registered_bytes: bytes of their pages; what several share counts for each
 * @made: registrations so far
 * @shared: of @made, those that found all mapped already
 * @refused: registrations that failed
 */
struct uvdk_ioas_dma_stats {
	uint64_t buffers;
	uint64_t buffer_bytes;
	uint64_t registrations;
	uint64_t registered_bytes;
	uint64_t made;
	uint64_t shared;
	uint64_t refused;
};

/**
 * struct uvdk_ioas_stats - counts and limits of an address space
 * @maps: maps now, without those of map queues
 * @bytes: bytes mapped now, likewise
 * @devices: devices attached
 * @entries_max: most maps the iommu allows, 0: no limit
 * @memlock_max: bytes that RLIMIT_MEMLOCK lets be mapped here, UINT64_MAX: no limit
 * @iova_last: highest IOVA the allocator hands out
 * @dma: buffers and registrations
 */
struct uvdk_ioas_stats {
	uint64_t maps;
	uint64_t bytes;
	unsigned int devices;
	uint64_t entries_max;
	uint64_t memlock_max;
	uvdk_iova_t iova_last;
	struct uvdk_ioas_dma_stats dma;
};

/**
 * uvdk_ioas_get_stats() - counts and limits
 * @ioas: address space
 * @out: filled in
 *
 * @dma is exact if nobody allocates, frees or registers meanwhile.
 */
void uvdk_ioas_get_stats(struct uvdk_ioas *ioas, struct uvdk_ioas_stats *out);

/* ---- translation, the fast path ---- */

/*
 * Two-level table over virtual addresses below 2^48: a root of 2^18 slots
 * (1 GiB each) and leaves of 2^18 entries (4 KiB each). An entry is 0 or
 * IOVA - VA + 1, the same for every page of a map. A slot is 0 or where page 0
 * of the address space would be if its leaf reached down to it: a page number
 * then is an index into any leaf. Only pages that were touched take memory.
 */
#define UVDK_XLATE_ROOT_SHIFT 30
#define UVDK_XLATE_ROOT_COUNT (UINT64_C(1) << 18)
#define UVDK_XLATE_LEAF_SHIFT 12
#define UVDK_XLATE_LEAF_COUNT (UINT64_C(1) << 18)

/**
 * struct uvdk_xlate - the documented fast-path struct: VA -> IOVA
 * @root: UVDK_XLATE_ROOT_COUNT slots; written under the ioas lock, read
 *	without; leaves live as long as the ioas
 */
struct uvdk_xlate {
	const uint64_t *root;
};

/**
 * uvdk_ioas_xlate() - the translation table of an address space
 * @ioas: address space
 *
 * Return: borrowed, valid until the ioas is destroyed.
 */
const struct uvdk_xlate *uvdk_ioas_xlate(const struct uvdk_ioas *ioas);

/**
 * uvdk_translate() - virtual address to IOVA: no lock, no call, O(1)
 * @x: from uvdk_ioas_xlate()
 * @va: any pointer
 *
 * What is returned is right for as long as the map is there; IOVAs are
 * contiguous up to the end of the map.
 *
 * Return: IOVA, or UVDK_IOVA_NONE if @va is not mapped.
 */
static inline uvdk_iova_t uvdk_translate(const struct uvdk_xlate *x, const void *va)
{
	uint64_t addr = (uint64_t)(uintptr_t)va;
	uint64_t slot = addr >> UVDK_XLATE_ROOT_SHIFT;
	uint64_t leaf, entry;

	if (__builtin_expect(slot >= UVDK_XLATE_ROOT_COUNT, 0))
		return UVDK_IOVA_NONE;
	leaf = __atomic_load_n(&x->root[slot], __ATOMIC_ACQUIRE);
	if (__builtin_expect(!leaf, 0))
		return UVDK_IOVA_NONE;
	leaf += (addr >> UVDK_XLATE_LEAF_SHIFT) * sizeof(uint64_t);
	entry = __atomic_load_n((const uint64_t *)(uintptr_t)leaf, __ATOMIC_RELAXED);
	if (__builtin_expect(!entry, 0))
		return UVDK_IOVA_NONE;

	return addr + entry - 1;
}

/**
 * uvdk_ioas_va() - IOVA to virtual address
 * @ioas: address space
 * @iova: address
 *
 * Return: pointer, or NULL where nothing is mapped.
 */
void *uvdk_ioas_va(struct uvdk_ioas *ioas, uvdk_iova_t iova);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_IOMMU_H */
