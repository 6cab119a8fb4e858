// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vio_priv.h"

static unsigned int queues(const struct uvdk_emu_virtio *v)
{
	(void)v;

	return VIO_QUEUES;
}

static const char *features_wrong(const struct uvdk_emu_virtio *v)
{
	(void)v;

	return NULL;
}

/* Section 5.13.5: endpoints are attached to nothing; the bypass field stays (5.13.4.2). */
static void reset(struct uvdk_emu_virtio *v)
{
	struct vio *m = (struct vio *)v;

	vio_requests_reset(m);
	pthread_mutex_lock(&m->lock);
	vio_domains_free(m);
	m->old_bypass = false;
	m->fault_first = m->fault_count = 0;
	pthread_mutex_unlock(&m->lock);
	vio_forget_all(m);
	uvdk_emu_translator_settle(v->fn);
}

static void running(struct uvdk_emu_virtio *v, bool running)
{
	struct vio *m = (struct vio *)v;
	uint64_t should = VIO_F_INPUT_RANGE | VIO_F_DOMAIN_RANGE | VIO_F_PROBE;

	if (!running)
		return;
	if (v->offered & ~v->features & should)
		m->stats.advice++;
	pthread_mutex_lock(&m->lock);
	m->old_bypass = uvdk_emu_virtio_has(v, VIO_F_BYPASS);
	pthread_mutex_unlock(&m->lock);
	uvdk_emu_kick(v->fn);
}

static bool work(struct uvdk_emu_virtio *v)
{
	struct vio *m = (struct vio *)v;
	bool hung = uvdk_emu_virtio_evil(v, UVDK_EMU_VIRTIO_HANG) && v->used_total >= v->evil_after;
	bool busy;

	if (hung)
		return false;
	busy = vio_requests_work(m);

	return vio_events_work(m) || busy;
}

static const struct uvdk_emu_virtio_ops ops = {
	.log = VIO_LOG,
	.queues = queues,
	.features_wrong = features_wrong,
	.reset = reset,
	.running = running,
	.work = work,
	.config_read = vio_config_read,
	.config_write = vio_config_write,
};

static void free_all(struct vio *m)
{
	uvdk_emu_virtio_fini(&m->v);
	vio_requests_free(m);
	vio_domains_free(m);
	free(m->event.seg);
	free(m->reply);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static void destroy(struct uvdk_emu_function *fn)
{
	struct vio *m = uvdk_emu_fn_priv(fn);

	uvdk_emu_virtio_remove(&m->v);
	free_all(m);
}

static void fill_in(struct vio *m, struct uvdk_emu_function *fn)
{
	uint64_t seed = uvdk_emu_seed(uvdk_emu_fn_emu(fn));

	m->v.fn = fn;
	m->v.ops = &ops;
	m->v.type = VIO_TYPE;
	m->v.class_code = VIO_CLASS;
	m->v.config_len = sizeof(struct vio_config);
	m->v.device_features = m->conf.features;
	m->v.multiplier = m->conf.multiplier;
	m->v.max_size = m->conf.size;
	m->v.max_queues = VIO_QUEUES;
	m->v.evil = m->conf.evil;
	m->v.evil_after = m->conf.evil_after;
	m->config = m->conf.config;
	m->bypass = m->config.bypass;
	m->random = seed * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x1234567887654321);
	m->random |= !m->random;
	m->chance = ~m->random | 1;
}

static int allocate(struct vio *m)
{
	m->event.seg = calloc(UVDK_EMU_VIRTQ_MAX, sizeof(*m->event.seg));
	m->reply = malloc(VIO_PROBE_MAX + sizeof(struct vio_tail));
	if (!m->event.seg || !m->reply)
		return -ENOMEM;

	return uvdk_emu_virtio_init(&m->v);
}

static int create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	struct vio *m = calloc(1, sizeof(*m));
	int ret;

	if (!m)
		return uvdk_fail(-ENOMEM, VIO_LOG, "no memory for a virtio-iommu");
	ret = vio_parse(&m->conf, args);
	if (ret) {
		free(m);
		return ret;
	}
	fill_in(m, fn);
	TAILQ_INIT(&m->pending);
	TAILQ_INIT(&m->unused);
	LIST_INIT(&m->domains);
	pthread_mutex_init(&m->lock, NULL);
	ret = allocate(m);
	if (ret) {
		uvdk_fail(ret, VIO_LOG, "no memory for a virtio-iommu with queues of %u",
			  m->conf.size);
		goto err_free;
	}
	uvdk_emu_virtio_reset(&m->v);
	ret = uvdk_emu_virtio_describe(&m->v);
	if (ret)
		goto err_free;
	ret = uvdk_emu_virtio_add(&m->v);
	if (ret)
		goto err_free;
	uvdk_emu_fn_set_priv(fn, m);
	uvdk_emu_translator_set(fn, &vio_translator);

	return 0;

err_free:
	free_all(m);
	return ret;
}

extern const struct uvdk_emu_model uvdk_model_virtio_iommu;

const struct uvdk_emu_model uvdk_model_virtio_iommu = {
	.name = "virtio_iommu",
	.create = create,
	.destroy = destroy,
	.reset = uvdk_emu_virtio_fn_reset,
	.bar_read = uvdk_emu_virtio_bar_read,
	.bar_write = uvdk_emu_virtio_bar_write,
	.step = uvdk_emu_virtio_step,
};
