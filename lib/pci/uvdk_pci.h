/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PCI_H
#define UVDK_PCI_H

#include <uvdk_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: PCI functions: enumerate, identify, bind
 *
 * A *scan* is a snapshot of the PCI functions below a sysfs root; functions
 * are borrowed from it and live as long as it. Not thread-safe; two scans are
 * independent. Nothing here belongs on a data path.
 */

/* Bits of the PCI command register (PCI Local Bus 3.0, 6.2.2). */
#define UVDK_PCI_COMMAND_IO	      0x0001
#define UVDK_PCI_COMMAND_MEMORY	      0x0002
#define UVDK_PCI_COMMAND_MASTER	      0x0004
#define UVDK_PCI_COMMAND_INTX_DISABLE 0x0400

/* Room for "dddddddd:bb:dd.f" and NUL. */
#define UVDK_PCI_ADDR_LEN 17

/**
 * struct uvdk_pci_addr - where a function is
 * @domain: PCI segment
 * @bus: bus, 0 to 255
 * @device: device, 0 to 31
 * @function: function, 0 to 7
 */
struct uvdk_pci_addr {
	uint32_t domain;
	uint8_t bus;
	uint8_t device;
	uint8_t function;
};

/**
 * uvdk_pci_addr_parse() - read "[domain:]bus:device.function", hexadecimal
 * @text: text, nothing behind it
 * @out: filled in
 *
 * Return: 0 or -EINVAL with a sentence.
 */
int uvdk_pci_addr_parse(const char *text, struct uvdk_pci_addr *out);

/**
 * uvdk_pci_addr_format() - write "0000:bb:dd.f"
 * @addr: address
 * @buf: receives the text
 *
 * Return: @buf.
 */
char *uvdk_pci_addr_format(const struct uvdk_pci_addr *addr, char buf[UVDK_PCI_ADDR_LEN]);

/**
 * uvdk_pci_addr_cmp() - order of two addresses
 * @a: one
 * @b: other
 *
 * Return: less than, equal to or greater than 0.
 */
int uvdk_pci_addr_cmp(const struct uvdk_pci_addr *a, const struct uvdk_pci_addr *b);

/* ---- scan ---- */

/**
 * struct uvdk_pci_resource - one line of sysfs `resource`
 * @start: physical address
 * @size: bytes, 0: not implemented
 * @flags: IORESOURCE_* bits as sysfs shows them
 */
struct uvdk_pci_resource {
	uint64_t start;
	uint64_t size;
	uint64_t flags;
};

/**
 * struct uvdk_pci_function - identity of a function, as sysfs tells it
 * @addr: address
 * @vendor: vendor ID
 * @device: device ID
 * @subvendor: subsystem vendor ID
 * @subdevice: subsystem ID
 * @class_code: 24-bit class code
 * @revision: revision ID
 * @driver: kernel driver bound, or ""
 * @driver_override: override in force, or ""
 * @iommu_group: group, or -1
 * @numa_node: node, or -1
 * @sriov_total: VFs it could have
 * @sriov_num: VFs enabled
 * @is_vf: it is a VF
 * @pf: its PF, when @is_vf
 * @resources: BAR 0 to 5 and the expansion ROM
 */
struct uvdk_pci_function {
	struct uvdk_pci_addr addr;
	uint16_t vendor;
	uint16_t device;
	uint16_t subvendor;
	uint16_t subdevice;
	uint32_t class_code;
	uint8_t revision;
	char driver[64];
	char driver_override[64];
	int iommu_group;
	int numa_node;
	unsigned int sriov_total;
	unsigned int sriov_num;
	bool is_vf;
	struct uvdk_pci_addr pf;
	struct uvdk_pci_resource resources[7];
};

struct uvdk_pci_scan;

/**
 * uvdk_pci_scan_create() - enumerate the functions below a sysfs root
 * @sysfs_root: NULL for "/sys"
 * @out: new scan, owned by the caller
 *
 * Functions come in ascending address order. A machine without PCI gives an
 * empty scan.
 *
 * Return: 0, -ENOMEM, or -EIO (sysfs not readable).
 */
int uvdk_pci_scan_create(const char *sysfs_root, struct uvdk_pci_scan **out);

/**
 * uvdk_pci_scan_destroy() - free a scan
 * @scan: scan, or NULL
 */
void uvdk_pci_scan_destroy(struct uvdk_pci_scan *scan);

/**
 * uvdk_pci_scan_count() - functions found
 * @scan: scan
 *
 * Return: count.
 */
