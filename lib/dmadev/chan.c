// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "dmadev_priv.h"

#define PASID_MAX	0xfffffu
#define DEFAULT_RETRIES 8
#define ALL_FLAGS                                                                     \
	(UVDK_DMADEV_CHAN_IRQ | UVDK_DMADEV_CHAN_BLOCK | UVDK_DMADEV_CHAN_NO_RESUME | \
	 UVDK_DMADEV_CHAN_SHARED)

static const char *name_of(const struct uvdk_dmadev *dma)
{
	return dma->name;
}

static int check_ring(const struct uvdk_dmadev *dma, unsigned int ring)
{
	if (ring & (ring - 1) || ring > dma->info.ring_max)
		return uvdk_fail(-EINVAL, "dmadev",
				 "%s: a ring of %u operations: it has to be a power of two, and "
				 "%u at most",
				 name_of(dma), ring, dma->info.ring_max);

	return 0;
}

static int check_space(const struct uvdk_dmadev *dma, const struct uvdk_dmadev_chan_opts *opts)
{
	if (opts->sva && (opts->pasid || opts->ioas))
		return uvdk_fail(-EINVAL, "dmadev",
				 "%s: a channel on an SVA binding has its PASID and its addresses: "
				 "leave ioas and pasid out",
				 name_of(dma));
	if (opts->pasid > PASID_MAX)
		return uvdk_fail(-EINVAL, "dmadev", "%s: PASID %u: 20 bits are there", name_of(dma),
				 opts->pasid);
	if (opts->pasid && !(dma->info.features & UVDK_DMADEV_PASIDS))
		return uvdk_fail(-EOPNOTSUPP, "dmadev", "%s: its channels have no PASIDs",
				 name_of(dma));

	return 0;
}

/* UVDK_DMADEV_CHAN_SHARED is the driver's to refuse: it knows who has such queues. */
static int check_flags(const struct uvdk_dmadev *dma, const struct uvdk_dmadev_chan_opts *opts)
{
	if (opts->flags & ~(unsigned int)ALL_FLAGS)
		return uvdk_fail(-EINVAL, "dmadev", "%s: unknown flags 0x%x of a channel",
				 name_of(dma), opts->flags & ~(unsigned int)ALL_FLAGS);
	if (opts->flags & UVDK_DMADEV_CHAN_IRQ && !(dma->info.features & UVDK_DMADEV_IRQ))
		return uvdk_fail(-EOPNOTSUPP, "dmadev", "%s: its channels have no interrupts",
				 name_of(dma));
	if (opts->flags & UVDK_DMADEV_CHAN_IRQ && opts->event_fd < 0)
		return uvdk_fail(-EINVAL, "dmadev", "%s: an interrupt needs an eventfd",
				 name_of(dma));
	if (opts->flags & UVDK_DMADEV_CHAN_BLOCK && !(dma->info.features & UVDK_DMADEV_BLOCKS))
		return uvdk_fail(-EOPNOTSUPP, "dmadev", "%s: it can't wait for a page",
				 name_of(dma));

	return 0;
}

static int check(const struct uvdk_dmadev *dma, const struct uvdk_dmadev_chan_opts *opts)
{
	int ret = check_ring(dma, opts->ring);

	if (!ret)
		ret = check_space(dma, opts);
	if (!ret)
		ret = check_flags(dma, opts);
	if (!ret && opts->retries > UVDK_DMADEV_RETRIES_MAX)
		return uvdk_fail(-EINVAL, "dmadev", "%s: %u retries of an operation: %u at most",
				 name_of(dma), opts->retries, UVDK_DMADEV_RETRIES_MAX);

	return ret;
}

static int open_locked(struct uvdk_dmadev *dma, const struct uvdk_dmadev_chan_opts *opts,
		       struct uvdk_dmadev_chan **out)
{
	struct dmadev_slot *slot;
	unsigned int i = 0;
	int ret;

	while (i < dma->info.max_channels && dma->slots[i].chan)
		i++;
	if (i == dma->info.max_channels)
		return uvdk_fail(-EBUSY, "dmadev", "%s: all of its %u channels are open",
				 name_of(dma), i);
	slot = &dma->slots[i];
	ret = dma->driver->chan_open(dma->priv, opts, &slot->chan);
	if (ret) {
		slot->chan = NULL;
		return ret;
	}
	slot->chan->dma = dma;
	dmadev_show_chan(slot);
	*out = slot->chan;

	return 0;
}

UVDK_EXPORT int uvdk_dmadev_chan_open(struct uvdk_dmadev *dma,
				      const struct uvdk_dmadev_chan_opts *opts,
				      struct uvdk_dmadev_chan **out)
{
	struct uvdk_dmadev_chan_opts all = {.size = sizeof(all)};
	int ret;

	if (!dma)
		return uvdk_fail(-EINVAL, "dmadev",
				 "a channel needs an engine: has opening it failed?");
	ret = uvdk_opts_copy(&all, sizeof(all), opts, "uvdk_dmadev_chan_opts");
	if (!ret)
		ret = check(dma, &all);
	if (ret)
		return ret;
	if (dma->dev && uvdk_device_gone(dma->dev))
		return uvdk_fail(-ENODEV, "dmadev", "%s has vanished", name_of(dma));
	if (!all.retries)
		all.retries = DEFAULT_RETRIES;
	pthread_mutex_lock(&dma->lock);
	ret = open_locked(dma, &all, out);
	pthread_mutex_unlock(&dma->lock);

	return ret;
}

UVDK_EXPORT void uvdk_dmadev_chan_close(struct uvdk_dmadev_chan *chan)
{
	struct uvdk_dmadev *dma;

	if (!chan)
		return;
	dma = chan->dma;
	pthread_mutex_lock(&dma->lock);
	for (unsigned int i = 0; i < dma->info.max_channels; i++)
		if (dma->slots[i].chan == chan) {
			dmadev_hide_chan(&dma->slots[i]);
			dma->slots[i].chan = NULL;
		}
	dma->driver->chan_close(dma->priv, chan);
	pthread_mutex_unlock(&dma->lock);
}

UVDK_EXPORT void uvdk_dmadev_chan_get_stats(const struct uvdk_dmadev_chan *chan,
					    struct uvdk_dmadev_stats *out)
{
	chan->dma->driver->chan_stats(chan, out);
}
