// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <uvdk_device_driver.h>
#include <uvdk_dmadev_driver.h>

struct uvdk_dmadev {
	const struct uvdk_dmadev_driver *driver;
	struct uvdk_device *dev; /* borrowed; outlives the channel */
	struct uvdk_dmadev_info info;
	void *priv;
};

static const struct uvdk_dmadev_driver *find_driver(const struct uvdk_device_info *info)
{
	for (unsigned int i = 0; uvdk_builtin_dmadevs[i]; i++)
		if (uvdk_builtin_dmadevs[i]->match(info))
			return uvdk_builtin_dmadevs[i];

	return NULL;
}

UVDK_EXPORT int uvdk_dmadev_open(struct uvdk_device *dev, struct uvdk_dmadev **out)
{
	const struct uvdk_device_info *info;
	struct uvdk_dmadev *dma;
	int ret;

	if (!dev)
		return uvdk_fail(-EINVAL, "dmadev",
				 "a channel needs a device: has opening it failed?");
	info = uvdk_device_get_info(dev);
	if (uvdk_device_gone(dev))
		return uvdk_fail(-ENODEV, "dmadev", "%s has vanished", info->name);

	dma = calloc(1, sizeof(*dma));
	if (!dma)
		return uvdk_fail(-ENOMEM, "dmadev", "no memory for a channel on %s", info->name);
	dma->dev = dev;
	dma->driver = find_driver(info);
	if (!dma->driver) {
		ret = uvdk_fail(-EOPNOTSUPP, "dmadev", "no DMA engine driver knows %s (%04x:%04x)",
				info->name, info->vendor, info->device);
		goto err_free;
	}
	ret = uvdk_device_claim(dev, "DMA channel");
	if (ret)
		goto err_free;
	dma->info.driver = dma->driver->name;
	ret = dma->driver->open(dev, &dma->info, &dma->priv);
	if (ret)
		goto err_unclaim;
	*out = dma;

	return 0;

err_unclaim:
	uvdk_device_unclaim(dev);
err_free:
	free(dma);
	return ret;
}

UVDK_EXPORT void uvdk_dmadev_close(struct uvdk_dmadev *dma)
{
	if (!dma)
		return;

	dma->driver->close(dma->priv);
	uvdk_device_unclaim(dma->dev);
	free(dma);
}

UVDK_EXPORT const struct uvdk_dmadev_info *uvdk_dmadev_get_info(const struct uvdk_dmadev *dma)
{
	return &dma->info;
}

static bool reaches(const struct uvdk_dmadev *dma, uvdk_iova_t iova, size_t len)
{
	uint64_t mask = dma->info.address_mask;

	return iova <= mask && len - 1 <= mask - iova;
}

UVDK_EXPORT int uvdk_dmadev_copy(struct uvdk_dmadev *dma, uvdk_iova_t dst, uvdk_iova_t src,
				 size_t len)
{
	/* No sentences here: this is a data path. */
	if (__builtin_expect(len == 0 || len > dma->info.max_copy, 0))
		return -EINVAL;
	if (__builtin_expect(!reaches(dma, dst, len) || !reaches(dma, src, len), 0))
		return -EINVAL;
	if (__builtin_expect(uvdk_device_gone(dma->dev), 0))
		return -ENODEV;

	return dma->driver->copy(dma->priv, dst, src, len);
}

UVDK_EXPORT int uvdk_dmadev_submit(struct uvdk_dmadev *dma)
{
	if (__builtin_expect(uvdk_device_gone(dma->dev), 0))
		return -ENODEV;

	return dma->driver->submit(dma->priv);
}

UVDK_EXPORT unsigned int uvdk_dmadev_completed(struct uvdk_dmadev *dma,
					       enum uvdk_dma_status *status, unsigned int max,
					       uint16_t *last)
{
	return dma->driver->completed(dma->priv, status, max, last);
}
