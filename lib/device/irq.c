// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "device_priv.h"

static const char *const type_names[DEVICE_IRQ_TYPES] = {"INTx", "MSI", "MSI-X"};

static bool is_routed(const struct uvdk_device *dev, unsigned int vector)
{
	return dev->routed[vector / 8] & (1u << vector % 8);
}

static void note_routed(struct uvdk_device *dev, unsigned int vector, bool on)
{
	if (is_routed(dev, vector) == on)
		return;

	dev->routed[vector / 8] ^= (uint8_t)(1u << vector % 8);
	dev->irq_routed += on ? 1 : -1u;
}

static void forget_routed(struct uvdk_device *dev)
{
	memset(dev->routed, 0, sizeof(dev->routed));
	dev->irq_routed = 0;
	dev->irq_type = -1;
}

static int check_type(const struct uvdk_device *dev, enum uvdk_irq_type type)
{
	if ((unsigned int)type >= DEVICE_IRQ_TYPES)
		return uvdk_fail(-EINVAL, "device", "%s: %d is no kind of interrupt",
				 dev->info.name, (int)type);

	return 0;
}

UVDK_EXPORT int uvdk_device_irq_count(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	int ret;

	if (!device_here(dev))
		return device_refuse(dev);
	ret = check_type(dev, type);
	if (ret)
		return ret;

	ret = dev->ops->irq_count(dev, type);
	if (ret == -EOPNOTSUPP)
		return 0;
	return ret < DEVICE_MAX_VECTOR ? ret : DEVICE_MAX_VECTOR;
}

static int check_vectors(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int first,
			 unsigned int count)
{
	int have = uvdk_device_irq_count(dev, type);

	if (have < 0)
		return have;
	if (!count)
		return uvdk_fail(-EINVAL, "device", "%s: no %s vector was asked for",
				 dev->info.name, type_names[type]);
	if (first >= (unsigned int)have || count > (unsigned int)have - first)
		return uvdk_fail(-EINVAL, "device",
				 "%s: %s vectors %u to %llu were asked for, it has %d, from 0",
				 dev->info.name, type_names[type], first,
				 (unsigned long long)first + count - 1, have);

	return 0;
}

UVDK_EXPORT int uvdk_device_irq_set(struct uvdk_device *dev, enum uvdk_irq_type type,
				    unsigned int first, unsigned int count, const int *fds)
{
	int ret = check_vectors(dev, type, first, count);

	if (ret)
		return ret;
	if (dev->irq_type >= 0 && dev->irq_type != (int)type)
		return uvdk_fail(-EBUSY, "device",
				 "%s: %s can't be turned on while %s is: disable that first",
				 dev->info.name, type_names[type], type_names[dev->irq_type]);

	ret = dev->ops->irq_set(dev, type, first, count, fds);
	if (ret)
		return ret;

	dev->irq_type = (int)type;
	for (unsigned int i = 0; i < count; i++)
		note_routed(dev, first + i, fds[i] >= 0);
	return dev->irq_routed ? 0 : uvdk_device_irq_disable(dev, type);
}

UVDK_EXPORT int uvdk_device_irq_disable(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	int ret;

	if (!device_here(dev))
		return device_refuse(dev);
	ret = check_type(dev, type);
	if (ret || dev->irq_type != (int)type)
		return ret;

	ret = dev->ops->irq_disable(dev, type);
	if (!ret)
		forget_routed(dev);
	return ret;
}

void device_irq_off(struct uvdk_device *dev)
{
	if (dev->irq_type < 0)
		return;

	/* The bus may have lost the device; closing it frees its interrupts too. */
	if (dev->ops->irq_disable(dev, (enum uvdk_irq_type)dev->irq_type))
		uvdk_log(UVDK_LOG_DEBUG, "device", "%s: its interrupts end with it",
			 dev->info.name);
	forget_routed(dev);
}

static int check_routed(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector)
{
	int ret = check_vectors(dev, type, vector, 1);

	if (ret)
		return ret;
	if (dev->irq_type != (int)type || !is_routed(dev, vector))
		return uvdk_fail(-EINVAL, "device",
				 "%s: %s vector %u has no eventfd: uvdk_device_irq_set() first",
				 dev->info.name, type_names[type], vector);

	return 0;
}

UVDK_EXPORT int uvdk_device_irq_mask(struct uvdk_device *dev, enum uvdk_irq_type type,
				     unsigned int vector, bool masked)
{
	int ret = check_routed(dev, type, vector);

	if (ret)
		return ret;
	ret = dev->ops->irq_mask(dev, type, vector, masked);
	if (ret == -EOPNOTSUPP)
		return uvdk_fail(ret, "device", "%s: %s vectors can't be masked here",
				 dev->info.name, type_names[type]);

	return ret;
}

UVDK_EXPORT int uvdk_device_irq_trigger(struct uvdk_device *dev, enum uvdk_irq_type type,
					unsigned int vector)
{
	int ret = check_routed(dev, type, vector);

	return ret ? ret : dev->ops->irq_trigger(dev, type, vector);
}
