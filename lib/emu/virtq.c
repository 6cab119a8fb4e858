// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <uvdk_emu_virtq.h>

#include "virtq_priv.h"

UVDK_EXPORT int uvdk_emu_virtq_break(struct uvdk_emu_virtq *vq, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(vq->why, sizeof(vq->why), fmt, ap);
	va_end(ap);
	vq->broken = true;

	return -EPROTO;
}

UVDK_EXPORT int uvdk_emu_virtq_init(struct uvdk_emu_virtq *vq, struct uvdk_emu_function *fn,
				    uint16_t max)
{
	memset(vq, 0, sizeof(*vq));
	vq->used = calloc(max, sizeof(*vq->used));
	vq->busy = calloc(max / 64u + 1u, sizeof(*vq->busy));
	if (!vq->used || !vq->busy) {
		uvdk_emu_virtq_fini(vq);
		return -ENOMEM;
	}

	vq->fn = fn;
	vq->max = max;

	return 0;
}

UVDK_EXPORT void uvdk_emu_virtq_fini(struct uvdk_emu_virtq *vq)
{
	free(vq->used);
	free(vq->busy);
	memset(vq, 0, sizeof(*vq));
}

/* Section 2.7.1: what a driver must have ensured. */
static int check_area(struct uvdk_emu_virtq *vq, const char *what, uvdk_iova_t at, uint64_t align,
		      uint64_t len)
{
	if (at % align)
		return uvdk_emu_virtq_break(vq, "%s at 0x%llx is not aligned to %llu bytes (2.7)",
					    what, (unsigned long long)at,
					    (unsigned long long)align);
	if (len > UINT64_MAX - at)
		return uvdk_emu_virtq_break(vq, "%s at 0x%llx wraps around the address space", what,
					    (unsigned long long)at);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtq_start(struct uvdk_emu_virtq *vq,
				     const struct uvdk_emu_virtq_conf *conf)
{
	uint64_t size = conf->size;
	int ret;

	if (size == 0 || size > vq->max || (size & (size - 1)))
		return uvdk_emu_virtq_break(vq,
					    "queue size %u is not a power of two up to %u (2.7)",
					    conf->size, vq->max);
	ret = check_area(vq, "descriptor area", conf->desc, 16, 16 * size);
	if (!ret)
		ret = check_area(vq, "driver area", conf->driver, 2, 6 + 2 * size);
	if (!ret)
		ret = check_area(vq, "device area", conf->device, 4, 6 + 8 * size);
	if (ret)
		return ret;

	vq->conf = *conf;
	vq->broken = false;
	vq->why[0] = '\0';
	vq->avail_idx = vq->next_avail = vq->used_idx = vq->next_desc = 0;
	vq->notify_on = true; /* the driver zeroed flags and avail_event */
	vq->notify_at = 0;
	vq->heads_count = vq->ahead_count = 0;
	vq->pending = 0;
	memset(&vq->lie, 0, sizeof(vq->lie));
	memset(vq->busy, 0, (vq->max / 64u + 1u) * sizeof(*vq->busy));

	return 0;
}

UVDK_EXPORT struct uvdk_emu_virtq_mark uvdk_emu_virtq_get_mark(const struct uvdk_emu_virtq *vq)
{
	struct uvdk_emu_virtq_mark mark = {vq->next_avail, vq->next_desc, vq->pending};

	return mark;
}

static void drop_pending(struct uvdk_emu_virtq *vq, unsigned int keep)
{
	for (unsigned int i = keep; i < vq->pending; i++) {
		uint32_t id = uvdk_get32(vq->used[i].id);

		vq->busy[id / 64] &= ~(UINT64_C(1) << (id % 64));
	}
	vq->pending = keep;
}

UVDK_EXPORT void uvdk_emu_virtq_rewind(struct uvdk_emu_virtq *vq,
				       const struct uvdk_emu_virtq_mark *mark)
{
	drop_pending(vq, mark->pending);
	vq->next_avail = mark->next_avail;
	vq->next_desc = mark->next_desc;
}

UVDK_EXPORT void uvdk_emu_virtq_push(struct uvdk_emu_virtq *vq,
				     const struct uvdk_emu_virtq_chain *chain, uint32_t len)
{
	struct uvdk_emu_virtq_used *used = &vq->used[vq->pending++];

	used->id = uvdk_to_le32(chain->head);
	used->len = uvdk_to_le32(len);
	vq->busy[chain->head / 64] |= UINT64_C(1) << (chain->head % 64);
}

static void tell_lies(struct uvdk_emu_virtq *vq)
{
	if (vq->lie.twice && vq->pending > 1)
		vq->used[1].id = vq->used[0].id;
	if (vq->lie.set_id)
		vq->used[0].id = uvdk_to_le32(vq->lie.id);
	if (vq->lie.set_len)
		vq->used[0].len = uvdk_to_le32(vq->lie.len);
}

static int write_elements(struct uvdk_emu_virtq *vq, unsigned int first, unsigned int count)
{
	unsigned int at = (uint16_t)(vq->used_idx + first) & (vq->conf.size - 1u);
	unsigned int run = vq->conf.size - at;
	int ret;

	if (run > count)
		run = count;
	ret = uvdk_emu_dma_write(vq->fn, vq->conf.device + 4 + 8ull * at, &vq->used[first],
				 8ull * run);
	if (!ret && run < count)
		ret = uvdk_emu_dma_write(vq->fn, vq->conf.device + 4, &vq->used[first + run],
					 8ull * (count - run));

	return ret;
}

/* Section 2.7.7: does the driver want to hear of used buffers old..new? */
static int wants_interrupt(struct uvdk_emu_virtq *vq, uint16_t old, bool *interrupt)
{
	uvdk_iova_t at = vq->conf.driver;
	uint16_t value;

	if (vq->conf.event_idx)
		at += 4 + 2ull * vq->conf.size;
	if (uvdk_emu_dma_load16(vq->fn, at, &value))
		return uvdk_emu_virtq_break(vq, "driver area can't be read at 0x%llx",
					    (unsigned long long)at);
	if (vq->conf.event_idx)
		*interrupt = (uint16_t)(vq->used_idx - value - 1) < (uint16_t)(vq->used_idx - old);
	else
		*interrupt = !(value & VIRTQ_AVAIL_NO_INTERRUPT);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtq_flush(struct uvdk_emu_virtq *vq, bool *interrupt)
{
	uint16_t old = vq->used_idx;
	unsigned int count = vq->pending;
	struct uvdk_emu_virtq_lie lie = vq->lie;
	int ret;

	*interrupt = false;
	if (vq->broken)
		return -EPROTO;
	if (count == 0)
		return 0;

	drop_pending(vq, 0); /* before the lies: it reads the ids */
	vq->pending = count;
	tell_lies(vq);
	/* In order, the last one's id stands for all, in the first one's place (2.7.9). */
	if (vq->conf.in_order && vq->conf.batch) {
		vq->used[0] = vq->used[lie.set_id ? 0 : count - 1];
		ret = write_elements(vq, 0, 1);
	} else {
		ret = write_elements(vq, 0, count);
	}
	vq->pending = 0;
	memset(&vq->lie, 0, sizeof(vq->lie));
	vq->used_idx = (uint16_t)(old + count);
	if (!ret)
		ret = uvdk_emu_dma_store16(vq->fn, vq->conf.device + 2,
					   (uint16_t)(vq->used_idx + lie.idx));
	if (ret)
		return uvdk_emu_virtq_break(vq, "device area at 0x%llx can't be written",
					    (unsigned long long)vq->conf.device);
	uvdk_mb(); /* the index before the look at used_event */

	return wants_interrupt(vq, old, interrupt);
}

UVDK_EXPORT int uvdk_emu_virtq_notify_off(struct uvdk_emu_virtq *vq)
{
	if (!vq->notify_on)
		return 0;

	/* With event indexes an old avail_event already means: not now. */
	vq->notify_on = false;
	if (!vq->conf.event_idx &&
	    uvdk_emu_dma_store16(vq->fn, vq->conf.device, VIRTQ_USED_NO_NOTIFY))
		return uvdk_emu_virtq_break(vq, "device area at 0x%llx can't be written",
					    (unsigned long long)vq->conf.device);

	return 0;
}

UVDK_EXPORT int uvdk_emu_virtq_notify_on(struct uvdk_emu_virtq *vq)
{
	uvdk_iova_t at = vq->conf.device;
	uint16_t value = 0;
	int ret;

	if (vq->conf.event_idx) {
		at += 4 + 8ull * vq->conf.size;
		value = vq->next_avail;
	}
	if (!vq->notify_on || vq->notify_at != vq->next_avail) {
		if (uvdk_emu_dma_store16(vq->fn, at, value))
			return uvdk_emu_virtq_break(vq, "device area can't be written at 0x%llx",
						    (unsigned long long)at);
		vq->notify_on = true;
		vq->notify_at = vq->next_avail;
		uvdk_mb(); /* the request before the last look */
	}
	ret = virtq_load_avail(vq);
	if (ret)
		return ret;

	return vq->avail_idx != vq->next_avail;
}
