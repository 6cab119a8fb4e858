/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DEVICE_H
#define UVDK_DEVICE_H

#include <uvdk_base.h>
#include <uvdk_pci.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: One opened PCI function
 *
 * Call order: uvdk_iommu_open() -> uvdk_device_open() -> uvdk_ioas_attach()
 * -> regions, interrupts, a driver -> uvdk_device_close() -> uvdk_iommu_close().
 *
 * A *spec* names a function: a PCI address ("0000:00:03.0", "00:03.0") is
 * reached through vfio, or under iommu "kernel" through uio_pci_sva, and open once
 * at a time. "emu:MODEL[,key=value...]" is
 * made in the process: each open makes another one ("emu:MODEL#0", "#1", ...),
 * and no spec names one that is there.
 *
 * A device is used by one thread at a time, except that uvdk_device_gone(),
 * doorbells and region reads and writes may be called from any thread.
 *
 * **A device may vanish.** After uvdk_device_next_event() delivered a removal
 * request (which also takes the device off memory: bus master is cleared), after
 * all-ones from its configuration space, or after a bus error on one of its
 * BARs the device is *closed for business*: uvdk_device_gone() is true and
 * every call that would reach it returns -ENODEV. Plain loads from its
 * BARs return all-ones and stores reach nothing but memory of this process.
 *
 * For that the library handles SIGBUS from the first mapped BAR to the last:
 * what is not its own goes on to the handler that was there before. Install
 * your own handler before opening devices, or chain to what you replace.
 */

struct uvdk_device;
struct uvdk_iommu;

/**
 * struct uvdk_device_opts - how to open
 * @size: sizeof(struct uvdk_device_opts), so that it can grow
 * @sysfs_root: NULL for "/sys"
 * @dev_root: NULL for "/dev"
 * @vf_token: UUID text shared with the PF's owner, or NULL (vfio VF token)
 */
struct uvdk_device_opts {
	size_t size;
	const char *sysfs_root;
	const char *dev_root;
	const char *vf_token;
};

/**
 * struct uvdk_device_info - what was opened
 * @name: the spec as normalised, e.g. "0000:00:03.0" or "emu:edu#0"
 * @bus: bus driver: "vfio-pci", "uio-sva" or "emu"
 * @access: how it is reached: "cdev", "group", "noiommu", "uio" or "emu"
 * @addr: PCI address; emulated functions have one too, on their own bus
 * @vendor: PCI vendor ID
 * @device: PCI device ID
 * @subvendor: PCI subsystem vendor ID
 * @subdevice: PCI subsystem ID
 * @class_code: 24-bit class code
 * @revision: revision ID
 * @numa_node: node, or -1
 * @config_size: bytes of configuration space, 256 or 4096; a bus that leaves 0 means 4096
 * @can_reset: a function reset is possible
 */
struct uvdk_device_info {
	const char *name;
	const char *bus;
	const char *access;
	struct uvdk_pci_addr addr;
	uint16_t vendor;
	uint16_t device;
	uint16_t subvendor;
	uint16_t subdevice;
	uint32_t class_code;
	uint8_t revision;
	int numa_node;
	uint32_t config_size;
	bool can_reset;
};

/**
 * uvdk_device_open() - open a PCI function under an IOMMU
 * @iommu: the IOMMU its DMA will pass through; must outlive the device
 * @spec: PCI address or "emu:MODEL[,...]"
 * @opts: options, or NULL for defaults
 * @out: new device, owned by the caller
 *
 * Until an I/O address space is attached the device can reach no memory.
 *
 * Return: 0; -EINVAL (bad spec or options); -ENODEV (no such function);
 * -ENXIO (bound to no driver: the message says which to bind); -EBUSY (held by
 * another driver, which the message names, or by a process); -EPERM (group not
 * viable: the message names the other members); -EACCES (node not accessible:
 * the message names node and owner); -ENOENT (the kernel lacks the node: the
 * message says what provides it); -EOPNOTSUPP (@iommu can't serve this bus);
 * -ENODEV, -EBUSY (iommu "virtio": no virtio-iommu translates for it; or the one that does
 * is not driven by @iommu);
 * -EMFILE or -ENFILE (no descriptors left); -ENOMEM.
 *
 * With "emu:...": -ENODEV (no such model: the message lists them); -EINVAL (a
 * key the model does not know, a value it can't take, an empty item); -EEXIST (a
 * key twice); -ERANGE (a number outside its limits, which the message gives);
 * -EBUSY (link=NAME has its two ends); -ENOSPC (the bus holds 32 functions);
 * -ETIMEDOUT (the emulated I/O MMU does not answer); -EOPNOTSUPP (@iommu is neither
 * "emu" nor "virtio-emu"); -EPERM (the machine is a parent's, see uvdk_emu.h); what a model of the
 * application's own returns; -ENOMEM.
 */
