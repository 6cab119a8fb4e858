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
 * @open: start; fill in @info and set *@priv
 * @close: stop and free; never fails; the device may have vanished
 * @copy: as uvdk_dmadev_copy(), arguments checked
 * @submit: as uvdk_dmadev_submit()
 * @completed: as uvdk_dmadev_completed()
 */
struct uvdk_dmadev_driver {
	const char *name;
	bool (*match)(const struct uvdk_device_info *info);
	int (*open)(struct uvdk_device *dev, struct uvdk_dmadev_info *info, void **priv);
	void (*close)(void *priv);
	int (*copy)(void *priv, uvdk_iova_t dst, uvdk_iova_t src, size_t len);
	int (*submit)(void *priv);
	unsigned int (*completed)(void *priv, enum uvdk_dma_status *status, unsigned int max,
				  uint16_t *last);
};

/* NULL-terminated; defined in drivers/builtin.c, or by a test. */
extern const struct uvdk_dmadev_driver *const uvdk_builtin_dmadevs[];

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DMADEV_DRIVER_H */
