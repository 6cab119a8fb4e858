// SPDX-License-Identifier: BSD-3-Clause
#include "emu_virtio_priv.h"

/* Section 4.1.4.3: the fields, and how each may be accessed (4.1.3.1). */
static const struct field {
	uint8_t off;
	uint8_t width;
	bool writable;
} fields[] = {
	{VIRTIO_C_DEVICE_FEATURE_SELECT, 4, true},
	{VIRTIO_C_DEVICE_FEATURE, 4, false},
	{VIRTIO_C_DRIVER_FEATURE_SELECT, 4, true},
	{VIRTIO_C_DRIVER_FEATURE, 4, true},
	{VIRTIO_C_CONFIG_VECTOR, 2, true},
	{VIRTIO_C_NUM_QUEUES, 2, false},
	{VIRTIO_C_STATUS, 1, true},
	{VIRTIO_C_GENERATION, 1, false},
	{VIRTIO_C_QUEUE_SELECT, 2, true},
	{VIRTIO_C_QUEUE_SIZE, 2, true},
	{VIRTIO_C_QUEUE_VECTOR, 2, true},
	{VIRTIO_C_QUEUE_ENABLE, 2, true},
	{VIRTIO_C_QUEUE_NOTIFY_OFF, 2, false},
	{VIRTIO_C_QUEUE_DESC, 4, true},
	{VIRTIO_C_QUEUE_DESC + 4, 4, true},
	{VIRTIO_C_QUEUE_DRIVER, 4, true},
	{VIRTIO_C_QUEUE_DRIVER + 4, 4, true},
	{VIRTIO_C_QUEUE_DEVICE, 4, true},
	{VIRTIO_C_QUEUE_DEVICE + 4, 4, true},
	{VIRTIO_C_NOTIFY_DATA, 2, false},
	{VIRTIO_C_QUEUE_RESET, 2, false},
};

static const struct field *find_field(uint64_t off, unsigned int width)
{
	for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].off == off && fields[i].width == width)
			return &fields[i];

	return NULL;
}

static uint32_t offered_features(const struct uvdk_emu_virtio *v)
{
	if (v->device_select > 1)
		return 0;

	return (uint32_t)(v->offered >> (32 * v->device_select));
}

static uint32_t accepted_features(const struct uvdk_emu_virtio *v)
{
	if (v->driver_select > 1)
		return 0;

	return (uint32_t)(v->features >> (32 * v->driver_select));
}

static uint64_t read_field(struct uvdk_emu_virtio *v, uint64_t off)
{
	switch (off) {
	case VIRTIO_C_DEVICE_FEATURE_SELECT:
		return v->device_select;
	case VIRTIO_C_DEVICE_FEATURE:
		return offered_features(v);
	case VIRTIO_C_DRIVER_FEATURE_SELECT:
		return v->driver_select;
	case VIRTIO_C_DRIVER_FEATURE:
		return accepted_features(v);
	case VIRTIO_C_CONFIG_VECTOR:
		return v->config_vector;
	case VIRTIO_C_NUM_QUEUES:
		return v->max_queues;
	case VIRTIO_C_STATUS:
		return __atomic_load_n(&v->status, __ATOMIC_SEQ_CST);
	case VIRTIO_C_GENERATION:
		return v->generation;
	case VIRTIO_C_QUEUE_SELECT:
		return v->queue_select;
	default:
		return virtio_queue_read(v, off);
	}
}

uint64_t virtio_common_read(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width)
{
	if (!find_field(off, width)) {
		uvdk_emu_virtio_violate(
			v, "read of %u bytes at 0x%x of the common configuration (4.1.3.1)", width,
			(unsigned int)off);
		return 0;
	}

	return read_field(v, off);
}

static bool valid_vector(const struct uvdk_emu_virtio *v, uint64_t vector)
{
	return vector <= v->max_queues; /* one of configuration changes */
}

void virtio_common_write(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width,
			 uint64_t value)
{
	const struct field *f = find_field(off, width);

	if (!f || !f->writable) {
		uvdk_emu_virtio_violate(
			v, "write of %u bytes at 0x%x of the common configuration (%s)", width,
			(unsigned int)off, f ? "4.1.4.3: read-only" : "4.1.3.1");
		return;
	}

	switch (off) {
	case VIRTIO_C_DEVICE_FEATURE_SELECT:
		v->device_select = (uint32_t)value;
		break;
	case VIRTIO_C_DRIVER_FEATURE_SELECT:
		v->driver_select = (uint32_t)value;
		break;
	case VIRTIO_C_DRIVER_FEATURE:
		virtio_write_features(v, (uint32_t)value);
		break;
	case VIRTIO_C_CONFIG_VECTOR:
		v->config_vector =
			valid_vector(v, value) ? (uint16_t)value : UVDK_EMU_VIRTIO_NO_VECTOR;
		break;
	case VIRTIO_C_STATUS:
		virtio_write_status(v, (uint8_t)value);
		break;
	case VIRTIO_C_QUEUE_SELECT:
		v->queue_select = (uint16_t)value;
		break;
	case VIRTIO_C_QUEUE_VECTOR:
		virtio_queue_write(v, off,
				   valid_vector(v, value) ? value : UVDK_EMU_VIRTIO_NO_VECTOR);
		break;
	default:
		virtio_queue_write(v, off, value);
	}
}
