/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMADEV_H
#define UVDK_DMADEV_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: DMA engines
 *
 * One channel of copies on a device, in the shape of DPDK's dmadev: enqueue
 * some, submit once, poll completions. Addresses are IOVAs of the address
 * space the device is attached to. A channel is used by one thread at a time.
 */

struct uvdk_dmadev;

/**
 * struct uvdk_dmadev_info - what an engine can do
 * @driver: driver name
 * @max_copy: bytes one copy may have
 * @ring: copies that may be outstanding
 * @address_mask: highest IOVA it can reach, of the form 2^n - 1: give it to
 *	the address space as uvdk_ioas_opts.iova_last
 */
struct uvdk_dmadev_info {
	const char *driver;
	size_t max_copy;
	unsigned int ring;
	uint64_t address_mask;
};

/**
 * enum uvdk_dma_status - how an operation ended
 * @UVDK_DMA_OK: done
 * @UVDK_DMA_ERROR: the device refused or failed; the destination is undefined
 * @UVDK_DMA_GONE: the device vanished
 */
enum uvdk_dma_status {
	UVDK_DMA_OK,
	UVDK_DMA_ERROR,
	UVDK_DMA_GONE,
};

/**
 * uvdk_dmadev_open() - start a driver on an opened device
 * @dev: device, attached to an address space; must outlive the channel
 * @out: new channel, owned by the caller
 *
 * Return: 0, -EINVAL (no device), -EOPNOTSUPP (no driver knows it), -EBUSY (it
 * is a channel or port already), -EPROTO (it does not behave as its driver
 * expects), -ENODEV or -ENOMEM.
 */
int uvdk_dmadev_open(struct uvdk_device *dev, struct uvdk_dmadev **out);

/**
 * uvdk_dmadev_close() - stop and free; outstanding copies are abandoned
 * @dma: channel, or NULL
 */
void uvdk_dmadev_close(struct uvdk_dmadev *dma);

/**
 * uvdk_dmadev_get_info() - capabilities
 * @dma: channel
 *
 * Return: borrowed.
 */
const struct uvdk_dmadev_info *uvdk_dmadev_get_info(const struct uvdk_dmadev *dma);

/**
 * uvdk_dmadev_copy() - enqueue a copy; nothing moves before submit
 * @dma: channel
 * @dst: destination IOVA
 * @src: source IOVA
 * @len: bytes, 1 to max_copy
 *
 * Return: 16-bit number of the operation (ascending, wraps), -ENOSPC (ring
 * full: poll), -EINVAL (length, or address beyond the device's mask) or -ENODEV.
 */
int uvdk_dmadev_copy(struct uvdk_dmadev *dma, uvdk_iova_t dst, uvdk_iova_t src, size_t len);

/**
 * uvdk_dmadev_submit() - let the device start what was enqueued
 * @dma: channel
 *
 * Return: 0 or -ENODEV.
 */
int uvdk_dmadev_submit(struct uvdk_dmadev *dma);

/**
 * uvdk_dmadev_completed() - poll for completions, in order, without blocking
 * @dma: channel
 * @status: filled with up to @max results; or NULL
 * @max: most completions to take
 * @last: out: number of the latest completed operation, if any; or NULL
 *
 * Return: how many completed.
 */
unsigned int uvdk_dmadev_completed(struct uvdk_dmadev *dma, enum uvdk_dma_status *status,
				   unsigned int max, uint16_t *last);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DMADEV_H */
