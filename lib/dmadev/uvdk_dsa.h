/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DSA_H
#define UVDK_DSA_H

#include <uvdk_dmadev.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Intel's DSA, beyond the class
 *
 * For what &struct uvdk_dmadev_chan_ops has no call for. The class's own calls are
 * uvdk_dmadev.h; limits are in doc/guides/dma-driver.md.
 */

/**
 * uvdk_dsa_post() - write a descriptor to the queue of a channel, as it is
 * @chan: channel of the driver "dsa"; by the thread that uses it
 * @desc: 64 bytes as the device takes them (specification 341204, section 8.1)
 *
 * For experts: nothing of it is looked at, completed or counted but for doorbells. The
 * completion record is the caller's, as is staying within the queue's entries: a dedicated
 * queue drops what it has no room for. What it names is reached with the PASID of the
 * channel, whatever the descriptor says: the device enforces it.
 *
 * What it names is the device's until it has ended, or uvdk_dmadev_chan_close() has returned,
 * which aborts it.
 *
 * On a channel of uvdk_dsa_open_cdev() the lowest 32 bits are zero: the PASID is the process's,
 * and comes from the CPU. Nothing can be aborted there: closing such a channel closes the
 * queue's node, at which the kernel waits for all that it was given, and the engine is of no more
 * use.
 *
 * Return: 0, -EINVAL (a channel of another driver), -ENODEV, or -ENOSPC (a shared queue has no
 * room now).
 */
int uvdk_dsa_post(struct uvdk_dmadev_chan *chan, const void *desc);

/**
 * struct uvdk_dsa_cdev_opts - how to open a queue of the kernel's driver
 * @size: sizeof(struct uvdk_dsa_cdev_opts)
 * @sysfs_root: NULL for "/sys"
 * @retries: shared queue: how often a descriptor is offered in one call; 0: 64
 */
struct uvdk_dsa_cdev_opts {
	size_t size;
	const char *sysfs_root;
	unsigned int retries;
};

/**
 * uvdk_dsa_open_cdev() - a queue of the kernel's driver idxd as an engine
 * @path: its node: "/dev/dsa/wq0.0"; a queue of type "user"
 * @opts: options, or NULL
 * @out: new engine, owned by the caller: uvdk_dmadev_close()
 *
 * The device stays the kernel's, which has set up the queue and drives the rest of it; this
 * process submits to it, by ENQCMD to a shared queue (others do so, too), by MOVDIR64B to a
 * dedicated one. Addresses are plain pointers of the process: open the channel, of which there
 * is one, without ioas, sva and pasid. All calls of uvdk_dmadev.h go. What is different:
 *
 * A shared queue may have no room, since others fill it. What it refused @retries times in a
 * row waits in the ring, in order: uvdk_dmadev_submit() says -ENOSPC, and each poll, or the next
 * submit, offers it again.
 *
 * Nothing is given up while it is under way, however long it takes: only the kernel can end
 * it. uvdk_dmadev_chan_close() waits for what was given to the device, ten seconds at most;
 * then, and at once if uvdk_dsa_post() was used, it closes the node, which waits in the kernel,
 * and the engine is of no more use. A child of fork() has no portal: a channel is not for it. A
 * store to the queue of a device whose driver is unbound meanwhile is a SIGBUS.
 *
 * No interrupts. Nothing of it has been tried on hardware: tests play CPU and kernel.
 *
 * Return: 0; -ENOENT, -EACCES (names node and owner); -EBUSY (a dedicated queue is taken);
 * -EINVAL (no queue of idxd's); -EOPNOTSUPP (the kernel has no PASIDs for it, it is no DSA or
 * not of type "user", this CPU lacks the instruction: says which); -EPROTO (sysfs tells
 * nonsense); -ENOMEM; or what the kernel said.
 */
int uvdk_dsa_open_cdev(const char *path, const struct uvdk_dsa_cdev_opts *opts,
		       struct uvdk_dmadev **out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DSA_H */
