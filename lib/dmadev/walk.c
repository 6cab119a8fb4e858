// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>

#include <uvdk_dmadev_walk_driver.h>

#include "dmadev_priv.h"

/*
 * Guards the list, numbers, and that a channel that is looked at is not closed meanwhile. A
 * leaf: taken for moments, under the lock of an engine as well.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, uvdk_dmadev) engines = TAILQ_HEAD_INITIALIZER(engines);
static uint64_t last_dma, last_chan;

void dmadev_show(struct uvdk_dmadev *dma)
{
	pthread_mutex_lock(&lock);
	dma->id = ++last_dma;
	TAILQ_INSERT_TAIL(&engines, dma, entry);
	pthread_mutex_unlock(&lock);
}

void dmadev_hide(struct uvdk_dmadev *dma)
{
	pthread_mutex_lock(&lock);
	TAILQ_REMOVE(&engines, dma, entry);
	pthread_mutex_unlock(&lock);
}

void dmadev_show_chan(struct dmadev_slot *slot)
{
	pthread_mutex_lock(&lock);
	slot->id = ++last_chan;
	pthread_mutex_unlock(&lock);
}

void dmadev_hide_chan(struct dmadev_slot *slot)
{
	pthread_mutex_lock(&lock);
	slot->id = 0;
	pthread_mutex_unlock(&lock);
}

static void copy_name(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

/* Ascending, as they were opened. */
static int see(uint64_t after, struct uvdk_seen_dmadev *out)
{
	struct uvdk_dmadev *dma;

	TAILQ_FOREACH(dma, &engines, entry)
	if (dma->id > after)
		break;
	if (!dma)
		return -ENOENT;
	*out = (struct uvdk_seen_dmadev){.id = dma->id, .max_channels = dma->info.max_channels};
	copy_name(out->name, sizeof(out->name), dma->name);
	copy_name(out->driver, sizeof(out->driver), dma->driver->name);
	for (unsigned int i = 0; i < dma->info.max_channels; i++)
		out->channels += dma->slots[i].id != 0;

	return 0;
}

UVDK_EXPORT int uvdk_dmadev_see(uint64_t after, struct uvdk_seen_dmadev *out)
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = see(after, out);
	pthread_mutex_unlock(&lock);

	return ret;
}

static const struct dmadev_slot *find_chan(uint64_t after, struct uvdk_dmadev **of)
{
	const struct dmadev_slot *found = NULL;
	struct uvdk_dmadev *dma;

	TAILQ_FOREACH(dma, &engines, entry)
	for (unsigned int i = 0; i < dma->info.max_channels; i++) {
		const struct dmadev_slot *slot = &dma->slots[i];

		if (slot->id > after && (!found || slot->id < found->id)) {
			found = slot;
			*of = dma;
		}
	}

	return found;
}

static int see_chan(uint64_t after, struct uvdk_seen_dmadev_chan *out)
{
	struct uvdk_dmadev *dma = NULL;
	const struct dmadev_slot *slot = find_chan(after, &dma);

	if (!slot)
		return -ENOENT;
	*out = (struct uvdk_seen_dmadev_chan){
		.id = slot->id, .dma = dma->id, .index = (unsigned int)(slot - dma->slots)};
	copy_name(out->name, sizeof(out->name), dma->name);
	copy_name(out->driver, sizeof(out->driver), dma->driver->name);
	dma->driver->chan_see(slot->chan, &out->seen);

	return 0;
}

UVDK_EXPORT int uvdk_dmadev_see_chan(uint64_t after, struct uvdk_seen_dmadev_chan *out)
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = see_chan(after, out);
	pthread_mutex_unlock(&lock);

	return ret;
}
