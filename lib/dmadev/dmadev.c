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

static struct uvdk_dmadev *new (const struct uvdk_dmadev_driver *driver, const char *name)
{
	struct uvdk_dmadev *dma = calloc(1, sizeof(*dma));

	if (!dma) {
		uvdk_fail(-ENOMEM, "dmadev", "no memory for an engine on %s", name);
		return NULL;
	}
	dma->driver = driver;
	dma->name = name;

	return dma;
}

/* The driver has started, or wants no start. */
static int finish(struct uvdk_dmadev *dma)
{
	dma->info.driver = dma->driver->name;
	dma->slots = calloc(dma->info.max_channels, sizeof(*dma->slots));
	if (!dma->slots)
		return uvdk_fail(-ENOMEM, "dmadev", "no memory for %u channels of %s",
				 dma->info.max_channels, dma->name);
	pthread_mutex_init(&dma->lock, NULL);
	dmadev_show(dma);

	return 0;
}

static int driver_open(struct uvdk_dmadev *dma, const struct uvdk_dmadev_opts *opts)
{
	int ret = dma->driver->open(dma->dev, opts, &dma->info, &dma->priv);

	if (ret)
		return ret;
	ret = finish(dma);
	if (ret)
		dma->driver->close(dma->priv);

	return ret;
}

static int claim_and_open(struct uvdk_dmadev *dma, const struct uvdk_dmadev_opts *opts)
{
	int ret = uvdk_device_claim(dma->dev, "DMA engine");

	if (ret)
		return ret;
	ret = driver_open(dma, opts);
	if (ret)
		uvdk_device_unclaim(dma->dev);

	return ret;
}

UVDK_EXPORT int uvdk_dmadev_open(struct uvdk_device *dev, const struct uvdk_dmadev_opts *opts,
				 struct uvdk_dmadev **out)
{
	struct uvdk_dmadev_opts all = {.size = sizeof(all)};
	const struct uvdk_dmadev_driver *driver;
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
	driver = find_driver(info);
	if (!driver)
		return uvdk_fail(-EOPNOTSUPP, "dmadev", "no DMA engine driver knows %s (%04x:%04x)",
				 info->name, info->vendor, info->device);

	dma = new (driver, info->name);
	if (!dma)
		return -ENOMEM;
	dma->dev = dev;
	ret = claim_and_open(dma, &all);
	if (ret) {
		free(dma);
		return ret;
	}
	*out = dma;

	return 0;
}

UVDK_EXPORT int uvdk_dmadev_create(const struct uvdk_dmadev_driver *driver, const char *name,
				   const struct uvdk_dmadev_info *info, void *priv,
				   struct uvdk_dmadev **out)
{
	struct uvdk_dmadev *dma = new (driver, name);
	int ret;

	if (!dma)
		return -ENOMEM;
	dma->info = *info;
	dma->priv = priv;
	ret = finish(dma);
	if (ret) {
		free(dma);
		return ret;
	}
	*out = dma;

	return 0;
}

UVDK_EXPORT void uvdk_dmadev_close(struct uvdk_dmadev *dma)
{
	if (!dma)
		return;

	dmadev_hide(dma);
	pthread_mutex_lock(&dma->lock);
	for (unsigned int i = 0; i < dma->info.max_channels; i++)
		if (dma->slots[i].chan)
			dma->driver->chan_close(dma->priv, dma->slots[i].chan);
	pthread_mutex_unlock(&dma->lock);
	dma->driver->close(dma->priv);
	if (dma->dev)
		uvdk_device_unclaim(dma->dev);
	pthread_mutex_destroy(&dma->lock);
	free(dma->slots);
	free(dma);
}

UVDK_EXPORT const struct uvdk_dmadev_info *uvdk_dmadev_get_info(const struct uvdk_dmadev *dma)
{
	return &dma->info;
}
