/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMADEV_PRIV_H
#define UVDK_DMADEV_PRIV_H

#include <pthread.h>
#include <sys/queue.h>

#include <uvdk_device_driver.h>
#include <uvdk_dmadev_driver.h>

/* Free, or open, or between the two. */
struct dmadev_slot {
	struct uvdk_dmadev_chan *chan; /* NULL: free */
	uint64_t id;		       /* 0: not to be shown; guarded by the lock of walk.c */
};

struct uvdk_dmadev {
	const struct uvdk_dmadev_driver *driver;
	struct uvdk_device *dev; /* borrowed; outlives the engine; NULL: it has none */
	const char *name;
	struct uvdk_dmadev_info info;
	void *priv;
	pthread_mutex_t lock;	   /* guards slots, and the driver's setup of channels */
	struct dmadev_slot *slots; /* info.max_channels */
	uint64_t id;
	TAILQ_ENTRY(uvdk_dmadev) entry; /* of walk.c's list, under its lock */
};

/* walk.c: from now on, or no longer, to be seen; what is hidden is looked at no more */
void dmadev_show(struct uvdk_dmadev *dma);
void dmadev_hide(struct uvdk_dmadev *dma);
void dmadev_show_chan(struct dmadev_slot *slot);
void dmadev_hide_chan(struct dmadev_slot *slot);

#endif /* UVDK_DMADEV_PRIV_H */
