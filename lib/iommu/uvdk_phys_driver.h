/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PHYS_DRIVER_H
#define UVDK_PHYS_DRIVER_H

#include <uvdk_base_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Physical addresses of the process's own memory
 *
 * For iommus that are given physical addresses (virtio) or that translate
 * nothing (noiommu). Memory is populated and locked first; frames come from
 * /proc/self/pagemap, which shows them to CAP_SYS_ADMIN only, and are looked at
 * twice.
 *
 * mlock() does not keep the kernel from moving a page. So what is locked is pinned
 * as well where the kernel has io_uring (5.19) and takes the memory (not read-only
 * memory, nor that of most files); RLIMIT_MEMLOCK is charged for both, apart.
 *
 * mlock() is of addresses, a pin is of the pages that were there. Locks count: addresses that
 * are locked twice stay locked until both locks are undone, whoever made them. Each lock has
 * its own pin, and so keeps its pages also if they are unmapped and others are locked at the
 * same addresses meanwhile. What the application locks with mlock() itself is unlocked with the
 * last lock here. Any thread may call, but for open and close.
 */

/**
 * struct uvdk_phys_run - memory that is contiguous in both spaces
 * @phys: physical address of its first byte
 * @len: bytes
 */
struct uvdk_phys_run {
	uint64_t phys;
	size_t len;
};

/**
 * struct uvdk_phys - how physical addresses are found
 * @component: who asks, for messages
 * @pagemap: open /proc/self/pagemap, or -1: an address is its own physical
 *	address, as on an emulated machine
 * @proc: where procfs is, for what is read there later
 */
struct uvdk_phys {
	const char *component;
	int pagemap;
	const char *proc;
};

/**
 * uvdk_phys_open() - find physical addresses
 * @phys: filled in
 * @component: who asks; static
 * @emulated: an address is its own physical address
 *
 * Return: 0; -EACCES (the sentence names the privilege); the error of open().
 */
int uvdk_phys_open(struct uvdk_phys *phys, const char *component, bool emulated);

/**
 * uvdk_phys_open_at() - uvdk_phys_open() with another procfs
 * @phys: filled in
 * @component: who asks; static
 * @proc: in place of "/proc"; must outlive @phys
 *
 * Return: as uvdk_phys_open().
 */
int uvdk_phys_open_at(struct uvdk_phys *phys, const char *component, const char *proc);

/**
 * uvdk_phys_close() - undo uvdk_phys_open()
 * @phys: zeroed
 */
void uvdk_phys_close(struct uvdk_phys *phys);

/**
 * uvdk_phys_lock() - populate and lock memory
 * @phys: from uvdk_phys_open()
 * @va: page aligned
 * @len: bytes, whole pages
 * @write: each page gets a frame of its own now, so that what a device writes
 *	is not lost to copy on write
 * @pin: out: for the other two; -1: locked, and not pinned
 *
 * On an emulated machine memory is populated and not locked: nothing moves there.
 *
 * Return: 0; -EFAULT (not mapped); -EPERM (read-only); -ENOMEM (memlock, with
 * how much is needed and allowed).
 */
int uvdk_phys_lock(const struct uvdk_phys *phys, void *va, size_t len, bool write, int *pin);

/**
 * uvdk_phys_unlock() - undo uvdk_phys_lock()
 * @phys: from uvdk_phys_open()
 * @va: as given there
 * @len: as given there
 * @pin: as it came from there
 */
void uvdk_phys_unlock(const struct uvdk_phys *phys, void *va, size_t len, int pin);

/**
 * uvdk_phys_runs() - where locked memory is
 * @phys: from uvdk_phys_open()
 * @va: page aligned
 * @len: bytes, whole pages
 * @pin: of uvdk_phys_lock(), or -1: not pinned
 * @runs: filled with up to @max runs, in the order of addresses
 * @max: room in @runs
 *
 * Warns once if the kernel may move locked memory (vm.compact_unevictable_allowed)
 * and this is neither pinned nor of huge pages.
 *
 * Return: how many runs there are, more than @max if they did not fit;
 * -EACCES (frames are hidden: names the privilege); -EFAULT (a page is not
 * present); -EAGAIN (the kernel moved a page meanwhile); -EIO.
 */
int uvdk_phys_runs(const struct uvdk_phys *phys, const void *va, size_t len, int pin,
		   struct uvdk_phys_run *runs, unsigned int max);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_PHYS_DRIVER_H */