size_t uvdk_pci_scan_count(const struct uvdk_pci_scan *scan);

/**
 * uvdk_pci_scan_at() - function by position
 * @scan: scan
 * @index: 0 to count - 1
 *
 * Return: borrowed function, NULL past the end.
 */
const struct uvdk_pci_function *uvdk_pci_scan_at(const struct uvdk_pci_scan *scan, size_t index);

/**
 * uvdk_pci_scan_find() - function by address
 * @scan: scan
 * @addr: address
 *
 * Return: borrowed function or NULL.
 */
const struct uvdk_pci_function *uvdk_pci_scan_find(const struct uvdk_pci_scan *scan,
						   const struct uvdk_pci_addr *addr);

/**
 * uvdk_pci_identify() - identity of one function, without a scan
 * @sysfs_root: NULL for "/sys"
 * @addr: address
 * @out: filled in
 *
 * Return: 0, -ENODEV (no such function) or -EIO.
 */
int uvdk_pci_identify(const char *sysfs_root, const struct uvdk_pci_addr *addr,
		      struct uvdk_pci_function *out);

/**
 * uvdk_pci_name() - vendor and device in words, from pci.ids
 * @scan: scan
 * @fn: function of it
 * @buf: receives the name; "Device 1af4:1041" where unknown
 * @len: room in @buf
 *
 * Return: @buf.
 */
char *uvdk_pci_name(struct uvdk_pci_scan *scan, const struct uvdk_pci_function *fn, char *buf,
		    size_t len);

/**
 * uvdk_pci_group_members() - functions of an IOMMU group
 * @sysfs_root: NULL for "/sys"
 * @group: group number
 * @addrs: filled with up to @max addresses, ascending
 * @max: room in @addrs
 *
 * Return: how many there are, -ENOENT (no such group) or -EIO.
 */
int uvdk_pci_group_members(const char *sysfs_root, int group, struct uvdk_pci_addr *addrs,
			   unsigned int max);

/* ---- configuration space ---- */

/**
 * struct uvdk_pci_config - where to read configuration space
 * @read: read @len bytes at @off; 0 or negative errno
 * @priv: passed to @read
 * @size: bytes that exist: 64, 256 or 4096
 */
struct uvdk_pci_config {
	int (*read)(void *priv, uint32_t off, void *buf, size_t len);
	void *priv;
	uint32_t size;
};

/**
 * uvdk_pci_find_cap() - walk the capability list
 * @config: accessor
 * @id: capability ID
 * @after: 0 for the first, or an offset this call returned, for the next
 *
 * The list is not trusted: PCI Local Bus 3.0, 6.7.
 *
 * Return: offset of the capability; -ENOENT (none; no sentence); -ELOOP (the
 * list loops); -EBADMSG (it points outside configuration space or is cut
 * short); -ENODEV (all ones: the device is gone); -EIO.
 */
int uvdk_pci_find_cap(const struct uvdk_pci_config *config, uint8_t id, uint32_t after);

/**
 * uvdk_pci_find_ext_cap() - walk the extended capability list
 * @config: accessor
 * @id: extended capability ID
 * @after: 0 for the first, or an offset this call returned, for the next
 *
 * PCI Express Base 5.0, 7.6.
 *
 * Return: as uvdk_pci_find_cap().
 */
int uvdk_pci_find_ext_cap(const struct uvdk_pci_config *config, uint16_t id, uint32_t after);

/* ---- isolation ---- */

struct uvdk_pci_isolation;

/**
 * uvdk_pci_isolation_create() - which functions can't be isolated from each other
 * @sysfs_root: NULL for "/sys"
 * @out: new snapshot, owned by the caller
 *
 * What Linux makes IOMMU groups of, for where it makes none (noiommu mode):
 * functions whose requests carry one requester ID (behind a bridge to
 * conventional PCI), or that reach each other past the I/O MMU (ports, bridges
 * and functions of one device without the ACS controls SV, RR, CR and UF;
 * PCI Express Base 5.0, 6.12). Bridges are members, too. Linux' quirks for
 * single devices are not known here.
 *
 * Capabilities are read from ``config``, of which only root gets more than 64
 * bytes. What can't be read counts as not isolated, and
 * uvdk_pci_isolation_why() says so.
 *
 * Functions that a virtio-iommu can't tell apart are another matter, see
 * uvdk_topology_find(): with the same endpoint behind the same virtio-iommu
 * they can't be isolated either. The caller has to look at both.
 *
 * A snapshot does not change: any number of threads may ask.
 *
 * Return: 0, -ENOMEM, or -EIO (sysfs not readable).
 */
