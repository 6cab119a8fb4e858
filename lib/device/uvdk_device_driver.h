/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DEVICE_DRIVER_H
#define UVDK_DEVICE_DRIVER_H

#include <uvdk_device.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Bus drivers: how a device is reached
 *
 * lib/device checks arguments, bounds and the gone state before any callback;
 * a callback never sees an index or range outside what the driver reported.
 */

struct uvdk_iommu_binding;

/**
 * struct uvdk_bus_region - what a bus says of one BAR
 * @size: bytes; 0: not implemented
 * @readable: reads are allowed
 * @writable: writes are allowed
 * @nr_areas: mappable areas
 * @areas: inclusive offset ranges that may be mapped, page aligned, ascending
 */
struct uvdk_bus_region {
	uint64_t size;
	bool readable;
	bool writable;
	unsigned int nr_areas;
	struct {
		uint64_t off;
		uint64_t len;
	} areas[8];
};

/**
 * struct uvdk_bus_ops - a bus driver
 * @name: "vfio-pci", "emu"
 * @match: does this bus serve @spec? First match in the registry wins.
 * @takes: ... under this iommu? NULL: under any; a bus for the devices of one
 *	iommu stands before those for the same specs under the others.
 * @open: Open @spec for @dev, bind it to @iommu (uvdk_iommu_bind()), fill in
 *	@info, set private data. On error nothing is left behind.
 * @close: Undo @open; never fails; also for a device that has vanished.
 * @config_read: 0 or negative errno; exactly @len bytes.
 * @config_write: as @config_read
 * @region_info: describe BAR @index
 * @region_map: map an area that @region_info listed at exactly @at (inside a
 *	reservation, MAP_FIXED); 0 or negative errno. Unmapped by the core.
 * @region_read: register read, @width 1, 2, 4, 8, aligned
 * @region_write: register write
 * @irq_count: vectors of @type
 * @irq_set: route; @fds may hold -1
 * @irq_disable: unroute all of @type
 * @irq_mask: mask or unmask
 * @irq_trigger: fire a vector
 * @reset: function reset
 * @hot_reset_list: count, and addresses up to @max
 * @hot_reset: slot or bus reset
 * @event_fd: descriptor or -1
 * @next_event: non-blocking; UVDK_DEVICE_EVENT_NONE must leave @event_fd unreadable
 * @export_bar: part of BAR @index, whole pages, as a descriptor that others may map; *@at: the
 *	address that stands for it, where an emulated machine has it, else left alone
 * @kvm_announce: tell a VFIO device of KVM of the file behind the device; as
 *	uvdk_device_kvm_announce()
 * @kvm_withdraw: undo it, if it was done; @close does so, too
 * @sva_bind: join the process's address space to a PASID that the kernel chooses;
 *	as uvdk_device_sva_bind(). Not called while it is bound.
 * @sva_unbind: undo it; as uvdk_device_sva_unbind(). @close does so, too.
 *
 * @takes may be NULL; @export_bar is where BARs can't be exported; the two of KVM are where there
 *is no such file, the two of SVA where the kernel does not offer it; no other is.
 */
struct uvdk_bus_ops {
	const char *name;
	bool (*match)(const char *spec);
	bool (*takes)(const struct uvdk_iommu *iommu);
	int (*open)(struct uvdk_device *dev, struct uvdk_iommu *iommu, const char *spec,
		    const struct uvdk_device_opts *opts, struct uvdk_device_info *info);
	void (*close)(struct uvdk_device *dev);
	int (*config_read)(struct uvdk_device *dev, uint32_t off, void *buf, size_t len);
	int (*config_write)(struct uvdk_device *dev, uint32_t off, const void *buf, size_t len);
	int (*region_info)(struct uvdk_device *dev, unsigned int index,
			   struct uvdk_bus_region *out);
	int (*region_map)(struct uvdk_device *dev, unsigned int index, uint64_t off, uint64_t len,
			  void *at);
	int (*region_read)(struct uvdk_device *dev, unsigned int index, uint64_t off,
			   unsigned int width, uint64_t *value);
	int (*region_write)(struct uvdk_device *dev, unsigned int index, uint64_t off,
			    unsigned int width, uint64_t value);
	int (*irq_count)(struct uvdk_device *dev, enum uvdk_irq_type type);
	int (*irq_set)(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int first,
		       unsigned int count, const int *fds);
	int (*irq_disable)(struct uvdk_device *dev, enum uvdk_irq_type type);
	int (*irq_mask)(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector,
			bool masked);
	int (*irq_trigger)(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector);
	int (*reset)(struct uvdk_device *dev);
	int (*hot_reset_list)(struct uvdk_device *dev, struct uvdk_pci_addr *addrs,
			      unsigned int max);
	int (*hot_reset)(struct uvdk_device *dev);
	int (*event_fd)(const struct uvdk_device *dev);
	enum uvdk_device_event (*next_event)(struct uvdk_device *dev);
	int (*export_bar)(struct uvdk_device *dev, unsigned int index, uint64_t offset,
			  uint64_t len, int *fd, void **at);
	int (*kvm_announce)(struct uvdk_device *dev, int kvm_fd);
	void (*kvm_withdraw)(struct uvdk_device *dev);
	int (*sva_bind)(struct uvdk_device *dev, uint32_t *pasid);
	void (*sva_unbind)(struct uvdk_device *dev);
};

