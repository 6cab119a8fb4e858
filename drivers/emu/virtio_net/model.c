// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "vnet_priv.h"

/* A mutex is not fair, and step takes it again at once: it stands aside. */
void vnet_lock(struct vnet *m)
{
	atomic_fetch_add(&m->waiting, 1);
	pthread_mutex_lock(&m->lock);
	atomic_fetch_sub(&m->waiting, 1);
}

void vnet_unlock(struct vnet *m)
{
	pthread_mutex_unlock(&m->lock);
}

/* Section 5.1.4 */
static uint64_t device_config(const struct vnet *m, uint64_t off)
{
	if (off < VNET_D_STATUS)
		return m->mac[off];
	if (off == VNET_D_STATUS)
		return m->carrier ? VNET_D_STATUS_LINK_UP : 0;
	if (off == VNET_D_MAX_PAIRS && vnet_evil(m, VNET_EVIL_PAIRS_0))
		return 0;
	if (off == VNET_D_MAX_PAIRS && vnet_evil(m, VNET_EVIL_PAIRS_HUGE))
		return 0x8000;

	return off == VNET_D_MAX_PAIRS ? m->conf.pairs : m->conf.mtu;
}

static uint64_t device_read(struct vnet *m, uint64_t off, unsigned int width)
{
	bool byte = off < VNET_D_STATUS;

	if (off >= VNET_D_LENGTH || width != (byte ? 1u : 2u) || (!byte && (off & 1))) {
		vnet_violate(m, "read of %u bytes at 0x%x of the device configuration (4.1.3.1)",
			     width, (unsigned int)off);
		return 0;
	}

	return device_config(m, off);
}

static uint64_t read_locked(struct vnet *m, uint64_t off, unsigned int width)
{
	uint64_t value;

	if (off < VNET_AT_ISR)
		return vnet_common_read(m, off, width);
	if (off >= VNET_AT_NOTIFY)
		return 0;
	if (off >= VNET_AT_DEVICE)
		return device_read(m, off - VNET_AT_DEVICE, width);
	value = off == VNET_AT_ISR ? m->isr : 0;
	m->isr = 0; /* reading clears it, and takes the line back (4.1.4.5) */
	uvdk_emu_irq_lower(m->fn);

	return value;
}

static uint64_t bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			 unsigned int width)
{
	struct vnet *m = uvdk_emu_fn_priv(fn);
	uint64_t value;

	if (bar != VNET_BAR)
		return 0;
	vnet_lock(m);
	value = read_locked(m, off, width);
	vnet_unlock(m);

	return value;
}

static void bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
		      unsigned int width, uint64_t value)
{
	struct vnet *m = uvdk_emu_fn_priv(fn);

	if (bar != VNET_BAR)
		return;
	if (off >= VNET_AT_NOTIFY) {
		vnet_notify(m, off - VNET_AT_NOTIFY, width, value);
		return;
	}
	vnet_lock(m);
	if (off < VNET_AT_ISR)
		vnet_common_write(m, off, width, value);
	else
		vnet_violate(m,
			     "write at 0x%x: ISR and device configuration are read-only "
			     "(4.1.4.5, 5.1.4)",
			     (unsigned int)off);
	vnet_unlock(m);
}

static bool work(struct vnet *m)
{
	bool busy = vnet_check_notify(m);

	vnet_link_look(m);
	vnet_set_carrier(m);
	if (m->live && !vnet_evil_now(m, VNET_EVIL_HANG)) {
		unsigned int pairs = vnet_pairs_possible(m);

		busy |= vnet_ctrl(m);
		for (unsigned int i = 0; i < pairs && m->live; i++)
			busy |= vnet_tx(m, i);
		for (unsigned int i = 0; i < m->pairs && m->live; i++)
			busy |= vnet_rx(m, i);
	}
	if (m->config_irq) {
		m->config_irq = false;
		vnet_irq(m, m->config_vector, VNET_ISR_CONFIG);
		busy = true;
	}

	return busy;
}