int uvdk_pci_isolation_create(const char *sysfs_root, struct uvdk_pci_isolation **out);

/**
 * uvdk_pci_isolation_destroy() - free a snapshot
 * @isolation: snapshot, or NULL
 */
void uvdk_pci_isolation_destroy(struct uvdk_pci_isolation *isolation);

/**
 * uvdk_pci_isolation_leader() - the group that a function is in
 * @isolation: snapshot
 * @addr: function
 * @leader: out: lowest address in its group, which may be a bridge's
 *
 * Two functions can be isolated if their leaders differ.
 *
 * Return: 0, or -ENODEV (no such function when the snapshot was made).
 */
int uvdk_pci_isolation_leader(const struct uvdk_pci_isolation *isolation,
			      const struct uvdk_pci_addr *addr, struct uvdk_pci_addr *leader);

/**
 * uvdk_pci_isolation_why() - why two functions can't be isolated
 * @isolation: snapshot
 * @a: function
 * @b: another in its group
 * @buf: receives one link after the other from @a to @b: "0000:02:00.0 is below
 *	0000:00:01.0, which has no ACS; ..."; cut to the room
 * @len: room in @buf
 *
 * Return: 0, -ENODEV, -ENOENT (they can be isolated; no sentence), -ENOMEM.
 */
int uvdk_pci_isolation_why(const struct uvdk_pci_isolation *isolation,
			   const struct uvdk_pci_addr *a, const struct uvdk_pci_addr *b, char *buf,
			   size_t len);

/* ---- drivers ---- */

/**
 * enum uvdk_pci_bind_flags - options of binding
 * @UVDK_PCI_BIND_DRY_RUN: check and say what would be done, change nothing
 */
enum uvdk_pci_bind_flags {
	UVDK_PCI_BIND_DRY_RUN = 1 << 0,
};

/**
 * struct uvdk_pci_binder - where binding happens and is remembered
 * @sysfs_root: NULL for "/sys"
 * @state_dir: where previous drivers are remembered; NULL for "/run/uvdk"
 */
struct uvdk_pci_binder {
	const char *sysfs_root;
	const char *state_dir;
};

/**
 * uvdk_pci_bind() - give a function to a kernel driver
 * @binder: roots
 * @addr: function
 * @driver: driver name; it must be loaded
 * @flags: enum uvdk_pci_bind_flags
 *
 * Sets driver_override, unbinds the present driver, binds the new one, looks
 * whether it worked, and puts the override back; on failure the former driver
 * too. The driver that was there first is remembered for uvdk_pci_restore()
 * until it is back. In a dry run each write is told at UVDK_LOG_INFO.
 *
 * Return: 0 (also when already bound), -ENODEV, -ENOENT (driver not loaded),
 * -EINVAL (no name of a driver), -EACCES, -EBUSY (the driver refused) or -EIO.
 */
int uvdk_pci_bind(const struct uvdk_pci_binder *binder, const struct uvdk_pci_addr *addr,
		  const char *driver, unsigned int flags);

/**
 * uvdk_pci_unbind() - take a function from its kernel driver
 * @binder: roots
 * @addr: function
 * @flags: enum uvdk_pci_bind_flags
 *
 * Return: 0 (also when none was bound), -ENODEV, -EACCES or -EIO.
 */
int uvdk_pci_unbind(const struct uvdk_pci_binder *binder, const struct uvdk_pci_addr *addr,
		    unsigned int flags);

/**
 * uvdk_pci_restore() - put back the driver that was there before us
 * @binder: roots
 * @addr: function
 * @flags: enum uvdk_pci_bind_flags
 *
 * Return: 0, -ENOENT (nothing remembered), or as uvdk_pci_bind().
 */
int uvdk_pci_restore(const struct uvdk_pci_binder *binder, const struct uvdk_pci_addr *addr,
		     unsigned int flags);

/**
 * uvdk_pci_previous_driver() - the driver that uvdk_pci_restore() would bind
 * @binder: roots
 * @addr: function
 * @buf: receives the name; "" if there was no driver
 * @len: room in @buf
 *
 * Return: 0, -ENOENT (nothing remembered) or -EIO.
 */
int uvdk_pci_previous_driver(const struct uvdk_pci_binder *binder, const struct uvdk_pci_addr *addr,
			     char *buf, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_PCI_H */
