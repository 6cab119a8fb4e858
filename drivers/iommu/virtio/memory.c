// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "ring.h"

/* Memory for a ring: nothing translates for the device, so that it must be contiguous. */

#define HUGE_PAGE (UINT64_C(2) << 20)

static int add(struct ring_memory *memory, enum uvdk_dma_source source, size_t len)
{
	const struct uvdk_dma_opts opts = {
		.size = sizeof(opts),
		.source = source,
		.numa_node = UVDK_DMA_ANY_NODE,
	};
	int err;

	if (memory->bufs == RING_BUFS_MAX)
		return uvdk_fail(-ENOMEM, VIOMMU, "a ring of more than %u pieces", RING_BUFS_MAX);
	err = uvdk_dma_alloc(memory->ioas, len, &opts, &memory->buf[memory->bufs]);
	if (err)
		return err;
	memory->bufs++;
	memory->used = 0;

	return 0;
}

void ring_memory_open(struct ring_memory *memory, struct uvdk_ioas *ioas)
{
	*memory = (struct ring_memory){.ioas = ioas};
	uvdk_log_hush(true);
	memory->huge = !add(memory, UVDK_DMA_HUGE_2M, HUGE_PAGE);
	uvdk_log_hush(false);
}

void ring_memory_close(struct ring_memory *memory)
{
	while (memory->bufs)
		uvdk_dma_free(&memory->buf[--memory->bufs]);
}

size_t ring_memory_piece(const struct ring_memory *memory)
{
	return memory->huge ? HUGE_PAGE : uvdk_ioas_page_size(memory->ioas);
}

void *ring_memory_get(struct ring_memory *memory, size_t len, size_t align, uvdk_iova_t *iova)
{
	struct uvdk_dma_buf *buf = memory->bufs ? &memory->buf[memory->bufs - 1] : NULL;
	size_t at = (memory->used + align - 1) & ~(align - 1);

	if (!buf || at > buf->len || len > buf->len - at) {
		size_t page = uvdk_ioas_page_size(memory->ioas);

		if (add(memory, UVDK_DMA_NORMAL, len > page ? len : page))
			return NULL;
		buf = &memory->buf[memory->bufs - 1];
		at = 0;
	}
	memory->used = at + len;
	*iova = buf->iova + at;

	return (uint8_t *)buf->va + at;
}