static bool step(struct uvdk_emu_function *fn)
{
	struct vnet *m = uvdk_emu_fn_priv(fn);
	bool busy;

	if (atomic_load_explicit(&m->waiting, memory_order_relaxed) ||
	    pthread_mutex_trylock(&m->lock))
		return true;
	busy = work(m);
	pthread_mutex_unlock(&m->lock);

	return busy;
}

static void reset(struct uvdk_emu_function *fn)
{
	struct vnet *m = uvdk_emu_fn_priv(fn);

	vnet_lock(m);
	vnet_reset(m);
	vnet_unlock(m);
}

static void free_all(struct vnet *m)
{
	for (unsigned int i = 0; i < VNET_MAX_QUEUES; i++)
		uvdk_emu_virtq_fini(&m->queue[i].vq);
	vnet_source_fini(m);
	free(m->stream);
	free(m->pattern);
	free(m->inject);
	free(m->captured);
	free(m->first.seg);
	free(m->more.seg);
	free(m->pkt);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static void destroy(struct uvdk_emu_function *fn)
{
	struct vnet *m = uvdk_emu_fn_priv(fn);

	vnet_ports_remove(m);
	vnet_link_leave(m);
	free_all(m);
}

static int allocate(struct vnet *m)
{
	int ret = 0;

	m->stream = calloc(VNET_STREAMS, sizeof(*m->stream));
	m->pattern = malloc(VNET_FRAME_MAX);
	m->first.seg = calloc(UVDK_EMU_VIRTQ_MAX, sizeof(*m->first.seg));
	m->more.seg = calloc(UVDK_EMU_VIRTQ_MAX, sizeof(*m->more.seg));
	m->pkt = malloc(VNET_HDR_LEN + VNET_FRAME_MAX);
	if (m->conf.capture)
		m->captured = calloc(1, sizeof(*m->captured));
	if (!m->stream || !m->pattern || !m->first.seg || !m->more.seg || !m->pkt ||
	    (m->conf.capture && !m->captured))
		return -ENOMEM;

	vnet_fill_pattern(m->pattern);
	for (unsigned int i = 0; i < 2 * m->conf.pairs + 1 && !ret; i++)
		ret = uvdk_emu_virtq_init(&m->queue[i].vq, m->fn, m->conf.size);

	return ret ? ret : vnet_source_init(m);
}

static void set_up(struct vnet *m)
{
	const uint8_t mac[6] = {0x02, 0x75, 0x76, 0x64, 0x6b, uvdk_emu_fn_slot(m->fn)};

	if (!m->conf.mac_given)
		memcpy(m->conf.mac, mac, sizeof(mac));
	m->evil = m->conf.evil;
	m->cable = true;
	m->carrier = vnet_link_carrier(m);
	vnet_reset(m);
}

static int create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	struct vnet *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return uvdk_fail(-ENOMEM, VNET_LOG, "no memory for a port");
	pthread_mutex_init(&m->lock, NULL);
	m->fn = fn;

	ret = vnet_parse(&m->conf, args);
	if (ret)
		goto err_free;
	ret = allocate(m);
	if (ret) {
		uvdk_fail(ret, VNET_LOG, "no memory for a port of %u queue pairs", m->conf.pairs);
		goto err_free;
	}
	ret = vnet_link_join(m);
	if (ret)
		goto err_free;
	set_up(m);
	ret = vnet_describe(m);
	if (ret)
		goto err_leave;
	ret = vnet_ports_add(m);
	if (ret)
		goto err_leave;
	uvdk_emu_fn_set_priv(fn, m);

	return 0;

err_leave:
	vnet_link_leave(m);
err_free:
	free_all(m);
	return ret;
}

extern const struct uvdk_emu_model uvdk_model_virtio_net;

const struct uvdk_emu_model uvdk_model_virtio_net = {
	.name = "virtio-net",
	.create = create,
	.destroy = destroy,
	.reset = reset,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.step = step,
};
