// SPDX-License-Identifier: BSD-3-Clause
#include "emu_virtio_priv.h"

/* A mutex is not fair, and step takes it again at once: it stands aside. */
UVDK_EXPORT void uvdk_emu_virtio_lock(struct uvdk_emu_virtio *v)
{
	__atomic_fetch_add(&v->waiting, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&v->lock);
	__atomic_fetch_sub(&v->waiting, 1, __ATOMIC_SEQ_CST);
}

UVDK_EXPORT void uvdk_emu_virtio_unlock(struct uvdk_emu_virtio *v)
{
	pthread_mutex_unlock(&v->lock);
}

static uint64_t device_read(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width)
{
	uint64_t value = 0;

	if (off >= v->config_len || width > v->config_len - off || off % width ||
	    !v->ops->config_read(v, off, width, &value))
		uvdk_emu_virtio_violate(
			v, "read of %u bytes at 0x%x of the device configuration (4.1.3.1)", width,
			(unsigned int)off);

	return value;
}

static uint64_t read_locked(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width)
{
	uint64_t value;

	if (off < VIRTIO_AT_ISR)
		return virtio_common_read(v, off, width);
	if (off >= VIRTIO_AT_NOTIFY)
		return 0;
	if (off >= VIRTIO_AT_DEVICE)
		return device_read(v, off - VIRTIO_AT_DEVICE, width);
	value = off == VIRTIO_AT_ISR ? v->isr : 0;
	v->isr = 0; /* reading clears it, and takes the line back (4.1.4.5) */
	uvdk_emu_irq_lower(v->fn);

	return value;
}

UVDK_EXPORT uint64_t uvdk_emu_virtio_bar_read(struct uvdk_emu_function *fn, unsigned int bar,
					      uint64_t off, unsigned int width)
{
	struct uvdk_emu_virtio *v = uvdk_emu_fn_priv(fn);
	uint64_t value;

	if (bar != UVDK_EMU_VIRTIO_BAR)
		return 0;
	uvdk_emu_virtio_lock(v);
	value = read_locked(v, off, width);
	uvdk_emu_virtio_unlock(v);

	return value;
}

static void write_locked(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width,
			 uint64_t value)
{
	bool device = off >= VIRTIO_AT_DEVICE && off - VIRTIO_AT_DEVICE < v->config_len;

	if (off < VIRTIO_AT_ISR)
		virtio_common_write(v, off, width, value);
	else if (!device || !v->ops->config_write)
		uvdk_emu_virtio_violate(v,
					"write at 0x%x: ISR and device configuration are read-only "
					"(4.1.4.5, 4.1.4.6)",
					(unsigned int)off);
	else if (!v->ops->config_write(v, off - VIRTIO_AT_DEVICE, width, value))
		uvdk_emu_virtio_violate(v,
					"write of %u bytes at 0x%x of the device configuration: "
					"not for the driver to write (4.1.3.1)",
					width, (unsigned int)(off - VIRTIO_AT_DEVICE));
}

UVDK_EXPORT void uvdk_emu_virtio_bar_write(struct uvdk_emu_function *fn, unsigned int bar,
					   uint64_t off, unsigned int width, uint64_t value)
{
	struct uvdk_emu_virtio *v = uvdk_emu_fn_priv(fn);

	if (bar != UVDK_EMU_VIRTIO_BAR)
		return;
	if (off >= VIRTIO_AT_NOTIFY) {
		virtio_notify(v, off - VIRTIO_AT_NOTIFY, width, value);
		return;
	}
	uvdk_emu_virtio_lock(v);
	write_locked(v, off, width, value);
	uvdk_emu_virtio_unlock(v);
}

static bool work(struct uvdk_emu_virtio *v)
{
	bool busy = virtio_check_notify(v);

	busy |= v->ops->work(v);
	if (v->config_irq) {
		v->config_irq = false;
		virtio_irq(v, v->config_vector, UVDK_EMU_VIRTIO_ISR_CONFIG);
		busy = true;
	}

	return busy;
}

UVDK_EXPORT bool uvdk_emu_virtio_step(struct uvdk_emu_function *fn)
{
	struct uvdk_emu_virtio *v = uvdk_emu_fn_priv(fn);
	bool busy;

	if (__atomic_load_n(&v->waiting, __ATOMIC_RELAXED) || pthread_mutex_trylock(&v->lock))
		return true;
	busy = work(v);
	pthread_mutex_unlock(&v->lock);

	return busy;
}

UVDK_EXPORT void uvdk_emu_virtio_fn_reset(struct uvdk_emu_function *fn)
{
	struct uvdk_emu_virtio *v = uvdk_emu_fn_priv(fn);

	uvdk_emu_virtio_lock(v);
	uvdk_emu_virtio_reset(v);
	uvdk_emu_virtio_unlock(v);
}
