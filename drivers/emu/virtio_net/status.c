// SPDX-License-Identifier: BSD-3-Clause
#include "vnet_priv.h"

/* Section 3.1.1: each bit, and the one that must be there before it. */
static const struct {
	uint8_t bit;
	uint8_t needs;
	const char *name;
} sequence[] = {
	{VNET_S_DRIVER, VNET_S_ACKNOWLEDGE, "DRIVER"},
	{VNET_S_FEATURES_OK, VNET_S_DRIVER, "FEATURES_OK"},
	{VNET_S_DRIVER_OK, VNET_S_FEATURES_OK, "DRIVER_OK"},
};

/* Section 5.1.3.1: what a feature needs beside itself. */
static const struct {
	uint64_t feature;
	uint64_t needs;
	const char *text;
} dependencies[] = {
	{VNET_F_CTRL_RX, VNET_F_CTRL_VQ, "CTRL_RX without CTRL_VQ"},
	{VNET_F_CTRL_MAC_ADDR, VNET_F_CTRL_VQ, "CTRL_MAC_ADDR without CTRL_VQ"},
	{VNET_F_MQ, VNET_F_CTRL_VQ, "MQ without CTRL_VQ"},
};

void vnet_write_features(struct vnet *m, uint32_t value)
{
	unsigned int status = atomic_load(&m->status);
	unsigned int shift = 32 * m->driver_select;

	if (status & VNET_S_FEATURES_OK)
		vnet_violate(m, "features written after FEATURES_OK (3.1.1)");
	else if (!(status & VNET_S_DRIVER))
		vnet_violate(m, "features written before DRIVER (3.1.1)");
	else if (m->driver_select <= 1)
		m->features = (m->features & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value
											 << shift;
	else if (value)
		vnet_violate(m, "features written in word %u: none are offered there (2.2)",
			     m->driver_select);
}

/* Section 2.2: true if FEATURES_OK may stay. */
static bool accept_features(struct vnet *m)
{
	uint64_t unknown = m->features & ~m->offered;

	if (unknown) {
		vnet_violate(m, "features 0x%llx accepted that were not offered (2.2.1)",
			     (unsigned long long)unknown);
		return false;
	}
	for (unsigned int i = 0; i < sizeof(dependencies) / sizeof(dependencies[0]); i++) {
		if (vnet_has(m, dependencies[i].feature) && !vnet_has(m, dependencies[i].needs)) {
			vnet_violate(m, "%s (2.2.1)", dependencies[i].text);
			return false;
		}
	}

	/* A driver may leave these out; then a device may refuse (6.2). */
	return vnet_has(m, VNET_F_VERSION_1) &&
	       (vnet_has(m, VNET_F_ACCESS_PLATFORM) || !(m->offered & VNET_F_ACCESS_PLATFORM)) &&
	       !vnet_evil(m, VNET_EVIL_FEATURES_OK);
}

static bool sequence_ok(struct vnet *m, unsigned int old, unsigned int value)
{
	if (value & ~VNET_S_KNOWN) {
		vnet_violate(m, "reserved bits in status 0x%x (2.1)", value);
		return false;
	}
	if (old & ~value & ~(unsigned int)VNET_S_NEEDS_RESET) {
		vnet_violate(m, "status bits cleared: 0x%x after 0x%x (2.1.1)", value, old);
		return false;
	}
	if (value & ~old & VNET_S_NEEDS_RESET) {
		vnet_violate(m, "DEVICE_NEEDS_RESET written by the driver (2.1)");
		return false;
	}
	for (unsigned int i = 0; i < sizeof(sequence) / sizeof(sequence[0]); i++) {
		if ((value & sequence[i].bit) && !(value & sequence[i].needs)) {
			vnet_violate(m, "%s set too early: status 0x%x (3.1.1)", sequence[i].name,
				     value);
			return false;
		}
	}
	if ((value & ~old & VNET_S_DRIVER_OK) && !(old & VNET_S_FEATURES_OK)) {
		vnet_violate(m, "DRIVER_OK without reading FEATURES_OK back (3.1.1)");
		return false;
	}

	return true;
}

static void go_live(struct vnet *m)
{
	m->live = true;
	vnet_link_running(m, true);
	uvdk_emu_kick(m->fn);
}

void vnet_write_status(struct vnet *m, uint8_t value)
{
	unsigned int old = atomic_load(&m->status);
	unsigned int status = value;

	if (value == 0) {
		if (!vnet_evil(m, VNET_EVIL_RESET_STUCK))
			vnet_reset(m);
		else if (!old)
			atomic_store(&m->status, VNET_S_NEEDS_RESET);
		return;
	}
	if (!sequence_ok(m, old, value))
		return;

	status |= old & VNET_S_NEEDS_RESET;
	if ((value & ~old & VNET_S_FEATURES_OK) && !accept_features(m))
		status &= ~(unsigned int)VNET_S_FEATURES_OK;
	status |= atomic_load(&m->status) & VNET_S_NEEDS_RESET;
	if (value & ~old & VNET_S_FEATURES_OK)
		atomic_store(&m->queues, 2 * vnet_pairs_possible(m) + vnet_has(m, VNET_F_CTRL_VQ));
	atomic_store(&m->status, status);
	if (status & VNET_S_FAILED) {
		m->live = false;
		vnet_link_running(m, false);
	} else if ((status & ~old & VNET_S_DRIVER_OK) && !(status & VNET_S_NEEDS_RESET)) {
		go_live(m);
	}
}
