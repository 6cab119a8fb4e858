/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_SVA_CDEV_H
#define UVDK_SVA_CDEV_H

#include <uvdk_base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Work queues of accelerators that have a driver of the kernel's
 *
 * Two kernel drivers hand out queues of accelerators that walk the CPU's tables:
 * uacce (Linux, Documentation/misc-devices/uacce.rst; /dev/hisi_zip-0 and the like)
 * and idxd (/dev/dsa/wq0.0, /dev/iax/wq0.0). Opening the node joins the process to a
 * PASID, as UVDK_SVA_KERNEL does, which is never seen: uacce has the kernel put it into
 * the queue, and ENQCMD sends that of the running thread. So there is no
 * &struct uvdk_sva, no device and no PASID: only the node, and what is mapped of it.
 *
 * What is written there is the accelerator's own business. *No such hardware was at
 * hand*: this was written from the kernel's interface, and its tests play the kernel.
 *
 * Not thread-safe for one node.
 */

struct uvdk_sva_cdev;

/**
 * enum uvdk_sva_cdev_kind - whose node it is
 * @UVDK_SVA_CDEV_UACCE: a queue of uacce
 * @UVDK_SVA_CDEV_IDXD: a work queue of idxd
 */
enum uvdk_sva_cdev_kind {
	UVDK_SVA_CDEV_UACCE,
	UVDK_SVA_CDEV_IDXD,
};

/**
 * struct uvdk_sva_cdev_region - something mapped
 * @at: start, or NULL: there is none
 * @len: bytes
 */
struct uvdk_sva_cdev_region {
	void *at;
	size_t len;
};

/**
 * struct uvdk_sva_cdev_info - an opened node
 * @kind: whose it is
 * @fd: descriptor, for the driver's own ioctls; stays the library's
 * @sysfs: folder of the node in sysfs; what idxd tells of the queue is in the one above, of
 *	its device in the one above that
 * @shared: idxd: a shared work queue: submit by ENQCMD, else by MOVDIR64B
 * @portal: idxd: the page to submit to, for writing only; uacce: registers (MMIO)
 * @queue: uacce: memory shared with the device (DUS)
 */
struct uvdk_sva_cdev_info {
	enum uvdk_sva_cdev_kind kind;
	int fd;
	const char *sysfs;
	bool shared;
	struct uvdk_sva_cdev_region portal;
	struct uvdk_sva_cdev_region queue;
};

/**
 * uvdk_sva_cdev_open() - get a queue, and join the process to it
 * @path: the node
 * @sysfs_root: NULL for "/sys"
 * @out: new handle, owned by the caller
 *
 * The node is told by what sysfs says of its number, whatever its name.
 *
 * Return: 0; -ENOENT, -EACCES (names node and owner); -EINVAL (neither uacce's nor
 * idxd's); -EOPNOTSUPP (its driver has no SVA for it: says why); -EBUSY (no queue is
 * free); -ENOMEM; or what the kernel said.
 */
int uvdk_sva_cdev_open(const char *path, const char *sysfs_root, struct uvdk_sva_cdev **out);

/**
 * uvdk_sva_cdev_start() - uacce: let the queue run (UACCE_CMD_START_Q)
 * @cdev: handle
 *
 * After the ioctls by which the accelerator's driver is told what the queue is for. A
 * queue of idxd runs from the start: nothing happens.
 *
 * Return: 0; -EINVAL (it runs already); or what the kernel said.
 */
int uvdk_sva_cdev_start(struct uvdk_sva_cdev *cdev);

/**
 * uvdk_sva_cdev_get_info() - an opened node
 * @cdev: handle
 *
 * Return: valid until uvdk_sva_cdev_close().
 */
const struct uvdk_sva_cdev_info *uvdk_sva_cdev_get_info(const struct uvdk_sva_cdev *cdev);

/**
 * uvdk_sva_cdev_close() - stop the queue, and end what joins it to the process
 * @cdev: handle, or NULL
 *
 * A child of fork() that lives has the descriptor, too, and the binding lasts until
 * it has ended or executed another program.
 */
void uvdk_sva_cdev_close(struct uvdk_sva_cdev *cdev);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_SVA_CDEV_H */
