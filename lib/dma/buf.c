// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "dma_priv.h"

static int read_opts(const struct uvdk_dma_opts *opts, struct uvdk_dma_opts *out)
{
	int err;

	*out = (struct uvdk_dma_opts){.size = sizeof(*out), .numa_node = UVDK_DMA_ANY_NODE};
	err = uvdk_opts_copy(out, sizeof(*out), opts, "uvdk_dma_opts");
	if (err)
		return err;
	if (!out->flags)
		out->flags = UVDK_MAP_RW;
	if ((unsigned int)out->source > UVDK_DMA_MEMFD)
		return uvdk_fail(-EINVAL, DMA_COMPONENT, "unknown source of memory %d",
				 (int)out->source);

	return 0;
}

static void count(struct uvdk_ioas *ioas, int64_t buffers, size_t len)
{
	struct uvdk_ioas_dma_stats *counts = uvdk_ioas_dma_counts(ioas);

	uvdk_ioas_dma_count(&counts->buffers, buffers);
	uvdk_ioas_dma_count(&counts->buffer_bytes, buffers * (int64_t)len);
}

UVDK_EXPORT int uvdk_dma_alloc(struct uvdk_ioas *ioas, size_t len, const struct uvdk_dma_opts *opts,
			       struct uvdk_dma_buf *out)
{
	struct dma_memory memory;
	struct uvdk_dma_opts o;
	uvdk_iova_t iova;
	int err;

	if (!ioas)
		return uvdk_fail(-EINVAL, DMA_COMPONENT,
				 "a buffer needs an address space: has creating it failed?");
	if (!len)
		return uvdk_fail(-EINVAL, DMA_COMPONENT, "a buffer of length 0 was asked for");
	err = read_opts(opts, &o);
	if (err)
		return err;
	err = dma_memory_get(len, uvdk_ioas_page_size(ioas), o.source, o.numa_node, &memory);
	if (err)
		return err;

	iova = o.iova;
	err = uvdk_ioas_map(ioas, memory.va, memory.len, o.flags, &iova);
	if (err) {
		dma_memory_put(&memory);
		return err;
	}
	*out = (struct uvdk_dma_buf){.ioas = ioas,
				     .va = memory.va,
				     .iova = iova,
				     .len = memory.len,
				     .page_size = memory.page_size,
				     .memfd = memory.memfd};
	count(ioas, 1, memory.len);

	return 0;
}

UVDK_EXPORT void uvdk_dma_free(struct uvdk_dma_buf *buf)
{
	struct dma_memory memory;
	int err;

	if (!buf || !buf->ioas)
		return;

	memory = (struct dma_memory){buf->va, buf->len, buf->page_size, buf->memfd};
	/* Memory that a device may still reach is better lost than reused. */
	err = uvdk_ioas_unmap(buf->ioas, buf->iova, buf->len);
	if (err && err != -ENOENT) {
		uvdk_log(UVDK_LOG_ERR, DMA_COMPONENT,
			 "%zu bytes at %p could not be unmapped and are not given back", buf->len,
			 buf->va);
	} else {
		dma_memory_put(&memory);
		count(buf->ioas, -1, buf->len);
	}
	memset(buf, 0, sizeof(*buf));
}