int uvdk_device_open(struct uvdk_iommu *iommu, const char *spec,
		     const struct uvdk_device_opts *opts, struct uvdk_device **out);

/**
 * uvdk_device_close() - detach and close; never fails, also after removal
 * @dev: device, or NULL
 */
void uvdk_device_close(struct uvdk_device *dev);

/**
 * uvdk_device_get_info() - identity of an opened device
 * @dev: device
 *
 * Return: valid until close; works on a device that has vanished.
 */
const struct uvdk_device_info *uvdk_device_get_info(const struct uvdk_device *dev);

/**
 * uvdk_device_iommu() - the IOMMU given at open
 * @dev: device
 *
 * Return: borrowed pointer.
 */
struct uvdk_iommu *uvdk_device_iommu(const struct uvdk_device *dev);

/**
 * uvdk_device_gone() - is the device closed for business?
 * @dev: device
 *
 * Any thread; one load, no system call.
 *
 * Return: true once it has vanished.
 */
bool uvdk_device_gone(const struct uvdk_device *dev);

/**
 * uvdk_device_check() - look whether the function still answers
 * @dev: device
 *
 * Return: 0, or -ENODEV; all-ones in vendor and device ID or in class code and
 * revision closes it for business.
 */
int uvdk_device_check(struct uvdk_device *dev);

/* ---- configuration space ---- */

/**
 * uvdk_device_config_read() - read configuration space
 * @dev: device
 * @off: byte offset, below uvdk_device_info.config_size
 * @buf: receives @len bytes, little-endian as on the bus
 * @len: bytes
 *
 * Return: 0, -EINVAL (past the end), -ENODEV or -EIO.
 */
int uvdk_device_config_read(struct uvdk_device *dev, uint32_t off, void *buf, size_t len);

/**
 * uvdk_device_config_write() - write configuration space
 * @dev: device
 * @off: byte offset
 * @buf: @len bytes, little-endian
 * @len: bytes
 *
 * Return: 0, -EINVAL, -ENODEV or -EIO.
 */
int uvdk_device_config_write(struct uvdk_device *dev, uint32_t off, const void *buf, size_t len);

/**
 * uvdk_device_pci_config() - accessor for lib/pci's capability walkers
 * @dev: device
 *
 * Return: borrowed accessor, valid until close.
 */
const struct uvdk_pci_config *uvdk_device_pci_config(struct uvdk_device *dev);

/**
 * uvdk_device_set_command() - set and clear bits of the PCI command register
 * @dev: device
 * @set: bits to set, e.g. UVDK_PCI_COMMAND_MASTER | UVDK_PCI_COMMAND_MEMORY
 * @clear: bits to clear
 *
 * The result is remembered and put back after every reset. Any thread.
 *
 * Return: 0, -ENODEV or -EIO.
 */
int uvdk_device_set_command(struct uvdk_device *dev, uint16_t set, uint16_t clear);

/* ---- regions ---- */

/**
 * struct uvdk_region - one BAR
 * @dev: its device
 * @index: BAR number, 0 to 5
 * @size: bytes
 * @readable: reads are allowed
 * @writable: writes are allowed
 * @mappable: at least part of it can be accessed by plain loads and stores
 */
struct uvdk_region {
	struct uvdk_device *dev;
	unsigned int index;
	uint64_t size;
	bool readable;
	bool writable;
	bool mappable;
};

/**
 * uvdk_device_region() - get a BAR; maps what may be mapped on first use
 * @dev: device
 * @index: BAR number, 0 to 5
 * @out: filled in
 *
 * Return: 0, -EINVAL (no such index), -ENOENT (BAR not implemented), -ENODEV.
 */
