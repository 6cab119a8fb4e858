/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EXPORT_DRIVER_H
#define UVDK_EXPORT_DRIVER_H

#include <uvdk_device_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Who uses a BAR that was exported
 *
 * For lib/dma. What was exported is known by its file, in whatever descriptor that comes
 * back. One lock guards it all and is held while watches are told, so that nobody maps in
 * between; it is taken before those of iommu and ioas.
 */

/**
 * enum uvdk_export_event - what happened to the memory of a device
 * @UVDK_EXPORT_REVOKED: a reset: what was mapped has ended, and may be mapped again
 * @UVDK_EXPORT_OFF: it is no longer decoded, or the device is gone
 * @UVDK_EXPORT_ON: it is decoded (again)
 * @UVDK_EXPORT_ENDED: the device is being closed: there is no way back, and the watch is
 *	out of the list
 */
enum uvdk_export_event {
	UVDK_EXPORT_REVOKED,
	UVDK_EXPORT_OFF,
	UVDK_EXPORT_ON,
	UVDK_EXPORT_ENDED,
};

/**
 * struct uvdk_export - part of a BAR that was exported
 * @dev: device
 * @index: BAR
 * @offset: first byte in the BAR
 * @len: bytes
 * @at: address that stands for it where no kernel is involved (emulated), else NULL
 * @next: of the same device
 * @file_dev: which file it is
 * @file_ino: likewise
 */
struct uvdk_export {
	struct uvdk_device *dev;
	unsigned int index;
	uint64_t offset;
	uint64_t len;
	void *at;
	struct uvdk_export *next;
	uint64_t file_dev;
	uint64_t file_ino;
};

/**
 * struct uvdk_export_watch - somebody who has mapped an export
 * @tell: called under the lock, by the thread that did it to the device
 * @next: the library's
 * @link: the library's; NULL: not in a list
 */
struct uvdk_export_watch {
	void (*tell)(struct uvdk_export_watch *watch, enum uvdk_export_event event);
	struct uvdk_export_watch *next;
	struct uvdk_export_watch **link;
};

/**
 * uvdk_export_lock() - nothing is told, exported or closed meanwhile
 */
void uvdk_export_lock(void);

/**
 * uvdk_export_unlock() - undo uvdk_export_lock()
 */
void uvdk_export_unlock(void);

/**
 * uvdk_export_find() - what a descriptor stands for
 * @fd: any descriptor
 *
 * Under the lock.
 *
 * Return: borrowed until the lock is let go, or NULL: nothing that this process exported.
 */
const struct uvdk_export *uvdk_export_find(int fd);

/**
 * uvdk_export_add_watch() - be told of a device
 * @dev: device
 * @watch: with @tell set
 *
 * Under the lock.
 */
void uvdk_export_add_watch(struct uvdk_device *dev, struct uvdk_export_watch *watch);

/**
 * uvdk_export_remove_watch() - undo uvdk_export_add_watch()
 * @watch: watch; nothing happens if it is in no list
 *
 * Under the lock.
 */
void uvdk_export_remove_watch(struct uvdk_export_watch *watch);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EXPORT_DRIVER_H */