/*
 * Bus drivers built in, NULL-terminated; defined in drivers/builtin.c. A test
 * may define its own instead of linking the drivers.
 */
extern const struct uvdk_bus_ops *const uvdk_builtin_buses[];

/**
 * uvdk_bus_register() - add a bus driver from outside the tree
 * @ops: must live as long as the process
 *
 * Asked before the built-in ones. Thread-safe.
 *
 * Return: 0, -EEXIST (name taken) or -ENOSPC (more than 16).
 */
int uvdk_bus_register(const struct uvdk_bus_ops *ops);

/**
 * uvdk_device_priv() - the bus driver's private data
 * @dev: device
 *
 * Return: what uvdk_device_set_priv() stored.
 */
void *uvdk_device_priv(const struct uvdk_device *dev);

/**
 * uvdk_device_set_priv() - store the bus driver's private data
 * @dev: device
 * @priv: data
 */
void uvdk_device_set_priv(struct uvdk_device *dev, void *priv);

/**
 * uvdk_device_is_open() - has it been opened to the end?
 * @dev: device
 *
 * For a thread that finds it in a list: until then uvdk_device_get_info() is being
 * filled in. Any thread.
 *
 * Return: true from the end of uvdk_device_open() on.
 */
bool uvdk_device_is_open(const struct uvdk_device *dev);

/**
 * uvdk_device_opening() - the options a device is being opened with
 * @dev: device
 *
 * For iommu drivers, whose bind() may need them (VF token).
 *
 * Return: valid during struct uvdk_bus_ops.open() only, then NULL.
 */
const struct uvdk_device_opts *uvdk_device_opening(const struct uvdk_device *dev);

/**
 * uvdk_device_set_binding() - remember the iommu's side of the device
 * @dev: device
 * @binding: from uvdk_iommu_bind(), or NULL
 */
void uvdk_device_set_binding(struct uvdk_device *dev, struct uvdk_iommu_binding *binding);

/**
 * uvdk_device_binding() - the iommu's side of the device
 * @dev: device
 *
 * Return: what uvdk_device_set_binding() stored.
 */
struct uvdk_iommu_binding *uvdk_device_binding(const struct uvdk_device *dev);

/**
 * uvdk_device_mark_gone() - close the device for business
 * @dev: device
 * @why: for the log
 *
 * Any thread, idempotent; not async-signal-safe.
 */
void uvdk_device_mark_gone(struct uvdk_device *dev, const char *why);

/**
 * uvdk_device_claim() - drive the device as a device class
 * @dev: device
 * @user: what will drive it, for messages ("network port"); outlives the claim
 *
 * One driver at a time: a second would reset the device under the first.
 * A class calls it first in its open.
 *
 * Return: 0, or -EBUSY (driven already: the message says as what).
 */
int uvdk_device_claim(struct uvdk_device *dev, const char *user);

/**
 * uvdk_device_unclaim() - undo uvdk_device_claim()
 * @dev: device
 */
void uvdk_device_unclaim(struct uvdk_device *dev);

/**
 * uvdk_device_has_sva() - can the kernel join a process to the device?
 * @dev: device
 *
 * Return: whether its bus offers it; uvdk_device_sva_bind() may fail all the same.
 */
bool uvdk_device_has_sva(const struct uvdk_device *dev);

/**
 * uvdk_device_sva_bind() - let the device walk the CPU's page tables
 * @dev: device
 * @pasid: receives the PASID, which the kernel has chosen
 *
 * Bus master, where the application has set it, is on from here on.
 *
 * Return: 0; -EBUSY (bound already); -EOPNOTSUPP (the bus, the device, the I/O MMU
 * or the CPU can't: says which); -EACCES and others as uvdk_device_open(); -ENODEV.
 */
int uvdk_device_sva_bind(struct uvdk_device *dev, uint32_t *pasid);

/**
 * uvdk_device_sva_unbind() - undo uvdk_device_sva_bind(); never fails
 * @dev: device; nothing happens if it is not bound
 *
 * The device is kept from memory (bus master off) before it is unbound.
 */
void uvdk_device_sva_unbind(struct uvdk_device *dev);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DEVICE_DRIVER_H */