int uvdk_device_region(struct uvdk_device *dev, unsigned int index, struct uvdk_region *out);

/**
 * uvdk_region_ptr() - plain pointer to part of a BAR
 * @region: BAR
 * @off: byte offset
 * @len: bytes that must be directly accessible
 *
 * Return: pointer valid until close, or NULL where any byte of it has to be
 * read and written through calls (holes of a sparse BAR, the MSI-X table,
 * emulated devices).
 */
volatile void *uvdk_region_ptr(const struct uvdk_region *region, uint64_t off, uint64_t len);

/**
 * uvdk_region_read() - read a register
 * @region: BAR
 * @off: byte offset, aligned to @width
 * @width: 1, 2, 4 or 8 bytes
 * @value: the register in host byte order
 *
 * An all-ones answer makes the library look at the vendor ID; if the function
 * is gone, so is the device.
 *
 * Return: 0, -EINVAL (range, alignment or width), -EACCES (not readable),
 * -ENODEV or -EIO.
 */
int uvdk_region_read(const struct uvdk_region *region, uint64_t off, unsigned int width,
		     uint64_t *value);

/**
 * uvdk_region_write() - write a register
 * @region: BAR
 * @off: byte offset, aligned to @width
 * @width: 1, 2, 4 or 8 bytes
 * @value: host byte order
 *
 * Return: as uvdk_region_read().
 */
int uvdk_region_write(const struct uvdk_region *region, uint64_t off, unsigned int width,
		      uint64_t value);

/**
 * struct uvdk_doorbell - a register that a data path writes
 * @ptr: plain pointer, or NULL when writes go through @region
 * @region: BAR
 * @off: byte offset in it
 *
 * The documented fast-path struct of this module; fill with
 * uvdk_doorbell_init(). One store where the BAR is mapped.
 */
struct uvdk_doorbell {
	volatile void *ptr;
	struct uvdk_region region;
	uint64_t off;
};

/**
 * uvdk_doorbell_init() - prepare a doorbell
 * @db: filled in
 * @region: BAR
 * @off: byte offset, aligned to @width
 * @width: 2 or 4 bytes
 *
 * Return: 0 or -EINVAL (outside the BAR, misaligned, or another width).
 */
int uvdk_doorbell_init(struct uvdk_doorbell *db, const struct uvdk_region *region, uint64_t off,
		       unsigned int width);

/**
 * uvdk_doorbell_barrier() - let the device see all earlier stores before the next
 *
 * A store to memory and a store to a BAR stay in order on x86; arm64 needs a
 * barrier that reaches beyond the CPUs.
 */
static inline void uvdk_doorbell_barrier(void)
{
#if defined(__aarch64__)
	__asm__ volatile("dmb oshst" ::: "memory");
#else
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}

/**
 * uvdk_doorbell_ring16() - write a 16-bit doorbell after all earlier stores
 * @db: doorbell
 * @value: host byte order
 */
static inline void uvdk_doorbell_ring16(const struct uvdk_doorbell *db, uint16_t value)
{
	uvdk_doorbell_barrier();
	if (__builtin_expect(db->ptr != NULL, 1))
		*(volatile uint16_t *)db->ptr = value;
	else
		uvdk_region_write(&db->region, db->off, 2, value);
}

/**
 * uvdk_doorbell_ring32() - write a 32-bit doorbell after all earlier stores
 * @db: doorbell
 * @value: host byte order
 */
static inline void uvdk_doorbell_ring32(const struct uvdk_doorbell *db, uint32_t value)
{
	uvdk_doorbell_barrier();
	if (__builtin_expect(db->ptr != NULL, 1))
		*(volatile uint32_t *)db->ptr = value;
	else
		uvdk_region_write(&db->region, db->off, 4, value);
}

/* ---- interrupts ---- */

/**
 * enum uvdk_irq_type - kinds of interrupt
 * @UVDK_IRQ_INTX: legacy line
 * @UVDK_IRQ_MSI: message signalled
 * @UVDK_IRQ_MSIX: message signalled, extended
 */
