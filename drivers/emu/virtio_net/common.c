// SPDX-License-Identifier: BSD-3-Clause
#include "vnet_priv.h"

/* Section 4.1.4.3: the fields, and how each may be accessed (4.1.3.1). */
static const struct field {
	uint8_t off;
	uint8_t width;
	bool writable;
} fields[] = {
	{VNET_C_DEVICE_FEATURE_SELECT, 4, true},
	{VNET_C_DEVICE_FEATURE, 4, false},
	{VNET_C_DRIVER_FEATURE_SELECT, 4, true},
	{VNET_C_DRIVER_FEATURE, 4, true},
	{VNET_C_CONFIG_VECTOR, 2, true},
	{VNET_C_NUM_QUEUES, 2, false},
	{VNET_C_STATUS, 1, true},
	{VNET_C_GENERATION, 1, false},
	{VNET_C_QUEUE_SELECT, 2, true},
	{VNET_C_QUEUE_SIZE, 2, true},
	{VNET_C_QUEUE_VECTOR, 2, true},
	{VNET_C_QUEUE_ENABLE, 2, true},
	{VNET_C_QUEUE_NOTIFY_OFF, 2, false},
	{VNET_C_QUEUE_DESC, 4, true},
	{VNET_C_QUEUE_DESC + 4, 4, true},
	{VNET_C_QUEUE_DRIVER, 4, true},
	{VNET_C_QUEUE_DRIVER + 4, 4, true},
	{VNET_C_QUEUE_DEVICE, 4, true},
	{VNET_C_QUEUE_DEVICE + 4, 4, true},
	{VNET_C_NOTIFY_DATA, 2, false},
	{VNET_C_QUEUE_RESET, 2, false},
};

static const struct field *find_field(uint64_t off, unsigned int width)
{
	for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].off == off && fields[i].width == width)
			return &fields[i];

	return NULL;
}

static uint32_t offered_features(const struct vnet *m)
{
	if (m->device_select > 1)
		return 0;

	return (uint32_t)(m->offered >> (32 * m->device_select));
}

static uint32_t accepted_features(const struct vnet *m)
{
	if (m->driver_select > 1)
		return 0;

	return (uint32_t)(m->features >> (32 * m->driver_select));
}

static uint64_t read_field(struct vnet *m, uint64_t off)
{
	switch (off) {
	case VNET_C_DEVICE_FEATURE_SELECT:
		return m->device_select;
	case VNET_C_DEVICE_FEATURE:
		return offered_features(m);
	case VNET_C_DRIVER_FEATURE_SELECT:
		return m->driver_select;
	case VNET_C_DRIVER_FEATURE:
		return accepted_features(m);
	case VNET_C_CONFIG_VECTOR:
		return m->config_vector;
	case VNET_C_NUM_QUEUES:
		return 2 * m->conf.pairs + !!(m->offered & VNET_F_CTRL_VQ);
	case VNET_C_STATUS:
		return atomic_load(&m->status);
	case VNET_C_GENERATION:
		return m->generation;
	case VNET_C_QUEUE_SELECT:
		return m->queue_select;
	default:
		return vnet_queue_read(m, off);
	}
}

uint64_t vnet_common_read(struct vnet *m, uint64_t off, unsigned int width)
{
	if (!find_field(off, width)) {
		vnet_violate(m, "read of %u bytes at 0x%x of the common configuration (4.1.3.1)",
			     width, (unsigned int)off);
		return 0;
	}

	return read_field(m, off);
}

static bool valid_vector(const struct vnet *m, uint64_t vector)
{
	return vector < 2 * m->conf.pairs + 2;
}

void vnet_common_write(struct vnet *m, uint64_t off, unsigned int width, uint64_t value)
{
	const struct field *f = find_field(off, width);

	if (!f || !f->writable) {
		vnet_violate(m, "write of %u bytes at 0x%x of the common configuration (%s)", width,
			     (unsigned int)off, f ? "4.1.4.3: read-only" : "4.1.3.1");
		return;
	}

	switch (off) {
	case VNET_C_DEVICE_FEATURE_SELECT:
		m->device_select = (uint32_t)value;
		break;
	case VNET_C_DRIVER_FEATURE_SELECT:
		m->driver_select = (uint32_t)value;
		break;
	case VNET_C_DRIVER_FEATURE:
		vnet_write_features(m, (uint32_t)value);
		break;
	case VNET_C_CONFIG_VECTOR:
		m->config_vector = valid_vector(m, value) ? (uint16_t)value : VNET_NO_VECTOR;
		break;
	case VNET_C_STATUS:
		vnet_write_status(m, (uint8_t)value);
		break;
	case VNET_C_QUEUE_SELECT:
		m->queue_select = (uint16_t)value;
		break;
	case VNET_C_QUEUE_VECTOR:
		vnet_queue_write(m, off, valid_vector(m, value) ? value : VNET_NO_VECTOR);
		break;
	default:
		vnet_queue_write(m, off, value);
	}
}
