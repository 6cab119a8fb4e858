// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "vnet_priv.h"

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

static bool config_read(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width,
			uint64_t *value)
{
	if (width != (off < VNET_D_STATUS ? 1u : 2u))
		return false;
	*value = device_config((const struct vnet *)v, off);

	return true;
}

static void running(struct uvdk_emu_virtio *v, bool running)
{
	vnet_link_running((struct vnet *)v, running);
}

static bool work(struct uvdk_emu_virtio *v)
{
	struct vnet *m = (struct vnet *)v;
	bool busy = false;

	vnet_link_look(m);
	vnet_set_carrier(m);
	if (v->live && !vnet_evil_now(m, UVDK_EMU_VIRTIO_HANG)) {
		unsigned int pairs = vnet_pairs_possible(m);

		busy |= vnet_ctrl(m);
		for (unsigned int i = 0; i < pairs && v->live; i++)
			busy |= vnet_tx(m, i);
		for (unsigned int i = 0; i < m->pairs && v->live; i++)
			busy |= vnet_rx(m, i);
	}

	return busy;
}

static const struct uvdk_emu_virtio_ops ops = {
	.log = VNET_LOG,
	.queues = vnet_queues,
	.features_wrong = vnet_features_wrong,
	.reset = vnet_reset,
	.running = running,
	.work = work,
	.config_read = config_read,
};

static void free_all(struct vnet *m)
{
	uvdk_emu_virtio_fini(&m->v);
	vnet_source_fini(m);
	free(m->stream);
	free(m->pattern);
	free(m->inject);
	free(m->captured);
	free(m->first.seg);
	free(m->more.seg);
	free(m->pkt);
	free(m);
}

static void destroy(struct uvdk_emu_function *fn)
{
	struct vnet *m = uvdk_emu_fn_priv(fn);

	uvdk_emu_virtio_remove(&m->v);
	vnet_link_leave(m);
	free_all(m);
}

static int allocate(struct vnet *m)
{
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

	return vnet_source_init(m);
}

static void set_up(struct vnet *m)
{
	const uint8_t mac[6] = {0x02, 0x75, 0x76, 0x64, 0x6b, uvdk_emu_fn_slot(m->v.fn)};

	if (!m->conf.mac_given)
		memcpy(m->conf.mac, mac, sizeof(mac));
	m->v.evil = m->conf.evil;
	m->v.evil_after = m->conf.evil_after;
	m->cable = true;
	m->carrier = vnet_link_carrier(m);
	uvdk_emu_virtio_reset(&m->v);
	for (unsigned int i = 1; i < m->v.max_queues; i += 2)
		m->v.queue[i].batch = m->conf.batch;
}

static void describe(struct vnet *m, struct uvdk_emu_function *fn)
{
	m->v.fn = fn;
	m->v.ops = &ops;
	m->v.type = VNET_TYPE;
	m->v.class_code = VNET_CLASS;
	m->v.config_len = VNET_D_LENGTH;
	m->v.device_features = m->conf.features;
	m->v.multiplier = m->conf.multiplier;
	m->v.max_size = m->conf.size;
	m->v.max_queues = 2 * m->conf.pairs + !!(m->conf.features & VNET_F_CTRL_VQ);
}

static int create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	struct vnet *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return uvdk_fail(-ENOMEM, VNET_LOG, "no memory for a port");
	ret = vnet_parse(&m->conf, args);
	if (ret) {
		free(m);
		return ret;
	}
	describe(m, fn);
	ret = uvdk_emu_virtio_init(&m->v);
	if (!ret)
		ret = allocate(m);
	if (ret) {
		uvdk_fail(ret, VNET_LOG, "no memory for a port of %u queue pairs", m->conf.pairs);
		goto err_free;
	}
	ret = vnet_link_join(m);
	if (ret)
		goto err_free;
	set_up(m);
	ret = uvdk_emu_virtio_describe(&m->v);
	if (ret)
		goto err_leave;
	ret = uvdk_emu_virtio_add(&m->v);
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
	.reset = uvdk_emu_virtio_fn_reset,
	.bar_read = uvdk_emu_virtio_bar_read,
	.bar_write = uvdk_emu_virtio_bar_write,
	.step = uvdk_emu_virtio_step,
};