enum uvdk_irq_type {
	UVDK_IRQ_INTX,
	UVDK_IRQ_MSI,
	UVDK_IRQ_MSIX,
};

/**
 * uvdk_device_irq_count() - vectors of a kind
 * @dev: device
 * @type: kind
 *
 * Return: 0 or more, -ENODEV.
 */
int uvdk_device_irq_count(struct uvdk_device *dev, enum uvdk_irq_type type);

/**
 * uvdk_device_irq_set() - route vectors to eventfds
 * @dev: device
 * @type: kind; enabling one kind while another is on is -EBUSY
 * @first: first vector
 * @count: vectors
 * @fds: @count eventfds, -1 to unroute one; borrowed until unrouted
 *
 * Where MSIs pass through the I/O MMU (Arm) the device must be attached to an
 * address space first.
 *
 * Return: 0, -EINVAL (vectors out of range: the message says how many there
 * are), -ENOSPC (the host has fewer to give), -EBUSY, -ENODEV, or what the
 * kernel said. Where the kernel can't add vectors to those that are on, all are
 * turned off and on again, and one that fires in between is lost.
 */
int uvdk_device_irq_set(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int first,
			unsigned int count, const int *fds);

/**
 * uvdk_device_irq_disable() - unroute every vector of a kind
 * @dev: device
 * @type: kind
 *
 * Return: 0 or -ENODEV.
 */
int uvdk_device_irq_disable(struct uvdk_device *dev, enum uvdk_irq_type type);

/**
 * uvdk_device_irq_mask() - mask or unmask a vector
 * @dev: device
 * @type: kind
 * @vector: vector
 * @masked: true to mask
 *
 * Return: 0, -EINVAL, -EOPNOTSUPP (that kind can't be masked by vfio), -ENODEV.
 */
int uvdk_device_irq_mask(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector,
			 bool masked);

/**
 * uvdk_device_irq_trigger() - fire one routed vector by hand, for tests
 * @dev: device
 * @type: kind
 * @vector: vector
 *
 * Return: 0, -EINVAL (out of range or not routed), -ENODEV.
 */
int uvdk_device_irq_trigger(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector);

/* ---- peers ---- */

/**
 * uvdk_device_export_bar() - hand part of a BAR to others as a descriptor
 * @dev: device
 * @index: BAR, 0 to 5
 * @offset: first byte in the BAR, a multiple of the page size
 * @len: bytes, a multiple of the page size, not 0
 * @fd: receives a dma-buf, opened for reading and writing; the caller closes it
 *
 * For uvdk_dmabuf_map(), by which another device reaches the BAR, in this process or in
 * another that was sent the descriptor. What is mapped ends when this device is reset,
 * closed, or decodes memory no longer; see uvdk_dmabuf.h. An emulated device gives a
 * descriptor that means something in this process only.
 *
 * Not thread-safe for one device.
 *
 * Return: 0; -EINVAL (not in the BAR, or one that peers can't reach); -EDOM (not whole
 * pages); -ENOENT (no such BAR); -EOPNOTSUPP (the bus or the kernel can't: the message
 * says what is missing); -ENODEV (gone); -ENOMEM; -EMFILE.
 */
int uvdk_device_export_bar(struct uvdk_device *dev, unsigned int index, uint64_t offset,
			   uint64_t len, int *fd);

/* ---- virtual machines ---- */

/**
 * uvdk_device_kvm_announce() - tell KVM that a virtual machine has the device
 * @dev: device
 * @kvm_device_fd: VFIO device of the machine (KVM_CREATE_DEVICE,
 *	KVM_DEV_TYPE_VFIO); stays the caller's, who may close it
 *
 * KVM then carries out WBINVD for the guest if the iommu in front of a device
 * it knows of can't enforce cache coherency (KVM_DEV_VFIO_FILE_ADD). It looks
 * at what the iommu can do, not at the page table in use: where an address
 * space is shared with a device that is not announced, the answer of
 * uvdk_ioas_needs_wbinvd() may be true and KVM not know it.
 *
 * On type1 KVM learns of the whole group; members may each be announced, to one
 * machine. Ends with uvdk_device_kvm_withdraw() or with the device. Not
 * thread-safe for one device.
 *
 * Return: 0; -EBUSY (announced already, or its group to another machine);
 * -EINVAL (@kvm_device_fd is something else); -EOPNOTSUPP (no vfio device, or a
 * kernel before 6.6 and a character device); -ENODEV (gone); -ENOMEM; -EMFILE.
 */
