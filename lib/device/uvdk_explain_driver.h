/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EXPLAIN_DRIVER_H
#define UVDK_EXPLAIN_DRIVER_H

#include <uvdk_device_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Sentences for failures that several bus and iommu drivers meet
 *
 * Each call looks up what a user needs to know (owner of a node, limits,
 * members of a group), logs one sentence through uvdk_fail(), and returns the
 * errno that the public headers promise. Only for error paths: they read files.
 */

/**
 * uvdk_explain_open() - why a device node could not be opened
 * @component: module that speaks
 * @path: the node
 * @err: positive errno of open()
 * @absent: for ENOENT: what would provide the node
 *
 * Return: -EACCES (names node, owner and mode), -ENOENT, -EBUSY or -@err.
 */
int uvdk_explain_open(const char *component, const char *path, int err, const char *absent);

/**
 * uvdk_memlock_max() - bytes that the kernel lets this process lock
 *
 * Return: RLIMIT_MEMLOCK; UINT64_MAX where none is in force (CAP_IPC_LOCK).
 */
uint64_t uvdk_memlock_max(void);

/**
 * uvdk_memlock_used() - bytes that this process has locked
 *
 * What mlock() and type1 are charged for; not what iommufd pins, which counts
 * for the user.
 *
 * Return: bytes.
 */
uint64_t uvdk_memlock_used(void);

/**
 * struct uvdk_pin_failure - a pin that failed
 * @va: memory
 * @len: bytes
 * @write: the device was to write
 * @err: positive errno of the kernel
 * @charged: how often the kernel charges these bytes (once for each container)
 * @per: who is charged: "process" or "user"
 */
struct uvdk_pin_failure {
	const void *va;
	size_t len;
	bool write;
	int err;
	unsigned int charged;
	const char *per;
};

/**
 * uvdk_explain_pin() - why memory could not be pinned
 * @component: module that speaks
 * @what: the failure
 *
 * Return: -ENOMEM (memlock: how much is needed and allowed; or out of memory),
 * -EFAULT (not mapped memory), -EPERM (read-only memory), or -@what->err.
 */
int uvdk_explain_pin(const char *component, const struct uvdk_pin_failure *what);

/**
 * uvdk_explain_group() - members of an IOMMU group that keep it from us
 * @sysfs_root: NULL for "/sys"
 * @group: group number
 * @buf: receives "0000:00:04.0 (e1000e), ..."; "" if there is none
 * @len: room in @buf
 *
 * Return: how many there are.
 */
unsigned int uvdk_explain_group(const char *sysfs_root, int group, char *buf, size_t len);

/**
 * uvdk_explain_reserved() - is an IOVA range reserved for a group?
 * @sysfs_root: NULL for "/sys"
 * @group: group number
 * @first: lowest IOVA
 * @last: highest IOVA, inclusive
 * @out: filled in with the reserved range that is in the way
 *
 * Return: true if there is one.
 */
bool uvdk_explain_reserved(const char *sysfs_root, int group, uvdk_iova_t first, uvdk_iova_t last,
			   struct uvdk_iova_range *out);

/**
 * uvdk_explain_hardware() - what kind of I/O MMU the kernel has for a function
 * @sysfs_root: NULL for "/sys"
 * @name: its PCI address
 *
 * Return: static string as in struct uvdk_iommu_info.
 */
const char *uvdk_explain_hardware(const char *sysfs_root, const char *name);

/**
 * uvdk_memory_mapped() - is a range memory of this process?
 * @va: start, page aligned
 * @len: bytes
 *
 * One system call that changes nothing; for drivers whose kernel side looks
 * only when a device is attached.
 *
 * Return: false if any page of it is not mapped.
 */
bool uvdk_memory_mapped(void *va, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EXPLAIN_DRIVER_H */
