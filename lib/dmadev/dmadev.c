// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "dmadev_priv.h"

static const struct uvdk_dmadev_driver *find_driver(const struct uvdk_device_info *info)
{
	for (unsigned int i = 0; uvdk_builtin_dmadevs[i]; i++)
		if (uvdk_builtin_dmadevs[i]->match(info))
			return uvdk_builtin_dmadevs[i];

	return NULL;
}

static int driver_open(struct uvdk_dmadev *dma, const struct uvdk_dmadev_opts *opts)
{
	int ret = dma->driver->open(dma->dev, opts, &dma->info, &dma->priv);

	if (ret)
		return ret;
	dma->chans = calloc(dma->info.max_channels, sizeof(struct uvdk_dmadev_chan *));
	if (dma->chans)
		return 0;
	dma->driver->close(dma->priv);

	return uvdk_fail(-ENOMEM, "dmadev", "no memory for %u channels of %s",
			 dma->info.max_channels, uvdk_device_get_info(dma->dev)->name);
}

static int claim_and_open(struct uvdk_dmadev *dma, const struct uvdk_dmadev_opts *opts)
{
	int ret = uvdk_device_claim(dma->dev, "DMA engine");

	if (ret)
		return ret;
	dma->info.driver = dma->driver->name;
	ret = driver_open(dma, opts);
	if (ret)
		uvdk_device_unclaim(dma->dev);

	return ret;
}

UVDK_EXPORT int uvdk_dmadev_open(struct uvdk_device *dev, const struct uvdk_dmadev_opts *opts,
				 struct uvdk_dmadev **out)
{
	struct uvdk_dmadev_opts all = {.size = sizeof(all)};
	const struct uvdk_device_info *info;
	struct uvdk_dmadev *dma;
	int ret;

	if (!dev)
		return uvdk_fail(-EINVAL, "dmadev",
				 "an engine needs a device: has opening it failed?");
	ret = uvdk_opts_copy(&all, sizeof(all), opts, "uvdk_dmadev_opts");
	if (ret)
		return ret;
	info = uvdk_device_get_info(dev);
	if (uvdk_device_gone(dev))
		return uvdk_fail(-ENODEV, "dmadev", "%s has vanished", info->name);

	dma = calloc(1, sizeof(*dma));
	if (!dma)
		return uvdk_fail(-ENOMEM, "dmadev", "no memory for an engine on %s", info->name);
	dma->dev = dev;
	dma->driver = find_driver(info);
	if (dma->driver)
		ret = claim_and_open(dma, &all);
	else
		ret = uvdk_fail(-EOPNOTSUPP, "dmadev", "no DMA engine driver knows %s (%04x:%04x)",
				info->name, info->vendor, info->device);
	if (ret) {
		free(dma);
		return ret;
	}
	pthread_mutex_init(&dma->lock, NULL);
	*out = dma;

	return 0;
}

UVDK_EXPORT void uvdk_dmadev_close(struct uvdk_dmadev *dma)
{
	if (!dma)
		return;

	for (unsigned int i = 0; i < dma->info.max_channels; i++)
		if (dma->chans[i])
			dma->driver->chan_close(dma->priv, dma->chans[i]);
	dma->driver->close(dma->priv);
	uvdk_device_unclaim(dma->dev);
	pthread_mutex_destroy(&dma->lock);
	free(dma->chans);
	free(dma);
}

UVDK_EXPORT const struct uvdk_dmadev_info *uvdk_dmadev_get_info(const struct uvdk_dmadev *dma)
{
	return &dma->info;
}
