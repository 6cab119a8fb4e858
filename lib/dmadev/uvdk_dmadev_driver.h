/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMADEV_DRIVER_H
#define UVDK_DMADEV_DRIVER_H

#include <uvdk_base_driver.h>
#include <uvdk_dmadev.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Drivers of DMA engines
 */

/**
 * struct uvdk_dmadev_chan_seen - a channel, as another thread sees it
 * @pasid: its PASID; 0: none, or the kernel's
 * @ring: operations that may be outstanding
 * @free: places of the ring that are free
 * @stats: counts
 */
struct uvdk_dmadev_chan_seen {
	uint32_t pasid;
	unsigned int ring;
	unsigned int free;
	struct uvdk_dmadev_stats stats;
};

/**
 * struct uvdk_dmadev_driver - a driver; no callback is NULL
 * @name: shown in logs and in uvdk_dmadev_info
 * @match: does it drive this device?
 * @open: reset and start, with all options set; fill in @info and set *@priv
 * @close: stop and free; never fails; the device may have vanished; all channels are closed
 * @chan_open: open a channel, with all options set, and checked for what @info tells of (see
 *	below); what it makes starts with a struct uvdk_dmadev_chan, with ops set. A lock of the
 *	engine is held
 * @chan_close: stop it and free it; never fails. A lock of the engine is held
 * @chan_stats: counts; by the thread that uses the channel
 * @chan_see: what there is to see of it; by any thread, while another uses the channel and
 *	takes no lock for it: each number is read as one word and may be a moment old, and
 *	numbers need not fit each other. Where the compiler checks for races, the driver says
 *	that these are meant (no_sanitize)
 *
 * The calls of a channel (&struct uvdk_dmadev_chan_ops) are called by the application
 * directly: they check their arguments, and that the device is there.
 *
 * Before @chan_open the class has refused: a ring that is no power of two or larger than
 * ring_max; more retries than there are; unknown flags; @sva together with @ioas or @pasid; a
 * PASID, UVDK_DMADEV_CHAN_IRQ and UVDK_DMADEV_CHAN_BLOCK without their feature; an interrupt
 * without an eventfd. Left to @chan_open are: @sva, and a PASID wider than the I/O MMU's;
 * UVDK_DMADEV_CHAN_SHARED, for which it says where such queues are; a missing @ioas; an
 * interrupt for a queue that no vector is left for.
 */
struct uvdk_dmadev_driver {
	const char *name;
	bool (*match)(const struct uvdk_device_info *info);
	int (*open)(struct uvdk_device *dev, const struct uvdk_dmadev_opts *opts,
		    struct uvdk_dmadev_info *info, void **priv);
	void (*close)(void *priv);
	int (*chan_open)(void *priv, const struct uvdk_dmadev_chan_opts *opts,
			 struct uvdk_dmadev_chan **out);
	void (*chan_close)(void *priv, struct uvdk_dmadev_chan *chan);
	void (*chan_stats)(const struct uvdk_dmadev_chan *chan, struct uvdk_dmadev_stats *out);
	void (*chan_see)(const struct uvdk_dmadev_chan *chan, struct uvdk_dmadev_chan_seen *out);
};

/**
 * uvdk_dmadev_create() - an engine that is reached without a struct uvdk_device
 * @driver: its driver; match and open are not called, and may be NULL
 * @name: of the hardware, for messages; lives until close
 * @info: what it can do; driver is filled in
 * @priv: passed to the driver; closed with the engine
 * @out: new engine
 *
 * For drivers whose hardware belongs to a driver of the kernel's, which tells when it
 * vanishes, too. Applications use the engine as any other.
 *
 * Return: 0, or -ENOMEM, and @priv stays the caller's.
 */
int uvdk_dmadev_create(const struct uvdk_dmadev_driver *driver, const char *name,
		       const struct uvdk_dmadev_info *info, void *priv, struct uvdk_dmadev **out);

/**
 * uvdk_dmadev_no_fill() - for engines that can't fill
 * @chan: not looked at
 * @dst: not looked at
 * @pattern: not looked at
 * @len: not looked at
 * @flags: not looked at
 *
 * Return: -EOPNOTSUPP.
 */
int uvdk_dmadev_no_fill(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uint64_t pattern,
			size_t len, unsigned int flags);

/**
 * uvdk_dmadev_no_compare() - for engines that can't compare
 * @chan: not looked at
 * @a: not looked at
 * @b: not looked at
 * @len: not looked at
 * @flags: not looked at
 *
 * Return: -EOPNOTSUPP.
 */
int uvdk_dmadev_no_compare(struct uvdk_dmadev_chan *chan, uvdk_iova_t a, uvdk_iova_t b, size_t len,
			   unsigned int flags);

/**
 * uvdk_dmadev_no_crc() - for engines that can't compute checksums
 * @chan: not looked at
 * @dst: not looked at
 * @src: not looked at
 * @len: not looked at
 * @crc: not looked at
 * @flags: not looked at
 *
 * Return: -EOPNOTSUPP.
 */
int uvdk_dmadev_no_crc(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src, size_t len,
		       const struct uvdk_dmadev_crc_spec *crc, unsigned int flags);

/**
 * uvdk_dmadev_no_copy_sg() - for engines that can't take scatter lists
 * @chan: not looked at
 * @dst: not looked at
 * @dst_count: not looked at
 * @src: not looked at
 * @src_count: not looked at
 * @flags: not looked at
 *
 * Return: -EOPNOTSUPP.
 */
int uvdk_dmadev_no_copy_sg(struct uvdk_dmadev_chan *chan, const struct uvdk_dma_piece *dst,
			   unsigned int dst_count, const struct uvdk_dma_piece *src,
			   unsigned int src_count, unsigned int flags);

/* Does all of a buffer lie below an address mask (2^n - 1)? @len is not 0. */
static inline bool uvdk_dmadev_below(uint64_t mask, uvdk_iova_t iova, size_t len)
{
	return iova <= mask && len - 1 <= mask - iova;
}

/* NULL-terminated; defined in drivers/builtin.c, or by a test. */
extern const struct uvdk_dmadev_driver *const uvdk_builtin_dmadevs[];

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DMADEV_DRIVER_H */
