/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DMADEV_WALK_DRIVER_H
#define UVDK_DMADEV_WALK_DRIVER_H

#include <uvdk_dmadev_driver.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Which DMA engines and channels there are, for those who show it
 *
 * Copies: between two calls anything may come and go. Engines and channels have numbers
 * here, each its own, which ascend and are never given twice in a process; a walk asks for
 * the next one beyond a number. Nothing here costs anything on a data path: what a channel
 * has counted is read while it counts (&struct uvdk_dmadev_driver.chan_see).
 *
 * Thread-safe. A refusal logs nothing.
 *
 * Not for applications: may change in any release.
 */

/**
 * struct uvdk_seen_dmadev - an engine
 * @id: number
 * @name: of the device, cut where it is too long
 * @driver: name of the driver, cut likewise
 * @channels: open
 * @max_channels: as &struct uvdk_dmadev_info.max_channels
 */
struct uvdk_seen_dmadev {
	uint64_t id;
	char name[128];
	char driver[32];
	unsigned int channels;
	unsigned int max_channels;
};

/**
 * struct uvdk_seen_dmadev_chan - a channel
 * @id: number
 * @dma: number of its engine
 * @name: as &struct uvdk_seen_dmadev.name
 * @driver: as &struct uvdk_seen_dmadev.driver
 * @index: which of its engine's channels, from 0
 * @seen: what it has counted
 */
struct uvdk_seen_dmadev_chan {
	uint64_t id;
	uint64_t dma;
	char name[128];
	char driver[32];
	unsigned int index;
	struct uvdk_dmadev_chan_seen seen;
};

/**
 * uvdk_dmadev_see() - the next engine
 * @after: number; 0: from the first on
 * @out: the engine with the lowest number beyond @after
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_dmadev_see(uint64_t after, struct uvdk_seen_dmadev *out);

/**
 * uvdk_dmadev_see_chan() - the next channel, of any engine
 * @after: number; 0: from the first on
 * @out: the channel with the lowest number beyond @after
 *
 * Return: 0 or -ENOENT.
 */
int uvdk_dmadev_see_chan(uint64_t after, struct uvdk_seen_dmadev_chan *out);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_DMADEV_WALK_DRIVER_H */
