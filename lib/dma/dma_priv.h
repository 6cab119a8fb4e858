/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_PRIV_H
#define DMA_PRIV_H

#include <uvdk_base_driver.h>
#include <uvdk_dma.h>

#define DMA_COMPONENT "dma"

/**
 * struct dma_memory - memory that is not mapped for DMA yet
 * @va: start, page aligned, zeroed and present
 * @len: bytes, whole pages
 * @page_size: of the pages
 * @memfd: descriptor or -1
 */
struct dma_memory {
	void *va;
	size_t len;
	size_t page_size;
	int memfd;
};

/**
 * dma_memory_get() - allocate
 * @len: bytes, not 0
 * @source: where from
 * @node: NUMA node or UVDK_DMA_ANY_NODE
 * @out: filled in
 *
 * Return: 0, -EINVAL or -ENOMEM with a sentence.
 */
int dma_memory_get(size_t len, enum uvdk_dma_source source, int node, struct dma_memory *out);

/**
 * dma_memory_put() - give back
 * @memory: from dma_memory_get()
 */
void dma_memory_put(const struct dma_memory *memory);

#endif /* DMA_PRIV_H */