int uvdk_device_kvm_announce(struct uvdk_device *dev, int kvm_device_fd);

/**
 * uvdk_device_kvm_withdraw() - take back uvdk_device_kvm_announce(); never fails
 * @dev: device; nothing happens if it is not announced
 */
void uvdk_device_kvm_withdraw(struct uvdk_device *dev);

/* ---- reset and events ---- */

/**
 * uvdk_device_reset() - function reset; command register bits are put back
 * @dev: device; must be quiescent
 *
 * Return: 0, -EOPNOTSUPP (no function reset: try uvdk_device_hot_reset()),
 * -ENODEV or -EIO.
 */
int uvdk_device_reset(struct uvdk_device *dev);

/**
 * uvdk_device_hot_reset_list() - functions that a bus reset would take along
 * @dev: device
 * @addrs: filled with up to @max addresses, this function's included; or NULL
 * @max: room in @addrs
 *
 * Return: how many there are, -EOPNOTSUPP, -ENODEV or -EIO.
 */
int uvdk_device_hot_reset_list(struct uvdk_device *dev, struct uvdk_pci_addr *addrs,
			       unsigned int max);

/**
 * uvdk_device_hot_reset() - reset the slot or bus; command bits are put back
 * @dev: device; every affected function must be ours: opened under the same
 *	iommu, or in a group of which a member is
 *
 * Return: 0, -EPERM (an affected function is not ours: the message names it),
 * -EOPNOTSUPP, -ENODEV or -EIO.
 */
int uvdk_device_hot_reset(struct uvdk_device *dev);

/**
 * enum uvdk_device_event - what happened to a device
 * @UVDK_DEVICE_EVENT_NONE: nothing
 * @UVDK_DEVICE_EVENT_REMOVE: the kernel wants it back: stop, close; touch no sysfs
 * @UVDK_DEVICE_EVENT_ERROR: an uncorrectable error was reported (AER)
 * @UVDK_DEVICE_EVENT_GONE: it has vanished
 */
enum uvdk_device_event {
	UVDK_DEVICE_EVENT_NONE,
	UVDK_DEVICE_EVENT_REMOVE,
	UVDK_DEVICE_EVENT_ERROR,
	UVDK_DEVICE_EVENT_GONE,
};

/**
 * uvdk_device_event_fd() - descriptor that polls readable when an event waits
 * @dev: device
 *
 * Also readable when the device vanished without the bus saying so. Level
 * triggered: take events until there are none.
 *
 * Return: borrowed descriptor, valid until close.
 */
int uvdk_device_event_fd(const struct uvdk_device *dev);

/**
 * uvdk_device_next_event() - take the next event, without blocking
 * @dev: device
 *
 * Each event is delivered once. Works on a device that has vanished.
 *
 * Return: the event, UVDK_DEVICE_EVENT_NONE if there is none.
 */
enum uvdk_device_event uvdk_device_next_event(struct uvdk_device *dev);

/**
 * struct uvdk_device_watcher - somebody who must know when a device is closed
 * @closes: called once by uvdk_device_close(), before anything of the device goes;
 *	it is not watched any more then
 * @next: private
 * @link: private
 */
struct uvdk_device_watcher {
	void (*closes)(struct uvdk_device_watcher *watch);
	struct uvdk_device_watcher *next;
	struct uvdk_device_watcher **link;
};

/**
 * uvdk_device_watch() - be told before a device is closed
 * @dev: device
 * @watch: with @closes set; not in use. The latest is told first.
 *
 * Thread-safe, as is the following.
 */
void uvdk_device_watch(struct uvdk_device *dev, struct uvdk_device_watcher *watch);

/**
 * uvdk_device_unwatch() - be told no more
 * @dev: device, not looked at: it may be closed already
 * @watch: watch; nothing happens if it has been told, and if another thread is
 *	telling it, this waits until that is over
 */
void uvdk_device_unwatch(struct uvdk_device *dev, struct uvdk_device_watcher *watch);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DEVICE_H */
