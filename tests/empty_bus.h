/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMPTY_BUS_H
#define EMPTY_BUS_H

#include <string.h>

#include <uvdk_device_driver.h>

/* What a bus must have, for devices that have nothing but DMA. */

static inline int empty_config_read(struct uvdk_device *dev, uint32_t off, void *buf, size_t len)
{
	(void)dev;
	(void)off;
	memset(buf, 0, len);
	return 0;
}

static inline int empty_config_write(struct uvdk_device *dev, uint32_t off, const void *buf,
				     size_t len)
{
	(void)dev;
	(void)off;
	(void)buf;
	(void)len;
	return 0;
}

static inline int empty_irq_count(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	(void)dev;
	(void)type;
	return 0;
}

static inline int empty_irq_disable(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	(void)dev;
	(void)type;
	return 0;
}

static inline int empty_event_fd(const struct uvdk_device *dev)
{
	(void)dev;
	return -1;
}

static inline enum uvdk_device_event empty_next_event(struct uvdk_device *dev)
{
	(void)dev;
	return UVDK_DEVICE_EVENT_NONE;
}

#define EMPTY_BUS_OPS                                                         \
	.config_read = empty_config_read, .config_write = empty_config_write, \
	.irq_count = empty_irq_count, .irq_disable = empty_irq_disable,       \
	.event_fd = empty_event_fd, .next_event = empty_next_event

#endif /* EMPTY_BUS_H */
