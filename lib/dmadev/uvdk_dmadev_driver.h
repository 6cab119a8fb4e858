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
 * struct uvdk_dmadev_driver - a driver; no callback is NULL
 * @name: shown in logs and in uvdk_dmadev_info
 * @match: does it drive this device?
 * @open: reset and start, with all options set; fill in @info and set *@priv
 * @close: stop and free; never fails; the device may have vanished; all channels are closed
 * @chan_open: open a channel, with all options set and checked for contradictions; what it
 *	makes starts with a struct uvdk_dmadev_chan, with ops set. A lock of the engine is held
 * @chan_close: stop it and free it; never fails. A lock of the engine is held
 * @chan_stats: counts; by the thread that uses the channel
 *
 * The calls of a channel (&struct uvdk_dmadev_chan_ops) are called by the application
 * directly: they check their arguments, and that the device is there.
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
};

/* NULL-terminated; defined in drivers/builtin.c, or by a test. */
extern const struct uvdk_dmadev_driver *const uvdk_builtin_dmadevs[];

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DMADEV_DRIVER_H */
