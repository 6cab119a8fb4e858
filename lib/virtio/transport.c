// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <time.h>

#include <uvdk_iommu_driver.h>

#include "virtio_priv.h"

/* How long a device may take to reset. */
#define RESET_MS 2000

/* How often a configuration that keeps changing is read again. */
#define GENERATION_TRIES	   1000

#define REG_OFF(field)		   offsetof(struct common, field)
#define REG_WIDTH(field)	   ((unsigned int)sizeof(((struct common *)NULL)->field))

#define reg_read(v, field, value)  area_read(&(v)->common, REG_OFF(field), REG_WIDTH(field), value)
#define reg_write(v, field, value) area_write(&(v)->common, REG_OFF(field), REG_WIDTH(field), value)

static int area_read(struct uvdk_virtio_area *area, uint64_t off, unsigned int width,
		     uint64_t *value)
{
	return uvdk_region_read(&area->region, area->off + off, width, value);
}

/* 64-bit registers are written as two halves (4.1.3.1). */
static int area_write(struct uvdk_virtio_area *area, uint64_t off, unsigned int width,
		      uint64_t value)
{
	int ret;

	if (width != 8)
		return uvdk_region_write(&area->region, area->off + off, width, value);

	ret = uvdk_region_write(&area->region, area->off + off, 4, (uint32_t)value);
	if (ret)
		return ret;
	return uvdk_region_write(&area->region, area->off + off + 4, 4, value >> 32);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void pause_us(long us)
{
	nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

UVDK_EXPORT int uvdk_virtio_status(struct uvdk_virtio *v)
{
	uint64_t value;
	int ret = reg_read(v, device_status, &value);

	return ret ? ret : (int)value;
}

/* Adds bits to the status register; a driver never takes any away (2.1.1). */
static int add_status(struct uvdk_virtio *v, unsigned int bits)
{
	int status = uvdk_virtio_status(v);

	if (status < 0)
		return status;
	return reg_write(v, device_status, (unsigned int)status | bits);
}

UVDK_EXPORT int uvdk_virtio_reset(struct uvdk_virtio *v)
{
	uint64_t deadline = now_ms() + RESET_MS;
	int status;
	int ret;

	ret = reg_write(v, device_status, 0);
	if (ret)
		return ret;

	for (;;) {
		status = uvdk_virtio_status(v);
		if (status <= 0)
			return status;
		if (now_ms() > deadline)
			break;
		pause_us(50);
	}

	uvdk_device_set_command(v->dev, 0, UVDK_PCI_COMMAND_MASTER);
	return uvdk_fail(-EPROTO, COMPONENT,
			 "%s: asked it to reset, but after %u ms its status still reads 0x%x; its "
			 "bus mastering is off now; reset the function",
			 v->name, RESET_MS, (unsigned int)status);
}

static int read_offered(struct uvdk_virtio *v)
{
	uint64_t word[2];
	int ret;

	for (unsigned int i = 0; i < 2; i++) {
		ret = reg_write(v, device_feature_select, i);
		if (!ret)
			ret = reg_read(v, device_feature, &word[i]);
		if (ret)
			return ret;
	}
	v->offered = word[1] << 32 | word[0];

	return 0;
}

UVDK_EXPORT int uvdk_virtio_begin(struct uvdk_virtio *v)
{
	uint64_t queues;
	int ret;

	/* Queues that somebody left behind are gone before it may reach memory. */
	ret = uvdk_virtio_reset(v);
	if (!ret)
		ret = uvdk_device_set_command(v->dev, UVDK_PCI_COMMAND_MASTER, 0);
	if (!ret)
		ret = add_status(v, UVDK_VIRTIO_STATUS_ACKNOWLEDGE);
	if (!ret)
		ret = add_status(v, UVDK_VIRTIO_STATUS_DRIVER);
	if (!ret)
		ret = read_offered(v);
	if (!ret)
		ret = reg_read(v, num_queues, &queues);
	if (ret)
		return ret;
	v->features = 0;
	v->nr_queues = (unsigned int)queues;

	return 0;
}

/* A device that sees physical addresses must not be let past an IOMMU. */
static int check_platform(const struct uvdk_virtio *v)
{
	const struct uvdk_iommu_binding *binding = uvdk_device_binding(v->dev);
	const char *iommu = binding ? uvdk_iommu_name(binding->iommu) : "no iommu";

	if (!(v->offered & UVDK_VIRTIO_F_VERSION_1))
		return uvdk_fail(-EOPNOTSUPP, COMPONENT,
				 "%s: does not offer VERSION_1 (features 0x%llx); legacy virtio is "
				 "not supported",
				 v->name, (unsigned long long)v->offered);
	if (!(v->offered & UVDK_VIRTIO_F_ACCESS_PLATFORM) && strcmp(iommu, "noiommu"))
		return uvdk_fail(-EOPNOTSUPP, COMPONENT,
				 "%s: does not offer ACCESS_PLATFORM, so it would bypass the IOMMU "
				 "it is opened under (%s); give it iommu_platform=on",
				 v->name, iommu);

	return 0;
}

static int write_features(struct uvdk_virtio *v, uint64_t features)
{
	int ret;

	for (unsigned int i = 0; i < 2; i++) {
		ret = reg_write(v, driver_feature_select, i);
		if (!ret)
			ret = reg_write(v, driver_feature, (uint32_t)(features >> (32 * i)));
		if (ret)
			return ret;
	}

	return add_status(v, UVDK_VIRTIO_STATUS_FEATURES_OK);
}

UVDK_EXPORT int uvdk_virtio_negotiate(struct uvdk_virtio *v, uint64_t wanted)
{
	const uint64_t always = UVDK_VIRTIO_F_VERSION_1 | UVDK_VIRTIO_F_ACCESS_PLATFORM |
				UVDK_VIRTIO_F_ORDER_PLATFORM;
	uint64_t features;
	int ret;

	ret = check_platform(v);
	if (ret)
		return ret;

	features = v->offered & (wanted | always);
	ret = write_features(v, features);
	if (ret)
		return ret;
	ret = uvdk_virtio_status(v);
	if (ret < 0)
		return ret;
	if (!(ret & UVDK_VIRTIO_STATUS_FEATURES_OK))
		return uvdk_fail(-EPROTO, COMPONENT,
				 "%s: refuses features 0x%llx out of the 0x%llx it offers "
				 "(status 0x%x)",
				 v->name, (unsigned long long)features,
				 (unsigned long long)v->offered, (unsigned int)ret);
	v->features = features;

	return 0;
}

UVDK_EXPORT int uvdk_virtio_driver_ok(struct uvdk_virtio *v)
{
	int ret = add_status(v, UVDK_VIRTIO_STATUS_DRIVER_OK);

	if (!ret)
		ret = uvdk_virtio_status(v);
	if (ret < 0)
		return ret;
	if (!(ret & UVDK_VIRTIO_STATUS_DRIVER_OK) || (ret & UVDK_VIRTIO_STATUS_NEEDS_RESET))
		return uvdk_fail(-EPROTO, COMPONENT, "%s: does not start (status 0x%x)", v->name,
				 (unsigned int)ret);

	return 0;
}

static int read_fields(struct uvdk_virtio *v, uint32_t off, unsigned int width, unsigned int count,
		       uint8_t *buf)
{
	for (unsigned int i = 0; i < count; i++) {
		uint64_t value;
		int ret = area_read(&v->config, off + i * width, width, &value);

		if (ret)
			return ret;
		if (width == 1)
			buf[i] = (uint8_t)value;
		else if (width == 2)
			memcpy(buf + i * 2, &(uint16_t){(uint16_t)value}, 2);
		else
			memcpy(buf + i * 4, &(uint32_t){(uint32_t)value}, 4);
	}

	return 0;
}

UVDK_EXPORT int uvdk_virtio_config_read(struct uvdk_virtio *v, uint32_t off, unsigned int width,
					unsigned int count, void *buf)
{
	uint64_t before;
	uint64_t after;
	int ret;

	if (off > v->config.len || width * count > v->config.len - off)
		return uvdk_fail(-EPROTO, COMPONENT,
				 "%s: its configuration has %llu bytes, and yet a feature needs %u "
				 "at offset %u",
				 v->name, (unsigned long long)v->config.len, width * count, off);

	for (unsigned int i = 0; i < GENERATION_TRIES; i++) {
		ret = reg_read(v, config_generation, &before);
		if (!ret)
			ret = read_fields(v, off, width, count, buf);
		if (!ret)
			ret = reg_read(v, config_generation, &after);
		if (ret || before == after)
			return ret;
	}

	return uvdk_fail(-EPROTO, COMPONENT,
			 "%s: its configuration changed on each of %u reads (generation %u)",
			 v->name, GENERATION_TRIES, (unsigned int)after);
}

UVDK_EXPORT int uvdk_virtio_generation(struct uvdk_virtio *v)
{
	uint64_t value;
	int ret = reg_read(v, config_generation, &value);

	return ret ? ret : (int)value;
}

UVDK_EXPORT int uvdk_virtio_config_write8(struct uvdk_virtio *v, uint32_t off, uint8_t value)
{
	if (off >= v->config.len)
		return uvdk_fail(
			-EPROTO, COMPONENT,
			"%s: its configuration has %llu bytes, and yet a feature needs one "
			"at offset %u",
			v->name, (unsigned long long)v->config.len, off);

	return area_write(&v->config, off, 1, value);
}

UVDK_EXPORT int uvdk_virtio_queue_size(struct uvdk_virtio *v, unsigned int index)
{
	uint64_t size;
	int ret;

	if (index >= v->nr_queues)
		return uvdk_fail(-ENOENT, COMPONENT, "%s: has no queue %u, only %u queues", v->name,
				 index, v->nr_queues);
	ret = reg_write(v, queue_select, index);
	if (!ret)
		ret = reg_read(v, queue_size, &size);
	if (ret)
		return ret;
	if (!size || size > UVDK_VIRTQ_MAX_SIZE || (size & (size - 1)))
		return uvdk_fail(-EPROTO, COMPONENT,
				 "%s: says that queue %u has %u entries; a split ring has a power "
				 "of two of them, 1 to %u",
				 v->name, index, (unsigned int)size, UVDK_VIRTQ_MAX_SIZE);

	return (int)size;
}

/* Where the doorbell of the selected queue is (4.1.4.4). */
static int find_doorbell(struct uvdk_virtio *v, struct uvdk_virtq *vq)
{
	uint64_t notify_off;
	uint64_t off;
	int ret = reg_read(v, queue_notify_off, &notify_off);

	if (ret)
		return ret;
	off = notify_off * v->notify_multiplier;
	if (off % 2 || off + 2 > v->notify.len)
		return uvdk_fail(-EPROTO, COMPONENT,
				 "%s: the doorbell of queue %u is said to be at offset %llu of a "
				 "structure of %llu bytes",
				 v->name, vq->index, (unsigned long long)off,
				 (unsigned long long)v->notify.len);

	return uvdk_doorbell_init(&vq->doorbell, &v->notify.region, v->notify.off + off, 2);
}

/* A device that has no room for the vector says so (4.1.5.1.2.1). */
static int write_vector(struct uvdk_virtio *v, struct uvdk_virtq *vq)
{
	uint16_t vector = vq->irq ? vq->vector : MSIX_NO_VECTOR;
	uint64_t taken = vector;
	int ret;

	ret = reg_write(v, queue_msix_vector, vector);
	if (!ret && vq->irq)
		ret = reg_read(v, queue_msix_vector, &taken);
	if (!ret && taken != vector)
		vq->irq = false;

	return ret;
}

static int write_queue(struct uvdk_virtio *v, struct uvdk_virtq *vq)
{
	uint64_t size;
	int ret;

	ret = reg_write(v, queue_size, vq->size);
	if (!ret)
		ret = reg_read(v, queue_size, &size);
	if (ret)
		return ret;
	if (size != vq->size)
		return uvdk_fail(-EPROTO, COMPONENT, "%s: queue %u: asked for %u entries, reads %u",
				 v->name, vq->index, vq->size, (unsigned int)size);

	ret = write_vector(v, vq);
	if (!ret)
		ret = reg_write(v, queue_desc, vq->iova);
	if (!ret)
		ret = reg_write(v, queue_driver, vq->iova + uvdk_virtq_avail_offset(vq->size));
	if (!ret)
		ret = reg_write(v, queue_device, vq->iova + uvdk_virtq_used_offset(vq->size));

	return ret;
}

UVDK_EXPORT int uvdk_virtio_queue_enable(struct uvdk_virtio *v, struct uvdk_virtq *vq)
{
	uint64_t enabled;
	int max = uvdk_virtio_queue_size(v, vq->index);
	int ret;

	if (max < 0)
		return max;
	if (vq->size > max)
		return uvdk_fail(-EINVAL, COMPONENT, "%s: queue %u: %u entries, at most %d",
				 v->name, vq->index, vq->size, max);

	ret = find_doorbell(v, vq);
	if (!ret)
		ret = write_queue(v, vq);
	if (!ret)
		ret = reg_write(v, queue_enable, 1);
	if (!ret)
		ret = reg_read(v, queue_enable, &enabled);
	if (ret)
		return ret;
	if (enabled != 1)
		return uvdk_fail(-EPROTO, COMPONENT, "%s: queue %u can't be enabled (reads %u)",
				 v->name, vq->index, (unsigned int)enabled);

	vq->event_idx = v->features & UVDK_VIRTIO_F_EVENT_IDX;
	vq->in_order = v->features & UVDK_VIRTIO_F_IN_ORDER;
	if (vq->irq)
		return 0;
	if (!vq->event_idx)
		vq->avail[UVDK_VIRTQ_FLAGS] = uvdk_to_le16(UVDK_VIRTQ_NO_INTERRUPT);
	uvdk_virtq_quiet(vq);

	return 0;
}
