// SPDX-License-Identifier: BSD-3-Clause
#include "emu_virtio_priv.h"

/* Section 3.1.1: each bit, and the one that must be there before it. */
static const struct {
	uint8_t bit;
	uint8_t needs;
	const char *name;
} sequence[] = {
	{VIRTIO_S_DRIVER, VIRTIO_S_ACKNOWLEDGE, "DRIVER"},
	{UVDK_EMU_VIRTIO_S_FEATURES_OK, VIRTIO_S_DRIVER, "FEATURES_OK"},
	{UVDK_EMU_VIRTIO_S_DRIVER_OK, UVDK_EMU_VIRTIO_S_FEATURES_OK, "DRIVER_OK"},
};

void virtio_write_features(struct uvdk_emu_virtio *v, uint32_t value)
{
	unsigned int status = __atomic_load_n(&v->status, __ATOMIC_SEQ_CST);
	unsigned int shift = 32 * v->driver_select;

	if (status & UVDK_EMU_VIRTIO_S_FEATURES_OK)
		uvdk_emu_virtio_violate(v, "features written after FEATURES_OK (3.1.1)");
	else if (!(status & VIRTIO_S_DRIVER))
		uvdk_emu_virtio_violate(v, "features written before DRIVER (3.1.1)");
	else if (v->driver_select <= 1)
		v->features = (v->features & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value
											 << shift;
	else if (value)
		uvdk_emu_virtio_violate(v,
					"features written in word %u: none are offered there (2.2)",
					v->driver_select);
}

/* Section 2.2: true if FEATURES_OK may stay. */
static bool accept_features(struct uvdk_emu_virtio *v)
{
	uint64_t unknown = v->features & ~v->offered;
	const char *wrong;

	if (unknown) {
		uvdk_emu_virtio_violate(v, "features 0x%llx accepted that were not offered (2.2.1)",
					(unsigned long long)unknown);
		return false;
	}
	wrong = v->ops->features_wrong(v);
	if (wrong) {
		uvdk_emu_virtio_violate(v, "%s (2.2.1)", wrong);
		return false;
	}

	/* A driver may leave these out; then a device may refuse (6.2). */
	return uvdk_emu_virtio_has(v, UVDK_EMU_VIRTIO_F_VERSION_1) &&
	       (uvdk_emu_virtio_has(v, UVDK_EMU_VIRTIO_F_ACCESS_PLATFORM) ||
		!(v->offered & UVDK_EMU_VIRTIO_F_ACCESS_PLATFORM)) &&
	       !uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_FEATURES_OK);
}

static bool sequence_ok(struct uvdk_emu_virtio *v, unsigned int old, unsigned int value)
{
	if (value & ~VIRTIO_S_KNOWN) {
		uvdk_emu_virtio_violate(v, "reserved bits in status 0x%x (2.1)", value);
		return false;
	}
	if (old & ~value & ~(unsigned int)UVDK_EMU_VIRTIO_S_NEEDS_RESET) {
		uvdk_emu_virtio_violate(v, "status bits cleared: 0x%x after 0x%x (2.1.1)", value,
					old);
		return false;
	}
	if (value & ~old & UVDK_EMU_VIRTIO_S_NEEDS_RESET) {
		uvdk_emu_virtio_violate(v, "DEVICE_NEEDS_RESET written by the driver (2.1)");
		return false;
	}
	for (unsigned int i = 0; i < sizeof(sequence) / sizeof(sequence[0]); i++) {
		if ((value & sequence[i].bit) && !(value & sequence[i].needs)) {
			uvdk_emu_virtio_violate(v, "%s set too early: status 0x%x (3.1.1)",
						sequence[i].name, value);
			return false;
		}
	}
	if ((value & ~old & UVDK_EMU_VIRTIO_S_DRIVER_OK) &&
	    !(old & UVDK_EMU_VIRTIO_S_FEATURES_OK)) {
		uvdk_emu_virtio_violate(v, "DRIVER_OK without reading FEATURES_OK back (3.1.1)");
		return false;
	}

	return true;
}

static void go_live(struct uvdk_emu_virtio *v)
{
	v->live = true;
	v->ops->running(v, true);
	uvdk_emu_kick(v->fn);
}

void virtio_write_status(struct uvdk_emu_virtio *v, uint8_t value)
{
	unsigned int old = __atomic_load_n(&v->status, __ATOMIC_SEQ_CST);
	unsigned int status = value;

	if (value == 0) {
		if (!uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_RESET_STUCK))
			uvdk_emu_virtio_reset(v);
		else if (!old)
			__atomic_store_n(&v->status, UVDK_EMU_VIRTIO_S_NEEDS_RESET,
					 __ATOMIC_SEQ_CST);
		return;
	}
	if (!sequence_ok(v, old, value))
		return;

	status |= old & UVDK_EMU_VIRTIO_S_NEEDS_RESET;
	if ((value & ~old & UVDK_EMU_VIRTIO_S_FEATURES_OK) && !accept_features(v))
		status &= ~(unsigned int)UVDK_EMU_VIRTIO_S_FEATURES_OK;
	status |= __atomic_load_n(&v->status, __ATOMIC_SEQ_CST) & UVDK_EMU_VIRTIO_S_NEEDS_RESET;
	if (value & ~old & UVDK_EMU_VIRTIO_S_FEATURES_OK)
		__atomic_store_n(&v->queues, v->ops->queues(v), __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->status, status, __ATOMIC_SEQ_CST);
	if (status & VIRTIO_S_FAILED) {
		v->live = false;
		v->ops->running(v, false);
	} else if ((status & ~old & UVDK_EMU_VIRTIO_S_DRIVER_OK) &&
		   !(status & UVDK_EMU_VIRTIO_S_NEEDS_RESET)) {
		go_live(v);
	}
}
