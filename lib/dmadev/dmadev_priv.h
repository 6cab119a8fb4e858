/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMADEV_PRIV_H
#define UVDK_DMADEV_PRIV_H

#include <pthread.h>

#include <uvdk_device_driver.h>
#include <uvdk_dmadev_driver.h>

struct uvdk_dmadev {
	const struct uvdk_dmadev_driver *driver;
	struct uvdk_device *dev; /* borrowed; outlives the engine */
	struct uvdk_dmadev_info info;
	void *priv;
	pthread_mutex_t lock;		 /* guards chans, and the driver's setup of channels */
	struct uvdk_dmadev_chan **chans; /* info.max_channels; NULL: free */
};

#endif /* UVDK_DMADEV_PRIV_H */
