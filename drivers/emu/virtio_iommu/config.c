// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "vio_priv.h"

static struct vio_config wire(const struct vio *m)
{
	struct uvdk_emu_virtio_iommu_config c = m->config;
	const struct uvdk_emu_virtio *v = &m->v;

	if (uvdk_emu_virtio_evil(v, VIO_EVIL_PAGE_MASK_0))
		c.page_size_mask = 0;
	if (uvdk_emu_virtio_evil(v, VIO_EVIL_INPUT_EMPTY)) {
		c.input_start = 0x10000;
		c.input_end = 0xffff;
	}
	if (uvdk_emu_virtio_evil(v, VIO_EVIL_DOMAIN_EMPTY)) {
		c.domain_start = 8;
		c.domain_end = 7;
	}
	if (uvdk_emu_virtio_evil(v, VIO_EVIL_PROBE_HUGE))
		c.probe_size = UINT32_MAX;
	if (uvdk_emu_virtio_evil(v, VIO_EVIL_BYPASS_2))
		c.bypass = 2;

	return (struct vio_config){
		.page_size_mask = uvdk_to_le64(c.page_size_mask),
		.input_start = uvdk_to_le64(c.input_start),
		.input_end = uvdk_to_le64(c.input_end),
		.domain_start = uvdk_to_le32(c.domain_start),
		.domain_end = uvdk_to_le32(c.domain_end),
		.probe_size = uvdk_to_le32(c.probe_size),
		.bypass = c.bypass,
	};
}

/* Fields of 64 bits are read by halves (4.1.3.1). */
bool vio_config_read(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width, uint64_t *value)
{
	const struct vio_config config = wire((const struct vio *)v);
	struct uvdk_le32 word;

	if (width != (off < VIO_D_BYPASS ? 4u : 1u))
		return false;
	if (width == 1) {
		*value = ((const uint8_t *)&config)[off];
	} else {
		memcpy(&word, (const uint8_t *)&config + off, 4);
		*value = uvdk_get32(word);
	}

	return true;
}

/* What no endpoint may do any more is over when this returns. */
static void set_bypass(struct vio *m, bool bypass)
{
	m->config.bypass = bypass;
	pthread_mutex_lock(&m->lock);
	m->bypass = bypass;
	pthread_mutex_unlock(&m->lock);
	/* Also what is cached of domains: then it is only looked up again. */
	vio_forget_all(m);
	uvdk_emu_translator_settle(m->v.fn);
}

void vio_config_set(struct vio *m, const struct uvdk_emu_virtio_iommu_config *config)
{
	pthread_mutex_lock(&m->lock);
	m->config = *config; /* accesses look at the input range */
	pthread_mutex_unlock(&m->lock);
	set_bypass(m, config->bypass);
	m->config.bypass = config->bypass;
	uvdk_emu_virtio_config_changed(&m->v);
}

bool vio_config_write(struct uvdk_emu_virtio *v, uint64_t off, unsigned int width, uint64_t value)
{
	struct vio *m = (struct vio *)v;

	if (off != VIO_D_BYPASS || width != 1 ||
	    !(__atomic_load_n(&v->status, __ATOMIC_SEQ_CST) & UVDK_EMU_VIRTIO_S_FEATURES_OK) ||
	    !uvdk_emu_virtio_has(v, VIO_F_BYPASS_CONFIG))
		return false;
	if (value > 1)
		uvdk_emu_virtio_violate(v, "%u written to bypass: it is 0 or 1 (5.13.4.1)",
					(unsigned int)value);
	else if (!uvdk_emu_virtio_evil(v, VIO_EVIL_BYPASS_STUCK))
		set_bypass(m, value);

	return true;
}
