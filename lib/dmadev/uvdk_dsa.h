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
 * Return: 0, -EINVAL (a channel of another driver), -ENODEV.
 */
int uvdk_dsa_post(struct uvdk_dmadev_chan *chan, const void *desc);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DSA_H */
